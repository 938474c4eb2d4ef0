import numpy as np
import pytest

from base.errors import InputError
from metrics.lifting import average_windows, mpjpe


def test_overlaps_are_averaged_and_repeats_count_once_with_their_last_value():
    outputs = np.arange(6, dtype=np.float32).reshape(2, 3, 1, 1) * np.ones((2, 3, 17, 3), np.float32)
    indices = np.array([[0, 1, 1], [1, 2, 3]])  # clip values 0, 1, 2 and 3, 4, 5
    frames = average_windows(outputs, indices, 5)
    assert frames.shape == (5, 17, 3)
    assert frames[:4, 0, 0].tolist() == [0, (2 + 3) / 2, 4, 5]
    assert np.isnan(frames[4]).all()
    with pytest.raises(InputError, match="NaN"):  # an uncovered frame cannot slip into a score
        mpjpe(frames, np.zeros_like(frames))


def test_clips_cut_from_a_sequence_give_it_back():
    sequence = np.random.default_rng(0).normal(size=(20, 17, 3))
    indices = np.array([np.arange(start, start + 8) for start in (0, 4, 8, 12)])
    np.testing.assert_allclose(average_windows(sequence[indices], indices, 20), sequence)


@pytest.mark.parametrize("indices", [np.array([[0, 5]]), np.array([[-1, 0]]), np.array([[0, 1, 2]])])
def test_bad_indices_are_refused(indices):
    with pytest.raises(InputError):
        average_windows(np.zeros((1, 2, 17, 3)), indices, 5)
