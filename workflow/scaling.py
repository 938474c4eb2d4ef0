"""How time and memory grow with the length of a clip: PoseMamba-S against stacks of attention of equal width and depth.

One file of rows a length. A length is measured after the shorter ones, from which its cost is foretold: a case that
would go beyond the budget is left out, and its row says so.
"""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median

import pandas as pd
import psutil
import torch
from torch import Tensor, nn

import models
from metrics.efficiency import latency, peak_memory
from models.lifting.attention import AttentionStack
from models.ssm import backend_in_use
from studies.files import write_whole
from studies.variants import variant
from training.losses import mpjpe
from training.provenance import cpu_name, revision

PASS_SECONDS = 60.0  # a case whose single pass takes longer is left out
MEMORY_SHARE = 0.7  # of the memory that is free: a case that needs more is left out
TIMED_SECONDS, MOST_RUNS = 20.0, 9  # a case runs so long or so often, whichever is reached first
MEBIBYTE = 2**20
# Heads: as many as the papers' lifting transformers have, and one, as wide as one of theirs.
CONTESTANTS = {"PoseMamba-S": None, "attention, 8 heads": 8, "attention, 1 head": 1}
WORKS = ("inference", "training step")
COLUMNS = [
    *("model", "work", "frames", "threads", "seconds_median", "seconds_min", "runs", "peak_mib", "left_out"),
    *("backend", "device", "torch", "revision"),
]


class TrainingStep(nn.Module):
    """A step of training as a module: its forward runs the model, the loss, the backward pass and AdamW.

    The learning rate is 0, so that every step does the same. Whoever measures may have switched gradients off; they are
    switched on again. Returns the loss.
    """

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model
        self.frames, self.joints, self.in_channels = model.frames, model.joints, model.in_channels
        self.optimiser = torch.optim.AdamW(model.parameters(), lr=0.0, fused=True)

    def forward(self, clips: Tensor) -> Tensor:
        """Clips (B, T, J, C), pulled towards the pose 0 -> the loss ()."""
        with torch.inference_mode(False), torch.enable_grad():
            self.model.train()
            self.optimiser.zero_grad(set_to_none=True)
            poses = self.model(clips)
            loss = mpjpe(poses, torch.zeros_like(poses))
            loss.backward()
            self.optimiser.step()
        return loss.detach()


def build(contestant: str, work: str, frames: int, backend: str = "auto") -> nn.Module:
    """A contestant of that work, with PoseMamba-S's width and depth; no paths are dropped."""
    hyper = variant("posemamba-s")["hyper"]
    torch.manual_seed(0)
    if heads := CONTESTANTS[contestant]:
        model = AttentionStack(frames, hyper["width"], hyper["depth"], heads, drop_path=0.0)
    else:
        model = models.build("posemamba-s", frames=frames, drop_path=0.0, backend=backend)
    return TrainingStep(model) if work == "training step" else model


def measure(frames: int, shorter: Sequence[Path], threads: int, backend: str = "auto") -> list[dict]:
    """Rows for clips of so many frames, one a contestant and work; `shorter`: files of the lengths before it."""
    known = pd.concat([pd.read_csv(path) for path in shorter]) if shorter else pd.DataFrame(columns=COLUMNS)
    same = {"frames": frames, "threads": threads, "device": cpu_name(), "torch": torch.__version__}
    same["revision"] = revision()
    rows = []
    for work in WORKS:
        reasons = {name: too_much(known, name, work, frames) for name in CONTESTANTS}
        built = {name: build(name, work, frames, backend) for name, why in reasons.items() if not why}
        timed = time_in_turns(built, threads)
        for name, why in reasons.items():
            scan = "" if CONTESTANTS[name] else backend_in_use(backend)
            row = same | {"model": name, "work": work, "backend": scan, "left_out": why}
            if not why:
                arguments = {"contestant": name, "work": work, "frames": frames, "backend": backend}
                peak = peak_memory("workflow.scaling:build", arguments, clip(built[name]).shape, threads=threads)
                row |= timed[name] | {"peak_mib": peak["peak"] / MEBIBYTE}
            rows.append(row)
    return rows


def write_rows(rows: Sequence[dict], path: Path) -> None:
    """Write rows as CSV, whole or not at all."""
    table = pd.DataFrame(rows, columns=COLUMNS, dtype=object)
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
    """A batch of one clip (1, T, J, C) as long as the model takes."""
    return torch.zeros(1, model.frames, model.joints, model.in_channels)


def too_much(known: pd.DataFrame, name: str, work: str, frames: int) -> str:
    """Why a case is left out, or nothing: its foretold time or memory, or that a shorter clip was left out."""
    mine = known[(known["model"] == name) & (known["work"] == work)].sort_values("frames")
    if mine["left_out"].notna().any():
        return "shorter clips were left out"
    seconds = foretell(mine["frames"], mine["seconds_median"], frames)
    if seconds > PASS_SECONDS:
        return f"a pass would take about {seconds:.0f} s, more than {PASS_SECONDS:.0f} s"
    mebibytes, free = foretell(mine["frames"], mine["peak_mib"], frames), psutil.virtual_memory().available / MEBIBYTE
    if mebibytes > MEMORY_SHARE * free:
        return f"it would need about {mebibytes:,.0f} MiB of {free:,.0f} MiB"
    return ""


def foretell(frames: Sequence[float], costs: Sequence[float], longer: int) -> float:
    """The power law through the last two measured costs, continued; at least linear. 0 while fewer are known."""
    if len(costs) < 2:
        return 0.0
    (t1, t2), (c1, c2) = list(frames)[-2:], list(costs)[-2:]
    return c2 * (longer / t2) ** max(1.0, math.log(c2 / c1) / math.log(t2 / t1))
