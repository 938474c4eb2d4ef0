"""What a run will cost, before it costs it: python -m workflow.bill [key=value ...].

Hours, memory and disk of the trainings that are still to do, from counted multiply-accumulates and a speed that is
measured on this machine: one training step of a network of each kind. Above the budget that config.yaml sets the
workflow starts nothing.
"""

import json
import shutil
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from studies.benchmarks import AMOUNTS
from studies.config import checked_config
from studies.errors import InputError
from studies.paper import PUBLISHED
from studies.plan import Experiment, Plan, make_plan
from studies.reading import read_yaml, with_choices
from studies.terminal import command
from studies.video import PRETRAINED_SEED, PRETRAINING, on_video

PREPARED, RUNS, RATES = Path("data/prepared"), Path("results/runs"), Path("results/training-speed.json")
BACKWARD = 3  # forward and backward, in forward passes
TIMED = {"lifting": "posemamba-s", "video": "vitpose-b"}  # a training step of one clip of these gives the speed
STEPS_TIMED = 3
FRAME_BYTES = 17 * 3 * 4  # of a prediction
PERSONS_A_FRAME = 2.4  # of PoseTrack's training videos: 30 labelled frames with that many persons
LABELLED = 30
EVERY = {"mpi-inf-3dhp": 9}  # frames from the start of a training clip to the next; of others a third of the clip
GIBIBYTE = 2**30
STATE_COPIES = 3 + 3  # a state holds the weights, two moments, and the best weights of three selections


@dataclass(frozen=True)
class Cost:
    """Of one run: hours, bytes on the disk, bytes of memory of a training step of one process."""

    experiment: Experiment
    seed: int
    hours: float
    disk: float
    memory: float


def bill(plan: Plan, speeds: dict[str, float]) -> list[Cost]:
    """The cost of each run that is not finished. speeds: multiply-accumulates a second of training, by kind."""
    return [_cost(plan, experiment, seed, speeds) for experiment, seed in unfinished(plan)]


def unfinished(plan: Plan) -> Iterator[tuple[Experiment, int]]:
    """Runs without results, the pretraining of encoders among them."""
    wanted = [(e, seed) for e in plan.experiments if e.recipe != PRETRAINING for seed in plan.config["seeds"]]
    starts = [plan.pretraining(e) for e in plan.experiments if on_video(e.dataset)]
    wanted += [(start, PRETRAINED_SEED) for start in starts if start]
    wanted += [(e, PRETRAINED_SEED) for e in plan.experiments if e.recipe == PRETRAINING]
    for experiment, seed in dict.fromkeys(wanted):
        folder = RUNS / plan.config["scale"] / experiment.dataset / experiment.variant / experiment.recipe
        if not (folder / f"seed{seed}/run.json").is_file():
            yield experiment, seed


def work(spec: dict, macs: float) -> float:
    """Multiply-accumulates of a run; macs: of one clip. Trained clips count three times, judged ones once or twice."""
    recipe, video = spec["recipe"], on_video(spec["dataset"])
    train, test = _clips(spec)
    trained = recipe["steps"] * recipe["batch"] if recipe["steps"] else train
    passes = 2 if recipe["flip_test"] else 1
    published = spec["recipe_name"] == PUBLISHED
    judged = test * (len(spec.get("conditions", ())) or 1 if video else passes)
    return recipe["epochs"] * macs * (judged + (0 if published else BACKWARD * trained))


def _clips(spec: dict) -> tuple[float, float]:
    """Clips to train on and clips to judge, from the prepared data or, where they are not there yet, as papers say."""
    folder, frames = PREPARED / spec["dataset"], spec["hyper"].get("frames", 1)
    if on_video(spec["dataset"]):
        card = json.loads((folder / "card.json").read_text(encoding="utf-8")) if folder.is_dir() else {}
        counts = [card.get("counts", {}).get(split, {}) for split in ("train", "val")]
        videos = AMOUNTS.get(spec["dataset"].removeprefix("video-"), {"train": (250,), "test": (50,)})
        guesses = [videos[split][0] * LABELLED * PERSONS_A_FRAME for split in ("train", "test")]
        return tuple(float(c.get("persons", guess)) for c, guess in zip(counts, guesses, strict=True))
    base = spec["dataset"].rpartition("-")[0]
    wanted = AMOUNTS.get(base, {"train": (0,), "test": (0,)})
    train = sum(_frames(folder / split) for split in ("train", "val")) or wanted["train"][0]
    test = _frames(folder / "test") or wanted["test"][0]
    every = EVERY.get(base, max(1, frames // 3))
    return train / every, test if base in EVERY else test / frames  # there, a window for each frame


def _frames(split: Path) -> int:
    card = split / "card.json"
    return json.loads(card.read_text(encoding="utf-8"))["counts"]["frames"] if card.is_file() else 0


def _cost(plan: Plan, experiment: Experiment, seed: int, speeds: dict[str, float]) -> Cost:
    spec = plan.spec(experiment, seed)
    kind = "video" if on_video(experiment.dataset) else "lifting"
    hyper = json.dumps(spec["hyper"], sort_keys=True)
    macs, weights = counted(experiment.variant, hyper)
    kept = 2 + plan.rule.get("hold_out", True)
    disk = 4 * weights * (kept + STATE_COPIES) + kept * FRAME_BYTES * _clips(spec)[1] * spec["hyper"].get("frames", 1)
    batch = -(-spec["recipe"]["batch"] // (plan.config["processes"] * spec["recipe"].get("accumulate", 1)))
    pair, further = step_memory(experiment.variant, hyper)
    memory = pair + (batch - 2) * further
    return Cost(experiment, seed, work(spec, macs) / speeds[kind] / 3600, disk, memory)


@cache
def step_memory(variant: str, hyper: str) -> tuple[float, float]:
    """Bytes of a training step of two clips, and of each clip more, predicted from a pass over shapes alone.

    Two, because batch normalisation refuses to train on one frame.
    """
    import models
    from metrics.efficiency import predict_memory
    from models.ssm import backend_in_use
    from workflow.efficiency import on_meta

    arguments = json.loads(hyper) | models.scan_arguments(variant, backend_in_use())
    model, clip = on_meta(variant, **arguments)
    if not any(p.requires_grad for p in model.parameters()):
        return 0, 0
    found = predict_memory(model, clip.new_empty((2, *clip.shape[1:])), training=True, fused=False)
    return found.total, found.growth / 2


@cache
def counted(variant: str, hyper: str) -> tuple[float, int]:
    """Multiply-accumulates of a clip and weights of a variant, by the convention `true`; hyper: as JSON."""
    from metrics.efficiency import count
    from workflow.efficiency import on_meta

    model, clip = on_meta(variant, **json.loads(hyper))
    if not any(p.requires_grad for p in model.parameters()):  # the mean pose
        return 0.0, 0
    found = count(model, clip, "true")
    return found.macs, found.trained


def measured_speeds(kinds: set[str]) -> dict[str, float]:
    """Multiply-accumulates a second of one training step of each kind on this machine; kept in results/."""
    from training.provenance import device_name

    known = json.loads(RATES.read_text(encoding="utf-8")) if RATES.is_file() else {}
    mine = known.setdefault(device_name(), {})
    for kind in sorted(kinds - set(mine)):
        print(f"measuring a training step of {TIMED[kind]} on {device_name()}", file=sys.stderr)
        mine[kind] = _speed(TIMED[kind])
        RATES.parent.mkdir(parents=True, exist_ok=True)
        RATES.write_text(json.dumps(known, indent=1) + "\n", encoding="utf-8")
    return mine


def _speed(variant: str) -> float:
    import torch

    import models
    from models.examples import example_shape

    device = "cuda" if torch.cuda.is_available() else "cpu"
    model = models.build(variant).to(device)
    clip, seconds = torch.randn(example_shape(model), device=device), []
    for _ in range(STEPS_TIMED):
        began = time.perf_counter()
        model(clip).square().mean().backward()
        if device == "cuda":
            torch.cuda.synchronize()
        seconds.append(time.perf_counter() - began)
    return BACKWARD * counted(variant, "{}")[0] / min(seconds)


def over_budget(costs: list[Cost], budget: dict) -> str | None:
    """In words by how much the runs are above the budget (hours, disk_gib; null: no limit), or None."""
    found = {"hours": sum(c.hours for c in costs), "disk_gib": sum(c.disk for c in costs) / GIBIBYTE}
    for key, value in found.items():
        if budget[key] is not None and value > budget[key]:
            return f"budget.{key}: these runs need about {value:,.1f}, the budget is {budget[key]:,}"
    return None


def describe(costs: list[Cost], processes: int) -> str:
    """Lines for a person: an experiment each, and the sums."""
    if not costs:
        return "every run is finished"
    by_experiment: dict[Experiment, list[Cost]] = {}
    for cost in costs:
        by_experiment.setdefault(cost.experiment, []).append(cost)
    lines = [
        f"{_sums(many)}  {e.variant} on {e.dataset}, recipe {e.recipe}, {len(many)} run{'s' * (len(many) > 1)}"
        for e, many in sorted(by_experiment.items(), key=lambda item: -sum(c.hours for c in item[1]))
    ]
    hours, disk = sum(c.hours for c in costs), sum(c.disk for c in costs)
    total = f"{_sums(costs)}  {len(costs)} runs, one after the other on this device"
    shared = [f"{hours / processes:10.2f} h on {processes} of them, at best"] if processes > 1 else []
    free = shutil.disk_usage(".").free
    short = [f"the disk has {free / GIBIBYTE:.0f} GiB free, which is not enough"] if disk > free else []
    head = "     hours    memory         disk"
    return "\n".join([head, *lines, total, *shared, *short])


def _sums(costs: list[Cost]) -> str:
    hours, disk = sum(c.hours for c in costs), sum(c.disk for c in costs)
    memory = max(c.memory for c in costs)
    return f"{hours:10.2f} h {memory / GIBIBYTE:7.1f} GiB {disk / 2**20:9.0f} MiB"


def main(arguments: list[str]) -> None:
    """Print the bill of the config with `key=value` overrides; raises InputError above its budget."""
    plan = make_plan(checked_config(with_choices(read_yaml("config.yaml"), arguments)))
    costs = _costs(plan)
    print(describe(costs, plan.config["processes"]))
    _refuse_above(costs, plan.config["budget"])


def keep_to_budget(plan: Plan) -> None:
    """Raise InputError, with the remedy, if the runs that are still to do cost more than the config's budget."""
    _refuse_above(_costs(plan), plan.config["budget"])


def _refuse_above(costs: list[Cost], budget: dict) -> None:
    if above := over_budget(costs, budget):
        remedy = "choose fewer variants, studies or seeds, or raise the budget in config.yaml"
        raise InputError(f"{above}; {remedy}")


def _costs(plan: Plan) -> list[Cost]:
    kinds = {"video" if on_video(e.dataset) else "lifting" for e, _ in unfinished(plan)}
    return bill(plan, measured_speeds(kinds))


if __name__ == "__main__":
    command(main, "python -m workflow.bill [key=value ...]    what the runs that are still to do will cost")
