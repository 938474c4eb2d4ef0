"""The scaling curve's rows: joined, as a Markdown table, and drawn."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import pandas as pd

from reports.figures.scaling import TITLE, draw_scaling
from reports.figures.style import look, save
from studies.errors import InputError
from studies.files import write_text, write_whole

COLUMNS = {"model", "work", "frames", "threads", "seconds_median", "runs", "peak_mib", "left_out", "device", "torch"}


def write_scaling(parts: Sequence[str | Path], stem: Path) -> list[Path]:
    """Write `<stem>.csv`, `.md`, `.svg` and `.png` from the measured lengths; returns their paths.

    Raises InputError for a part that cannot be read or has other columns.
    """
    rows = pd.concat([_read(Path(part)) for part in parts]).sort_values("frames", kind="stable")
    table = write_whole(stem.with_name(f"{stem.name}.csv"), lambda path: rows.to_csv(path, index=False))
    text = write_text(stem.with_name(f"{stem.name}.md"), "\n".join(_markdown(rows)) + "\n")
    with look():
        figure, caption = draw_scaling(rows)
        return [table, text, *save(figure, stem, TITLE, caption)]


def _read(path: Path) -> pd.DataFrame:
    try:
        rows = pd.read_csv(path, dtype={"left_out": str})
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: cannot be read ({error}); delete it and run `make scaling`") from None
    if not set(rows.columns) >= COLUMNS:
        raise InputError(f"{path}: lacks columns of a scaling curve; delete it and run `make scaling`")
    return rows.fillna({"left_out": ""})


def _markdown(rows: pd.DataFrame) -> Iterator[str]:
    """A line a length and work: median seconds and MiB of each model, the others' over the first one's as well."""
    models = list(dict.fromkeys(rows["model"]))
    yield "| work | T | " + " | ".join(f"{model}, s | MiB" for model in models) + " |"
    yield "|---|--:|" + "--:|--:|" * len(models)
    for work, part in rows.groupby("work", sort=False):
        for frames, cases in part.groupby("frames"):
            cases = cases.set_index("model").loc[models]
            own = cases.iloc[0]
            cells = [f"{_with_ratio(c, own, 'seconds_median')} | {_with_ratio(c, own, 'peak_mib')}"
                     for _, c in cases.iterrows()]  # fmt: skip
            yield f"| {work} | {frames:,} | " + " | ".join(cells) + " |"
    for case in rows[rows["left_out"] != ""].itertuples():
        yield f"\n{case.model}, {case.work}, T={case.frames:,}: left out, {case.left_out}."


def _with_ratio(case: pd.Series, own: pd.Series, column: str) -> str:
    if case["left_out"]:
        return "left out"
    value = case[column]
    text = f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
    known = case.name != own.name and not own["left_out"]
    return text + (f" ({value / own[column]:.2f}x)" if known else "")
