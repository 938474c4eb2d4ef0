"""TCPFormer: learnt proxies of a pose sequence beside MotionAGFormer's frame (Liu et al., AAAI 2025)."""

import torch
from torch import Tensor, nn

from base.errors import InputError
from models.layout import Layout
from models.lifting.branches import RENAMED, RESHAPED, ScaledBlock, TwoBranches
from models.lifting.parts import MLP, Attention, Head, LiftingModel
from models.residual import Residual

PARTS = 3  # of time; there is a proxy for every third frame
SCALES = ("released", "trained")
SCALE = 1e-5
MEMORY = (  # of a memory block, ours -> theirs
    (r"^memories\.(\d+)\.local\.(\d)\.attention\.out\.", r"temporal_layers.\1.local_attention_list.\2.proj."),
    (r"^memories\.(\d+)\.local\.(\d)\.attention\.", r"temporal_layers.\1.local_attention_list.\2."),
    (r"^memories\.(\d+)\.local\.(\d)\.mlp\.", r"temporal_layers.\1.loacl_mlps.\2."),
    (r"^memories\.(\d+)\.local\.(\d)\.norm1\.", r"temporal_layers.\1.local_norms.\2."),
    (r"^memories\.(\d+)\.local\.0\.norm2\.", r"temporal_layers.\1.local_norms.3."),
    (r"^memories\.(\d+)\.local\.1\.norm2\.", r"temporal_layers.\1.local_norms.4."),
    (r"^memories\.(\d+)\.local\.2\.norm2\.", r"temporal_layers.\1.local_norms.5."),
    (r"^memories\.(\d+)\.", r"temporal_layers.\1.cross_temporal."),
    (r"\.itself\.scale1$", ".layer_scale_7"),
    (r"\.itself\.scale2$", ".layer_scale_8"),
    (r"\.itself\.norm1\.", ".norm_sa_self."),
    (r"\.itself\.norm2\.", ".norm_mlp_self."),
    (r"\.itself\.mixer\.out\.", ".map_sa_self.proj."),
    (r"\.itself\.mixer\.", ".map_sa_self."),
    (r"\.itself\.mlp\.", ".mlp_sa_self."),
    (r"\.mapped\.norm\.", ".norm_sa_1."),
    (r"\.mapped\.out\.", ".map_sum.proj."),
    (r"\.mapped\.qkv\.", ".map_sum.qkv."),
    (r"\.mapped\.share$", ".att_weight"),
    (r"\.proxies_ask\.(.)\.", r".center_full.w\1."),
    (r"\.frames_ask\.(.)\.", r".full_center.w\1."),
    (r"\.proxies_ask\.out\.", ".center_full.proj."),
    (r"\.frames_ask\.out\.", ".full_center.proj."),
)


class TCPFormer(LiftingModel):
    """Keypoints (B, T, J, 3), the third channel the confidence, to 3D joints (B, T, J, 3), T exactly `frames`.

    scales : of the blocks on each third of time. The released code keeps them in a plain list, so that they are neither
        trained nor saved and stay at 1e-5: "released". "trained" makes them weights like all others.

    Raises InputError where T is no multiple of 3 or `heads` do not divide the width. Source: the released
    `model/Model.py`.
    """

    length = "exactly"
    layout = Layout(
        ("model",),
        (
            (r"^proxies$", "center_pose"),
            (r"^proxy_table$", "center_pos_embed"),
            *MEMORY,
            *RENAMED,
        ),
        (*RESHAPED, (r"^proxy_table$", Layout.one_axis_more)),
        {"center_pose": 0},
        PARTS,
    )

    def __init__(
        self,
        frames: int,
        width: int,
        depth: int,
        heads: int = 8,
        drop_path: float = 0.0,
        scales: str = "released",
        in_channels: int = 3,
        joints: int = 17,
        mlp_ratio: int = 4,
    ) -> None:
        super().__init__(frames, joints, in_channels)
        if frames % PARTS:
            raise InputError(
                f"TCPFormer cuts time into {PARTS} equal parts: frames={frames} must be a multiple of that"
            )
        if scales not in SCALES:
            raise InputError(f"unknown scales {scales!r}: choose {' or '.join(SCALES)}")
        self.embedding = nn.Linear(in_channels, width)
        self.joint_table = nn.Parameter(torch.zeros(joints, width))
        self.proxies = nn.Parameter(torch.randn(frames // PARTS, joints, width))
        self.proxy_table = nn.Parameter(torch.zeros(joints, width))
        self.layers = nn.ModuleList(_branches(width, heads, mlp_ratio, drop_path) for _ in range(depth))
        self.memories = nn.ModuleList(
            Memory(width, heads, mlp_ratio, drop_path, scales == "trained") for _ in range(depth)
        )
        self.head = Head(width, eps=1e-5)

    def forward(self, keypoints: Tensor) -> Tensor:
        """(B, T, J, in_channels) -> (B, T, J, 3)."""
        self.check(keypoints)
        x = self.embedding(keypoints) + self.joint_table  # (B, T, J, width)
        proxies = (self.proxies + self.proxy_table).expand(len(x), -1, -1, -1)  # (B, T / 3, J, width)
        for layer, memory in zip(self.layers, self.memories, strict=True):
            x, proxies = memory(layer(x), proxies)
        return self.head(x)


def _branches(width: int, heads: int, mlp_ratio: int, drop_path: float) -> TwoBranches:
    """Attention over joints, then frames, beside attention over frames, then joints (named a graph in the files)."""

    def block(over_frames: bool) -> ScaledBlock:
        return ScaledBlock(width, Attention(width, heads, over_frames, bias=False), mlp_ratio, drop_path)

    return TwoBranches(block(False), block(True), block(True), block(False), width)


class Memory(Residual):
    """Attention within each third of time; proxies and frames ask each other; what came of it guides attention."""

    def __init__(self, width: int, heads: int, mlp_ratio: int, drop_path: float, trained: bool) -> None:
        super().__init__(drop_path)
        self.local = nn.ModuleList(_Local(width, heads, mlp_ratio, drop_path, trained) for _ in range(PARTS))
        self.norm_center, self.norm_full = nn.LayerNorm(width), nn.LayerNorm(width)
        self.proxies_ask, self.frames_ask = _CrossAttention(width, heads), _CrossAttention(width, heads)
        self.norm_1, self.norm_2, self.norm_sa_2 = (nn.LayerNorm(width) for _ in range(3))
        self.mlp_1, self.mlp_2, self.mlp_sa = (MLP(width, mlp_ratio * width) for _ in range(3))
        self.itself = ScaledBlock(width, Attention(width, heads, over_frames=True, bias=False), mlp_ratio, drop_path)
        self.mapped = _MappedAttention(width, heads)
        for i in range(1, 7):
            setattr(self, f"layer_scale_{i}", nn.Parameter(torch.full((width,), SCALE)))

    def forward(self, x: Tensor, proxies: Tensor) -> tuple[Tensor, Tensor]:
        """Frames (B, T, J, width) and proxies (B, T / 3, J, width) -> the same."""
        x = torch.cat([part(y) for part, y in zip(self.local, x.chunk(PARTS, 1), strict=True)], 1)
        to_proxies, y = self.proxies_ask(self.norm_center(proxies), self.norm_full(x))
        proxies = proxies + self.drop(self.layer_scale_1 * y)
        proxies = proxies + self.drop(self.layer_scale_2 * self.mlp_1(self.norm_1(proxies)))
        to_frames, y = self.frames_ask(self.norm_full(x), self.norm_center(proxies))
        x = x + self.drop(self.layer_scale_3 * y)
        x = x + self.drop(self.layer_scale_4 * self.mlp_2(self.norm_2(x)))
        x = self.itself(x)
        x = x + self.drop(self.layer_scale_5 * self.mapped(x, to_frames @ to_proxies))
        x = x + self.drop(self.layer_scale_6 * self.mlp_sa(self.norm_sa_2(x)))
        return x, proxies


class _Local(Residual):
    """A block of attention along each joint within a third of time, its scales trained or not."""

    def __init__(self, width: int, heads: int, mlp_ratio: int, drop_path: float, trained: bool) -> None:
        super().__init__(drop_path)
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attention = Attention(width, heads, over_frames=True, bias=False)
        self.mlp = MLP(width, mlp_ratio * width)
        for name in ("scale1", "scale2"):
            if trained:
                setattr(self, name, nn.Parameter(torch.full((width,), SCALE)))
            else:
                self.register_buffer(name, torch.full((width,), SCALE), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """(B, T / 3, J, width) -> the same."""
        x = x + self.drop(self.scale1 * self.attention(self.norm1(x)))
        return x + self.drop(self.scale2 * self.mlp(self.norm2(x)))


class _CrossAttention(nn.Module):
    """Attention along each joint whose keys and values are another sequence; the weights come out as well."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.q, self.k, self.v = (nn.Linear(width, width, bias=False) for _ in range(3))
        self.out = nn.Linear(width, width)

    def forward(self, asking: Tensor, asked: Tensor) -> tuple[Tensor, Tensor]:
        """(B, S, J, width) and (B, T, J, width) -> weights (B, J, heads, S, T) and (B, S, J, width)."""
        q, k, v = (_heads(f(x), self.heads) for f, x in ((self.q, asking), (self.k, asked), (self.v, asked)))
        weights = _weights(q, k)
        return weights, self.out(_joined(weights @ v))


class _MappedAttention(nn.Module):
    """Attention along each joint, its weights averaged with a map that is given; how much of each is learnt."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm = nn.LayerNorm(width)
        self.qkv, self.out = nn.Linear(width, 3 * width, bias=False), nn.Linear(width, width)
        self.share = nn.Parameter(torch.rand(1))

    def forward(self, x: Tensor, given: Tensor) -> Tensor:
        """(B, T, J, width) and (B, J, heads, T, T) -> (B, T, J, width)."""
        q, k, v = (_heads(y, self.heads) for y in self.qkv(self.norm(x)).chunk(3, -1))
        share = self.share.sigmoid()
        return self.out(_joined((share * _weights(q, k) + (1 - share) * given) @ v))


def _heads(x: Tensor, heads: int) -> Tensor:
    """(B, T, J, width) -> (B, J, heads, T, width / heads)."""
    return x.unflatten(-1, (heads, -1)).permute(0, 2, 3, 1, 4)


def _joined(x: Tensor) -> Tensor:
    """(B, J, heads, T, d) -> (B, T, J, heads d)."""
    return x.permute(0, 3, 1, 2, 4).flatten(3)


def _weights(q: Tensor, k: Tensor) -> Tensor:
    return (q @ k.mT * q.shape[-1] ** -0.5).softmax(-1)
