"""The glossary: what headings and verdicts say is defined, what is defined is said, and each term has its place."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from base.errors import InputError
from reports.orders.order import OUTCOMES
from reports.records import STATES
from reports.site import glossary as module
from reports.site.glossary import SOURCE, anchor, definitions, glossary, terms_in
from reports.site.guide import guide
from reports.site.pages import environment
from reports.tables import verdicts
from reports.tables.captions import CONVENTIONS
from reports.tables.causes import CAUSES
from reports.tables.cell import VERDICTS
from reports.totals import MEASURED
from studies.load import load_study, study_names
from studies.scales import scale_names
from studies.types import AccuracyColumn, Column, CountColumn

ROOT = SOURCE.parents[1]
# Said in headings as in everyday language: joints, data sets by their names, what an image has.
PLAIN = {"ankle", "elbow", "head", "hip", "knee", "shoulder", "wrist", "image", "resolution", "learning", "rate", "too"}
PLAIN |= {"posetrack2017", "posetrack2018", "posetrack21", "sub", "jhmdb", "neck", "between", "shoulders"}


def columns() -> Iterator[Column]:
    yield from (column for name in study_names() for table in load_study(name).tables for column in table.columns)


def undefined(text: str) -> set[str]:
    """Words of a text that are neither a term, nor plain."""
    words = re.findall(r"\w+", module.names_of_terms().sub(" ", text))
    return {word for word in words if word.casefold() not in PLAIN}


def test_every_word_of_a_column_heading_is_defined() -> None:
    labels = {column.label for column in columns()}
    assert len(labels) > 40
    assert {label: words for label in labels if (words := undefined(label))} == {}
    conventions = {column.convention for column in columns() if isinstance(column, CountColumn)}
    protocols = {column.protocol for column in columns() if isinstance(column, AccuracyColumn)}
    assert conventions | protocols | {*CONVENTIONS, *scale_names()} <= glossary().keys()


def test_every_word_of_a_verdict_is_defined() -> None:
    missing = {value.words for value in vars(verdicts).values() if isinstance(value, verdicts.Missing)}
    said = {*VERDICTS, *CAUSES, *OUTCOMES, *STATES, *missing, MEASURED, "failed", "no split", "not measured"}
    assert {word.casefold() for word in said} <= glossary().keys()


def test_every_term_is_used() -> None:
    pages = [path for path in (ROOT / "docs").rglob("*.md") if path != SOURCE]
    sources = [*pages, *(ROOT / "studies").glob("*.yaml"), *(ROOT / "reports").rglob("*.html")]
    sources += [path for path in (ROOT / "reports").rglob("*.py") if path.name != "glossary.py"]
    text = "\n".join(path.read_text(encoding="utf-8") for path in sources)
    unused = [
        term.names
        for term in glossary().values()
        if not any(re.search(rf"(?<!\w){re.escape(name)}(?!\w)", text, re.IGNORECASE) for name in term.names)
    ]
    assert unused == []


def test_the_longest_name_counts_and_each_term_once() -> None:
    assert [term.names[0] for term in terms_in("P1†, human36m-gt2d, P1 and MPJPE")] == ["P1†", "human36m-gt2d", "P1"]
    assert terms_in("Wrist") == []
    assert anchor("P1†") == "p1-dagger" != anchor("P1")


def test_links_lead_to_rows_of_the_page() -> None:
    (page,) = (doc.body for doc in guide() if doc.file == module.PAGE)
    for name in definitions():
        assert f'<tr id="{name}">' in page
    escaping = environment().overlay(autoescape=True)
    link = escaping.from_string("{{ text | terms }}").render(text="holds <b>", root="../")
    assert link == '<a class="term" href="../docs/glossary.html#holds">holds</a> &lt;b&gt;'
    assert escaping.from_string("{{ 'Wrist' | ask }}").render() == ""


def test_definitions_have_no_links() -> None:
    assert not [text for _, text in definitions().values() if "](" in text or "`" in text]
    assert definitions()["map"][1].endswith("higher is better")


def test_two_terms_of_one_name_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "glossary.md"
    path.write_text("| term | definition |\n|---|---|\n| P1 | a |\n| MPJPE, p1 | b |\n", encoding="utf-8")
    monkeypatch.setattr(module, "SOURCE", path)
    glossary.cache_clear()
    with pytest.raises(InputError, match="two terms are called 'p1'"):
        glossary()
    monkeypatch.undo()
    glossary.cache_clear()
