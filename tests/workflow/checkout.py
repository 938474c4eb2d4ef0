"""A copy of the project in a folder of its own, to run and to break."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

import yaml

from base.machine import cpu_name
from studies.places import RECORDS
from workflow.commands.plan import Job, jobs
from workflow.forecast import SPEEDS, Speed

ROOT = Path(__file__).resolve().parent.parent.parent
BIN = Path(sys.executable).parent
STUDIES = [
    Path(__file__).with_name(name)
    for name in ("mini.yaml", "mini-video.yaml", "mini-paper.yaml", "mini-paper-video.yaml")
]
PROFILE = ["--workflow-profile", "workflow/profiles/default", "--cores", "2"]
FAMILIES = ("baselines", "posemamba", "sasmamba")  # of the study `mini`
TINY_VIDEO = {"steps": 3, "batch": 2, "draws": 1, "pretraining": {"steps": 3, "batch": 2}}
TINY = {"width_root": None, "width": "1/8", "epochs": 2, "steps": 3, "records": None, "video": TINY_VIDEO}


class Checkout:
    """A copy without records whose config asks for the study `mini` at a tiny scale with one seed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name in _files():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)
        for study in STUDIES:
            shutil.copy2(study, folder / "studies")
        self.configure(_tiny)

    def __truediv__(self, path: str) -> Path:
        return self.folder / path

    def configure(self, change: Callable[[dict], None]) -> None:
        """Let `change` edit the config."""
        path = self / "config.yaml"
        config = yaml.safe_load(path.read_text(encoding="utf-8"))
        change(config)
        path.write_text(yaml.safe_dump(config), encoding="utf-8")

    @contextmanager
    def edited(self, path: str, old: str, new: str) -> Iterator[None]:
        """While the body runs, a file has `new` where it had `old` (once); then it is as before, its time too."""
        file, kept = self / path, self.folder.with_name("kept")
        text = file.read_text(encoding="utf-8")
        assert text.count(old) == 1, f"{path} has {old!r} {text.count(old)} times"
        shutil.copy2(file, kept)
        file.write_text(text.replace(old, new), encoding="utf-8")
        try:
            yield
        finally:
            shutil.copy2(kept, file)

    def run(self, *command: str | Path) -> subprocess.CompletedProcess:
        """Run a command in the copy and with the copy's packages; what it prints is `stdout`."""
        return subprocess.run(command, cwd=self.folder, env=self.environment(), text=True, check=False,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT)  # fmt: skip

    def start(self, *command: str | Path) -> subprocess.Popen:
        """Start a command as `run` does, in a process group of its own."""
        return subprocess.Popen(command, cwd=self.folder, env=self.environment(), start_new_session=True,
                                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)  # fmt: skip

    def environment(self) -> dict[str, str]:
        """This process's, less what would change the workflow, with the copy before the installed project."""
        return {k: v for k, v in os.environ.items() if not k.startswith(("SNAKEMAKE", "MAKE"))} | {
            "PYTHONPATH": str(self.folder)
        }

    def snakemake(self, *arguments: str) -> subprocess.CompletedProcess:
        return self.run(BIN / "snakemake", *PROFILE, *arguments)

    def python(self, *arguments: str) -> subprocess.CompletedProcess:
        return self.run(BIN / "python", *arguments)

    def make(self, *arguments: str) -> subprocess.CompletedProcess:
        """`make` with this environment's programs and no right to install anything."""
        environment = self.folder.with_name(f"{self.folder.name}-venv")
        (environment / "bin").mkdir(parents=True, exist_ok=True)
        for name in ("python", "snakemake"):
            script = environment / "bin" / name
            script.write_text(f'#!/bin/sh\nexec "{BIN / name}" "$@"\n', encoding="utf-8")
            script.chmod(0o755)
        (environment / ".ready").touch()
        return self.run("make", f"VENV={environment}", *arguments)

    def todo(self) -> list[Job]:
        """Jobs that a dry run lists: `workflow.commands.plan.jobs`."""
        result = self.run(BIN / "snakemake", "--dry-run", "all")
        assert result.returncode == 0, result.stdout
        return jobs(result.stdout)

    def times(self) -> dict[str, int]:
        """When each file of data and results was last written, in nanoseconds."""
        paths = [p for top in ("data", "results") for p in (self / top).rglob("*") if p.is_file()]
        return {p.relative_to(self.folder).as_posix(): p.stat().st_mtime_ns for p in paths}


def measure_device(folder: Path) -> None:
    """Make a copy in which the embedded motion is prepared and all that speaks for this device is measured."""
    checkout = Checkout(folder)
    counted = [f"results/efficiency/{family}-counts.csv" for family in FAMILIES]
    timed = [f"results/efficiency/{family}-speed.csv" for family in ("baselines", "sasmamba")]
    others = ["results/noise.csv", "results/efficiency/evidence.json", "results/efficiency/scan_orders.npz"]
    result = checkout.snakemake(*counted, *timed, *others)
    assert result.returncode == 0, result.stdout


def copy_device(of: Path, to: Checkout) -> Checkout:
    """Give a copy what `measure_device` made, and what Snakemake knows of how it was made."""
    for name in ("data/prepared", "results/efficiency", ".snakemake/metadata"):
        shutil.copytree(of / name, to / name)  # with the times, all of them later than those of the sources
    shutil.copy2(of / "results/noise.csv", to / "results/noise.csv")
    return to


def measured(folder: Path) -> Path:
    """A folder, as if its device had been measured there."""
    (folder / SPEEDS).parent.mkdir(parents=True)
    (folder / SPEEDS).write_text(json.dumps({cpu_name(): asdict(Speed(1e-5, 1e-10, 1e-11))}))
    return folder


def only_error(result: subprocess.CompletedProcess) -> str:
    """The one line with which a command told of its failure: status not 0, no traceback of ours."""
    assert result.returncode != 0, result.stdout
    assert "Traceback" not in result.stdout, result.stdout
    lines = re.findall(r"^error: .*$", result.stdout, flags=re.MULTILINE)
    assert len(lines) == 1, result.stdout
    return lines[0]


def _files() -> list[str]:
    """Files of the project that are there, new ones too, less records and what git ignores."""
    command = ["git", "-C", ROOT, "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split("\0")
    return [name for name in listed if not name.startswith(f"{RECORDS}/") and (ROOT / name).is_file()]


def _tiny(config: dict) -> None:
    config |= {"studies": ["mini"], "variants": "all", "seeds": [0]}
    config["override"] = TINY
    config["timing"] |= {"variants": ["mlp", "sasmamba-27-xy"], "runs": 1, "seconds": 0}
