"""Names of data sets and boxes: parsed and printed by one pair, and alike for all that there are."""

import pytest

from base.errors import InputError
from studies.benchmarks import paper_data
from studies.data import LIFTING, VIDEO, Boxes, Dataset
from studies.motions import lifting_data, video_data

ALL = [*lifting_data(), *video_data(), *paper_data()]


def test_every_name_leads_back_to_its_data_set() -> None:
    assert [Dataset.parse(str(dataset)) for dataset in ALL] == ALL
    assert {str(d) for d in ALL if d.kind == VIDEO} >= {"video-cmu-small", "video-jhmdb", "video-posetrack17"}
    assert Dataset.parse("cmu-small-sh-like") == Dataset("cmu-small", "sh-like")
    assert Dataset.parse("human36m-sh").kind == LIFTING


@pytest.mark.parametrize("name", ["cmu", "-gt", "human36m", "synthetic-no"])
def test_a_name_that_none_can_have_is_refused(name: str) -> None:
    with pytest.raises(InputError, match="no data set has such a name"):
        Dataset.parse(name)


@pytest.mark.parametrize(
    ("text", "boxes", "in_split"),
    [
        ("val+gt-boxes", Boxes("gt"), "gt-boxes"),
        ("dev+gt-boxes", Boxes("gt", split="dev"), "gt-boxes"),
        ("val+detected-boxes+copies", Boxes("detected", "copies"), "detected-boxes+copies"),
    ],
)
def test_boxes_are_printed_as_they_are_parsed(text: str, boxes: Boxes, in_split: str) -> None:
    assert Boxes.parse(text) == boxes
    assert (str(boxes), boxes.in_split) == (text, in_split)
    assert Boxes.parse("detected-boxes+shuffled") == Boxes("detected", "shuffled")
