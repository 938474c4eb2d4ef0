"""Findings of the audit as data: what is claimed and where, what released code does, what authors said.

`studies/findings.yaml` holds all words; which rows a finding is true of, and its numbers, are computed (reports/audit).
"""

from dataclasses import dataclass
from functools import cache
from pathlib import Path

from base.errors import InputError
from base.reading import check_schema, display, nearest, read_yaml
from studies.load import FINDINGS

KINDS = {
    "contradiction": "two things in print that cannot both be true",
    "slip": "a miscopied digit, a wrong mark, a wrong word: easily made, easily mended",
    "convention": "a way of measuring that was taken over from others, and is seldom stated",
    "departure": "released code that does something else than its paper says, or something that it does not say",
    "agreement": "what was checked and holds",
}
EFFECTS = {
    "order": "it can change which network is ahead",
    "number": "a printed number would be another one",
    "meaning": "a column, a name or an equation means something else than it seems to",
    "use": "it matters to whoever runs or rebuilds the released code",
}


@dataclass(frozen=True)
class Quote:
    """Words of a paper, verbatim, and where they stand; no words where the claim is a table's cells."""

    where: str
    words: str = ""


@dataclass(frozen=True)
class Code:
    """Lines of released code (`repository` on GitHub, as of `commit`), and what they do in our words."""

    repository: str
    commit: str
    file: str
    lines: str
    does: str

    @property
    def link(self) -> str:
        """Address of these lines."""
        first, _, last = self.lines.partition("-")
        anchor = f"L{first}-L{last}" if last else f"L{first}"
        return f"https://github.com/{self.repository}/blob/{self.commit}/{self.file}#{anchor}"


@dataclass(frozen=True)
class Said:
    """What somebody said of it in public, in short, and where: `source` is a thread, owner/name#1."""

    by: str
    source: str
    words: str

    @property
    def link(self) -> str:
        """Address of the thread."""
        repository, _, number = self.source.partition("#")
        return f"https://github.com/{repository}/issues/{number}"


@dataclass(frozen=True)
class Finding:
    """One finding, in words that its authors should be able to sign.

    id       also the name of its check, if it has one (reports/audit/checks)
    kind     of KINDS; affects: of EFFECTS; about: studies whose papers it is about
    claimed  where the papers say what, verbatim
    found    what is the case: a template for the check's numbers; changes: how much that changes, as well
    means    what follows for a reader
    changed  how it once read, and why no more; empty for those that always read so
    """

    id: str
    kind: str
    affects: str
    about: tuple[str, ...]
    title: str
    claimed: tuple[Quote, ...]
    found: str
    changes: str
    means: str
    code: tuple[Code, ...] = ()
    said: tuple[Said, ...] = ()
    changed: str = ""


@dataclass(frozen=True)
class Withdrawn:
    """A finding that no longer stands: what it claimed, and why that was wrong, not shown or unfair."""

    id: str
    title: str
    why: str


@dataclass(frozen=True)
class Findings:
    """All that stand, in the file's order, and all that were withdrawn."""

    stand: tuple[Finding, ...]
    withdrawn: tuple[Withdrawn, ...]


@cache
def read_findings(path: Path = FINDINGS) -> Findings:
    """studies/findings.yaml. Raises InputError for the first mistake."""
    content = read_yaml(path)
    check_schema(content, "findings", path)
    return Findings(
        tuple(_finding(entry, content["released"], path) for entry in content["findings"]),
        tuple(Withdrawn(**entry) for entry in content["withdrawn"]),
    )


def _finding(entry: dict, released: dict[str, dict], path: Path) -> Finding:
    for lines in entry.get("code", ()):
        if lines["of"] not in released:
            raise InputError(
                f"{display(path)}: {entry['id']}: no released code {lines['of']!r}{nearest(lines['of'], released)}"
            )
    nested = {
        "claimed": tuple(Quote(**quote) for quote in entry["claimed"]),
        "code": tuple(_code(lines, released) for lines in entry.get("code", ())),
        "said": tuple(Said(**said) for said in entry.get("said", ())),
    }
    return Finding(**entry | nested | {"about": tuple(entry["about"])})


def _code(lines: dict, released: dict[str, dict]) -> Code:
    return Code(**released[lines["of"]], file=lines["file"], lines=str(lines["lines"]), does=lines["does"])
