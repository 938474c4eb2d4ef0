"""What a network has to do in a training step, counted on shapes alone, and the speed of this device, measured.

A step's seconds are, on a processor, close to a sum of three: operators called (small networks do little else), bytes
that these read and write, and multiply-accumulates. What the three cost is found out once a device, from real steps of
a few networks of different make; docs/forecasts.md has what came of it.
"""

import json
import os
import pickle
import statistics
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, astuple, dataclass, replace
from multiprocessing import get_context

import numpy as np
import torch
from scipy.optimize import nnls
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import flop_registry

import models
from base.files import write_text
from base.machine import cpu_name
from base.terminal import command
from metrics.efficiency import predict_memory
from metrics.timing import on_threads
from models.ssm import backend_in_use
from studies.data import LIFTING, TRUE_KEYPOINTS, VIDEO, Dataset
from studies.plan import Plan, make_plan
from studies.recipes import Recipe, RunSpec, VideoRecipe, recipes
from studies.variants import variant
from training.losses import TERMS
from training.optimiser import Optimiser
from training.provenance import device_name
from training.run import build_model
from workflow.forecast import NETWORKS, SPEEDS, Forecast, Network, Speed, Training, Work, read_kept, unfinished
from workflow.measuring.meta import on_meta

OPTIMISER_BYTES = 7 * 4  # of a weight: AdamW reads four numbers and writes three
DEPTHS = (1, 2)  # at which deeper stacks are counted; what a block more does, each further block does
LEAST_CLIPS = 2  # batch normalisation refuses to train on one frame
# Whose steps are timed, with so many clips: many operators on little, few on much, many products, many weights. They
# predict the steps of all other networks best (docs/forecasts.md), and none takes longer than half a second here.
SMALL_CROPS = {"encoder": "tiny", "image_height": 64, "image_width": 48, "deconv_width": 32}
TIMED: tuple[tuple[str, dict, int], ...] = (
    ("hdformer-81", {"frames": 9, "width": 4}, 6),
    ("posemamba-s", {"frames": 27, "width": 16, "depth": 1}, 2),
    ("mixste-81", {"frames": 9, "width": 128, "depth": 1}, 6),
    ("trans-nr", SMALL_CROPS | {"width": 128, "heads": 4, "depth": 2}, 8),
    ("p-stmo-s-81", {"frames": 9, "width": 64, "depth": 1}, 6),
    ("posemamba-s-27", {}, 4),
    ("mhformer-81", {}, 2),
    ("mlp", {}, 108),
)
RECIPES = {LIFTING: ("posemamba", Dataset("synthetic", TRUE_KEYPOINTS)), VIDEO: ("glsmamba", Dataset("synthetic"))}
STEPS, SECONDS_FOR_STEPS = 6, 0.2  # at most, and no more once so long was spent on one network
Objective = Callable[[nn.Module, Tensor], Tensor]


@dataclass
class _Tally(TorchDispatchMode):
    """Adds up what the operators within do on tensors of the meta device.

    Others make tables that are kept for the next step, or toss a coin for what a network does at times (HGMamba's
    shuffles). Each coin falls so that nothing is added: a count does not depend on chance.
    """

    calls: int = 0
    bytes: int = 0
    macs: int = 0

    def __post_init__(self) -> None:
        super().__init__()

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        out = func(*args, **(kwargs or {}))
        tensors = [leaf for leaf in tree_leaves((args, kwargs, out)) if isinstance(leaf, Tensor)]
        if not all(tensor.is_meta for tensor in tensors):
            return torch.ones_like(out) if func is torch.ops.aten.rand.default else out
        if not func.is_view:
            self.calls += 1
            self.bytes += sum(tensor.numel() * tensor.element_size() for tensor in tensors)
            formula = flop_registry.get(func.overloadpacket)
            self.macs += formula(*args, **(kwargs or {}), out_val=out) // 2 if formula else 0
        return out

    @property
    def work(self) -> Work:
        """So far."""
        return Work(self.calls, self.bytes, self.macs)


def count(plan: Plan, workers: int = 1) -> None:
    """Count the networks of all runs of a plan that are still to do, and time this device, where that is not kept yet.

    workers : processes that count at once; they are forked, so only a program without threads may want several
    """
    forecast = Forecast(plan)
    trainings = map(forecast.training, dict.fromkeys(e for e, _ in unfinished(plan)))
    missing = {training.key: training for training in trainings if training.key not in forecast.networks}
    if missing:
        counted = map(asdict, _counted(list(missing.values()), workers))
        write_text(NETWORKS, json.dumps(read_kept(NETWORKS) | dict(zip(missing, counted, strict=True))) + "\n")
    if forecast.speed is None:
        speed = asdict(measure_speed()) | {"device": device_name()}
        write_text(SPEEDS, json.dumps(read_kept(SPEEDS) | {cpu_name(): speed}) + "\n")


def _counted(trainings: list[Training], workers: int) -> list[Network]:
    first, *rest = trainings
    networks = [count_network(first)]  # what it imports, no worker has to
    if workers == 1 or not rest:
        return networks + list(map(count_network, rest))
    with get_context("fork").Pool(workers) as pool:
        return networks + pool.map(count_network, rest, chunksize=1)


def count_network(training: Training) -> Network:
    """Count a network as a run trains it."""
    hyper = training.spec.hyper
    depth = hyper.get("depth", 0)
    if depth <= DEPTHS[1]:
        return _count(training)
    specs = (replace(training.spec, hyper=hyper | {"depth": shallow}) for shallow in DEPTHS)
    low, high = (_count(replace(training, spec=spec)) for spec in specs)
    return _line(low, high, (depth - DEPTHS[0]) / (DEPTHS[1] - DEPTHS[0]))


def _line(low: Network, high: Network, there: float) -> Network:
    """The network that lies on the line through two, `there` times as far from the first as the second is."""

    def at(a: float, b: float) -> float:
        return a + there * (b - a)

    def works(a: Work, b: Work) -> Work:
        return Work(*map(at, astuple(a), astuple(b)))

    numbers = (at(getattr(low, name), getattr(high, name)) for name in ("weights", "trained", "memory"))
    return Network(works(low.step, high.step), works(low.judged, high.judged), *numbers, low.centre)


def _count(training: Training) -> Network:
    spec, clips = training.spec, training.clips
    backend = backend_in_use() if spec.backend == "auto" else spec.backend
    model, clip = on_meta(spec.variant, **spec.hyper, **models.scan_arguments(spec.variant, backend))
    weights = sum(tensor.numel() for tensor in model.state_dict().values())
    trained = sum(p.numel() for p in model.parameters() if p.requires_grad)
    if not trained:  # the mean pose
        return Network(Work(), Work(1), weights, 0, 0.0, False)
    batch = clip.new_empty((max(LEAST_CLIPS, clips), *clip.shape[1:]))
    if training.features:
        with torch.no_grad():
            batch = model.encode(batch.flatten(0, 1)).unflatten(0, batch.shape[:2])
    tally, forward = _Tally(), []

    def objective(model: nn.Module, inputs: Tensor) -> Tensor:
        outputs = [model.decode(inputs)] if training.features else model.outputs(inputs)
        forward.append(tally.work)
        return _loss(outputs, spec.recipe)

    with tally:
        memory = predict_memory(model, batch, training=True, fused=False, objective=objective).total
    size = clips / len(batch)
    pieces = spec.recipe.accumulate
    return Network(
        tally.work.times(pieces, pieces * size) + Work(bytes=OPTIMISER_BYTES * trained),
        Work(forward[0].calls, forward[0].bytes / len(batch), forward[0].macs / len(batch)),
        weights,
        trained,
        memory * size,
        model.emits == "centre",
    )


def _loss(outputs: Iterable[Tensor], recipe: Recipe) -> Tensor:
    """The recipe's loss, against nothing: its terms for poses, the square for heatmaps or places."""
    if isinstance(recipe, VideoRecipe):
        return sum(x.square().flatten(2).mean(2).mean() for x in outputs)
    terms = [(TERMS[name], weight) for name, weight in recipe.terms.items()]
    return torch.stack([w * term(x, torch.ones_like(x)) for x in outputs for term, w in terms]).sum()


def measure_speed() -> Speed:
    """Seconds of each unit of work on this device, from steps of a few networks, on one thread."""
    deterministic = torch.get_deterministic_debug_mode()
    torch.set_deterministic_debug_mode("error")  # as in training
    try:
        with on_threads(1):
            trainings = [timed_training(*timed) for timed in TIMED]
            rows = [(count_network(training).step, step_seconds(training)) for training in trainings]
    finally:
        torch.set_deterministic_debug_mode(deterministic)
    work, seconds = np.array([astuple(step) for step, _ in rows]), np.array([s for _, s in rows])
    units, _ = nnls(work / seconds[:, None], np.ones(len(rows)))  # relative errors count, not those of the largest
    return Speed(*units.tolist())


def timed_training(name: str, changes: Mapping[str, object], clips: int) -> Training:
    """A training of a variant with other hyper-parameters on so many clips, as far as counting and timing read it."""
    chosen = variant(name)
    recipe, dataset = RECIPES[chosen.kind]
    hyper = chosen.hyper | changes
    return Training(RunSpec("", dataset, name, recipe, None, "auto", hyper, recipes()[recipe]), clips)


def step_seconds(training: Training) -> float:
    """Seconds of a training step of a network on clips of random numbers, the median of a few after the first.

    On a processor the seconds that this process computed, so that others do not count.
    """
    device, spec = "cuda" if torch.cuda.is_available() else "cpu", training.spec
    model = build_model(spec).to(device).train()
    inputs = torch.randn((training.clips, *model.example_shape[1:]), device=device)
    optimiser, times = Optimiser(model.parameters(), spec.recipe), []
    while len(times) < STEPS and (len(times) < 3 or sum(times) < SECONDS_FOR_STEPS):
        began = _clock(device)
        _loss(model.outputs(inputs), spec.recipe).backward()
        optimiser.step(0.0)
        times.append(_clock(device) - began)
    return statistics.median(times[1:])


def _clock(device: str) -> float:
    if device == "cpu":
        return time.process_time()
    torch.cuda.synchronize()
    return time.perf_counter()


def main(_: list[str]) -> None:
    """Count what the plan of a config needs, which `workflow.forecast` writes into the standard input."""
    count(make_plan(pickle.load(sys.stdin.buffer)), os.cpu_count() or 1)


if __name__ == "__main__":
    command(main, "python -m workflow.work    counts what workflow.forecast asks for")
