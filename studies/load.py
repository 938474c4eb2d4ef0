"""Studies and recipes: loaded, checked against their schemas and against each other.

Every mistake ends in one InputError line: file, place in the file, what is wrong, and the nearest known name.
Imported while Snakemake parses the workflow: nothing heavy may be imported here.
"""

from collections.abc import Iterator
from pathlib import Path

from base.errors import InputError
from base.foreign import data_files
from base.reading import ROOT, check_schema, display, nearest, place, read_yaml
from studies.benchmarks import VIDEO_STANDS_FOR
from studies.printed import OUT_OF_MEMORY, parse_printed
from studies.recipes import recipes
from studies.variants import resolve_variants

STUDIES = ROOT / "studies"
CLAIMS = STUDIES / "claims.yaml"  # what papers say in their text; read by reports/audit
FINDINGS = STUDIES / "findings.yaml"  # what the audit says; read by studies/findings.py
NO_STUDIES = ("variants", "recipes", "scales", "claims", "findings")


def study_names() -> list[str]:
    """Names of the studies in `studies/`, sorted."""
    return sorted(path.stem for path in data_files(STUDIES, "*.yaml") if path.stem not in NO_STUDIES)


def load_study(name_or_path: str | Path) -> dict:
    """A study as its file says it (workflow/schemas/study.schema.yaml), checked.

    Each column of accuracies has besides, as `about`, the data set of the papers that it is about, or None.

    name_or_path: a name of `study_names()`, or the path of a YAML file.
    Raises InputError for an unknown name, an unreadable file, or the first mistake in it: unknown or missing keys,
    ids given twice, cells of no column, values that are no numbers, names of variants, recipes, tables, columns,
    footnotes or runs that do not exist.
    """
    path = _study_path(name_or_path)
    study = read_yaml(path)
    check_schema(study, "study", path)
    resolve_variants()
    for where, what in _mistakes(study, path.stem):
        raise InputError(f"{display(path)}: {place(where)}: {what}")
    _say_what_columns_are_about(study)
    return study


def _say_what_columns_are_about(study: dict) -> None:
    """A column is then enough to know what it is measured on at scale `paper`.

    Our rendered videos stand for PoseTrack2017 in a study that prints numbers for videos; a study of ours has none.
    """
    columns = [(table, column) for table in study["tables"] for column in table["columns"]]
    prints = any(column.get("benchmark", "video") != "video" for _, column in columns)
    for table, column in columns:
        if "input" in column:
            column["about"] = table["benchmark"]
        elif "benchmark" in column:
            rendered = VIDEO_STANDS_FOR if prints else None
            column["about"] = rendered if column["benchmark"] == "video" else column["benchmark"]


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


def _mistakes(study: dict, stem: str) -> Iterator[Mistake]:
    if study["study"] != stem:
        yield ("study",), f"is {study['study']!r}, but the file is {stem}.yaml; the two must be the same"
    yield from _repeated(("tables",), study["tables"])
    for i, table in enumerate(study["tables"]):
        yield from _table_mistakes(("tables", i), table)
    figures = study.get("figures", [])
    yield from _repeated(("figures",), figures)
    for i, figure in enumerate(figures):
        yield from _figure_mistakes(("figures", i), figure, study["tables"])


def _repeated(where: tuple, items: list[dict]) -> Iterator[Mistake]:
    """Items whose id an earlier one has."""
    seen: set[str] = set()
    for i, item in enumerate(items):
        if item["id"] in seen:
            yield (*where, i, "id"), f"{item['id']!r} stands twice; ids must differ"
        seen.add(item["id"])


def _table_mistakes(where: tuple, table: dict) -> Iterator[Mistake]:
    columns = {column["id"]: column for column in table["columns"]}
    trained = any(column["kind"] == "accuracy" for column in table["columns"])
    yield from _repeated((*where, "columns"), table["columns"])
    yield from _repeated((*where, "rows"), table["rows"])
    yield from _memory_mistakes(where, table)
    ids = [row["id"] for row in table["rows"]]
    if table.get("reference", ids[0]) not in ids:
        yield (*where, "reference"), f"there is no row {table['reference']!r}{nearest(table['reference'], ids)}"
    if table.get("sorted_by", next(iter(columns))) not in columns:
        yield (*where, "sorted_by"), f"there is no column {table['sorted_by']!r}{nearest(table['sorted_by'], columns)}"
    for i, row in enumerate(table["rows"]):
        at = (*where, "rows", i)
        yield from _unknown_names(at, row)
        if trained and "variant" in row and not {"recipe", "trained"} & row.keys() and not _does_not_fit(row):
            yield (
                at,
                "key 'recipe' is missing: the table has accuracies, so its variants are trained (or trained: false)",
            )
        for note in row.get("notes", []):
            if note not in table.get("footnotes", {}):
                yield (*at, "notes"), f"unknown footnote {note!r}{nearest(note, table.get('footnotes', {}))}"
        yield from _cell_mistakes((*at, "cells"), row.get("cells", {}), columns)


def _does_not_fit(row: dict) -> bool:
    return OUT_OF_MEMORY in row.get("cells", {}).values()


def _memory_mistakes(where: tuple, table: dict) -> Iterator[Mistake]:
    """A printed "OOM" can only be judged where the memory of the paper's device is known."""
    if "device_memory" in table:
        try:
            parse_printed(table["device_memory"], "GiB")
        except InputError as error:
            yield (*where, "device_memory"), str(error)
    elif any(OUT_OF_MEMORY in row.get("cells", {}).values() for row in table["rows"]):
        yield where, f"key 'device_memory' is missing: a row prints {OUT_OF_MEMORY}"


def _cell_mistakes(where: tuple, cells: dict[str, str], columns: dict[str, dict]) -> Iterator[Mistake]:
    for key, text in cells.items():
        if key not in columns:
            yield (*where, key), f"there is no column {key!r}{nearest(key, columns)}"
        elif columns[key]["kind"] != "fact":
            try:
                parse_printed(text, columns[key]["unit"])
            except InputError as error:
                yield (*where, key), str(error)


def _unknown_names(where: tuple, item: dict) -> Iterator[Mistake]:
    """Variants and recipes that a row or figure names and that do not exist."""
    for key, known in (
        ("variant", resolve_variants()),
        ("variants", resolve_variants()),
        ("recipe", recipes()),
    ):
        named = item.get(key, [])
        for name in [named] if isinstance(named, str) else named:
            if name not in known:
                yield (*where, key), f"unknown {key.removesuffix('s')} {name!r}{nearest(name, known)}"


def _figure_mistakes(where: tuple, figure: dict, tables: list[dict]) -> Iterator[Mistake]:
    by_id = {table["id"]: table for table in tables}
    yield from _unknown_names(where, figure)
    for name in figure.get("tables", [figure["table"]] if "table" in figure else []):
        if name not in by_id:
            yield (*where, "table" if "table" in figure else "tables"), f"unknown table {name!r}{nearest(name, by_id)}"
    if "table" in figure:
        yield from _unknown_columns(where, figure, by_id[figure["table"]])
    if "recipe" in figure:
        yield from _untrained(where, figure, tables)


def _unknown_columns(where: tuple, figure: dict, table: dict) -> Iterator[Mistake]:
    """Columns that a bubble chart names and its table lacks."""
    columns = [column["id"] for column in table["columns"]]
    for key in ("error", "macs", "time", "size"):
        if key in figure and figure[key] not in columns:
            yield (*where, key), f"{table['id']} has no column {figure[key]!r}{nearest(figure[key], columns)}"


def _untrained(where: tuple, figure: dict, tables: list[dict]) -> Iterator[Mistake]:
    """Runs that a figure shows and no table asks for: they would never be trained. Baselines come with every table."""
    recipe, keypoints = figure["recipe"], figure["input"]
    runs = set(_runs(tables, keypoints))
    for variant in figure.get("variants", [figure.get("variant")]):
        baseline = variant in resolve_variants() and resolve_variants()[variant].family == "baselines"
        if (variant, recipe) not in runs and not baseline:
            yield where, f"no table trains {variant} by recipe {recipe} on {keypoints} input; add a row for it"


def _runs(tables: list[dict], keypoints: str) -> Iterator[tuple[str, str]]:
    """(variant, recipe) of the runs on one kind of input that the tables ask for."""
    for table in tables:
        inputs = {column["input"] for column in table["columns"] if "input" in column}
        if keypoints in inputs:
            yield from ((row["variant"], row["recipe"]) for row in table["rows"] if "recipe" in row)
