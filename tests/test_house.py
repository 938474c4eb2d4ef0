"""Imports run one way, from room to room and within each: docs/design.md draws the house."""

import ast
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
# What each room may import besides itself. A room that is not here may not be imported by any.
ROOMS = {
    "base": (),
    "studies": ("base",),
    "metrics": ("base",),
    "models": ("base", "studies"),
    "datasets": ("base", "studies"),
    "training": ("base", "studies", "metrics", "models", "datasets"),
    "reports": ("base", "studies", "metrics", "datasets"),
    "workflow.measuring": ("base", "studies", "metrics", "models", "datasets", "training"),
    "workflow": ("base", "studies", "metrics", "models", "datasets", "training", "reports", "workflow.measuring"),
}
ROOMS["workflow.commands"] = (*ROOMS["workflow"], "workflow", "snakemake")
ROOMS["workflow.scripts"] = (*ROOMS["workflow.commands"], "workflow.commands")
ROOMS["workflow.hooks"] = ROOMS["workflow.scripts"]  # what the Snakefile itself calls
FILES = [path for room in ROOMS if "." not in room for path in sorted((ROOT / room).rglob("*.py"))]
MODULES = {".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path for path in FILES}


def room_of(module: str) -> str:
    """The innermost room that a dotted name lies in."""
    return max((room for room in ROOMS if f"{module}.".startswith(f"{room}.")), key=len, default=module.split(".")[0])


def imports(path: Path, top: bool) -> Iterator[str]:
    """Dotted names that a file imports; top: as it is imported itself, not later inside a function."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in tree.body if top else ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            names = [f"{node.module}.{alias.name}" for alias in node.names]
            yield from (name if name in MODULES else node.module for name in names)


def test_no_room_imports_one_above_it() -> None:
    ours = {*ROOMS, "snakemake"}
    uphill = [
        f"{module} imports {name}"
        for module, path in MODULES.items()
        for name in imports(path, top=False)
        if room_of(name) in ours and room_of(name) not in (room_of(module), *ROOMS[room_of(module)])
    ]
    assert not uphill


def test_no_modules_import_each_other_in_a_circle() -> None:
    graph = {module: {n for n in imports(path, top=True) if n in MODULES} for module, path in MODULES.items()}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as circle:
        raise AssertionError(" -> ".join(circle.args[1])) from None
