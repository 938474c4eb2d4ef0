"""TDMI and TDMI-ST (Feng et al., CVPR 2023): differences of neighbours' features, told apart from noise, and the key's.

Their repository holds no code. This follows a public copy of the authors' model class; docs/peers.md says what is
inferred.
"""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from models.video.calibration import RELEASED, Calibration, FiveFrames, heatmap_head, released_chains, steered
from models.video.clips import ANSWER, HEATMAP
from models.video.hrnet import chain, hrnet_layout, start

STAGES = 4
GATE = 128  # channels between the layers of a gate
CHAINS = ("merged", "smoothed", "joined")


class Parts(NamedTuple):
    """What the network makes of a clip, each (B, width, h, w): training compares some of them.

    motion : of all stages; useful, noise : of it, each by a gate of its own; appearance : of the key frame and, in
    TDMI-ST, its neighbours; fused : what heatmaps are made of
    """

    motion: Tensor
    useful: Tensor
    noise: Tensor
    appearance: Tensor
    fused: Tensor


class TDMI(FiveFrames):
    """Clips (B, 5, 3, H, W) to the heatmaps (B, J, H/4, W/4) of their middle frame.

    support : whether neighbours' appearance is calibrated, too (TDMI-ST); otherwise the key frame's stands for it

    The maps of stages 1 to 4 are those after HRNet's transition 1 and stages 2, 3 and 4 (inferred). Raises InputError
    as HRNetModel. Source: docs/peers.md.
    """

    learns = (
        *(HEATMAP, "useful-noise", "motion-useful", "useful-appearance", "useful-fused", "appearance-fused"),
        *("useful-answer", "appearance-answer"),
    )
    layouts = (
        hrnet_layout(
            "hrnet.",
            *RELEASED,
            released_chains(*(rf"{name}\.\d" for name in CHAINS), "fusion"),
            (r"^calibration\.merged\.", "sup_agg."),
            (r"^calibration\.fused\.", "all_agg_block."),
            (r"^merged\.(\d)\.", lambda m: f"motion_fusion_s{int(m[1]) + 1}."),
            (r"^smoothed\.(\d)\.", lambda m: f"motion_smooth_s{int(m[1]) + 2}."),
            (r"^joined\.(\d)\.", lambda m: f"m_a_agg_s{int(m[1]) + 1}."),
            (r"^moved\.(\d)\.offsets\.", lambda m: f"m_a_dcn_offset_s{int(m[1]) + 1}.conv."),
            (r"^moved\.(\d)\.masks\.", lambda m: f"m_a_dcn_mask_s{int(m[1]) + 1}.conv."),
            (r"^moved\.(\d)\.deform\.", lambda m: f"m_a_dcn_s{int(m[1]) + 1}."),
            (r"^useful\.", "use_motion_structure."),
            (r"^noise\.", "noisy_motion_structure."),
            (r"^fusion\.", "multimodal_fusion.0."),
            (r"^head\.", "heatmap_head."),
            (r"^unused_head\.", "motion_heatmap_head."),
        ),
    )

    def __init__(
        self,
        frames: int = 5,
        encoder: str = "hrnet-w48",
        joints: int = 17,
        support: bool = True,
        freeze_encoder: bool = True,
        encoder_norms: str = "train",
        image_height: int = 384,
        image_width: int = 288,
    ) -> None:
        super().__init__(frames, joints, encoder, image_height, image_width, freeze_encoder, encoder_norms)
        width = self.encoder.width
        self.merged = nn.ModuleList(chain(4 * width, width, 2) for _ in range(STAGES))
        self.joined = nn.ModuleList(chain(2 * width, width, 1) for _ in range(STAGES))
        self.moved = nn.ModuleList(steered(width, 1) for _ in range(STAGES))
        self.smoothed = nn.ModuleList(chain(width, width, 1) for _ in range(STAGES - 1))
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.useful, self.noise = _gate(width), _gate(width)
        self.calibration = Calibration(width) if support else None
        self.fusion = chain(2 * width, width, 3)
        self.head = heatmap_head(width, joints)
        self.unused_head = heatmap_head(width, joints)  # in the released class, and never called there
        start(self)

    def features(self, images: Tensor) -> Tensor:
        """Maps (N, 4 width, H/4, W/4) of HRNet's finest branch, all four stages side by side."""
        return torch.cat(self.encoder(images)[1], 1)

    def decode(self, features: Tensor) -> Tensor:
        """Heatmaps (B, J, H/4, W/4) of the middle one of each frame's maps (B, 5, 4 width, H/4, W/4)."""
        return self.head(self.parts(features).fused)

    def compared(self, features: Tensor) -> dict[str, Tensor]:
        """Besides the heatmaps the `Parts`."""
        parts = self.parts(features)
        return {ANSWER: self.head(parts.fused), **parts._asdict()}

    def parts(self, features: Tensor) -> Parts:
        """Parts of encoded clips (B, 5, 4 width, H/4, W/4)."""
        stages = features.chunk(STAGES, 2)
        key, others = self.parted(stages[-1])
        motion = self._motion(stages, key)
        weights = self.pool(motion).flatten(1)  # (B, width)
        useful, noise = (gate(weights)[:, :, None, None] * motion for gate in (self.useful, self.noise))
        appearance = key if self.calibration is None else self.calibration(key, others)
        return Parts(motion, useful, noise, appearance, self.fusion(torch.cat([useful, appearance], 1)))

    def _motion(self, stages: tuple[Tensor, ...], key: Tensor) -> Tensor:
        """What changes from frame to frame, gathered over the stages: (B, width, h, w)."""
        motion = None
        for s, maps in enumerate(stages):
            changes = self.merged[s]((maps[:, 1:] - maps[:, :-1]).flatten(1, 2))
            own = self.moved[s](changes, self.joined[s](torch.cat([key, changes], 1)))
            motion = own if motion is None else self.smoothed[s - 1](motion + own)
        return motion


def _gate(width: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(width, GATE), nn.ReLU(), nn.Linear(GATE, width), nn.Sigmoid())
