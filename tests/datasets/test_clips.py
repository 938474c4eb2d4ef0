"""Clips: within one sequence, nothing lost where nothing may be lost, the papers' numbers."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from datasets.clips import paper_clips, tiling_clips, training_clips
from studies.errors import InputError

LENGTHS = st.lists(st.integers(1, 60), min_size=1, max_size=6)
FRAMES = st.integers(1, 30)


def _sequence_of(lengths: list[int]) -> np.ndarray:
    return np.repeat(np.arange(len(lengths)), lengths)


@given(LENGTHS, FRAMES, st.integers(1, 30))
def test_training_clips_stay_within_a_sequence_and_are_consecutive(
    lengths: list[int], frames: int, stride: int
) -> None:
    clips = training_clips(lengths, frames, stride)
    owner = _sequence_of(lengths)[clips]
    assert (owner == owner[:, :1]).all()
    for clip, sequence in zip(clips, owner[:, 0], strict=True):
        if lengths[sequence] >= frames:
            assert (np.diff(clip) == 1).all()
    assert len(clips) == sum(max(0, n - frames) // stride + 1 for n in lengths)


@given(LENGTHS, FRAMES)
def test_tiling_covers_every_frame(lengths: list[int], frames: int) -> None:
    clips = tiling_clips(lengths, frames)
    assert np.unique(clips).tolist() == list(range(sum(lengths)))
    owner = _sequence_of(lengths)[clips]
    assert (owner == owner[:, :1]).all()
    assert len(clips) == sum(-(-n // frames) for n in lengths)


@given(st.integers(1, 30), st.integers(1, 30))
def test_a_short_sequence_is_stretched_evenly(n: int, longer: int) -> None:
    (clip,) = training_clips([n], n + longer, 1)
    counts = np.bincount(clip)
    assert len(counts) == n
    assert (np.diff(clip) >= 0).all()
    assert counts[1:-1].max(initial=1) - counts[1:-1].min(initial=counts[1:-1].max(initial=1)) <= 1


def test_the_papers_drop_the_tail() -> None:
    assert paper_clips([500, 243], 243)[:, [0, -1]].tolist() == [[0, 242], [243, 485], [500, 742]]
    assert tiling_clips([500], 243)[:, 0].tolist() == [0, 243, 257]
    assert training_clips([500], 243, 81)[:, 0].tolist() == [0, 81, 162, 243]


@pytest.mark.parametrize("arguments", [([10], 0, 1), ([10], 5, 0), ([0], 5, 1)])
def test_senseless_numbers_are_refused(arguments: tuple) -> None:
    with pytest.raises(InputError, match="must be at least 1"):
        training_clips(*arguments)
