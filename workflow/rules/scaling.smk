# How time and memory grow with the size of a clip: its frames (lifting) or its tokens (video). No part of `all`, because
# it takes minutes; the page shows the curves once they are there. A size is timed alone, as the rule `speed` is.
LENGTHS = [27, 81, 243, 729, 2187, 3888]  # frames of the clips of the scaling curve
TOKEN_COUNTS = [960, 3840, 15360]  # of the clips of the curve on video


rule scaling:
    input:
        made([f"{curve}.svg" for curve in (FRAMES_CURVE, TOKENS_CURVE)]),
    localrule: True


rule scaling_length:
    input:
        smaller=lambda wildcards: [
            f"{FRAMES_CURVE}/{length}.csv"
            for length in LENGTHS
            if length < int(wildcards.size)  # from which its cost is predicted
        ],
        sources=closure("workflow.measuring.scaling", "models.lifting.posemamba"),
    output:
        f"{FRAMES_CURVE}/{{size}}.csv",
    log:
        f"{LOGS}/scaling-{{size}}.log",
    wildcard_constraints:
        size=r"\d+",
    threads: 256
    resources:
        mem_mb=16000,
        runtime=60,
    params:
        curve="frames",
        definitions=[variant("posemamba-s").hyper],
        backend=CONFIG.backend,
    script:
        "../scripts/measure_scaling.py"


use rule scaling_length as scaling_tokens with:
    input:
        smaller=lambda wildcards: [
            f"{TOKENS_CURVE}/{count}.csv"
            for count in TOKEN_COUNTS
            if count < int(wildcards.size)
        ],
        sources=closure(
            "workflow.measuring.scaling",
            "models.video.glsmamba",
            "models.video.transformers",
        ),
    output:
        f"{TOKENS_CURVE}/{{size}}.csv",
    log:
        f"{LOGS}/tokens-{{size}}.log",
    params:
        curve="tokens",
        definitions=[variant(name).hyper for name in ["glsmamba-b", "trans-hr"]],
        backend=CONFIG.backend,


rule scaling_curve:
    input:
        sizes=[f"{FRAMES_CURVE}/{length}.csv" for length in LENGTHS],
        sources=closure("reports.scaling"),
    output:
        multiext(FRAMES_CURVE, ".csv", ".md", ".svg", ".png"),
    log:
        f"{LOGS}/scaling.log",
    resources:
        mem_mb=1500,
        runtime=5,
    params:
        curve="frames",
    script:
        "../scripts/scaling_curve.py"


use rule scaling_curve as tokens_curve with:
    input:
        sizes=[f"{TOKENS_CURVE}/{count}.csv" for count in TOKEN_COUNTS],
        sources=closure("reports.scaling"),
    output:
        multiext(TOKENS_CURVE, ".csv", ".md", ".svg", ".png"),
    log:
        f"{LOGS}/tokens.log",
    params:
        curve="tokens",
