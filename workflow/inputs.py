"""What the workflow's rules need of a plan: sources, files, and which networks a page shows.

Imported while Snakemake parses the workflow: nothing heavy may be imported here.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from base.closure import closure
from base.foreign import data_files
from studies.benchmarks import BENCHMARKS, paper_data
from studies.data import VIDEO, Dataset, Experiment
from studies.motions import lifting_data, motions, video_data
from studies.places import (
    COUNTS,
    FETCHED,
    FRAMES_CURVE,
    KEPT_NOTE,
    PARTS,
    PREPARED,
    RAW,
    RUN_JSON,
    SCAN_ORDERS,
    SPEED,
    TOKENS_CURVE,
    WEIGHTS,
    Places,
    experiment_of,
)
from studies.plan import BASELINES, Plan
from studies.recipes import BASELINE_RECIPE, PRETRAINED_SEED, PRETRAININGS, RunSpec
from studies.records import Record, departure, records
from studies.scales import QUICK, SMALL, scale_named
from studies.types import Figure
from studies.variants import pretraining, resolve_variants, variant
from workflow.failures import FailedJob, Failures

ANNOTATIONS = {".json", ".mat", ".txt"}  # of videos; their frames are many and do not change
POSES = {".npz", ".pkl", ".mat", ".cdf", ".xml", ".calibration"}
FRAMES = ("images", "Rename_Images")
EMBEDDED = Dataset("synthetic", "sh-like")  # needs no download
CALM = 1e-3  # a learning rate at which rounding grows little in some steps


def names(datasets: Iterable[Dataset]) -> str:
    """Those data sets and no others, as the constraint of a wildcard."""
    return "|".join(map(str, datasets))


# Who makes which data: the rules prepare, render and convert.
OURS, RENDERED, PAPERS = (names(datasets()) for datasets in (lifting_data, video_data, paper_data))
FILMED = names(d for d in [*video_data(), *paper_data()] if d.kind == VIDEO)


def raw_files(dataset: Dataset) -> list[str]:
    """Raw files that prepared data are made of: what was fetched, or of the papers' data what a person put there.

    Data are prepared again when they change; where there are none, the rule says what to do.
    """
    if dataset.motion not in BENCHMARKS:
        source = motions()[dataset.motion].source
        return [FETCHED.format(source=source)] if source else []
    folder, kinds = Path(RAW, dataset.motion), ANNOTATIONS if dataset.kind == VIDEO else POSES
    tops = (top for top in data_files(folder, "*") if top.name not in FRAMES)
    files = [path for top in tops for path in (data_files(top, "**/*") if top.is_dir() else [top])]
    return sorted(str(path) for path in files if path.suffix in kinds)


def data_sources(dataset: Dataset) -> list[str]:
    """Code that prepares a data set."""
    if dataset.motion in BENCHMARKS:
        module = BENCHMARKS[dataset.motion].module
        return closure(module) if dataset.kind == VIDEO else closure("datasets.papers.convert", module)
    if dataset.kind == VIDEO:
        return closure("datasets.rendered.prepare")
    return closure("datasets.motion.prepare", motions()[dataset.motion].module)


def run_sources(plan: Plan, experiment: Experiment) -> list[str]:
    """Code whose edit changes what a run computes; the reader of official weights only where it starts from some."""
    kind = experiment.dataset.kind
    reader = [f"models.{kind}.official"] if plan.official(experiment) else []
    return closure(variant(experiment.variant).module, "training.run", f"training.{kind}", *reader)


def start_weights(plan: Plan, places: Places, experiment: Experiment) -> str | list[str]:
    """The weights that a network for video starts from, those of its pretrained encoder; none for others."""
    start = pretraining(experiment)
    return encoder_weights(plan, places, start) if start else []


def encoder_weights(plan: Plan, places: Places, start: Experiment) -> str:
    """Those of a pretraining: of its record, where one is kept of what would be trained today, else of its run."""
    kept = _encoder_record(places, start)
    if kept.weights and not departure(kept.spec, plan.spec(start, PRETRAINED_SEED)):
        return kept.weights
    return places.of_run(start, PRETRAINED_SEED, WEIGHTS)


def kept_encoder(places: Places, experiment: Experiment) -> str | list[str]:
    """What there is once the record of a network's frozen encoder is kept; nothing for networks that have their own."""
    start = pretraining(experiment)
    if start is None or not variant(experiment.variant).frozen:
        return []
    record = _encoder_record(places, start)
    return record.run_json if record.weights else places.of_run(start, PRETRAINED_SEED, KEPT_NOTE)


def _encoder_record(places: Places, start: Experiment) -> Record:
    return Record(Path(places.record.format(**vars(start), seed=PRETRAINED_SEED)), start, PRETRAINED_SEED)


def seen_features(plan: Plan, places: Places, experiment: Experiment) -> str | list[str]:
    """What a network's frozen encoder has seen; nothing for networks that read images."""
    start = pretraining(experiment) if plan.reads_features(experiment) else None
    return places.features.format(dataset=start.dataset, encoder=start.variant) if start else []


def family_sources(families: Mapping[str, Sequence[str]], task: str) -> list[str]:
    """Code by which the variants of some families are counted or timed; task: module of `workflow.measuring`."""
    modules = {variant(name).module for names in families.values() for name in names}
    return closure(f"workflow.measuring.{task}", *sorted(modules))


def all_models() -> list[str]:
    """Modules of all variants."""
    return sorted({each.module for each in resolve_variants().values()})


def shown_records(plan: Plan) -> tuple[Record, ...]:
    """Records that stand in for trainings at the plan's scale: on the motion that is evidence, and on its own.

    At a scale that trains its own those of all that was not chosen, so that a new network stands among its peers.
    """
    evidence = plan.config.scale.records
    if evidence is None:
        kept, motion = records(plan.config.scale.name), plan.config.motion
        return tuple(r for r in kept if r.experiment.dataset.motion == motion and r.experiment not in plan.experiments)
    motions_shown = {evidence.motion, plan.config.motion}
    return tuple(r for r in records(evidence.scale) if r.experiment.dataset.motion in motions_shown)


def earlier(plan: Plan) -> list[str]:
    """Folders of experiments that were scored here before, and whose variants were not chosen now.

    So a new network that is trained alone stands among those of before; records go before them.
    """
    if plan.config.variants is None:
        return []
    places, shown = Places(plan.config.scale.name, plan.config.motion), {r.experiment for r in shown_records(plan)}
    scores = sorted(Path().glob(places.scores.format(dataset="*", variant="*", recipe="*")))
    scored = {path.parent: experiment_of(path) for path in scores}
    return [
        str(folder)
        for folder, experiment in scored.items()
        if experiment.dataset.motion == plan.config.motion and experiment not in (*plan.experiments, *shown)
    ]


def unrecorded(plan: Plan) -> list[tuple[Experiment, int]]:
    """Runs of the plan that records/ does not hold."""
    places = Places(plan.config.scale.name, plan.config.motion)
    folders = ((e, seed, places.record.format(**vars(e), seed=seed)) for e, seed in plan.runs)
    return [(e, seed) for e, seed, folder in folders if not Path(folder, RUN_JSON).is_file()]


def is_here(plan: Plan, record: Record) -> bool:
    """Whether a record is evaluated again: records are the plan's evidence, the data its own, and weights were kept."""
    if plan.config.scale.records is None:
        return False
    return record.experiment.dataset.motion == plan.config.motion and record.weights is not None


def played(plan: Plan, kept: Iterable[Record]) -> list[Record]:
    """Records whose poses a page plays: the first seed of each network for lifting that the scale trains, and of the
    baselines.

    None where records are evaluated by a part of the data.
    """
    if plan.config.scale.records.part < 1:
        return []
    first: dict[Experiment, Record] = {}
    for record in kept:
        experiment = record.experiment
        lead = plan.config.scale.trains.get(experiment.variant) == experiment.recipe
        if experiment.dataset.kind != VIDEO and (lead or experiment.recipe == BASELINE_RECIPE):
            first.setdefault(experiment, record)
    return list(first.values())


def files_of(kept: Iterable[Record]) -> list[str]:
    """Files that an evaluation of records reads."""
    return [path for record in kept for path in (record.run_json, record.scores, record.groups, record.weights)]


def sources_of(kept: Iterable[Record]) -> list[str]:
    """Code that records are evaluated by."""
    modules = {variant(record.experiment.variant).module for record in kept}
    return closure("workflow.measuring.records", *sorted(modules))


def spec_today(plan: Plan, record: Record) -> RunSpec:
    """The run that would be trained today in a record's place."""
    return _plan_of_records(plan, record.experiment.dataset.motion).spec(record.experiment, record.seed)


def _plan_of_records(plan: Plan, motion: str) -> Plan:
    evidence = plan.config.scale.records
    scale = scale_named(evidence.scale) if evidence else plan.config.scale
    return replace(plan, config=replace(plan.config, scale=scale, motion=motion))


def embedded(plan: Plan, scale: str, **lengths: object) -> Plan:
    """The plan at a scale, some of whose values are replaced, on embedded motion: what speaks for code and device."""
    motion = {"motion": EMBEDDED.motion, "detector": EMBEDDED.detector}
    return replace(plan, config=replace(plan.config, scale=scale_named(scale, lengths), **motion))


def first_steps(plan: Plan) -> list[RunSpec]:
    """What the gate trains for some steps: the networks for lifting that scale quick trains, as scale small does."""
    learned = dict.fromkeys(BASELINES[1:], BASELINE_RECIPE)  # the first of them, the mean pose, takes no steps
    trained = learned | scale_named(QUICK).trains
    short = embedded(plan, SMALL, epochs=1, steps=20, peak_rate=CALM)
    lifting = {name: recipe for name, recipe in trained.items() if variant(name).kind != VIDEO}
    return [short.spec(Experiment(EMBEDDED, name, recipe), 0) for name, recipe in lifting.items()]


def chosen(plan: Plan, names: Iterable[str]) -> dict[str, list[str]]:
    """Family -> those of its variants that are among some names; families without any are left out."""
    among = set(names)
    found = {family: [name for name in variants if name in among] for family, variants in plan.families.items()}
    return {family: variants for family, variants in found.items() if variants}


def figure_inputs(plan: Plan, places: Places) -> list[str]:
    """What figures draw besides measurements: scan orders, parts, the map of one run, or prepared data."""
    figures = (figure for study in plan.studies.values() for figure in study.figures)
    return sorted({path for figure in figures for path in _drawn(plan, places, figure)})


def _drawn(plan: Plan, places: Places, figure: Figure) -> list[str]:
    if figure.kind in ("scan-orders", "video-scan-orders"):
        return [SCAN_ORDERS]
    if figure.kind == "parts":
        return [PARTS]
    dataset = plan.dataset_of(figure) if figure.input else None
    if figure.kind == "ssm-map":
        experiment = Experiment(dataset, figure.variant, figure.recipe)
        maps = places.of_run(experiment, plan.config.seeds[0], "ssm_maps.npz")
        return [maps] if experiment in plan.experiments else []
    poses = figure.kind.startswith("poses") and dataset in plan.datasets
    return [PREPARED.format(dataset=dataset)] if poses else []


def documents() -> list[str]:
    """Pages of docs/ and their pictures."""
    return sorted(map(str, Path("docs").rglob("*.*")))


def scaling_drawn() -> list[int]:
    """When the scaling curves were drawn, for the page to be made again after that.

    They are no input of the page, or the page would have them measured.
    """
    drawings = (Path(f"{curve}.svg") for curve in (FRAMES_CURVE, TOKENS_CURVE))
    return [path.stat().st_mtime_ns if path.is_file() else 0 for path in drawings]


def watched_networks(plan: Plan) -> list[Experiment]:
    """Of each family on video the planned network with most frames: the page of videos plays their heatmaps."""
    longest: dict[str, Experiment] = {}
    for experiment in plan.experiments:
        network = variant(experiment.variant)
        if experiment.dataset.kind != VIDEO or experiment.recipe in PRETRAININGS:
            continue
        if plan.spec(experiment, None).recipe.neighbours != "real":
            continue
        best = longest.get(network.family)
        if best is None or network.frames > variant(best.variant).frames:
            longest[network.family] = experiment
    return list(longest.values())


def failure_report(plan: Plan, places: Places, failures: Failures, job: FailedJob) -> dict:
    """A failed job as reports tell of it (`reports.failures.Failure`), with what it left without numbers."""
    lost = {
        (str(e.dataset), e.variant, e.recipe, seed)
        for e in plan.experiments
        for seed in plan.config.seeds
        if job in map(failures.cause, (places.of_run(e, seed), places.of_experiment(places.scores, e)))
    }
    uncounted = {
        kind: [
            name
            for family, variants in plan.families.items()
            if failures.cause(template.format(family=family)) == job
            for name in variants
        ]
        for kind, template in (("counts", COUNTS), ("speed", SPEED))
    }
    return {"job": job.name, "log": job.log, "why": job.why, "runs": sorted(lost), **uncounted}
