"""The site as files: pages, links, escaping, what is missing, and that a view shows what the files say."""

import base64
import json
import re
from collections import Counter
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import parse_qs

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
from reports.site.build import audit_body, write_site
from reports.site.claims import PrintedClaim, limits_of, line_of, printed_claims, ratio_of, untested
from reports.site.drawings import rounded
from reports.site.guide import sources
from reports.site.pages import environment
from reports.site.viewers.orders import orders_view
from reports.site.viewers.poses import pick_clips, poses_view
from reports.site.viewers.video import video_view
from reports.tables.causes import CAUSES
from reports.tables.cell import read_cells
from reports.tables.layout import CellView, Heading, RowView, View
from reports.tables.writers import latex, markdown
from reports.totals import bars, quoted, word_of
from studies.load import load_study
from studies.types import Row

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
    assert len(orders) == page.count('data-kind="order"') == 3
    for order in orders:
        row = page[page.index(f'<tr id="{order.id}"') :].partition("</tr>")[0]
        assert '<svg class="order"' in row
        for name in (order.better, order.worse):
            assert f'href="demo.html#demo/table1/{name}/{order.column}"' in row
        assert f"</span> {order.outcome}</td>" in row
        runs = [*order.better_runs.split(), *order.worse_runs.split()]
        assert re.findall(r'href="runs/\S+#seed\d" title="(\S+)"', row) == runs
        assert ("seeds=0,1,2</code>" in row) == bool(order.seeds)
    assert "<q>larger &amp; &lt;b&gt;better&lt;/b&gt;</q>" in page
    assert "make train scale=quick motion=synthetic variants=posemamba-b,posemamba-s seeds=0,1,2" in page
    for name in ("index.html", "audit.html"):
        assert "Of 3 claims of order, on synthetic motion" in (report / "site" / name).read_text(encoding="utf-8")


def test_every_printed_number_is_a_claim_with_its_verdict_its_cell_and_what_measures_it_again(report: Path) -> None:
    page = (report / "site/claims.html").read_text(encoding="utf-8")
    study = (report / "site/demo.html").read_text(encoding="utf-8")
    cells = [cell for cell in read_cells(report / "cells.csv") if cell.study == "demo" and cell.is_judged]
    assert len(cells) == page.count('data-paper="demo"') - 3  # orders
    for cell in cells:
        row = page[page.index(f'<tr id="{cell.claim}"') :].partition("</tr>")[0]
        assert f'data-word="{word_of(cell)}"' in row
        assert f'href="demo.html#{cell.claim}"' in row
        assert f"<td>{cell.printed}" in row
        assert f'id="{cell.claim}"' in study
        assert f'href="claims.html#{cell.claim}"' in study
        assert ("<svg" in row) == (cell.measured is not None)
        assert ("<code>make train" in row) == (cell.kind == "accuracy" and bool(study_row(cell.row).recipe))
        assert (f"workflow counts {cell.row}<" in row) == (cell.kind == "efficiency" and cell.measured is not None)


def study_row(name: str) -> Row:
    return load_study(DEMO).table("table1").row(name)


def test_words_on_the_page_of_claims_are_those_of_the_bars(report: Path) -> None:
    claims, overview = ((report / "site" / name).read_text("utf-8") for name in ("claims.html", "index.html"))
    for name in ("Costs", "Orders", "Errors"):
        bar = re.search(rf'aria-label="{name}: ([^"]+)"', overview)[1].split(", ")
        rows = re.findall(rf'data-kind="{name.lower()[:-1]}".*?data-word="([^"]+)"', claims, re.DOTALL)
        assert Counter(rows) == {word: int(count) for count, word in (part.split(" ", 1) for part in bar)}


def test_totals_of_the_overview_and_of_the_audit_agree(report: Path) -> None:
    cells = read_cells(report / "cells.csv")
    counts = json.loads((report / "audit/audit.json").read_text(encoding="utf-8"))["counts"]
    costs, errors = bars(cells, ())
    assert costs.total + errors.total == counts["tables"] > 300
    assert sum(counts["verdicts"].values()) == counts["tables"] + counts["text"]
    assert {part.word: part.count for part in costs.parts if part.word in CAUSES} == counts["causes"]
    assert quoted(cells) == counts["quoted"]


def test_a_line_has_the_printed_number_in_its_middle_and_ours_by_its_factor() -> None:
    claims = [
        PrintedClaim("a", "s", "cost", "", "", "", "1", "2", "", "", "", "", "", (), ratio=ratio)
        for ratio in ((2.0,), (0.25,), (1.5, 1.0, 4.0), ())
    ]
    limits = limits_of(claims)
    assert limits == {"cost": 4}
    limit = limits["cost"]
    up, down, wide, none = (line_of(claim.ratio, limit) for claim in claims)
    assert up.printed == down.printed == 0.5
    assert up.effect - 0.5 == pytest.approx((0.5 - down.effect) / 2)
    assert (wide.low, wide.high) == (0.5, pytest.approx(1 - down.effect))
    assert none is None


def test_an_interval_that_reaches_zero_leaves_ours_alone_on_its_line() -> None:
    assert ratio_of(10.0, 20.0, 15.0, 25.0) == (2.0, 1.5, 2.5)
    assert ratio_of(10.0, 20.0, -5.0, 45.0) == ratio_of(10.0, 20.0, None, None) == (2.0,)
    assert ratio_of(10.0, None, None, None) == ratio_of(0.0, 1.0) == ()
    line = line_of((2.0,), 4.0)
    assert (line.low, line.high) == (None, None)


def test_findings_and_the_cells_that_they_are_true_of_lead_to_each_other(report: Path, tmp_path: Path) -> None:
    audit = json.loads((report / "audit/audit.json").read_text(encoding="utf-8"))
    finding, cell = audit["findings"][0], "demo/table1/posemamba-s/macs"
    finding["cells"], finding["true_of"] = (
        [cell, "other/t/r/c"],
        {"demo/table1": ["PoseMamba-S MACs"], "other/t": ["R C"]},
    )
    body = audit_body(audit, ["demo"])
    assert f'<a href="demo.html#{cell}">PoseMamba-S MACs</a>' in body
    assert "other/t: R C" in body
    view = View(
        "demo",
        "table1",
        "T",
        "T",
        "",
        "",
        (Heading("MACs", "", paired=True),),
        (("", (_one_cell(cell),)),),
        (),
        (),
        (),
        (),
        {},
    )
    table = environment().get_template("table.html").module.table(view, {}, (), {cell: [finding["id"]]}, {cell})
    assert f'href="audit.html#{finding["id"]}"' in table
    assert re.search(rf'<td class="printed" id="{cell}"', table)
    assert f'href="claims.html#{cell}"' in table


def _one_cell(claim: str) -> RowView:
    return RowView("PoseMamba-S", "", (), (CellView("3.587 G", "3.587 G", verdict="reproduced", claim=claim),))


def test_what_nothing_here_can_test_is_listed_with_what_is_missing(report: Path) -> None:
    study = load_study("posemamba")
    claims = [
        c
        for c in json.loads((report / "audit/audit.json").read_text(encoding="utf-8"))["claims"]
        if c["study"] == "posemamba"
    ]
    printed = printed_claims([study], claims, read_cells(report / "cells.csv"), CHOICE)
    missing = list(untested(printed))
    assert [each.claims[0].quote for each in missing[:2]] == [
        "reducing GPU memory usage by 64.7% during batch inference",
        "2.8x faster than MotionAGFormer",
    ]
    assert missing[1].why == "both networks timed on one GPU; the paper does not say which variants, batch or card"
    listed = [claim for each in missing for claim in each.claims]
    assert sorted(claim.id for claim in listed) == sorted(c["id"] for c in claims if c["verdict"] == "not run")
    assert all(claim.again or claim.why for claim in listed)


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


def test_a_drawing_is_written_small_and_looks_the_same() -> None:
    path = '<path d="M 282.7451 -39.96 \nL 84 64.02 \n" style="fill: none; stroke-width: 0.25"/>\n  '
    glyph = '<use x="1.26" transform="translate(35.203125 0) scale(0.015625)"/>'
    small = '<path d="M282.7 -40L84 64" style="fill:none;stroke-width:0.25"/>'
    glyph_small = '<use x="1.3" transform="translate(35.2 0) scale(0.015625)"/>'
    assert rounded(path + glyph) == small + glyph_small
    groups = '<g id="axes">\n <!-- 0 -->\n <g id="m1">\n  <path id="m2"/>\n </g>\n</g>\n<use xlink:href="#m2"/>'
    assert rounded(groups) == '<path id="m2"/><use xlink:href="#m2"/>'


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
    assert view["runs"][-1]["label"].startswith(("One-frame residual MLP", "Mean training pose"))  # networks first
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
