"""What the rules share. Everything is derived from PLAN; nothing is listed by hand."""

import os

from base.closure import closure
from studies.data import Dataset, Experiment
from studies.places import (
    BASELINE,
    COUNT_PARTS,
    COUNTS,
    EVALUATED,
    EVIDENCE,
    EXCLUDED,
    FETCHED,
    FINGERPRINTS,
    FIRST_STEPS,
    FRAMES_CURVE,
    KEPT_COUNTS,
    KEPT_LEFT_OUT,
    KEPT_NOTE,
    KEPT_PARTS,
    LOGS,
    NOISE,
    PARTS,
    POSES,
    PREPARED,
    RECOMPUTED,
    RUN_JSON,
    SCAN_ORDERS,
    SPEED,
    SPEED_RATIOS,
    TOKENS_CURVE,
    WEIGHTS,
    Places,
)
from studies.recipes import PRETRAINED_SEED, PRETRAINING, PRETRAININGS
from studies.scales import QUICK, scale_named
from studies.variants import variant
from workflow import inputs
from workflow.failures import VARIABLE, Failures


def runs_of(experiment):
    return [PLACES.of_run(experiment, seed) for seed in SEEDS]


def paths(planned):
    """Of planned tables or figures."""
    return made(path for *_, path in planned)


CONFIG = PLAN.config
SCALE, MOTION, SEEDS = CONFIG.scale.name, CONFIG.motion, CONFIG.seeds
PLACES = Places(SCALE, MOTION)
REPORT = PLACES.report
STUDIES = list(PLAN.studies)
# Labels of rows and curves, and what is said of a scale.
NAMES = [f"studies/{name}.yaml" for name in ("variants", "recipes", "scales")]
# What failed before in this run: workflow/failures.py. What gathers takes what is `made` without it.
FAILURES = Failures.read(os.environ.get(VARIABLE))
made = FAILURES.made
# Where something failed, its seeds are tried once more, each as a job of its own.
TOGETHER = CONFIG.scale.seeds_together and not FAILURES
# Records that fill tables, and data sets here whose records are evaluated again.
KEPT = inputs.shown_records(PLAN)
KEPT_HERE = sorted(
    {r.experiment.dataset for r in KEPT if inputs.is_here(PLAN, r)}, key=str
)
EARLIER = inputs.earlier(PLAN)
STATES = {
    "recomputed": made([RECOMPUTED] if KEPT else []),
    "evaluated": made(EVALUATED.format(dataset=name) for name in KEPT_HERE),
}
RUN_FILES = [WEIGHTS, "weights-best_test.safetensors"]
if CONFIG.scale.hold_out or CONFIG.scale.epochs == 1:
    RUN_FILES.append("weights-best_val.safetensors")
LOOKED_INTO = RUN_FILES[-1]  # the weights whose maps and heatmaps are drawn
RUN_FILES += ["history.csv", "predictions.npz", RUN_JSON]
TIMED = inputs.chosen(PLAN, [*CONFIG.timing.variants, *PLAN.shown("latency_per_frame")])
EFFICIENCY = made(
    [*collect(COUNTS, family=PLAN.families), *collect(SPEED, family=TIMED)]
)
TABLES = [
    (name, table, f"{REPORT}/tables/{name}-{table.id}.{kind}")
    for name, study in PLAN.studies.items()
    for table in study.tables
    for kind in ["csv", "md", "tex", "json"]
]
FIGURES = [
    (name, figure, f"{REPORT}/figures/{name}-{figure.id}.{kind}")
    for name, study in PLAN.studies.items()
    for figure in study.figures
    for kind in ["svg", "png"]
]
WATCHED = [e for e in inputs.watched_networks(PLAN) if made(runs_of(e)[:1])]
HEATMAPS = made([PLACES.heatmaps]) if WATCHED else []
REPORT_OPTIONS = {
    "scale": SCALE,
    "motion": MOTION,
    "detector": CONFIG.detector,
    "selection": CONFIG.selection,
    "seeds": SEEDS,
}
if CONFIG.scale.records:
    REPORT_OPTIONS["records"] = {
        "scale": CONFIG.scale.records.scale,
        "motion": CONFIG.scale.records.motion,
    }
if PLAN.official_variants:
    REPORT_OPTIONS["official"] = PLAN.official_variants
if FAILURES:
    REPORT_OPTIONS["failed"] = [
        inputs.failure_report(PLAN, PLACES, FAILURES, job) for job in FAILURES.final
    ]


wildcard_constraints:
    dataset=r"[\w-]+",
    encoder=r"[\w-]+",
    variant=r"[\w-]+",
    recipe=r"[\w-]+",
    family=r"[\w-]+",
    source=r"[\w-]+",
    seed=r"\d+",


def experiment_of(wildcards):
    return Experiment.named(wildcards.dataset, wildcards.variant, wildcards.recipe)


def of_experiment(function):
    """An input or parameter that depends on the experiment of a job."""
    return lambda wildcards: function(experiment_of(wildcards))


def of_data(function):
    """An input that depends on the data set of a job."""
    return lambda wildcards: function(Dataset.parse(wildcards.dataset))


def evaluated_of(wildcards):
    """Records of a data set whose weights are kept."""
    dataset = Dataset.parse(wildcards.dataset)
    return [r for r in KEPT if r.weights and r.experiment.dataset == dataset]


def scored(template):
    """Files that scoring makes of each experiment of which at least one run ended well."""
    ended = [e for e in PLAN.experiments if made(runs_of(e))]
    return made(PLACES.of_experiment(template, e) for e in ended)


def lenient(wildcards, output):
    """Whether a job is to leave out what fails: it failed before in this run."""
    return FAILURES.lenient(output[0])


def reported(kind, planned):
    """Files as outputs; a table's cells and a drawing are shown by Snakemake's own report, by study."""
    shown = {"caption": f"../report/{kind}.rst", "category": f"{kind.title()}s"}
    marked = []
    for study, item, path in planned:
        labels = {kind: item.title}
        flagged = report(path, subcategory=study, labels=labels, **shown)
        marked.append(flagged if path.endswith((".csv", ".svg")) else path)
    return marked


def job_runs(template):
    """A run's files; where all seeds are one job, those of all seeds."""
    return collect(template, seed=SEEDS, allow_missing=True) if TOGETHER else template


# Families of models that are counted, and that are timed. One process does all of them, because importing torch costs more
# than counting a family does. Where one fails, each is a job of its own.
FAMILIES = {"count": PLAN.families, "speed": TIMED}


def by_family(rule, template):
    """Files of a job, one a family."""
    return (
        template if FAILURES.apart(rule) else collect(template, family=FAMILIES[rule])
    )


def family_log(rule):
    return f"{LOGS}/{rule}{'-{family}' if FAILURES.apart(rule) else ''}.log"


def families_of(rule, function=lambda families: families):
    """An input or parameter that depends on the families of a job: family -> variants."""

    def of_job(wildcards):
        chosen = wildcards.get("family")
        return function(
            {f: v for f, v in FAMILIES[rule].items() if chosen in (None, f)}
        )

    return of_job


def definitions(families):
    """What studies/variants.yaml says of some families: counted and timed again where that changes."""
    return [variant(name) for variants in families.values() for name in variants]
