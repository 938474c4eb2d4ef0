"""Claims of order as lists in Markdown and LaTeX, one file of each for all of them."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from base.files import write_text
from reports.measurements import Choice
from reports.orders.order import JudgedOrder, read_orders
from reports.orders.view import HOW, OrderView, TableOrders, legend, limits, make_views, summary
from reports.tables.writers import md, md_row, tex
from studies.load import load_study

HEAD = ("claim", "in", "outcome", "measured", "95 % interval", "the paper's", "smallest visible", "on", "stated")
IN_TEX = 7  # columns of them that LaTeX has room for


def write_lists(
    studies: Sequence[str | Path], orders_csv: str | Path, folder: str | Path, choice: Choice
) -> list[Path]:
    """Write `orders.md` and `orders.tex` into a folder; their paths. Raises InputError as `read_orders`."""
    orders = read_orders(orders_csv)
    views = make_views([load_study(study) for study in studies], orders, choice)
    texts = {"md": markdown(views, orders), "tex": latex(views, orders)}
    return [write_text(Path(folder) / f"orders.{kind}", text) for kind, text in texts.items()]


def markdown(views: Mapping[str, Sequence[TableOrders]], orders: Sequence[JudgedOrder]) -> str:
    """All orders in GitHub's Markdown, a table for each of the papers'."""
    parts = ["# Claims of order", *(md(text) for text in (summary(orders), HOW, limits(orders)) if text)]
    parts.append(
        "\n".join(f"- {symbol} **{word}** ({n}): {md(meaning)}" for symbol, word, n, meaning in legend(orders))
    )
    for title, tables in views.items():
        parts.append(f"## {md(title)}")
        for table in tables:
            rows = [HEAD, ["---"] * len(HEAD), *([md(text) for text in _texts(order)] for order in table.orders)]
            parts += [f"### {md(table.heading)}", "\n".join(md_row(list(row)) for row in rows)]
            parts += ["\n".join(f"- {md(note)}" for note in notes)] if (notes := _notes(table)) else []
    return "\n\n".join(parts) + "\n"


def latex(views: Mapping[str, Sequence[TableOrders]], orders: Sequence[JudgedOrder]) -> str:
    r"""All orders for a LaTeX document with \usepackage{booktabs,graphicx}, a table for each paper."""
    lines = ["% Claims of order, made by ssmpose; needs \\usepackage{booktabs,graphicx}", f"% {summary(orders)}"]
    for title, tables in views.items():
        lines += [
            r"\begin{table*}[t]",
            r"  \centering",
            rf"  \caption{{Claims of order of {tex(title)}. {tex(summary(orders))} {tex(HOW)}}}",
            rf"  \label{{tab:orders-{tables[0].study}}}",
            r"  \resizebox{\ifdim\width>\textwidth\textwidth\else\width\fi}{!}{%",
            r"  \begin{tabular}{lllrrrr}",
            r"    \toprule",
            f"    {' & '.join(map(tex, HEAD[:IN_TEX]))} \\\\",
            *(line for table in tables for line in _tex_table(table)),
            r"    \bottomrule",
            r"  \end{tabular}}",
            r"\end{table*}",
        ]
    return "\n".join(lines) + "\n"


def _tex_table(table: TableOrders) -> Iterator[str]:
    yield r"    \midrule"
    yield rf"    \multicolumn{{{IN_TEX}}}{{l}}{{\emph{{{tex(table.heading)}}}}} \\"
    for order in table.orders:
        yield f"    {' & '.join(tex(text) for text in _texts(order)[:IN_TEX])} \\\\"


def _texts(order: OrderView) -> list[str]:
    """An order as the cells of a row, in the order of HEAD."""
    outcome = f"{order.symbol} {order.outcome}"
    differences = (order.effect, order.interval, order.printed, order.visible)
    with_unit = [text if text == "–" else f"{text} {order.unit}" for text in differences]
    judged_on = ", ".join(filter(None, (order.data, order.evidence)))
    return [order.claim, order.metric, outcome, *with_unit, judged_on, order.source]


def _notes(table: TableOrders) -> list[str]:
    """The paper's words, why orders are not judged, and what we say of their rows; each once."""
    stated = [f"{order.source}: “{order.quote}”" for order in table.orders if order.quote]
    reasons = [f"{order.claim}: {order.why}" for order in table.orders if order.why]
    return list(dict.fromkeys([*stated, *reasons, *(note for order in table.orders for note in order.notes)]))
