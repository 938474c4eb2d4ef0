# The training state lives in STATES, which is no output: Snakemake would delete it before a restart.
rule train_run:
    input:
        data="data/prepared/{dataset}",
        weights=published_weights,
        sources=run_sources,
    output:
        [job_runs(f"{RUN}/{file}") for file in RUN_FILES],
    log:
        TRAIN_LOG,
    wildcard_constraints:
        dataset=LIFTED,
    threads: PROCESSES
    resources:
        mem_mb=run_memory,
        runtime=run_minutes,
    params:
        spec=job_spec,
        state=STATES,
        processes=PROCESSES,
    script:
        "../scripts/train.py"


# A network for video starts from an encoder that was trained on single frames: this run, one for all seeds. What leads
# to it and to the features goes first (priority), because all the networks for video wait for it.
rule pretrain:
    input:
        data="data/prepared/{dataset}",
        published=published_weights,
        sources=run_sources,
    output:
        collect(f"{PRETRAINED}/{{file}}", file=RUN_FILES, allow_missing=True),
    log:
        f"{PRETRAINED}/train.log",
    wildcard_constraints:
        dataset=FILMED,
        recipe=PRETRAINING,
    priority: 1
    threads: PROCESSES
    resources:
        mem_mb=run_memory,
        runtime=run_minutes,
    params:
        spec=job_spec,
        state=STATES,
        processes=PROCESSES,
    script:
        "../scripts/train_video.py"


rule video_features:
    input:
        data="data/prepared/{dataset}",
        weights=encoder_weights,
        sources=closure("training.features"),
    output:
        folder=directory(FEATURES),
    log:
        "results/logs/features-{dataset}-{encoder}.log",
    priority: 1
    resources:
        mem_mb=4000,
        runtime=60,
    params:
        spec=lambda wildcards: PLAN.features(wildcards.dataset, wildcards.encoder),
    script:
        "../scripts/video_features.py"


rule train_video:
    input:
        data="data/prepared/{dataset}",
        weights=pretrained_weights,
        features=encoder_features,
        sources=run_sources,
    output:
        [job_runs(f"{RUN}/{file}") for file in RUN_FILES],
    log:
        TRAIN_LOG,
    wildcard_constraints:
        dataset=FILMED,
        recipe=rf"(?!{PRETRAINING}\b)[\w-]+",
    threads: PROCESSES
    resources:
        mem_mb=run_memory,
        runtime=run_minutes,
    params:
        spec=job_spec,
        state=STATES,
        processes=PROCESSES,
    script:
        "../scripts/train_video.py"
