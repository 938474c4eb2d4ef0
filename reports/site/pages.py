"""Pages from templates: text from data is escaped, one style sheet inside each page, no script, no network."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from reports.records import MEANING
from reports.site.glossary import ask_terms, link_terms
from reports.tables.captions import RECORD_MARKS
from reports.tables.causes import MEANING as MEANING_OF_CAUSES

TEMPLATES = Path(__file__).parent / "templates"


@dataclass(frozen=True)
class Page:
    """A page of the navigation: its file, its name, what it is, and the menu that holds it."""

    file: str
    name: str
    about: str
    menu: str = ""


@dataclass(frozen=True)
class Menu:
    """An entry of the bar: a page alone, or a menu of several."""

    name: str
    pages: tuple[Page, ...]

    def holds(self, file: str) -> bool:
        """Whether the bar marks this entry on a page; one without an entry of its own belongs to its folder's."""
        folder = file.partition("/")[0]
        return any(
            page.file == file or page.file.startswith(f"{folder}/") or page.file == f"{folder}.html"
            for page in self.pages
        )


def menus(pages: Sequence[Page]) -> list[Menu]:
    """Pages as the bar shows them, in order; one page alone is no menu."""
    by_name: dict[str, list[Page]] = {}
    for page in pages:
        by_name.setdefault(page.menu or page.name, []).append(page)
    return [Menu(name, tuple(those)) for name, those in by_name.items()]


def render(template: str, **values: object) -> str:
    """A page, or plain text, from `templates/<template>`; an undefined name in it is an error, not an empty text."""
    return environment().get_template(template).render(**values)


@cache
def environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=lambda template: not template.endswith(".txt"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals["style"] = Markup((TEMPLATES / "style.css").read_text(encoding="utf-8"))
    environment.globals |= {"record_marks": RECORD_MARKS, "record_meaning": MEANING, "cause_meaning": MEANING_OF_CAUSES}
    environment.globals["menus"] = menus
    environment.filters |= {"terms": link_terms, "ask": ask_terms}
    environment.filters["code"] = code_spans
    environment.filters["script"] = script_json
    return environment


def script_json(data: object) -> Markup:
    """Data as JSON for a script element; `<` is escaped, so that no text can close it."""
    return Markup(json.dumps(data, separators=(",", ":")).replace("<", "\\u003c"))


def code_spans(text: str) -> Markup:
    """Text with `names` between backquotes as HTML code, everything escaped."""
    parts = str(text).split("`")
    if len(parts) % 2 == 0:  # an unpaired backquote is an ordinary character
        return Markup("{}").format(text)
    return Markup("").join(
        Markup("<code>{}</code>").format(part) if i % 2 else Markup("{}").format(part) for i, part in enumerate(parts)
    )
