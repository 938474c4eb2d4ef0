"""The rows of a table beside the paper's own: our baselines, and official weights."""

from collections.abc import Iterator
from dataclasses import replace

from reports.measurements import Choice
from reports.tables.cell import BASELINE_SECTION
from studies.recipes import BASELINE_RECIPE, OFFICIAL
from studies.types import Row, Study, Table
from studies.variants import resolve_variants

OF_OFFICIAL = "-official"  # what ids of rows of official weights end in


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


def with_official(study: Study, table: Table, choice: Choice) -> Iterator[Row]:
    """Rows of a table, and one more after each that prints what official weights judged here should give.

    Weights were trained by the recipe of the paper's main result, so a row of another recipe gets none.
    """
    judged = {name for column in table.accuracies for name in choice.official.get(choice.column_data(column), ())}
    for row in table.rows:
        yield row
        if row.variant in judged and row.cells and row.recipe in ("", study.main_recipe(row.variant)):
            label = f"{row.label}, official weights"
            yield replace(row, id=f"{row.id}{OF_OFFICIAL}", label=label, recipe=OFFICIAL)


def row_shown(table: Table, row_id: str) -> Row:
    """The row behind an id of cells: a table's own, also for official weights, or a baseline's."""
    if row := table.row(row_id):
        return row
    if row := table.row(row_id.removesuffix(OF_OFFICIAL)):
        return replace(row, recipe=OFFICIAL)
    return Row(id=row_id, label="", variant=row_id, recipe=BASELINE_RECIPE)
