"""Pages from templates: text from data is escaped, one style sheet inside each page, no script, no network."""

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from reports.records import MEANING
from reports.tables.causes import MEANING as MEANING_OF_CAUSES
from reports.tables.layout import RECORD_MARKS

TEMPLATES = Path(__file__).parent / "templates"


@dataclass(frozen=True)
class Page:
    """A page of the navigation: its file, its name, and what it is."""

    file: str
    name: str
    about: str


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
