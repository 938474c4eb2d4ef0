# How time and memory grow with the length of a clip. No part of `all`, because it takes minutes; the page shows it once
# it is there. A length is timed alone, as the rule `speed` is.
rule scaling_length:
    input:
        shorter=shorter_clips,
        sources=closure("workflow.scaling", "models.lifting.posemamba"),
    output:
        f"{SCALING}/{{frames}}.csv",
    log:
        "results/logs/scaling-{frames}.log",
    wildcard_constraints:
        frames=r"\d+",
    threads: 256
    resources:
        mem_mb=16000,
        runtime=60,
    params:
        hyper=resolve_variants()["posemamba-s"]["hyper"],
        backend=PLAN.config["backend"],
    script:
        "../scripts/measure_scaling.py"


rule scaling_curve:
    input:
        lengths=[f"{SCALING}/{length}.csv" for length in LENGTHS],
        sources=closure("reports.scaling"),
    output:
        multiext(SCALING, ".csv", ".md", ".svg", ".png"),
    log:
        "results/logs/scaling.log",
    resources:
        mem_mb=1500,
        runtime=5,
    script:
        "../scripts/scaling_curve.py"
