"""Failed jobs as reports tell of them: a cell without a number says which log has the reason."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

FAILED = "failed"


@dataclass(frozen=True)
class Failure:
    """A job that failed.

    job : its rule and what it was for; log, why : its log, and the line of it that tells the reason
    runs : (dataset, variant, recipe, seed) of each run without numbers for want of it
    counts, speed : variants without counts, or without times, for want of it
    """

    job: str
    log: str
    why: str
    runs: Sequence[Sequence[str | int]] = ()
    counts: Sequence[str] = ()
    speed: Sequence[str] = ()

    @property
    def cause(self) -> str:
        """The reason, and which job it was of where that is not the run's own training."""
        return self.why if self.job.startswith("train_") else f"{self.job}: {self.why}"

    @property
    def reason(self) -> str:
        """Why a cell has no number."""
        return f"{FAILED}: {self.cause} (log: {self.log})"


def of_runs(failures: Sequence[Failure], dataset: str, variant: str, recipe: str) -> dict[int, Failure]:
    """Seed -> what failed of an experiment's runs."""
    asked = [dataset, variant, recipe]
    return {int(run[3]): failure for failure in failures for run in failure.runs if list(run[:3]) == asked}


def of_counts(failures: Sequence[Failure], variant: str, timed: bool) -> Failure | None:
    """What failed of counting a variant, or of timing it."""
    return next((f for f in failures if variant in (f.speed if timed else f.counts)), None)


def of_seeds(failures: Mapping[int, Failure]) -> str:
    """Why a cell has no number, or one of fewer seeds: seeds that failed for the same cause together."""
    causes: dict[str, list[int]] = {}
    for seed in sorted(failures):
        causes.setdefault(failures[seed].cause, []).append(seed)
    parts = [
        f"seed{'s' * (len(seeds) > 1)} {', '.join(map(str, seeds))}: {cause} "
        f"(log: {', '.join(dict.fromkeys(failures[seed].log for seed in seeds))})"
        for cause, seeds in causes.items()
    ]
    return f"{FAILED}: {'; '.join(parts)}"
