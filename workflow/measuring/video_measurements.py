"""From runs on video to measurements: PoseTrack's AP under the convention `poseval+<boxes>/val/<selection>`.

No torch in here, as in workflow/measuring/measurements.py, of which these rows become a part.
"""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from datasets.video.joints import JHMDB
from datasets.video.videos import Videos, fold_of
from studies.data import Boxes
from studies.scales import PAPER
from training.scoring import person_pck, resampled_ap, resampled_pck, video_ap
from workflow.measuring.measurements import CLUSTERS, RESAMPLED, condition_rows, read_predictions, run_identity

JOINTS, SCORES = "joints", "scores"


def score_video_runs(runs: Sequence[Path], data: Path) -> list[dict]:
    """Measurements of finished runs (folders with `run.json` and `predictions.npz`) on the video data they used."""
    videos: dict[int, Videos] = {}  # by fold
    rows = []
    for run in runs:
        record = json.loads((run / "run.json").read_text(encoding="utf-8"))
        fold = fold_of(record["spec"]["seed"])
        if fold not in videos:
            videos[fold] = Videos(data, seed=record["spec"]["seed"])
        rows += _score_run(run, record, videos[fold])
    return rows


def _score_run(run: Path, record: dict, videos: Videos) -> Iterator[dict]:
    protocol = "jhmdb-person" if videos.joints is JHMDB else "poseval"
    epochs = {selection: chosen["epoch"] for selection, chosen in record["selected"].items()}
    scored: dict[tuple[str, int], tuple[dict, dict]] = {}  # selections that chose the same epoch share their scores
    predictions = read_predictions(run)
    for key in [name for name in predictions if name.endswith(f"/{JOINTS}")]:
        selection, condition, _ = key.split("/")
        case = (condition, epochs[selection])
        if case not in scored:
            scores = predictions[f"{selection}/{condition}/{SCORES}"]
            scored[case] = _score(condition, videos, predictions[key], scores)
        boxes = Boxes.parse(condition)
        convention = f"{protocol}+{boxes.in_split}/{boxes.split}/{selection}"
        known = run_identity(run, record) | {"unit": "%", "convention": convention}
        values, resampled = scored[case]
        known[CLUSTERS] = len(videos.sequences(boxes.split))
        for metric, value in values.items():
            yield known | {"metric": metric, "value": value, RESAMPLED: resampled[metric]}
    if record["spec"]["scale"] == PAPER:
        taught = len(videos.sequences("train")) + len(videos.sequences("dev"))
        yield from condition_rows(run_identity(run, record), record, taught, len(videos.sequences("val")))


def _score(condition: str, videos: Videos, joints: np.ndarray, scores: np.ndarray) -> tuple[dict, dict]:
    boxes = Boxes.parse(condition)
    instances = videos.persons(boxes.split, boxes.kind)
    if videos.joints is JHMDB:
        return person_pck(instances, joints), resampled_pck(instances, joints)
    found = (videos.sequences(boxes.split), instances, joints, scores)
    return video_ap(*found), resampled_ap(*found)
