"""What a run will cost, before it costs it: python -m workflow bill [key=value ...].

Hours (`workflow.forecast`), memory and disk of the trainings that are still to do. Above the budget that config.yaml
sets the workflow starts nothing.
"""

import shutil
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

from base.errors import InputError
from studies.config import Budget, read_config
from studies.data import VIDEO, Experiment
from studies.plan import Plan, make_plan
from workflow.forecast import Forecast, complete_forecast, judged_rows, trust, unfinished

GIBIBYTE = 2**30
NUMBER = 4  # bytes of one
MOMENTS = 2  # that a training state has of each weight that is trained
POSE, JOINTS_AND_SCORES = 17 * 3, 15 * 3  # numbers of a predicted pose, of lifted ones and of those in video


@dataclass(frozen=True)
class Cost:
    """Of one run: hours, bytes on the disk, bytes of memory of a training step of one process.

    history : whether the hours come from runs of this device
    """

    experiment: Experiment
    seed: int
    hours: float
    disk: float
    memory: float
    history: bool = False


def bill(plan: Plan) -> list[Cost]:
    """The cost of each run that is not finished."""
    todo, forecast = unfinished(plan), complete_forecast(plan)
    by_experiment = {experiment: _cost(forecast, experiment) for experiment in dict.fromkeys(e for e, _ in todo)}
    return [Cost(e, seed, *by_experiment[e]) for e, seed in todo]


def _cost(forecast: Forecast, experiment: Experiment) -> tuple[float, float, float, bool]:
    """Hours, disk, memory, and whether from history."""
    estimate, network = forecast.run(experiment), forecast.network(experiment)
    kept = 2 + forecast.plan.config.scale.hold_out  # weights and predictions: the last, and the best by each rule
    saved = network.weights * (2 * kept + 1) + network.trained * MOMENTS  # as results, and in the training state
    pose = JOINTS_AND_SCORES if experiment.dataset.kind == VIDEO else POSE
    predicted = pose * judged_rows(forecast.plan.spec(experiment, None)) * 2 * kept
    return estimate.seconds / 3600, NUMBER * (saved + predicted), network.memory, estimate.history


def over_budget(costs: list[Cost], budget: Budget) -> str | None:
    """In words by how much the runs are above the budget, or None."""
    hours, disk = sum(c.hours for c in costs), sum(c.disk for c in costs) / GIBIBYTE
    for key, needed, limit in (("hours", hours, budget.hours), ("disk_gib", disk, budget.disk_gib)):
        if limit is not None and not needed <= limit:
            return f"budget.{key}: these runs need about {needed:,.1f}, the budget is {limit:,}"
    return None


def describe(costs: list[Cost], processes: int, free: float) -> str:
    """Lines for a person: an experiment each, the sums, the disk (free: bytes), and how sure the hours are."""
    if not costs:
        return "nothing left to train"
    by_experiment: dict[Experiment, list[Cost]] = defaultdict(list)
    for cost in costs:
        by_experiment[cost.experiment].append(cost)
    lines = [
        f"{_sums(many)}  {e}, {len(many)} run{'s' * (len(many) > 1)}"
        for e, many in sorted(by_experiment.items(), key=lambda item: -sum(c.hours for c in item[1]))
    ]
    each = f", each on {processes} devices" if processes > 1 else ""
    total = f"{_sums(costs)}  {len(costs)} runs, one after the other{each}"
    hours = [sum(c.hours for c in costs if c.history), sum(c.hours for c in costs)]
    head = f"{'hours':>12} {'memory':>11} {'disk':>12}"
    return "\n".join([head, *lines, total, _disk(costs, free), trust(*hours, processes)])


def _disk(costs: list[Cost], free: float) -> str:
    needed = sum(c.disk for c in costs)
    verdict = "enough" if needed <= free else "not enough"
    return f"disk: {needed / GIBIBYTE:,.1f} GiB needed, {free / GIBIBYTE:,.1f} GiB free: {verdict}"


def _sums(costs: list[Cost]) -> str:
    hours, disk = sum(c.hours for c in costs), sum(c.disk for c in costs)
    memory = max(c.memory for c in costs)
    return f"{hours:10,.2f} h {memory / GIBIBYTE:7,.1f} GiB {disk / GIBIBYTE:8,.2f} GiB"


def main(arguments: list[str]) -> None:
    """Print the bill of the config with `key=value` overrides; raises InputError above its budget."""
    plan = make_plan(read_config(arguments))
    costs = bill(plan)
    print(describe(costs, plan.config.processes, shutil.disk_usage(Path.cwd()).free))
    _refuse_above(costs, plan.config.budget)


def keep_to_budget(plan: Plan) -> None:
    """Raise InputError, with the remedy, if the runs that are still to do cost more than the config's budget."""
    if plan.config.budget != Budget(None, None):
        _refuse_above(bill(plan), plan.config.budget)


def _refuse_above(costs: list[Cost], budget: Budget) -> None:
    if above := over_budget(costs, budget):
        remedy = "choose fewer variants, studies or seeds, or raise the budget in config.yaml"
        raise InputError(f"{above}; {remedy}")
