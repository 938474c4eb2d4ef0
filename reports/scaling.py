"""The scaling curve's rows: joined, as a Markdown table, and drawn."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import pandas as pd

from base.files import read_csv, write_csv, write_text
from reports.figures.scaling import CURVES, draw_scaling
from reports.figures.style import look, save

COLUMNS = ("model", "work", "threads", "seconds_median", "runs", "peak_mib", "predicted_mib", "left_out", "device")
COLUMNS += ("torch",)


def write_scaling(curve: str, parts: Sequence[str | Path], stem: Path) -> list[Path]:
    """Write `<stem>.csv`, `.md`, `.svg` and `.png` of a curve (`frames`, `tokens`) from its sizes; returns their paths.

    Raises InputError for a part that cannot be read or has other columns.
    """
    rows = pd.concat([_read(Path(part), curve) for part in parts]).sort_values(curve, kind="stable")
    table = write_csv(stem.with_name(f"{stem.name}.csv"), rows)
    text = write_text(stem.with_name(f"{stem.name}.md"), "\n".join(_markdown(rows, curve)) + "\n")
    with look():
        figure, caption = draw_scaling(rows, CURVES[curve])
        return [table, text, *save(figure, stem, CURVES[curve].title, caption)]


def _read(path: Path, curve: str) -> pd.DataFrame:
    rows = read_csv(path, (*COLUMNS, curve), "run `make scaling`", dtype={"left_out": str})
    return rows.fillna({"left_out": ""})


def _markdown(rows: pd.DataFrame, curve: str) -> Iterator[str]:
    """A line a size and work: median seconds and MiB of each model, the others' over the first one's as well."""
    models, symbol = list(dict.fromkeys(rows["model"])), CURVES[curve].symbol
    yield f"| work | {symbol} | " + " | ".join(f"{model}, s | MiB" for model in models) + " |"
    yield "|---|--:|" + "--:|--:|" * len(models)
    for work, part in rows.groupby("work", sort=False):
        for size, cases in part.groupby(curve):
            cases = cases.set_index("model").loc[models]
            own = cases.iloc[0]
            cells = [f"{_with_ratio(c, own, 'seconds_median')} | {_with_ratio(c, own, 'peak_mib')}"
                     for _, c in cases.iterrows()]  # fmt: skip
            yield f"| {work} | {size:,} | " + " | ".join(cells) + " |"
    for case in rows[rows["left_out"] != ""].to_dict("records"):
        yield f"\n{case['model']}, {case['work']}, {symbol}={case[curve]:,}: left out, {case['left_out']}."


def _with_ratio(case: pd.Series, own: pd.Series, column: str) -> str:
    if case["left_out"]:
        known = column == "peak_mib" and pd.notna(case["predicted_mib"])
        return f"predicted {case['predicted_mib']:,.0f}" if known else "left out"
    value = case[column]
    text = f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
    known = case.name != own.name and not own["left_out"]
    return text + (f" ({value / own[column]:.2f}x)" if known else "")
