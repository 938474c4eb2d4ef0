"""What reports say of runs and counts that failed: the word in the cell, the reason and the log beside it."""

import json
from pathlib import Path

import pandas as pd
import pytest
from demo_results import DEMO, OPTIONS, RECORDED, by_place, judged, record_rows, whole
from demo_site import write_report

from reports.audit.ledger import make_ledger
from reports.measurements import Choice, pick, read_measurements
from reports.site.build import write_site
from reports.summary import summary_lines
from reports.tables.cell import Cell
from reports.tables.judge import judge, judge_studies
from reports.tables.layout import make_view
from reports.tables.numbers import Numbers
from reports.tables.writers import write_tables
from studies.types import Study

DATA = "synthetic-sh-like"
RUN = [DATA, "posemamba-s", "posemamba"]
ALL = {
    "job": "pretrain x",
    "log": "a/train.log",
    "why": "the loss is nan",
    "runs": [[*RUN, seed] for seed in (2, 0, 1)],
}
ONE = {"job": "train_run y", "log": "b/train.log", "why": "it was killed", "runs": [[*RUN, 1]]}
COUNTS = {"job": "count z", "log": "c.log", "why": "RuntimeError: broken", "counts": ["posemamba-b"]}


def without(measurements: pd.DataFrame, *seeds: int) -> pd.DataFrame:
    """Measurements without those seeds of RUN."""
    mine = pick(measurements, dataset=RUN[0], variant=RUN[1], recipe=RUN[2])
    return measurements.drop(mine.index[mine["seed"].isin(seeds)])


def cells_of(demo: Study, measurements: pd.DataFrame, failed: list[dict]) -> tuple[Cell, ...]:
    return judged(demo, demo.table("table1"), measurements, failed=failed)


def texts(demo: Study, cells: tuple[Cell, ...], row: str, column: str) -> object:
    """A cell as pages show it."""
    table = demo.table("table1")
    view = make_view(demo, table, cells, Choice(**OPTIONS))
    found = {r.label: r for _, rows in view.sections for r in rows}
    label = table.row(row).label
    return found[label].cells[[c.id for c in table.columns].index(column)], view


def test_a_cell_whose_runs_all_failed_says_so(demo: Study, measurements_csv: Path) -> None:
    cells = cells_of(demo, without(read_measurements(measurements_csv), 0, 1, 2), [ALL])
    cell = by_place(cells)["posemamba-s", "p1"]
    assert cell.verdict == "not run"
    assert cell.why == "failed: seeds 0, 1, 2: pretrain x: the loss is nan (log: a/train.log)"
    shown, view = texts(demo, cells, "posemamba-s", "p1")
    assert shown.measured == "failed"
    assert any("a/train.log" in why for _, why, _ in view.reasons)
    assert "a run or a count failed" in view.notice


def test_a_mean_of_the_seeds_that_ended_says_of_how_many(demo: Study, measurements_csv: Path) -> None:
    measurements = without(read_measurements(measurements_csv), 1)
    cells = cells_of(demo, measurements, [ONE])
    cell = by_place(cells)["posemamba-s", "p1"]
    assert (cell.n, cell.seeds_failed, cell.verdict) == (2, 1, "not comparable")
    assert cell.why.endswith("; failed: seed 1: it was killed (log: b/train.log)")
    shown, view = texts(demo, cells, "posemamba-s", "p1")
    assert shown.spread.endswith("(2 of 3 seeds)")
    assert any("b/train.log" in why for _, why, _ in view.reasons)


def test_a_count_that_failed_says_so_and_others_stay(demo: Study, measurements_csv: Path) -> None:
    measurements = read_measurements(measurements_csv)
    lost = measurements["variant"].eq("posemamba-b") & measurements["run"].eq("")
    cells = by_place(cells_of(demo, measurements[~lost], [COUNTS]))
    assert cells["posemamba-b", "params"].why == "failed: count z: RuntimeError: broken (log: c.log)"
    assert cells["posemamba-s", "params"].verdict == "reproduced"


def test_beside_records_it_is_said_of_what_was_to_be_made_here(demo: Study, measurements_csv: Path) -> None:
    measurements = read_measurements(measurements_csv)
    lost = measurements["variant"].eq("posemamba-b") & measurements["run"].eq("")
    left = without(pd.concat([measurements[~lost], pd.DataFrame(record_rows())]), 0, 1, 2)
    cells = judged(demo, demo.table("table1"), left, **RECORDED | {"failed": [ALL, COUNTS]})
    cell = by_place(cells)["posemamba-s", "p1"]
    assert (cell.verdict, cell.n, cell.here) == ("not comparable", 3, None)
    assert cell.here_why == "failed: seeds 0, 1, 2: pretrain x: the loss is nan (log: a/train.log)"
    assert by_place(cells)["posemamba-b", "params"].why == "failed: count z: RuntimeError: broken (log: c.log)"
    shown, view = texts(demo, cells, "posemamba-s", "p1")
    assert shown.here == "failed"
    reasons = {why: who for verdict, why, who in view.reasons if verdict == "not run"}
    assert reasons[f"trained here, {cell.here_why}"] == "PoseMamba-S (P1↓, P2↓, new bodies)"


def test_without_a_failure_nothing_is_said_of_one(demo: Study, measurements_csv: Path) -> None:
    shown, view = texts(demo, cells_of(demo, read_measurements(measurements_csv), []), "posemamba-s", "p1")
    assert "seeds" not in shown.spread
    assert "failed" not in view.notice


def test_every_format_and_the_summary_say_it(demo: Study, measurements_csv: Path, tmp_path: Path) -> None:
    measurements = without(read_measurements(measurements_csv), 0, 1, 2)
    measurements.to_csv(tmp_path / "measurements.csv", index=False)
    choice = Choice(**OPTIONS, failed=[ALL])
    judge([DEMO], tmp_path / "measurements.csv", "", tmp_path / "cells.csv", choice)
    write_tables([DEMO], tmp_path / "cells.csv", tmp_path / "tables", choice)
    for kind in ("csv", "md", "tex", "json"):
        text = (tmp_path / f"tables/demo-table1.{kind}").read_text(encoding="utf-8")
        assert "failed" in text, kind
        assert "a/train.log" in text, kind
    assert any("cells say that something failed" in line for line in summary_lines(tmp_path, whole(tmp_path)))


def test_the_ledger_says_it(demo: Study, measurements_csv: Path) -> None:
    measurements = without(read_measurements(measurements_csv), 0, 1, 2)
    cells = judge_studies([demo], Numbers(measurements, Choice(**OPTIONS, failed=[ALL])))
    assert make_ledger([DEMO], cells).claims["demo/table1/posemamba-s/p1"].why.startswith("failed: seeds 0, 1, 2: ")


def test_the_site_lists_failed_jobs_and_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    report = write_report(tmp_path)
    (report / "comparisons.csv").unlink()  # comparing failed as well
    write_site([DEMO], report, report / "site", Choice(**OPTIONS, failed=[ONE | {"why": "<b>"}, COUNTS]))
    overview, runs = (report.joinpath("site", name).read_text(encoding="utf-8") for name in ("index.html", "runs.html"))
    assert "2 failed jobs" in overview
    assert "train_run y: &lt;b&gt; (<code>b/train.log</code>)" in overview
    assert "seed 1 failed: &lt;b&gt; (<code>b/train.log</code>)" in runs
    assert json.loads((report / "audit/audit.json").read_text(encoding="utf-8"))
