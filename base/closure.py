"""Source closure: the files of this repository that a module imports, directly or through others.

Snakemake does not see an edit to a module that a script imports, so each rule takes the closure of what it runs as
input. It is derived from the code with `ast`, never listed by hand; an import inside a function counts as well, because
that is how heavy modules are imported here.
"""

import ast
import hashlib
from collections.abc import Iterable
from functools import cache
from pathlib import Path

from base import ROOT
from base.foreign import data_files

DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


def closure(*modules: str) -> list[str]:
    """Paths, relative to the repository and sorted, of `modules` (dotted names) and all that they import from it."""
    found: set[str] = set()
    pending = [path for module in modules for path in _files(module)]
    while pending:
        path = pending.pop()
        if path not in found:
            found.add(path)
            pending += _imports(path)
    return sorted(found)


def code_digest(paths: Iterable[str]) -> str:
    """Of what some Python files of the repository do: comments, docstrings and layout do not count."""
    return hashlib.sha256("\0".join(map(_code, paths)).encode()).hexdigest()


@cache
def _code(path: str) -> str:
    return syntax((ROOT / path).read_text(encoding="utf-8"), path)


def syntax(source: str, path: str = "") -> str:
    """The syntax tree of a module as text, without docstrings. Raises SyntaxError."""
    tree = ast.parse(source, filename=path)
    for node in ast.walk(tree):
        if isinstance(node, DOCUMENTED) and ast.get_docstring(node, clean=False) is not None:
            node.body[0].value.value = ""
    return ast.dump(tree)


@cache
def _imports(path: str) -> tuple[str, ...]:
    """Files of the repository that one file imports."""
    if not path.endswith(".py"):
        return ()
    names: list[str] = []
    try:
        parsed = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    except SyntaxError:
        return ()  # what imports it fails, and says so: nothing else does
    for node in ast.walk(parsed):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            # `from package import name`: name may be a module or something defined in the package.
            names += [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
    return tuple(dict.fromkeys(file for name in names for file in _files(name)))


def _files(module: str) -> list[str]:
    """Files that importing a dotted name runs: packages on the way, the module, what they read besides Python."""
    parts = module.split(".")
    files = [Path(*parts[:i], "__init__.py") for i in range(1, len(parts) + 1)]
    files.append(Path(*parts).with_suffix(".py"))
    found = [f for f in files if (ROOT / f).is_file()]
    return [f.as_posix() for f in [*found, *(data for f in found for data in _data(f))]]


def _data(file: Path) -> list[Path]:
    """What a module reads besides Python: C++ sources beside `native.py`, `templates` and `assets` of a package."""
    patterns = {"native.py": ["*.[ch]pp"], "__init__.py": ["templates/**/*.*", "assets/*.*"]}.get(file.name, [])
    return [data.relative_to(ROOT) for pattern in patterns for data in data_files((ROOT / file).parent, pattern)]
