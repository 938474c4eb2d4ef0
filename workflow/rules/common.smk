"""Names and paths that the rules share. Everything is derived from PLAN; nothing is listed by hand."""

from studies.closure import closure
from studies.plan import Experiment, dataset_of
from studies.variants import resolve_variants

SCALE = PLAN.config["scale"]
DATASET = PLAN.config["dataset"]
SEEDS = PLAN.config["seeds"]
STUDIES = list(PLAN.studies)
REPORT = f"results/{SCALE}/{DATASET}"
RUN = f"results/runs/{SCALE}/{{dataset}}/{{variant}}/{{recipe}}/seed{{seed}}"
STATE = f"results/.state/{SCALE}/{{dataset}}/{{variant}}/{{recipe}}/seed{{seed}}"
SCORES = f"results/runs/{SCALE}/{{dataset}}/{{variant}}/{{recipe}}/scores.csv"
RUN_FILES = [
    "weights.safetensors",
    "weights-best_val.safetensors",
    "weights-best_test.safetensors",
]
RUN_FILES += ["history.csv", "predictions.npz", "run.json"]
TIMED = {
    family: [v for v in names if v in PLAN.config["timing"]["variants"]]
    for family, names in PLAN.families.items()
}
EFFICIENCY = collect("results/efficiency/{family}-counts.csv", family=PLAN.families)
EFFICIENCY += collect(
    "results/efficiency/{family}-speed.csv",
    family=[family for family in TIMED if TIMED[family]],
)
SCALING = "results/efficiency/scaling"
LENGTHS = [27, 81, 243, 729, 2187, 3888]  # frames of the clips of the scaling curve
NAMES = ["studies/variants.yaml", "studies/recipes.yaml"]  # labels of rows and curves
TABLE_KINDS = ["csv", "md", "tex", "html"]
TABLES = [
    f"{REPORT}/tables/{name}-{table['id']}.{kind}"
    for name, study in PLAN.studies.items()
    for table in study["tables"]
    for kind in TABLE_KINDS
]
FIGURES = [
    f"{REPORT}/figures/{name}-{figure['id']}.{kind}"
    for name, study in PLAN.studies.items()
    for figure in study.get("figures", [])
    for kind in ["svg", "png"]
]
REPORT_OPTIONS = {
    key: PLAN.config[key]
    for key in ["scale", "dataset", "detector", "selection", "seeds"]
}


wildcard_constraints:
    dataset=r"[\w-]+",
    variant=r"[\w-]+",
    recipe=r"[\w-]+",
    family=r"[\w-]+",
    source=r"\w+",
    study="|".join(STUDIES),
    table=r"[\w-]+",
    figure=r"[\w-]+",
    seed=r"\d+",


def run_folder(experiment, seed):
    return RUN.format(**vars(experiment), seed=seed)


def run_sources(wildcards):
    """Files whose edit changes what a run computes."""
    return closure(model_module(wildcards.variant), "training.run")


def model_module(variant):
    return resolve_variants()[variant]["model"].rsplit(".", 1)[0]


def run_spec(wildcards):
    return PLAN.spec(
        Experiment(wildcards.dataset, wildcards.variant, wildcards.recipe),
        int(wildcards.seed),
    )


def run_memory(wildcards):
    """Megabytes a training may take: the states of long, wide clips dominate."""
    return 2000 if SCALE == "quick" else 10000


def run_minutes(wildcards):
    """Wall-clock limit of a training, for clusters."""
    return 30 if SCALE == "quick" else 24 * 60


def raw_marker(wildcards):
    """What shows that the raw files of a data set were fetched; the synthetic one needs none."""
    return (
        []
        if wildcards.dataset.startswith("synthetic")
        else ["data/raw/cmu.fetched.json"]
    )


def prepare_sources(wildcards):
    base = "synthetic" if wildcards.dataset.startswith("synthetic") else "cmu"
    return closure("datasets.prepare", f"datasets.{base}")


def score_runs(wildcards):
    experiment = Experiment(wildcards.dataset, wildcards.variant, wildcards.recipe)
    return [f"{run_folder(experiment, seed)}/run.json" for seed in SEEDS]


def family_sources(wildcards):
    modules = {model_module(variant) for variant in PLAN.families[wildcards.family]}
    return closure("workflow.efficiency", *sorted(modules))


def family_definitions(wildcards):
    """What studies/variants.yaml says of a family: counted again where that changes."""
    return {
        variant: resolve_variants()[variant]
        for variant in PLAN.families[wildcards.family]
    }


def shorter_clips(wildcards):
    """Lengths measured before, because they foretell what a longer clip costs."""
    shorter = [length for length in LENGTHS if length < int(wildcards.frames)]
    return [f"{SCALING}/{length}.csv" for length in shorter]


def scaling_drawn(wildcards):
    """When the scaling curve was drawn, for the page to be made again after that.

    It is no input of the page, or the page would have it measured.
    """
    drawn = Path(f"{SCALING}.svg")
    return drawn.stat().st_mtime_ns if drawn.is_file() else 0


def map_sources(wildcards):
    return closure(
        "models.ssm.attention", model_module(wildcards.variant), "training.run"
    )


def figure_of(wildcards):
    figures = PLAN.studies[wildcards.study]["figures"]
    return next(figure for figure in figures if figure["id"] == wildcards.figure)


def figure_inputs(wildcards):
    """What a figure draws besides measurements: scan orders, the map of one run, or the runs' own files."""
    figure = figure_of(wildcards)
    if figure["kind"] == "scan-orders":
        return {"orders": "results/efficiency/scan_orders.npz"}
    if figure["kind"] == "ssm-map":
        experiment = figure_experiment(figure)
        planned = experiment in PLAN.experiments
        return (
            {"maps": [f"{run_folder(experiment, SEEDS[0])}/ssm_maps.npz"]}
            if planned
            else {}
        )
    if figure["kind"].startswith("poses"):
        return {"data": f"data/prepared/{dataset_of(figure, PLAN.config)}"}
    return {}


def figure_experiment(figure):
    return Experiment(
        dataset_of(figure, PLAN.config), figure["variant"], figure["recipe"]
    )
