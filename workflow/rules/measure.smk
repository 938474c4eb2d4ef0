rule efficiency:
    input:
        EFFICIENCY,
    localrule: True


rule score:
    input:
        runs=of_experiment(lambda experiment: made(runs_of(experiment))),
        data=PREPARED,
        sources=of_data(lambda d: closure(f"workflow.measuring.{d.kind}_scores")),
    output:
        scores=PLACES.scores,
        resamples=PLACES.resamples,
        groups=PLACES.groups,
    log:
        f"{LOGS}/score-{{dataset}}-{{variant}}-{{recipe}}.log",
    resources:
        mem_mb=2000,
        runtime=10,
    script:
        "../scripts/score.py"


# Counts that no edit touched are kept in baselines/.
rule count:
    input:
        sources=families_of(
            "count", lambda families: inputs.family_sources(families, "counts")
        ),
        kept=[
            path
            for path in (KEPT_COUNTS, KEPT_LEFT_OUT, KEPT_PARTS)
            if Path(path).is_file()
        ],
    output:
        by_family("count", COUNTS),
        by_family("count", EXCLUDED),
        by_family("count", COUNT_PARTS),
    log:
        family_log("count"),
    resources:
        mem_mb=2000,
        runtime=20,
    params:
        variants=families_of("count"),
        # Whose training steps' memory a table shows: predicting it takes longer than counting.
        remembered=PLAN.shown("training_memory"),
        definitions=families_of("count", definitions),
    script:
        "../scripts/count_operations.py"


# Where the parameters and multiply-accumulates of one network are; a figure draws it.
rule parts:
    input:
        sources=closure("workflow.measuring.parts"),
    output:
        PARTS,
        PARTS.replace(".csv", ".md"),
    log:
        f"{LOGS}/parts.log",
    resources:
        mem_mb=2000,
        runtime=10,
    params:
        variant="glsmamba-b",
        definitions=[variant("glsmamba-b")],
    script:
        "../scripts/count_parts.py"


# Timed alone: it asks for more cores than there are, gets all of them, and so nothing else runs beside it.
rule speed:
    input:
        sources=families_of(
            "speed", lambda families: inputs.family_sources(families, "speed")
        ),
    output:
        by_family("speed", SPEED),
    log:
        family_log("speed"),
    threads: 256
    resources:
        mem_mb=8000,
        runtime=60,
    params:
        variants=families_of("speed"),
        definitions=families_of("speed", definitions),
        passes={
            key: getattr(CONFIG.timing, key) for key in ("runs", "seconds", "threads")
        },
        weighed=CONFIG.timing.variants,
        backend=CONFIG.backend,
    script:
        "../scripts/measure_speed.py"


rule scan_orders:
    input:
        sources=closure("models.ssm.orders"),
    output:
        SCAN_ORDERS,
    log:
        f"{LOGS}/scan_orders.log",
    resources:
        mem_mb=1000,
        runtime=5,
    script:
        "../scripts/scan_orders.py"


rule ssm_maps:
    input:
        data=PREPARED,
        weights=f"{PLACES.run}/{LOOKED_INTO}",
        sources=lambda wildcards: closure(
            "workflow.measuring.maps", variant(wildcards.variant).module
        ),
    output:
        f"{PLACES.run}/ssm_maps.npz",
    log:
        f"{PLACES.run}/ssm_maps.log",
    resources:
        mem_mb=4000,
        runtime=10,
    params:
        specs=lambda wildcards: [
            PLAN.spec(experiment_of(wildcards), int(wildcards.seed))
        ],
    script:
        "../scripts/ssm_maps.py"


# What trained networks see in two clips, for the page that plays them: one process for all.
rule heatmaps:
    input:
        data=collect(PREPARED, dataset={e.dataset for e in WATCHED}),
        weights=[PLACES.of_run(e, SEEDS[0], LOOKED_INTO) for e in WATCHED],
        sources=closure(
            "workflow.measuring.heatmaps",
            *{variant(e.variant).module for e in WATCHED},
        ),
    output:
        PLACES.heatmaps,
    log:
        PLACES.log("heatmaps"),
    resources:
        mem_mb=4000,
        runtime=30,
    params:
        specs=[PLAN.spec(e, SEEDS[0]) for e in WATCHED],
        lenient=lenient,
    script:
        "../scripts/heatmaps.py"


rule measurements:
    input:
        scores=scored(PLACES.scores),
        records=[record.scores for record in KEPT],
        efficiency=EFFICIENCY,
        count_parts=made(collect(COUNT_PARTS, family=PLAN.families)),
        sources=closure("workflow.measuring.measurements"),
    output:
        PLACES.measurements,
        count_parts=PLACES.count_parts,
    log:
        PLACES.log("measurements"),
    resources:
        mem_mb=1000,
        runtime=5,
    params:
        earlier=[f"{folder}/scores.csv" for folder in EARLIER],
    script:
        "../scripts/measurements.py"


# The net that is trained twice, on embedded motion whatever is configured: it speaks for the device. Some steps of scale
# quick, since kernels that add in any order show it at once.
NOISE_EXPERIMENT = Experiment(inputs.EMBEDDED, "posemamba-s", "posemamba")
NOISE_PLAN = inputs.embedded(PLAN, QUICK, epochs=1, steps=20)


# Twice the same net with the same seed: what a device cannot tell apart. Once a device, whatever the scale.
rule noise:
    input:
        data=PREPARED.format(dataset=NOISE_EXPERIMENT.dataset),
        sources=closure(
            "workflow.measuring.noise",
            "training.lifting",
            variant(NOISE_EXPERIMENT.variant).module,
        ),
    output:
        NOISE,
    log:
        f"{LOGS}/noise.log",
    threads: 1
    resources:
        mem_mb=2000,
        runtime=10,
    params:
        specs=[NOISE_PLAN.spec(NOISE_EXPERIMENT, 0)],
    script:
        "../scripts/noise.py"


rule comparisons:
    input:
        measurements=PLACES.measurements,
        resamples=scored(PLACES.resamples),
        records=[record.resamples for record in KEPT],
        noise=made([NOISE]),
        studies=collect("studies/{study}.yaml", study=STUDIES),
        sources=closure("reports.comparisons"),
    output:
        report(
            PLACES.comparisons,
            caption="../report/comparisons.rst",
            category="Comparisons",
        ),
    log:
        PLACES.log("comparisons"),
    resources:
        mem_mb=1000,
        runtime=5,
    params:
        studies=STUDIES,
        options=REPORT_OPTIONS,
    script:
        "../scripts/comparisons.py"
