"""Is everything there and sound? `make doctor`.

Looks at the environment, the device, the kernels, the disk, the raw data and what was prepared of them, and says what
to do about each finding. The exit status is not 0 if something stops the configured run.
"""

import os
import platform
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import NamedTuple

import psutil

from base.errors import InputError
from base.foreign import data_files
from datasets import lifting
from datasets.fetching.sources import catalogue
from datasets.fetching.todo import is_there
from studies.benchmarks import BENCHMARKS
from studies.config import COCO, read_config
from studies.data import VIDEO
from studies.places import PREPARED_DATA, RAW, WRITTEN
from studies.plan import Plan, make_plan
from workflow.commands.data import wanted
from workflow.commands.resume import earlier_run, in_the_way
from workflow.folders import check_folders
from workflow.place import home_cache, obstacle, temporary_folder, unspeakable

GIBIBYTE = 2**30
LEAST_DISK, LEAST_MEMORY = 5, 4  # GiB, below which runs of the papers' size do not go
NO_DISK = 0.1  # GiB, below which nothing goes
PINNED = re.compile(r"^([A-Za-z0-9_.-]+)==([^\s;]+)")


class Finding(NamedTuple):
    """state: ok, note (works, but) or WRONG (stops the run); what was looked at; what was found, and what to do."""

    state: str
    what: str
    found: str


def examine(plan: Plan, raw: Path = Path(RAW), prepared: Path = Path(PREPARED_DATA)) -> list[Finding]:
    """All findings, in the order in which a run would meet them."""
    checks = (
        _environment(),
        _device(plan),
        _kernels(plan),
        _places(),
        _weights(plan),
        _raw(plan, raw),
        _prepared(plan, prepared),
    )
    return [finding for check in checks for finding in check]


def _environment() -> Iterator[Finding]:
    found = ".".join(map(str, sys.version_info[:3]))
    yield Finding("ok" if sys.version_info >= (3, 11) else "WRONG", "Python", f"{found}; 3.11 is tested")
    lines = Path("requirements.txt").read_text(encoding="utf-8").splitlines()
    pins = [match.groups() for line in lines if (match := PINNED.match(line))]
    other = [f"{name} {have or 'missing'} (pinned {pin})" for name, pin in pins if (have := _version(name)) != pin]
    told = f"{', '.join(other[:5])}: run `rm -rf .venv && make env`" if other else f"{len(pins)} packages as pinned"
    yield Finding("note" if other else "ok", "packages", told)


def _version(name: str) -> str | None:
    try:
        return version(name).partition("+")[0]  # torch names its build there
    except PackageNotFoundError:
        return None


def _device(plan: Plan) -> Iterator[Finding]:
    import torch

    memory = psutil.virtual_memory().total / GIBIBYTE
    cpu = f"{os.cpu_count()} cores, {memory:.0f} GiB, {platform.machine()}"
    yield Finding("ok" if memory >= LEAST_MEMORY else "note", "processor", cpu)
    count = torch.cuda.device_count()
    if not count:
        slow = plan.config.paper
        advice = (
            "none; `make bill scale=paper` says how long the papers' schedules take without one" if slow else "none"
        )
        yield Finding("note" if slow else "ok", "GPU", advice)
    for i in range(count):
        gpu = torch.cuda.get_device_properties(i)
        yield Finding("ok", f"GPU {i}", f"{gpu.name}, {gpu.total_memory / GIBIBYTE:.0f} GiB")
    if plan.config.processes > max(count, os.cpu_count() or 1):
        yield Finding("note", "processes", f"{plan.config.processes} are more than there are devices; say fewer")


def _kernels(plan: Plan) -> Iterator[Finding]:
    """Each kernel is tried, not only looked for."""
    import torch

    from models import deform, ssm

    device = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        told = ssm.describe_backend(plan.config.backend, device)
        batch = {"u": (1, 5, 2), "delta": (1, 1, 5, 2), "A": (1, 2, 3), "B": (1, 1, 5, 3), "C": (1, 1, 5, 3)}
        tensors = {name: -torch.rand(shape, device=device) for name, shape in batch.items()}
        ran = ssm.selective_scan(**tensors, backend=plan.config.backend)
        close = torch.allclose(ran, ssm.selective_scan(**tensors, backend="reference"), atol=1e-5)
    except (InputError, RuntimeError) as error:
        yield Finding("WRONG", "selective scan", str(error))
    else:
        wrong = f"{told} differs from the reference: clear the folder of built kernels and try again"
        slow = told.startswith("reference")
        yield Finding("WRONG" if not close else "note" if slow else "ok", "selective scan", told if close else wrong)
    convolution = deform.describe()
    yield Finding("note" if convolution.startswith("reference") else "ok", "deformable convolution", convolution)


def _places() -> Iterator[Finding]:
    try:
        check_folders(*WRITTEN)
    except InputError as error:
        yield Finding("WRONG", "folders", str(error))
    if told := unspeakable():
        yield Finding("WRONG", "path", told)
    if told := _broken(Path(".venv")):
        yield Finding("WRONG", "environment", told)
    yield from _kept()
    free = shutil.disk_usage(".").free / GIBIBYTE
    told = f"{free:.0f} GiB free" + ("" if free > LEAST_DISK else "; data and runs of the papers' size need more")
    yield Finding("WRONG" if free < NO_DISK else "ok" if free > LEAST_DISK else "note", "disk", told)
    if told := earlier_run(Path.cwd()):
        yield Finding("WRONG" if in_the_way(Path.cwd()) else "note", "an earlier run", told)
    if not shutil.which("git"):
        yield Finding("note", "git", "not there: runs name no revision; `make explain` and `make regression` need it")


def _broken(venv: Path) -> str | None:
    """What is wrong with the checkout's own environment and what `make` will do about it; None: all well, or none."""
    if not os.path.lexists(venv):
        return None
    check = [venv / "bin/python", "-P", "workflow/place.py", "check", venv]
    try:
        done = subprocess.run(check, capture_output=True, text=True, check=False)
        why = done.stdout if done.returncode else None
    except OSError as error:
        why = f"has no Python that runs: {error.strerror}"
    if why is None:
        return None
    return obstacle(venv, Path.cwd(), why) or f"{venv} {why}; `make env` makes it anew"


def _kept() -> Iterator[Finding]:
    """Where programs keep what they need again, or for a moment."""
    cache, temporary, named = home_cache(), temporary_folder(), os.environ.get("TMPDIR")
    if cache is None or cache == Path.cwd() / ".cache":
        told = "the home folder cannot be written: kernels and fonts are kept in .cache by `make`, and nowhere by hand"
        yield Finding("note", "home", told)
    if temporary is None:
        yield Finding("WRONG", "temporary files", "no folder for them can be written; set TMPDIR to one that can")
    elif named and temporary != Path(named).absolute():
        yield Finding("note", "temporary files", f"TMPDIR={named} cannot be written; they go to {temporary}")


def _weights(plan: Plan) -> Iterator[Finding]:
    """Published weights that the config names and no run uses: nothing else would say so."""
    starts = {start.variant for e in plan.experiments if (start := plan.pretraining(e))}
    used = plan.published_variants | {COCO: sorted(starts)}
    for dataset, files in plan.config.weights.items():
        for variant in files:
            if variant not in used.get(dataset, ()):
                told = f"not used: no selected table asks for {variant} on it at scale {plan.config.scale.name}"
                yield Finding("note", f"weights.{dataset}", told)


def _raw(plan: Plan, raw: Path) -> Iterator[Finding]:
    entries = catalogue().values()
    for benchmark in wanted(plan.config):
        mine = [entry for entry in entries if entry.benchmark == benchmark]
        have = [entry.title for entry in mine if is_there(entry, raw)]
        ways = {entry.way for entry in mine if entry.way} or {""}
        whole = [way for way in ways if all(is_there(e, raw) for e in mine if e.way in ("", way))]
        if whole:
            yield Finding(
                "ok", BENCHMARKS[benchmark].title, f"raw files are there ({', '.join(filter(None, whole)) or 'all'})"
            )
        elif plan.config.paper:
            yield Finding(
                "WRONG", BENCHMARKS[benchmark].title, f"raw files are missing: `make data of={benchmark}` lists them"
            )
        else:
            told = f"{len(have)} of {len(mine)} sources; scale {plan.config.scale.name} needs none"
            yield Finding("ok", BENCHMARKS[benchmark].title, told)


def _prepared(plan: Plan, prepared: Path) -> Iterator[Finding]:
    for dataset in plan.datasets:
        folder, name = prepared / str(dataset), str(dataset)
        if not folder.is_dir():
            yield Finding("ok", name, "not prepared yet; the run does it")
            continue
        try:
            frames = 0 if dataset.kind == VIDEO else _opened(folder)
        except InputError as error:
            yield Finding("WRONG", name, str(error))
            continue
        report = folder / "report.md"
        less = report.is_file() and "**Not the papers'" in report.read_text(encoding="utf-8")
        told = f"prepared{f', {frames:,} frames' if frames else ''}" + (f"; less than the papers', see {report}" * less)
        yield Finding("note" if less else "ok", name, told)


def _opened(folder: Path) -> int:
    """Frames of all splits, once each of them has opened without complaint."""
    return sum(len(lifting.load(split).frames) for split in data_files(folder, "*") if split.is_dir())


def report(findings: list[Finding]) -> str:
    """Lines for a person, the wrong ones told again at the end."""
    width = max(len(finding.what) for finding in findings)
    lines = [f"{finding.state:>5}  {finding.what:<{width}}  {finding.found}" for finding in findings]
    wrong = [finding.what for finding in findings if finding.state == "WRONG"]
    verdict = f"{len(wrong)} to mend first: {', '.join(wrong)}" if wrong else "nothing stops this run"
    return "\n".join([*lines, "", verdict])


def main(arguments: list[str]) -> int:
    """Exit status: 1 if something stops the configured run."""
    findings = examine(make_plan(read_config(arguments)))
    print(report(findings))
    return int(any(finding.state == "WRONG" for finding in findings))
