"""The skeleton player: true and predicted poses in motion, for every lifting variant on the same few clips."""

import base64
from pathlib import Path

import numpy as np

from datasets.lifting import Split, load
from datasets.skeletons import BONES, JOINTS
from metrics.lifting import image_millimetres, mpjpe
from reports.arrays import NotThere, answered, read_array
from reports.measurements import Choice, pick, read_measurements
from reports.site.viewers.viewer import Viewer
from studies.places import PREPARED_DATA
from studies.plan import BASELINES
from studies.predictions import Predicted

PREPARED = Path(PREPARED_DATA)
CLIPS = {"typical": 0.5, "hard": 0.9}  # quantiles of the sequences' errors, by the first variant
FRAMES = 60  # of a clip


def poses_view(report: Path, choice: Choice) -> Viewer | None:
    """Poses (F, 17, 3) of a few test sequences, root-relative, whole mm as base64 int16; None without runs on them.

    `clips`: name, sequence, action, truth; `runs`: label, seed, page, poses a clip and error (mm) a clip and joint.
    """
    data = choice.data("detected")
    folder = PREPARED / data / "test"
    runs = pick(read_measurements(report / "measurements.csv"), scale=choice.scale, dataset=data)
    runs = runs[runs["run"] != ""].drop_duplicates(["variant", "recipe"])
    runs = runs.sort_values("variant", key=lambda names: names.isin(BASELINES), kind="stable")  # networks first
    if runs.empty or not folder.is_dir():
        return None
    outputs = {row.Index: _outputs(Path(row.run), choice) for row in runs.itertuples()}
    outputs = {index: array for index, array in outputs.items() if array is not None}
    if not outputs:
        return None
    rows = answered(outputs.values())
    split = load(folder).take(rows)
    truth = _rooted(np.asarray(split.joints, float))
    predicted = {index: _millimetres(array[rows], split) for index, array in outputs.items()}
    clips = pick_clips(mpjpe(next(iter(predicted.values())), truth), split.frames["sequence"].to_numpy())
    return Viewer(
        name="poses",
        about="predicted and true skeletons in motion",
        title="Poses in motion",
        lead="True poses (grey) and those that a network predicts (blue), joint by joint, in millimetres. Drag to turn.",
        note=(
            f"Scale {choice.scale}, {data}, test split, first seed, epoch {choice.selection}. The clips are those at the "
            f"{' and '.join(f'{q:.0%}' for q in CLIPS.values())} quantiles of the sequences' errors under the first run of the "
            f"list, their first {FRAMES} frames. Depth runs into the page."
        ),
        plotly=True,
        data={
            "joints": [name.replace("_", " ") for name in JOINTS],
            "bones": [list(bone) for bone in BONES],
            "clips": [_clip(name, rows, split, truth) for name, rows in clips.items()],
            "runs": [_run(runs.loc[i], poses, truth, clips) for i, poses in predicted.items()],
        },
    )


def pick_clips(errors: np.ndarray, sequences: np.ndarray) -> dict[str, np.ndarray]:
    """Rows of the first frames of the sequences at the quantiles CLIPS of the sequences' mean errors; errors (N,)."""
    names, index = np.unique(sequences, return_inverse=True)
    means = np.bincount(index, errors) / np.bincount(index)
    ranked = np.argsort(means, kind="stable")
    chosen = {name: ranked[round(q * (len(names) - 1))] for name, q in CLIPS.items()}
    return {name: np.flatnonzero(index == sequence)[:FRAMES] for name, sequence in chosen.items()}


def packed(poses: np.ndarray) -> str:
    """Poses (F, 17, 3) in mm as base64 of whole numbers, int16, little-endian."""
    return base64.b64encode(np.round(poses).astype("<i2").tobytes()).decode()


def _outputs(run: Path, choice: Choice) -> np.ndarray | None:
    """What a network said of the test split, (N, 17, 3), normalised; None where the run's folder was moved away."""
    try:
        return read_array(run / "predictions.npz", Predicted(choice.selection, "test").key())
    except NotThere:
        return None


def _millimetres(outputs: np.ndarray, split: Split) -> np.ndarray:
    width, height = (split.frames[key].to_numpy() for key in ("width", "height"))
    return image_millimetres(outputs, split.factor, width, height, None)


def _clip(name: str, rows: np.ndarray, split: Split, truth: np.ndarray) -> dict:
    first = split.frames.iloc[rows[0]]
    return {"name": name, "sequence": first["sequence"], "action": first["action"], "frames": len(rows)} | {
        "truth": packed(truth[rows])
    }


def _run(row: object, poses: np.ndarray, truth: np.ndarray, clips: dict[str, np.ndarray]) -> dict:
    page = f"runs/{row['dataset']}.{row['variant']}.{row['recipe']}.html#seed{row['seed']}"
    errors = [np.linalg.norm(poses[rows] - truth[rows], axis=-1) for rows in clips.values()]  # (F, 17) mm
    return {
        "label": f"{row['variant']}, {row['recipe']}",
        "page": page,
        "poses": [packed(poses[rows]) for rows in clips.values()],
        "error": [round(float(error.mean()), 1) for error in errors],
    }


def _rooted(poses: np.ndarray) -> np.ndarray:
    return poses - poses[:, :1]
