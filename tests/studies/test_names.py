"""Names in backticks that begin with one of our packages lead somewhere: in docstrings, comments and pages."""

import re
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("base", "datasets", "metrics", "models", "reports", "studies", "training", "workflow")
NAME = re.compile(rf"`((?:{'|'.join(PACKAGES)})(?:\.\w+)+)(?:\([^`]*)?`")
WRITTEN = [path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))]
WRITTEN += [
    path for pattern in ("docs/**/*.md", "studies/*.yaml", "workflow/rules/*.smk") for path in ROOT.glob(pattern)
]
WRITTEN += [ROOT / name for name in ("README.md", "Snakefile", "config.yaml")]


def resolves(name: str) -> bool:
    """Whether a dotted name is a module, or an attribute of one, or of something in one."""
    parts = name.split(".")
    for length in range(len(parts), 0, -1):
        try:
            module = find_spec(".".join(parts[:length]))
        except ModuleNotFoundError:  # part of it is no package
            continue
        if module is not None:
            return length == len(parts) or _has(module.name, parts[length:])
    return False


def _has(module: str, names: list[str]) -> bool:
    try:
        found = import_module(module)
    except ModuleNotFoundError as error:  # of an optional library
        pytest.skip(f"{module} needs {error.name}")
    for name in names:
        if not hasattr(found, name) and name not in getattr(found, "__annotations__", {}):
            return False
        found = getattr(found, name, None)
    return True


def test_what_resolves_and_what_does_not() -> None:
    assert resolves("models.build")
    assert resolves("models.lifting.scan.ScanOperator.forward")
    assert resolves("metrics.counting.Count.params")
    assert not resolves("models.lifting.blocks.ScanOperator")
    assert not resolves("studies.config.check_config")
    assert not resolves("metrics.counting.Count.weights")


@pytest.mark.parametrize("path", WRITTEN, ids=lambda path: str(path.relative_to(ROOT)))
def test_names_in_backticks_lead_somewhere(path: Path) -> None:
    names = set(NAME.findall(path.read_text(encoding="utf-8")))
    assert sorted(name for name in names if not resolves(name)) == []
