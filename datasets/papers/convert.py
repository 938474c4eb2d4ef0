"""From files as their publishers and later work give them to prepared lifting data, one sequence at a time.

Data sets are `<base>-<preset>`: human36m-sh, human36m-cpn, human36m-gt, mpi-inf-3dhp-gt. What a base's files hold, its
own module says (`conversion`); memory holds what one reader gives, never a split.
"""

import importlib
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from base.errors import InputError
from base.files import write_text
from base.folders import code_stamp, whole_folder
from base.reading import nearest
from datasets.card import Card, RawFiles
from datasets.fetching.downloads import digest
from datasets.papers.report import describe
from datasets.writing import CapturedSequence, SplitWriter
from studies.benchmarks import BENCHMARKS, paper_data
from studies.data import one_of

SPEAK = 5.0  # seconds between lines of progress


@dataclass(frozen=True)
class Conversion:
    """What a data set's files become. form: how its files were published; views: the sequences of a split, made when
    asked for; files: those that were read; cards: what is said of each split besides.
    """

    form: str
    views: Callable[[str], Iterator[CapturedSequence]]
    files: list[Path]
    cards: dict[str, Card]


def convert(name: str, out_dir: str | Path, raw_dir: str | Path, form: str = "auto") -> None:
    """Write `out_dir/{train,val,test}` and `out_dir/report.md` for a data set of lifted poses (`paper_data`).

    raw_dir: the folder with a folder of files for each source (`data/raw`); form: which of several forms to read, or
    the best that is there. Train and val together are what the papers train on; val is one person of it, to select
    epochs by where a config asks for that. The same files give the same bytes. The folder appears whole or not at all.
    Raises InputError: unknown names, files that are missing, damaged or not what they should be.
    """
    dataset = one_of(paper_data(), name)
    base, preset = dataset.motion, dataset.detector
    raw, module = Path(raw_dir) / base, BENCHMARKS[base].module
    made = importlib.import_module(module).conversion(preset, raw, form)
    origin = RawFiles(base, sha256={path.relative_to(raw).as_posix(): digest(path) for path in made.files})
    code = code_stamp("datasets.papers.convert", module)
    common = {"dataset": name, "preset": preset, "form": made.form, "code": code, "sources": (origin,)}
    with whole_folder(Path(out_dir)) as folder:
        cards = {split: replace(made.cards[split], split=split, **common) for split in ("train", "val", "test")}
        written = [split for split, card in cards.items() if _write(folder / split, made.views(split), card)]
        if missing := {"train", "test"} - set(written):
            raise InputError(f"{raw}: has nothing for the split {min(missing)!r}; put the files of all persons there")
        write_text(folder / "report.md", describe(folder, cards["train"], written))


@dataclass(frozen=True)
class Form:
    """A form that a source's files are published in, and whether they are there."""

    name: str
    there: bool


def chosen_form(source: str, asked: str, forms: Sequence[Form], advice: str) -> str:
    """The form to read, the one that is asked for or, for "auto", the first whose files are there.

    Raises InputError: an unknown form, or `advice` where nothing is there.
    """
    names, there = [form.name for form in forms], [form.name for form in forms if form.there]
    if asked not in ("auto", *names):
        raise InputError(f"sources.{source}.form: unknown form {asked!r}{nearest(asked, names)}")
    if asked == "auto" and not there:
        raise InputError(advice)
    return there[0] if asked == "auto" else asked


def certain(keypoints: np.ndarray) -> np.ndarray:
    """(T, 17, 2) with a confidence of 1: (T, 17, 3) float32."""
    return np.concatenate([keypoints, np.ones((*keypoints.shape[:2], 1))], -1).astype(np.float32)


def _write(folder: Path, views: Iterator[CapturedSequence], card: Card) -> bool:
    """Write a split, if there is anything of it."""
    writer, frames, spoken = None, 0, time.monotonic()
    for view in views:
        _check_inside(view)
        writer = writer or SplitWriter(folder)
        writer.add(view)
        frames += len(view.factor)
        if time.monotonic() - spoken > SPEAK:
            spoken = time.monotonic()
            print(f"{card.split}: {frames:,} frames written, now {view.sequence}", file=sys.stderr)
    if writer:
        writer.close(card)
    return writer is not None


def _check_inside(view: CapturedSequence) -> None:
    """Raise InputError for a person who mostly stands outside of the image: the camera is another one, or turned."""
    x, y = np.median(view.keypoints[..., :2], axis=(0, 1))
    if not (0 <= x <= view.size[0] and 0 <= y <= view.size[1]):
        raise InputError(
            f"{view.where}: the person is at ({x:.4g}, {y:.4g}), outside of an image of {view.size[0]}x{view.size[1]} "
            "px; its camera or its units are wrong; get the file again"
        )
