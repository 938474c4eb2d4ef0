"""Tables: the right number in each cell, an honest verdict on it, and files that readers can use."""

import math
import os
import re
import subprocess
from shutil import which

import pandas as pd
import pytest
from demo_results import DEMO, OPTIONS, by_place, judged, whole

from base.errors import InputError
from reports.measurements import Choice, read_measurements, summarise
from reports.orders.judge import judge as judge_orders
from reports.orders.writers import write_lists
from reports.site.pages import environment
from reports.summary import summary_lines
from reports.tables.cell import of_table, read_cells
from reports.tables.judge import judge
from reports.tables.layout import make_view
from reports.tables.rows import with_official
from reports.tables.writers import latex, markdown, tex, write_tables
from studies.load import load_study, study_names
from studies.types import LiftingColumn, Row, Table

CHOICE = Choice(**OPTIONS)


@pytest.fixture(scope="module")
def cells(demo, measurements_csv):
    return judged(demo, demo.table("table1"), read_measurements(measurements_csv))


@pytest.fixture(scope="module")
def at(cells):
    return by_place(cells)


@pytest.fixture(scope="module")
def written(measurements_csv, tmp_path_factory):
    folder = tmp_path_factory.mktemp("report")
    judge([DEMO], measurements_csv, "", folder / "cells.csv", CHOICE)
    write_tables([DEMO], folder / "cells.csv", folder / "tables", CHOICE)
    return folder


def test_a_count_stands_beside_the_printed_one_with_the_true_count(at):
    cell = at["posemamba-s", "macs"]
    assert (cell.printed, cell.unit, cell.convention) == ("3.587 G", "G", "paper")
    assert cell.measured == pytest.approx(3.587426496, rel=1e-12)
    assert cell.also_true == pytest.approx(6.52631904, rel=1e-12)
    assert cell.difference == pytest.approx(0.000426496, rel=1e-6)
    assert (cell.verdict, cell.scale) == ("reproduced", "paper")


@pytest.mark.parametrize("row", ["posemamba-s", "posemamba-b", "posemamba-x"])
@pytest.mark.parametrize("column", ["params", "macs", "macs_frame"])
def test_every_printed_count_of_posemamba_is_reproduced(at, row, column):
    assert at[row, column].verdict == "reproduced"


def test_sasmambas_numbers_name_the_convention_that_gives_them(at):
    assert at["sasmamba", "params"].matches == "paper-leaf"
    assert at["sasmamba", "macs"].matches == "paper/2"
    assert {at["sasmamba", column].verdict for column in ("params", "macs", "macs_frame")} == {"differs"}


def test_an_accuracy_is_the_mean_over_seeds_and_never_poses_as_the_papers(at, measurements_csv):
    rows = read_measurements(measurements_csv)
    mine = rows[(rows["variant"] == "posemamba-s") & (rows["recipe"] == "posemamba") & (rows["metric"] == "mpjpe")]
    mine = mine[(mine["dataset"] == "synthetic-sh-like") & (mine["convention"] == "human36m/test/best_val")]
    cell = at["posemamba-s", "p1"]
    assert len(mine) == cell.n == 3
    assert cell.measured == pytest.approx(mine["value"].mean())
    assert (cell.verdict, cell.scale, cell.dataset) == ("not comparable", "quick", "synthetic-sh-like")
    assert at["posemamba-s", "p1_gt"].dataset == "synthetic-gt"


@pytest.mark.parametrize(
    ("row", "column", "why"),
    [
        ("mhformer", "p1", "no implementation yet"),
        ("posemamba-x", "p1", "not selected in config.yaml"),
        ("posemamba-s", "new", "dataset synthetic-sh-like has no split `new`; the paper prints no value"),
        ("dc-gct", "p2", "no implementation yet; the paper prints no value"),
    ],
)
def test_what_was_not_run_says_why(at, row, column, why):
    assert (at[row, column].verdict, at[row, column].why) == ("not run", why)


def test_facts_have_no_verdict_and_baselines_are_in_every_accuracy_table(at, demo, measurements_csv):
    assert at["posemamba-s", "frames"].verdict == ""
    assert at["mlp", "p1"].section == "Baselines (ours)"
    assert at["mean-pose", "p1"].why == "the paper prints no value"
    ablation = judged(demo, demo.table("ablation"), read_measurements(measurements_csv))
    assert list(dict.fromkeys(cell.row for cell in ablation)) == ["all", "one", "mean-pose", "mlp"]


def test_official_weights_stand_beside_the_papers_own_result_and_no_ablation():
    study = load_study("posemamba")
    choice = Choice("paper", "human36m", "sh", "best_test", (0,), official={"human36m-sh": ["posemamba-s"]})
    rows = {table.id: [row.id for row in with_official(study, table, choice)] for table in study.tables}
    added = {table: [row for row in ids if row.endswith("-official")] for table, ids in rows.items()}
    assert added["table1"] == ["posemamba-s-official"]
    assert added["table5"] == ["ours-official"]  # not beside the losses left out


def test_a_metric_that_was_not_scored_is_not_called_unselected(demo, measurements_csv):
    column = LiftingColumn(id="v", label="V", metric="mpjve", unit="mm/frame", protocol="pooled", input="detected")
    row = Row(id="s", label="S", variant="posemamba-s", recipe="posemamba")
    table = Table(id="t", number=None, title="T", benchmark=None, columns=(column,), rows=(row,))
    (cell,) = judged(demo, table, read_measurements(measurements_csv), baselines=())
    assert cell.why.startswith("no mpjve measured under `pooled/test/best_val`")


def test_mpi_inf_3dhps_protocol_is_stood_in_for_by_pooled_frames(demo, measurements_csv):
    column = LiftingColumn(
        id="p1", label="P1", metric="mpjpe", unit="mm", protocol="mpi-inf-3dhp", input="gt", about="mpi-inf-3dhp"
    )
    row = Row(id="s", label="S", variant="posemamba-s", recipe="posemamba", cells={"p1": "17.79"})
    table = Table(id="t", number=3, title="T", benchmark="mpi-inf-3dhp", columns=(column,), rows=(row,))
    (cell,) = judged(demo, table, read_measurements(measurements_csv), baselines=())
    assert cell.convention == "pooled/test/best_val"
    assert cell.why.endswith("the printed number is for MPI-INF-3DHP")


def test_the_interval_is_students():
    found = summarise(pd.Series([1.0, 2.0, 3.0]))
    half = 4.302652729911275 / math.sqrt(3)  # t(0.975, 2 degrees of freedom), sd 1
    assert (found.low, found.high) == pytest.approx((2 - half, 2 + half))
    assert summarise(pd.Series([5.0])).low is None


def test_every_file_says_the_scale(written):
    files = sorted(path for path in (written / "tables").iterdir() if path.name != "all.tex")
    assert all("quick" in path.read_text(encoding="utf-8") for path in files)
    assert len(files) == 8  # four a table


def test_cells_survive_their_file(written, cells):
    assert of_table(read_cells(written / "cells.csv"), "demo", "table1") == cells


def test_damaged_cells_are_named(written, tmp_path):
    text = (written / "cells.csv").read_text(encoding="utf-8")
    for old, new, said in [
        (",printed_value,", ",other,", "lacks the columns printed_value"),
        (",0.86,", ",much,", "printed_value 'much' is no number"),
        (",0.86,", ",nan,", "printed_value 'nan' is no number"),
        (",accuracy,", ",opinion,", "unknown kind 'opinion'"),
        (",differs,", ",differ,", "unknown verdict 'differ'"),
        (text[text.index("\n") :], text[text.index("\n") :] * 2, "has a row twice"),
    ]:
        (tmp_path / "cells.csv").write_text(text.replace(old, new, 1), encoding="utf-8")
        with pytest.raises(InputError, match=rf"cells\.csv: {said}"):
            read_cells(tmp_path / "cells.csv")
    with pytest.raises(InputError, match="has no cell of demo, table9"):
        of_table(read_cells(written / "cells.csv"), "demo", "table9")


def test_markdown_rows_have_as_many_cells_as_the_head(written):
    lines = (written / "tables/demo-table1.md").read_text(encoding="utf-8").splitlines()
    widths = {len(re.findall(r"(?<!\\)\|", line)) for line in lines if line.startswith("|")}
    assert len(widths) == 1


def test_reasons_name_the_cells_that_they_are_about(demo, cells):
    table = demo.table("table1")
    reasons = {why: who for _, why, who in make_view(demo, table, cells, CHOICE).reasons}
    assert reasons["the printed digits are those of `paper-leaf`, not of `paper`"] == "SasMamba (Param)"
    assert reasons["not selected in config.yaml"] == "PoseMamba-X (P1↓, P2↓, P1†↓)"
    assert reasons["dataset synthetic-sh-like has no split `new`; the paper prints no value"] == "6 rows (new bodies)"


def test_latex_is_escaped_and_its_rows_are_even(written):
    assert tex("50 % of a_b & {c}\\") == r"50 \% of a\_b \& \{c\}\textbackslash{}"
    text = (written / "tables/demo-table1.tex").read_text(encoding="utf-8")
    columns = len(re.search(r"\\begin\{tabular\}\{(\w+)\}", text)[1])
    rows = [line for line in text.splitlines() if line.endswith(r"\\") and "multicolumn" not in line]
    assert {len(re.findall(r"(?<!\\)&", row)) + 1 for row in rows} == {columns}


@pytest.mark.slow
@pytest.mark.skipif(
    which("pdflatex") is None and not os.environ.get("SSMPOSE_REQUIRE_LATEX"),
    reason="no pdflatex on this machine (apt-get install texlive-latex-recommended)",
)
def test_every_table_of_every_study_compiles_in_one_document(measurements_csv, tmp_path):
    studies = [DEMO, *study_names()]
    judge(studies, measurements_csv, "", tmp_path / "cells.csv", CHOICE)
    *tables, _ = write_tables(studies, tmp_path / "cells.csv", tmp_path, CHOICE)
    write_lists(studies, judge_orders(studies, measurements_csv, "", tmp_path / "orders.csv", CHOICE), tmp_path, CHOICE)
    stems = [path.stem for path in tables if path.suffix == ".tex"]
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "all.tex"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-2000:]
    pages = int(re.search(r"\((\d+) pages?,", done.stdout)[1])
    assert pages >= len(stems) > 20
    assert "tab:orders-posemamba" in (tmp_path / "all.aux").read_text(encoding="utf-8")


def test_the_summary_counts_printed_numbers(written):
    lines = summary_lines(written, whole(written))
    assert lines[0] == "2 tables, 46 printed numbers:"
    assert any(line.split() == ["✓", "9", "reproduced"] for line in lines)
    assert lines[-1] == f"Look at {written / 'tables'}"
    (written / "site").mkdir()
    (written / "site/index.html").touch()
    assert summary_lines(written, whole(written))[-1] == f"Look at {written / 'site/index.html'}"
    assert summary_lines(written, ())[-1] == f"Look at {written / 'tables'}"  # the pages are those of an earlier run


def test_bad_input_ends_in_one_line_that_names_it(tmp_path, demo):
    with pytest.raises(InputError, match=r"none\.csv: no such file"):
        read_measurements(tmp_path / "none.csv")
    for text in ("a,b\n1,2\n", "", 'scale\n"x'):
        (tmp_path / "bad.csv").write_text(text)
        with pytest.raises(InputError, match=r"bad\.csv: "):
            read_measurements(tmp_path / "bad.csv")
    with pytest.raises(InputError, match="no table 'table9'; it has table1, ablation"):
        demo.table("table9")
    with pytest.raises(InputError, match=r"cells\.csv: no such file"):
        summary_lines(tmp_path, whole(tmp_path))


def test_every_column_of_accuracies_names_its_protocol_its_scale_and_its_data(demo, cells):
    table = demo.table("table1")
    view = make_view(demo, table, cells, CHOICE)
    detail = {column.id: heading.detail for column, heading in zip(table.columns, view.headings, strict=True)}
    assert detail["p1"] == "mm, human36m, quick, synthetic-sh-like"
    assert detail["p1_gt"] == "mm, human36m-gt2d, quick, synthetic-gt"


def test_a_table_from_notes_or_of_other_papers_says_so(measurements_csv):
    study, measured = load_study("glsmamba"), read_measurements(measurements_csv)
    for table in study.tables:
        caption = make_view(study, table, judged(study, table, measured), CHOICE).caption
        assert ("Transcribed from public notes on the paper" in caption) == (not table.quoted)
        assert caption.startswith("Numbers of other papers, quoted for context beside GLSMamba.") == table.quoted
    assert {table.quoted for table in study.tables} == {True, False}


def test_a_column_without_a_result_has_no_empty_half(measurements_csv):
    study, measured = load_study("glsmamba"), read_measurements(measurements_csv)
    table = study.table("posetrack17")
    view = make_view(study, table, judged(study, table, measured), CHOICE)
    at = [column.id for column in table.columns].index("mean")
    heading, cell = view.headings[at], view.sections[0][1][0].cells[at]
    assert (heading.bare, heading.paired) == (True, False)
    assert (cell.printed, cell.measured, cell.verdict, cell.symbol) == ("81.2", "", "not run", "○")
    assert "| 81.2 ○ |" in markdown(view)
    assert "& $\\circ$ 81.2" in latex(view)
    row = re.search(
        r"<tr data-text.*?PoseWarper.*?</tr>", environment().get_template("table.html").module.table(view), re.DOTALL
    )
    assert 'data-verdict="not run"' in row[0]
    assert "81.2" in row[0]


def test_one_result_keeps_both_halves(demo, cells):
    at = [column.id for column in demo.table("table1").columns].index("p1")
    assert sum(c.measured is not None for c in cells if c.column == "p1") < sum(
        c.is_printed for c in cells if c.column == "p1"
    )
    heading = make_view(demo, demo.table("table1"), cells, CHOICE).headings[at]
    assert (heading.bare, heading.paired) == (False, True)
