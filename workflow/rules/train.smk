rule train:
    input:
        [path for e in PLAN.experiments for path in made(runs_of(e))],
    localrule: True


# The training state is no output: Snakemake would delete it before a restart.
rule train_run:
    input:
        data=PREPARED,
        official=of_experiment(lambda e: PLAN.official(e) or []),
        weights=of_experiment(lambda e: inputs.start_weights(PLAN, PLACES, e)),
        features=of_experiment(lambda e: inputs.seen_features(PLAN, PLACES, e)),
        sources=of_experiment(lambda e: inputs.run_sources(PLAN, e)),
    output:
        [job_runs(f"{PLACES.run}/{file}") for file in RUN_FILES],
    log:
        f"{PLACES.experiment if TOGETHER else PLACES.run}/train.log",
    wildcard_constraints:
        recipe=rf"(?!{PRETRAINING}\b)[\w-]+",  # nor what begins so
    threads: CONFIG.processes
    resources:
        # The states of long, wide clips dominate; minutes are a limit for clusters.
        mem_mb=10000 if SCALE in ("open", "paper") else 2000,
        runtime={"quick": 30, "paper": 14 * 24 * 60}.get(SCALE, 24 * 60),
    params:
        # What the runs of a job have in common. The seeds stand in the names of their folders. A list, as everywhere in
        # params: Snakemake runs a job again where a built-in value of them changes, and overlooks objects of ours.
        specs=of_experiment(lambda experiment: [PLAN.spec(experiment, seed=None)]),
        state=PLACES.states,
        processes=CONFIG.processes,
    script:
        "../scripts/train.py"


# A network for video starts from an encoder that was trained on single frames: this run, one for all seeds. What leads
# to it and to the features goes first (priority), because all the networks for video wait for it.
use rule train_run as pretrain with:
    output:
        collect(
            f"{PLACES.run}/{{file}}",
            seed=PRETRAINED_SEED,
            file=RUN_FILES,
            allow_missing=True,
        ),
    log:
        f"{PLACES.experiment}/seed{PRETRAINED_SEED}/train.log",
    wildcard_constraints:
        dataset=inputs.FILMED,
        recipe="|".join(PRETRAININGS),
    priority: 1


rule video_features:
    input:
        data=PREPARED,
        weights=lambda wildcards: inputs.encoder_weights(
            PLAN,
            PLACES,
            Experiment.named(wildcards.dataset, wildcards.encoder, PRETRAINING),
        ),
        sources=closure("training.features"),
    output:
        folder=directory(PLACES.features),
    log:
        f"{LOGS}/features-{{dataset}}-{{encoder}}.log",
    priority: 1
    resources:
        mem_mb=4000,
        runtime=60,
    params:
        specs=lambda wildcards: [
            PLAN.features(Dataset.parse(wildcards.dataset), wildcards.encoder)
        ],
    script:
        "../scripts/video_features.py"
