"""What a source of motion may hand over, and what is refused in one line."""

from dataclasses import replace

import numpy as np
import pytest

from base.errors import InputError
from datasets.motion.synthetic import motion
from datasets.motion.takes import Motion, Take, check_motion

TAKE = motion("synthetic", None, 0).splits["val"][0]
OTHERS = {"train": [replace(TAKE, act=90)], "test": [replace(TAKE, act=91)]}


def with_nan() -> np.ndarray:
    joints = TAKE.joints.copy()
    joints[3, 2, 1] = np.nan
    return joints


@pytest.mark.parametrize(
    ("take", "words"),
    [
        (replace(TAKE, joints=TAKE.joints[:, :16]), r"joints have shape \(120, 16, 3\); give \(T, 17, 3\)"),
        (replace(TAKE, joints=TAKE.joints[..., :2]), r"shape \(120, 17, 2\)"),
        (replace(TAKE, joints=TAKE.joints[:0], frames=TAKE.frames[:0]), r"shape \(0, 17, 3\)"),
        (replace(TAKE, joints=TAKE.joints * 1000), "measures 1.+ along its longest axis; give metres"),
        (replace(TAKE, joints=TAKE.joints / 100), "give metres"),
        (replace(TAKE, joints=with_nan()), "NaN or infinite; leave such frames out"),
        (replace(TAKE, frames=TAKE.frames[1:]), r"has 120 poses and frame numbers of shape \(119,\)"),
        (replace(TAKE, cameras=(0, 4)), r"cameras are \(0, 4\); give some of 0 to 3"),
        (replace(TAKE, cameras=()), r"cameras are \(\)"),
        (replace(TAKE, act=91), "is given twice; give each its own"),
    ],
)
def test_a_take_that_cannot_be_right_is_named(take: Take, words: str) -> None:
    with pytest.raises(InputError, match=f"^motion mine, split '(val|test)', take s_10_act_.*: .*{words}") as caught:
        check_motion("mine", Motion(OTHERS | {"val": [take]}, 50.0))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("split", ["train", "val", "test"])
def test_each_split_is_needed(split: str) -> None:
    whole = OTHERS | {"val": [TAKE]}
    check_motion("mine", Motion(whole, 50.0))
    for short in (whole | {split: []}, {name: takes for name, takes in whole.items() if name != split}):
        with pytest.raises(InputError, match=f"motion mine: has no takes in the split '{split}'"):
            check_motion("mine", Motion(short, 50.0))
