# How time and memory grow with the size of a clip: its frames (lifting) or its tokens (video). No part of `all`, because
# it takes minutes; the page shows the curves once they are there. A size is timed alone, as the rule `speed` is.
TOKENS = "results/efficiency/tokens"
TOKEN_COUNTS = [960, 3840, 15360]  # of the clips of the curve on video


rule scaling_length:
    input:
        smaller=lambda wildcards: [
            f"{SCALING}/{length}.csv"
            for length in LENGTHS
            if length < int(wildcards.size)  # from which its cost is foretold
        ],
        sources=closure("workflow.measuring.scaling", "models.lifting.posemamba"),
    output:
        f"{SCALING}/{{size}}.csv",
    log:
        "results/logs/scaling-{size}.log",
    wildcard_constraints:
        size=r"\d+",
    threads: 256
    resources:
        mem_mb=16000,
        runtime=60,
    params:
        curve="frames",
        definitions=[resolve_variants()["posemamba-s"]["hyper"]],
        backend=PLAN.config["backend"],
    script:
        "../scripts/measure_scaling.py"


use rule scaling_length as scaling_tokens with:
    input:
        smaller=lambda wildcards: [
            f"{TOKENS}/{count}.csv"
            for count in TOKEN_COUNTS
            if count < int(wildcards.size)
        ],
        sources=closure(
            "workflow.measuring.scaling",
            "models.video.glsmamba",
            "models.video.transformers",
        ),
    output:
        f"{TOKENS}/{{size}}.csv",
    log:
        "results/logs/tokens-{size}.log",
    params:
        curve="tokens",
        definitions=[
            resolve_variants()[name]["hyper"] for name in ["glsmamba-b", "trans-hr"]
        ],
        backend=PLAN.config["backend"],


rule scaling_curve:
    input:
        sizes=[f"{SCALING}/{length}.csv" for length in LENGTHS],
        sources=closure("reports.scaling"),
    output:
        multiext(SCALING, ".csv", ".md", ".svg", ".png"),
    log:
        "results/logs/scaling.log",
    resources:
        mem_mb=1500,
        runtime=5,
    params:
        curve="frames",
    script:
        "../scripts/scaling_curve.py"


use rule scaling_curve as tokens_curve with:
    input:
        sizes=[f"{TOKENS}/{count}.csv" for count in TOKEN_COUNTS],
        sources=closure("reports.scaling"),
    output:
        multiext(TOKENS, ".csv", ".md", ".svg", ".png"),
    log:
        "results/logs/tokens.log",
    params:
        curve="tokens",
