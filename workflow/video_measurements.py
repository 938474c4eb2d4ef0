"""From runs on video to measurements: PoseTrack's AP under the convention `poseval+<boxes>/val/<selection>`.

No torch in here, as in workflow/measurements.py, of which these rows become a part.
"""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from datasets.topdown_boxes import Videos
from training.scoring import resampled_ap, video_ap
from workflow.measurements import CLUSTERS, RESAMPLED, run_identity

JOINTS, SCORES = "joints", "scores"


def score_video_runs(runs: Sequence[Path], data: Path) -> list[dict]:
    """Measurements of finished runs (folders with `run.json` and `predictions.npz`) on the video data they used."""
    videos = Videos(data)
    return [row for run in runs for row in _score_run(run, videos)]


def _score_run(run: Path, videos: Videos) -> Iterator[dict]:
    record = json.loads((run / "run.json").read_text(encoding="utf-8"))
    epochs = {selection: chosen["epoch"] for selection, chosen in record["selected"].items()}
    scored: dict[tuple[str, int], tuple[dict, dict]] = {}  # selections that chose the same epoch share their scores
    with np.load(run / "predictions.npz", allow_pickle=False) as predictions:
        for key in [name for name in predictions.files if name.endswith(f"/{JOINTS}")]:
            selection, condition, _ = key.split("/")
            case = (condition, epochs[selection])
            if case not in scored:
                scores = predictions[f"{selection}/{condition}/{SCORES}"]
                scored[case] = _score(condition, videos, predictions[key], scores)
            split, _, boxes = condition.partition("+")
            known = run_identity(run, record) | {"unit": "%", "convention": f"poseval+{boxes}/{split}/{selection}"}
            values, resampled = scored[case]
            known[CLUSTERS] = len(videos.sequences(split))
            for metric, value in values.items():
                yield known | {"metric": metric, "value": value, RESAMPLED: resampled[metric]}


def _score(condition: str, videos: Videos, joints: np.ndarray, scores: np.ndarray) -> tuple[dict, dict]:
    split, boxes, *_ = condition.split("+")
    found = (videos.sequences(split), videos.persons(split, boxes), joints, scores)
    return video_ap(*found), resampled_ap(*found)
