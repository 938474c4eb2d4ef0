"""How time and memory grow with the size of a clip, for the contestants of a curve (`workflow.measuring.curves`).

One file of rows a size. A size is measured after the smaller ones, from which its time is foretold, and its memory
where it is not predicted: a case that would go beyond the budget is left out, and its row says so.
"""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median

import pandas as pd
import psutil
import torch
from torch import Tensor, nn

from base.files import write_whole
from metrics.efficiency import MemoryLimitError, latency, peak_memory
from models.ssm import backend_in_use
from training.provenance import cpu_name, revision
from workflow.measuring.curves import CURVES, WORKS, build, predicted_growth

PASS_SECONDS = 60.0  # a case whose single pass takes longer is left out
MEMORY_SHARE = 0.7  # of the memory that is free: a case that needs more is left out
TIMED_SECONDS, MOST_RUNS = 20.0, 9  # a case runs so long or so often, whichever is reached first
MEBIBYTE = 2**20
MEASURED = ("threads", "seconds_median", "seconds_min", "runs", "peak_mib", "predicted_mib", "left_out")
PROVENANCE = ("backend", "device", "torch", "revision")


def columns(curve: str) -> list[str]:
    """Columns of a curve's files."""
    return ["model", "work", CURVES[curve].size, *MEASURED, *PROVENANCE]


def measure(curve: str, size: int, smaller: Sequence[Path], threads: int, backend: str = "auto") -> list[dict]:
    """Rows for clips of that size, one a contestant and work; `smaller`: files of the sizes before it."""
    known = pd.concat([pd.read_csv(path) for path in smaller]) if smaller else pd.DataFrame(columns=columns(curve))
    same = {CURVES[curve].size: size, "threads": threads, "device": cpu_name(), "torch": torch.__version__}
    cases = [
        {"curve": curve, "contestant": name, "work": work, "size": size, "backend": backend_in_use(backend)}
        for work in WORKS
        for name in CURVES[curve].contestants
    ]
    rows = [same | {"revision": revision()} | _row(case, known) for case in cases]
    for work in WORKS:
        _time_and_weigh([(c, r) for c, r in zip(cases, rows, strict=True) if c["work"] == work], threads)
    return rows


def _row(case: dict, known: pd.DataFrame) -> dict:
    """What is known of a case before it is measured, and why it is left out, if it is."""
    first = case["contestant"] == CURVES[case["curve"]].contestants[0]
    predicted = predicted_growth(**case)
    row = {"model": case["contestant"], "work": case["work"], "backend": case["backend"] if first else ""}
    row["predicted_mib"] = None if predicted is None else predicted / MEBIBYTE
    size = CURVES[case["curve"]].size
    return row | {"left_out": too_much(known, size, row | {size: case["size"]})}


def _time_and_weigh(cases: Sequence[tuple[dict, dict]], threads: int) -> None:
    """Measure the cases of one kind of work that are not left out, and write what was found into their rows.

    Memory comes first, under a limit: what does not fit is not timed.
    """
    for case, row in cases:
        if not row["left_out"]:
            row |= _weigh(case, threads)
    built = {case["contestant"]: build(**case) for case, row in cases if not row["left_out"]}
    timed = time_in_turns(built, threads)
    for case, row in cases:
        row |= timed.get(case["contestant"], {})


def _weigh(case: dict, threads: int) -> dict:
    """Peak memory in a fresh process that may take MEMORY_SHARE of what is free."""
    with torch.device("meta"):
        shape = CURVES[case["curve"]].build(case["contestant"], case["size"], case["backend"]).example_shape
    limit = int(MEMORY_SHARE * psutil.virtual_memory().available)
    try:
        peak = peak_memory("workflow.measuring.curves:build", case, shape, threads=threads, limit=limit)["peak"]
    except MemoryLimitError as error:
        return {"left_out": str(error)}
    return {"peak_mib": peak / MEBIBYTE}


def write_rows(curve: str, rows: Sequence[dict], path: Path) -> None:
    """Write rows of a curve as CSV, whole or not at all."""
    table = pd.DataFrame(rows, columns=columns(curve), dtype=object)
    write_whole(path, lambda temporary: table.to_csv(temporary, index=False, lineterminator="\n"))


def time_in_turns(contestants: Mapping[str, nn.Module], threads: int) -> dict[str, dict]:
    """Median and fastest seconds of one clip, and runs, for each; they take turns, after a turn that does not count."""
    raw: dict[str, list[float]] = {name: [] for name in contestants}
    for turn in range(1 + MOST_RUNS):
        for name, model in contestants.items():
            if sum(raw[name]) < TIMED_SECONDS:
                seconds = latency(model, clip(model), threads, runs=1, warmup=0)["raw"]
                raw[name] += seconds if turn else []
    return {
        name: {"seconds_median": median(times), "seconds_min": min(times), "runs": len(times)}
        for name, times in raw.items()
    }


def clip(model: nn.Module) -> Tensor:
    """A batch of one clip of the model's shape."""
    return torch.zeros(model.example_shape)


def too_much(known: pd.DataFrame, size: str, case: dict) -> str:
    """Why a case is left out, or nothing: its foretold time, its memory, or that a smaller clip was left out.

    known: rows of the smaller clips; size: name of their column; case: model, work, size and, where it is predicted,
    predicted_mib.
    """
    mine = known[(known["model"] == case["model"]) & (known["work"] == case["work"])].sort_values(size)
    mebibytes, free = case.get("predicted_mib"), psutil.virtual_memory().available / MEBIBYTE
    if mebibytes is None:
        mebibytes = foretell(mine[size], mine["peak_mib"], case[size])
    if mebibytes > MEMORY_SHARE * free:
        return f"it would need about {mebibytes:,.0f} MiB of {free:,.0f} MiB"
    if mine["left_out"].notna().any():
        return "smaller clips were left out"
    seconds = foretell(mine[size], mine["seconds_median"], case[size])
    if seconds > PASS_SECONDS:
        return f"a pass would take about {seconds:.0f} s, more than {PASS_SECONDS:.0f} s"
    return ""


def foretell(sizes: Sequence[float], costs: Sequence[float], larger: int) -> float:
    """The power law through the last two measured costs, continued; at least linear. 0 while fewer are known."""
    if len(costs) < 2:
        return 0.0
    (t1, t2), (c1, c2) = list(sizes)[-2:], list(costs)[-2:]
    return c2 * (larger / t2) ** max(1.0, math.log(c2 / c1) / math.log(t2 / t1))
