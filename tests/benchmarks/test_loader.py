"""Does training wait for its data? A batch of clips beside the training step that it is for."""

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import torch

import models
from datasets.lifting import load
from datasets.motion.prepare import prepare
from training.batches import ClipSet, step_generator
from training.losses import weighted_loss

CLIPS = 4  # of a step, PoseMamba's
LOSS = {"mpjpe": 1.0, "n_mpjpe": 0.5, "velocity": 20.0, "temporal_consistency": 0.5}


def test_a_batch_beside_its_step(compare: Callable, full: bool, tmp_path: Path) -> None:
    prepare("synthetic-gt", tmp_path / "data")
    model = models.build("posemamba-s") if full else models.build("posemamba-s", frames=27, depth=1)
    clips = ClipSet.of([load(tmp_path / "data/train")], model.frames, Fraction(1, 3), model.in_channels)
    rows = clips.clips[torch.arange(CLIPS) % len(clips.clips)]
    batch = clips.batch(rows, 0.5, step_generator(0, 0))

    def step() -> torch.Tensor:
        inputs, labels = batch
        model.zero_grad()
        loss, _ = weighted_loss(model(inputs), labels, LOSS)
        loss.backward()
        return loss.detach()

    calls = {"a batch": lambda: clips.batch(rows, 0.5, step_generator(0, 0)), "a training step": step}
    results = compare(
        f"PoseMamba-S's training, {CLIPS} clips, T={model.frames}, one thread", calls, rounds=50, every=10
    )
    assert all(torch.equal(a, b) for a, b in zip(results["a batch"], batch, strict=True))
    assert results["a training step"].isfinite()
