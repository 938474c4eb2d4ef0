"""What the docs and the pages tell a reader to run or to look at is there."""

import json
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest
from demo_results import DEMO, RECORDED
from demo_site import write_report

from reports.measurements import Choice
from reports.site.build import write_site
from reports.site.guide import guide
from workflow.__main__ import COMMANDS

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
OTHERS = [ROOT / "CHANGELOG.md", ROOT / "config.yaml"]
TARGETS = set(re.findall(r"^([a-z ]+):.*##", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
MAKE_TARGETS = {name for line in TARGETS for name in line.split()}
PROGRAMS = ("make", "torchrun", "snakemake", "python", "pytest", "ruff")
OUTSIDE = {"pdflatex", "sed", "cd", "git", "pip", "export"}  # of the system, as a page may well ask for
MADE = (
    "results/",
    "data/",
    "tables/",
    "figures/",
    "audit/",
    "site/",
    "images/",
    "NAME/",
    "annotations/",
    "boxes/",
    "records/",
)

EXAMPLES = ("models/lifting/temporal_convolution.py", "datasets/jumping_jacks.py", "datasets/recorded_jumps.py")


def spans(page: Path) -> Iterator[str]:
    """What a page sets in code: lines of its blocks without a language, indented lines, and spans in the text."""
    text = page.read_text(encoding="utf-8")
    blocks = re.findall(r"^```(\w*)\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    for _, block in (each for each in blocks if each[0] in ("", "sh", "bash")):
        yield from (line.strip() for line in block.splitlines())
    outside = re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)
    yield from (line.strip() for line in re.findall(r"^    \S.*$", outside, re.MULTILINE))
    yield from (" ".join(span.split()) for span in re.findall(r"`([^`]+)`", outside))


def commands() -> list[tuple[str, str]]:
    """(page, command) of each span that is one: it begins with a program, or calls one in the environment."""
    found = []
    for page in [*PAGES, *OTHERS]:
        for span in spans(page):
            command = re.split(r"\s+#|\s{3,}", span)[0]
            if command.split(" ")[0].rpartition("/")[2] in PROGRAMS and " " in command:
                found.append((page.name, command))
    return found


def unknown(command: str) -> str:
    """Why a command cannot be run from a fresh shell in a clone; empty where it can."""
    program, *words = shlex.split(command)
    if program == "make":
        target = next((word for word in words if "=" not in word and word not in ("and", "again")), "all")
        return "" if target in MAKE_TARGETS else f"make has no target {target}"
    if not program.startswith(".venv/bin/"):
        return "begins with neither make nor .venv/bin/"
    if words[:2] == ["-m", "workflow"]:
        return "" if words[2] in COMMANDS else f"python -m workflow has no command {words[2]}"
    if words[:1] == ["-m"] and words[1] not in ("pip", "pytest"):
        return "" if find_spec(words[1]) else f"no module {words[1]}"
    files = [word for word in words if word.endswith(".py")]
    return "".join(f"no file {file}" for file in files if not (ROOT / file).is_file())


def test_every_command_of_the_docs_runs_from_a_fresh_shell() -> None:
    found = commands()
    assert len(found) > 40
    assert not [(page, command, why) for page, command in found if (why := unknown(command))]


@pytest.mark.parametrize(
    ("command", "why"),
    [
        ("python -m workflow audit", "neither make nor"),
        ("snakemake --cores 1 data", "neither make nor"),
        (".venv/bin/python -m workflow audits", "has no command audits"),
        (".venv/bin/python -m reports.audits", "no module reports.audits"),
        (".venv/bin/python tests/models/compile_kernel.py 80", "no file"),
        ("make basline", "no target basline"),
    ],
)
def test_such_a_command_would_be_seen(command: str, why: str) -> None:
    assert why in unknown(command)


def test_files_that_the_docs_name_are_in_the_clone() -> None:
    path = re.compile(r"(?:[\w.-]+/)+[\w.-]+\.(?:py|md|yaml|smk|hpp|cpp|csv|svg|jpg)")
    listed = ["git", "-C", str(ROOT), "ls-files", "--cached", "--others", "--exclude-standard"]
    there = subprocess.run(listed, capture_output=True, text=True, check=True).stdout.split()
    named = {
        (page.name, name.removeprefix("../"))
        for page in [*PAGES, *OTHERS]
        for name in path.findall(re.sub(r"https?://\S+", "", page.read_text(encoding="utf-8")))
        if not name.startswith((*MADE, "../other"))
    }
    assert len(named) > 60
    missing = [(page, name) for page, name in named if not any(f"/{file}".endswith(f"/{name}") for file in there)]
    assert sorted(name for _, name in missing if name not in EXAMPLES) == []


def test_nothing_that_is_not_in_the_clone_is_referred_to() -> None:
    for page in [*PAGES, *OTHERS]:
        text = page.read_text(encoding="utf-8")
        assert "specs/" not in text, page.name
        assert not re.search(r"\bissue \d", text), page.name
        assert "not available in this version" not in text, page.name


def test_no_line_of_the_docs_is_too_long_to_compare() -> None:
    """One sentence a line: a change then shows as the sentences that it touches."""
    lines = [(page.name, line) for page in PAGES for line in page.read_text(encoding="utf-8").splitlines()]
    assert [line for line in lines if len(line[1]) > 160] == []


def test_revisions_that_the_docs_name_are_in_the_history() -> None:
    git = ["git", "-C", str(ROOT)]
    shallow = subprocess.run(
        [*git, "rev-parse", "--is-shallow-repository"], capture_output=True, text=True, check=False
    )
    if shallow.returncode or shallow.stdout.strip() == "true":
        pytest.skip("needs the whole history")
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        named = re.findall(r"\b(?:a|b)=((?:HEAD|v\d)\S*?)`?(?=\s|$)", text)
        named += re.findall(r"revisions? ([0-9a-f]{7,40})\b", text)
        for revision in named:
            known = subprocess.run([*git, "rev-parse", "--verify", "--quiet", f"{revision}^{{commit}}"], check=False,
                                   capture_output=True)  # fmt: skip
            assert known.returncode == 0, f"{page.name}: {revision}"


def test_commands_on_the_pages_run_from_a_fresh_shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    report = write_report(tmp_path, RECORDED)
    site = write_site([DEMO], report, report / "site", Choice(**RECORDED)).parent
    findings = json.loads((report / "audit/audit.json").read_text(encoding="utf-8"))["findings"]
    told = [finding["command"] for finding in findings if finding["command"]]
    assert len(told) > 10
    for folder in (site, site / "runs", site / "records"):
        text = "".join(page.read_text(encoding="utf-8") for page in folder.glob("*.html"))
        found = re.findall(r"<code>((?:make|\.venv/bin/\S+) [^<]+)</code>", text)
        assert len(set(found)) > 5
        told += found
    assert not [(command, why) for command in told if (why := unknown(command))]


def test_the_docs_are_pages_of_the_site_whose_links_lead_somewhere() -> None:
    pages = {Path(doc.file).name: doc.body for doc in guide()}
    assert {f"{page.stem.lower()}.html" for page in PAGES} == set(pages)
    for name, body in pages.items():
        for target in re.findall(r'href="([^"]+)"', body):
            to, _, anchor = target.partition("#")
            assert not anchor or f'id="{anchor}"' in pages[to or name], f"{name}: {target}"


def test_the_guide_needs_no_package_that_trains() -> None:
    code = "import sys, reports.site.guide; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
