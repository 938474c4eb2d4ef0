"""Records in tables, figures and pages: set apart from what was trained here, and with what became of them."""

import base64
import json
import re
from pathlib import Path

import numpy as np
import pytest
from demo_results import DEMO, OPTIONS, RECORDED, by_place, judged, whole
from demo_site import REPORT, STALE_RECORD, write_report

from base.errors import InputError
from datasets.lifting import load
from metrics.lifting import image_millimetres
from reports.figures import read_sources, write_figure
from reports.figures.leaderboard import places
from reports.measurements import Choice, read_measurements
from reports.records import DIFFERS, EVALUATED, STALE, State, read_kept, write_kept
from reports.records import RECORDED as KEPT
from reports.site.build import write_site
from reports.site.viewers.poses import poses_view
from reports.summary import MOST, summary_lines
from reports.tables.cell import Cell, of_table, read_cells
from reports.tables.layout import CellView, View, make_view
from reports.tables.writers import LATEX_CHARACTERS
from studies.load import load_study
from studies.types import Figure, Study

CHOICE = Choice(**RECORDED)
BEHIND = "records/small/cmu-sh-like/posemamba-s/posemamba/seed0"


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("recorded")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        report = write_report(folder, RECORDED)
        write_site([DEMO], report, report / "site", CHOICE)
    return folder


@pytest.fixture(autouse=True)
def _inside(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(root)


@pytest.fixture
def cells() -> tuple[Cell, ...]:
    return of_table(read_cells(REPORT / "cells.csv"), "demo", "table1")


@pytest.fixture
def view(cells: tuple[Cell, ...]) -> View:
    study = load_study(DEMO)
    return make_view(study, study.table("table1"), cells, CHOICE)


def shown(view: View, row: str, column: str) -> CellView:
    rows = {r.label: r for _, rows in view.sections for r in rows}
    return rows[row].cells[[heading.label for heading in view.headings].index(column)]


def page(name: str) -> str:
    return (REPORT / "site" / name).read_text(encoding="utf-8")


def test_a_cell_has_the_record_and_beside_it_what_was_trained_here(view: View, cells: tuple[Cell, ...]) -> None:
    cell = next(cell for cell in cells if (cell.row, cell.column) == ("posemamba-s", "p1"))
    assert (cell.scale, cell.dataset, cell.convention) == ("small", "cmu-sh-like", "human36m/test/last")
    assert (cell.here_data, cell.here_n) == ("synthetic-sh-like", 3)
    assert abs(cell.measured - 0.8 * cell.here) < 3
    text = shown(view, "PoseMamba-S", "P1↓")
    assert (text.measured, text.here) == (f"{cell.measured:.1f}", f"{cell.here:.1f}")
    assert text.runs[0] == BEHIND
    assert text.mark == "•"
    assert {h.label: h.measured for h in view.headings}["P1↓"] == "recorded"
    assert {h.label: h.measured for h in view.headings}["MACs"] == "measured"
    assert view.caption.count("records of scale small, data cmu-sh-like") == 1
    assert view.here.startswith("here: what was trained on this machine (scale quick, synthetic-sh-like")
    for kind in ("md", "tex", "json"):
        written = (REPORT / f"tables/demo-table1.{kind}").read_text(encoding="utf-8")
        assert f"here {text.here}" in written or f'"here":{cell.here}' in written
        assert view.here in written


def test_a_stale_record_is_called_so_wherever_its_number_stands(view: View) -> None:
    text = shown(view, "SasMamba", "P1↓")
    assert (text.record, text.mark) == (STALE, "stale")
    assert ("stale", "its loss is <not> what it was", "SasMamba (P1↓, P2↓)") in view.record_reasons
    assert [state for _, state, _ in view.records] == [KEPT, STALE]
    for kind in ("md", "tex", "csv", "json"):
        assert "stale" in (REPORT / f"tables/demo-table1.{kind}").read_text(encoding="utf-8"), kind
    for name in ("demo.html", "records.html", "records/cmu-sh-like.sasmamba.sasmamba.html"):
        assert "its loss is &lt;not&gt; what it was" in page(name)
    line = f"  {STALE_RECORD}: stale: its loss is <not> what it was"
    assert line in summary_lines(REPORT, whole(REPORT))


def test_the_summary_and_the_first_page_count_records_and_do_not_list_a_hundred(tmp_path: Path) -> None:
    told = "63 records: 21 evaluated here, 21 with the recorded result, 1 stale"
    assert told in summary_lines(REPORT, whole(REPORT))
    assert told in page("index.html")
    kept = read_kept(REPORT / "records.csv")
    for name in ("cells.csv", "orders.csv"):
        (tmp_path / name).write_bytes((REPORT / name).read_bytes())
    write_kept(tmp_path / "records.csv", dict.fromkeys(kept, State(STALE, "x")))
    lines = summary_lines(tmp_path, whole(tmp_path))
    assert sum(line.endswith(": stale: x") for line in lines) == MOST
    assert f"  and {len(kept) - MOST} more, in {tmp_path / 'records.csv'}" in lines


def test_what_became_of_records_survives_its_file_and_damage_is_named(tmp_path: Path) -> None:
    states = {"a": State(), "b": State(DIFFERS, "x, y"), "c": State(EVALUATED)}
    assert read_kept(write_kept(tmp_path / "records.csv", states)) == states
    assert read_kept(tmp_path / "none.csv") == {}
    (tmp_path / "records.csv").write_text("folder,state,why\na,good,\n")
    with pytest.raises(InputError, match=r"records\.csv: unknown state 'good'"):
        read_kept(tmp_path / "records.csv")


def test_a_cell_that_was_not_run_says_why_in_two_words(view: View) -> None:
    assert shown(view, "MHFormer", "P1↓").measured == "no implementation"
    assert shown(view, "DC-GCT", "P2↓").measured == "–"  # the paper prints nothing there
    missing = [cell for row in view.sections[0][1] for cell in row.cells if cell.missing]
    assert {cell.measured for cell in missing} == {"no implementation", "no split"}


def test_what_is_not_recorded_says_what_trains_it(demo: Study, measurements_csv: Path) -> None:
    cells = by_place(judged(demo, demo.table("table1"), read_measurements(measurements_csv), records=CHOICE.records))
    cell = cells["posemamba-s", "p1"]
    assert (cell.verdict, cell.missing) == ("not run", "not recorded")
    assert cell.why == "not recorded yet; `make record scale=small motion=cmu` trains what is missing"
    assert cell.here > 0


def test_a_network_that_is_worse_than_the_mean_pose_did_not_learn(view: View, cells: tuple[Cell, ...]) -> None:
    text = shown(view, "PoseMamba-X", "P1↓")
    assert (text.outcome, text.compared, text.gain) == ("did not learn", "did not learn", "")
    assert shown(view, "PoseMamba-S", "P1↓").compared == ""
    assert shown(view, "Mean training pose", "P1↓").compared == ""
    for kind in ("md", "tex"):
        assert "did not learn" in (REPORT / f"tables/demo-table1.{kind}").read_text(encoding="utf-8")
    figure = Figure(id="f", number=None, kind="leaderboard", title="F", table="table1", error="p1", size="params")
    assert [place.label for place in places(cells, figure, "macs")] == ["PoseMamba-S", "PoseMamba-B", "SasMamba"]


def test_a_record_has_a_page_with_its_curve_provenance_and_commands() -> None:
    text = page("records/cmu-sh-like.posemamba-s.posemamba.html")
    for said in (
        "<code>make train scale=small motion=cmu variants=posemamba-s seeds=0,1,2</code>",
        "<code>.venv/bin/python -m workflow run results/runs/small/cmu-sh-like/posemamba-s/posemamba/seed1/run.json "
        "--config scale=small motion=cmu</code>",
        "its weights were too large to keep",
        "torch 2.13.0",
        "12.5 s",
        "human36m/test/last",
        "trained before; not evaluated here",
    ):
        assert said in text
    curve = json.loads(re.search(r'<script type="application/json">(.*?)</script>', text)[1])
    assert curve["data"][0]["x"] == [250, 500, 750, 1000, 1250]
    name = "sh-like.posemamba-s.posemamba.html#seed0"
    assert f'href="records/cmu-{name}" title="3 records behind it"' in page("demo.html")
    assert f'href="runs/synthetic-{name}"' in page("demo.html")
    assert "records/" not in page("runs.html").split("<main")[1]
    assert page("records.html").count("<tr><th") == 1 + 63 / 3  # seeds are columns


def test_curves_are_the_records_by_step_with_a_band_over_the_seeds() -> None:
    first = re.search(r'<script type="application/json">(.*?)</script>', page("curves.html"))
    band, line = json.loads(first[1])["data"][:2]
    histories = [load_history(f"records/small/cmu-sh-like/posemamba-s/posemamba/seed{seed}") for seed in range(3)]
    assert line["name"] == band["name"] == "PoseMamba-S"
    assert line["x"] == [250, 500, 750, 1000, 1250]
    assert line["y"] == pytest.approx(np.mean(histories, axis=0), abs=1e-3)
    assert band["y"] == pytest.approx([*np.max(histories, axis=0), *np.min(histories, axis=0)[::-1]], abs=1e-3)
    assert "cmu-sh-like" in page("curves.html")
    svg, _ = write_figure(DEMO, "curves", read_sources(REPORT, CHOICE), Path("curves"))
    assert "Validation error by step at scale small on cmu-sh-like" in svg.read_text(encoding="utf-8")


def load_history(folder: str) -> np.ndarray:
    return np.genfromtxt(Path(folder, "history.csv"), delimiter=",", names=True)["val_mpjpe"]


def test_the_player_opens_on_a_record_that_was_evaluated_here() -> None:
    player = poses_view(REPORT, CHOICE).data
    assert [run["label"] for run in player["runs"]] == [f"PoseMamba-{size}, recipe posemamba" for size in "SB"]
    assert all(10 < error < 50 for run in player["runs"] for error in run["error"])
    assert player["runs"][0]["page"] == "records/synthetic-sh-like.posemamba-s.posemamba.html#seed0"
    with np.load("results/records/evaluated/synthetic-sh-like.npz") as arrays:
        rows, outputs = arrays["rows"], arrays["records/small/synthetic-sh-like/posemamba-s/posemamba/seed0"]
    split = load(Path("data/prepared/synthetic-sh-like/test")).take(rows)
    expected = image_millimetres(outputs, split.factor, 1000, 1000)
    poses = np.frombuffer(base64.b64decode(player["runs"][0]["poses"][0]), "<i2").reshape(-1, 17, 3)
    assert len(poses) == len(rows)  # only those frames are known
    assert poses == pytest.approx(expected, abs=0.5)


def test_predictions_of_other_data_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    report = Path(REPORT).resolve()
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data").symlink_to(report.parents[2] / "data")
    path = Path("results/records/evaluated/synthetic-sh-like.npz")
    path.parent.mkdir(parents=True)
    for arrays, said in (
        ({"rows": np.array([0, 60])}, "is of other data"),
        ({"x": np.zeros(1)}, "has no array 'rows'"),
    ):
        np.savez(path, **arrays)
        with pytest.raises(InputError, match=rf"synthetic-sh-like\.npz: {said}; delete it and run `make` again"):
            poses_view(report, CHOICE)


def test_without_an_evaluated_record_the_player_shows_what_was_trained_here(tmp_path: Path) -> None:
    (tmp_path / "measurements.csv").write_bytes((REPORT / "measurements.csv").read_bytes())
    write_kept(tmp_path / "records.csv", dict.fromkeys(read_kept(REPORT / "records.csv"), State(DIFFERS, "x")))
    player = poses_view(tmp_path, CHOICE)
    assert player.data["runs"][0]["label"] == "PoseMamba-S, recipe posemamba"
    assert player.data["runs"][0]["page"].startswith("runs/")
    assert "trained here at scale quick" in player.note


def test_every_mark_is_written_in_latex(view: View) -> None:
    assert all(mark.isascii() or mark in LATEX_CHARACTERS for mark, _, _ in view.records)


def test_without_records_pages_say_nothing_of_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    report = write_report(tmp_path)
    write_site([DEMO], report, report / "site", Choice(**OPTIONS))
    assert not (report / "site/records.html").exists()
    assert "recorded" not in (report / "site/demo.html").read_text(encoding="utf-8")
    assert not any(" records:" in line for line in summary_lines(report, whole(report)))
