# The gate: today's numbers against baselines/quick-cpu.csv. For the configuration as committed, at scale quick.
MODEL_MODULES = inputs.all_models()
FIRST_STEPS_SPECS = inputs.first_steps(PLAN)
FIRST_STEPS_MODULES = [variant(spec.variant).module for spec in FIRST_STEPS_SPECS]
FIRST_STEPS_MODULES.append("training.lifting")


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


# Whatever is configured, as the noise floor.
rule first_steps:
    input:
        data=PREPARED.format(dataset=inputs.EMBEDDED),
        sources=closure("workflow.measuring.first_steps", *FIRST_STEPS_MODULES),
    output:
        FIRST_STEPS,
    log:
        f"{LOGS}/first-steps.log",
    resources:
        mem_mb=2000,
        runtime=5,
    params:
        specs=FIRST_STEPS_SPECS,
        lenient=lenient,
    script:
        "../scripts/first_steps.py"


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
        FIRST_STEPS,
        SPEED_RATIOS,
    localrule: True


# Without an output of its own, so that it compares whenever it is asked for. Its table stays when it fails.
rule regression:
    input:
        **STATES,
        measurements=PLACES.measurements,
        fingerprints=FINGERPRINTS,
        first_steps=FIRST_STEPS,
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
