"""The gate: today's numbers against `baselines/quick-cpu.csv`, and the deliberate change of that file.

    python -m workflow gate --fast            # what needs no run of the workflow, or the kinds named of it
    python -m workflow gate --fast --table regression.csv
    python -m workflow gate --accept REASON   # today's numbers become the baseline; with --fast those kinds alone

`make regression` and `make baseline reason="..."` do the same after making what they read.
"""

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import redirect_stdout
from dataclasses import asdict
from pathlib import Path
from typing import NoReturn

import pandas as pd

from base.edits import commits_since, edited_since
from base.errors import InputError
from base.files import read_csv, write_csv, write_rows, write_text
from base.git import git
from reports.comparisons import read_floors
from reports.measurements import Choice, pick, read_measurements
from reports.records import State, faults
from reports.regression.causes import find_causes
from reports.regression.compare import changed, compare, rows_of
from reports.regression.numbers import (
    ACCURACY,
    ALLOCATION,
    COUNT,
    LOSS,
    MEMORY,
    NETWORK,
    SPEED,
    TRAINING,
    read_baseline,
    renew,
    watched,
    write_baseline,
)
from reports.regression.verdict import Verdict, make_verdict, markdown, terminal
from reports.site.gate import GATE_JSON, write_gate_page
from studies import places
from studies.config import read_config
from studies.plan import Plan, make_plan
from studies.scales import QUICK, scale_named
from workflow.inputs import EMBEDDED, first_steps
from workflow.sources import sources_of

BASELINE = Path(places.BASELINE)
CHOICE = Choice(scale=QUICK, motion="synthetic", selection=scale_named(QUICK).selection)
MEASUREMENTS = Path(places.Places(CHOICE.scale, CHOICE.motion).measurements)
COMPUTED = (Path(places.FINGERPRINTS), Path(places.FIRST_STEPS))
SPEEDS, NOISE = Path(places.SPEED_RATIOS), Path(places.NOISE)
FAST = (COUNT, MEMORY, NETWORK, LOSS, ALLOCATION, TRAINING, SPEED)
PEAK = "peak_memory"  # of a process of its own, which takes minutes
JOB_SUMMARY = "GITHUB_STEP_SUMMARY"  # environment variable: the file that CI shows on a job's page


def numbers_now(measured: pd.DataFrame | None, computed: Sequence[Path], speeds: Path) -> pd.DataFrame:
    """Today's watched numbers from the workflow's files. Raises InputError for one that is absent or damaged.

    measured : of `measurements_of`, None to watch the rest; computed: fingerprints and first steps
    """
    remedy = "run `make regression` again"
    parts = [read_csv(path, ["kind", "name", "metric", "value"], remedy) for path in computed]
    ratios = read_csv(speeds, ["workload", "ratio", "noise"], remedy, numbers=("ratio", "noise"))
    return watched(measured, parts, ratios, CHOICE)


def measurements_of(path: Path) -> pd.DataFrame:
    """What `make` measured. Raises InputError for measurements of another scale."""
    measured = read_measurements(path)
    if pick(measured, scale=CHOICE.scale).empty:
        raise InputError(f"{path}: the baseline is of scale {CHOICE.scale}; say `make regression` without choices")
    return measured


def check(now: pd.DataFrame, noise: Path, baseline: Path, states: Mapping[str, State], report: Path) -> Verdict:
    """Compare, and write `regression.csv`, `gate.md` and `gate.json` into a folder, and the site's page of the gate.

    now : of `numbers_now`; states: what became of records (`reports.records.read_states`)
    """
    table = compare(now, read_baseline(baseline), read_floors(noise))
    path = report / "regression.csv"
    write_csv(path, table)
    verdict = judge(table, faults(states), str(path))
    write_text(report / GATE_JSON, json.dumps(asdict(verdict), indent=1) + "\n")
    write_text(report / "gate.md", markdown(verdict))
    write_gate_page(report / "site", verdict)
    return verdict


def judge(table: pd.DataFrame, records: Sequence[str] = (), path: str = "") -> Verdict:
    """The verdict on what `compare` gave, with the edits that are behind it; also for the page of a CI's job.

    records : faults of records; path: where the table lies
    """
    numbers = rows_of(table)
    causes = find_causes(numbers, sources_of, edited_since)
    told = [(cause, commits_since(cause.since, cause.files) if cause.files else ()) for cause in causes]
    verdict = make_verdict(numbers, told, records, path)
    if summary := os.environ.get(JOB_SUMMARY):
        with Path(summary).open("a", encoding="utf-8") as page:
            page.write(markdown(verdict))
    return verdict


def check_fast(kinds: Sequence[str], path: Path | None = None, baseline: Path = BASELINE) -> Verdict:
    """Compare what needs no run of the workflow, of the kinds in FAST. path: of a table of all numbers, if wanted."""
    before = _of_kinds(read_baseline(baseline), kinds)
    table = compare(fast_numbers(kinds, before), before, {})
    if path:
        write_csv(path, table)
    return judge(table, path=str(path or ""))


def fast_numbers(kinds: Sequence[str], before: pd.DataFrame) -> pd.DataFrame:
    """Today's watched numbers of some kinds in FAST. before: the baseline, whose revisions speed is compared with."""
    from training.provenance import device_name
    from workflow.measuring.speed_ratios import write_speed_ratios

    with tempfile.TemporaryDirectory() as folder:
        revisions = speed_revisions(before)  # empty where speed is not asked for
        speeds = write_speed_ratios(revisions, device_name(), Path(folder, "speeds.csv"))
        plan = make_plan(read_config())
        now = numbers_now(_counted(kinds, plan, Path(folder)), _compute(kinds, plan, Path(folder)), speeds)
    return _of_kinds(now, kinds)


def _of_kinds(numbers: pd.DataFrame, kinds: Sequence[str]) -> pd.DataFrame:
    """Rows of what the fast gate holds."""
    return numbers[numbers["kind"].isin(kinds) & (numbers["metric"] != PEAK)]


def _counted(kinds: Sequence[str], plan: Plan, folder: Path) -> pd.DataFrame | None:
    """Counts and predicted memory of every variant, as measurements; only what was edited is counted again."""
    if not {COUNT, MEMORY} & set(kinds):
        return None
    from workflow.measuring.counts import counts_of, kept_counts

    names = [name for variants in plan.families.values() for name in variants]
    counted, _ = counts_of(names, plan.shown("training_memory"), kept_counts())
    return read_measurements(write_csv(folder / "counts.csv", counted.numbers))


def _compute(kinds: Sequence[str], plan: Plan, folder: Path) -> list[Path]:
    """Files of fingerprints, and of first steps where their kind is asked for, made in a folder."""
    from datasets.motion.prepare import prepare
    from workflow.measuring.fingerprints import Fingerprint, fingerprints
    from workflow.measuring.first_steps import write_first_steps

    rows = fingerprints(scale_named(QUICK).hyper_of_all(), kinds)
    computed = [write_rows(folder / "fingerprints.csv", Fingerprint, rows)]
    if TRAINING in kinds:
        prepare(str(EMBEDDED), folder / "data")
        with redirect_stdout(sys.stderr):  # what trainings say
            computed.append(write_first_steps(first_steps(plan), folder / "data", folder / "first-steps.csv"))
    return computed


def accept(reason: str, kinds: Sequence[str] = (), baseline: Path = BASELINE) -> None:
    """Make today's numbers the baseline; unchanged ones keep their revision and reason.

    kinds : of FAST, to renew these alone; none: all, from what `make` left behind
    Raises InputError without a reason, for accuracies of one seed, and with uncommitted changes.
    """
    from training.provenance import revision

    if not reason.strip():
        raise InputError('give the reason for the new baseline: make baseline reason="..."')
    if edited():
        raise InputError("commit your changes first: a baseline names the revision that it was measured at")
    whole = read_baseline(baseline) if kinds or baseline.is_file() else None
    before = _of_kinds(whole, kinds) if kinds else whole
    now = fast_numbers(kinds, before) if kinds else numbers_now(measurements_of(MEASUREMENTS), COMPUTED, SPEEDS)
    if now.loc[now["kind"] == ACCURACY, "seeds"].lt(2).any():
        raise InputError('a baseline needs several seeds, whose spread says what is noise: make baseline reason="..."')
    floors = {} if kinds else read_floors(NOISE)
    differs = set() if before is None else changed(compare(now, before, floors))
    renewed = renew(now, before, differs, revision().removesuffix("+changes"), reason.strip())
    write_baseline(pd.concat([renewed, whole.drop(before.index)]) if kinds else renewed, baseline)
    print(f"{baseline}: {len(now)} numbers, {len(now) if before is None else len(differs)} of them new or changed")


def speed_revisions(baseline: pd.DataFrame) -> dict[str, str]:
    """Workload -> the revision whose code it is timed against."""
    rows = baseline[baseline["kind"] == SPEED]
    return dict(zip(rows["name"], rows["revision"], strict=True))


def edited() -> list[str]:
    """Files of the checkout that are changed and not committed, the baselines themselves left out."""
    status = git("status", "--porcelain", "--untracked-files=no", "--", ".", f":!{BASELINE.parent}")
    return status.decode(errors="replace").splitlines()


class _Parser(argparse.ArgumentParser):
    """One whose complaint is one line, as that of every command."""

    def error(self, message: str) -> NoReturn:
        raise InputError(f"gate: {message}; python -m workflow gate --help says how")


def main(command_line: list[str]) -> int:
    """The command line. Exit status: 1 where something got worse."""
    parser = _Parser(prog="python -m workflow gate", description=__doc__.splitlines()[0])
    fast = f"what needs no run: {', '.join(FAST)}"
    parser.add_argument("--fast", nargs="*", choices=FAST, metavar="KIND", help=f"compare or accept only {fast}")
    parser.add_argument("--accept", metavar="REASON", help="make today's numbers the baseline")
    parser.add_argument("--table", type=Path, metavar="FILE", help="write every number that was compared as CSV")
    arguments = parser.parse_args(command_line)
    kinds = None if arguments.fast is None else arguments.fast or FAST
    if arguments.accept is not None:
        accept(arguments.accept, kinds or ())
        return 0
    if kinds is None:
        parser.error("say --fast or --accept REASON")
    verdict = check_fast(kinds, arguments.table)
    print(*terminal(verdict), sep="\n")
    return int(verdict.red)
