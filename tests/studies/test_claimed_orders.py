"""Claims of order: transcribed faithfully, each pair of networks once, and every mistake in one line."""

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from test_transcription import flowing, paper_text

from base.errors import InputError
from base.reading import ROOT
from studies.load import load_study, study_names
from studies.types import Order, Table

PAPERS = {"posemamba": "PoseMamba", "sasmamba": "SasMamba", "glsmamba": "GLSMamba"}
STUDY = """
study: paper
title: A paper
venue: null
link: null
tables:
  - id: main
    number: 1
    title: Comparison
    benchmark: human36m
    columns:
      - {id: frames, label: T, kind: fact}
      - {id: params, label: Params, kind: efficiency, metric: params, convention: paper, unit: M}
      - {id: p1, label: P1, kind: accuracy, metric: mpjpe, protocol: human36m, input: detected, unit: mm}
      - {id: p2, label: P2, kind: accuracy, metric: p_mpjpe, protocol: human36m, input: detected, unit: mm}
      - {id: gt, label: P1, kind: accuracy, metric: mpjpe, protocol: human36m, input: gt, unit: mm}
      - {id: auc, label: AUC, kind: accuracy, metric: auc3d, protocol: human36m, input: gt, unit: "%"}
    rows:
      - {id: counted, label: Counted, variant: posemamba-x, trained: false, cells: {p1: "30.0"}}
      - id: small
        label: Ours
        variant: posemamba-s
        recipe: posemamba
        cells: {frames: "27", p1: "41.85", auc: "60.0", p2: "-"}
      - id: large
        label: Ours
        variant: posemamba-l
        recipe: posemamba
        cells: {frames: "81", p1: "38.1", auc: "60.5", p2: "30"}
    orders:
      - {better: large, worse: small, column: p1, judged: gt, place: Text, quote: larger is better}
      - {better: large, worse: small, column: auc}
"""


def write(folder: Path, old: str = "", new: str = "") -> Path:
    assert old in STUDY
    path = folder / "paper.yaml"
    path.write_text(STUDY.replace(old, new, 1), encoding="utf-8")
    return path


def all_orders() -> Iterator[tuple[str, Table, Order]]:
    for name in study_names():
        for table in load_study(name).tables:
            yield from ((name, table, order) for order in table.orders)


def test_an_order_loads_as_written_and_leads_by_what_is_printed(tmp_path: Path) -> None:
    table = load_study(write(tmp_path)).table("main")
    first, second = table.orders
    assert (first.id, first.judged, first.place) == ("large-over-small/p1", "gt", "Text")
    assert (second.judged, second.quote) == ("auc", "")
    assert [str(table.lead(order)) for order in table.orders] == ["3.75", "0.5"]  # more is better of the second
    assert [table.name(row) for row in ("large", "small", "counted")] == ["Ours, T 81", "Ours, T 27", "Counted"]


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("better: large", "better: lage", "orders[0].better: there is no trained row 'lage'; did you mean 'large'?"),
        ("worse: small", "worse: counted", "orders[0].worse: there is no trained row 'counted'; known: small, large"),
        ("column: p1", "column: params", "orders[0].column: there is no column of accuracies 'params'"),
        ("judged: gt", "judged: frames", "orders[0].judged: there is no column of accuracies 'frames'"),
        ("judged: gt", "judged: p2", "orders[0].judged: 'p2' has another metric or unit than 'p1'"),
        (
            "better: large, worse: small",
            "better: small, worse: large",
            "does not print small as better than large",
        ),
        ("better: large, worse: small", "better: small, worse: small", "does not print small as better than small"),
        ("column: p1, judged: gt", "column: p2", "does not print large as better than small in p2"),
        ("column: auc", "column: p1", "orders[1].id: 'large-over-small/p1' stands twice; ids must differ"),
        (", place: Text", "", "'place' is a dependency of 'quote'"),
        ("worse: small, column: auc", "wors: small, column: auc", "unknown key 'wors'; did you mean 'worse'?"),
    ],
)
def test_a_mistake_in_an_order_ends_in_one_line(tmp_path: Path, old: str, new: str, expected: str) -> None:
    with pytest.raises(InputError) as error:
        load_study(write(tmp_path, old, new))
    assert "tables[0]" in str(error.value)
    assert expected in str(error.value)
    assert "\n" not in str(error.value)


def test_each_pair_of_networks_is_compared_once_in_a_metric() -> None:
    compared = Counter()
    for _, table, order in all_orders():
        rows = frozenset((table.row(row).variant, table.row(row).recipe) for row in (order.better, order.worse))
        column = vars(table.column(order.judged)) | {"id": "", "label": ""}
        compared[rows, str(column)] += 1
    assert [pair for pair, times in compared.items() if times > 1] == []
    assert all(len(rows) == 2 for rows, _ in compared)


def test_orders_of_sizes_are_of_one_size_at_a_time() -> None:
    table = load_study("posemamba").table("table6")
    for order in table.orders:
        sizes = [[table.row(row).cells[key] for key in ("layers", "width")] for row in (order.better, order.worse)]
        grown = [int(one) - int(other) for one, other in zip(*sizes, strict=True)]
        assert sorted(map(bool, grown)) == [False, True], order.id
        assert sum(grown) > 0, order.id  # the larger one is ahead


def test_the_docs_list_every_order_and_no_other() -> None:
    text = (ROOT / "docs/claims.md").read_text(encoding="utf-8")
    listed = re.findall(r"^\| .+ \| .+ \| .+ \| [\d.]+ (?:mm|points) \| .+ \|$", text, re.MULTILINE)
    expected = []
    for name in PAPERS:
        for _, table, order in (each for each in all_orders() if each[0] == name):
            column, rows = table.column(order.column), [table.name(row) for row in (order.better, order.worse)]
            lead = f"{table.lead(order)} {'points' if column.unit == '%' else column.unit}"
            expected.append(f"| {' | '.join([*rows, column.label, lead, order.place or 'the table'])} |")
    assert listed == expected
    assert len(listed) == sum(1 for _ in all_orders())


def plain(text: str) -> str:
    """Text without line breaks, hyphens (some stood at the end of a line) and LaTeX's fractions."""
    return flowing(re.sub(r"\\\(\\frac\{1\}\{(\d+)\}\\\)", r"1/\1", text)).replace("-", "")


@pytest.mark.shared
def test_quotes_are_verbatim_and_stand_in_their_section(shared: Path) -> None:
    quoted = {(name, order.place, order.quote) for name, _, order in all_orders() if order.quote}
    assert len(quoted) > 8
    for name, place, quote in quoted:
        text = plain(paper_text(shared, PAPERS[name]))
        assert plain(quote) in text, quote
        assert text.index(place) < text.index(plain(quote))
