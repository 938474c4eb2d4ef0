rule fetch:
    input:
        catalogue="datasets/catalogue.yaml",
        sources=closure("datasets.sources"),
    output:
        done="data/raw/{source}.fetched.json",
    log:
        "results/logs/fetch-{source}.log",
    resources:
        mem_mb=500,
        runtime=120,
    params:
        settings=lookup("{source}", within=PLAN.config["sources"]),
    script:
        "../scripts/fetch.py"


rule prepare:
    input:
        raw=raw_marker,
        sources=prepare_sources,
    output:
        folder=directory("data/prepared/{dataset}"),
    log:
        "results/logs/prepare-{dataset}.log",
    wildcard_constraints:
        dataset=LIFTED,
    resources:
        mem_mb=4000,
        runtime=30,
    script:
        "../scripts/prepare.py"


rule render:
    input:
        raw=raw_marker,
        sources=closure("datasets.video.prepare"),
    output:
        folder=directory("data/prepared/{dataset}"),
    log:
        "results/logs/prepare-{dataset}.log",
    wildcard_constraints:
        dataset=FILMED,
    priority: 1
    resources:
        mem_mb=4000,
        runtime=60,
    script:
        "../scripts/render.py"
