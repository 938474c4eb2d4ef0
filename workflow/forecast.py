"""Expected seconds of jobs: what they took when they ran here before, by Snakemake's own records."""

import json
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from statistics import mean

from studies.plan import Plan

METADATA = Path(".snakemake/metadata")


def job_seconds(plan: Plan, jobs: Iterable[tuple[str, str]]) -> list[float]:
    """Expected wall seconds of each job (rule, output): the mean of its rule's jobs here, 0 where there was none."""
    took = defaultdict(list)
    for path in METADATA.rglob("*"):
        if path.is_file():
            try:
                record = json.loads(path.read_text(encoding="utf-8"))
                took[record["rule"]].append(record["endtime"] - record["starttime"])
            except (ValueError, KeyError, TypeError):
                continue  # not whole
    return [mean(took[rule]) if rule in took else 0.0 for rule, _ in jobs]
