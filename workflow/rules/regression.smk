# The gate: today's numbers against baselines/quick-cpu.csv. For the configuration as committed, at scale quick.
MODEL_MODULES = inputs.all_models()


rule fingerprints:
    input:
        names=NAMES,
        sources=closure("workflow.measuring.fingerprints", *MODEL_MODULES),
    output:
        FINGERPRINTS,
    log:
        f"{LOGS}/fingerprints.log",
    resources:
        mem_mb=2000,
        runtime=5,
    params:
        hyper=scale_named(QUICK).hyper_of_all(),
        lenient=lenient,
    script:
        "../scripts/fingerprints.py"


# Timed alone, as the rule `speed`.
rule speed_ratios:
    input:
        baseline=BASELINE if Path(BASELINE).is_file() else [],
        sources=closure("workflow.measuring.speed_ratios", *MODEL_MODULES),
    output:
        SPEED_RATIOS,
    log:
        f"{LOGS}/speed-ratios.log",
    threads: 256
    resources:
        mem_mb=4000,
        runtime=30,
    params:
        lenient=lenient,
    script:
        "../scripts/speed_ratios.py"


rule watched:
    input:
        PLACES.measurements,
        NOISE,
        FINGERPRINTS,
        SPEED_RATIOS,
    localrule: True


# Without an output of its own, so that it compares whenever it is asked for. Its table stays when it fails.
rule regression:
    input:
        measurements=PLACES.measurements,
        fingerprints=FINGERPRINTS,
        speeds=SPEED_RATIOS,
        noise=NOISE,
        baseline=BASELINE,
    log:
        PLACES.log("regression"),
    resources:
        mem_mb=1000,
        runtime=5,
    params:
        failed=[f"failed: {job.name}: {job.why}" for job in FAILURES.final],
    script:
        "../scripts/regression.py"
