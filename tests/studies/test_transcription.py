"""The studies say what the papers print: counted, re-read from the papers' text, and recomputed from closed forms."""

import re

import pytest

from studies.load import load_study
from studies.printed import agrees, parse_printed
from studies.types import CountColumn
from studies.variants import resolve_variants

ROWS = {
    "posemamba": {"table1": 18, "table2": 4, "table3": 16, "table4": 6, "table5": 4, "table6": 13},
    "sasmamba": {"main": 19},
    "open-motion": {"lifting": 5},
}
# A row of PoseMamba's tables in the paper's text: what follows its label.
PRINTED_ROW = {
    "table1": "{frames} {centre_only} {params} {macs} {macs_frame} {p1}/{p2} {p1_gt}",
    "table2": "{layers} {width} {frames} {params} {macs}",
    "table3": "{frames} {p1}",
    "table4": "{params} {macs} {p1}",
    "table5": "{p1}/{p2}",
    "table6": "{layers} {width} {params} {macs} {p1}",
}
HEADING = {
    "table1": "Method T CE Param MACs",
    "table2": "Method N dm T Params MACs",
    "table3": "Method T MPJPE↓",
    "table4": "Spatial-Temporal Modeling Strategy Params MACs MPJPE",
    "table5": "Loss MPJPE↓ /PMPJPE↓",
    "table6": "Depth dm Param MACs P1",
}
MARKS = {"yes": "✓", "no": "×"}
# Cells without a text of their own: the paper's rows have no label there.
UNLABELLED = {"table6"}


def tables(name):
    return {table.id: table for table in load_study(name).tables}


def paper_text(shared, word):
    """Text of the paper that names `word` in its table of documents."""
    listing = (shared / "papers/README.md").read_text(encoding="utf-8")
    name = next(line.split("|")[1].strip() for line in listing.splitlines() if f"| {word} (" in line)
    return (shared / "papers" / name).read_text(encoding="utf-8")


def flowing(text):
    """Text without line breaks and the hyphens at them."""
    return " ".join(text.replace("-\n", "").split())


@pytest.mark.parametrize("name", ROWS)
def test_every_row_is_there(name):
    assert {table_id: len(table.rows) for table_id, table in tables(name).items()} == ROWS[name]


@pytest.mark.parametrize("name", ["posemamba", "sasmamba"])
def test_every_row_fills_every_column(name):
    for table in tables(name).values():
        for row in table.rows:
            assert list(row.cells) == [column.id for column in table.columns], (table.id, row.id)


@pytest.mark.shared
@pytest.mark.parametrize("table_id", ROWS["posemamba"])
def test_posemamba_against_the_papers_text(shared, table_id):
    """Each line between heading and caption is a row, in order: its label, then exactly the transcribed cells."""
    table = tables("posemamba")[table_id]
    text = paper_text(shared, "PoseMamba")
    number = table.number
    heading, caption = text.index(HEADING[table_id]), text.index(f"Table {number}: ")
    lines = [line.strip() for line in text[heading:caption].splitlines()[1:] if line.strip()]
    assert len(lines) == len(table.rows)
    for line, row in zip(lines, table.rows, strict=True):
        cells = {key: MARKS.get(cell, cell) for key, cell in row.cells.items()}
        values = PRINTED_ROW[table_id].format(**cells)
        assert re.fullmatch(r"(.*\s)?" + re.escape(values), line), (line, values)
        label = line.removesuffix(values).removeprefix("*").strip()
        if table_id not in UNLABELLED:
            assert re.fullmatch(re.escape(row.label) + r"( \(.+\))?( \S+['’]\d\d)?", label), (line, row.label)
            assert row.cite in label.replace("’", "'")
        assert ("hrnet" in row.notes) == line.startswith("*")
    assert flowing(text[caption : caption + 400]).startswith(f"Table {number}: {table.title}.")


@pytest.mark.shared
def test_posemamba_figures_against_the_papers_text(shared):
    shown = re.sub(r" \([^()]+ et al\. \d{4}\)", "", flowing(paper_text(shared, "PoseMamba")))
    figures = {figure.id: figure for figure in load_study("posemamba").figures}
    for name in ("figure1", "figure5"):
        assert f"Figure {figures[name].number}: {figures[name].title}." in shown


@pytest.mark.shared
def test_sasmamba_against_the_pages_text(shared):
    section, found = None, []
    for line in paper_text(shared, "SasMamba").splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")] if line.startswith("|") else []
        if "Models" in line and len(cells) > 1 and not any(cells[1:]):
            section = cells[0]
        elif len(cells) == 10 and section:
            found.append((section, cells))
    rows = tables("sasmamba")["main"].rows
    assert len(found) == len(rows)
    for (printed_section, (label, venue, *printed)), row in zip(found, rows, strict=True):
        ours = [MARKS.get(cell, cell).replace(" ", "") for cell in row.cells.values()]
        assert [cell.replace("✗", "×") for cell in printed] == ours, label
        assert (label, venue, printed_section) == (row.label, row.cite or "-", row.section)
        assert ("reproduced" in row.notes) == ("22.0*" in printed)


def profiler_counts(hyper):
    """PoseMamba's parameters and MACs as the papers' profiler counts them, in closed form."""
    d, blocks, frames = hyper["width"], 2 * hyper["depth"], hyper["frames"]
    return {
        "params": blocks * (10 * d * d + 31 * d) + 12 * d + 3,
        "macs_per_clip": 17 * frames * d * (10 * blocks * d + 38 * blocks + 9),
    }


@pytest.mark.parametrize("table_id", ["table1", "table2", "table4", "table6"])
def test_posemamba_counts_agree_with_the_closed_form(table_id):
    """Every count printed for our variants is the profiler's: a wrong digit or a wrong variant would show."""
    table, checked = tables("posemamba")[table_id], 0
    ours = [row for row in table.rows if row.variant.startswith("posemamba")]
    for row in ours:
        for column in table.columns:
            if isinstance(column, CountColumn) and column.metric in ("params", "macs_per_clip"):
                hyper = resolve_variants()[row.variant].hyper
                printed = parse_printed(row.cells[column.id], column.unit)
                assert agrees(printed, profiler_counts(hyper)[column.metric]), (row.id, column.id)
                checked += 1
    assert checked == 2 * len(ours) > 0


@pytest.mark.parametrize(("name", "table_id"), [("posemamba", t) for t in ROWS["posemamba"]] + [("sasmamba", "main")])
def test_facts_are_those_of_the_variant(name, table_id):
    """Frames, width and layers that a paper prints are the ones that the row's variant has."""
    facts = {"frames": lambda h: h["frames"], "width": lambda h: h["width"], "layers": lambda h: 2 * h["depth"]}
    for row in tables(name)[table_id].rows:
        for fact in facts.keys() & row.cells.keys():
            if row.variant:
                hyper = resolve_variants()[row.variant].hyper
                assert row.cells[fact] == str(facts[fact](hyper)), (row.id, fact)
