"""From studies and config to the experiments and runs that they ask for. A run that five tables share is one run.

Imported while Snakemake parses the workflow: nothing heavy may be imported here.
"""

from dataclasses import dataclass, replace

from base.errors import InputError
from studies.benchmarks import BENCHMARKS
from studies.config import COCO, Config
from studies.data import BEST_TEST_BY, LIFTING, TRUE_KEYPOINTS, VIDEO, Boxes, Dataset, Experiment
from studies.load import OUR_VIDEO, load_study
from studies.motions import motions
from studies.recipes import (
    BASELINE_RECIPE,
    OFFICIAL,
    PRETRAINED_SEED,
    PRETRAINING,
    PRETRAININGS,
    FeaturesSpec,
    Recipe,
    RunSpec,
    recipes,
)
from studies.types import AccuracyColumn, CountColumn, Figure, LiftingColumn, Study, VideoColumn
from studies.variants import pretraining, resolve_variants

BASELINES = ("mean-pose", "mlp")


@dataclass(frozen=True)
class Plan:
    """Everything that the workflow needs to know, derived from the studies and the config.

    studies     by name
    experiments in the order in which the studies name them
    families    family of models -> the variants of it that the studies name (for efficiency)
    """

    config: Config
    studies: dict[str, Study]
    experiments: tuple[Experiment, ...]
    families: dict[str, list[str]]

    @property
    def datasets(self) -> list[Dataset]:
        """Of all experiments, by name."""
        return sorted({e.dataset for e in self.experiments}, key=str)

    @property
    def runs(self) -> list[tuple[Experiment, int]]:
        """Every run with its seed, the pretraining of encoders among them."""
        asked = [(e, seed) for e in self.experiments if e.recipe not in PRETRAININGS for seed in self.config.seeds]
        encoders = [e for e in self.experiments if e.recipe in PRETRAININGS]
        encoders += [start for e in self.experiments if (start := pretraining(e))]
        return asked + [(e, PRETRAINED_SEED) for e in dict.fromkeys(encoders)]

    def shown(self, metric: str) -> list[str]:
        """Variants of tables with a column of that efficiency metric."""
        tables = [table for study in self.studies.values() for table in study.tables]
        showing = [t for t in tables if any(isinstance(c, CountColumn) and c.metric == metric for c in t.columns)]
        return list(dict.fromkeys(row.variant for table in showing for row in table.rows if row.variant))

    def dataset_of(self, item: AccuracyColumn | Figure) -> Dataset | None:
        """Data set that fills an accuracy column, or that a figure is drawn from; None where there is none."""
        return dataset_of(item, self.config.paper, self.config.motion, self.config.detector)

    def spec(self, experiment: Experiment, seed: int | None) -> RunSpec:
        """Resolved description of one run: what training needs and what `run.json` keeps."""
        scale, recipe = self.config.scale, recipes()[experiment.recipe]
        variant, conditions = resolve_variants()[experiment.variant], ()
        hyper = scale.hyper(variant)
        if experiment.dataset.kind == VIDEO:
            if experiment.recipe == OFFICIAL:
                recipe = replace(self._own_recipe(experiment.variant), label=recipe.label, epochs=1, milestones=())
            recipe = scale.video_recipe(experiment.recipe, recipe)
            conditions = self._conditions(experiment)
        else:
            hyper |= {"in_channels": recipe.channels} if recipe.channels else {}  # the same input for all
            recipe = scale.lifting_recipe(
                experiment.recipe, recipe, 1 if variant.emits == "centre" else hyper["frames"]
            )
        names = (scale.name, experiment.dataset, experiment.variant, experiment.recipe)
        return RunSpec(*names, seed, self.config.backend, hyper, recipe, conditions)

    def reads_features(self, experiment: Experiment) -> bool:
        """Whether a network reads what its frozen encoder has seen already, instead of images.

        What an HRNet gives differs from network to network, so that nothing is kept of it.
        """
        start = pretraining(experiment)
        if start is None or start.recipe != PRETRAINING:
            return False
        recipe, network = self.spec(experiment, PRETRAINED_SEED).recipe, resolve_variants()[experiment.variant]
        return bool(recipe.draws) and network.frozen and recipe.neighbours != "shuffled"

    def official(self, experiment: Experiment) -> str | None:
        """The official file whose weights a run judges, or that the pretraining of an encoder starts from."""
        dataset = ({OFFICIAL: str(experiment.dataset)} | dict.fromkeys(PRETRAININGS, COCO)).get(experiment.recipe)
        return self.config.weights.get(dataset, {}).get(experiment.variant) if self.config.paper else None

    @property
    def official_variants(self) -> dict[str, list[str]]:
        """Data set -> variants of which official weights are judged on it."""
        judged = [e for e in self.experiments if e.recipe == OFFICIAL]
        return {str(e.dataset): [other.variant for other in judged if other.dataset == e.dataset] for e in judged}

    def features(self, dataset: Dataset, encoder: str) -> FeaturesSpec:
        """Description of an encoder's features: its pretraining, and all that the networks which read them need."""
        start = Experiment(dataset, encoder, PRETRAINING)
        readers = [e for e in self.experiments if pretraining(e) == start and self.reads_features(e)]
        specs = [self.spec(e, PRETRAINED_SEED) for e in readers]
        return FeaturesSpec(
            encoder=self.spec(start, PRETRAINED_SEED),
            crops=specs[0].recipe.crops,
            frames=max(spec.frames for spec in specs),
            conditions=tuple(sorted({BEST_TEST_BY, *(boxes for spec in specs for boxes in spec.conditions)}, key=str)),
            selects=specs[0].recipe.epochs > 1,
        )

    def _own_recipe(self, variant: str) -> Recipe:
        """The recipe by which tables train a variant: official weights see persons as that shows them."""
        rows = (row for study in self.studies.values() for table in study.tables for row in table.rows)
        return recipes()[next(row.recipe for row in rows if row.variant == variant and row.recipe)]

    def _conditions(self, experiment: Experiment) -> tuple[Boxes, ...]:
        """Boxes and neighbours that tables show of an experiment on video; both kinds where none is stated."""
        judged = experiment.recipe == OFFICIAL
        columns = [
            column
            for study in self.studies.values()
            for table in study.tables
            if any(
                row.variant == experiment.variant and (judged or row.recipe == experiment.recipe) for row in table.rows
            )
            for column in table.columns
            if isinstance(column, VideoColumn) and self.dataset_of(column) == experiment.dataset
        ]
        kinds = {"unstated": ("detected", "gt")}
        shown = {Boxes(kind, c.neighbours) for c in columns for kind in kinds.get(c.boxes, (c.boxes,))}
        return tuple(sorted(shown, key=str))


def make_plan(config: Config) -> Plan:
    """Derive the plan from a checked config."""
    studies = {name: load_study(name) for name in config.studies}
    wanted = [e for study in studies.values() for e in study_experiments(study, config)]
    plan = Plan(config, studies, tuple(dict.fromkeys(wanted)), _families(studies))
    _check_crops(plan)
    return plan


def _check_crops(plan: Plan) -> None:
    """A frozen encoder looks once at each person of a data set: all networks that read its features share the crops."""
    first: dict[Experiment, Experiment] = {}  # of each pretraining, a reader of its features
    for experiment in plan.experiments:
        start = pretraining(experiment)
        if start is None or not plan.reads_features(experiment):
            continue
        other = first.setdefault(start, experiment)
        if plan.spec(experiment, None).recipe.crops != plan.spec(other, None).recipe.crops:
            remedy = "give both the same crops, or say override='{video: {draws: null}}'"
            raise InputError(
                f"studies/recipes.yaml: {experiment.recipe} and {other.recipe} read the same features of "
                f"{start.variant} on {start.dataset}, but crop persons differently: {remedy}"
            )


def study_experiments(study: Study, config: Config) -> list[Experiment]:
    """Experiments behind the accuracy cells of one study; where poses are lifted, the two baselines on the same data.

    A row without a recipe is not trained: it is counted only, or does not fit into memory.
    """
    asked = []
    for table in study.tables:
        filled = (dataset_of(column, config.paper, config.motion, config.detector) for column in table.accuracies)
        for dataset in dict.fromkeys(filled):
            if dataset is None or not _chosen(dataset, config):
                continue
            asked += [Experiment(dataset, name, BASELINE_RECIPE) for name in BASELINES if dataset.kind == LIFTING]
            asked += [Experiment(dataset, row.variant, row.recipe) for row in table.rows if row.recipe]
            given = config.weights.get(str(dataset), {})
            rows = [row for row in table.rows if row.variant in given and (row.recipe or dataset.kind == LIFTING)]
            asked += [Experiment(dataset, row.variant, OFFICIAL) for row in rows]
    asked = [e for e in asked if e.variant not in config.scale.video.leave_out]
    return [e for e in asked if config.trained(e)]


def _chosen(dataset: Dataset, config: Config) -> bool:
    """Whether the config asks for runs on a data set; it may leave out some of the papers'."""
    return not config.paper or config.benchmarks is None or dataset.motion in config.benchmarks


def dataset_of(item: AccuracyColumn | Figure, paper: bool, motion: str, detector: str) -> Dataset | None:
    """Data set that fills an accuracy column, or that a figure is drawn from; None where the scale has none.

    paper, motion, detector : whether the scale is `paper`, and the configured ones
    Of lifted poses: ground-truth keypoints, or those of the configured detector, of the configured motion; at scale
    `paper` of what the column is about. Of video: videos rendered from the configured motion, where it is filmed; at
    scale `paper` those that the column is about.
    """
    if isinstance(item, VideoColumn):
        if paper:
            return Dataset(item.about) if item.about else None
        return Dataset(motion) if item.benchmark == OUR_VIDEO and motions()[motion].filmed else None
    motion = item.about if paper and isinstance(item, LiftingColumn) else motion
    if not motion:
        return None
    known = BENCHMARKS[motion].detectors if motion in BENCHMARKS else (detector,)
    detected = item.input != TRUE_KEYPOINTS and detector in known
    return Dataset(motion, detector if detected else TRUE_KEYPOINTS)


def _families(studies: dict[str, Study]) -> dict[str, list[str]]:
    """Variants that the studies name, and the baselines, grouped by family."""
    variants = resolve_variants()
    named = [row.variant for study in studies.values() for t in study.tables for row in t.rows if row.variant]
    families: dict[str, list[str]] = {}
    for name in dict.fromkeys([*BASELINES, *named]):
        families.setdefault(variants[name].family, []).append(name)
    return families
