"""Three people open the page with a question each: the clicks that an answer takes, as docs/design.md has them."""

import json
import re
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import pytest
from browser import browser, needs_browser
from demo_results import DEMO, RECORDED
from demo_site import write_report
from playwright.sync_api import Browser, Locator, Page, expect
from test_gate_verdict import BASE, NUMBERS, POSEMAMBA, SASMAMBA, sources

from base.closure import ROOT
from reports.measurements import Choice
from reports.regression.causes import find_causes
from reports.regression.verdict import make_verdict
from reports.site.build import write_site
from reports.site.gate import GATE_JSON

pytestmark = [pytest.mark.slow, needs_browser()]
MOST = 3
SCREENS = {"desk": {"width": 1280, "height": 900}, "phone": {"width": 390, "height": 844}}


class Walk:
    """A reader on the overview, whose clicks are counted."""

    def __init__(self, page: Page, site: Path) -> None:
        self.page, self.clicks = page, 0
        page.goto((site / "index.html").as_uri())

    def click(self, target: Locator) -> None:
        target.first.click()
        self.clicks += 1
        self.page.wait_for_selector("html[data-ready=true]")

    def bar(self, *names: str) -> None:
        """Pages of the bar, or of a menu in it."""
        for name in names:
            self.click(self.page.locator(".bar nav").get_by_text(name, exact=True))

    def ends(self, question: str) -> None:
        """The docs promise as many clicks for that question, three at most."""
        design = (ROOT / "docs/design.md").read_text(encoding="utf-8")
        promised = re.search(rf"\| {re.escape(question)} \|[^|]*\| (\d) \|", design)
        assert promised
        assert self.clicks == int(promised[1]) <= MOST


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with browser() as running:
        yield running


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("walked")
    causes = find_causes(NUMBERS, sources, lambda _: frozenset({POSEMAMBA, SASMAMBA, BASE}))
    verdict = make_verdict(NUMBERS, [(cause, ()) for cause in causes], ())
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        report = write_report(root, RECORDED)
        (report / GATE_JSON).write_text(json.dumps(asdict(verdict)), encoding="utf-8")
        return write_site([DEMO], report, report / "site", Choice(**RECORDED)).parent


@pytest.fixture(params=SCREENS)
def walk(request: pytest.FixtureRequest, chromium: Browser, site: Path) -> Iterator[Walk]:
    context = chromium.new_context(viewport=SCREENS[request.param])
    yield Walk(context.new_page(), site)
    context.close()


def test_a_student_finds_the_rank_of_a_model(walk: Walk) -> None:
    walk.bar("Leaderboard")
    row = walk.page.locator("tr[data-row=posemamba-b]")
    expect(row.locator("[data-rank]")).to_have_text(re.compile(r"^\d+(–\d+)?$"))
    walk.ends("Which rank has a network?")


def test_a_student_compares_two_models(walk: Walk) -> None:
    walk.bar("Leaderboard")
    for name in ("posemamba-b", "sasmamba"):
        walk.click(walk.page.locator(f"tr[data-row={name}] [data-compare]"))
    drawer = walk.page.locator("[data-drawer]")
    expect(drawer.get_by_role("heading", level=3)).to_have_text("PoseMamba-B and SasMamba")
    expect(drawer).to_contain_text(re.compile(r"[▲▼≈] [+−][\d.]+ \([+−].* to .*\) (better|worse|within noise)"))
    walk.ends("Which of two networks is better, and by how much?")


def test_a_student_learns_how_to_add_a_third(walk: Walk) -> None:
    walk.bar("Leaderboard")
    walk.click(walk.page.get_by_role("link", name="how to add yours"))
    expect(walk.page.get_by_role("heading", level=1)).to_contain_text("Add your model")
    walk.ends("How does a third get a row?")


def test_a_reviewer_sees_how_a_number_is_counted_and_counts_it_again(walk: Walk) -> None:
    walk.bar("Claims")
    walk.page.get_by_label("Find", exact=True).fill("PoseMamba-S, MACs")
    row = walk.page.locator("tr[data-kind=cost]:visible").first
    expect(row.locator("td").nth(1)).to_have_text("3.587 G")
    walk.click(row.locator("summary"))
    expect(row.get_by_text(".venv/bin/python -m workflow counts posemamba-s")).to_be_visible()
    walk.click(row.get_by_role("link", name="Where its costs are"))
    steps = walk.page.locator("[data-panel] table.bars").first.locator("tbody th").all_inner_texts()
    assert [step.split("\n")[0] for step in steps][-3:] == ["+ scan", "+ dt_proj", "= all of it"]
    walk.ends("Where does each multiply-accumulate go, and what counts it again?")


def test_a_reviewer_of_a_table_comes_to_the_same_place(walk: Walk) -> None:
    walk.bar("Papers", "Demo")
    row = walk.page.locator("#table1 tr", has_text="PoseMamba-S")
    walk.click(row.get_by_role("link", name="3.587 G"))
    expect(walk.page.locator("[data-panel] h2")).to_have_text("PoseMamba-S")
    expect(walk.page.locator("[data-panel] tr[aria-current] th").first).to_have_text("paper")
    walk.ends("How is a number of a table counted?")


def test_a_maintainer_reads_which_edit_turned_the_gate_red(walk: Walk) -> None:
    walk.bar("Runs", "Gate")
    expect(walk.page.locator("#verdict")).to_have_text("gate RED: 2 changed, 2 unchanged, by 1 cause")
    expect(walk.page.locator("#cause-1 h2")).to_contain_text(POSEMAMBA)
    expect(walk.page.locator("#cause-1")).to_contain_text("5,306,187,136 -> 5,306,191,267")
    expect(walk.page.locator("#ways-out + dl")).to_be_visible()
    walk.ends("Which edit turned the gate red?")
