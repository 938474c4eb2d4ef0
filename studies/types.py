"""A paper as data: studies, their tables, rows, columns and figures, each checked once, where `studies.load` builds it.

Imported while Snakemake parses the workflow: nothing heavy may be imported here.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import ClassVar

from base.errors import InputError
from studies.data import Boxes
from studies.measurements import higher_is_better
from studies.printed import OUT_OF_MEMORY, Printed, parse_printed


@dataclass(frozen=True, kw_only=True)
class Column:
    """What all columns have: an id within the table, and the label that the paper prints.

    A kind of column is one class below. `kind` is its name in YAML and in cells.csv; `unprinted_decimals` how exactly
    its measured numbers are shown where the paper prints none.
    """

    id: str
    label: str

    kind: ClassVar[str]
    unprinted_decimals: ClassVar[int] = 0


@dataclass(frozen=True, kw_only=True)
class FactColumn(Column):
    """Text that describes the row (frames, year, ...): printed only, and not judged."""

    kind: ClassVar[str] = "fact"


@dataclass(frozen=True, kw_only=True)
class MeasuredColumn(Column):
    """Numbers of one metric in one unit (a key of `studies.printed.UNITS`)."""

    metric: str
    unit: str


@dataclass(frozen=True, kw_only=True)
class CountColumn(MeasuredColumn):
    """Counts, memory or time of a network at full paper size; `convention` says by which rule they are counted."""

    convention: str

    kind: ClassVar[str] = "efficiency"
    unprinted_decimals: ClassVar[int] = 2


@dataclass(frozen=True, kw_only=True)
class AccuracyColumn(MeasuredColumn):
    """Errors in mm, or percentages, of trained networks.

    protocol   how predictions are compared with the truth
    split      of the data set that is judged
    selection  which epoch is shown, whatever the config selects; empty: the config's
    about      the papers' data set that the column is about, on which scale `paper` measures it; None for none
    """

    protocol: str
    split: str
    selection: str = ""
    about: str | None = None

    kind: ClassVar[str] = "accuracy"
    unprinted_decimals: ClassVar[int] = 1


@dataclass(frozen=True, kw_only=True)
class LiftingColumn(AccuracyColumn):
    """Accuracies of lifted poses; `input` says from which key points: `detected` or `gt`."""

    input: str
    split: str = "test"

    @property
    def printed_on(self) -> str | None:
        """The papers' data set that the printed numbers are for."""
        return self.about


@dataclass(frozen=True, kw_only=True)
class VideoColumn(AccuracyColumn):
    """Accuracies of networks on video.

    benchmark   the data set that the paper names, or `video`: ours, which is rendered
    boxes       around whom frames are cropped: `detected`, `gt` or `unstated`
    neighbours  what stands for the frames beside the judged one: `copies` of it, or `shuffled` ones; or the `real` ones
    """

    benchmark: str
    boxes: str
    neighbours: str = "real"
    split: str = "val"

    @property
    def printed_on(self) -> str:
        """The data set that the printed numbers are for."""
        return self.benchmark

    @property
    def condition(self) -> str:
        """Boxes and neighbours in one word: `gt-boxes+copies`."""
        return Boxes(self.boxes, self.neighbours).in_split


# A kind of column is one of these, the first of its `kind` that has all keys it needs.
COLUMN_KINDS: tuple[type[Column], ...] = (FactColumn, CountColumn, LiftingColumn, VideoColumn)


@dataclass(frozen=True, kw_only=True)
class Row:
    """A row of a table: usually a network.

    variant, recipe  what is measured for it, and how that is trained; empty where nothing is
    trained          False for a variant that is counted only, though the table has accuracies
    missing          why there is no variant and never will be
    notes            keys of the table's footnotes
    cells            id of a column -> printed text, verbatim
    """

    id: str
    label: str
    cite: str = ""
    variant: str = ""
    recipe: str = ""
    trained: bool = True
    missing: str = ""
    section: str = ""
    notes: tuple[str, ...] = ()
    cells: Mapping[str, str] = field(default_factory=dict)

    @property
    def out_of_memory(self) -> bool:
        """Whether the paper prints that the network did not fit on its device."""
        return OUT_OF_MEMORY in self.cells.values()


@dataclass(frozen=True, kw_only=True)
class Order:
    """A claim of order: a paper has one row of a table better than another.

    better, worse  ids of the two rows
    column         id of the accuracies that the paper prints of them
    judged         id of the column whose measured numbers judge it: that one, or ours of the same metric where the
                   printed numbers are for data that are measured at scale paper alone
    quote, place   the paper's words that state it, and where they stand; empty: by the table alone
    """

    better: str
    worse: str
    column: str
    judged: str
    quote: str = ""
    place: str = ""

    @property
    def id(self) -> str:
        """Unique in its table: better-over-worse/column."""
        return f"{self.better}-over-{self.worse}/{self.column}"


@dataclass(frozen=True, kw_only=True)
class Table:
    """A table of a paper.

    number         the paper's, None where it has none
    benchmark      the papers' data set that its lifted poses are about
    device_memory  of the device that the paper trained on ("24 GiB"): what its "OOM" is judged by
    reference      id of the row that the others are compared with, in an ablation
    quoted         whether its numbers are those of other papers, shown for context: they are judged and not counted
    board          name of the leaderboard that it is; empty: none
    ranked_by      id of the accuracy by which a leaderboard ranks first; empty: its first
    sorted_by      id of a column by whose measured numbers rows are sorted; empty: rows stand as printed
    footnotes      key -> text
    orders         which of its rows the paper has better than which
    """

    id: str
    number: int | None
    title: str
    benchmark: str | None
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    device_memory: str = ""
    reference: str = ""
    quoted: bool = False
    board: str = ""
    ranked_by: str = ""
    sorted_by: str = ""
    footnotes: Mapping[str, str] = field(default_factory=dict)
    orders: tuple[Order, ...] = ()

    @property
    def heading(self) -> str:
        """`Table 3: Title`, or the title alone where the paper has no number for it."""
        return f"Table {self.number}: {self.title}" if self.number else self.title

    @property
    def accuracies(self) -> tuple[AccuracyColumn, ...]:
        """Columns for which networks are trained."""
        return tuple(column for column in self.columns if isinstance(column, AccuracyColumn))

    @property
    def ranked(self) -> tuple[AccuracyColumn, ...]:
        """The accuracies as a leaderboard has them: first the one that it ranks by."""
        return tuple(sorted(self.accuracies, key=lambda column: column.id != (self.ranked_by or column.id)))

    @property
    def lifts(self) -> bool:
        """Whether the table has accuracies of lifted poses."""
        return any(isinstance(column, LiftingColumn) for column in self.columns)

    def column(self, column_id: str) -> Column:
        """A column by its id, which must exist."""
        return next(column for column in self.columns if column.id == column_id)

    def row(self, row_id: str) -> Row | None:
        """A row by its id; None for rows that are no paper's, such as our baselines."""
        return next((row for row in self.rows if row.id == row_id), None)

    def printed(self, row_id: str, column_id: str) -> Printed | None:
        """The number that the paper prints in a row and a measured column, which must exist; None for none."""
        return parse_printed(self.row(row_id).cells.get(column_id, ""), self.column(column_id).unit)

    def lead(self, order: Order) -> Decimal | None:
        """By how much the paper prints an order's better row ahead; None where it prints no number of one of them.

        In base units of the metric, exact; negative where the worse row is ahead.
        """
        both = [self.printed(row, order.column) for row in (order.better, order.worse)]
        if None in both:
            return None
        better, worse = (printed.exact for printed in both)
        return better - worse if higher_is_better(self.column(order.column).metric) else worse - better

    def name(self, row_id: str) -> str:
        """A row's label; where others have it too, with the facts that tell them apart: `PoseMamba-S, T 81`."""
        row = self.row(row_id)
        alike = [other.cells for other in self.rows if other.label == row.label]
        facts = [column for column in self.columns if isinstance(column, FactColumn)]
        telling = [column for column in facts if len({cells.get(column.id) for cells in alike}) > 1]
        return ", ".join([row.label, *(f"{column.label} {row.cells.get(column.id)}" for column in telling)])


@dataclass(frozen=True, kw_only=True)
class Figure:
    """A figure of a paper, or of ours; which of its keys a kind needs is in workflow/schemas/study.schema.yaml.

    table                    of bubbles: where they are from; error, macs, size, time: ids of its columns
    tables                   of learning curves: a panel a table
    variant, variants        of maps and of poses, with recipe, input (`detected`, `gt`) and split
    scans, gather            of scan orders
    """

    id: str
    number: int | None
    kind: str
    title: str
    table: str = ""
    error: str = ""
    macs: str = ""
    size: str = ""
    time: str = ""
    tables: tuple[str, ...] = ()
    variant: str = ""
    variants: tuple[str, ...] = ()
    recipe: str = ""
    input: str = ""
    split: str = ""
    scans: tuple[str, ...] = ()
    gather: str = ""

    @property
    def heading(self) -> str:
        """`Figure 3: Title`, or the title alone where the paper has no number for it."""
        return f"Figure {self.number}: {self.title}" if self.number else self.title


@dataclass(frozen=True, kw_only=True)
class Study:
    """One paper; `note` names another source of its printed numbers than the paper, `short` is its name in menus."""

    name: str
    title: str
    venue: str
    link: str
    tables: tuple[Table, ...]
    note: str = ""
    short: str = ""
    figures: tuple[Figure, ...] = ()

    @property
    def label(self) -> str:
        """What menus call it: its short name, or its title up to the colon."""
        return self.short or self.title.partition(":")[0]

    def table(self, table_id: str) -> Table:
        """A table by its id. Raises InputError for an unknown one."""
        tables = {table.id: table for table in self.tables}
        if table_id not in tables:
            raise InputError(f"studies/{self.name}.yaml: no table {table_id!r}; it has {', '.join(tables)}")
        return tables[table_id]

    def main_recipe(self, variant: str) -> str:
        """The recipe of a variant in the first row that trains it, the paper's own result; ablations come after it."""
        rows = (row for table in self.tables for row in table.rows if row.variant == variant and row.recipe)
        return next((row.recipe for row in rows), "")

    def figure(self, figure_id: str) -> Figure:
        """A figure by its id. Raises InputError for an unknown one."""
        figures = {figure.id: figure for figure in self.figures}
        if figure_id not in figures:
            raise InputError(f"studies/{self.name}.yaml: no figure {figure_id!r}; it has {', '.join(figures)}")
        return figures[figure_id]
