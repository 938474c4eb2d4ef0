"""A laid-out table as CSV, Markdown, LaTeX and JSON."""

import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import pandas as pd

from base.files import write_csv, write_text
from reports.measurements import Choice
from reports.tables.cell import Cell, frame, of_table, read_cells
from reports.tables.layout import CellView, RowView, View, make_view
from studies.load import load_study

LATEX_SIGNS = {"✓": "=", "≠": r"\neq", "◇": r"\diamond", "○": r"\circ", "÷T": r"\div T", "×T": r"\times T", "½": "1/2"}
LATEX_SIGNS |= {word: rf"\mathrm{{{word}}}" for word in ("cut", "other", "row")}
LATEX_CHARACTERS = {
    "\\": r"\textbackslash{}",
    "&": r"\&",
    "%": r"\%",
    "$": r"\$",
    "#": r"\#",
    "_": r"\_",
    "{": r"\{",
    "}": r"\}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"$<$",
    ">": r"$>$",
    "|": r"$|$",
    "−": r"$-$",
    "–": "--",
    "×": r"$\times$",
    "÷": r"$\div$",
    "½": r"$1/2$",
    "±": r"$\pm$",
    "†": r"$\dagger$",
    "‡": r"$\ddagger$",
    "↓": r"$\downarrow$",
    "↑": r"$\uparrow$",
    "→": r"$\rightarrow$",
    "²": r"$^2$",
    "α": r"$\alpha$",
    "λ": r"$\lambda$",
    "▲": r"$\uparrow$",
    "▼": r"$\downarrow$",
    "≈": r"$\approx$",
    "≤": r"$\leq$",
    "≥": r"$\geq$",
    "•": r"$\bullet$",
    "⊙": r"$\odot$",
    "✓": r"$\surd$",
    "✗": r"$\times$",
    "○": r"$\circ$",
    "’": "'",
    "·": r"$\cdot$",
    "…": r"\dots{}",
}
MARKDOWN_SPECIAL = re.compile(r"([\\`*_\[\]<>|~$#])")


def write_tables(
    studies: Sequence[str | Path], cells_csv: str | Path, folder: str | Path, choice: Choice
) -> list[Path]:
    """Write every table of the studies as `<study>-<table>.csv`, `.md`, `.tex` and `.json`, and `all.tex`; their paths.

    `all.tex` is a document of all of them for pdflatex. Raises InputError for cells that are absent or cannot be read.
    """
    cells, written = read_cells(cells_csv), []
    for study in map(load_study, studies):
        for table in study.tables:
            own = of_table(cells, study.name, table.id)
            stem = Path(folder) / f"{study.name}-{table.id}"
            written += write_view(make_view(study, table, own, choice), own, stem)
    return [*written, _write_document([path.stem for path in written if path.suffix == ".tex"], Path(folder))]


def _write_document(stems: Sequence[str], folder: Path) -> Path:
    packages = r"\usepackage[landscape,margin=12mm]{geometry}\usepackage{booktabs,graphicx}"
    # A page a table: LaTeX holds eighteen floats at most.
    tables = [rf"\input{{{stem}}}\clearpage" for stem in stems]
    orders = r"\IfFileExists{orders.tex}{\input{orders}\clearpage}{}"  # made beside the tables, not with them
    lines = [r"\documentclass{article}", packages, r"\begin{document}", *tables, orders, r"\end{document}", ""]
    return write_text(folder / "all.tex", "\n".join(lines))


def write_view(view: View, cells: Sequence[Cell], stem: Path) -> list[Path]:
    """Write `<stem>.csv` and `.json` (long form, everything), `.md` and `.tex`; returns the paths."""
    table = frame(cells)
    texts = {"md": markdown(view), "tex": latex(view), "json": table_json(view, table)}
    csv = write_csv(_with(stem, "csv"), table)
    return [csv, *(write_text(_with(stem, kind), text) for kind, text in texts.items())]


def markdown(view: View) -> str:
    """The table in GitHub's Markdown: printed | measured in each cell, the verdict's symbol before the measured one."""
    heads = [f"{md(h.label)}<br><sub>{md(h.detail)}</sub>" if h.detail else md(h.label) for h in view.headings]
    lines = [f"# {md(view.heading)}", "", md(view.caption), ""]
    lines += [f"> {md(view.notice)}", ""] if view.notice else []
    lines += [f"Each cell: printed, {_halves(view)}. The verdict's sign precedes that number.", ""]
    lines += [md_row(["", *heads]), md_row(["---"] + ["---:"] * len(heads))]
    for section, rows in view.sections:
        lines += [md_row([f"**{md(section)}**"] + [""] * len(heads))] if section else []
        lines += [md_row([_md_label(row), *map(_md_cell, row.cells)]) for row in rows]
    lines += ["", *_md_notes(view), ""]
    return "\n".join(lines)


def latex(view: View) -> str:
    r"""The table for a LaTeX document with \usepackage{booktabs,graphicx}: a printed and a measured column each."""
    lines = [
        f"% {_one_line(view.study)} {_one_line(view.table)}, made by ssmpose; needs \\usepackage{{booktabs,graphicx}}",
        r"\begin{table*}[t]",
        r"  \centering",
        rf"  \caption{{{tex(view.title)}. {tex(view.caption)} {tex(view.notice)}}}",
        rf"  \label{{tab:{view.study}-{view.table}}}",
        r"  \resizebox{\ifdim\width>\textwidth\textwidth\else\width\fi}{!}{%",
        rf"  \begin{{tabular}}{{l{'r' * (view.width - 1)}}}",
        r"    \toprule",
        *_tex_head(view),
        r"    \midrule",
        *_tex_body(view),
        r"    \bottomrule",
        r"  \end{tabular}}",
        r"  \par\smallskip\raggedright\footnotesize",
        *(f"  {line}\\par" for line in _tex_notes(view)),
        r"\end{table*}",
    ]
    return "\n".join(lines) + "\n"


def table_json(view: View, cells: pd.DataFrame) -> str:
    """The table as one object: what it is, what its verdicts and conventions mean, and a list of cells without gaps."""
    records = [
        {key: value for key, value in cell.items() if not (pd.isna(value) or value == "")}
        for cell in cells.astype(object).to_dict("records")
    ]
    about = {"study": view.study, "table": view.table, "heading": view.heading, "caption": view.caption}
    about |= {"footnotes": dict(view.footnotes), "verdicts": {word: meaning for _, word, meaning in view.legend}}
    about |= {"records": {state: meaning for _, state, meaning in view.records}, "here": view.here}
    about |= {"conventions": dict(view.conventions), "compared": view.compared, "cells": records}
    return json.dumps(about, separators=(",", ":"), ensure_ascii=False) + "\n"


def tex(text: str) -> str:
    """Text with LaTeX's special characters escaped; letters with accents stay (UTF-8 is LaTeX's default)."""
    return "".join(LATEX_CHARACTERS.get(character, character) for character in text)


def _with(stem: Path, suffix: str) -> Path:
    return stem.with_name(f"{stem.name}.{suffix}")


def _one_line(text: str) -> str:
    return " ".join(text.split())


def md(text: str) -> str:
    return MARKDOWN_SPECIAL.sub(r"\\\1", _one_line(text))


def md_row(texts: list[str]) -> str:
    return f"| {' | '.join(texts)} |"


def _md_label(row: RowView) -> str:
    cite = f" <sub>{md(row.cite)}</sub>" if row.cite else ""
    marks = f"<sup>{','.join(row.marks)}</sup>" if row.marks else ""
    return md(row.label) + marks + cite


def _md_cell(cell: CellView) -> str:
    if not cell.measured:
        return " ".join(md(text) for text in (cell.printed, cell.symbol) if text)
    measured = " ".join(md(text) for text in (cell.symbol, cell.measured, cell.spread, cell.mark) if text)
    extra = [f"Δ {cell.difference}"] if cell.difference else []
    extra += [cell.factor] if cell.factor else []
    extra += [f"true {cell.true}"] if cell.true else []
    extra += [cell.compared] if cell.compared else []
    extra += [f"here {cell.here}"] if cell.here else []
    both = f"{md(cell.printed)}, {measured}" if cell.printed else measured
    return both + (f"<br><sub>{'; '.join(extra)}</sub>" if extra else "")


def _halves(view: View) -> str:
    """What the numbers beside the printed ones are called."""
    return " or ".join(sorted({heading.measured for heading in view.headings if heading.detail}) or ["measured"])


def _md_notes(view: View) -> Iterator[str]:
    yield from (f"- {md(text)}" for text in (view.compared, view.here) if text)
    for mark, text in view.footnotes:
        yield f"- <sup>{mark}</sup> {md(text)}"
    for symbol, word, meaning in view.legend:
        yield f"- {symbol} **{word}**: {md(meaning)}"
    for mark, _, meaning in view.records:
        yield f"- {mark} **record**: {md(meaning)}"
    for verdict, why, who in (*view.record_reasons, *view.reasons):
        yield f"- {md(verdict)}, {md(who)}: {md(why)}"
    for name, meaning in view.conventions:
        yield f"- convention **{md(name)}**: {md(meaning)}"


def _tex_head(view: View) -> Iterator[str]:
    labels, details, rules, column = [""], [""], [], 2
    for heading in view.headings:
        span = 2 if heading.paired else 1
        labels.append(rf"\multicolumn{{{span}}}{{c}}{{{tex(heading.label)}}}")
        details.append(rf"\multicolumn{{{span}}}{{c}}{{\scriptsize {tex(heading.detail)}}}")
        rules += [rf"\cmidrule(lr){{{column}-{column + 1}}}"] if heading.paired else []
        column += span
    halves = ["", *(rf"\scriptsize printed & \scriptsize {h.measured}" if h.paired else "" for h in view.headings)]
    yield f"    {' & '.join(labels)} \\\\"
    yield f"    {' & '.join(details)} \\\\"
    if rules:
        yield f"    {' '.join(rules)}"
        yield f"    {' & '.join(halves)} \\\\"


def _tex_body(view: View) -> Iterator[str]:
    for i, (section, rows) in enumerate(view.sections):
        if section:
            yield from [r"    \midrule"] if i else []
            yield rf"    \multicolumn{{{view.width}}}{{l}}{{\emph{{{tex(section)}}}}} \\"
        for row in rows:
            marks = rf"$^{{{','.join(row.marks)}}}$" if row.marks else ""
            cite = rf" {{\scriptsize {tex(row.cite)}}}" if row.cite else ""
            yield f"    {' & '.join([tex(row.label) + marks + cite, *map(_tex_cell, row.cells)])} \\\\"


def _tex_cell(cell: CellView) -> str:
    symbol = f"${LATEX_SIGNS[cell.symbol]}$ " if cell.symbol else ""
    if not cell.measured:
        return f"{symbol}{tex(cell.printed)}"
    spread = rf" {{\scriptsize {tex(cell.spread)}}}" if cell.spread else ""
    true = rf" {{\scriptsize (true {tex(cell.true)})}}" if cell.true else ""
    difference = rf" {{\scriptsize ($\Delta$ {tex(cell.difference)})}}" if cell.difference else ""
    difference += rf" {{\scriptsize {tex(cell.factor)}}}" if cell.factor else ""
    gain = rf" {{\scriptsize ({tex(cell.compared)})}}" if cell.compared else ""
    here = rf" {{\scriptsize here {tex(cell.here)}}}" if cell.here else ""
    printed = f"{tex(cell.printed)} & " if cell.printed else ""
    measured = rf"{{\scriptsize {tex(cell.measured)}}}" if cell.missing else tex(cell.measured)
    mark = f" {tex(cell.mark)}" if cell.mark else ""
    return f"{printed}{symbol}{measured}{spread}{mark}{difference}{true}{gain}{here}"


def _tex_notes(view: View) -> Iterator[str]:
    yield from (tex(text) for text in (view.compared, view.here) if text)
    for mark, text in view.footnotes:
        yield f"$^{{{mark}}}$ {tex(text)}."
    if view.legend:
        yield (
            "; ".join(f"${LATEX_SIGNS[sign]}$ {tex(word)}: {tex(meaning)}" for sign, word, meaning in view.legend) + "."
        )
    if view.records:
        marks = (f"{tex(mark)}: {tex(meaning.replace('`', ''))}" for mark, _, meaning in view.records)
        yield f"Records: {'; '.join(marks)}."
    for verdict, why, who in (*view.record_reasons, *view.reasons):
        yield f"{tex(verdict[0].upper() + verdict[1:])}, {tex(who)}: {tex(why.replace('`', ''))}."
    for name, meaning in view.conventions:
        yield rf"Convention \emph{{{tex(name)}}}: {tex(meaning)}."
