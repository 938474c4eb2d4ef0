"""Tables: the right number in each cell, an honest verdict on it, and files that readers can use."""

import math
import os
import re
import subprocess
from html.parser import HTMLParser
from shutil import which

import pandas as pd
import pytest
from demo_results import DEMO, OPTIONS

from base.errors import InputError
from reports.layout import count_verdicts, make_view
from reports.measurements import Choice, read_measurements, summarise
from reports.summary import summary_lines
from reports.tables import build_table, write_document, write_tables
from reports.writers import tex
from studies.load import study_names
from studies.types import LiftingColumn, Row, Table


@pytest.fixture(scope="module")
def cells(demo, measurements_csv):
    table = build_table(demo, demo.table("table1"), read_measurements(measurements_csv), **OPTIONS)
    return table.set_index(["row", "column"])


@pytest.fixture(scope="module")
def written(measurements_csv, tmp_path_factory):
    folder = tmp_path_factory.mktemp("report")
    write_tables(DEMO, measurements_csv, folder / "tables", **OPTIONS)
    return folder


def test_a_count_stands_beside_the_printed_one_with_the_true_count(cells):
    cell = cells.loc["posemamba-s", "macs"]
    assert (cell["printed"], cell["unit"], cell["convention"]) == ("3.587 G", "G", "paper")
    assert cell["measured"] == pytest.approx(3.587426496, rel=1e-12)
    assert cell["also_true"] == pytest.approx(6.52631904, rel=1e-12)
    assert cell["difference"] == pytest.approx(0.000426496, rel=1e-6)
    assert (cell["verdict"], cell["scale"]) == ("reproduced", "paper")


@pytest.mark.parametrize("row", ["posemamba-s", "posemamba-b", "posemamba-x"])
@pytest.mark.parametrize("column", ["params", "macs", "macs_frame"])
def test_every_printed_count_of_posemamba_is_reproduced(cells, row, column):
    assert cells.loc[(row, column), "verdict"] == "reproduced"


def test_sasmambas_numbers_name_the_convention_that_gives_them(cells):
    assert cells.loc[("sasmamba", "params"), "matches"] == "paper-leaf"
    assert cells.loc[("sasmamba", "macs"), "matches"] == "paper/2"
    assert set(cells.loc["sasmamba"].loc[["params", "macs", "macs_frame"], "verdict"]) == {"differs"}


def test_an_accuracy_is_the_mean_over_seeds_and_never_poses_as_the_papers(cells, measurements_csv):
    rows = read_measurements(measurements_csv)
    mine = rows[(rows["variant"] == "posemamba-s") & (rows["recipe"] == "posemamba") & (rows["metric"] == "mpjpe")]
    mine = mine[(mine["dataset"] == "synthetic-sh-like") & (mine["convention"] == "human36m/test/best_val")]
    cell = cells.loc["posemamba-s", "p1"]
    assert len(mine) == cell["n"] == 3
    assert cell["measured"] == pytest.approx(mine["value"].mean())
    assert (cell["verdict"], cell["scale"], cell["dataset"]) == ("not comparable", "quick", "synthetic-sh-like")
    assert cells.loc[("posemamba-s", "p1_gt"), "dataset"] == "synthetic-gt"


@pytest.mark.parametrize(
    ("row", "column", "why"),
    [
        ("mhformer", "p1", "no implementation yet"),
        ("posemamba-x", "p1", "not selected in config"),
        ("posemamba-s", "new", "dataset synthetic-sh-like has no split `new`; the paper prints no value"),
        ("dc-gct", "p2", "no implementation yet; the paper prints no value"),
    ],
)
def test_what_was_not_run_says_why(cells, row, column, why):
    assert tuple(cells.loc[(row, column), ["verdict", "why"]]) == ("not run", why)


def test_facts_have_no_verdict_and_baselines_are_in_every_accuracy_table(cells, demo, measurements_csv):
    assert cells.loc[("posemamba-s", "frames"), "verdict"] == ""
    assert cells.loc[("mlp", "p1"), "section"] == "Baselines (ours)"
    assert cells.loc[("mean-pose", "p1"), "why"] == "the paper prints no value"
    ablation = build_table(demo, demo.table("ablation"), read_measurements(measurements_csv), **OPTIONS)
    assert list(dict.fromkeys(ablation["row"])) == ["all", "one", "mean-pose", "mlp"]


def test_a_metric_that_was_not_scored_is_not_called_unselected(demo, measurements_csv):
    column = LiftingColumn(id="v", label="V", metric="mpjve", unit="mm/frame", protocol="pooled", input="detected")
    row = Row(id="s", label="S", variant="posemamba-s", recipe="posemamba")
    table = Table(id="t", number=None, title="T", benchmark=None, columns=(column,), rows=(row,))
    cell = build_table(demo, table, read_measurements(measurements_csv), **OPTIONS, baselines=()).iloc[0]
    assert cell["why"].startswith("no mpjve measured under `pooled/test/best_val`")


def test_mpi_inf_3dhps_protocol_is_stood_in_for_by_pooled_frames(demo, measurements_csv):
    column = LiftingColumn(id="p1", label="P1", metric="mpjpe", unit="mm", protocol="mpi-inf-3dhp", input="gt")
    row = Row(id="s", label="S", variant="posemamba-s", recipe="posemamba", cells={"p1": "17.79"})
    table = Table(id="t", number=3, title="T", benchmark="mpi-inf-3dhp", columns=(column,), rows=(row,))
    cell = build_table(demo, table, read_measurements(measurements_csv), **OPTIONS, baselines=()).iloc[0]
    assert cell["convention"] == "pooled/test/best_val"
    assert cell["why"].endswith("the printed number is for MPI-INF-3DHP")


def test_the_interval_is_students():
    found = summarise(pd.Series([1.0, 2.0, 3.0]))
    half = 4.302652729911275 / math.sqrt(3)  # t(0.975, 2 degrees of freedom), sd 1
    assert (found.low, found.high) == pytest.approx((2 - half, 2 + half))
    assert summarise(pd.Series([5.0])).low is None


def test_every_file_says_the_scale(written):
    for path in (written / "tables").iterdir():
        assert "quick" in path.read_text(encoding="utf-8"), path.name
    assert len(list((written / "tables").iterdir())) == 10


def test_the_long_form_survives_a_round_trip(written, cells):
    read = pd.read_csv(written / "tables/demo-table1.csv", dtype={"printed": str}).set_index(["row", "column"])
    assert read.loc[("posemamba-s", "macs"), "measured"] == cells.loc[("posemamba-s", "macs"), "measured"]
    assert count_verdicts(read.reset_index()) == count_verdicts(cells.reset_index())


class _Balance(HTMLParser):
    """Fails on tags that do not close, and counts the columns that each row of the table takes."""

    def __init__(self) -> None:
        super().__init__()
        self.open, self.widths = [], []

    def handle_starttag(self, tag, attrs):
        if tag not in ("meta", "br", "img"):
            self.open.append(tag)
        if tag == "tr":
            self.widths.append(0)
        elif tag in ("td", "th"):
            self.widths[-1] += int(dict(attrs).get("colspan", 1))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def test_html_is_whole_escaped_and_needs_nothing_else(written):
    text = (written / "tables/demo-table1.html").read_text(encoding="utf-8")
    page = _Balance()
    page.feed(text)
    assert page.open == []
    body_widths = set(page.widths[2:])
    assert len(body_widths) == 1
    assert page.widths[0] in body_widths
    assert "&lt;b&gt;numbers&lt;/b&gt;" in text
    assert "<b>numbers" not in text
    assert not re.search(r"<script|https?://(?!example\.org)|<link", text)


def test_markdown_rows_have_as_many_cells_as_the_head(written):
    lines = (written / "tables/demo-table1.md").read_text(encoding="utf-8").splitlines()
    widths = {len(re.findall(r"(?<!\\)\|", line)) for line in lines if line.startswith("|")}
    assert len(widths) == 1


def test_reasons_name_the_cells_that_they_are_about(demo, cells):
    table = demo.table("table1")
    reasons = {why: who for _, why, who in make_view(demo, table, cells.reset_index(), Choice(**OPTIONS)).reasons}
    assert reasons["the printed digits are those of `paper-leaf`, not of `paper`"] == "SasMamba (Param)"
    assert reasons["not selected in config"] == "PoseMamba-X (P1↓, P2↓, P1†↓)"
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
    stems = []
    for study in [DEMO, *study_names()]:
        written = write_tables(study, measurements_csv, tmp_path, **OPTIONS)
        stems += [path.stem for path in written if path.suffix == ".tex"]
    write_document(stems, tmp_path)
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "all.tex"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-2000:]
    pages = int(re.search(r"\((\d+) pages?,", done.stdout)[1])
    assert pages >= len(stems) > 20


def test_the_summary_counts_printed_numbers(written):
    lines = summary_lines(written)
    assert lines[0] == "2 tables, 46 printed numbers:"
    assert any(line.split() == ["✓", "9", "reproduced"] for line in lines)
    assert lines[-1] == f"Look at {written / 'tables'}"
    (written / "site").mkdir()
    (written / "site/index.html").touch()
    assert summary_lines(written)[-1] == f"Look at {written / 'site/index.html'}"


def test_bad_input_ends_in_one_line_that_names_it(tmp_path, demo):
    with pytest.raises(InputError, match=r"none\.csv: no such file"):
        read_measurements(tmp_path / "none.csv")
    for text in ("a,b\n1,2\n", "", 'scale\n"x'):
        (tmp_path / "bad.csv").write_text(text)
        with pytest.raises(InputError, match=r"bad\.csv: "):
            read_measurements(tmp_path / "bad.csv")
    with pytest.raises(InputError, match="no table 'table9'; it has table1, ablation"):
        demo.table("table9")
    with pytest.raises(InputError, match="holds no table"):
        summary_lines(tmp_path)
