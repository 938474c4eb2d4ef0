"""Every claim of order of the studies, judged once: measurements and studies become `orders.csv`.

How: `reports.pairs.pair_runs`, then Holm over all orders of a table (docs/protocols.md).
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType

import numpy as np

from metrics.differences import LEVEL, beyond_noise, holm
from reports.comparisons import Floors, read_floors
from reports.measurements import Choice, read_measurements
from reports.orders.order import HOLDS, NOISE, NOT_RECORDED, REVERSED, SAME_NETWORK, JudgedOrder, write_orders
from reports.pairs import Pair, luck_of, pair_runs
from reports.records import State
from reports.tables.cell import NOT_LEARNED
from reports.tables.numbers import Numbers
from studies.load import load_study
from studies.measurements import higher_is_better
from studies.recipes import recipes
from studies.scales import Scale, scale_named
from studies.types import Order, Row, Study, Table
from studies.variants import resolve_variants


def judge(
    studies: Sequence[str | Path],
    measurements_csv: str | Path,
    noise_csv: str | Path,
    path: str | Path,
    choice: Choice,
    states: Mapping[str, State] = MappingProxyType({}),
) -> Path:
    """Judge every order of the studies, by records where the choice shows records, and write `orders.csv`.

    noise_csv: empty where measuring the noise failed; states: of records, by folder
    Raises InputError for a file that is absent or cannot be read.
    """
    numbers = Numbers(read_measurements(measurements_csv), choice, states)
    floors = read_floors(noise_csv) if noise_csv else {}
    return write_orders(judge_studies(map(load_study, studies), numbers, floors), path)


def judge_studies(studies: Iterable[Study], numbers: Numbers, floors: Floors) -> Iterator[JudgedOrder]:
    """All orders of the studies, in the order in which they stand."""
    for study in studies:
        for table in study.tables:
            yield from judge_table(study.name, table, numbers, floors)


def judge_table(study: str, table: Table, numbers: Numbers, floors: Floors) -> list[JudgedOrder]:
    """The orders of one table, their p-values adjusted for each other; none where it has no order."""
    claims = [_Claim(study, table, order, numbers) for order in table.orders]
    pairs = [claim.pair() for claim in claims]
    adjusted = holm([pair.difference.p if _is_sure(pair) else np.nan for pair in pairs])
    missed = int(np.sum(adjusted >= LEVEL))  # they share the level, each with the first that Holm does not reject
    judged = []
    for claim, pair, p_holm in zip(claims, pairs, adjusted, strict=True):
        tests = missed + bool(p_holm < LEVEL)
        judged.append(claim.with_runs(pair, p_holm, tests, floors) if pair else claim.without_runs())
    return judged


def _is_sure(pair: Pair | None) -> bool:
    """Whether both sources of chance are known: one seed says nothing of a method."""
    return pair is not None and not pair.why


@dataclass(frozen=True)
class _Claim:
    """An order of a table, with the numbers that judge it."""

    study: str
    table: Table
    order: Order
    numbers: Numbers

    @property
    def rows(self) -> tuple[Row, Row]:
        """The better and the worse one, as the paper has them."""
        return self.table.row(self.order.better), self.table.row(self.order.worse)

    def pair(self) -> Pair | None:
        """The runs of both rows; None where there are none, or both rows are one network and differ in nothing."""
        column = self.table.column(self.order.judged)
        cells = {row.id: self.numbers.accuracies(row, column) for row in self.table.rows if row.recipe}
        pair = pair_runs(*(cells[row.id] for row in self.rows), luck_of(cells.values()))
        alike = pair and (pair.own["value"].to_numpy() == pair.other["value"].to_numpy()).all()
        return None if alike and self.same_network else pair

    @property
    def same_network(self) -> bool:
        """Whether both rows are one network, trained in one way, once the scale has shrunk them."""
        scale = scale_named(self.numbers.choice.scale)
        return _trained(self.rows[0], scale) == _trained(self.rows[1], scale)

    def without_runs(self) -> JudgedOrder:
        """An order that no run tells anything about, and why."""
        order, choice = self.order, self.numbers.choice
        column, lead = self.table.column(order.judged), self.table.lead(order)
        named = " and ".join(self.table.name(row.id) for row in self.rows)
        what = "records" if choice.kept else "runs"
        outcome, why = NOT_RECORDED, f"no {what} of {named} with the same seeds on {choice.column_data(column)}"
        if self.same_network:
            outcome, why = SAME_NETWORK, f"at scale {choice.scale} {named} are one network, trained in one way"
        return JudgedOrder(
            study=self.study,
            table=self.table.id,
            better=order.better,
            worse=order.worse,
            column=order.column,
            judged=order.judged,
            metric=column.metric,
            convention=self.numbers.convention(column),
            scale=choice.scale,
            dataset=choice.column_data(column),
            unit=column.unit,
            printed=float(lead),
            decimals=-lead.as_tuple().exponent,
            outcome=outcome,
            why=why,
            quote=order.quote,
            place=order.place,
        )

    def with_runs(self, pair: Pair, p_holm: float, tests: int, floors: Floors) -> JudgedOrder:
        """An order as its runs judge it; tests: how many orders of the table share the level, itself included."""
        first, difference, (better, worse) = pair.own.iloc[0], pair.difference, pair.means
        column = self.table.column(self.order.judged)
        upwards = higher_is_better(first.metric)
        floor = floors.get((first.device, first.metric), np.nan)
        known = {name: getattr(difference, name) for name in ("by_seeds", "by_clusters", "p")}
        judged = replace(
            self.without_runs(),
            scale=first.scale,
            dataset=first.dataset,
            unit=first.unit,
            better_mean=better,
            worse_mean=worse,
            effect=difference.value if upwards else -difference.value,
            low=difference.low if upwards else -difference.high,
            high=difference.high if upwards else -difference.low,
            visible=float(np.fmax(difference.smallest_visible(tests), floor)) if tests else np.nan,
            p_holm=float(p_holm),
            noise_floor=floor,
            seeds=" ".join(map(str, pair.own["seed"])),
            clusters=pair.clusters,
            outcome=NOT_RECORDED,
            why=pair.why,
            record=self.numbers.record_of([*pair.own["run"], *pair.other["run"]]).state,
            better_runs=" ".join(pair.own["run"]),
            worse_runs=" ".join(pair.other["run"]),
            **known,
        )
        if lost := [self.table.name(row.id) for row in self.rows if not self.numbers.learned(row, column)]:
            return replace(judged, outcome=NOT_LEARNED, why=f"{' and '.join(lost)}: worse than the mean training pose")
        return judged if pair.why else replace(judged, outcome=_outcome(judged))


def _outcome(order: JudgedOrder) -> str:
    if not beyond_noise(order.effect, order.p_holm, order.noise_floor):
        return NOISE
    return HOLDS if order.effect > 0 else REVERSED


def _trained(row: Row, scale: Scale) -> tuple:
    """What a row is at a scale: its class, its hyper-parameters, and all that its recipe decides."""
    variant = resolve_variants()[row.variant]
    return variant.model, scale.hyper(variant), replace(recipes()[row.recipe], label="")
