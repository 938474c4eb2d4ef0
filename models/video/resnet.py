"""ResNet (He et al., CVPR 2016) in torchvision's layout, which encodes frames for networks that regress coordinates."""

from torch import Tensor, nn
from torch.nn import functional as F

from base.errors import InputError
from base.reading import nearest
from models.video.hrnet import BOTTLENECK, Bottleneck

# Width of the first stage, and bottlenecks of the four.
SIZES = {"resnet-50": (64, (3, 4, 6, 3)), "resnet-tiny": (4, (1, 1, 1, 1))}  # the latter is ours


class ResNet(nn.Module):
    """Images (N, 3, H, W) to maps (N, width, H/32, W/32); size : one of SIZES.

    Raises InputError for an unknown size.
    """

    def __init__(self, size: str) -> None:
        super().__init__()
        if size not in SIZES:
            raise InputError(f"unknown encoder {size!r}{nearest(size, SIZES)}: choose {', '.join(SIZES)}")
        first, depths = SIZES[size]
        self.conv1, self.bn1 = nn.Conv2d(3, first, 7, 2, 3, bias=False), nn.BatchNorm2d(first)
        self.width = first
        for stage, depth in enumerate(depths):
            stride = 2 if stage else 1
            blocks = [self._block(first * 2**stage, stride if i == 0 else 1) for i in range(depth)]
            setattr(self, f"layer{stage + 1}", nn.Sequential(*blocks))

    def _block(self, width: int, stride: int) -> Bottleneck:
        block = Bottleneck(self.width, width, stride)
        self.width = BOTTLENECK * width
        return block

    def forward(self, images: Tensor) -> Tensor:
        """(N, 3, H, W) -> (N, width, H/32, W/32)."""
        x = F.max_pool2d(F.relu(self.bn1(self.conv1(images))), 3, 2, 1)
        return self.layer4(self.layer3(self.layer2(self.layer1(x))))
