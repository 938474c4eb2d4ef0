"""How long what is still to do will take: one forecast for plan, bill, budget and the progress of a run.

A run's seconds come from runs like it that this checkout has seen on this processor (their run.json), else from counted
work (`workflow.work`: operators called, bytes moved, multiply-accumulates; of training steps, passes over the data that
judge, images cut) times the speed of this device, measured once in seconds. No torch in here: reading what was counted
and measured before takes a fraction of a second.
"""

import base64
import hashlib
import json
import math
import platform
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, fields
from fractions import Fraction
from functools import cache, cached_property
from pathlib import Path

from base.closure import ROOT, closure
from base.errors import InputError
from studies.benchmarks import Size, lifting_sizes, video_persons
from studies.paper import PUBLISHED
from studies.plan import Experiment, Plan
from studies.variants import resolve_variants
from studies.video import PRETRAINED_SEED, PRETRAINING, TABLES_BY, on_video

RUNS, PREPARED, METADATA = Path("results/runs"), Path("data/prepared"), Path(".snakemake/metadata")
KEPT = Path("results/forecast")
TRAINING = ("train_run", "train_video", "pretrain")
# Measured on an AMD EPYC (Zen 5), one thread, and the same for every device: the processor does these.
SECONDS_TO_START = 4.0  # a process that trains: imports, the data set
SECONDS_OF_A_JOB = 5.0  # one of a rule that has never run here: its imports, most of all
SECONDS_TO_CUT, SECONDS_A_PIXEL = 1e-4, 1.5e-8  # one image of a clip: reading, cropping, turning
AT_ONCE = {False: 1024, True: 32}  # of a batch that is judged: frames of lifted clips, clips of video
HELD_OUT = 1 / 8  # of training videos
SPLITS = ("train", "val", "test", "new")


@dataclass(frozen=True)
class Work:
    """What a device has to do: operators called, bytes that they read and write, multiply-accumulates."""

    calls: float = 0.0
    bytes: float = 0.0
    macs: float = 0.0

    def __add__(self, other: "Work") -> "Work":
        return Work(self.calls + other.calls, self.bytes + other.bytes, self.macs + other.macs)

    def times(self, calls: float, clips: float | None = None) -> "Work":
        """So many calls, each with its bytes and multiply-accumulates, or these for so many clips in all."""
        size = calls if clips is None else clips
        return Work(self.calls * calls, self.bytes * size, self.macs * size)


@dataclass(frozen=True)
class Speed:
    """Seconds of a device for each unit of Work, as measured on one thread."""

    call: float
    byte: float
    mac: float

    def seconds(self, work: Work) -> float:
        return self.call * work.calls + self.byte * work.bytes + self.mac * work.macs


@dataclass(frozen=True)
class Network:
    """What was counted of a network as a run trains it.

    step    a training step of one batch
    judged  a forward pass: operators of one, bytes and multiply-accumulates of one clip
    weights numbers that are saved of it; trained: those of them that are trained
    memory  bytes that a training step of one process needs
    centre  whether it answers for one frame of a clip alone
    """

    step: Work
    judged: Work
    weights: float
    trained: float
    memory: float
    centre: bool


@dataclass(frozen=True)
class Amounts:
    """How much of it a run does: training steps, clips that are judged in so many batches, images cut for both."""

    steps: int
    judged: float
    batches: float
    images: float = 0.0


@dataclass(frozen=True)
class Record:
    """A run that ended here: its description less the seed, how many processes trained it, seconds that it took."""

    spec: dict
    processes: int
    seconds: float


@dataclass(frozen=True)
class Estimate:
    """Seconds of a run, and whether they come from runs of this device (else from counted work)."""

    seconds: float
    history: bool


def amounts(spec: dict, centre: bool, features: bool = False) -> Amounts:
    """How much a run does, by its description (`Plan.spec`) and its data, prepared or as they will be.

    centre : whether the network answers for one frame of a clip; features: whether it reads an encoder's features
    """
    return _video_amounts(spec, features) if on_video(spec["dataset"]) else _lifting_amounts(spec, centre)


def _lifting_amounts(spec: dict, centre: bool) -> Amounts:
    recipe, frames, sizes = spec["recipe"], spec["hyper"].get("frames", 1), _sizes(spec["dataset"])
    held_out = recipe.get("hold_out", True)
    taught = [sizes[name] for name in ("train", "val")[: 1 if held_out else 2] if name in sizes]
    stride = max(1, round(frames * Fraction(recipe["stride"])))
    clips = sum(size.clips(frames, stride) for size in taught)
    steps = recipe["epochs"] * (recipe["steps"] or math.ceil(clips / recipe["batch"]))
    windows = {name: size.windows(frames, centre) for name, size in sizes.items()}
    judged = recipe["epochs"] * sum(windows.get(name, 0) for name in ("val", "test")[0 if held_out else 1 :])
    judged += windows.get("new", 0) * min(recipe["epochs"], 2)  # by the last and the best, mostly
    passes = 1 + recipe["flip_test"]
    batch = max(1, AT_ONCE[False] // frames)
    return Amounts(0 if spec["recipe_name"] == PUBLISHED else steps, passes * judged, passes * judged / batch)


def _video_amounts(spec: dict, features: bool) -> Amounts:
    recipe, frames = spec["recipe"], spec["hyper"].get("frames", 1)
    train, shown = _persons(spec["dataset"])
    held_out = recipe.get("hold_out", True)
    taught = train * (1 - HELD_OUT * held_out) * (recipe["draws"] if features else 1)
    steps = recipe["epochs"] * (recipe["steps"] or math.ceil(taught / recipe["batch"]))
    judged = shown * len({TABLES_BY, *spec["conditions"]}) + train * HELD_OUT * (held_out and recipe["epochs"] > 1)
    judged *= recipe["epochs"] * (1 + recipe["flip_test"])
    images = 0 if features else frames * (steps * recipe["batch"] + judged)
    return Amounts(steps, judged, judged / AT_ONCE[True], images)


def _sizes(dataset: str) -> dict[str, Size]:
    """Sizes of the splits of a data set, as prepared, or as it will be."""
    cards = {name: _card(PREPARED / dataset / name) for name in SPLITS}
    prepared = {
        name: Size(
            card["counts"]["frames"],
            card["counts"]["sequences"],
            card.get("training_clips", {}).get("every"),
            card.get("windows") == "centred",
        )
        for name, card in cards.items()
        if card
    }
    return prepared or lifting_sizes(dataset)


def judged_rows(spec: dict) -> float:
    """Poses that a run keeps of each selection."""
    if on_video(spec["dataset"]):
        return _persons(spec["dataset"])[1] * len({TABLES_BY, *spec["conditions"]})
    return sum(size.frames for name, size in _sizes(spec["dataset"]).items() if name in ("test", "new"))


def _persons(dataset: str) -> tuple[float, float]:
    """Persons to train on and persons to judge."""
    counts = _card(PREPARED / dataset).get("counts", {})
    known = [counts.get(split, {}).get("persons") for split in ("train", "val")]
    guessed = video_persons(dataset)
    return tuple(float(guess if count is None else count) for count, guess in zip(known, guessed, strict=True))


def _card(folder: Path) -> dict:
    return read_kept(folder / "card.json")


def cpu_name() -> str:
    """Processor as Linux names it."""
    path = Path("/proc/cpuinfo")
    lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), platform.machine())


def history() -> dict[str, list[Record]]:
    """Runs that ended on this processor, by variant."""
    records: dict[str, list[Record]] = defaultdict(list)
    for path in sorted(RUNS.glob("*/*/*/*/seed*/run.json")):
        try:
            run = json.loads(path.read_text(encoding="utf-8"))
            spec = run["spec"] | {"seed": None}
            record = Record(spec, run["processes"], run["seconds"]["whole"])
            here = run["hardware"]["cpu"] == cpu_name()
        except (OSError, ValueError, KeyError, TypeError):
            continue  # what is wrong with a run is told by whoever reads its numbers
        if here:
            records[spec["variant"]].append(record)
    return records


class Kept:
    """What was counted of networks and measured of this machine (`workflow.work`), in results/forecast."""

    @cached_property
    def networks(self) -> dict[str, dict]:
        """By `network_key`, as JSON has them."""
        return read_kept(KEPT / "networks.json")

    @cached_property
    def speed(self) -> Speed | None:
        """Of the device that was measured last beside this processor."""
        kept = read_kept(KEPT / "speed.json").get(cpu_name())
        return kept and Speed(*(kept[field.name] for field in fields(Speed)))

    def network(self, spec: dict, clips: int, features: bool) -> Network | None:
        """What is known of the network of a run that sees so many clips at a time, or features of them."""
        kept = self.networks.get(network_key(spec, clips, features))
        works = kept and [Work(**kept[name]) for name in ("step", "judged")]
        return kept and Network(*works, *(kept[name] for name in ("weights", "trained", "memory", "centre")))


def network_key(spec: dict, clips: int, features: bool) -> str:
    """What decides the work of a network: its definition, what it learns from, and the code that it is made of."""
    recipe, model = spec["recipe"], resolve_variants()[spec["variant"]]["model"]
    parts = [model, spec["hyper"], spec["backend"], recipe["loss"], recipe.get("accumulate"), clips, features]
    module = model.rpartition(".")[0]
    return hashlib.sha256(json.dumps([*parts, _sources(module)], sort_keys=True).encode()).hexdigest()[:20]


@cache
def _sources(module: str) -> str:
    """A digest of the code of a model and of the counting."""
    files = (ROOT / path for path in closure(module, "workflow.work"))
    return hashlib.sha256(b"\0".join(file.read_bytes() for file in files)).hexdigest()


def read_kept(path: Path) -> dict:
    """A JSON file of `KEPT`; a missing or damaged one is empty, and made again."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


class Forecast:
    """Seconds of the runs and jobs of a plan, by what is kept of networks and of this machine."""

    def __init__(self, plan: Plan, kept: Kept) -> None:
        self.plan, self.kept, self.records = plan, kept, history()

    def run(self, experiment: Experiment) -> Estimate | None:
        """Seconds of one run, without the start of its process; None where nothing is known of it."""
        spec, features = self.plan.spec(experiment, None), self._features(experiment)
        mine = [r for r in self.records.get(spec["variant"], ()) if r.processes == self.plan.config["processes"]]
        if same := [r.seconds for r in mine if r.spec == spec]:
            return Estimate(sum(same) / len(same), history=True)
        counted = self._counted(spec, features)
        like = [(r.seconds, s) for r in mine if _alike(r.spec, spec) and (s := self._counted(r.spec, features))]
        if counted is None:
            return None
        if like:  # the same network, trained for longer or less long
            ratio = sum(whole for whole, _ in like) / sum(seconds for _, seconds in like)
            return Estimate(counted * ratio, history=True)
        return Estimate(counted, history=False)

    def network(self, experiment: Experiment) -> Network | None:
        """What is known of the network of an experiment."""
        return self.kept.network(*self.asked(experiment))

    def asked(self, experiment: Experiment) -> tuple[dict, int, bool]:
        """The arguments of `Kept.network` for the network of an experiment."""
        spec = self.plan.spec(experiment, None)
        return spec, self._clips(spec), self._features(experiment)

    def features(self, dataset: str, encoder: str) -> float | None:
        """Seconds of an encoder's look at all images of a data set."""
        spec = self.plan.features(dataset, encoder)
        network, speed = self.network(Experiment(dataset, encoder, PRETRAINING)), self.kept.speed
        if network is None or speed is None:
            return None
        train, shown = _persons(dataset)
        sets = sum(not condition.endswith("+copies") for condition in spec["conditions"])
        images = spec["frames"] * (train * (spec["recipe"]["draws"] + HELD_OUT * spec["selects"]) + shown * sets)
        return speed.seconds(network.judged.times(images / AT_ONCE[True], images)) + _cutting(spec, images)

    def _features(self, experiment: Experiment) -> bool:
        return on_video(experiment.dataset) and self.plan.reads_features(experiment)

    def _clips(self, spec: dict) -> int:
        """Clips that a process sees at a time."""
        return math.ceil(
            spec["recipe"]["batch"] / (self.plan.config["processes"] * spec["recipe"].get("accumulate", 1))
        )

    def _counted(self, spec: dict, features: bool) -> float | None:
        """Seconds by counted work."""
        network, speed = self.kept.network(spec, self._clips(spec), features), self.kept.speed
        if network is None or speed is None:
            return None
        todo = amounts(spec, network.centre, features)
        work = network.step.times(todo.steps) + network.judged.times(todo.batches, todo.judged)
        return speed.seconds(work) + _cutting(spec, todo.images)

    def job(self, rule: str, output: str) -> float | None:
        """Seconds of a job that trains or computes features, its start included; None for others."""
        parts = Path(output).parts
        if rule == "video_features" and parts[:2] == ("results", "features"):
            seconds = self.features(parts[3], parts[4])
            return None if seconds is None else SECONDS_TO_START + seconds
        if rule not in TRAINING or parts[:2] != ("results", "runs"):
            return None
        together = rule != "pretrain" and self.plan.rule["seeds_together"]
        estimate = self.run(Experiment(*parts[3:6]))
        runs = len(self.plan.config["seeds"]) if together else 1
        return None if estimate is None else SECONDS_TO_START + runs * estimate.seconds


def _alike(one: dict, other: dict) -> bool:
    """Whether two runs train the same network by steps of the same size on the same kind of input."""
    kinds = [(s["hyper"], s["recipe"]["batch"], s["recipe_name"], s["backend"], s["dataset"]) for s in (one, other)]
    return kinds[0] == kinds[1]


def _cutting(spec: dict, images: float) -> float:
    hyper = spec["hyper"]
    pixels = hyper.get("image_height", 256) * hyper.get("image_width", 192)
    return images * (SECONDS_TO_CUT + SECONDS_A_PIXEL * pixels)


def trust(seen: float, whole: float, processes: int) -> str:
    """How sure a forecast of `whole` hours is, `seen` of which come from runs of this device; in words."""
    share = round(100 * seen / whole) if whole else 100
    if share == 100:
        return "times: as runs like these took on this processor"
    source = f"{share} % as runs like these took on this processor, the rest from" if share else "from"
    tested = "on one thread of a processor such forecasts were within a factor of two (docs/forecasts.md)"
    untested = "nobody has compared such forecasts with what several processes took"
    return f"times: {source} counted work and a speed measured here; {tested if processes == 1 else untested}"


def complete_forecast(plan: Plan) -> Forecast:
    """One that knows all runs that are still to do: another process, with torch, counts what is not known.

    Raises InputError where it cannot, as for a backend that this machine lacks.
    """
    forecast = Forecast(plan, Kept())
    if all(forecast.run(e) and forecast.network(e) for e in dict.fromkeys(e for e, _ in unfinished(plan))):
        return forecast
    print("foretelling how long it will take: networks are counted, a few steps are timed", file=sys.stderr)
    counting = [sys.executable, "-m", "workflow.work"]
    done = subprocess.run(counting, input=json.dumps(plan.config), capture_output=True, text=True, check=False)
    if done.returncode:
        raise InputError(done.stderr.strip().rpartition("\n")[2].removeprefix("error: "))
    return Forecast(plan, Kept())


def unfinished(plan: Plan) -> list[tuple[Experiment, int]]:
    """Runs without results, the pretraining of encoders among them."""
    wanted = [(e, seed) for e in plan.experiments if e.recipe != PRETRAINING for seed in plan.config["seeds"]]
    starts = [plan.pretraining(e) for e in plan.experiments if on_video(e.dataset)]
    wanted += [(start, PRETRAINED_SEED) for start in starts if start]
    wanted += [(e, PRETRAINED_SEED) for e in plan.experiments if e.recipe == PRETRAINING]
    folders = {(e, s): Path(RUNS, plan.config["scale"], e.dataset, e.variant, e.recipe, f"seed{s}") for e, s in wanted}
    return [run for run, folder in folders.items() if not (folder / "run.json").is_file()]


def job_seconds(plan: Plan, jobs: Iterable[tuple[str, str]], forecast: Forecast | None = None) -> list[float]:
    """Expected wall seconds of jobs (rule, one of its outputs; "" for any job of the rule), in their order.

    Trainings by a forecast (`forecast`, or from what is kept on disk); other jobs, and trainings of which nothing is
    known, as long as the same output took here before, else as the rule's jobs did here, else SECONDS_OF_A_JOB.
    """
    forecast, past = forecast or Forecast(plan, Kept()), PastJobs.read()

    @cache
    def seconds(rule: str, output: str) -> float:
        if output:
            known = [forecast.job(rule, output), past.of_output.get(output)]
        else:
            foretold = [s for o in _outputs(plan, rule) if (s := forecast.job(rule, o)) is not None]
            known = [sum(foretold) / len(foretold) if foretold else None]
        return next((s for s in [*known, past.of_rule.get(rule)] if s is not None), SECONDS_OF_A_JOB)

    return [seconds(rule, output) for rule, output in jobs]


def _outputs(plan: Plan, rule: str) -> list[str]:
    """An output of each training of a rule that the plan has."""
    runs = dict.fromkeys(e for e, _ in unfinished(plan))
    kinds = {e: "pretrain" if e.recipe == PRETRAINING else TRAINING[on_video(e.dataset)] for e in runs}
    folder = RUNS / plan.config["scale"]
    return [f"{folder}/{e.dataset}/{e.variant}/{e.recipe}/seed0/run.json" for e in runs if kinds[e] == rule]


@dataclass(frozen=True)
class PastJobs:
    """Seconds that Snakemake's jobs took here: by output, and the mean of each rule."""

    of_output: dict[str, float]
    of_rule: dict[str, float]

    @classmethod
    def read(cls, folder: Path = METADATA) -> "PastJobs":
        """From what Snakemake keeps of each output."""
        of_output: dict[str, float] = {}
        jobs: dict[str, dict[tuple[float, float], float]] = defaultdict(dict)
        for path in folder.rglob("*") if folder.is_dir() else ():
            try:
                kept = json.loads(path.read_text(encoding="utf-8"))
                times = kept["starttime"], kept["endtime"]
                output = base64.urlsafe_b64decode("".join(path.relative_to(folder).parts).replace("@", "")).decode()
                of_output[output] = jobs[kept["rule"]][times] = max(0.0, times[1] - times[0])
            except (OSError, ValueError, KeyError, TypeError):
                continue  # a folder, or the record of a job that did not end
        return cls(of_output, {rule: sum(spans.values()) / len(spans) for rule, spans in jobs.items() if spans})
