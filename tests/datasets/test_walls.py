"""What a trained network does not compute with is not among its sources: editing it trains nothing again."""

import pytest

from base.closure import closure

NEEDED = {
    "training.lifting": {"card", "clips", "lifting", "normalise", "skeletons"},
    "training.video": {"card", "clips", "lifting", "normalise", "skeletons", "video"},
}


@pytest.mark.parametrize("task", NEEDED)
def test_preparation_of_data_is_no_source_of_a_training(task: str) -> None:
    inside = [path.split("/") for path in closure(task) if path.startswith("datasets/")]
    rooms = {parts[1].removesuffix(".py") for parts in inside} - {"__init__"}
    assert rooms <= NEEDED[task]
    assert "writing.py" not in {parts[-1] for parts in inside}


@pytest.mark.parametrize("face", ["metrics.lifting", "metrics.keypoints", "metrics.efficiency"])
def test_metrics_stand_on_base_alone(face: str) -> None:
    assert {path.split("/")[0] for path in closure(face)} == {"base", "metrics"}
