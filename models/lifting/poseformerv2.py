"""PoseFormerV2: the middle frames and the lowest frequencies of a long sequence (Zhao et al., CVPR 2023)."""

import math

import torch
from torch import Tensor, nn

from base.errors import InputError
from models.contract import ONE_BY_ONE
from models.layout import CAMERA, Layout
from models.lifting.parts import MLP, Attention, Block, LiftingModel
from models.residual import Residual, rising

HEADS = 8


class PoseFormerV2(LiftingModel):
    """2D keypoints (B, T, J, in_channels) to the middle frame's 3D joints (B, 1, J, 3), T exactly `frames`.

    central : frames around the middle one that are read as they are
    coefficients : of the cosine transform over all frames, the lowest
    width : of a joint; of a token J times that

    T is not baked into the weights, `central` and `coefficients` are. Raises InputError where these are more than T,
    where T or `central` is even, and where 8 heads do not divide the widths. Source: the released
    `common/model_poseformer.py`.
    """

    length = "exactly"
    emits = "centre"
    released = ONE_BY_ONE
    layout = Layout(
        ("model_pos",),
        (
            (r"^embedding\.", "Joint_embedding."),
            (r"^frequency_embedding\.", "Freq_embedding."),
            (r"^joint_table$", "Spatial_pos_embed"),
            (r"^time_table$", "Temporal_pos_embed"),
            (r"^frequency_table$", "Temporal_pos_embed_"),
            (r"^space_blocks\.", "Spatial_blocks."),
            (r"^space_norm\.", "Spatial_norm."),
            (r"^token_norm\.", "Temporal_norm."),
            (r"^mean_frequency\.", "weighted_mean."),
            (r"^mean_time\.", "weighted_mean_."),
            (r"\.mixer\.out\.", ".attn.proj."),
            (r"\.mixer\.", ".attn."),
        ),
        ((r"_table$", Layout.one_axis_more),),
        space=CAMERA,
    )

    def __init__(
        self,
        frames: int,
        central: int,
        coefficients: int,
        width: int,
        depth: int,
        drop_path: float = 0.2,
        in_channels: int = 2,
        joints: int = 17,
        mlp_ratio: int = 2,
    ) -> None:
        super().__init__(frames, joints, in_channels)
        if max(central, coefficients) > frames:
            raise InputError(f"central={central} and coefficients={coefficients} must be at most frames={frames}")
        if frames % 2 == 0 or central % 2 == 0:
            raise InputError(f"frames={frames} and central={central} must be odd: they have a middle one in common")
        self.central, self.coefficients, token = central, coefficients, joints * width
        self.embedding = nn.Linear(in_channels, width)
        self.frequency_embedding = nn.Linear(joints * in_channels, token)
        self.joint_table = nn.Parameter(torch.zeros(joints, width))
        self.time_table = nn.Parameter(torch.zeros(central, token))
        self.frequency_table = nn.Parameter(torch.zeros(coefficients, token))
        rates = rising(drop_path, depth)
        self.space_blocks = nn.ModuleList(Block(width, Attention(width, HEADS), mlp_ratio, p) for p in rates)
        self.blocks = nn.ModuleList(MixedBlock(token, mlp_ratio, p) for p in rates)
        self.space_norm, self.token_norm = nn.LayerNorm(width, eps=1e-6), nn.LayerNorm(token, eps=1e-6)
        self.mean_frequency, self.mean_time = nn.Conv1d(coefficients, 1, 1), nn.Conv1d(central, 1, 1)
        self.head = nn.Sequential(nn.LayerNorm(2 * token), nn.Linear(2 * token, 3 * joints))

    def forward(self, keypoints: Tensor) -> Tensor:
        """(B, T, J, in_channels) -> (B, 1, J, 3)."""
        self.check(keypoints)
        x = torch.cat((self._frequencies(keypoints), self._middle(keypoints)), 1)  # (B, tokens, J width)
        for block in self.blocks:
            x = block(x)
        low, middle = self.token_norm(x).split((self.coefficients, self.central), 1)
        means = torch.cat((self.mean_frequency(low), self.mean_time(middle)), -1)  # (B, 1, 2 J width)
        return self.head(means).unflatten(-1, (self.joints, 3))

    def _middle(self, keypoints: Tensor) -> Tensor:
        """Tokens (B, central, J width) of the frames around the middle one."""
        first = (self.frames - 1) // 2 - self.central // 2
        x = self.embedding(keypoints[:, first : first + self.central]) + self.joint_table
        for block in self.space_blocks:
            x = block(x)  # (B, central, J, width)
        return self.space_norm(x).flatten(2) + self.time_table

    def _frequencies(self, keypoints: Tensor) -> Tensor:
        """Tokens (B, coefficients, J width) of the lowest frequencies of the whole sequence."""
        low = cosine_transform(keypoints.flatten(2))[:, : self.coefficients]
        return self.frequency_embedding(low) + self.frequency_table


class MixedBlock(Residual):
    """Attention over all tokens; then an MLP on the first half of them, one between two cosine transforms on the rest.

    As released, the halves go by number: where there are more tokens of one kind, a half has both kinds in it.
    """

    def __init__(self, width: int, mlp_ratio: int, drop_path: float) -> None:
        super().__init__(drop_path)
        self.norm1, self.mixer = nn.LayerNorm(width, eps=1e-6), Attention(width, HEADS)
        self.norm2, self.mlp1 = nn.LayerNorm(width, eps=1e-6), MLP(width, mlp_ratio * width)
        self.norm3, self.mlp2 = nn.LayerNorm(width, eps=1e-6), MLP(width, mlp_ratio * width)

    def forward(self, x: Tensor) -> Tensor:
        """(B, tokens, width) -> (B, tokens, width)."""
        x = x + self.drop(self.mixer(self.norm1(x)))
        first, rest = x.tensor_split([x.shape[1] // 2], 1)
        changed = inverse_cosine_transform(self.mlp2(cosine_transform(self.norm3(rest))))
        changes = torch.cat((self.mlp1(self.norm2(first)), changed), 1)
        return x + self.drop(changes)


def cosine_transform(x: Tensor) -> Tensor:
    """X_k = 2 sum_t x_t cos(pi (2 t + 1) k / 2 T) over the T rows of (B, T, C), by a Fourier transform."""
    T = x.shape[1]
    folded = torch.cat((x[:, ::2], x[:, 1::2].flip(1)), 1)
    return 2 * (torch.fft.fft(folded, dim=1) * _turn(x, T, -1)).real


def inverse_cosine_transform(X: Tensor) -> Tensor:
    """x of X = cosine_transform(x), rows (B, T, C)."""
    T = X.shape[1]
    mirrored = torch.cat((torch.zeros_like(X[:, :1]), X.flip(1)[:, :-1]), 1)
    folded = torch.fft.ifft(torch.complex(X, -mirrored) * _turn(X, T, 1), dim=1).real / 2
    even = (T + 1) // 2
    unfolded = torch.empty_like(X)
    unfolded[:, ::2], unfolded[:, 1::2] = folded[:, :even], folded[:, even:].flip(1)
    return unfolded


def _turn(x: Tensor, T: int, sign: int) -> Tensor:
    """exp(sign i pi k / 2 T), (T, 1)."""
    angle = torch.arange(T, device=x.device, dtype=x.dtype)[:, None] * (sign * math.pi / (2 * T))
    return torch.complex(angle.cos(), angle.sin())
