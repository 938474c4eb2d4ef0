"""Two yardsticks: the mean pose, which ignores its input, and a residual network that sees one frame at a time."""

import torch
from torch import Tensor, nn

from models.lifting.parts import LiftingModel


class MeanPose(LiftingModel):
    """Predicts the mean training pose for every frame; `fit` sets it. Clips (B, T, J, C) -> (B, T, J, 3), any T."""

    length = "any"

    def __init__(self, frames: int = 1, in_channels: int = 2, joints: int = 17) -> None:
        super().__init__(frames, joints, in_channels)
        self.register_buffer("pose", torch.zeros(joints, 3))

    def fit(self, labels: Tensor) -> None:
        """Set the pose to the mean of labels (N, J, 3)."""
        self.pose.copy_(labels.mean(0, dtype=torch.float64))

    def forward(self, keypoints: Tensor) -> Tensor:
        """(B, T, J, C) -> (B, T, J, 3)."""
        self.check(keypoints)
        return self.pose.expand(*keypoints.shape[:2], -1, -1)


class ResidualMLP(LiftingModel):
    """One-frame lifting by a residual network (Martinez et al., "A simple yet effective baseline", ICCV 2017).

    Clips (B, T, J, C) -> (B, T, J, 3) for any T: each frame is lifted on its own.
    """

    length = "any"

    def __init__(
        self,
        frames: int = 1,
        width: int = 1024,
        depth: int = 2,
        dropout: float = 0.25,
        in_channels: int = 2,
        joints: int = 17,
    ) -> None:
        super().__init__(frames, joints, in_channels)
        self.first = _layer(joints * in_channels, width, dropout)
        self.blocks = nn.ModuleList(
            nn.Sequential(_layer(width, width, dropout), _layer(width, width, dropout)) for _ in range(depth)
        )
        self.last = nn.Linear(width, joints * 3)

    def forward(self, keypoints: Tensor) -> Tensor:
        """(B, T, J, C) -> (B, T, J, 3)."""
        self.check(keypoints)
        x = self.first(keypoints.reshape(-1, self.joints * self.in_channels))  # (B T, width)
        for block in self.blocks:
            x = x + block(x)
        return self.last(x).view(*keypoints.shape[:2], self.joints, 3)


def _layer(inputs: int, outputs: int, dropout: float) -> nn.Sequential:
    return nn.Sequential(nn.Linear(inputs, outputs), nn.BatchNorm1d(outputs), nn.ReLU(), nn.Dropout(dropout))
