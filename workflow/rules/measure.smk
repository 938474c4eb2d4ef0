rule score:
    input:
        runs=score_runs,
        data="data/prepared/{dataset}",
        sources=score_sources,
    output:
        scores=SCORES,
        resamples=RESAMPLES,
        groups=f"{EXPERIMENT}/groups.csv",
    log:
        "results/logs/score-{dataset}-{variant}-{recipe}.log",
    resources:
        mem_mb=2000,
        runtime=10,
    script:
        "../scripts/score.py"


# One process a family: importing torch costs more than counting a model.
rule count:
    input:
        sources=family_sources,
    output:
        counts="results/efficiency/{family}-counts.csv",
        excluded="results/efficiency/{family}-excluded.csv",
    log:
        "results/logs/count-{family}.log",
    resources:
        mem_mb=2000,
        runtime=20,
    params:
        variants=lookup("{family}", within=PLAN.families),
        remembered=lookup("{family}", within=REMEMBERED),
        definitions=family_definitions,
    script:
        "../scripts/count_operations.py"


# Where the parameters and multiply-accumulates of one network are; a figure draws it.
rule parts:
    input:
        sources=closure("workflow.measuring.parts"),
    output:
        multiext("results/efficiency/parts", ".csv", ".md"),
    log:
        "results/logs/parts.log",
    resources:
        mem_mb=2000,
        runtime=10,
    params:
        variant="glsmamba-b",
        definition=resolve_variants()["glsmamba-b"],
    script:
        "../scripts/count_parts.py"


# Timed alone: it asks for more cores than there are, gets all of them, and so nothing else runs beside it.
rule speed:
    input:
        sources=family_sources,
    output:
        "results/efficiency/{family}-speed.csv",
    log:
        "results/logs/time-{family}.log",
    threads: 256
    resources:
        mem_mb=8000,
        runtime=60,
    params:
        variants=lookup("{family}", within=TIMED),
        definitions=family_definitions,
        runs=PLAN.config["timing"]["runs"],
        warmup=PLAN.config["timing"]["warmup"],
        wanted=PLAN.config["timing"]["threads"],
        weighed=PLAN.config["timing"]["variants"],
        backend=PLAN.config["backend"],
    script:
        "../scripts/measure_speed.py"


rule scan_orders:
    input:
        sources=closure("models.ssm.orders"),
    output:
        "results/efficiency/scan_orders.npz",
    log:
        "results/logs/scan_orders.log",
    resources:
        mem_mb=1000,
        runtime=5,
    script:
        "../scripts/scan_orders.py"


rule ssm_maps:
    input:
        data="data/prepared/{dataset}",
        weights=f"{RUN}/{LOOKED_INTO}",
        sources=map_sources,
    output:
        f"{RUN}/ssm_maps.npz",
    log:
        f"{RUN}/ssm_maps.log",
    resources:
        mem_mb=4000,
        runtime=10,
    params:
        spec=run_spec,
    script:
        "../scripts/ssm_maps.py"


# What trained networks see in two clips, for the page that plays them: one process for all.
rule heatmaps:
    input:
        data=collect("data/prepared/{dataset}", dataset={e.dataset for e in SEEN}),
        weights=[f"{run_folder(e, SEEDS[0])}/{LOOKED_INTO}" for e in SEEN],
        sources=closure(
            "workflow.measuring.heatmaps", *{model_module(e.variant) for e in SEEN}
        ),
    output:
        f"{REPORT}/heatmaps.npz",
    log:
        f"results/logs/heatmaps-{SCALE}-{DATASET}.log",
    resources:
        mem_mb=4000,
        runtime=30,
    params:
        specs=[PLAN.spec(e, SEEDS[0]) for e in SEEN],
        lenient=lenient,
    script:
        "../scripts/heatmaps.py"


rule measurements:
    input:
        scores=scored(SCORES),
        efficiency=EFFICIENCY,
        sources=closure("workflow.measuring.measurements"),
    output:
        f"{REPORT}/measurements.csv",
    log:
        f"results/logs/measurements-{SCALE}-{DATASET}.log",
    resources:
        mem_mb=1000,
        runtime=5,
    script:
        "../scripts/measurements.py"


# Twice the same net with the same seed: what a device cannot tell apart. Once a device, whatever the scale.
rule noise:
    input:
        data=f"data/prepared/{NOISE_EXPERIMENT.dataset}",
        sources=closure(
            "workflow.measuring.noise", model_module(NOISE_EXPERIMENT.variant)
        ),
    output:
        NOISE,
    log:
        "results/logs/noise.log",
    threads: 1
    resources:
        mem_mb=2000,
        runtime=10,
    params:
        spec=NOISE_PLAN.spec(NOISE_EXPERIMENT, 0),
    script:
        "../scripts/noise.py"


rule comparisons:
    input:
        measurements=f"{REPORT}/measurements.csv",
        resamples=scored(RESAMPLES),
        noise=made([NOISE]),
        studies=collect("studies/{study}.yaml", study=STUDIES),
        sources=closure("reports.comparisons"),
    output:
        report(COMPARISONS, caption="../report/comparisons.rst", category="Comparisons"),
    log:
        f"results/logs/comparisons-{SCALE}-{DATASET}.log",
    resources:
        mem_mb=1000,
        runtime=5,
    params:
        studies=STUDIES,
        options=REPORT_OPTIONS,
    script:
        "../scripts/comparisons.py"
