"""The rows of a table beside the paper's own: our baselines, and official weights."""

from collections.abc import Iterator
from dataclasses import replace

from reports.measurements import Choice
from reports.tables.cell import BASELINE_SECTION
from studies.recipes import BASELINE_RECIPE, OFFICIAL
from studies.types import Row, Table
from studies.variants import resolve_variants


def baseline_rows(table: Table, choice: Choice) -> list[Row]:
    """Rows of the baselines that a table with accuracies of lifted poses does not list itself."""
    listed = {row.variant for row in table.rows}
    return [
        Row(
            id=name,
            label=resolve_variants()[name].label,
            variant=name,
            recipe=BASELINE_RECIPE,
            section=BASELINE_SECTION,
        )
        for name in (choice.baselines if table.lifts else ())
        if name not in listed
    ]


def with_official(table: Table, choice: Choice) -> Iterator[Row]:
    """Rows of a table, and after each whose official weights were judged one for these, which prints the same."""
    judged = {name for column in table.accuracies for name in choice.official.get(choice.column_data(column), ())}
    for row in table.rows:
        yield row
        if row.variant in judged and row.cells:
            label = f"{row.label}, official weights"
            yield replace(row, id=f"{row.id}-official", label=label, recipe=OFFICIAL)
