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
from studies.variants import pretraining
from workflow.commands.data import wanted
from workflow.commands.resume import earlier_run, in_the_way
from workflow.folders import check_folders
from workflow.place import home_cache, obstacle, temporary_folder, unspeakable

GIBIBYTE = 2**30
LEAST_DISK, LEAST_MEMORY = 5, 4  # GiB, below which runs of the papers' size do not go
NO_DISK = 0.1  # GiB, below which nothing goes
PINNED = re.compile(r"^([A-Za-z0-9_.-]+)==([^\s;]+)")
OK, NOTE, WRONG = "ok", "note", "WRONG"  # all well; works, but; stops the run


class Finding(NamedTuple):
    """state: OK, NOTE or WRONG; what was looked at; says: what was found, and what to do."""

    state: str
    what: str
    says: str


def examine(plan: Plan, raw: Path = Path(RAW), prepared: Path = Path(PREPARED_DATA)) -> list[Finding]:
    """All findings, in the order in which a run would meet what they are about."""
    checks = (
        *(_python(), _packages(), _devices(plan), _selective_scan(plan), _deformable_convolution()),
        *(_folders(), _environment(), _caches(), _disk(), _left_behind()),
        *(_weights(plan), _raw(plan, raw), _prepared(plan, prepared)),
    )
    return [finding for check in checks for finding in check]


def _python() -> Iterator[Finding]:
    own = ".".join(map(str, sys.version_info[:3]))
    yield Finding(OK if sys.version_info >= (3, 11) else WRONG, "Python", f"{own}; 3.11 is tested")


def _packages() -> Iterator[Finding]:
    lines = Path("requirements.txt").read_text(encoding="utf-8").splitlines()
    pins = [match.groups() for line in lines if (match := PINNED.match(line))]
    other = [f"{name} {have or 'missing'} (pinned {pin})" for name, pin in pins if (have := _version(name)) != pin]
    if other:
        yield Finding(NOTE, "packages", f"{', '.join(other[:5])}: run `rm -rf .venv && make env`")
    else:
        yield Finding(OK, "packages", f"{len(pins)} packages as pinned")


def _version(name: str) -> str | None:
    try:
        return version(name).partition("+")[0]  # torch names its build there
    except PackageNotFoundError:
        return None


def _devices(plan: Plan) -> Iterator[Finding]:
    import torch

    memory, cores = psutil.virtual_memory().total / GIBIBYTE, os.cpu_count() or 1
    enough = memory >= LEAST_MEMORY
    yield Finding(OK if enough else NOTE, "processor", f"{cores} cores, {memory:.0f} GiB, {platform.machine()}")
    count, config = torch.cuda.device_count(), plan.config
    for i in range(count):
        gpu = torch.cuda.get_device_properties(i)
        yield Finding(OK, f"GPU {i}", f"{gpu.name}, {gpu.total_memory / GIBIBYTE:.0f} GiB")
    if not count:
        advice = "; `make bill scale=paper` says how long the papers' schedules take without one" * config.paper
        yield Finding(NOTE if config.paper else OK, "GPU", f"none{advice}")
    if config.processes > max(count, cores):
        yield Finding(NOTE, "processes", f"{config.processes} are more than there are devices; say fewer")


def _selective_scan(plan: Plan) -> Iterator[Finding]:
    """The configured backend is tried, not only looked for."""
    import torch

    from models import ssm

    device, backend = "cuda" if torch.cuda.is_available() else "cpu", plan.config.backend
    shapes = {"u": (1, 5, 2), "delta": (1, 1, 5, 2), "A": (1, 2, 3), "B": (1, 1, 5, 3), "C": (1, 1, 5, 3)}
    try:
        described = ssm.describe_backend(backend, device)
        tensors = {name: -torch.rand(shape, device=device) for name, shape in shapes.items()}
        result, reference = (ssm.selective_scan(**tensors, backend=name) for name in (backend, "reference"))
    except (InputError, RuntimeError) as error:
        yield Finding(WRONG, "selective scan", str(error))
        return
    if torch.allclose(result, reference, atol=1e-5):
        yield _kernel("selective scan", described)
    else:
        remedy = "clear the folder of built kernels and try again"
        yield Finding(WRONG, "selective scan", f"{described} differs from the reference: {remedy}")


def _deformable_convolution() -> Iterator[Finding]:
    from models import deform

    yield _kernel("deformable convolution", deform.describe())


def _kernel(what: str, described: str) -> Finding:
    return Finding(NOTE if described.startswith("reference") else OK, what, described)


def _folders() -> Iterator[Finding]:
    """Whether a run can write where it has to, and Snakemake call Python by its path."""
    try:
        check_folders(*WRITTEN)
    except InputError as error:
        yield Finding(WRONG, "folders", str(error))
    if why := unspeakable():
        yield Finding(WRONG, "path", why)


def _environment() -> Iterator[Finding]:
    if why := _broken(Path(".venv")):
        yield Finding(WRONG, "environment", why)


def _broken(venv: Path) -> str | None:
    """What is wrong with the checkout's own environment and what `make` will do about it; None: all well, or none."""
    if not os.path.lexists(venv):
        return None
    check = [venv / "bin/python", "-P", "workflow/place.py", "check", venv]
    try:
        result = subprocess.run(check, capture_output=True, text=True, check=False)
        why = result.stdout if result.returncode else None
    except OSError as error:
        why = f"has no Python that runs: {error.strerror}"
    if why is None:
        return None
    return obstacle(venv, Path.cwd(), why) or f"{venv} {why}; `make env` makes it anew"


def _caches() -> Iterator[Finding]:
    """Where programs keep what they need again, or for a moment."""
    cache, temporary, named = home_cache(), temporary_folder(), os.environ.get("TMPDIR")
    if cache is None or cache == Path.cwd() / ".cache":
        why = "the home folder cannot be written: kernels and fonts are kept in .cache by `make`, and nowhere by hand"
        yield Finding(NOTE, "home", why)
    if temporary is None:
        yield Finding(WRONG, "temporary files", "no folder for them can be written; set TMPDIR to one that can")
    elif named and temporary != Path(named).absolute():
        yield Finding(NOTE, "temporary files", f"TMPDIR={named} cannot be written; they go to {temporary}")


def _disk() -> Iterator[Finding]:
    free = shutil.disk_usage(".").free / GIBIBYTE
    if free > LEAST_DISK:
        yield Finding(OK, "disk", f"{free:.0f} GiB free")
    else:
        state = WRONG if free < NO_DISK else NOTE
        yield Finding(state, "disk", f"{free:.0f} GiB free; data and runs of the papers' size need more")


def _left_behind() -> Iterator[Finding]:
    """Of an earlier run, and of the history that git keeps."""
    if why := earlier_run(Path.cwd()):
        yield Finding(WRONG if in_the_way(Path.cwd()) else NOTE, "an earlier run", why)
    if not shutil.which("git"):
        yield Finding(NOTE, "git", "not there: runs name no revision; `make explain` and `make regression` need it")


def _weights(plan: Plan) -> Iterator[Finding]:
    """Official weights that the config names and no run uses: nothing else would say so."""
    starts = {start.variant for e in plan.experiments if (start := pretraining(e))}
    used = plan.official_variants | {COCO: sorted(starts)}
    for dataset, files in plan.config.weights.items():
        for variant in files:
            if variant not in used.get(dataset, ()):
                why = f"not used: no selected table asks for {variant} on it at scale {plan.config.scale.name}"
                yield Finding(NOTE, f"weights.{dataset}", why)


def _raw(plan: Plan, raw: Path) -> Iterator[Finding]:
    """Whether one way to each data set that tables ask for is there whole."""
    config = plan.config
    for name in wanted(config):
        sources = [source for source in catalogue().values() if source.benchmark == name]
        there = [source for source in sources if is_there(source, raw)]
        ways = {source.way for source in sources if source.way} or {""}
        whole = [way for way in ways if all(s in there for s in sources if s.way in ("", way))]
        state, says = OK, f"raw files are there ({', '.join(filter(None, whole)) or 'all'})"
        if not whole and config.paper:
            state, says = WRONG, f"raw files are missing: `make data of={name}` lists them"
        elif not whole:
            says = f"{len(there)} of {len(sources)} sources; scale {config.scale.name} needs none"
        yield Finding(state, BENCHMARKS[name].title, says)


def _prepared(plan: Plan, prepared: Path) -> Iterator[Finding]:
    """Whether it opens, and is as much as the papers'."""
    for dataset in plan.datasets:
        folder = prepared / str(dataset)
        report = folder / "report.md"
        state, says = OK, "not prepared yet; the run does it"
        if folder.is_dir():
            try:
                says = "prepared" if dataset.kind == VIDEO else f"prepared, {_frames(folder):,} frames"
            except InputError as error:
                state, says = WRONG, str(error)
        if state == OK and report.is_file() and "**Not the papers'" in report.read_text(encoding="utf-8"):
            state, says = NOTE, f"{says}; less than the papers', see {report}"
        yield Finding(state, str(dataset), says)


def _frames(folder: Path) -> int:
    """Frames of all splits, once each of them has opened without complaint."""
    return sum(len(lifting.load(split).frames) for split in data_files(folder, "*") if split.is_dir())


def report(findings: list[Finding]) -> str:
    """Lines for a person, the wrong ones named again at the end."""
    width = max(len(finding.what) for finding in findings)
    lines = [f"{finding.state:>5}  {finding.what:<{width}}  {finding.says}" for finding in findings]
    wrong = [finding.what for finding in findings if finding.state == WRONG]
    verdict = f"{len(wrong)} to mend first: {', '.join(wrong)}" if wrong else "nothing stops this run"
    return "\n".join([*lines, "", verdict])


def main(arguments: list[str]) -> int:
    """Exit status: 1 if something stops the configured run."""
    findings = examine(make_plan(read_config(arguments)))
    print(report(findings))
    return int(any(finding.state == WRONG for finding in findings))
