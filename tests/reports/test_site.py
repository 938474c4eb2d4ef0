"""The site as files: pages, links, escaping, what is missing, and that a view shows what the files say."""

import base64
import json
import re
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import parse_qs, quote

import numpy as np
import pandas as pd
import pytest
from demo_results import DEMO, OPTIONS
from demo_site import REPORT, write_report

from base.errors import InputError
from datasets.lifting import load
from metrics.lifting import image_millimetres
from models.ssm.orders import mode_orders, pair_orders
from reports.measurements import Choice
from reports.orders.order import read_orders
from reports.site.build import write_site
from reports.site.guide import sources
from reports.site.pages import environment
from reports.site.viewers.orders import orders_view
from reports.site.viewers.poses import pick_clips, poses_view
from reports.site.viewers.video import video_view
from reports.tables.cell import read_cells
from reports.tables.layout import Heading, RowView, View
from reports.tables.writers import latex, markdown

CHOICE = Choice(**OPTIONS)


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("site")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        report = write_report(root)
        write_site([DEMO], report, report / "site", CHOICE)
    return report


@pytest.fixture(autouse=True)
def _inside(report: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(report.parents[2])


class Links(HTMLParser):
    """Targets of links, scripts, styles and images of a page, and the ids in it."""

    def __init__(self, page: Path) -> None:
        super().__init__()
        self.page, self.targets, self.ids = page, set(), set()
        self.feed(page.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list) -> None:
        found = dict(attrs)
        self.targets |= {found[key] for key in ("href", "src") if found.get(key)}
        self.ids |= {found["id"]} if "id" in found else set()


def test_every_link_leads_somewhere_and_nothing_needs_a_network(report: Path) -> None:
    pages = {page.resolve(): Links(page) for page in (report / "site").rglob("*.html")}
    # overview, study, claims, audit, costs, moved counts, curves, scans, poses, video, runs; experiments, docs
    assert len(pages) == 13 + 2 * 6 + len(sources())
    for page, links in pages.items():
        for target in links.targets:
            if target.startswith(("https://example.org/", "https://github.com/")):
                continue  # the study's own link; lines of released code and threads
            assert "//" not in target, f"{page}: {target}"
            path, _, anchor = target.partition("#")
            path = path.partition("?")[0]
            to = (page.parent / path).resolve() if path else page
            assert to.is_file(), f"{page.name}: {target}"
            name = parse_qs(anchor).get("net")  # of costs.html, which shows the network that is asked for
            assert not anchor or (f"net-{name[0]}" if name else anchor) in pages[to].ids, f"{page.name}: {target}"


def test_every_page_is_reached_from_the_overview(report: Path) -> None:
    site = report / "site"
    seen, pending = set(), [(site / "index.html").resolve()]
    while pending:
        page = pending.pop()
        if page not in seen and page.suffix == ".html":
            seen.add(page)
            targets = {t.partition("#")[0].partition("?")[0] for t in Links(page).targets if "//" not in t}
            pending += [(page.parent / t).resolve() for t in targets if t]
    assert seen == {page.resolve() for page in site.rglob("*.html")} - {(site / "counts.html").resolve()}  # old links


def test_a_number_links_to_the_runs_behind_it(report: Path) -> None:
    page = (report / "site/demo.html").read_text(encoding="utf-8")
    assert re.search(
        r'href="runs/synthetic-sh-like\.posemamba-s\.posemamba\.html#seed0" title="3 runs behind it"', page
    )
    assert 'href="costs.html#net=posemamba-s&amp;rule=paper" title="how it is counted"' in page
    run = (report / "site/runs/synthetic-sh-like.posemamba-s.posemamba.html").read_text(encoding="utf-8")
    for text in ('id="seed2"', "make train scale=quick", "12.5 s", "torch 2.13.0", "human36m/test/best_val"):
        assert text in run


def test_the_page_of_claims_leads_from_each_order_to_its_runs_and_commands(report: Path) -> None:
    orders, page = read_orders(report / "orders.csv"), (report / "site/claims.html").read_text(encoding="utf-8")
    assert len(orders) == page.count('<svg class="order"') == 3
    for order in orders:
        row = page[page.index(f'<tr id="{order.id}"') :].partition("</tr>")[0]
        assert f"</span> {order.outcome}</td>" in row
        runs = [*order.better_runs.split(), *order.worse_runs.split()]
        assert re.findall(r'href="runs/\S+#seed\d" title="(\S+)"', row) == runs
        assert ("seeds=0,1,2</code>" in row) == bool(order.seeds)
    assert "<q>larger &amp; &lt;b&gt;better&lt;/b&gt;</q>" in page
    assert "make train scale=quick motion=synthetic variants=posemamba-b,posemamba-s seeds=0,1,2" in page
    for name in ("index.html", "audit.html"):
        assert "Of 3 claims of order, on synthetic motion" in (report / "site" / name).read_text(encoding="utf-8")


def test_every_printed_number_is_a_claim_with_its_verdict_and_its_cell(report: Path) -> None:
    page = (report / "site/claims.html").read_text(encoding="utf-8")
    cells = [cell for cell in read_cells(report / "cells.csv") if cell.study == "demo" and cell.is_judged]
    assert len(cells) == page.count('data-paper="demo"') - 3  # orders
    for cell in cells:
        row = page[page.index(f'<tr id="{cell.claim}"') :].partition("</tr>")[0]
        assert f'data-word="{cell.cause or cell.verdict}"' in row
        assert f'href="demo.html?rows={quote(cell.row_label)}#{cell.table}"' in row
        assert f"<td>{cell.printed}" in row


def test_without_judged_orders_the_page_of_claims_lists_printed_numbers_alone(report: Path, tmp_path: Path) -> None:
    kept = (report / "orders.csv").rename(tmp_path / "orders.csv")
    site = write_site([DEMO], report, tmp_path / "site", CHOICE).parent
    kept.rename(report / "orders.csv")
    page = (site / "claims.html").read_text(encoding="utf-8")
    assert 'id="orders"' not in page
    assert 'id="printed-cost"' in page


def test_text_from_data_is_escaped(report: Path) -> None:
    page = (report / "site/demo.html").read_text(encoding="utf-8")
    assert "<b>numbers</b>" not in page
    assert "&lt;b&gt;numbers&lt;/b&gt;" in page
    curves = (report / "site/curves.html").read_text(encoding="utf-8")
    chart = re.search(r'<script type="application/json">(.*?)</script>', curves)[1]
    assert "<" not in chart
    assert len(json.loads(chart)["data"]) > 1


def test_what_is_missing_is_named_and_nothing_is_half_written(report: Path) -> None:
    drawn = report / "figures/demo-maps.svg"
    text = drawn.read_text(encoding="utf-8")
    drawn.unlink()
    before = {page: page.stat().st_mtime_ns for page in (report / "site").rglob("*")}
    with pytest.raises(InputError, match=r"demo-maps\.svg: no such file; run `make` first"):
        write_site([DEMO], report, report / "site", CHOICE)
    assert {page: page.stat().st_mtime_ns for page in (report / "site").rglob("*")} == before
    assert not list(report.glob(".site*"))
    drawn.write_text(text, encoding="utf-8")


def test_orders_are_those_that_networks_walk() -> None:
    modes = {mode["name"]: mode for mode in orders_view(REPORT, CHOICE).data["modes"]}
    for name, scan in {"PoseMamba": "global-local", "SasMamba": "bidirectional"}.items():
        mode = modes[name]
        orders = mode_orders(scan, *mode["grid"])
        assert [direction["order"] for direction in mode["directions"]] == orders.tolist()
        assert [direction["adds"] is not None for direction in mode["directions"]] == [True, False, True, False]
    windowed = modes["GLSMamba, windowed scan (LRM)"]
    orders = pair_orders("windowed", tuple(windowed["grid"]), (4, 3))
    assert [direction["order"] for direction in windowed["directions"]] == orders.tolist()


def test_poses_are_those_of_the_runs_to_half_a_millimetre(report: Path) -> None:
    view = poses_view(report, CHOICE).data
    split = load(Path("data/prepared/synthetic-sh-like/test"))
    run = pd.read_csv(report / "measurements.csv").query("variant == 'posemamba-s'")["run"].dropna().iloc[0]
    with np.load(Path(run) / "predictions.npz") as arrays:
        poses = image_millimetres(arrays["best_val/test/joints"], split.factor, 1000, 1000)
    shown = np.frombuffer(base64.b64decode(view["runs"][0]["poses"][0]), "<i2").reshape(-1, 17, 3)
    assert shown == pytest.approx(poses[: len(shown)], abs=0.5)
    assert view["runs"][-1]["label"].startswith(("mlp", "mean-pose"))  # networks first
    truth = np.asarray(split.joints) - np.asarray(split.joints)[:, :1]
    error = np.linalg.norm(poses[: len(shown)] - truth[: len(shown)], axis=-1).mean()
    assert view["runs"][0]["error"][0] == pytest.approx(error, abs=0.06)


def test_heatmaps_are_those_of_the_networks(report: Path) -> None:
    view = video_view(report, CHOICE).data
    arrays = np.load(report / "heatmaps.npz")
    assert [network["label"] for network in view["networks"]] == ["ViTPose-B", "GLSMamba-B"]
    seen = view["networks"][1]["clips"][0]
    shown = np.frombuffer(base64.b64decode(seen["heatmaps"]), np.uint8).reshape(4, 15, *view["size"])
    assert np.array_equal(shown, arrays["alone/glsmamba-b/heatmaps"])
    assert seen["error"] == 6.0  # pixels, in the one frame that is annotated
    copied = [(report / "site/data/video" / name).read_bytes() for name in view["clips"][0]["frames"]]
    assert copied == [Path(str(path)).read_bytes() for path in arrays["alone/images"]]


def test_a_frame_that_is_gone_is_named(report: Path, tmp_path: Path) -> None:
    arrays = dict(np.load(report / "heatmaps.npz"))
    arrays["alone/images"] = np.array([str(tmp_path / "none.jpg")] * 4)
    np.savez(tmp_path / "heatmaps.npz", **arrays)
    with pytest.raises(InputError, match=r"none\.jpg: no such frame; delete .*heatmaps\.npz"):
        video_view(tmp_path, CHOICE)


def test_clips_stand_at_quantiles_of_sequences() -> None:
    sequences = np.repeat(list("abcdefghijk"), 70)
    errors = np.repeat(np.arange(11.0)[::-1], 70)  # a is the worst
    clips = pick_clips(errors, sequences)
    assert {name: sequences[rows[0]] for name, rows in clips.items()} == {"typical": "f", "hard": "b"}
    assert all(len(rows) == 60 for rows in clips.values())


def test_the_overview_shows_first_what_can_change_who_is_ahead(report: Path) -> None:
    findings = json.loads((report / "audit/audit.json").read_text(encoding="utf-8"))["findings"]
    page = (report / "site/index.html").read_text(encoding="utf-8")
    shown = re.findall(r'href="audit\.html#([\w-]+)"', page)
    by_id = {finding["id"]: finding for finding in findings}
    assert len(shown) == 6
    assert shown == [finding["id"] for finding in findings[:6]]
    assert by_id[shown[0]]["affects"] == "order"


def test_several_footnotes_of_a_row_are_set_apart() -> None:
    row = RowView("GLSMamba-B", "", ("1", "2", "3"), ())
    heading = Heading("P1", "mm", paired=False)
    view = View("s", "t", "T", "T", "c", "", (heading,), (("", (row,)),), (), (), (), (), {})
    assert "GLSMamba-B<sup>1,2,3</sup>" in environment().get_template("table.html").module.table(view)
    assert "GLSMamba-B<sup>1,2,3</sup>" in markdown(view)
    assert "GLSMamba-B$^{1,2,3}$" in latex(view)
