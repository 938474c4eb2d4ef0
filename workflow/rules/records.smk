# Records: what was trained before (records/, committed). `make record` keeps more of them; here those whose data are here
# are evaluated again, one process a data set.


# A note alone is declared: Snakemake deletes what a job declares before it runs and after it fails.
rule keep:
    input:
        run=[f"{PLACES.run}/{file}" for file in [WEIGHTS, "history.csv", RUN_JSON]],
        data=PREPARED,
        encoder=of_experiment(lambda e: inputs.kept_encoder(PLACES, e)),
    output:
        f"{PLACES.run}/{KEPT_NOTE}",
    log:
        f"{PLACES.run}/keep.log",
    resources:
        mem_mb=3000,
        runtime=10,
    params:
        record=PLACES.record,
    script:
        "../scripts/keep.py"


# What is not recorded yet, at scale small or any other; goes on where it was stopped.
rule record:
    input:
        [PLACES.of_run(e, seed, KEPT_NOTE) for e, seed in inputs.unrecorded(PLAN)],
    localrule: True


rule evaluate:
    input:
        data=PREPARED,
        records=lambda wildcards: inputs.files_of(evaluated_of(wildcards)),
        sources=lambda wildcards: inputs.sources_of(evaluated_of(wildcards)),
    output:
        EVALUATED,
        POSES,
    log:
        f"{LOGS}/evaluate-{{dataset}}.log",
    resources:
        mem_mb=4000,
        runtime=60,
    params:
        records=lambda wildcards: [
            str(record.folder) for record in evaluated_of(wildcards)
        ],
        played=lambda wildcards: [
            str(record.folder)
            for record in inputs.played(PLAN, evaluated_of(wildcards))
        ],
        part=lambda wildcards: str(CONFIG.scale.records.part),
    script:
        "../scripts/evaluate.py"


# What the code computes today beside what it computed when a record was trained: no edit of a byte condemns a record.
rule recompute:
    input:
        records=[record.run_json for record in KEPT],
        names=NAMES,
        sources=inputs.sources_of(KEPT),
    output:
        RECOMPUTED,
    log:
        f"{LOGS}/recompute.log",
    resources:
        mem_mb=2000,
        runtime=20,
    params:
        records=[str(record.folder) for record in KEPT],
        specs=[inputs.spec_today(PLAN, record) for record in KEPT],
    script:
        "../scripts/recompute.py"


# Fails where a record is not what it was: the gate over records.
rule verify:
    input:
        **STATES,
    log:
        f"{LOGS}/verify.log",
    resources:
        mem_mb=1000,
        runtime=5,
    params:
        records=[str(record.folder) for record in KEPT],
    script:
        "../scripts/verify.py"
