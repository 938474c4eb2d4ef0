"""The page that shows it all: what was run, verdicts, every table and figure, with links to the files."""

import base64
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

import pandas as pd

from reports.layout import SCALES, SELECTIONS, SYMBOLS, View, count_verdicts, make_view
from reports.measurements import EFFICIENCY_SCALE, Choice, pick, read_measurements
from reports.pages import render
from reports.tables import build_table
from reports.verdicts import VERDICTS
from studies.errors import InputError
from studies.files import write_text
from studies.load import load_study
from studies.variants import resolve_variants

DESCRIPTION = "{http://purl.org/dc/elements/1.1/}description"
TABLE_KINDS = {"html": "page", "csv": "CSV", "md": "Markdown", "tex": "LaTeX"}
# Curves that `make scaling` draws: title -> drawing, from the page, as are the links.
SCALING = {
    "Time and memory of one clip by its length": Path("../../efficiency/scaling.svg"),
    "Time and memory of one clip of images by its tokens": Path("../../efficiency/tokens.svg"),
}
TIMINGS = {"latency": "time a clip", "throughput": "throughput", "peak_memory": "peak memory"}
TIMINGS["training_memory"] = "memory of a training step"
MEANING = {
    "reproduced": "printed numbers that our count gives to the last printed digit",
    "differs": "printed numbers that our count does not give",
    "not comparable": "measured here, but under other conditions than the paper's",
    "not run": "printed numbers that nothing here measures",
}


@dataclass(frozen=True)
class FigureView:
    """A figure on the page: its heading, caption, drawing (data URI) and files relative to the page."""

    id: str
    heading: str
    caption: str
    drawing: str
    stem: str


@dataclass(frozen=True)
class StudyView:
    """A study on the page."""

    name: str
    title: str
    venue: str
    link: str
    tables: tuple[View, ...]
    figures: tuple[FigureView, ...]


def write_index(studies: Sequence[str | Path], measurements_csv: str | Path, out_dir: str | Path, **options) -> Path:
    """Write `<out_dir>/index.html`, one file that needs no network and no script; returns its path.

    studies: names or paths of the studies, in the order of the page; `out_dir` holds their `tables/` and `figures/`.
    options: scale, dataset, detector, selection, seeds (`reports.measurements.Choice`).
    Raises InputError where a figure is absent.
    """
    out_dir = Path(out_dir)
    choice = Choice(**options)
    measurements = read_measurements(measurements_csv)
    counts: Counter[str] = Counter()
    views = []
    for study in map(load_study, studies):
        tables = []
        for table in study["tables"]:
            cells = build_table(study, table, measurements, **options)
            counts.update(count_verdicts(cells))
            tables.append(make_view(study, table, cells, choice))
        figures = tuple(_figure_view(study, figure, out_dir) for figure in study.get("figures", []))
        views.append(
            StudyView(study["study"], study["title"], study["venue"] or "", study["link"] or "", tuple(tables), figures)
        )
    page = render(
        "index.html",
        studies=views,
        choice=choice,
        counts=[(v, SYMBOLS[v], counts[v], MEANING[v]) for v in VERDICTS],
        facts=run_facts(measurements, choice),
        timings=timings(measurements),
        excluded=excluded_lists(measurements, out_dir),
        curves=[(t, p.stem, *_drawing(out_dir / p)) for t, p in SCALING.items() if (out_dir / p).is_file()],
        scale_meaning=SCALES[choice.scale],
        kinds=TABLE_KINDS,
    )
    return write_text(out_dir / "index.html", page)


def run_facts(measurements: pd.DataFrame, choice: Choice) -> dict[str, str]:
    """What was run, as (name, text): from the measurements and each run's `run.json`."""
    runs = measurements[(measurements["run"] != "") & (measurements["scale"] == choice.scale)]
    records = [record for run in dict.fromkeys(runs["run"]) if (record := _record(Path(run)))]
    seconds = sum(record.get("seconds", {}).get("whole", 0) for record in records)
    versions = {f"{k} {v}" for record in records for k, v in record.get("versions", {}).items()}
    seeds = [str(seed) for seed in sorted(runs["seed"].dropna().unique())]
    facts = {
        "Scale": choice.scale,
        "Motion": f"{choice.dataset}; detected 2D keypoints: {choice.detector}",
        "Epoch shown": SELECTIONS[choice.selection],
        "Trainings": f"{runs['run'].nunique()} runs of {runs['variant'].nunique()} variants",
        "Seeds": ", ".join(seeds) or "none",
        "Hardware": ", ".join(sorted(set(runs["device"]))) or "nothing was trained",
        "Training time": f"{seconds / 60:.1f} minutes in all, added over runs" if seconds else "",
        "Selective scan": ", ".join(sorted({record["backend"] for record in records if "backend" in record})),
        "Versions": ", ".join(sorted(versions)),
        "Source revision": ", ".join(sorted(set(measurements["revision"]) - {""})),
    }
    return {name: text for name, text in facts.items() if text}


def timings(measurements: pd.DataFrame) -> list[tuple[str, ...]]:
    """Times and memory at full paper size, by variant: (label, what, value, how it was measured, device)."""
    measured = pick(measurements, scale=EFFICIENCY_SCALE)
    spreads = measured[measured["metric"] == "latency_iqr"].set_index(["variant", "convention", "device"])["value"]
    labels = {name: variant["label"] for name, variant in resolve_variants().items()}
    rows = []
    for row in measured[measured["metric"].isin(TIMINGS)].itertuples():
        spread = spreads.get((row.variant, row.convention, row.device)) if row.metric == "latency" else None
        value = f"{row.value:,.1f} {row.unit}" + ("" if spread is None else f" (interquartile range {spread:,.1f})")
        rows.append((labels.get(row.variant, row.variant), TIMINGS[row.metric], value, row.convention, row.device))
    return rows


def excluded_lists(measurements: pd.DataFrame, out_dir: Path) -> dict[str, str]:
    """Links from the page to what each convention leaves out: family of models -> CSV, where it was counted."""
    counted = set(pick(measurements, scale=EFFICIENCY_SCALE)["variant"])
    families = sorted({v["family"] for name, v in resolve_variants().items() if name in counted})
    links = {family: f"../../efficiency/{family}-excluded.csv" for family in families}
    return {family: link for family, link in links.items() if (out_dir / link).is_file()}


def _record(run: Path) -> dict:
    """What a run says of itself; empty where its folder was moved away since."""
    path = run / "run.json"
    if not path.is_file():
        return {}
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        raise InputError(f"{path}: is no JSON; delete the run's folder and train again") from None


def _figure_view(study: dict, figure: dict, out_dir: Path) -> FigureView:
    stem = f"{study['study']}-{figure['id']}"
    path = out_dir / "figures" / f"{stem}.svg"
    if not path.is_file():
        raise InputError(f"{path}: no such figure; run `make figures` first")
    number = f"Figure {figure['number']}: " if figure.get("number") else ""
    return FigureView(figure["id"], number + figure["title"], *_drawing(path), stem)


def _drawing(path: Path) -> tuple[str, str]:
    """Caption and data URI of an SVG."""
    drawing = path.read_bytes()
    description = ElementTree.fromstring(drawing).find(f".//{DESCRIPTION}")
    caption = description.text if description is not None and description.text else ""
    return caption, "data:image/svg+xml;base64," + base64.b64encode(drawing).decode()
