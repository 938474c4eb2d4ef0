"""From runs on video to measurements: PoseTrack's AP under the convention `poseval+<boxes>/val/<selection>`.

No torch in here, as in workflow/measurements.py, of which these rows become a part.
"""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from datasets.topdown_boxes import read_persons
from training.scoring import video_ap
from workflow.measurements import run_identity

JOINTS, SCORES = "joints", "scores"


def score_video_runs(runs: Sequence[Path], data: Path) -> list[dict]:
    """Measurements of finished runs (folders with `run.json` and `predictions.npz`) on the video data they used."""
    persons: dict[str, tuple] = {}  # of each kind of boxes, read once
    return [row for run in runs for row in _score_run(run, data, persons)]


def _score_run(run: Path, data: Path, persons: dict[str, tuple]) -> Iterator[dict]:
    record = json.loads((run / "run.json").read_text(encoding="utf-8"))
    epochs = {selection: chosen["epoch"] for selection, chosen in record["selected"].items()}
    scored: dict[tuple[str, int], dict[str, float]] = {}  # selections that chose the same epoch share their scores
    with np.load(run / "predictions.npz", allow_pickle=False) as predictions:
        for key in [name for name in predictions.files if name.endswith(f"/{JOINTS}")]:
            selection, condition, _ = key.split("/")
            case = (condition, epochs[selection])
            if case not in scored:
                scores = predictions[f"{selection}/{condition}/{SCORES}"]
                scored[case] = _score(condition, data, persons, predictions[key], scores)
            split, _, boxes = condition.partition("+")
            known = run_identity(run, record) | {"unit": "%", "convention": f"poseval+{boxes}/{split}/{selection}"}
            yield from (known | {"metric": metric, "value": value} for metric, value in scored[case].items())


def _score(
    condition: str, data: Path, persons: dict[str, tuple], joints: np.ndarray, scores: np.ndarray
) -> dict[str, float]:
    split, boxes, *_ = condition.split("+")
    if boxes not in persons:
        persons[boxes] = read_persons(data, split, boxes)
    return video_ap(*persons[boxes], joints, scores)
