"""How time and memory grow with the size of a clip, for the contestants of a curve (`workflow.measuring.curves`).

One file of rows a size. A size is measured after the smaller ones, from which its time is forecast, and its memory
where it is not predicted: a case that would go beyond the budget is left out, and its row says so.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from statistics import median

import pandas as pd
import psutil
import torch
from torch import Tensor, nn

from base.files import read_csv, write_csv
from metrics.efficiency import MEBIBYTE, MemoryLimitError, one_pass, peak_memory
from models.ssm import backend_in_use
from training.provenance import cpu_name, revision
from workflow.measuring.curves import CURVES, WORKS, build, predicted_growth

PASS_SECONDS = 60.0  # a case whose single pass takes longer is left out
MEMORY_SHARE = 0.7  # of the memory that is free: a case that needs more is left out
TIMED_SECONDS, MOST_RUNS = 20.0, 9  # a case runs so long or so often, whichever is reached first


@dataclass(frozen=True)
class Case:
    """What is measured: the arguments of `workflow.measuring.curves.build`."""

    curve: str
    contestant: str
    work: str
    size: int
    backend: str


@dataclass(frozen=True, kw_only=True)
class Point:
    """A row of a curve's file, where `size` is named after what grows.

    left_out : why the case was not measured; empty where it was. backend : of the scan, of the one that has any
    """

    model: str
    work: str
    size: int
    threads: int
    seconds_median: float | None = None
    seconds_min: float | None = None
    runs: int | None = None
    peak_mib: float | None = None
    predicted_mib: float | None = None
    left_out: str = ""
    backend: str
    device: str
    torch: str
    revision: str


def columns(curve: str) -> list[str]:
    """Columns of a curve's files."""
    return [CURVES[curve].size if field.name == "size" else field.name for field in fields(Point)]


def measure(curve: str, size: int, smaller: Sequence[Path], threads: int, backend: str = "auto") -> list[Point]:
    """Rows for clips of that size, one a contestant and work; `smaller`: files of the sizes before it."""
    before = [point for path in smaller for point in read_points(curve, path)]
    points = []
    for work in WORKS:
        cases = [Case(curve, name, work, size, backend_in_use(backend)) for name in CURVES[curve].contestants]
        points += _time(cases, [_weigh(case, _expect(case, before, threads)) for case in cases])
    return points


def _expect(case: Case, smaller: Sequence[Point], threads: int) -> Point:
    """What is known of a case before it is measured, and why it is left out, if it is."""
    first = case.contestant == CURVES[case.curve].contestants[0]
    predicted = predicted_growth(**asdict(case))
    point = Point(
        model=case.contestant,
        work=case.work,
        size=case.size,
        threads=threads,
        predicted_mib=None if predicted is None else predicted / MEBIBYTE,
        backend=case.backend if first else "",
        device=cpu_name(),
        torch=torch.__version__,
        revision=revision(),
    )
    return replace(point, left_out=too_much(point, smaller))


def _weigh(case: Case, point: Point) -> Point:
    """With the peak memory in a fresh process that may take MEMORY_SHARE of what is free; else left out."""
    if point.left_out:
        return point
    with torch.device("meta"):
        shape = CURVES[case.curve].build(case.contestant, case.size, case.backend).example_shape
    limit = int(MEMORY_SHARE * psutil.virtual_memory().available)
    factory = "workflow.measuring.curves:build"
    try:
        peak = peak_memory(factory, asdict(case), shape, threads=point.threads, limit=limit)
    except MemoryLimitError as error:
        return replace(point, left_out=str(error))
    return replace(point, peak_mib=peak / MEBIBYTE)


def _time(cases: Sequence[Case], points: Sequence[Point]) -> list[Point]:
    """With the times of those that are not left out, which take turns. What did not fit into memory is not timed."""
    pairs = list(zip(cases, points, strict=True))
    built = {case.contestant: build(**asdict(case)) for case, point in pairs if not point.left_out}
    seconds = time_in_turns(built, points[0].threads)
    return [point if point.left_out else _timed(point, seconds[case.contestant]) for case, point in pairs]


def _timed(point: Point, seconds: Sequence[float]) -> Point:
    return replace(point, seconds_median=median(seconds), seconds_min=min(seconds), runs=len(seconds))


def write_points(curve: str, points: Sequence[Point], path: Path) -> None:
    """Write rows of a curve as CSV, whole or not at all."""
    table = pd.DataFrame(list(points), dtype=object).set_axis(columns(curve), axis=1)
    write_csv(path, table)


def read_points(curve: str, path: Path) -> list[Point]:
    """Rows that `write_points` wrote. Raises InputError for a file that is absent or damaged."""
    table = read_csv(path, columns(curve), "run `make scaling` again")
    table = table.rename(columns={CURVES[curve].size: "size"}).astype(object)
    rows = table.where(table.notna(), None).fillna({"left_out": "", "backend": ""}).to_dict("records")
    return [Point(**row) for row in rows]


def time_in_turns(contestants: Mapping[str, nn.Module], threads: int) -> dict[str, list[float]]:
    """Seconds of one clip of each, by run; they take turns, after a turn that does not count."""
    seconds: dict[str, list[float]] = {name: [] for name in contestants}
    for turn in range(1 + MOST_RUNS):
        for name, model in contestants.items():
            if sum(seconds[name]) < TIMED_SECONDS:
                timed = one_pass(model, clip(model), threads)
                seconds[name] += [timed] if turn else []
    return seconds


def clip(model: nn.Module) -> Tensor:
    """A batch of one clip of the model's shape."""
    return torch.zeros(model.example_shape)


def too_much(point: Point, smaller: Sequence[Point]) -> str:
    """Why a case is left out, or nothing: its memory, its forecast time, or that a smaller clip was left out."""
    same = [p for p in smaller if (p.model, p.work) == (point.model, point.work)]
    same.sort(key=lambda p: p.size)
    sizes = [p.size for p in same]
    left_out = any(p.left_out for p in same)
    mebibytes = point.predicted_mib
    if mebibytes is None:
        mebibytes = 0.0 if left_out else extrapolate(sizes, [p.peak_mib for p in same], point.size)
    free = psutil.virtual_memory().available / MEBIBYTE
    if mebibytes > MEMORY_SHARE * free:
        return f"it would need about {mebibytes:,.0f} MiB of {free:,.0f} MiB"
    if left_out:
        return "smaller clips were left out"
    seconds = extrapolate(sizes, [p.seconds_median for p in same], point.size)
    if seconds > PASS_SECONDS:
        return f"a pass would take about {seconds:.0f} s, more than {PASS_SECONDS:.0f} s"
    return ""


def extrapolate(sizes: Sequence[float], costs: Sequence[float], larger: int) -> float:
    """The power law through the last two measured costs, continued; at least linear. 0 while fewer are known."""
    if len(costs) < 2:
        return 0.0
    (t1, t2), (c1, c2) = sizes[-2:], costs[-2:]
    return c2 * (larger / t2) ** max(1.0, math.log(c2 / c1) / math.log(t2 / t1))
