"""The config at the door: checked against its schema and against what exists, before anything is planned."""

from pathlib import Path

from base.errors import InputError
from base.reading import check_schema, nearest, read_yaml
from studies.benchmarks import BENCHMARKS
from studies.load import study_names
from studies.motions import CATALOGUE, motions
from studies.motions import DETECTORS as OUR_DETECTORS
from studies.paper import COCO, DATASET, DETECTORS, PAPER, WEIGHTED, paper_rule
from studies.variants import resolve_variants

LISTS = ("studies", "variants", "seeds", "benchmarks")


def checked_config(config: dict) -> dict:
    """A checked copy of a config; lists may come from the command line as `a,b` or as one value.

    Raises InputError, one line that names the key or the value and the nearest known one.
    """
    config = config | {key: _as_list(config[key]) for key in LISTS if config.get(key) not in (None, "all")}
    check_schema(config, "config", "config.yaml")
    _known([config["dataset"]], list(motions()), "value", "dataset")
    _known(config["studies"], study_names(), "study", "studies")
    if config["variants"] != "all":
        _known(config["variants"], list(resolve_variants()), "variant", "variants")
    if config["benchmarks"] != "all":
        _known(config["benchmarks"], list(BENCHMARKS), "data set", "benchmarks")
    _known(config["timing"]["variants"], list(resolve_variants()), "variant", "timing.variants")
    _known(list(config["sources"]), list(read_yaml(CATALOGUE)), "source", "sources")
    for dataset, files in config["weights"].items():
        _known([dataset], [*WEIGHTED, COCO], "data set", "weights")
        _known(list(files), list(resolve_variants()), "variant", f"weights.{dataset}")
    return _as_meant(config)


def _as_meant(config: dict) -> dict:
    """`auto` replaced by what it stands for, and scale `paper` in the form of the others."""
    paper = config["scale"] == PAPER
    rules = config["scales"] | {PAPER: paper_rule(config["scales"][PAPER])}
    selections = "best_val" if not paper or rules[PAPER]["hold_out"] else "best_test"
    meant = {"detector": DETECTORS[0] if paper else OUR_DETECTORS[0], "selection": selections}
    chosen = {key: value for key, value in meant.items() if config[key] == "auto"}
    config = config | chosen | {"scales": rules} | ({"dataset": DATASET} if paper else {})
    if (config["detector"] in DETECTORS) != paper:
        wanted = "sh or cpn" if paper else "sh-like or hard"
        raise InputError(
            f"config.yaml: detector: {config['detector']!r} is not for scale {config['scale']}; say {wanted}"
        )
    if paper and config["selection"] == "best_val" and not rules[PAPER]["hold_out"]:
        raise InputError(
            "config.yaml: selection: best_val needs scales.paper.hold_out: true; the papers train on all their "
            "training data and select on test (best_test)"
        )
    if paper:
        for dataset, files in config["weights"].items():
            for variant, file in files.items():
                if not Path(file).is_file():
                    raise InputError(f"config.yaml: weights.{dataset}.{variant}: {file} is no file; check the path")
    return config


def _as_list(value: object) -> list:
    """`a,b` -> [a, b]; 0 -> [0]. Digits become numbers: Snakemake leaves those of a list as text."""
    parts = value.split(",") if isinstance(value, str) else value if isinstance(value, list) else [value]
    texts = [part.strip() if isinstance(part, str) else part for part in parts if part != ""]
    return [int(part) if isinstance(part, str) and part.isdigit() else part for part in texts]


def _known(names: list[str], known: list[str], what: str, key: str) -> None:
    for name in names:
        if name not in known:
            raise InputError(f"config.yaml: {key}: unknown {what} {name!r}{nearest(name, known)}")
