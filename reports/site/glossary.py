"""The glossary of docs/glossary.md: its terms by each of their names, for links that stand where a term does."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from jinja2 import pass_context
from jinja2.runtime import Context
from markupsafe import Markup

from base.closure import ROOT
from base.errors import InputError

SOURCE = ROOT / "docs/glossary.md"
PAGE = "docs/glossary.html"
ROW = re.compile(r"^\| (.+?) \| (.+) \|$", re.MULTILINE)
LINK = re.compile(r"\[([^\]]+)\]\([^)]+\)")
ASIDE = re.compile(rf" \({LINK.pattern}(?:, {LINK.pattern})*\)")  # where to read more, which a page leaves out


@dataclass(frozen=True)
class Term:
    """A row of the glossary: its names, the first of which is its anchor, and what it means, without links."""

    names: tuple[str, ...]
    definition: str

    @property
    def id(self) -> str:
        return anchor(self.names[0])


@cache
def glossary() -> Mapping[str, Term]:
    """Each term by each of its names in lower case. Raises InputError where two terms share a name."""
    terms: dict[str, Term] = {}
    for names, text in ROW.findall(SOURCE.read_text(encoding="utf-8")):
        if names == "term":  # the head of a table
            continue
        term = Term(tuple(names.split(", ")), LINK.sub(r"\1", ASIDE.sub("", text)).replace("`", ""))
        for name in map(str.casefold, term.names):
            if name in terms:
                raise InputError(f"docs/glossary.md: two terms are called {name!r}; give each one name")
            terms[name] = term
    return terms


def anchor(name: str) -> str:
    """The id of a term's row on the page of the glossary."""
    return re.sub(r"\W+", "-", name.casefold().replace("†", "-dagger").replace("#", "n-")).strip("-")


@cache
def names_of_terms() -> re.Pattern:
    """Finds names of terms in a text, the longest first."""
    longest_first = sorted(glossary(), key=len, reverse=True)
    return re.compile(rf"(?<!\w)(?:{'|'.join(map(re.escape, longest_first))})(?!\w)", re.IGNORECASE)


def terms_in(text: str) -> list[Term]:
    """Terms that a text uses, in order and each once; of overlapping names the longest counts."""
    return list(dict.fromkeys(glossary()[name.casefold()] for name in names_of_terms().findall(text)))


@pass_context
def link_terms(context: Context, text: str) -> Markup:
    """A text with a link to the glossary at each of its terms, everything escaped."""
    parts, end = [], 0
    for match in names_of_terms().finditer(text):
        term = glossary()[match[0].casefold()]
        link = Markup('<a class="term" href="{}{}#{}">{}</a>').format(_root(context), PAGE, term.id, match[0])
        parts += [Markup("{}").format(text[end : match.start()]), link]
        end = match.end()
    return Markup("").join([*parts, Markup("{}").format(text[end:])])


@pass_context
def ask_terms(context: Context, text: str) -> Markup:
    """A question mark that leads to the terms of a heading, for where its text does something else; empty without any."""
    terms = terms_in(text)
    if not terms:
        return Markup()
    mark = Markup('<a class="term mark" href="{}{}#{}" data-terms="{}" aria-label="What {} means">?</a>')
    return mark.format(_root(context), PAGE, terms[0].id, " ".join(term.id for term in terms), text)


def definitions() -> dict[str, tuple[str, str]]:
    """Id of each term -> its names and its definition, for the page's script."""
    return {term.id: (", ".join(term.names), term.definition) for term in glossary().values()}


def _root(context: Context) -> str:
    return str(context.get("root", ""))
