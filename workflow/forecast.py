"""How long what is still to do will take: one forecast for plan, bill, budget and the progress of a run.

A run takes as long as one with the same description took on this processor (its run.json). Any other takes its counted
work (`workflow.work`: operators called, bytes moved, multiply-accumulates; of training steps, passes over the data that
judge, images cut) times the speed of this device, measured once in seconds. Where runs of the same network ended here,
it is corrected by what they took beyond their counted work. No torch in here: reading what was counted and measured
before takes a fraction of a second.
"""

import base64
import hashlib
import json
import math
import pickle
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, fields, replace
from fractions import Fraction
from functools import cache, cached_property
from pathlib import Path

from base.closure import ROOT, closure
from base.errors import InputError
from base.machine import cpu_name
from studies.benchmarks import SIZES, Size, video_persons
from studies.data import BEST_TEST_BY, VIDEO, Dataset, Experiment
from studies.places import FEATURES, FORECAST, PREPARED_DATA, RUNS, SNAKEMAKE, Places, run_of
from studies.plan import Plan
from studies.recipes import OFFICIAL, RunSpec
from studies.variants import resolve_variants

METADATA = Path(SNAKEMAKE, "metadata")
NETWORKS, SPEEDS = Path(FORECAST, "networks.json"), Path(FORECAST, "speed.json")
TRAIN, PRETRAIN = "train_run", "pretrain"  # rules that train
TRAINING = (TRAIN, PRETRAIN)
# Measured on an AMD EPYC (Zen 5), one thread, and the same for every device: the processor does these.
SECONDS_TO_START = 4.0  # a process that trains: imports, the data set
SECONDS_OF_A_JOB = 5.0  # one of a rule that has never run here: its imports, most of all
SECONDS_TO_CUT, SECONDS_A_PIXEL = 1e-4, 1.5e-8  # one image of a clip: reading, cropping, turning
FRAMES_AT_ONCE, CLIPS_AT_ONCE = 1024, 32  # of a batch that is judged: frames of lifted clips, clips of video
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
        """Of a piece of work."""
        return work.calls * self.call + work.bytes * self.byte + work.macs * self.mac


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
class Training:
    """A run, whatever its seed, as one of its processes trains it.

    clips : that it sees at a time; features: whether it reads what an encoder has seen
    """

    spec: RunSpec
    clips: int
    features: bool = False

    @property
    def key(self) -> str:
        """Of what decides the work of its network: definition, what it learns from, and the code that it is made of."""
        spec, model = self.spec, resolve_variants()[self.spec.variant]
        decisive = [model.model, spec.hyper, spec.backend, spec.recipe.loss, spec.recipe.accumulate]
        decisive += [self.clips, self.features, _sources(model.module)]
        return hashlib.sha256(json.dumps(decisive, sort_keys=True).encode()).hexdigest()[:20]


@cache
def _sources(module: str) -> str:
    """A digest of the code of a model and of the counting."""
    files = (ROOT / path for path in closure(module, "workflow.work"))
    return hashlib.sha256(b"\0".join(file.read_bytes() for file in files)).hexdigest()


@dataclass(frozen=True)
class Amounts:
    """How much of it a run does: training steps, clips that are judged in so many batches, images cut for both."""

    steps: int
    judged: float
    batches: float
    images: float = 0.0


def amounts(spec: RunSpec, centre: bool, features: bool = False) -> Amounts:
    """How much a run does, by its description and its data, prepared or as they will be.

    centre : whether the network answers for one frame of a clip; features: whether it reads an encoder's features
    """
    return _video_amounts(spec, features) if spec.dataset.kind == VIDEO else _lifting_amounts(spec, centre)


def _lifting_amounts(spec: RunSpec, centre: bool) -> Amounts:
    recipe, sizes = spec.recipe, _sizes(spec.dataset)
    taught = [sizes[name] for name in ("train", "val")[: 1 if recipe.hold_out else 2] if name in sizes]
    stride = max(1, round(spec.frames * Fraction(recipe.stride)))
    clips = sum(size.clips(spec.frames, stride) for size in taught)
    steps = recipe.epochs * (recipe.steps or math.ceil(clips / recipe.batch))
    windows = {name: size.windows(spec.frames, centre) for name, size in sizes.items()}
    judged = recipe.epochs * sum(windows.get(name, 0) for name in ("val", "test")[0 if recipe.hold_out else 1 :])
    judged += windows.get("new", 0) * min(recipe.epochs, 2)  # by the last and the best, mostly
    passes = 1 + recipe.flip_test
    batch = max(1, FRAMES_AT_ONCE // spec.frames)
    return Amounts(0 if spec.recipe_name == OFFICIAL else steps, passes * judged, passes * judged / batch)


def _video_amounts(spec: RunSpec, features: bool) -> Amounts:
    recipe, (train, shown) = spec.recipe, _persons(spec.dataset)
    taught = train * (1 - HELD_OUT * recipe.hold_out) * (recipe.draws if features else 1)
    steps = 0 if spec.recipe_name == OFFICIAL else recipe.epochs * (recipe.steps or math.ceil(taught / recipe.batch))
    judged = shown * len({BEST_TEST_BY, *spec.conditions}) + train * HELD_OUT * (recipe.hold_out and recipe.epochs > 1)
    judged *= recipe.epochs * (1 + recipe.flip_test)
    images = 0 if features else spec.frames * (steps * recipe.batch + judged)
    return Amounts(steps, judged, judged / CLIPS_AT_ONCE, images)


def judged_rows(spec: RunSpec) -> float:
    """Poses that a run keeps of each selection."""
    if spec.dataset.kind == VIDEO:
        return _persons(spec.dataset)[1] * len({BEST_TEST_BY, *spec.conditions})
    return sum(size.frames for name, size in _sizes(spec.dataset).items() if name in ("test", "new"))


def _sizes(dataset: Dataset) -> dict[str, Size]:
    """Sizes of the splits of a data set, as prepared, or as it will be."""
    folder = Path(PREPARED_DATA, str(dataset))
    prepared = {name: size for name in SPLITS if (size := _size(folder / name))}
    return prepared or SIZES.get(dataset.motion, {})


def _size(split: Path) -> Size | None:
    card = read_kept(split / "card.json")
    if not card:
        return None
    counts, every = card["counts"], card.get("training_clips", {}).get("every")
    return Size(counts["frames"], counts["sequences"], every, card.get("windows") == "centred")


def _persons(dataset: Dataset) -> tuple[float, float]:
    """Persons to train on and persons to judge, as prepared, or as there will be."""
    counts = read_kept(Path(PREPARED_DATA, str(dataset), "card.json")).get("counts", {})
    expected = zip(("train", "val"), video_persons(dataset.motion), strict=True)
    return tuple(float(counts.get(split, {}).get("persons", guess)) for split, guess in expected)


@dataclass(frozen=True)
class Record:
    """A run that ended here: its description less the seed, how many processes trained it, seconds that it took."""

    spec: RunSpec
    processes: int
    seconds: float


def history() -> dict[str, list[Record]]:
    """Runs that ended on this processor, by variant."""
    records: dict[str, list[Record]] = defaultdict(list)
    for path in sorted(Path(RUNS).glob("*/*/*/*/seed*/run.json")):
        try:
            run = json.loads(path.read_text(encoding="utf-8"))
            spec = replace(RunSpec.from_json(run["spec"]), seed=None)
            record = Record(spec, run["processes"], run["seconds"]["whole"])
            here = run["hardware"]["cpu"] == cpu_name()
        except (OSError, ValueError, KeyError, TypeError, InputError):
            continue  # what is wrong with a run is told by whoever reads its numbers
        if here:
            records[spec.variant].append(record)
    return records


def read_kept(path: Path) -> dict:
    """A JSON file of ours; a missing or damaged one is empty, and made again."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


@dataclass(frozen=True)
class Estimate:
    """Seconds of a run, and whether they come from runs of this device (else from counted work)."""

    seconds: float
    history: bool


class Forecast:
    """Seconds of the runs and jobs of a plan, by what `workflow.work` counted and measured (results/forecast)."""

    def __init__(self, plan: Plan) -> None:
        self.plan, self.records = plan, history()

    @cached_property
    def networks(self) -> dict[str, Network]:
        """What was counted of networks, by `Training.key`."""
        works = ("step", "judged")
        kept = read_kept(NETWORKS).items()
        return {key: Network(**known | {name: Work(**known[name]) for name in works}) for key, known in kept}

    @cached_property
    def speed(self) -> Speed | None:
        """Of the device that was measured last beside this processor."""
        kept = read_kept(SPEEDS).get(cpu_name())
        return kept and Speed(*(kept[field.name] for field in fields(Speed)))

    def run(self, experiment: Experiment) -> Estimate | None:
        """Seconds of one run, without the start of its process; None where nothing is known of it."""
        training, processes = self.training(experiment), self.plan.config.processes
        ended = [r for r in self.records.get(experiment.variant, ()) if r.processes == processes]
        if same := [r.seconds for r in ended if r.spec == training.spec]:
            return Estimate(sum(same) / len(same), history=True)
        counted = self._counted(training)
        if counted is None:
            return None
        alike = [r for r in ended if _alike(r.spec, training.spec)]  # trained for longer or less long
        foreseen = sum(self._counted(replace(training, spec=r.spec)) for r in alike)
        if not foreseen:
            return Estimate(counted, history=False)
        return Estimate(counted * sum(r.seconds for r in alike) / foreseen, history=True)

    def network(self, experiment: Experiment) -> Network | None:
        """What is known of the network of an experiment."""
        return self.networks.get(self.training(experiment).key)

    def training(self, experiment: Experiment) -> Training:
        """How a process trains an experiment."""
        spec = self.plan.spec(experiment, None)
        clips = math.ceil(spec.recipe.batch / (self.plan.config.processes * spec.recipe.accumulate))
        return Training(spec, clips, self.plan.reads_features(experiment))

    def features(self, dataset: Dataset, encoder: str) -> float | None:
        """Seconds of an encoder's look at all images of a data set."""
        spec = self.plan.features(dataset, encoder)
        network, speed = self.network(spec.encoder.experiment), self.speed
        if network is None or speed is None:
            return None
        train, shown = _persons(dataset)
        sets = sum(not boxes.copies for boxes in spec.conditions)
        images = spec.frames * (train * (spec.crops.draws + HELD_OUT * spec.selects) + shown * sets)
        return speed.seconds(network.judged.times(images / CLIPS_AT_ONCE, images)) + _cutting(spec.encoder, images)

    def _counted(self, training: Training) -> float | None:
        """Seconds by counted work."""
        network, speed = self.networks.get(training.key), self.speed
        if network is None or speed is None:
            return None
        todo = amounts(training.spec, network.centre, training.features)
        work = network.step.times(todo.steps) + network.judged.times(todo.batches, todo.judged)
        return speed.seconds(work) + _cutting(training.spec, todo.images)

    def job(self, rule: str, output: str) -> float | None:
        """Seconds of a job that trains or computes features, its start included; None for others."""
        if rule == "video_features" and output.startswith(FEATURES):
            dataset, encoder = Path(output).parts[3:5]
            seconds = self.features(Dataset.parse(dataset), encoder)
            return None if seconds is None else SECONDS_TO_START + seconds
        if rule not in TRAINING or not (run := run_of(output)):
            return None
        estimate = self.run(run[0])
        runs = 1 if rule == PRETRAIN else self.plan.config.seeds_of_a_job
        return None if estimate is None else SECONDS_TO_START + runs * estimate.seconds


def _alike(one: RunSpec, other: RunSpec) -> bool:
    """Whether two runs train the same network by steps of the same size on the same kind of input."""
    kinds = [(s.experiment, s.hyper, s.recipe.batch, s.backend) for s in (one, other)]
    return kinds[0] == kinds[1]


def _cutting(spec: RunSpec, images: float) -> float:
    pixels = spec.hyper.get("image_height", 256) * spec.hyper.get("image_width", 192)
    return images * (SECONDS_TO_CUT + SECONDS_A_PIXEL * pixels)


def wall_seconds(jobs: Iterable[tuple[float, bool]], cores: int) -> float:
    """Seconds until the last of some jobs ends: of each how long it takes, and whether it takes all cores.

    The others share the cores; it is not less than the longest of all takes.
    """
    jobs = list(jobs)
    shared = sum(seconds for seconds, alone in jobs if not alone) / cores
    return max([shared + sum(seconds for seconds, alone in jobs if alone), *(seconds for seconds, _ in jobs)])


def duration(seconds: float) -> str:
    """About how long, to a sensible digit: `about 40 s`, `about 14 min`, `about 3 h 20 min`, `about 2 days`."""
    if seconds < 55:
        return f"about {max(5, 5 * round(seconds / 5))} s"
    minutes = round(seconds / 60)
    if minutes < 60:
        return f"about {minutes} min"
    hours, minutes = divmod(10 * round(minutes / 10), 60)
    if hours < 48:
        return f"about {hours} h" + (f" {minutes} min" if minutes else "")
    return f"about {round(hours / 24)} days"


def trust(seen: float, whole: float, processes: int) -> str:
    """How sure a forecast of `whole` hours is, `seen` of which come from runs of this device; in words."""
    share = round(100 * seen / whole) if whole else 100
    if share == 100:
        return "times: as runs like these took on this processor"
    source = f"{share} % as runs like these took on this processor, the rest from" if share else "from"
    tested = "on one thread such forecasts were within a factor of two (docs/forecasts.md)"
    untested = "forecasts for several processes have not been checked"
    return f"times: {source} counted work and a speed measured here; {tested if processes == 1 else untested}"


def complete_forecast(plan: Plan) -> Forecast:
    """One that knows all runs that are still to do: another process, with torch, counts what is not known.

    Raises InputError where it cannot, as for a backend that this machine lacks.
    """
    forecast = Forecast(plan)
    if all(forecast.run(e) and forecast.network(e) for e in dict.fromkeys(e for e, _ in unfinished(plan))):
        return forecast
    print("forecasting the time: counting networks, timing a few steps", file=sys.stderr)
    counting = [sys.executable, "-m", "workflow.work"]
    done = subprocess.run(counting, input=pickle.dumps(plan.config), capture_output=True, check=False)
    if done.returncode:
        complaint = done.stderr.decode(errors="replace").strip()
        raise InputError(complaint.rpartition("\n")[2].removeprefix("error: "))
    return Forecast(plan)


def unfinished(plan: Plan) -> list[tuple[Experiment, int]]:
    """Runs without results, the pretraining of encoders among them."""
    places = Places(plan.config.scale.name, plan.config.motion)
    return [run for run in plan.runs if not Path(places.of_run(*run)).is_file()]


def job_seconds(plan: Plan, jobs: Iterable[tuple[str, str]], forecast: Forecast | None = None) -> list[float]:
    """Expected wall seconds of jobs (rule, one of its outputs), in their order.

    Trainings by a forecast (`forecast`, or from what is kept on disk); other jobs, and trainings of which nothing is
    known, as long as the same output took here before, else as the rule's jobs did here, else SECONDS_OF_A_JOB.
    """
    forecast, past = forecast or Forecast(plan), PastJobs.read()

    @cache
    def seconds(rule: str, output: str) -> float:
        known = (forecast.job(rule, output), past.of_output.get(output), past.of_rule.get(rule))
        return next((s for s in known if s is not None), SECONDS_OF_A_JOB)

    return [seconds(rule, output) for rule, output in jobs]


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
