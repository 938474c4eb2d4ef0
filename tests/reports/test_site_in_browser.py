"""The site as a reader meets it: in a browser, from files, on a desk and on a phone, by keyboard and screen reader."""

import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pandas as pd
import pytest
from axe_playwright_python.sync_playwright import Axe
from browser import browser, complaints, needs_browser
from demo_results import DEMO, RECORDED, count_rows, write_measurements, write_parts
from demo_site import write_report
from playwright.sync_api import Browser, Page, expect

from reports.audit.write import write_audit
from reports.comparisons import write_comparisons
from reports.measurements import Choice
from reports.site.build import write_site
from reports.tables.judge import judge

pytestmark = [pytest.mark.slow, needs_browser()]
PHONE, DESK, WIDE = {"width": 390, "height": 844}, {"width": 1280, "height": 900}, {"width": 1920, "height": 1080}
RUNS = 200


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with browser() as running:
        yield running


CHOICE = Choice(**RECORDED)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("browsed")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        report = write_report(root, RECORDED)
        return write_site([DEMO], report, report / "site", CHOICE).parent


@pytest.fixture
def page(chromium: Browser, site: Path) -> Iterator[Page]:
    context = chromium.new_context(viewport=DESK)
    yield context.new_page()
    context.close()


def open_page(page: Page, site: Path, name: str) -> Page:
    file, _, anchor = name.partition("#")
    page.goto((site / file).as_uri() + (f"#{anchor}" if anchor else ""))
    page.wait_for_selector("html[data-ready=true]")
    return page


@pytest.mark.parametrize("name", ["index", "demo", "leaderboard", "claims", "costs", "records", "curves"])
def test_a_phone_shows_a_number_before_it_scrolls(page: Page, site: Path, name: str) -> None:
    page.set_viewport_size(PHONE)
    number = open_page(page, site, f"{name}.html").locator(
        "main :is(tbody td, .counts strong, .stack .part, .pictures svg text, .says):visible",
        has_text=re.compile(r"\d"),
    )
    assert number.first.bounding_box()["y"] < PHONE["height"]


@pytest.mark.parametrize(
    ("size", "schemes"),
    [(PHONE, ("light",)), (DESK, ("light", "dark")), (WIDE, ())],  # colours do not depend on the width
    ids=["phone", "desk", "wide"],
)
def test_pages_have_no_errors_fit_the_window_and_are_accessible_in_light_and_dark(
    chromium: Browser, site: Path, size: dict, schemes: tuple[str, ...]
) -> None:
    context = chromium.new_context(viewport=size)
    context.set_default_timeout(120_000)  # 3D is drawn in software here
    one_each = [next(site.glob(f"{folder}/*.html")) for folder in ("records", "runs")]
    names = [path.relative_to(site).as_posix() for path in [*site.glob("*.html"), *one_each]]
    assert len(names) == 16
    names += ["docs/readme.html", "docs/protocols.html"]
    for name in names:
        page = context.new_page()
        errors = complaints(page)
        open_page(page, site, name).wait_for_timeout(200)
        page.evaluate("for (const fold of [...document.querySelectorAll('main details')].slice(0, 3)) fold.open = true")
        wider = page.evaluate("document.documentElement.scrollWidth - innerWidth")
        assert wider <= 0, f"{name} is {wider} pixels wider than the window"
        for scheme in schemes:
            page.emulate_media(color_scheme=scheme)
            found = Axe().run(page, options={"preload": False}).response["violations"]
            assert not [(v["id"], v["impact"], v["nodes"][0]["html"]) for v in found], f"{name}, {scheme}"
        assert not errors, name
        page.close()
    context.close()


def test_figures_are_dark_where_the_page_is(page: Page, site: Path) -> None:
    figure = open_page(page, site, "demo.html").locator("figure .paper").first
    expect(figure).to_have_css("filter", "none")
    page.locator("[data-theme-switch]").click()
    expect(figure).to_have_css("filter", re.compile("invert"))
    page.emulate_media(color_scheme="dark")
    page.locator("[data-theme-switch]").click()
    expect(figure).to_have_css("filter", "none")


def test_the_first_number_of_a_paper_is_on_the_first_screen_and_its_tools_stay(page: Page, site: Path) -> None:
    page.set_viewport_size({"width": 1280, "height": 800})
    open_page(page, site, "demo.html")
    assert page.locator("td.measured .own").first.bounding_box()["y"] < 800
    page.mouse.wheel(0, 3000)
    page.wait_for_function("scrollY > 300")
    expect(page.get_by_label("Find rows")).to_be_in_viewport()


def test_a_table_that_is_cut_off_says_so_until_its_end(chromium: Browser, site: Path) -> None:
    context = chromium.new_context(viewport=PHONE)
    page = open_page(context.new_page(), site, "demo.html")
    table = page.locator("#table1 .scroll")
    expect(table).to_have_attribute("data-cut", "")
    table.evaluate("element => element.scrollTo({ left: element.scrollWidth, behavior: 'instant' })")
    expect(table).not_to_have_attribute("data-cut", "")
    sizes = page.locator("button.sort").evaluate_all("all => all.map(b => [b.offsetWidth, b.offsetHeight])")
    assert min(min(size) for size in sizes) >= 24  # a finger finds them
    context.close()


def test_pages_are_readable_without_javascript(chromium: Browser, site: Path) -> None:
    context = chromium.new_context(viewport=DESK, java_script_enabled=False)
    page = context.new_page()
    said = {
        "index.html": ".total",
        "claims.html": "table.claims tbody tr",
        "leaderboard.html": "table.ranked tbody tr [data-rank]",
        "demo.html": "td.measured .own",
        "records.html": "tbody td a",
        "audit.html": "details.finding summary",
        next(site.glob("runs/*.html")).relative_to(site).as_posix(): "#numbers td",
    }
    for name, what in said.items():
        page.goto((site / name).as_uri())
        expect(page.locator(what).first).to_be_visible()
        assert not page.locator(".scripted:visible, [data-ready]").count(), name
    page.goto((site / "claims.html").as_uri())
    claim = page.locator("tr[data-kind=cost] details").first
    claim.locator("summary").click()
    expect(claim.locator("code").first).to_be_visible()
    context.close()


def test_each_count_on_a_bar_leads_to_as_many_claims(page: Page, site: Path) -> None:
    open_page(page, site, "index.html")
    links = page.locator(".total .words a:not(.term)")
    counts = {link.get_attribute("href"): int(link.inner_text()) for link in links.all()}
    assert len(counts) > 3
    for address, count in counts.items():
        page.goto(f"{site.as_uri()}/{address}")
        page.wait_for_selector("html[data-ready=true]")
        assert page.locator("tr[data-kind]:visible").count() == count, address


def test_tables_sort_by_number_and_back(page: Page, site: Path) -> None:
    open_page(page, site, "demo.html")
    table = page.locator("#table1 table")
    head = table.get_by_role("columnheader", name="printed").nth(0)  # parameters
    printed = table.locator("tbody").nth(0).locator("tr td.printed:nth-of-type(2)").all_inner_texts()
    head.get_by_role("button").click()
    expect(head).to_have_attribute("aria-sort", "ascending")
    cells = table.locator("tbody").nth(0).locator("tr td.printed:nth-of-type(2)")
    up = cells.all_inner_texts()
    assert up[:2] == ["0.860 M", "3.1 M"]
    page.reload()  # the address says how the table is sorted
    page.wait_for_selector("html[data-ready=true]")
    expect(head).to_have_attribute("aria-sort", "ascending")
    assert cells.all_inner_texts() == up
    head.get_by_role("button").press("Enter")  # the keyboard does what the mouse does
    expect(head).to_have_attribute("aria-sort", "descending")
    assert cells.all_inner_texts()[0] == "42.3 M"
    head.get_by_role("button").click()  # the third time: as printed
    assert head.get_attribute("aria-sort") is None
    assert cells.all_inner_texts() == printed


def test_what_is_missing_is_sorted_last_both_ways_and_the_best_first(page: Page, site: Path) -> None:
    open_page(page, site, "demo.html")
    page.evaluate(
        """() => {
          const rows = [["b", "41.8"], ["d", "–"], ["a", "100.2"], ["e", ""], ["c", "OOM"], ["f", "9.5"]];
          const cells = rows.map(([n, text]) => `<tr><th scope="row">${n}</th><td>${text}</td><td>${text}</td></tr>`);
          const heads = '<th>name</th><th>down</th><th data-upwards>up</th>';
          const table = `<table id="tried"><thead><tr>${heads}</tr></thead><tbody>${cells.join("")}</tbody></table>`;
          document.querySelector("main").insertAdjacentHTML("beforeend", table);
          SSMPOSE.sortable(document.getElementById("tried"));
        }"""
    )
    head = page.locator("#tried thead th")

    def order(column: int) -> str:
        head.nth(column).get_by_role("button").dispatch_event("click")  # wherever the page has scrolled to
        return "".join(page.locator("#tried tbody th").all_inner_texts())

    assert [order(1) for _ in range(3)] == ["fbadec", "abfdec", "bdaecf"]
    assert [order(2) for _ in range(3)] == ["abfdec", "fbadec", "bdaecf"]
    assert [order(0) for _ in range(3)] == ["abcdef", "fedcba", "bdaecf"]


def test_rows_are_found_by_words_and_by_verdict(page: Page, site: Path) -> None:
    open_page(page, site, "demo.html")
    page.get_by_label("Find rows").fill("cvpr mix")
    visible = page.locator("#table1 tbody tr:not([hidden]):visible th[scope=row]")
    assert visible.all_inner_texts() == ["MixSTE CVPR'22"]
    rows = page.locator("table:has(caption) tbody tr:has(td)").count()
    assert rows > 10
    expect(page.locator(".found")).to_have_text(f"1 of {rows} rows")
    page.get_by_label("Find rows").fill("")
    page.get_by_label("Verdict").select_option("differs")
    assert visible.all_inner_texts() == ["SasMamba"]
    page.reload()  # the address keeps what was asked for
    assert visible.all_inner_texts() == ["SasMamba"]
    page.get_by_label("Verdict").select_option("exact")
    assert visible.all_inner_texts() == ["PoseMamba-S", "PoseMamba-B", "PoseMamba-X"]


@pytest.mark.parametrize("size", [{"width": 1280, "height": 800}, PHONE], ids=["desk", "phone"])
def test_verdicts_are_the_first_thing_on_the_first_screen(chromium: Browser, site: Path, size: dict) -> None:
    context = chromium.new_context(viewport=size)
    page = open_page(context.new_page(), site, "index.html")
    bars = [bar.bounding_box() for bar in page.locator(".stack").all()]
    assert len(bars) == 3
    ends = [place["y"] + place["height"] for place in bars]
    assert ends[-1] <= size["height"]
    others = page.locator("main :is(.card, .notice, .tiles, table)").all()
    assert all(other.bounding_box()["y"] >= ends[0] - 100 for other in others)
    assert page.locator("#gaps tbody tr").count() == 4
    context.close()


def test_the_search_finds_networks_tables_findings_and_terms(page: Page, site: Path) -> None:
    open_page(page, site, "index.html")
    box, hits = page.get_by_label("Search"), page.locator("#results a")
    for asked, kind, href in [
        ("posemamba-b", "network", "costs.html#net=posemamba-b"),
        ("losses", "table", "demo.html#ablation"),
        ("one p1 column", "finding", "audit.html#two-protocols"),
        ("mpjpe", "term", "docs/glossary.html#p1"),
        ("add a model", "docs", "docs/add-a-model.html"),
        ("posemamba-b macs", "network", "costs.html#net=posemamba-b"),
        ("losses latex", "table", "demo.html#ablation"),
        ("ci red", "page", "gate.html"),
    ]:
        box.fill(asked)
        assert href in hits.evaluate_all("links => links.map((link) => link.getAttribute('href'))"), asked
        assert kind in hits.locator("small").all_inner_texts()
    box.fill("no such thing")
    expect(page.locator("[data-search] output")).to_have_text("0 found")
    box.fill("posemamba-b")
    box.press("Enter")
    expect(page.locator("[data-panel] h2")).to_have_text("PoseMamba-B")


def test_the_overview_leads_to_the_costs_of_a_cause(page: Page, site: Path) -> None:
    open_page(page, site, "index.html")
    costs = page.locator("table.costs")
    assert costs.locator("thead th").all_inner_texts()[:3] == ["Paper", "exact", "halved"]
    totals = costs.locator("tbody tr").last.locator("td").all_inner_texts()
    assert totals == costs.locator("tbody tr").first.locator("td").all_inner_texts()  # there is one study
    costs.get_by_role("link", name="2", exact=True).click()
    page.wait_for_selector("html[data-ready=true]")
    shown = page.locator("#table1 tbody tr:visible td[data-word=halved]")
    texts = [" ".join(text.split()) for text in shown.all_inner_texts()]
    assert [text.partition(" true")[0] for text in texts] == ["½ halved: 2.6 G ×2", "½ halved: 11 M ×2.14"]


def test_a_card_without_a_row_that_is_looked_for_is_not_shown_and_legends_count_what_is(page: Page, site: Path) -> None:
    open_page(page, site, "demo.html")
    cards, contents = page.locator("section.card:has(table[data-sortable] caption)"), page.locator("nav.contents li")
    every, linked = cards.count(), contents.count()
    halved = page.locator("#table1 [data-count=halved]")
    for table in cards.all():
        for count in table.locator("[data-count]").all():
            cells = table.locator(f"td[data-word='{count.get_attribute('data-count')}']").count()
            assert count.inner_text() == str(cells)
    page.get_by_label("Find rows").fill("sasmamba")
    expect(halved).to_have_text(str(page.locator("#table1 tr:visible td[data-word=halved]").count()))
    page.get_by_label("Find rows").fill("no such row")
    assert [card.is_visible() for card in cards.all()] == [False] * every
    assert [link.is_visible() for link in contents.all()].count(False) == every
    page.get_by_label("Find rows").fill("")
    assert [card.is_visible() for card in cards.all()] == [True] * every
    assert [link.is_visible() for link in contents.all()] == [True] * linked


@pytest.mark.parametrize("mode", ["both", "as the papers", "true"])
def test_a_heading_names_the_convention_of_the_numbers_below_it(page: Page, site: Path, mode: str) -> None:
    open_page(page, site, "demo.html")
    page.get_by_role("button", name=mode, exact=True).first.click()
    table, rule = page.locator("#table1 table"), "true" if mode == "true" else "paper"
    numbers = {
        "paper": {"Parameters": "0.860 M", "MACs": "3.587 G"},
        "true": {"Parameters": "1.470 M", "MACs": "6.526 G"},
    }
    halves = table.locator("thead tr:nth-child(2) th").all_inner_texts()
    row = page.locator("#table1 tr", has_text="PoseMamba-S").locator("td").all_inner_texts()
    labels = table.locator("thead tr:first-child th.pair").all_inner_texts()
    for i, label in enumerate(labels):
        if label.split("\n")[0] not in numbers["paper"]:
            continue
        assert halves[2 * i].split() == ["printed", "paper"]
        assert halves[2 * i + 1].split() == ["measured", rule]
    shown = " ".join(row)
    assert all(text in shown for text in numbers[rule].values())
    assert ("1.470 M" in shown) == (mode != "as the papers")
    assert ("not compared" in shown) == (mode == "true")


def test_the_switch_shows_the_true_count_instead_and_keeps_its_link(page: Page, site: Path) -> None:
    open_page(page, site, "demo.html")
    cell = page.locator("#table1 tr", has_text="PoseMamba-S").locator("td.counted").first
    assert "0.860 M" in cell.inner_text()
    page.get_by_role("button", name="true", exact=True).first.click()
    assert cell.inner_text().split() == ["not", "compared", "1.470", "M"]
    page.reload()
    assert cell.inner_text().split() == ["not", "compared", "1.470", "M"]
    page.get_by_role("button", name="as the papers").click()
    assert "1.470" not in cell.inner_text()
    page.get_by_role("button", name="true", exact=True).first.click()
    cell.get_by_role("link").click()
    assert page.url.endswith("costs.html#net=posemamba-s&rule=true")
    current = page.locator("[data-panel] tr[aria-current]")
    expect(current.locator("th")).to_have_text(["true"] * 3)  # parameters, MACs a clip and a frame


def test_old_links_to_counts_lead_to_the_network_and_the_convention(page: Page, site: Path) -> None:
    page.goto((site / "counts.html").as_uri() + "#paper-leaf-sasmamba")
    page.wait_for_selector("html[data-ready=true]")
    assert page.url.endswith("costs.html#net=sasmamba&rule=paper-leaf")
    assert page.locator("[data-panel] h2").inner_text() == "SasMamba"
    assert page.locator("[data-panel] tr[aria-current] th").all_inner_texts() == ["paper-leaf"]


def test_a_waterfall_leads_from_the_profiler_to_the_true_count(page: Page, site: Path) -> None:
    open_page(page, site, "costs.html")
    rows = page.locator("[data-panel] table.bars").first.locator("tbody tr")
    steps = [text.split("\n")[0] for text in rows.locator("th").all_inner_texts()]
    assert steps == ["the profiler", "− norms", "+ x_proj", "+ scan", "+ dt_proj", "= all of it"]
    values = [int(text.replace(",", "")) for text in rows.locator("td small").all_inner_texts()]
    assert values[0] - values[1] + sum(values[2:-1]) == values[-1] == 6_526_319_040
    number = "name => parseFloat(r.getAttribute(name))"
    edges = rows.locator("rect").evaluate_all(f"all => all.map(r => ['x', 'width'].map({number}))")
    assert edges[0] == [0, 55]  # per cent: 3.587 of 6.526
    assert all(a[0] + a[1] == pytest.approx(b[0], abs=0.3) for a, b in pairwise(edges[2:-1]))
    assert edges[-1] == [0, 100]


def test_a_row_of_all_networks_opens_its_waterfall_and_the_address_shows_it_again(page: Page, site: Path) -> None:
    open_page(page, site, "costs.html")
    table = page.locator("table.pivot")
    ratios = [text for text in table.locator("td.of-macs:nth-child(3)").all_inner_texts() if text != "–"]
    assert ratios == sorted(ratios, reverse=True)
    table.get_by_role("link", name="PoseMamba-X").click()
    expect(page.locator("[data-panel] h2")).to_have_text("PoseMamba-X")
    assert page.get_by_label("Network", exact=True).input_value() == "posemamba-x"
    page.get_by_role("button", name="parameters", exact=True).click()
    assert not table.locator("td.of-macs").first.is_visible()
    page.reload()
    assert page.url.endswith("#net=posemamba-x&of=params")
    expect(page.locator("[data-panel] h2")).to_have_text("PoseMamba-X")
    assert table.locator("td.of-params").first.is_visible()
    page.get_by_label("Network", exact=True).select_option("sasmamba")
    expect(page.locator("[data-panel] h2")).to_have_text("SasMamba")
    page.get_by_label("Family").select_option("sasmamba")
    assert table.locator("tbody tr:visible th").all_inner_texts() == ["SasMamba"]
    page.get_by_label("Family").select_option("")
    page.get_by_label("Find networks").fill("posemamba-b")
    assert table.locator("tbody tr:visible th").all_inner_texts() == ["PoseMamba-B"]


def test_an_unknown_network_is_named_and_the_first_one_stays(page: Page, site: Path) -> None:
    open_page(page, site, "costs.html#net=nothing")
    expect(page.locator("[data-unknown]")).to_have_text("No network nothing was counted here.")
    assert page.locator("[data-panel] h2").inner_text() == "PoseMamba-S"


def test_costs_are_readable_without_javascript(chromium: Browser, site: Path) -> None:
    context = chromium.new_context(viewport=DESK, java_script_enabled=False)
    page = context.new_page()
    page.goto((site / "costs.html").as_uri())
    assert page.locator("[data-panel] h2").inner_text() == "PoseMamba-S"
    assert page.locator("[data-panel] rect.end").first.is_visible()
    assert page.locator("table.pivot tbody tr").count() == 5
    assert not page.locator("select[data-net]").is_visible()
    page.goto((site / "counts.html").as_uri())
    page.wait_for_url("**/costs.html")
    context.close()


def test_a_chart_has_its_numbers_as_a_table(page: Page, site: Path) -> None:
    open_page(page, site, "curves.html")
    chart = page.locator(".chart.js-plotly-plot").first
    traces = chart.evaluate("element => element.data.length")
    page.get_by_text("The numbers as a table").first.click()
    assert page.locator(".card").first.locator("tbody tr").count() == traces / 2 > 1  # each line has its band


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_tools_of_a_chart_are_hidden_until_the_pointer_is_there(chromium: Browser, site: Path, scheme: str) -> None:
    context = chromium.new_context(viewport=DESK, color_scheme=scheme)
    page = open_page(context.new_page(), site, "curves.html")
    bar = page.locator(".chart .modebar-group").first
    page.locator("h1").hover()
    expect(bar).to_have_css("opacity", "0")
    page.locator(".chart").first.hover()
    expect(bar).to_have_css("opacity", "1")
    grounds = page.locator(".chart .modebar, .chart .modebar-group").evaluate_all(
        "all => all.map(element => getComputedStyle(element).backgroundColor)"
    )
    assert set(grounds) == {"rgba(0, 0, 0, 0)"}
    titles = page.locator(".chart .modebar-btn").evaluate_all("all => all.map(element => element.dataset.title)")
    assert "Zoom" in titles
    assert not [title for title in titles if "Share" in title or "Cloud" in title]  # nothing leaves the page
    context.close()


def test_a_narrow_bar_shows_which_page_this_is(chromium: Browser, site: Path) -> None:
    context = chromium.new_context(viewport=PHONE)
    page = context.new_page()
    record = next(site.glob("records/*.html")).relative_to(site).as_posix()
    marked = {"index.html": "Overview", "audit.html": "Papers", "poses.html": "Explore", record: "Runs"}
    for name, entry in (marked | {"docs/engine.html": "Docs"}).items():
        here = open_page(page, site, name).locator(".bar [aria-current]:visible")
        expect(here).to_have_text(entry)
        place = here.bounding_box()
        assert place["x"] >= 0, name
        assert place["x"] + place["width"] <= PHONE["width"], name
    context.close()


def test_menus_open_by_keyboard_one_at_a_time_and_close(page: Page, site: Path) -> None:
    open_page(page, site, "poses.html")
    papers, explore = page.locator("summary", has_text="Papers"), page.locator("summary", has_text="Explore")
    papers.press("Enter")
    expect(page.get_by_role("link", name="Audit")).to_be_visible()
    explore.press("Enter")
    expect(page.get_by_role("link", name="Audit")).to_be_hidden()
    current = page.locator(".bar a[aria-current=page]")
    expect(current).to_have_text("Poses")
    current.focus()
    page.keyboard.press("Escape")
    expect(current).to_be_hidden()
    expect(explore).to_be_focused()
    explore.click()
    page.locator("footer").click()
    expect(current).to_be_hidden()


def test_the_bar_leads_everywhere_without_javascript(chromium: Browser, site: Path) -> None:
    context = chromium.new_context(viewport=PHONE, java_script_enabled=False)
    page = context.new_page()
    page.goto((site / "index.html").as_uri())
    page.locator("summary", has_text="Explore").click()
    page.get_by_role("link", name="Curves").first.click()
    assert page.url.endswith("curves.html")
    context.close()


@pytest.mark.parametrize("size", [DESK, PHONE], ids=["desk", "phone"])
def test_a_term_opens_where_it_stands_and_closes(chromium: Browser, site: Path, size: dict) -> None:
    context = chromium.new_context(viewport=size, has_touch=True)
    page = open_page(context.new_page(), site, "demo.html")
    mark, box = page.get_by_role("link", name="What P1↓ means"), page.get_by_role("dialog", name="Definition")
    mark.tap()
    expect(box).to_contain_text("P1, MPJPE")
    place = box.bounding_box()
    assert place["x"] >= 0
    assert place["x"] + place["width"] <= size["width"]
    found = Axe().run(page, options={"preload": False}).response["violations"]
    assert not [v["id"] for v in found if v["impact"] in ("serious", "critical")]
    page.keyboard.press("Escape")
    expect(box).to_be_hidden()
    mark.press("Enter")
    box.get_by_role("link", name="Glossary").click()
    assert page.url.endswith("docs/glossary.html#p1")
    expect(page.locator("tr:target td").first).to_have_text("P1, MPJPE")
    context.close()


def test_a_term_leads_to_the_glossary_without_javascript(chromium: Browser, site: Path) -> None:
    context = chromium.new_context(viewport=DESK, java_script_enabled=False)
    page = context.new_page()
    page.goto((site / "index.html").as_uri())
    page.locator(".words").get_by_role("link", name="halved", exact=True).click()
    assert page.url.endswith("docs/glossary.html#halved")
    context.close()


def test_the_theme_stays_with_the_reader(page: Page, site: Path) -> None:
    open_page(page, site, "demo.html")
    page.get_by_role("button", name="Dark").click()
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(20, 23, 27)"
    assert page.get_by_role("button", name="Light").is_visible()


def test_a_scan_walks_step_by_step(page: Page, site: Path) -> None:
    open_page(page, site, "orders.html")
    says = page.locator(".says")
    page.get_by_role("button", name="Step forward").click()
    page.get_by_role("button", name="Step forward").click()
    expect(says).to_have_text("Step 3 of 85: reads right knee of frame 0, with the feature of right hip added.")
    here = page.locator("svg .here")
    before = here.get_attribute("cx"), here.get_attribute("cy")
    page.get_by_label("direction", exact=True).select_option(label="temporal")
    page.get_by_role("button", name="Step forward").click()
    expect(says).to_have_text("Step 2 of 85: reads pelvis of frame 1.")
    assert (here.get_attribute("cx"), here.get_attribute("cy")) != before
    page.get_by_label("network", exact=True).select_option(label="GLSMamba, temporal scan")
    page.get_by_role("button", name="Step back").click()
    expect(says).to_have_text("Step 144 of 144: reads row 7, column 5 of frame 2.")


@pytest.mark.parametrize("viewer", ["orders", "poses", "video"])
def test_the_sentence_below_a_player_follows_and_is_not_read_out_while_it_plays(
    page: Page, site: Path, viewer: str
) -> None:
    open_page(page, site, f"{viewer}.html")
    says, place = page.locator(".says"), page.locator(".viewer input[type=range]")
    before = says.inner_text()
    page.get_by_role("button", name="Play").click()
    assert says.get_attribute("aria-live") == "off"
    page.wait_for_function("document.querySelector('.viewer input[type=range]').value > 1")
    said, at = page.evaluate(
        "[document.querySelector('.says').textContent, document.querySelector('.viewer input[type=range]').value]"
    )
    assert said != before
    assert re.search(rf"^(Step|Frame) {int(at) + 1} of {int(place.get_attribute('max')) + 1}\b", said)
    page.get_by_role("button", name="Pause").click()
    assert says.get_attribute("aria-live") == "polite"


def test_poses_play_and_stop(page: Page, site: Path) -> None:
    errors = complaints(page)
    open_page(page, site, "poses.html")
    assert page.locator(".joints li").count() == 17
    traces = page.locator(".chart.js-plotly-plot").evaluate("element => element.data.length")
    assert traces == 3  # truth, prediction, joints
    page.get_by_role("button", name="Play").click()
    page.wait_for_function("document.querySelector('.viewer input[type=range]').value > 3")
    page.get_by_role("button", name="Pause").click()
    frame = page.locator(".viewer input[type=range]").input_value()
    expect(page.locator(".says")).to_contain_text(f"Frame {int(frame) + 1} of 30, PoseMamba-S, recipe posemamba:")
    page.get_by_role("button", name="Turn left").click()
    page.get_by_label("run", exact=True).select_option(index=1)
    expect(page.locator(".says")).to_contain_text("PoseMamba-B")
    page.get_by_role("link", name="About posemamba-b").click()
    assert page.url.endswith("records/synthetic-sh-like.posemamba-b.posemamba.html#seed0")
    assert not errors


def test_heatmaps_lie_over_the_frames(page: Page, site: Path) -> None:
    errors = complaints(page)
    open_page(page, site, "video.html")
    page.wait_for_selector("canvas.film")
    says = page.locator(".says")
    expect(says).to_have_text(re.compile(r"^Frame 1 of 4: joints are 3\.0 pixels off on average"))
    page.get_by_label("network", exact=True).select_option(label="GLSMamba-B")
    page.get_by_label("joint", exact=True).select_option(label="nose")
    expect(says).to_have_text("Frame 1 of 4: the nose is 6.0 pixels off.")
    page.get_by_role("button", name="Step forward").click()
    expect(says).to_have_text("Frame 2 of 4: the nose is not annotated here.")
    assert page.locator("canvas.film").evaluate("c => [c.width, c.height]") == [120, 90]
    assert not errors


def test_a_link_to_a_finding_opens_it(page: Page, site: Path) -> None:
    open_page(page, site, "audit.html#limb-order")
    assert page.locator("#limb-order").get_attribute("open") is not None


def test_claims_are_filtered_by_paper_kind_and_verdict_in_the_address(page: Page, site: Path) -> None:
    open_page(page, site, "index.html")
    page.get_by_role("link", name=re.compile("^Costs: ")).click()
    page.wait_for_selector("html[data-ready=true]")
    shown = page.locator("tr[data-kind]:not([hidden])")
    assert set(shown.evaluate_all("rows => rows.map((row) => row.dataset.kind)")) == {"cost"}
    page.get_by_role("combobox", name="Verdict").select_option("halved")
    expect(shown).to_have_count(2)
    expect(shown.first).to_be_in_viewport()  # nothing but hits is shown
    expect(page.get_by_role("heading", name="Orders")).to_be_hidden()
    page.reload()
    page.wait_for_selector("html[data-ready=true]")
    expect(shown).to_have_count(2)
    shown.first.get_by_role("link").first.click()
    page.wait_for_selector("html[data-ready=true]")
    assert re.search(r"/demo\.html#demo/table1/\w+/\w+$", page.url)
    cell = page.locator("td:target")
    expect(cell).to_be_in_viewport()
    cell.locator("xpath=following-sibling::td[1]").get_by_role("link", name=re.compile("halved")).click()
    page.wait_for_selector("html[data-ready=true]")
    command = page.locator("tr:target details code")
    expect(command).to_have_text(re.compile(r"^\.venv/bin/python -m workflow counts \w+$"))
    expect(command).to_be_visible()  # a claim that is asked for is open


def test_a_leaderboard_compares_any_two_and_keeps_it_in_the_address(page: Page, site: Path) -> None:
    open_page(page, site, "leaderboard.html")
    row = page.locator("tr[data-row=posemamba-b]")
    versus = row.locator("[data-versus]")
    page.get_by_role("combobox", name="Reference").select_option("posemamba-s")
    against = versus.inner_text()
    page.get_by_role("combobox", name="Reference").select_option("posemamba-b")
    expect(versus).to_have_text("reference")
    page.get_by_role("combobox", name="Reference").select_option("posemamba-s")
    for name in ("posemamba-s", "posemamba-b"):
        page.locator(f"tr[data-row={name}] [data-compare]").check()
    expect(page.locator("[data-compare]:disabled")).not_to_have_count(0)
    drawer = page.locator("[data-drawer]")
    expect(drawer.get_by_role("heading", level=3)).to_have_text("PoseMamba-B and PoseMamba-S")
    page.get_by_role("button", name="Smaller ones").click()
    expect(page.locator("tr[data-row=sasmamba]")).to_be_hidden()
    before = drawer.inner_text()
    page.reload()
    page.wait_for_selector("html[data-ready=true]")
    assert (drawer.inner_text(), versus.inner_text()) == (before, against)
    expect(page.locator("tr[data-row=sasmamba]")).to_be_hidden()


def test_a_row_of_a_leaderboard_opens_and_stays_open_below_its_row(page: Page, site: Path) -> None:
    open_page(page, site, "leaderboard.html")
    row = page.locator("tr[data-row=posemamba-b]")
    row.get_by_role("button", name="details of PoseMamba-B").press("Enter")
    below = page.locator("tr[data-row=posemamba-b] + tr.below")
    expect(below.get_by_role("img")).to_have_attribute(
        "aria-label", re.compile("^validation score from .* after 1,250")
    )
    shown = below.inner_text()
    assert "make train scale=small motion=cmu variants=posemamba-b seeds=0,1,2" in shown
    assert "Costs at full size: MACs 13.94 G" in shown
    below.get_by_role("button", name="Copy as LaTeX").click()
    expect(below.get_by_text(re.compile(r"^Copied$|PoseMamba-B & .* \\\\\\\\$"))).to_be_visible()
    page.get_by_role("columnheader", name="P2").get_by_role("button").click()
    expect(below.get_by_role("img")).to_be_visible()  # sorting leaves it below its row
    page.reload()
    page.wait_for_selector("html[data-ready=true]")
    expect(below.get_by_role("img")).to_be_visible()
    row.get_by_role("button", name="details of PoseMamba-B").click()
    expect(below).to_have_count(0)


def test_a_leaderboard_stands_best_first_by_the_column_it_is_ranked_by(page: Page, site: Path) -> None:
    open_page(page, site, "leaderboard.html")
    rows = page.locator("tr[data-row]")
    page.get_by_label("Ranked by").select_option("p1_gt")
    head = page.get_by_role("columnheader", name=re.compile("^P1†"))
    column = 1 + page.locator("table.ranked thead th").evaluate_all(
        "all => all.findIndex(head => head.textContent.startsWith('P1†'))"
    )
    shown = rows.locator(f":nth-child({column})").evaluate_all("all => all.map(cell => cell.dataset.sort)")
    learned = [text != "did not learn" for text in rows.locator("[data-rank]").all_inner_texts()]
    numbers = [float(text) for text, ranked in zip(shown, learned, strict=True) if ranked]
    assert numbers == sorted(numbers)
    assert learned == sorted(learned, reverse=True)
    assert learned.count(False) == 1  # PoseMamba-X of the made-up records
    before, orders = rows.locator("th").all_inner_texts(), []
    for _ in range(3):
        head.get_by_role("button").click()
        orders.append(rows.locator("th").all_inner_texts())
    assert orders[2] == before != orders[1]
    assert head.get_attribute("aria-sort") is None


def test_an_index_of_many_runs_opens_at_once(
    chromium: Browser, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    report = tmp_path / "report"
    known = {"scale": "quick", "dataset": "synthetic-sh-like", "metric": "mpjpe", "unit": "mm", "value": 1.0}
    known |= {"convention": "human36m/test/best_val", "device": "CPU", "revision": "0", "recipe": "posemamba"}
    rows = [
        known | {"variant": f"net-{i // 4}", "seed": i % 4, "run": f"runs/net-{i // 4}/posemamba/seed{i % 4}"}
        for i in range(RUNS)
    ]
    report.mkdir()
    write_measurements([*count_rows(), *rows], report / "measurements.csv")
    write_parts(report / "count-parts.csv")
    pd.DataFrame(columns=["device", "metric", "floor"]).to_csv(tmp_path / "noise.csv", index=False)
    (tmp_path / "evidence.json").write_text("{}", encoding="utf-8")
    csv = report / "measurements.csv"
    comparisons = write_comparisons([], csv, tmp_path / "noise.csv", report / "comparisons.csv", CHOICE)
    judge([], csv, comparisons, report / "cells.csv", CHOICE)
    write_audit([], report, tmp_path / "evidence.json", CHOICE)
    site = write_site([], report, report / "site", CHOICE).parent
    context = chromium.new_context(viewport=DESK)
    page = context.new_page()
    session = context.new_cdp_session(page)
    session.send("Performance.enable")
    open_page(page, site, "runs.html")
    work = {metric["name"]: metric["value"] for metric in session.send("Performance.getMetrics")["metrics"]}
    # What a page that is slow for its length does, whatever else the machine does meanwhile.
    assert work["LayoutCount"] <= 4
    assert work["Nodes"] < 40 * RUNS
    assert work["JSEventListeners"] < RUNS
    assert page.locator("tbody tr").count() == RUNS / 4  # an experiment a row, its seeds as columns
    assert page.locator("tbody td a").count() == RUNS
    context.close()
