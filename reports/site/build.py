"""All pages of the site from result files: measurements, comparisons, audit, runs, figures. No model, no network."""

import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pandas as pd
from markupsafe import Markup

from base.errors import InputError
from base.files import read_json, write_text
from base.zips import write_zip
from reports.audit.write import SAYS
from reports.boards import read_boards
from reports.commands import make
from reports.measurements import Choice, label_of, read_measurements
from reports.orders.order import read_orders
from reports.orders.view import HOW, legend, limits, make_views, summary
from reports.records import faults, in_words, read_kept
from reports.site import costs
from reports.site.charts import Chart, learning_curves, run_curves
from reports.site.claims import TEXT, limits_of, line_of, printed_claims, untested
from reports.site.costs import Network, networks, timings
from reports.site.drawings import rounded
from reports.site.gate import FILE as GATE
from reports.site.gate import read_verdict, render_gate
from reports.site.glossary import PAGE as GLOSSARY
from reports.site.glossary import definitions
from reports.site.guide import DOCS, GUIDE, Doc, guide, pictures
from reports.site.leaderboard import BoardView, board_view
from reports.site.overview import axis_of, gaps, search_index
from reports.site.pages import TEMPLATES, Page, render, script_json
from reports.site.runs import Experiment, experiments, run_links
from reports.site.viewers import VIEWERS
from reports.tables.captions import SELECTIONS
from reports.tables.cell import NOT_RUN, count_causes, count_verdicts, of_table, read_cells
from reports.tables.layout import SYMBOLS, View, make_view
from reports.tables.rows import baseline_rows
from reports.totals import bars, quoted
from studies.findings import EFFECTS, KINDS
from studies.load import load_study
from studies.scales import scale_named
from studies.types import CountColumn, Study

PAPERS, EXPLORE, RUNS, DOCUMENTS = "Papers", "Explore", "Runs", "Docs"  # menus of the bar
ASSETS = Path(__file__).parent / "assets"
TABLE_KINDS = {"csv": "CSV", "md": "Markdown", "tex": "LaTeX", "json": "JSON"}
# What numbers.zip holds, of what there is: no page needs it, and plain it would be a tenth of the site.
NUMBERS = (
    "measurements.csv", "count-parts.csv", "cells.csv", "records.csv", "comparisons.csv", "orders.csv", "boards.json",
    "audit/audit.json", "audit/claims.csv", "audit/findings.csv",
)  # fmt: skip
SCALING = {
    "scaling": "Time and memory of one clip by its length",
    "tokens": "Time and memory of one clip of images by its tokens",
}  # curves that `make scaling` draws, in results/efficiency
COSTS = {
    "rules": costs.RULES,
    "metrics": costs.METRICS,
    "first": costs.FIRST,
    "amount": costs.amount,
    "unit_of": costs.unit_of,
}


@dataclass(frozen=True)
class StudyPage:
    """A study on its page: tables as views, and how many printed numbers have each verdict, and counts each cause.

    uncounted : how many printed counts have none, because nothing was counted
    """

    study: Study
    views: tuple[View, ...]
    counts: dict[str, int]
    causes: dict[str, int]
    uncounted: int

    @property
    def name(self) -> str:
        return self.study.name

    @property
    def switches(self) -> bool:
        """Whether any count is shown by two rules."""
        return any(heading.switches for view in self.views for heading in view.headings)

    @property
    def figures(self) -> list[tuple[str, str, str]]:
        """Id, heading and file stem of each figure."""
        return [(figure.id, figure.heading, f"{self.name}-{figure.id}") for figure in self.study.figures]


class Site:
    """What all pages are made of, read once. Folders: `report` holds tables/, figures/, audit/; `out` gets the site."""

    def __init__(self, studies: Sequence[str | Path], report: Path, out: Path, choice: Choice) -> None:
        self.report, self.out, self.choice, self.evidence = report, out, choice, choice.evidence
        self.measurements = read_measurements(report / "measurements.csv")
        loaded = [load_study(name) for name in studies]
        names = {study.name for study in loaded}
        self.cells = tuple(cell for cell in read_cells(report / "cells.csv") if cell.study in names)
        self.audit = _audit(report / "audit" / "audit.json")
        self.orders = read_orders(report / "orders.csv") if (report / "orders.csv").is_file() else ()
        self.boards = read_boards(report / "boards.json") if (report / "boards.json").is_file() else ()
        self.experiments = experiments(self.measurements, choice)  # trained here
        self.records = experiments(self.measurements, self.evidence) if choice.records else []
        self.states = read_kept(report / "records.csv")
        self.studies = [self._study(study) for study in loaded]
        self.order_views = make_views(loaded, self.orders, choice)
        self.views = {name: view for name, build in VIEWERS.items() if (view := build(report, choice))}

    @property
    def shown(self) -> list[Experiment]:
        """Experiments behind the accuracies of tables."""
        return self.records if self.choice.records else self.experiments

    def _study(self, study: Study) -> StudyPage:
        cells = {table.id: of_table(self.cells, study.name, table.id) for table in study.tables}
        judged = [cell for own in cells.values() for cell in own if cell.is_judged]
        return StudyPage(
            study=study,
            views=tuple(make_view(study, table, cells[table.id], self.choice) for table in study.tables),
            counts=count_verdicts(judged),
            causes=count_causes(judged),
            uncounted=sum(
                cell.kind == CountColumn.kind and cell.verdict == NOT_RUN for cell in judged if not cell.quoted
            ),
        )

    @property
    def pages(self) -> list[Page]:
        """Pages of the navigation, those without data left out."""
        pages = [
            Page("index.html", "Overview", "what holds of the printed numbers"),
            Page("claims.html", "Claims", "every printed number and every order, with its verdict"),
            Page("leaderboard.html", "Leaderboard", "networks ranked and compared under one set of rules"),
            Page("costs.html", "Costs", "parameters, operations, time and memory of every network at full paper size"),
            *(Page(f"{s.name}.html", s.study.label, s.study.title, PAPERS) for s in self.studies),
            Page(
                "audit.html",
                "Audit",
                "contradictions between papers, code and counts, with evidence that reruns",
                PAPERS,
            ),
            *(Page(f"{name}.html", view.name, view.about, EXPLORE) for name, view in self.views.items()),
            Page("curves.html", "Curves", "learning curves of the networks in the tables", EXPLORE),
            Page("records.html", "Records", "trained before and kept: whether they give the same numbers here", RUNS),
            Page("runs.html", "Runs", "every training on this machine, with its numbers", RUNS),
            Page(
                GATE,
                "Gate",
                "what got worse or changed since the baseline, and which edit did it: where to look when CI is red",
                RUNS,
            ),
            Page(GUIDE, "Documentation", "how numbers are made, and how to add a model", DOCUMENTS),
            Page(GLOSSARY, "Glossary", "one definition per term", DOCUMENTS),
        ]
        return [page for page in pages if page.file not in self._absent]

    @property
    def _absent(self) -> set[str]:
        """Pages without data."""
        data_of = {
            "leaderboard.html": self.boards,
            "curves.html": self.shown,
            "records.html": self.records,
            "runs.html": self.experiments or any(failure.runs for failure in self.choice.failed),
        }
        return {file for file, data in data_of.items() if not data}


def write_site(studies: Sequence[str | Path], report: str | Path, out: str | Path, choice: Choice) -> Path:
    """Write the site into the folder `out`, whole or not at all; returns its `index.html`.

    report: folder with measurements.csv, count-parts.csv, cells.csv, audit/, tables/ and figures/, and comparisons.csv and orders.csv if they were made.
    Raises InputError where one of them is absent or cannot be read.
    """
    out = Path(out)
    part = out.with_name(f".{out.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    try:
        site = Site(studies, Path(report), part, choice)
        _copy_assets(site)
        _write_pages(site)
        shutil.rmtree(out, ignore_errors=True)
        part.rename(out)
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return out / "index.html"


def _write_pages(site: Site) -> None:
    findings = site.audit["findings"]
    flagged = {claim["id"]: claim["findings"].split() for claim in site.audit["claims"]}
    links, counted, docs = run_links([*site.records, *site.experiments]), _networks(site), guide()
    _write(site, "index.html", "overview.html", findings=findings, **_overview(site, counted, docs))
    linked = {network.name for network in counted}
    claims = _claims(site, flagged)
    shown = {"links": links, "counted": linked, "flagged": flagged, "listed": {c.id for c in claims["printed"]}}
    for study in site.studies:
        values = {"study": study, "kinds": TABLE_KINDS, **shown}
        _write(site, f"{study.name}.html", "study.html", **values)
    if site.boards:
        _write(site, "leaderboard.html", "leaderboard.html", boards=_boards(site))
    _write(site, "claims.html", "claims.html", links=links, counted=linked, **claims)
    audited = audit_body(site.audit, [study.name for study in site.studies])
    _write(site, "audit.html", "audit.html", body=audited)
    scaling = {stem: title for stem, title in SCALING.items() if (site.out / f"figures/{stem}.svg").is_file()}
    values = {"networks": counted, "timings": list(timings(site.measurements)), "scaling": scaling}
    _write(site, "costs.html", "costs.html", **values, **COSTS)
    _write(site, "counts.html", "moved.html", to="costs.html")
    if site.shown:
        _write(site, "curves.html", "curves.html", charts=_curve_charts(site))
    if site.records:
        _write(site, "records.html", "records.html", links=links, **_records(site))
    if any(page.file == "runs.html" for page in site.pages):
        _write(site, "runs.html", "runs.html", experiments=site.experiments, links=links, label_of=label_of)
    for experiment in [*site.records, *site.experiments]:
        _write(site, experiment.page, "experiment.html", root="../", counted=linked, **_experiment(site, experiment))
    base = {name: value for name, value in _base(site, GATE).items() if name not in ("page", "root")}
    write_text(site.out / GATE, render_gate(read_verdict(site.report), **base))
    titles = [(Path(doc.file).name, doc.title) for doc in docs]
    for doc in docs:
        _write(site, doc.file, "doc.html", root="../", doc=doc, docs=titles)
    write_text(site.out / "data/glossary.js", f"SSMPOSE.data.glossary={script_json(definitions())};\n")
    for name, view in site.views.items():
        write_text(site.out / f"data/{name}.js", f"SSMPOSE.data.{name}={script_json(view.data)};\n")
        _write(site, f"{name}.html", "viewer.html", viewer=name, view=view)


def _overview(site: Site, counted: Sequence[Network], docs: Sequence[Doc]) -> dict[str, object]:
    """What the first page shows."""
    studies = [page.study for page in site.studies]
    shown = gaps(studies, site.cells)
    tables = [(page.study, view) for page in site.studies for view in page.views]
    orders = [order for tables in site.order_views.values() for table in tables for order in table.orders]
    return {
        "facts": run_facts(site),
        "bars": bars(site.cells, site.orders),
        "costs": count_causes(site.cells),
        "quoted": quoted(site.cells),
        "leads": {name: f"claims.html?kind={name.lower()[:-1]}" for name in ("Costs", "Orders", "Errors")},
        "papers": [study for study in studies if study.venue],
        "gaps": shown,
        "axis": axis_of(shown),
        "index": list(search_index(counted, tables, orders, site.audit["findings"], docs, site.pages)),
    }


def _networks(site: Site) -> list[Network]:
    return networks(
        site.measurements, site.report / "count-parts.csv", [page.study for page in site.studies], site.cells
    )


def _boards(site: Site) -> list[BoardView]:
    """The leaderboards, each of one table, those without a network last."""
    studies = {page.name: page.study for page in site.studies}
    by_key = {experiment.key: experiment for experiment in (*site.records, *site.experiments)[::-1]}
    views = [
        board_view(board, studies[board.study], of_table(site.cells, board.study, board.table), by_key, site.evidence)
        for board in site.boards
    ]
    return sorted(views, key=lambda view: not view.entries)


def _claims(site: Site, flagged: Mapping[str, Sequence[str]]) -> dict[str, Any]:
    """What the page of claims shows; flagged: findings by claim."""
    studies = [page.study for page in site.studies]
    printed = printed_claims(studies, site.audit["claims"], site.cells, site.choice)
    papers = list(dict.fromkeys([*(claim.study for claim in printed), *(order.study for order in site.orders)]))
    return {
        "printed": printed,
        "missing": list(untested(printed)),
        "ends": limits_of(printed),
        "line_of": line_of,
        "findings": {
            order.id: list(dict.fromkeys(finding for _, cell in order.cells for finding in flagged.get(cell, ())))
            for tables in site.order_views.values()
            for table in tables
            for order in table.orders
        },
        "papers": papers,
        "views": site.order_views,
        "legend": list(legend(site.orders)),
        "how": HOW,
        "limits": limits(site.orders),
    }


def _experiment(site: Site, experiment: Experiment) -> dict[str, object]:
    """What the page of an experiment shows."""
    selection, table = (site.evidence if experiment.kept else site.choice).selection, numbers(experiment)
    return {
        "experiment": experiment,
        "chart_data": run_curves(experiment),
        "numbers": table,
        "selected": table[table["convention"].str.endswith(f"/{selection}")],
        "epoch": SELECTIONS[selection],
        "groups": experiment.groups(selection),
        "evaluate": make("verify", site.choice.scale, experiment.motion),
    }


def _records(site: Site) -> dict[str, object]:
    """What the page of records shows."""
    where = (site.choice.scale, site.evidence.motion)
    commands = {"evaluate": make("verify", *where), "again": make("all", *where)}
    return {"experiments": site.records, "faults": faults(site.states), **commands}


def audit_body(audit: dict, pages: Sequence[str]) -> Markup:
    """The findings as HTML; pages: studies whose pages lie beside it. Text from data is escaped."""
    words = {"kinds": KINDS, "effects": EFFECTS, "symbols": SYMBOLS, "says": SAYS}
    true_of = {finding["id"]: list(_true_of(finding, pages)) for finding in audit["findings"]}
    return Markup(render("audit_body.html", audit=audit, true_of=true_of, **words))


def _true_of(finding: Mapping, pages: Sequence[str]) -> Iterator[tuple[str, list[tuple[str, str]]]]:
    """The cells that a finding is true of, by table, each with the address of its number; empty of pages not there."""
    for table, words in finding["true_of"].items():
        ids = [cell for cell in finding["cells"] if cell.startswith(f"{table}/")]
        study, _, name = table.partition("/")
        page = f"{'claims' if name == TEXT else study}.html#" if study in pages else ""
        yield table, [(word, page and page + cell) for word, cell in zip(words, ids, strict=True)]


def _write(site: Site, file: str, template: str, root: str = "", **values: object) -> None:
    write_text(site.out / file, render(template, **_base(site, file, root), **values))


def _base(site: Site, file: str, root: str = "") -> dict[str, object]:
    """What every page shows."""
    return {
        "site": site,
        "pages": site.pages,
        "choice": site.choice,
        "evidence": site.evidence,
        "page": file,
        "root": root,
        "scale_meaning": scale_named(site.evidence.scale).meaning,
        "in_words": in_words(site.states, list(site.states)),
        "orders_summary": summary(site.orders) if site.orders else "",
    }


def _copy_assets(site: Site) -> None:
    """Scripts and styles of ours, plotly.js, and everything that pages link to: figures, tables, audit."""
    assets = site.out / "assets"
    shutil.copytree(ASSETS, assets)
    shutil.copy(TEMPLATES / "style.css", assets / "style.css")
    shutil.copy(_plotly_js(), assets)
    for study in site.studies:
        stems = [stem for _, _, stem in study.figures]
        _copy(site.report / "figures", site.out / "figures", [f"{stem}.svg" for stem in stems])
        files = [f"{study.name}-{view.table}.{kind}" for view in study.views for kind in TABLE_KINDS]
        _copy(site.report / "tables", site.out / "tables", files)
    _copy(DOCS, site.out / "docs", [path.name for path in pictures()])
    numbers = {name: site.report / name for name in NUMBERS}
    write_zip(site.out / "numbers.zip", {name: file for name, file in numbers.items() if file.is_file()})
    if site.orders:
        _copy(site.report, site.out, ["orders.csv"])
        _copy(site.report / "tables", site.out / "tables", ["orders.md", "orders.tex"])
    efficiency = site.report / "../../efficiency"
    drawn = [f"{stem}.{kind}" for stem in SCALING for kind in ("svg", "csv") if (efficiency / f"{stem}.svg").is_file()]
    _copy(efficiency, site.out / "figures", drawn)
    for name, view in site.views.items():
        for copied, source in view.files.items():
            target = site.out / "data" / name / copied
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(source, target)


def _plotly_js() -> Path:
    """plotly.js inside the installed package, which is not imported: that would take a second."""
    package = find_spec("plotly")
    if package is None or package.origin is None:
        raise InputError("the package plotly is not installed; delete .venv/.ready and run `make env`")
    return Path(package.origin).parent / "package_data" / "plotly.min.js"


def _copy(folder: Path, to: Path, names: list[str]) -> None:
    to.mkdir(parents=True, exist_ok=True)
    for name in names:
        if not (folder / name).is_file():
            raise InputError(f"{folder / name}: no such file; run `make` first")
        if name.endswith(".svg"):
            write_text(to / name, rounded((folder / name).read_text(encoding="utf-8")))
        else:
            shutil.copy(folder / name, to / name)


def run_facts(site: Site) -> dict[str, str]:
    """What was run, as (name, text): from the measurements and each run's `run.json`."""
    runs = [run for experiment in site.experiments for run in experiment.runs]
    abouts = [run.about for run in runs if run.about]
    versions = {f"{k} {v}" for about in abouts for k, v in about.get("versions", {}).items()}
    minutes = sum(run.minutes for run in runs)
    kept = f"scale {site.evidence.scale} on {site.evidence.motion} motion, {SELECTIONS[site.evidence.selection]}"
    facts = {
        "Records": kept if site.records else "",
        "Scale": site.choice.scale,
        "Motion": f"{site.choice.motion}; detected 2D keypoints: {site.choice.detector}",
        "Epoch shown": SELECTIONS[site.choice.selection],
        "Trainings": f"{len(runs)} runs of {len({e.variant for e in site.experiments})} variants",
        "Seeds": ", ".join(sorted({str(run.seed) for run in runs})) or "none",
        "Hardware": ", ".join(sorted({str(d) for e in site.experiments for d in e.numbers["device"]})) or "nothing was trained",
        "Training time": f"{minutes:.1f} minutes in all, added over runs" if minutes else "",
        "Selective scan": ", ".join(sorted({about["backend"] for about in abouts if "backend" in about})),
        "Versions": ", ".join(sorted(versions)),
        "Source revision": ", ".join(sorted(set(site.measurements["revision"]) - {""})),
    }  # fmt: skip
    return {name: text for name, text in facts.items() if text}


def numbers(experiment: Experiment) -> pd.DataFrame:
    """All measurements of an experiment: rows (metric, unit, convention), a column a seed."""
    table = experiment.numbers.pivot_table(
        index=["metric", "unit", "convention"], columns="seed", values="value", sort=False
    )
    return table.reset_index()


def _curve_charts(site: Site) -> dict[str, list[Chart]]:
    """Title of a study -> a chart for each of its tables and each data set: the networks of its rows, and the baselines."""
    known = {experiment.key: experiment for experiment in site.shown}
    charts: dict[str, list[Chart]] = {}
    for page in site.studies:
        for table in page.study.tables:
            rows = [*table.rows, *baseline_rows(table, site.evidence)]
            for data in dict.fromkeys(map(site.evidence.column_data, table.accuracies)):
                labels = {(data, row.variant, row.recipe): row.label for row in reversed(rows)}  # the first names it
                found = [(label, known[key]) for key, label in reversed(labels.items()) if key in known]
                chart = learning_curves(f"{page.name}-{table.id}-{data}", f"{table.heading} ({data})", found)
                charts.setdefault(page.study.title, []).extend([chart] if chart else [])
    return {title: found for title, found in charts.items() if found}


def _audit(path: Path) -> dict:
    """What `reports.audit.write` wrote. Raises InputError for another file."""
    audit = read_json(path)
    listed = [audit.get(name) for name in ("findings", "claims")]
    if not all(isinstance(entries, list) and all(_has_id(entry) for entry in entries) for entries in listed):
        raise InputError(f"{path}: is no audit; delete it and run `make` again")
    return audit


def _has_id(entry: object) -> bool:
    return isinstance(entry, dict) and "id" in entry
