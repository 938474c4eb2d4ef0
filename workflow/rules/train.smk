# The training state lives in STATE, which is no output: Snakemake would delete it before a restart.
rule train_run:
    input:
        data="data/prepared/{dataset}",
        sources=run_sources,
    output:
        collect(f"{RUN}/{{file}}", file=RUN_FILES, allow_missing=True),
    log:
        f"{RUN}/train.log",
    threads: 1
    resources:
        mem_mb=run_memory,
        runtime=run_minutes,
    params:
        spec=run_spec,
        state=STATE,
    script:
        "../scripts/train.py"
