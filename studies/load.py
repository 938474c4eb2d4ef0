"""Studies and recipes: loaded, checked against their schemas and against each other.

Every mistake ends in one InputError line: file, place in the file, what is wrong, and the nearest known name.
Imported while Snakemake parses the workflow: nothing heavy may be imported here.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import MISSING, fields
from pathlib import Path

from base.errors import InputError
from base.foreign import data_files
from base.reading import ROOT, check_schema, display, nearest, place, read_yaml
from studies.benchmarks import VIDEO_STANDS_FOR
from studies.data import LIFTING, VIDEO
from studies.printed import OUT_OF_MEMORY, parse_printed
from studies.recipes import VideoRecipe, recipes
from studies.types import (
    COLUMN_KINDS,
    Column,
    Figure,
    LiftingColumn,
    MeasuredColumn,
    Order,
    Row,
    Study,
    Table,
    VideoColumn,
)
from studies.variants import resolve_variants

STUDIES = ROOT / "studies"
CLAIMS = STUDIES / "claims.yaml"  # what papers say in their text; read by reports/audit
FINDINGS = STUDIES / "findings.yaml"  # what the audit says; read by studies/findings.py
OUR_VIDEO = "video"  # in a column's benchmark: the videos that we render
NO_STUDIES = ("variants", "recipes", "scales", "claims", "findings")


def study_names() -> list[str]:
    """Names of the studies in `studies/`, sorted."""
    return sorted(path.stem for path in data_files(STUDIES, "*.yaml") if path.stem not in NO_STUDIES)


def load_study(name_or_path: str | Path) -> Study:
    """A study as its file says it (workflow/schemas/study.schema.yaml), checked.

    name_or_path: a name of `study_names()`, or the path of a YAML file.
    Raises InputError for an unknown name, an unreadable file, or the first mistake in it: unknown or missing keys,
    ids given twice, cells of no column, values that are no numbers, names of variants, recipes, tables, columns,
    footnotes or runs that do not exist.
    """
    path = _study_path(name_or_path)
    content = read_yaml(path)
    check_schema(content, "study", path)
    study = _study(content)
    for where, what in _mistakes(study, path.stem):
        raise InputError(f"{display(path)}: {place(where)}: {what}")
    return study


def _study(content: dict) -> Study:
    """A study from the content of its file, whose schema was checked."""
    columns = [column for table in content["tables"] for column in table["columns"]]
    # Our rendered videos stand for the papers' in a study that prints numbers for videos; a study of ours has none.
    prints = any(column.get("benchmark", OUR_VIDEO) != OUR_VIDEO for column in columns)
    rendered = VIDEO_STANDS_FOR if prints else None
    about = {key: content[key] or "" for key in ("title", "venue", "link")}
    return Study(
        name=content["study"],
        **about,
        note=content.get("note", ""),
        short=content.get("short", ""),
        tables=tuple(_table(table, rendered) for table in content["tables"]),
        figures=tuple(Figure(**_with_tuples(figure)) for figure in content.get("figures", ())),
    )


def _table(content: dict, rendered: str | None) -> Table:
    columns = tuple(_column(column, content["benchmark"], rendered) for column in content["columns"])
    rows = tuple(Row(**_with_tuples(row)) for row in content["rows"])
    orders = tuple(Order(**{"judged": order["column"]} | order) for order in content.get("orders", ()))
    return Table(**content | {"columns": columns, "rows": rows, "orders": orders})


def _column(content: dict, benchmark: str | None, rendered: str | None) -> Column:
    """A column; benchmark: what its table's lifted poses are about, rendered: what our videos stand for."""
    written = {key: value for key, value in content.items() if key != "kind"}
    kind = next(kind for kind in COLUMN_KINDS if kind.kind == content["kind"] and _required(kind) <= written.keys())
    if kind is LiftingColumn:
        written["about"] = benchmark
    if kind is VideoColumn:
        written["about"] = rendered if content["benchmark"] == OUR_VIDEO else content["benchmark"]
    return kind(**written)


def _required(kind: type[Column]) -> set[str]:
    return {field.name for field in fields(kind) if field.default is MISSING}


def _with_tuples(content: dict) -> dict:
    """A mapping whose lists are tuples, and which lacks what is null and may be."""
    kept = {key: value for key, value in content.items() if value is not None or key == "number"}
    return {key: tuple(value) if isinstance(value, list) else value for key, value in kept.items()}


def check_all() -> None:
    """Check every study, variant and recipe; raises the first mistake as InputError."""
    resolve_variants()
    recipes()
    for name in study_names():
        load_study(name)


def _study_path(name_or_path: str | Path) -> Path:
    """File of a study; a name has neither folder nor suffix."""
    path = Path(name_or_path)
    if path.suffix or len(path.parts) > 1:
        return path
    if str(name_or_path) not in study_names():
        known = nearest(name_or_path, study_names())
        raise InputError(f"studies: unknown study {str(name_or_path)!r}{known}")
    return STUDIES / f"{name_or_path}.yaml"


# Mistakes that a schema cannot see: each is a place (keys and indices) and what is wrong there.
Mistake = tuple[tuple[str | int, ...], str]


def _mistakes(study: Study, stem: str) -> Iterator[Mistake]:
    if study.name != stem:
        yield ("study",), f"is {study.name!r}, but the file is {stem}.yaml; the two must be the same"
    yield from _repeated(("tables",), study.tables)
    for i, table in enumerate(study.tables):
        yield from _table_mistakes(("tables", i), table)
    yield from _repeated(("figures",), study.figures)
    for i, figure in enumerate(study.figures):
        yield from _figure_mistakes(("figures", i), figure, study.tables)


def _repeated(where: tuple, items: Sequence[Table | Column | Row | Order | Figure]) -> Iterator[Mistake]:
    """Items whose id an earlier one has."""
    seen: set[str] = set()
    for i, item in enumerate(items):
        if item.id in seen:
            yield (*where, i, "id"), f"{item.id!r} stands twice; ids must differ"
        seen.add(item.id)


def _table_mistakes(where: tuple, table: Table) -> Iterator[Mistake]:
    yield from _repeated((*where, "columns"), table.columns)
    yield from _repeated((*where, "rows"), table.rows)
    yield from _memory_mistakes(where, table)
    ids = [row.id for row in table.rows]
    if table.reference and table.reference not in ids:
        yield (*where, "reference"), f"there is no row {table.reference!r}{nearest(table.reference, ids)}"
    accuracies = [column.id for column in table.accuracies]
    if table.ranked_by and table.ranked_by not in accuracies:
        yield (
            (*where, "ranked_by"),
            f"there is no column of accuracies {table.ranked_by!r}{nearest(table.ranked_by, accuracies)}",
        )
    columns = [column.id for column in table.columns if isinstance(column, MeasuredColumn)]
    if table.sorted_by and table.sorted_by not in columns:
        yield (
            (*where, "sorted_by"),
            f"there is no measured column {table.sorted_by!r}{nearest(table.sorted_by, columns)}",
        )
    for i, row in enumerate(table.rows):
        yield from _row_mistakes((*where, "rows", i), row, table)
    yield from _repeated((*where, "orders"), table.orders)
    for i, order in enumerate(table.orders):
        yield from _order_mistakes((*where, "orders", i), order, table)


def _row_mistakes(where: tuple, row: Row, table: Table) -> Iterator[Mistake]:
    yield from _unknown(where, "variant", row.variant, resolve_variants())
    yield from _unknown(where, "recipe", row.recipe, recipes())
    yield from _of_another_kind(where, row, table)
    untrained = row.variant and not row.recipe and row.trained and not row.out_of_memory
    if table.accuracies and untrained:
        yield (
            where,
            "key 'recipe' is missing: the table has accuracies, so its variants are trained (or trained: false)",
        )
    for note in row.notes:
        if note not in table.footnotes:
            yield (*where, "notes"), f"unknown footnote {note!r}{nearest(note, table.footnotes)}"
    yield from _cell_mistakes((*where, "cells"), row, {column.id: column for column in table.columns})


def _of_another_kind(where: tuple, row: Row, table: Table) -> Iterator[Mistake]:
    """A network, or a recipe, for videos where poses are lifted, or the other way round."""
    kinds = {VIDEO if isinstance(column, VideoColumn) else LIFTING for column in table.accuracies}
    if not row.recipe or not kinds:
        return
    if len(kinds) > 1:
        yield where, "its table has accuracies of lifted poses and of videos: no network is trained for both"
    variant, recipe = resolve_variants()[row.variant], recipes()[row.recipe]
    trains = VIDEO if isinstance(recipe, VideoRecipe) else LIFTING
    for key, name, kind in (("variant", row.variant, variant.kind), ("recipe", row.recipe, trains)):
        if kind not in kinds:
            yield (*where, key), f"{name!r} is for {kind}, the accuracies of its table are of {next(iter(kinds))}"


def _order_mistakes(where: tuple, order: Order, table: Table) -> Iterator[Mistake]:
    """An order of what is not trained or not printed, or that the printed numbers contradict."""
    rows = "trained row", [row.id for row in table.rows if row.recipe]
    columns = "column of accuracies", [column.id for column in table.accuracies]
    known = {"better": rows, "worse": rows, "column": columns, "judged": columns}
    unknown = [(key, getattr(order, key)) for key, (_, names) in known.items() if getattr(order, key) not in names]
    for key, name in unknown:
        what, names = known[key]
        yield (*where, key), f"there is no {what} {name!r}{nearest(name, names)}"
    if unknown:
        return
    if len({(c.metric, c.unit) for c in map(table.column, (order.column, order.judged))}) > 1:
        yield (*where, "judged"), f"{order.judged!r} has another metric or unit than {order.column!r}"
    lead = table.lead(order)
    if lead is None or lead <= 0:
        yield where, f"the table does not print {order.better} as better than {order.worse} in {order.column}"


def _memory_mistakes(where: tuple, table: Table) -> Iterator[Mistake]:
    """A printed "OOM" can only be judged where the memory of the paper's device is known."""
    if table.device_memory:
        yield from _misprinted((*where, "device_memory"), table.device_memory, "GiB")
    elif any(row.out_of_memory for row in table.rows):
        yield where, f"key 'device_memory' is missing: a row prints {OUT_OF_MEMORY}"


def _cell_mistakes(where: tuple, row: Row, columns: dict[str, Column]) -> Iterator[Mistake]:
    for key, text in row.cells.items():
        if key not in columns:
            yield (*where, key), f"there is no column {key!r}{nearest(key, columns)}"
        elif isinstance(columns[key], MeasuredColumn):
            yield from _misprinted((*where, key), text, columns[key].unit)


def _misprinted(where: tuple, text: str, unit: str) -> Iterator[Mistake]:
    """A printed text that is no number of a unit."""
    try:
        parse_printed(text, unit)
    except InputError as error:
        yield where, str(error)


def _unknown(where: tuple, key: str, name: str, known: Iterable[str]) -> Iterator[Mistake]:
    """A variant or a recipe that is named and does not exist."""
    if name and name not in known:
        yield (*where, key), f"unknown {key.removesuffix('s')} {name!r}{nearest(name, known)}"


def _figure_mistakes(where: tuple, figure: Figure, tables: Sequence[Table]) -> Iterator[Mistake]:
    by_id = {table.id: table for table in tables}
    yield from _unknown(where, "variant", figure.variant, resolve_variants())
    for name in figure.variants:
        yield from _unknown(where, "variants", name, resolve_variants())
    yield from _unknown(where, "recipe", figure.recipe, recipes())
    for key, names in (("table", filter(None, [figure.table])), ("tables", figure.tables)):
        for name in names:
            if name not in by_id:
                yield (*where, key), f"unknown table {name!r}{nearest(name, by_id)}"
    if figure.table:
        yield from _unknown_columns(where, figure, by_id[figure.table])
    if figure.recipe:
        yield from _untrained(where, figure, tables)


def _unknown_columns(where: tuple, figure: Figure, table: Table) -> Iterator[Mistake]:
    """Columns that a bubble chart names and its table lacks."""
    columns = [column.id for column in table.columns]
    for key in ("error", "macs", "time", "size"):
        name = getattr(figure, key)
        if name and name not in columns:
            yield (*where, key), f"{table.id} has no column {name!r}{nearest(name, columns)}"


def _untrained(where: tuple, figure: Figure, tables: Sequence[Table]) -> Iterator[Mistake]:
    """Runs that a figure shows and no table asks for: they would never be trained. Baselines come with every table."""
    asking = [t for t in tables if any(isinstance(c, LiftingColumn) and c.input == figure.input for c in t.columns)]
    runs = {(row.variant, row.recipe) for table in asking for row in table.rows}
    for variant in figure.variants or (figure.variant,):
        baseline = resolve_variants()[variant].family == "baselines"
        if (variant, figure.recipe) not in runs and not baseline:
            yield (
                where,
                f"no table trains {variant} by recipe {figure.recipe} on {figure.input} input; add a row for it",
            )
