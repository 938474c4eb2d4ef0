"""Names and paths that the rules share. Everything is derived from PLAN; nothing is listed by hand."""

import os

from datasets.papers import MODULES, VIDEO
from base.closure import closure
from base.foreign import data_files
from studies.motions import lifting_data, video_data
from studies.plan import Experiment, dataset_of, make_plan, scaled_variants
from studies.variants import resolve_variants
from workflow.failures import VARIABLE, Failures
from studies.video import PRETRAINED_SEED, PRETRAINING, on_video


def model_module(variant):
    return resolve_variants()[variant]["model"].rsplit(".", 1)[0]


# What failed before in this run: workflow/failures.py. What gathers takes what is `made` without it.
FAILURES = Failures.read(os.environ.get(VARIABLE))
made = FAILURES.made
# Where something failed, its seeds are tried once more, each as a job of its own.
TOGETHER = PLAN.rule["seeds_together"] and not FAILURES
SCALE = PLAN.config["scale"]
DATASET = PLAN.config["dataset"]
SEEDS = PLAN.config["seeds"]
PROCESSES = PLAN.config["processes"]
STUDIES = list(PLAN.studies)
REPORT = f"results/{SCALE}/{DATASET}"
EXPERIMENT = f"results/runs/{SCALE}/{{dataset}}/{{variant}}/{{recipe}}"
RUN = f"{EXPERIMENT}/seed{{seed}}"
PRETRAINED = f"{EXPERIMENT}/seed{PRETRAINED_SEED}"
STATES = f"results/.state/{SCALE}/{{dataset}}/{{variant}}/{{recipe}}"
FEATURES = f"results/features/{SCALE}/{{dataset}}/{{encoder}}"
SCORES = f"{EXPERIMENT}/scores.csv"
RESAMPLES = f"{EXPERIMENT}/resamples.npz"
TRAIN_LOG = f"{EXPERIMENT if TOGETHER else RUN}/train.log"
COMPARISONS = f"{REPORT}/comparisons.csv"
# The net that is trained twice, at scale quick on embedded motion whatever is configured: it speaks for the device.
NOISE = "results/noise.csv"
NOISE_EXPERIMENT = Experiment("synthetic-sh-like", "posemamba-s", "posemamba")
NOISE_PLAN = make_plan(
    PLAN.config | {"scale": "quick", "dataset": "synthetic", "detector": "sh-like"}
)
SITE = f"{REPORT}/site"
EVIDENCE = "results/efficiency/evidence.json"
EVIDENCE_MODELS = [
    model_module(name)
    for name in ("posemamba-s", "sasmamba", "glsmamba-b", "tcpformer")
]
AUDIT = [  # audit.json first
    f"{REPORT}/audit/{name}"
    for name in ("audit.json", "claims.csv", "findings.csv")
]
RUN_FILES = ["weights.safetensors", "weights-best_test.safetensors"]
if PLAN.rule.get("hold_out", True) or PLAN.rule["epochs"] == 1:
    RUN_FILES.append("weights-best_val.safetensors")
LOOKED_INTO = RUN_FILES[-1]  # the weights whose maps and heatmaps are drawn
RUN_FILES += ["history.csv", "predictions.npz", "run.json"]
TIMED = {
    family: [
        v
        for v in names
        if v in {*PLAN.config["timing"]["variants"], *PLAN.shown("latency_per_frame")}
    ]
    for family, names in PLAN.families.items()
}
# Whose training steps' memory a table shows: predicting it takes longer than counting.
REMEMBERED = {
    family: [v for v in names if v in PLAN.shown("training_memory")]
    for family, names in PLAN.families.items()
}
EFFICIENCY = collect("results/efficiency/{family}-counts.csv", family=PLAN.families)
EFFICIENCY += collect(
    "results/efficiency/{family}-speed.csv",
    family=[family for family in TIMED if TIMED[family]],
)
EFFICIENCY = made(EFFICIENCY)
SCALING = "results/efficiency/scaling"
LENGTHS = [27, 81, 243, 729, 2187, 3888]  # frames of the clips of the scaling curve
NAMES = ["studies/variants.yaml", "studies/recipes.yaml"]  # labels of rows and curves
TABLE_KINDS = ["csv", "md", "tex", "json"]
PLANNED_TABLES = [
    (name, table) for name, study in PLAN.studies.items() for table in study.tables
]
PLANNED_FIGURES = [
    (name, figure)
    for name, study in PLAN.studies.items()
    for figure in study.figures
]


def made_of(folder, planned, kinds):
    """Files of planned tables or figures, with what they are: study, its table or figure, path."""
    return [
        (study, item, f"{REPORT}/{folder}/{study}-{item.id}.{kind}")
        for study, item in planned
        for kind in kinds
    ]


MADE_TABLES = made_of("tables", PLANNED_TABLES, TABLE_KINDS)
MADE_FIGURES = made_of("figures", PLANNED_FIGURES, ["svg", "png"])
TABLES = [path for _, _, path in MADE_TABLES]
FIGURES = [path for _, _, path in MADE_FIGURES]
DOCS = ["README.md", *sorted(str(path) for path in Path("docs").rglob("*.*"))]
CRATE = f"{REPORT}/ro-crate-metadata.json"
# Rules that do the same for both kinds of data sets tell them apart by these, and by who made them.
LIFTED, FILMED = r"(?!video-)[\w-]+", r"video-[\w-]+"
MADE_OF = lifting_data() | video_data()  # name of prepared data -> the motion
OURS, RENDERED = "|".join(lifting_data()), "|".join(video_data())
PUBLISHED = r"(human36m|mpi-inf-3dhp)-\w+"
PUBLISHED_VIDEO = r"video-(posetrack\d+|jhmdb)"


wildcard_constraints:
    dataset=r"[\w-]+",
    encoder=r"[\w-]+",
    variant=r"[\w-]+",
    recipe=r"[\w-]+",
    family=r"[\w-]+",
    source=r"[\w-]+",
    seed=r"\d+",


def reported(kind, made):
    """Files as outputs; a table's cells and a drawing are shown by Snakemake's own report, by study."""
    shown = {"caption": f"../report/{kind}.rst", "category": f"{kind.title()}s"}
    marked = []
    for study, item, path in made:
        labels = {kind: item.title}
        flagged = report(path, subcategory=study, labels=labels, **shown)
        marked.append(flagged if path.endswith((".csv", ".svg")) else path)
    return marked


def run_folder(experiment, seed):
    return RUN.format(**vars(experiment), seed=seed)


def runs_of(experiment):
    return [f"{run_folder(experiment, seed)}/run.json" for seed in SEEDS]


def scored(template):
    """Files that scoring makes of each experiment of which at least one run ended well."""
    ended = [e for e in PLAN.experiments if made(runs_of(e))]
    return made(template.format(**vars(e)) for e in ended)


def told(job):
    """A failed job as reports tell of it, with what it left without numbers."""
    lost = {
        (e.dataset, e.variant, e.recipe, seed)
        for e in PLAN.experiments
        for seed, run in zip(SEEDS, runs_of(e))
        if job in (FAILURES.cause(run), FAILURES.cause(SCORES.format(**vars(e))))
    }
    found = {"job": job.name, "log": job.log, "why": job.why, "runs": sorted(lost)}
    for kind in ("counts", "speed"):
        families = [
            f
            for f in PLAN.families
            if FAILURES.cause(f"results/efficiency/{f}-{kind}.csv") == job
        ]
        found[kind] = [
            variant for family in families for variant in PLAN.families[family]
        ]
    return found


def experiment_of(wildcards):
    return Experiment(wildcards.dataset, wildcards.variant, wildcards.recipe)


def job_runs(template):
    """A run's files; where all seeds are one job, those of all seeds."""
    return collect(template, seed=SEEDS, allow_missing=True) if TOGETHER else template


def published_weights(wildcards):
    """A published file that the runs of a job judge or start from, where the config names one."""
    return PLAN.published(experiment_of(wildcards)) or []


def job_spec(wildcards):
    """What the runs of a job have in common. The seeds stand in the names of their folders."""
    return PLAN.spec(experiment_of(wildcards), seed=None)


def run_sources(wildcards):
    """Files whose edit changes what a run computes; the reader of official weights only where it starts from some."""
    kind = "video" if on_video(wildcards.dataset) else "lifting"
    reader = [f"models.{kind}.official"] if published_weights(wildcards) else []
    return closure(model_module(wildcards.variant), f"training.{kind}", *reader)


def run_spec(wildcards):
    return PLAN.spec(experiment_of(wildcards), int(wildcards.seed))


def run_memory(wildcards):
    """Megabytes a training may take: the states of long, wide clips dominate."""
    return 10000 if SCALE in ("open", "paper") else 2000


def run_minutes(wildcards):
    """Wall-clock limit of a training, for clusters."""
    return {"quick": 30, "paper": 14 * 24 * 60}.get(SCALE, 24 * 60)


def raw_marker(wildcards):
    """What shows that the raw files of a motion were fetched; nothing where it needs none."""
    source = MADE_OF[wildcards.dataset].source
    return [f"data/raw/{source}.fetched.json"] if source else []


def published_module(wildcards):
    return MODULES[wildcards.dataset.rpartition("-")[0]]


def published_annotations(wildcards):
    """Raw annotations that are there; frames are many and do not change."""
    folder = Path("data/raw", wildcards.dataset.removeprefix("video-"))
    tops = [
        top
        for top in data_files(folder, "*")
        if top.name not in ("images", "Rename_Images")
    ]
    kinds = (".json", ".mat", ".txt")
    return sorted(
        str(p) for top in tops for p in data_files(top, "**/*") if p.suffix in kinds
    )


def published_files(wildcards):
    """Raw files that are there, for data to be prepared again when they change; none, and the rule says what to do."""
    folder = Path("data/raw", wildcards.dataset.rpartition("-")[0])
    kinds = (".npz", ".pkl", ".mat", ".cdf", ".xml", ".calibration")
    return [str(path) for path in data_files(folder, "**/*") if path.suffix in kinds]


def prepare_sources(wildcards):
    return closure("datasets.motion.prepare", MADE_OF[wildcards.dataset].module)


def lenient(wildcards, output):
    """Whether a job is to leave out what fails: it failed before in this run."""
    return FAILURES.lenient(output[0])


def score_runs(wildcards):
    return made(runs_of(experiment_of(wildcards)))


def score_sources(wildcards):
    kind = "video" if on_video(wildcards.dataset) else "lifting"
    return closure(f"workflow.measuring.{kind}_scores")


def pretrained_weights(wildcards):
    """The weights that a network for video starts from."""
    start = PLAN.pretraining(experiment_of(wildcards))
    return f"{run_folder(start, PRETRAINED_SEED)}/weights.safetensors"


def encoder_weights(wildcards):
    start = Experiment(wildcards.dataset, wildcards.encoder, PRETRAINING)
    return f"{run_folder(start, PRETRAINED_SEED)}/weights.safetensors"


def encoder_features(wildcards):
    """What a network's frozen encoder has seen; nothing for networks that read images."""
    experiment = experiment_of(wildcards)
    if not PLAN.reads_features(experiment):
        return []
    encoder = PLAN.pretraining(experiment).variant
    return FEATURES.format(dataset=wildcards.dataset, encoder=encoder)


def family_sources(wildcards):
    modules = {model_module(variant) for variant in PLAN.families[wildcards.family]}
    return closure("workflow.measuring.efficiency", *sorted(modules))


def family_definitions(wildcards):
    """What studies/variants.yaml says of a family: counted again where that changes."""
    return {
        variant: resolve_variants()[variant]
        for variant in PLAN.families[wildcards.family]
    }


def scaling_drawn(wildcards):
    """When the scaling curves were drawn, for the page to be made again after that.

    They are no input of the page, or the page would have them measured.
    """
    drawn = [Path(f"{stem}.svg") for stem in (SCALING, TOKENS)]
    return [path.stat().st_mtime_ns if path.is_file() else 0 for path in drawn]


def map_sources(wildcards):
    return closure(
        "workflow.measuring.maps", model_module(wildcards.variant)
    )


def figure_inputs(figure):
    """What a figure draws besides measurements: scan orders, parts, the map of one run, or prepared data."""
    if figure.kind in ("scan-orders", "video-scan-orders"):
        return ["results/efficiency/scan_orders.npz"]
    if figure.kind == "parts":
        return ["results/efficiency/parts.csv"]
    if figure.kind == "ssm-map":
        experiment = figure_experiment(figure)
        maps = f"{run_folder(experiment, SEEDS[0])}/ssm_maps.npz"
        return [maps] if experiment in PLAN.experiments else []
    if figure.kind.startswith("poses"):
        dataset = dataset_of(figure, PLAN.config)
        return [f"data/prepared/{dataset}"] if dataset in PLAN.datasets else []
    return []


def figure_experiment(figure):
    return Experiment(
        dataset_of(figure, PLAN.config), figure.variant, figure.recipe
    )


FIGURE_INPUTS = sorted(
    {path for _, figure in PLANNED_FIGURES for path in figure_inputs(figure)}
)


def seen_networks():
    """Of each family on video the planned network with most frames: the page of videos plays their heatmaps."""
    found = {}
    for experiment in PLAN.experiments:
        spec = PLAN.spec(experiment, SEEDS[0])
        real = spec["recipe"].get("neighbours") == "real"
        if real and experiment.recipe != PRETRAINING:
            family = resolve_variants()[experiment.variant]["family"]
            frames = spec["hyper"].get("frames", 1)
            if family not in found or frames > found[family][0]:
                found[family] = (frames, experiment)
    return [experiment for _, experiment in found.values()]


SEEN = [e for e in seen_networks() if made([f"{run_folder(e, SEEDS[0])}/run.json"])]
HEATMAPS = made([f"{REPORT}/heatmaps.npz"]) if SEEN else []
REPORT_OPTIONS = {
    key: PLAN.config[key]
    for key in ["scale", "dataset", "detector", "selection", "seeds"]
}
if PLAN.published_variants:
    REPORT_OPTIONS["published"] = PLAN.published_variants
if FAILURES:
    REPORT_OPTIONS["failed"] = [told(job) for job in FAILURES.final]


def closing_lines():
    """What the terminal says at the end."""
    from reports.summary import summary_lines

    # The targets train and efficiency make no table.
    written = Path(REPORT, "cells.csv").is_file()
    elsewhere = ["Look at results/runs and results/efficiency"]
    return summary_lines(REPORT) if written else elsewhere
