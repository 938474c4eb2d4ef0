"""What motions are made of, side by side: python -m workflow motions MOTION ..."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from base.errors import InputError
from base.files import write_csv, write_text
from base.reading import nearest
from datasets.lifting import Split, load
from datasets.motion.statistics import statistics
from studies.data import OUR_DETECTORS, Dataset
from studies.motions import motions
from studies.places import MOTIONS, PREPARED

ABOUT = ["quantity", "of", "what", "unit"]  # columns that say what a row is about


def compare(names: Sequence[str]) -> pd.DataFrame:
    """A row a statistic: ABOUT, and a column a motion, NaN where it lacks a split.

    Raises InputError for a motion that is unknown or not prepared, and for different rates: speeds are of a frame.
    """
    splits = {name: prepared(name) for name in names}
    rates = {name: of_name["train"].card.fps for name, of_name in splits.items()}
    if len(set(rates.values())) > 1:
        said = ", ".join(f"{name} {rate:g}" for name, rate in rates.items())
        raise InputError(f"the motions have different rates (frames a second: {said}); compare motions of one rate")
    columns = {name: {s.name: s.value for s in statistics(of_name)} for name, of_name in splits.items()}
    rows = dict.fromkeys(about for column in columns.values() for about in column)
    return pd.DataFrame(
        [
            dict(zip(ABOUT, about, strict=True)) | {name: column.get(about) for name, column in columns.items()}
            for about in rows
        ]
    )


def prepared(name: str) -> dict[str, Split]:
    """A motion's prepared splits, seen by the first of our detectors. Raises InputError where there are none."""
    if name not in motions():
        raise InputError(f"unknown motion {name!r}{nearest(name, motions())}")
    folder = Path(PREPARED.format(dataset=Dataset(name, OUR_DETECTORS[0])))
    if not folder.is_dir():
        raise InputError(f"{folder}: does not exist; prepare it with `.venv/bin/python -m workflow run {folder}`")
    return {split.name: load(split) for split in sorted(folder.iterdir()) if split.is_dir()}


def markdown(table: pd.DataFrame) -> str:
    """The table for a reader, who sees all about one thing in one row; ratio: the first motion to the last."""
    names = list(table.columns[len(ABOUT) :])
    shown = table.assign(ratio=table[names[0]] / table[names[-1]])[[*ABOUT, *names, "ratio"]]
    shown[names] = shown[names].map(lambda value: f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}")
    shown["ratio"] = shown["ratio"].map("{:.2f}".format)
    rows = [list(shown.columns), ["---"] * len(ABOUT) + ["--:"] * (len(names) + 1)]
    for about, group in shown.groupby(["quantity", "of", "unit"], sort=False):
        cells = {name: " · ".join(values) for name, values in group.items()}
        rows.append((cells | dict(zip(("quantity", "of", "unit"), about, strict=True))).values())
    return "".join(f"| {' | '.join(row)} |\n" for row in rows).replace("nan", "-")


def main(arguments: list[str]) -> None:
    """Print the table of the motions named, and write it to MOTIONS as CSV and Markdown."""
    if not arguments:
        raise InputError("name the motions: .venv/bin/python -m workflow motions synthetic cmu")
    table = compare(list(dict.fromkeys(arguments)))
    write_csv(f"{MOTIONS}.csv", table)
    write_text(Path(f"{MOTIONS}.md"), markdown(table))
    print(markdown(table), end="")
