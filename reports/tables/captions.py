"""What a table says around its rows: caption, notice, meaning of its conventions and of its marks, reasons."""

import re
from collections.abc import Iterator, Sequence
from itertools import groupby

from reports.commands import make
from reports.measurements import NO_SUCH_DATA, Choice
from reports.records import DIFFERS as DIFFERS_HERE
from reports.records import EARLIER, EVALUATED, MEANING, RECORDED, STALE, STATES
from reports.tables.cell import NOT_RUN, TRUE, VERDICTS, Cell
from studies.benchmarks import BENCHMARKS
from studies.scales import scale_named
from studies.types import CountColumn, Study, Table

# Of a record, behind its number: signs where all is well, words where it is not.
RECORD_MARKS = {EARLIER: "earlier run", RECORDED: "•", EVALUATED: "⊙", DIFFERS_HERE: "differs here", STALE: "stale"}
CONVENTIONS = {
    "true": "every trainable weight, and every multiply-accumulate including projections, scan and sampling",
    "paper": "what the papers' profiler (thop) sees; it skips weights and operations that it does not know",
    "paper-leaf": "an older version of the papers' profiler, which counts every leaf module and no norms",
    "operators": "an operator tracer (torchprofile), which does not see a published scan kernel",
    "here": "true counts per evaluated frame in this project, mirrored pass included",
    "released": "true counts per evaluated frame as the released code evaluates, mirrored pass included",
    "measured": "median of several runs on this machine, at full paper size, batch 1",
    "fvcore": "fvcore's rules: a fused multiply-add counts as one, an unknown operation as zero",
    "predicted": "computed from the sizes of tensors, not measured",
}
SELECTIONS = {
    "last": "the last epoch",
    "best_val": "the epoch best on validation",
    "best_test": "the epoch best on the test set, as the papers choose it",
}
NAMED_ROWS = 4  # labels that a reason lists before it counts


def caption(study: Study, table: Table, cells: Sequence[Cell], choice: Choice) -> str:
    """What was measured and how, in sentences; a table says by itself at which scale it was made."""
    source = f"{study.title} ({study.venue})" if study.venue else study.title
    parts = [f"{source}, Table {table.number}." if table.number else f"{source}."]
    if table.quoted:
        parts = [f"Numbers of other papers, quoted for context beside {study.label}."]
    elif study.note:
        parts.append(f"{study.note.partition('.')[0]}.")
    if table.accuracies:
        scale = f"{'records of ' if choice.kept else ''}scale {choice.scale}"
        parts.append(
            f"Accuracy: {scale}, data {', '.join(data)}; {SELECTIONS[choice.selection]}; {_seeds(cells)}."
            if (data := _data(cells))
            else "Accuracy: as printed; the data are not here."
        )
    if any(isinstance(column, CountColumn) for column in table.columns):
        with_true = any(cell.also_true is not None for cell in cells)
        below = "; the true count is below each number" if with_true else ""
        parts.append(f"Efficiency: at full paper size, whatever the scale{below}.")
    return " ".join(parts)


def notice(cells: Sequence[Cell], choice: Choice) -> str:
    """What is to be known of all numbers of a table."""
    parts = [f"Accuracies at scale {choice.scale}: {scale_named(choice.scale).meaning}."] if _data(cells) else []
    if count := sum(cell.failed for cell in cells):
        parts.append(f"In {count} cells a run or a count failed; the reasons below name the logs.")
    return " ".join(parts)


def conventions(cells: Sequence[Cell]) -> Iterator[tuple[str, str]]:
    """Meaning of each counting convention that the table names; `true` stands beside every count."""
    used = {cell.convention for cell in cells if cell.kind == CountColumn.kind}
    used |= {re.split("[/ ]", name)[0] for cell in cells for name in cell.matches.split(", ") if name}
    for name, meaning in CONVENTIONS.items():
        if name in used or (name == TRUE and used):
            yield name, meaning


def compared(table: Table, cells: Sequence[Cell]) -> str:
    """What the signs of a comparison mean, where the table has one."""
    reference = next((cell.reference for cell in cells if cell.reference), "")
    if not reference:
        return ""
    return (
        f"Against {table.row(reference).label}, on the same test clips: ▲ better, ▼ worse, ≈ within noise "
        "(difference ± half its 95 % interval, over seeds and clips; p < 0.05 after Holm over the table). "
        "A network worse than the mean training pose did not learn and is not compared."
    )


def records(cells: Sequence[Cell], choice: Choice) -> Iterator[tuple[str, str, str]]:
    """What the marks of a table's records mean, of those states that there are."""
    there = {cell.record for cell in cells}
    evaluate = make("verify", choice.scale, choice.evidence.motion)
    more = {RECORDED: f"; `{evaluate}` evaluates the weights that were kept"}
    for state in STATES:
        if state in there:
            yield RECORD_MARKS[state], state, MEANING[state] + more.get(state, "")


def record_reasons(cells: Sequence[Cell]) -> Iterator[tuple[str, str, str]]:
    """Records that are not what they were, each with the reason and the cells that show it."""
    about: dict[tuple[str, str], list[Cell]] = {}
    for cell in (cell for cell in cells if cell.record_why):
        about.setdefault((cell.record, cell.record_why), []).append(cell)
    yield from ((state, why, _who(those)) for (state, why), those in about.items())


def trained_here(cells: Sequence[Cell], choice: Choice) -> str:
    """What the numbers are that stand beside records; empty where there is none."""
    data = dict.fromkeys(cell.here_data for cell in cells if cell.here is not None)
    if not data:
        return ""
    where = f"scale {choice.scale}, {', '.join(data)}; {SELECTIONS[choice.selection]}"
    return f"here: what was trained on this machine ({where})."


def reasons(cells: Sequence[Cell]) -> Iterator[tuple[str, str, str]]:
    """Each verdict other than reproduced with its reason and the cells that it is about.

    Of cells where nothing is printed, only those of measured columns that stayed empty, and failures, need a reason.
    """
    printed = {cell.column for cell in cells if cell.is_printed}
    about: dict[tuple[str, str, str], list[Cell]] = {}
    for cell in cells:
        empty = cell.column not in printed and cell.verdict == NOT_RUN
        if cell.is_printed or empty or cell.failed:
            about.setdefault((cell.verdict, cell.cause, cell.why), []).append(cell)
        if cell.here_why:
            about.setdefault((NOT_RUN, "", f"trained here, {cell.here_why}"), []).append(cell)
    for verdict in VERDICTS[1:]:
        yield from (
            (cause or other, why, _who(those)) for (other, cause, why), those in about.items() if other == verdict
        )


def _who(cells: Sequence[Cell]) -> str:
    """Cells in words, rows with the same columns together: `SasMamba (MACs, P1), 14 rows (P1)`."""
    rows_of: dict[str, list[str]] = {}
    for _, row in groupby(cells, lambda cell: cell.row):
        own = list(row)
        columns = ", ".join(dict.fromkeys(cell.column_label for cell in own))
        rows_of.setdefault(columns, []).append(own[0].row_label)
    return "; ".join(
        f"{', '.join(rows) if len(rows) <= NAMED_ROWS else f'{len(rows)} rows'} ({columns})"
        for columns, rows in rows_of.items()
    )


def _data(cells: Sequence[Cell]) -> list[str]:
    """Data sets of a table's accuracies, without the benchmarks of which nothing is measured."""
    absent = {*BENCHMARKS, NO_SUCH_DATA}
    here = [cell.dataset for cell in cells if cell.measured is not None or cell.dataset not in absent]
    return list(dict.fromkeys(filter(None, here)))


def _seeds(cells: Sequence[Cell]) -> str:
    """Of how many seeds a table's accuracies are the mean."""
    counts = [cell.n for cell in cells if cell.n is not None]
    if not counts:
        return "no run yet"
    low, high = min(counts), max(counts)
    if high == 1:
        return "one seed, hence no interval"
    return f"mean of {low if low == high else f'{low} to {high}'} seeds ± half its 95 % interval"
