"""Motion to train and test on, as `datasets/motions.yaml` lists it, and the prepared data that are made of it.

Imported while Snakemake parses the workflow: nothing heavy may be imported here.
"""

import re
from dataclasses import dataclass
from functools import cache

from base.errors import InputError
from base.reading import ROOT, check_schema, nearest, read_yaml
from studies.benchmarks import BENCHMARKS
from studies.data import OUR_DETECTORS, TRUE_KEYPOINTS, VIDEOS, Dataset

FILE = ROOT / "datasets/motions.yaml"
CATALOGUE = ROOT / "datasets/catalogue.yaml"
NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")


@dataclass(frozen=True)
class Source:
    """A motion: its name, the module that gives its takes, the catalogue's entry to download, whether it is filmed."""

    name: str
    module: str
    source: str | None = None
    filmed: bool = False


@cache
def motions() -> dict[str, Source]:
    """All motions by name.

    Raises InputError, one line, for a name that files cannot have, an unknown key, module or source.
    """
    entries = read_yaml(FILE)
    check_schema(entries, "motions", FILE)
    found = {name: Source(name, **entry) for name, entry in entries.items()}
    sources = list(read_yaml(CATALOGUE))
    for motion in found.values():
        _check(motion, sources)
    return found


def lifting_data() -> list[Dataset]:
    """Data with keypoints and poses that are made of the motions: `cmu-gt`, `cmu-sh-like`, ..."""
    return [Dataset(name, detector) for name in motions() for detector in (TRUE_KEYPOINTS, *OUR_DETECTORS)]


def video_data() -> list[Dataset]:
    """Videos that are rendered from the motions: `video-cmu`, ..."""
    return [Dataset(motion.name) for motion in motions().values() if motion.filmed]


def _check(motion: Source, sources: list[str]) -> None:
    where = f"datasets/motions.yaml: {motion.name}"
    taken = motion.name.startswith((VIDEOS, *BENCHMARKS))
    if taken or not NAME.fullmatch(motion.name):
        why = "begins like another kind of data set" if taken else "may hold small letters, digits and single hyphens"
        raise InputError(f"{where}: the name {why}; choose another")
    path = ROOT.joinpath(*motion.module.split(".")).with_suffix(".py")
    if not path.is_file():
        raise InputError(f"{where}.module: {path.relative_to(ROOT)} is no file; write it or mend the name")
    if motion.source and motion.source not in sources:
        raise InputError(f"{where}.source: unknown source {motion.source!r}{nearest(motion.source, sources)}")
