"""RO-Crate metadata of a results folder: what each file is, which papers it is about, and what made it.

The crate is the folder itself (https://www.researchobject.org/ro-crate/): one `ro-crate-metadata.json` beside the
files, readable by machines that know nothing of this project.
"""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from rocrate.model.contextentity import ContextEntity
from rocrate.rocrate import ROCrate

from base.files import write_text
from base.foreign import data_files
from reports.measurements import Choice, read_measurements
from studies.load import load_study
from studies.types import Study

LICENCE = "https://spdx.org/licenses/Apache-2.0"
FORMATS = {
    ".csv": "text/csv",
    ".html": "text/html",
    ".json": "application/json",
    ".md": "text/markdown",
    ".png": "image/png",
    ".svg": "image/svg+xml",
    ".tex": "application/x-tex",
}
FILES = {
    "count-parts.csv": "The parts of each count of parameters and multiply-accumulates, one row per part",
    "measurements.csv": "Every measured number, one per row, with its convention, device, run and source revision",
    "cells.csv": "Every cell of every table: printed, measured, verdict and reason",
    "records.csv": "The state on this machine of each record whose numbers the tables show",
    "comparisons.csv": "Differences within tables of ablations, with intervals and corrected p-values",
    "orders.csv": "Every claim that one row of a table is better than another, its outcome and its uncertainty",
    "audit/claims.csv": "Every number and claim of the papers, with its verdict",
    "audit/findings.csv": "Findings about the claims, with the command that reproduces the evidence",
    "audit/audit.json": "Claims and findings with their evidence",
    "site/index.html": "The site: open it in a browser",
}


def write_crate(studies: Sequence[str | Path], report: str | Path, choice: Choice) -> Path:
    """Write `ro-crate-metadata.json` into the folder `report`; returns its path.

    studies : whose tables and figures the folder holds
    Its date is that of the measurements. Raises InputError where they cannot be read.
    """
    report = Path(report)
    revisions = sorted(set(read_measurements(report / "measurements.csv")["revision"]) - {""})
    crate = ROCrate()
    crate.name = f"ssmpose results, scale {choice.scale}, {choice.motion} motion"
    crate.description = (
        "Tables and figures of studies on state-space pose estimation, printed and measured side by side."
    )
    crate.license, crate.datePublished = LICENCE, _day(report / "measurements.csv")
    papers = [paper for study in map(load_study, studies) if (paper := _paper(crate, study))]
    files = [_file(crate, name, text) for name, text in FILES.items() if (report / name).is_file()]
    for path in [*data_files(report, "figures/*"), *data_files(report, "tables/*")]:
        files.append(_file(crate, path.relative_to(report).as_posix(), f"{path.parent.name[:-1]} {path.stem}"))
    _add_action(crate, ", ".join(revisions), choice, files)
    crate.root_dataset["about"] = papers
    text = json.dumps(crate.metadata.generate(), indent=1, sort_keys=True)
    return write_text(report / "ro-crate-metadata.json", text + "\n")


def _day(path: Path) -> str:
    return datetime.fromtimestamp(path.stat().st_mtime, UTC).date().isoformat()


def _paper(crate: ROCrate, study: Study) -> ContextEntity | None:
    if not study.link:
        return None
    facts = {
        "@type": "ScholarlyArticle",
        "name": study.title,
        "publisher": study.venue,
        "url": study.link,
    }
    return crate.add(ContextEntity(crate, study.link, properties=facts))


def _file(crate: ROCrate, name: str, text: str) -> ContextEntity:
    facts = {"name": text[:1].upper() + text[1:], "encodingFormat": FORMATS[Path(name).suffix]}
    return crate.add_file(dest_path=name, properties=facts)


def _add_action(crate: ROCrate, revisions: str, choice: Choice, files: list[ContextEntity]) -> None:
    """What made the files: this workflow, at the revisions that the measurements name, with what was chosen."""
    software = {"@type": "SoftwareApplication", "name": "ssmpose", "softwareVersion": revisions}
    instrument = crate.add(ContextEntity(crate, "#ssmpose", properties=software))
    chosen = {key: getattr(choice, key) for key in ("scale", "motion", "detector", "selection")}
    chosen["seeds"] = list(choice.seeds)
    chosen |= {f"records-{key}": value for key, value in choice.records.items()}
    settings = [
        crate.add(
            ContextEntity(crate, f"#{key}", properties={"@type": "PropertyValue", "name": key, "value": str(value)})
        )
        for key, value in chosen.items()
    ]
    facts = {"@type": "CreateAction", "name": "snakemake all", "description": "The workflow from data to page"}
    action = crate.add(ContextEntity(crate, "#run", properties=facts))
    action["instrument"], action["object"], action["result"] = instrument, settings, files
    crate.root_dataset["mentions"] = action
