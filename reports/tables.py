"""A study's table with measured numbers beside the printed ones, in long form: one row a cell."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pandas as pd

from base.files import write_text
from reports.cells import CELL_FIELDS, accuracy_cell, efficiency_cell, fact_cell, memory_cell
from reports.comparisons import read_comparisons
from reports.layout import make_view
from reports.measurements import Choice, read_measurements
from reports.writers import write_view
from studies.load import load_study
from studies.paper import PUBLISHED
from studies.plan import BASELINE_RECIPE
from studies.printed import OUT_OF_MEMORY
from studies.types import Column, CountColumn, FactColumn, Row, Study, Table
from studies.variants import resolve_variants

BASELINE_SECTION = "Baselines (ours)"
KEYS = ("study", "table", "row", "column")
COMPARED = ("outcome", "gain", "gain_low", "gain_high", "p_holm", "reference")
IDENTITY = ("study", "table", "row", "row_label", "section", "column", "column_label", "kind")


def build_table(
    study: Study, table: Table, measurements: pd.DataFrame, comparisons: pd.DataFrame | None = None, **options
) -> pd.DataFrame:
    """One table of a study in long form, a row for each of its cells, in printed order; the baselines come last.

    comparisons: rows of `reports.comparisons`, where the table is an ablation.
    options: scale, dataset, detector, selection, seeds, baselines (`reports.measurements.Choice`).
    Columns: study, table, row, row_label, section, column, column_label, kind; then per cell unit, printed (text),
    printed_value, decimals, measured, n (seeds), sd, low, high (95 % interval), difference (measured - printed), all
    in `unit`; convention, scale, dataset, device, verdict, why, also_true, matches, runs (folders), seeds_failed; and
    against the table's reference row: outcome, gain, gain_low, gain_high (95 % interval, in base units), p_holm,
    reference. Facts have no verdict. Raises InputError for printed text that is no number.
    """
    choice = Choice(**options)
    cells = []
    for row in [*with_published(table, choice), *baseline_rows(table, choice)]:
        for column in table.columns:
            cells.append(_identity(study, table, row, column) | _cell(table, row, column, measurements, choice))
    found = _sorted(pd.DataFrame(cells, columns=[*IDENTITY, *CELL_FIELDS]), table.sorted_by)
    return found.merge(_compared(comparisons), how="left", on=[*KEYS]).fillna({"outcome": "", "reference": ""})


def _sorted(cells: pd.DataFrame, column: str) -> pd.DataFrame:
    """Rows by what was measured in a column, the smallest first, those without last; as printed without a column."""
    if not column:
        return cells
    measured = cells[cells["column"] == column].set_index("row")["measured"].astype(float)
    return cells.sort_values("row", key=lambda rows: rows.map(measured), kind="stable", ignore_index=True)


def _compared(comparisons: pd.DataFrame | None) -> pd.DataFrame:
    """What cells say of their comparison with the reference row."""
    if comparisons is None:
        return pd.DataFrame(columns=[*KEYS, *COMPARED])
    return comparisons.rename(columns={"difference": "gain", "low": "gain_low", "high": "gain_high"})[
        [*KEYS, *COMPARED]
    ]


def with_published(table: Table, choice: Choice) -> list[Row]:
    """Rows of a table, and after each whose published weights were judged one for these, which prints the same."""
    judged = {name for column in table.accuracies for name in choice.published.get(choice.column_data(column), ())}
    found = []
    for row in table.rows:
        found.append(row)
        if row.variant in judged and row.cells:
            name, label = f"{row.id}-published", f"{row.label}, published weights"
            found.append(replace(row, id=name, label=label, recipe=PUBLISHED))
    return found


def baseline_rows(table: Table, choice: Choice) -> list[Row]:
    """Rows of the baselines that a table with accuracies of lifted poses does not list itself."""
    if not table.lifts:
        return []
    listed = {row.variant for row in table.rows}
    variants = resolve_variants()
    return [
        Row(
            id=name,
            label=variants[name]["label"],
            variant=name,
            recipe=BASELINE_RECIPE,
            section=BASELINE_SECTION,
        )
        for name in choice.baselines
        if name not in listed
    ]


def write_tables(
    study_name: str | Path,
    measurements_csv: str | Path,
    out_dir: str | Path,
    comparisons_csv: str | Path | None = None,
    **options,
) -> list[Path]:
    """Write every table of a study as `<study>-<table>.csv`, `.md`, `.tex` and `.html` into `out_dir`; their paths.

    `options` are those of `build_table`. Each file is written whole or not at all.
    """
    study, measurements = load_study(study_name), read_measurements(measurements_csv)
    comparisons = read_comparisons(comparisons_csv) if comparisons_csv else None
    written = []
    for table in study.tables:
        cells = build_table(study, table, measurements, comparisons, **options)
        view = make_view(study, table, cells, Choice(**options))
        written += write_view(view, cells, Path(out_dir) / f"{study.name}-{table.id}")
    return written


def write_document(stems: Sequence[str], folder: str | Path) -> Path:
    """Write `all.tex` into the folder of tables: a document of all of them, `<stem>.tex`, for pdflatex."""
    packages = r"\usepackage[landscape,margin=12mm]{geometry}\usepackage{booktabs,graphicx}"
    # A page a table: LaTeX holds eighteen floats at most.
    tables = [rf"\input{{{stem}}}\clearpage" for stem in stems]
    lines = [r"\documentclass{article}", packages, r"\begin{document}", *tables, r"\end{document}", ""]
    return write_text(Path(folder) / "all.tex", "\n".join(lines))


def _identity(study: Study, table: Table, row: Row, column: Column) -> dict:
    return {
        "study": study.name,
        "table": table.id,
        "row": row.id,
        "row_label": row.label,
        "section": row.section,
        "column": column.id,
        "column_label": column.label,
        "kind": column.kind,
    }


def _cell(table: Table, row: Row, column: Column, measurements: pd.DataFrame, choice: Choice) -> dict:
    text = row.cells.get(column.id, "")
    if text == OUT_OF_MEMORY:
        return memory_cell(row, table.device_memory, measurements, choice)
    if isinstance(column, FactColumn):
        return fact_cell(text)
    if isinstance(column, CountColumn):
        return efficiency_cell(text, row, column, measurements, choice)
    return accuracy_cell(text, row, column, measurements, choice, table.benchmark)
