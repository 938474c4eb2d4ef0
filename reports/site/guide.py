"""The pages of docs/ and the README as pages of the site, so that it explains itself wherever it is opened."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from markdown_it import MarkdownIt
from markdown_it.token import Token
from markupsafe import Markup

from base.closure import ROOT
from reports.site.glossary import SOURCE, anchor

DOCS = ROOT / "docs"
GUIDE = "docs/readme.html"
PICTURES = (".jpg", ".png", ".svg")
# What may be wider than a phone scrolls in itself, by keyboard as well. Text cannot hold these tags: it is escaped.
SCROLLING = {
    "<table>": '<div class="scroll" tabindex="0" role="region" aria-label="Table {}"><table>',
    "<th></th>": "<td></td>",
    "</table>": "</table></div>",
    "<pre>": '<pre tabindex="0">',
}
ELSEWHERE = re.compile(r"[a-z]+:")  # an address outside of the repository


@dataclass(frozen=True)
class Doc:
    """A page of documentation: its file in the site, its title, its body as HTML."""

    file: str
    title: str
    body: Markup


def guide() -> list[Doc]:
    """The README and every page below docs/; a link to a file that is not on the site becomes its text."""
    return [_doc(path) for path in sources()]


def sources() -> list[Path]:
    """Markdown files: the README first, dated results (docs/measurements) last."""
    return [ROOT / "README.md", *sorted(DOCS.glob("*.md")), *sorted(DOCS.glob("*/*.md"))]


def pictures() -> list[Path]:
    """Pictures that the pages show."""
    return sorted(path for path in DOCS.iterdir() if path.suffix in PICTURES)


def _doc(path: Path) -> Doc:
    parser = MarkdownIt("commonmark", {"html": False}).enable("table")
    tokens = parser.parse(path.read_text(encoding="utf-8"))
    heads = [tokens[i + 1].content for i, token in enumerate(tokens) if token.type == "heading_open"]
    _name_headings(tokens)
    if path == SOURCE:
        _name_rows(tokens)
    for token in tokens:
        if token.children:
            token.children = list(_reachable(token.children, path))
    body = parser.renderer.render(tokens, parser.options, {})
    for plain, scrolling in SCROLLING.items():
        head, *rest = body.split(plain)
        body = head + "".join(scrolling.format(i) + after for i, after in enumerate(rest, start=1))
    return Doc(_page(path), heads[0], Markup(body))


def _name_headings(tokens: list[Token]) -> None:
    """Ids of headings as GitHub makes them, which links between pages use."""
    for i, token in enumerate(tokens):
        if token.type == "heading_open":
            kept = re.sub(r"[^\w\- ]", "", tokens[i + 1].content.lower())
            token.attrSet("id", kept.replace(" ", "-"))


def _name_rows(tokens: list[Token]) -> None:
    """Ids of the glossary's rows, by the first name of each term."""
    for row, cell, text in zip(tokens, tokens[1:], tokens[2:], strict=False):
        if (row.type, cell.type) == ("tr_open", "td_open"):
            row.attrSet("id", anchor(text.content.split(", ")[0]))


def _reachable(children: list[Token], page: Path) -> Iterator[Token]:
    """A line's pieces: links lead to pages of the site; a link to a file that is not on it leaves its text."""
    kept: list[bool] = []
    for token in children:
        if token.type == "link_open":
            target = _target(str(token.attrGet("href")), page)
            kept.append(target is not None)
            token.attrSet("href", target or "")
        if token.type == "image":
            token.attrSet("src", Path(str(token.attrGet("src"))).name)
        if token.type not in ("link_open", "link_close") or kept[-1]:
            yield token
        if token.type == "link_close":
            kept.pop()


@cache
def _pages() -> dict[Path, str]:
    return {path: _page(path).removeprefix("docs/") for path in sources()}


def _target(href: str, page: Path) -> str | None:
    """Where a link of a Markdown file leads on the site; None where that has no such page."""
    if ELSEWHERE.match(href) or href.startswith("#"):
        return href
    path, _, anchor = href.partition("#")
    target = _pages().get((page.parent / path).resolve())
    return target and target + (f"#{anchor}" if anchor else "")


def _page(path: Path) -> str:
    return f"docs/{path.stem.lower()}.html"
