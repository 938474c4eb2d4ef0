"""What prepared data look like, for a person to read before an hour is spent on training with them.

What is surely wrong the readers refuse. This says what was found beside what should be there: frames, people, limbs,
key points that lie outside of their images.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from base.human36m import HUMAN36M_BLOCKED, take_of
from datasets.card import Card
from datasets.lifting import Split, load
from datasets.papers.human36m import LIMBS as HUMAN36M_LIMBS
from datasets.papers.mpi_inf_3dhp import LIMBS as MPI_INF_3DHP_LIMBS
from studies.benchmarks import AMOUNTS, BENCHMARKS, departures

LIMBS = {"human3.6m-17": HUMAN36M_LIMBS, "mpi-inf-3dhp-17": MPI_INF_3DHP_LIMBS}
NAMES = ("thigh", "shin", "upper arm", "forearm")
ORDER = {"human3.6m-17": (0, 1, 2, 3), "mpi-inf-3dhp-17": (2, 3, 0, 1)}  # of NAMES, in LIMBS
EVERY = 97  # frames looked at: one in so many


def describe(folder: Path, card: Card, names: Iterable[str]) -> str:
    """Markdown about some splits in `folder`; card: that of one of them."""
    splits = [load(folder / name) for name in names]
    lines = [f"# {card.dataset}", "", f"Made of {card.form} files ({card.licence}).", ""]
    lines += ["| split | frames | judged | sequences | people | cameras | images |", "|---|---|---|---|---|---|---|"]
    lines += [_row(split) for split in splits]
    lines += ["", *_amounts(card.protocol, splits), ""]
    for split in splits:
        lines += [f"## {split.card.split}", "", *_limbs(split), *_outside(split), *_blocked(split), *_factor(split), ""]
    return "\n".join(lines).rstrip() + "\n"


def amounts(splits: Sequence[Split]) -> dict[str, int]:
    """Frames to train on and to be judged by, as `studies.benchmarks.AMOUNTS` counts them."""
    return {
        "train": sum(len(split.frames) for split in splits if split.card.split != "test"),
        "test": sum(_judged(split) for split in splits if split.card.split == "test"),
    }


def _judged(split: Split) -> int:
    return int(split.frames["valid"].sum()) if "valid" in split.frames else len(split.frames)


def _row(split: Split) -> str:
    name, frames = split.card.split, split.frames
    sizes = sorted({f"{w}x{h}" for w, h in frames[["width", "height"]].drop_duplicates().to_numpy().tolist()})
    judged = "-" if name == "train" else f"{_judged(split):,}"
    cells = [name, f"{len(frames):,}", judged, str(len(split.sequences())), _some(frames["subject"])]
    return "| " + " | ".join([*cells, _some(frames["camera"]), ", ".join(sizes)]) + " |"


def _some(values) -> str:
    return ", ".join(sorted(values.unique(), key=lambda name: (len(name), name)))


def _amounts(protocol: str, splits: Sequence[Split]) -> list[str]:
    wanted, missing = AMOUNTS[protocol], departures(protocol, amounts(splits))
    if not missing:
        return [f"That is all of {BENCHMARKS[protocol].title}."]
    parts = " and ".join(missing)
    return [
        f"**Not the papers' {BENCHMARKS[protocol].title}**: {parts}. No table will say of a number made with this "
        f"that it reproduces a printed one (wanted: {', '.join(f'{split} {n[0]:,}' for split, n in wanted.items())})."
    ]


def _limbs(split: Split) -> Sequence[str]:
    joints = split.joints[::EVERY].astype(float)
    kind = split.card.joints
    lines = [f"Median lengths in {'mm' if (split.factor != 1).all() or kind != 'human3.6m-17' else 'px'}:"]
    for (right, left), number in zip(LIMBS[kind], ORDER[kind], strict=True):
        a, b = (float(np.median(np.linalg.norm(joints[:, i] - joints[:, j], axis=-1))) for i, j in (right, left))
        lines.append(f"- {NAMES[number]}: right {a:.0f}, left {b:.0f}")
    return lines


def _outside(split: Split) -> Sequence[str]:
    rows = split.frames.iloc[::EVERY]
    points, size = split.keypoints[::EVERY, :, :2], rows[["width", "height"]].to_numpy()[:, None]
    share = 100 * float(((points < 0) | (points > size)).any(-1).mean())
    return ["", f"Key points outside of their image: {share:.2f} %."]


def _blocked(split: Split) -> Sequence[str]:
    if split.protocol != "human36m":
        return []
    takes = {take_of(name) for name in set(split.sequence)}
    names = sorted(takes & set(HUMAN36M_BLOCKED))
    return ["", f"Not scored, their ground truth is shifted: {', '.join(names)}."] if names else []


def _factor(split: Split) -> Sequence[str]:
    low, high = float(split.factor.min()), float(split.factor.max())
    return [] if low == high == 1 else ["", f"Millimetres a pixel: {low:.2f} to {high:.2f}."]
