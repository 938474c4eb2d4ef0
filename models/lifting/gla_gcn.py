"""GLA-GCN: adaptive graph convolutions over joints, strided ones over time (Yu et al., ICCV 2023)."""

from torch import Tensor, nn

from base.errors import InputError
from models.contract import ONE_BY_ONE
from models.layout import CAMERA, Layout
from models.lifting.graphs import AdaptiveGraphConv, directed_adjacency
from models.lifting.parts import LiftingModel

TAPS = 9  # of a convolution over time
STRIDE = 3


class GLAGCN(LiftingModel):
    """2D keypoints (B, T, J, in_channels) to the middle frame's 3D joints (B, 1, J, 3), T = `frames`, a power of 3.

    T decides how many strided units there are, and nothing else.
    Raises InputError for other lengths and for other joints than Human3.6M's 17.
    Source: the released `common/s_agcn.py`; the graph is that of the code since March 2022, when its list of bones was
    counted from 1 and its weights were uploaded anew. Weights from before have every bone moved by one joint.
    """

    human36m = True
    length = "exactly"
    emits = "centre"
    released = ONE_BY_ONE
    layout = Layout(
        ("model_pos",),
        (
            (r"^norm\.", "data_bn."),
            (r"^first\.", "expand_gcn."),
            (r"^units\.", "layers_tcngcn."),
            (r"\.graph\.", ".gcn1."),
            (r"\.time\.", ".tcn1."),
            (r"^head\.", "fc."),
        ),
        space=CAMERA,
    )

    def __init__(
        self,
        frames: int,
        width: int,
        dropout: float = 0.25,
        in_channels: int = 2,
        joints: int = 17,
    ) -> None:
        super().__init__(frames, joints, in_channels)
        self.dropout = nn.Dropout(dropout)
        graph = directed_adjacency(root_edge=False)
        self.norm = nn.BatchNorm1d(joints * in_channels)
        self.first = Unit(in_channels, width, graph)
        units = [(Unit(width, width, graph), Unit(width, width, graph, STRIDE)) for _ in range(_levels(frames))]
        self.units = nn.ModuleList(unit for pair in units for unit in pair)
        self.head = nn.Conv1d(width, 3, 1)

    def forward(self, keypoints: Tensor) -> Tensor:
        """(B, T, J, in_channels) -> (B, 1, J, 3)."""
        self.check(keypoints)
        x = self.norm(keypoints.flatten(2).mT)  # (B, J C, T): joint by joint
        x = self.first(x.unflatten(1, (self.joints, -1)).permute(0, 2, 3, 1))  # (B, width, T, J)
        for whole, strided in zip(self.units[::2], self.units[1::2], strict=True):
            middle = x[:, :, STRIDE // 2 :: STRIDE]
            x = middle + self.dropout(strided(self.dropout(whole(x))))
        return self.head(x.mean(2)).mT[:, None]


def _levels(frames: int) -> int:
    """Strided units that leave one of so many frames."""
    levels, left = 0, frames
    while left % STRIDE == 0:
        levels, left = levels + 1, left // STRIDE
    if left != 1:
        raise InputError(f"GLAGCN takes clips of 3, 9, 27, 81, 243, ... frames, not of {frames}")
    return levels


class Unit(nn.Module):
    """Graph convolution over joints, then one over time; with a stride there is no residual around them."""

    def __init__(self, inputs: int, outputs: int, graph: Tensor, stride: int = 1) -> None:
        super().__init__()
        self.graph = AdaptiveGraphConv(inputs, outputs, graph, dropout=0.1)
        self.time = _TimeConv(outputs, outputs, TAPS, stride)
        self.stride = stride
        self.residual = _TimeConv(inputs, outputs, 1) if inputs != outputs else nn.Sequential()

    def forward(self, x: Tensor) -> Tensor:
        """(B, inputs, T, J) -> (B, outputs, T / stride, J)."""
        y = self.time(self.graph(x))
        return (y if self.stride > 1 else y + self.residual(x)).relu()


class _TimeConv(nn.Module):
    """Convolution over time and batch normalisation of (B, inputs, T, J)."""

    def __init__(self, inputs: int, outputs: int, taps: int, stride: int = 1) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, (taps, 1), (stride, 1), (taps // 2, 0))
        self.bn = nn.BatchNorm2d(outputs)

    def forward(self, x: Tensor) -> Tensor:
        return self.bn(self.conv(x))
