"""The first page's picture and search, as data."""

import pytest
from demo_results import DEMO

from reports.site.overview import Axis, Gap, axis_of, gaps, search_index
from reports.tables.cell import Cell
from studies.load import load_study


def cell(row: str, printed: float, true: float | None, column: str = "macs_frame") -> Cell:
    about = {
        "study": "demo",
        "table": "table1",
        "row_label": row,
        "section": "",
        "column_label": "",
        "kind": "efficiency",
    }
    texts = {"printed": f"{printed:g} M", "printed_value": printed, "decimals": 0, "unit": "M"}
    return Cell(row=row, column=column, also_true=true, **about, **texts)


def test_gaps_are_of_macs_a_frame_the_largest_factor_first_and_the_same_number_once() -> None:
    cells = [
        cell("posemamba-s", 15, 30),
        cell("posemamba-b", 10, 200),
        cell("posemamba-s", 15, 30),
        cell("posemamba-x", 10, None),  # not counted
        cell("posemamba-s", 3000, 6000, "macs"),  # of a clip
    ]
    found = gaps([load_study(DEMO)], cells)
    assert [(gap.variant, gap.printed, gap.true) for gap in found] == [
        ("posemamba-b", 1e7, 2e8),
        ("posemamba-s", 1.5e7, 3e7),
    ]
    assert [gap.factor for gap in found] == [20, 2]
    assert found[0].true_text == "200.000 M"
    assert {gap.label for gap in found} == {"posemamba-b", "posemamba-s"}
    demo = load_study(DEMO)
    twice = gaps([demo], [*cells, cell("posemamba-s", 16, 30)])
    assert [gap.label for gap in twice] == ["posemamba-b", *[f"posemamba-s, in {demo.label}"] * 2]


def test_the_axis_holds_every_gap_and_marks_powers_of_ten() -> None:
    axis = axis_of([Gap("a", "a", 2e6, 3e8, ""), Gap("b", "b", 5e7, 4e9, "")])
    assert axis == Axis(6, 10)
    assert axis.at(1e8) == pytest.approx(0.5)
    assert axis.ticks == [(0, "1 M"), (0.25, "10 M"), (0.5, "100 M"), (0.75, "1 G"), (1, "10 G")]
    assert axis_of([Gap("a", "a", 1e9, 1e9, "")]) == Axis(9, 10)
    assert axis_of([]) is None


def test_the_search_finds_findings_and_terms_by_further_words() -> None:
    index = list(search_index([], [], [], [{"id": "limb-order", "title": "Limbs"}], [], []))
    assert ("Limbs", "finding", "audit.html#limb-order", "limb-order") in index
    (term,) = (entry for entry in index if entry[0] == "P1, MPJPE")
    assert term[1:3] == ("term", "docs/glossary.html#p1")
    assert "root joint" in term[3]
