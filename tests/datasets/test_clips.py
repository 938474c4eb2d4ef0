"""Clips: within one sequence, nothing lost where nothing may be lost, the papers' numbers."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from base.errors import InputError
from datasets.clips import centred_windows, paper_clips, tailed_clips, tiling_clips, training_clips

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


MPI_INF_3DHP = [6416, 12430, 6502, 6081, 12488, 12283, 6171, 6675, 12820, 12312, 6188, 6145, 6239, 6320, 6468, 6054]


@pytest.mark.parametrize("frames", [9, 27, 81])
def test_clips_of_mpi_inf_3dhp_are_as_many_as_the_released_loader_makes(frames: int) -> None:
    """One a start, whatever its length: sum of ceil(n / 9) over 8 cameras. A third party's logs say 117,024 too."""
    assert 8 * len(tailed_clips(MPI_INF_3DHP, frames, 9)) == 117_024


@pytest.mark.parametrize(("frames", "short"), [(9, 1), (27, 3), (81, 7)])
def test_every_short_tail_is_stretched_to_a_clip(frames: int, short: int) -> None:
    clips = tailed_clips([61], frames, 9)
    assert clips[:, 0].tolist() == [0, 9, 18, 27, 36, 45, 54]
    assert (clips[: 7 - short] == np.arange(0, 63 - 9 * short, 9)[:, None] + np.arange(frames)).all()
    for clip in clips[7 - short :]:
        left = 61 - clip[0]
        assert (clip - clip[0]).tolist() == np.floor(np.linspace(0, left, frames, endpoint=False)).tolist()


@given(
    lengths=st.lists(st.integers(1, 60), min_size=1, max_size=4), frames=st.integers(1, 20), every=st.integers(1, 12)
)
def test_tailed_clips_stay_in_their_sequence_and_start_everywhere(lengths: list[int], frames: int, every: int) -> None:
    clips = tailed_clips(lengths, frames, every)
    owner = _sequence_of(lengths)[clips]
    assert (owner == owner[:, :1]).all()
    assert (np.diff(clips, axis=1) >= 0).all()
    firsts = np.cumsum([0, *lengths[:-1]])
    wanted = [first + start for first, n in zip(firsts, lengths, strict=True) for start in range(0, n, every)]
    assert clips[:, 0].tolist() == wanted


@given(data=st.data(), lengths=st.lists(st.integers(1, 30), min_size=1, max_size=4), frames=st.integers(1, 15))
def test_windows_are_centred_and_repeat_the_ends(data: st.DataObject, lengths: list[int], frames: int) -> None:
    total, ends = sum(lengths), np.cumsum(lengths)
    rows = np.array(data.draw(st.lists(st.integers(0, total - 1), min_size=1, max_size=5)))
    windows = centred_windows(lengths, frames, rows)
    assert (windows[:, frames // 2] == rows).all()
    for window, row in zip(windows, rows, strict=True):
        which = np.searchsorted(ends, row, side="right")
        wanted = row + np.arange(frames) - frames // 2
        assert (window == np.clip(wanted, ends[which] - lengths[which], ends[which] - 1)).all()
