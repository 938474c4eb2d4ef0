"""The skeleton player: true and predicted poses in motion, of several networks on the same few clips."""

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from base.errors import InputError
from datasets.lifting import Split, load
from datasets.skeletons import BONES, JOINTS
from metrics.lifting import image_millimetres, mpjpe
from reports.arrays import NotThere, answered, read_array, read_arrays
from reports.measurements import Choice, label_of, pick, read_measurements
from reports.records import EVALUATED, State, read_kept
from reports.site.runs import page_of
from reports.site.viewers.viewer import Viewer
from studies.data import Experiment
from studies.places import POSES, PREPARED_DATA
from studies.plan import BASELINES
from studies.predictions import Predicted
from studies.records import PLAYED, ROWS, Record

PREPARED = Path(PREPARED_DATA)
CLIPS = {"typical": 0.5, "hard": 0.9}  # quantiles of the sequences' errors, by the first network


@dataclass(frozen=True)
class Shown:
    """A network in the player: its label, the page of its run, and what it said of some rows of the test split.

    outputs : (N, 17, 3), normalised, of all rows of the split; NaN where nothing was kept
    """

    label: str
    page: str
    outputs: np.ndarray

    @classmethod
    def of(cls, experiment: Experiment, seed: int, outputs: np.ndarray, kept: bool = False) -> "Shown":
        """Of a run; kept: whether it is a record."""
        dataset, variant, recipe = str(experiment.dataset), experiment.variant, experiment.recipe
        page = f"{page_of((dataset, variant, recipe), kept)}#seed{seed}"
        return cls(f"{label_of(variant)}, recipe {recipe}", page, outputs)


def poses_view(report: Path, choice: Choice) -> Viewer | None:
    """Poses (F, 17, 3) of a few test sequences, root-relative, whole mm as base64 int16; None without predictions.

    They are those of records that were evaluated here, and only where there are none of what was trained here.
    `clips`: name, sequence, action, truth; `runs`: label, page, poses a clip and error (mm) a clip.
    """
    data = choice.data("detected")
    if not (PREPARED / data / "test").is_dir():
        return None
    split = load(PREPARED / data / "test")
    recorded = _recorded(data, len(split.frames), read_kept(report / "records.csv"))
    networks = recorded or _trained_here(report, data, choice)
    if not networks:
        return None
    rows = answered(network.outputs for network in networks)
    split = split.take(rows)
    truth = _rooted(np.asarray(split.joints, float))
    poses = [_millimetres(network.outputs[rows], split) for network in networks]
    clips = pick_clips(mpjpe(poses[0], truth), split.frames["sequence"].to_numpy())
    here = f"What was trained here at scale {choice.scale}, first seed, epoch {choice.selection}"
    return Viewer(
        name="Poses",
        about="predicted and true skeletons in motion",
        title="Poses in motion",
        lead="True poses (grey) and a network's predictions (blue), joint by joint, in millimetres. Drag to turn.",
        note=(
            f"{'Records, evaluated on this machine' if recorded else here}; {data}, test split. The clips are those at the "
            f"{' and '.join(f'{q:.0%}' for q in CLIPS.values())} quantiles of the sequences' errors under the first network of the "
            f"list, their first {PLAYED} frames. Depth runs into the page."
        ),
        data={
            "joints": [name.replace("_", " ") for name in JOINTS],
            "bones": [list(bone) for bone in BONES],
            "clips": [_clip(name, rows, split, truth) for name, rows in clips.items()],
            "runs": [_run(network, own, truth, clips) for network, own in zip(networks, poses, strict=True)],
        },
    )


def _recorded(data: str, rows: int, states: Mapping[str, State]) -> list[Shown]:
    """Records whose weights gave the recorded result here; rows: of the split. Raises InputError where they are others."""
    path = Path(POSES.format(dataset=data))
    try:
        arrays, shown = read_arrays(path), read_array(path, ROWS)
    except NotThere:
        return []
    if (shown >= rows).any():
        raise InputError(f"{path}: is of other data; delete it and run `make` again")
    kept = [Record.in_folder(folder) for folder in arrays if states.get(folder, State()).state == EVALUATED]
    found = []
    for record in sorted(kept, key=lambda record: _place(record.experiment.variant)):
        outputs = np.full((rows, len(JOINTS), 3), np.nan)
        outputs[shown] = arrays[str(record.folder)]
        found.append(Shown.of(record.experiment, record.seed, outputs, kept=True))
    return found


def _place(variant: str) -> int:
    """Networks come first, the mean pose last: a player should open on what moves."""
    return 1 + BASELINES[::-1].index(variant) if variant in BASELINES else 0


def _trained_here(report: Path, data: str, choice: Choice) -> list[Shown]:
    """The first run of each experiment whose folder is still there."""
    runs = pick(read_measurements(report / "measurements.csv"), scale=choice.scale, dataset=data)
    runs = runs[runs["run"] != ""].drop_duplicates(["variant", "recipe"])
    runs = runs.sort_values("variant", key=lambda names: names.isin(BASELINES), kind="stable")  # networks first
    found = []
    for run in runs.itertuples():
        outputs = _outputs(Path(run.run), choice)
        if outputs is not None:
            found.append(Shown.of(Experiment.named(run.dataset, run.variant, run.recipe), run.seed, outputs))
    return found


def pick_clips(errors: np.ndarray, sequences: np.ndarray) -> dict[str, np.ndarray]:
    """Rows of the first frames of the sequences at the quantiles CLIPS of the sequences' mean errors; errors (N,)."""
    names, index = np.unique(sequences, return_inverse=True)
    means = np.bincount(index, errors) / np.bincount(index)
    ranked = np.argsort(means, kind="stable")
    chosen = {name: ranked[round(q * (len(names) - 1))] for name, q in CLIPS.items()}
    return {name: np.flatnonzero(index == sequence)[:PLAYED] for name, sequence in chosen.items()}


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


def _run(network: Shown, poses: np.ndarray, truth: np.ndarray, clips: dict[str, np.ndarray]) -> dict:
    errors = [np.linalg.norm(poses[rows] - truth[rows], axis=-1) for rows in clips.values()]  # (F, 17) mm
    return {
        "label": network.label,
        "page": network.page,
        "poses": [packed(poses[rows]) for rows in clips.values()],
        "error": [round(float(error.mean()), 1) for error in errors],
    }


def _rooted(poses: np.ndarray) -> np.ndarray:
    return poses - poses[:, :1]
