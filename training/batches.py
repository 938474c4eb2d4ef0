"""Training clips in memory, and the batches of each epoch.

What a batch holds depends on seed and step alone, not on a generator's past: a resumed run needs no random state.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import torch
from torch import Tensor

from base.errors import InputError
from datasets.lifting import Split
from datasets.normalise import normalise_keypoints, normalise_labels
from datasets.skeletons import FLIP_ORDER


@dataclass(frozen=True)
class ClipSet:
    """Normalised frames of one or several splits, and the clips over them.

    inputs (N, J, C) keypoints, C = 2 (x, y) or 3 (with confidence); labels (N, J, 3) root-relative poses;
    clips (M, T) row indices; flip_order: what exchanges left and right.
    """

    inputs: Tensor
    labels: Tensor
    clips: Tensor
    flip_order: tuple[int, ...] = FLIP_ORDER

    @classmethod
    def of(cls, splits: Sequence[Split], frames: int, stride: Fraction, in_channels: int) -> "ClipSet":
        """Clips of `frames` frames whose starts lie `stride` clip lengths apart (spec: T/3 in training)."""
        first = np.cumsum([0, *(len(split.frames) for split in splits)])
        clips = np.concatenate([a + s.training_clips(frames, stride) for a, s in zip(first[:-1], splits, strict=True)])
        if not len(clips):
            raise InputError(f"no training clip of {frames} frames in the data: choose fewer frames")
        inputs = torch.cat([model_inputs(split, in_channels) for split in splits])
        labels = torch.cat([model_labels(split) for split in splits])
        return cls(inputs, labels, torch.from_numpy(clips), splits[0].skeleton.flip_order)

    def epoch(self, batch: int, steps: int | None, seed: int, epoch: int) -> Iterator[Tensor]:
        """Clip indices (batch, T) of each step, as `shuffled`."""
        yield from (self.clips[rows] for rows in shuffled(len(self.clips), batch, steps, seed, epoch))

    def batch(
        self, rows: Tensor, flip: float, generator: torch.Generator, part: slice = slice(None)
    ) -> tuple[Tensor, Tensor]:
        """Inputs (B, T, J, C) and labels (B, T, J, 3) of a batch, each clip mirrored with probability `flip`.

        part : the rows that are wanted; the random numbers are those of the whole batch
        """
        inputs, labels = self.inputs[rows[part]], self.labels[rows[part]]
        mirrored = (torch.rand(len(rows), generator=generator) < flip)[part, None, None, None]
        turned = mirror(inputs, self.flip_order), mirror(labels, self.flip_order)
        return torch.where(mirrored, turned[0], inputs), torch.where(mirrored, turned[1], labels)


def shuffled(count: int, batch: int, steps: int | None, seed: int, epoch: int) -> Iterator[Tensor]:
    """Numbers below `count` in batches: shuffled, the last partial batch kept; `steps` caps or wraps around.

    With `steps`, an epoch is that many batches, going through the shuffled numbers again where they do not suffice.
    """
    order = torch.randperm(count, generator=torch.Generator().manual_seed(_mix(seed, epoch)))
    if steps is None:
        yield from order.split(batch)
        return
    order = order.repeat(-(-steps * batch // len(order)))[: steps * batch]
    yield from order.view(steps, batch)


def model_inputs(split: Split, in_channels: int) -> Tensor:
    """Normalised keypoints (N, J, in_channels) float32: x, y and, as a third channel, the confidence."""
    keypoints = normalise_keypoints(np.asarray(split.keypoints), split.width, split.height)
    return torch.from_numpy(np.ascontiguousarray(keypoints[..., :in_channels]))


def model_labels(split: Split) -> Tensor:
    """Root-relative poses (N, J, 3) float32 in normalised image units."""
    arrays = np.asarray(split.joints), np.asarray(split.factor)
    return torch.from_numpy(normalise_labels(*arrays, split.width, split.height, split.skeleton.root))


def mirror(poses: Tensor, flip_order: tuple[int, ...] = FLIP_ORDER) -> Tensor:
    """Mirror image of poses (..., J, C): x negated, left and right joints exchanged. Its own inverse."""
    mirrored = poses[..., flip_order, :].clone()
    mirrored[..., 0] *= -1
    return mirrored


def step_generator(seed: int, step: int) -> torch.Generator:
    """Random numbers of one training step."""
    return torch.Generator().manual_seed(_mix(seed, step, 1))


def seed_step(seed: int, step: int, process: int = 0) -> None:
    """Seed the global generator (DropPath, dropout draw from it) for one training step, of one of several processes."""
    torch.manual_seed(_mix(seed, step, 2, *([process] if process else [])))


def _mix(*numbers: int) -> int:
    """A seed that differs for every tuple of numbers."""
    return int(np.random.SeedSequence(numbers).generate_state(1, np.uint64)[0] >> np.uint64(1))
