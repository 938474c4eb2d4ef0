"""Which files decide a watched number: the code that computes it, and the data that say of what.

Derived from imports (`base.closure`), so that nobody lists files by hand. Nothing is imported here that computes.
"""

from functools import cache

from base.closure import closure
from reports.regression.numbers import ACCURACY, ALLOCATION, COUNT, LOSS, MEMORY, NETWORK, SPEED, TRAINING, Watched
from studies.data import Dataset
from studies.variants import resolve_variants
from workflow.inputs import data_sources

ALL = {"requirements.txt"}
VARIANTS, RECIPES, SCALES = "studies/variants.yaml", "studies/recipes.yaml", "studies/scales.yaml"
# Kind of number -> the modules besides the network's that compute it, and what is read of `studies/`.
MODULES = {
    NETWORK: (),
    LOSS: ("training.losses",),
    ALLOCATION: ("metrics.prediction",),
    COUNT: ("metrics.counting",),
    MEMORY: ("metrics.prediction", "metrics.memory"),
    SPEED: ("models.ssm", "models.deform"),
}
READ = {
    NETWORK: {VARIANTS, SCALES},
    LOSS: {RECIPES},
    ALLOCATION: {VARIANTS},
    COUNT: {VARIANTS},
    MEMORY: {VARIANTS},
    SPEED: set(),
}
TRAINED = (ACCURACY, TRAINING)
WORKLOADS = {"scan": "models.ssm", "deform": "models.deform"}


def sources_of(number: Watched) -> frozenset[str]:
    """Paths relative to the checkout of all files whose edit may change a number."""
    return _sources(number.kind, number.name.partition(" ")[0], number.dataset)


@cache
def _sources(kind: str, name: str, dataset: str) -> frozenset[str]:
    network = resolve_variants().get(name)
    own = [network.module] if network else []
    if kind in TRAINED:
        data = Dataset.parse(dataset)
        trained = closure(*own, "training.run", f"training.{data.kind}", f"workflow.measuring.{data.kind}_scores")
        return frozenset({*trained, *data_sources(data), VARIANTS, RECIPES, SCALES, *ALL})
    return frozenset({*closure(*own, *_modules(kind, name)), *READ[kind], *ALL})


def _modules(kind: str, name: str) -> tuple[str, ...]:
    return (WORKLOADS[name],) if name in WORKLOADS else MODULES[kind]
