rule fetch:
    input:
        catalogue="datasets/catalogue.yaml",
        sources=closure("datasets.fetching.sources"),
    output:
        done="data/raw/{source}.fetched.json",
    log:
        "results/logs/fetch-{source}.log",
    resources:
        mem_mb=500,
        runtime=120,
    params:
        settings=lambda wildcards: PLAN.config["sources"].get(wildcards.source, {}),
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
        dataset=OURS,
    resources:
        mem_mb=4000,
        runtime=30,
    script:
        "../scripts/prepare.py"


# The papers' own data, from files that a person puts into data/raw or that `make data` fetched.
rule convert:
    input:
        raw=published_files,
        sources=lambda wildcards: closure(
            "datasets.papers.convert", published_module(wildcards)
        ),
    output:
        folder=directory("data/prepared/{dataset}"),
    log:
        "results/logs/prepare-{dataset}.log",
    wildcard_constraints:
        dataset=PUBLISHED,
    resources:
        mem_mb=4000,
        runtime=120,
    params:
        form=lambda wildcards: PLAN.config["forms"][
            wildcards.dataset.rpartition("-")[0]
        ],
    script:
        "../scripts/convert.py"


rule convert_video:
    input:
        raw=published_annotations,
        sources=lambda wildcards: closure(VIDEO[wildcards.dataset]),
    output:
        folder=directory("data/prepared/{dataset}"),
    log:
        "results/logs/prepare-{dataset}.log",
    wildcard_constraints:
        dataset=PUBLISHED_VIDEO,
    resources:
        mem_mb=4000,
        runtime=240,
    script:
        "../scripts/convert_video.py"


rule render:
    input:
        raw=raw_marker,
        sources=closure("datasets.rendered.prepare"),
    output:
        folder=directory("data/prepared/{dataset}"),
    log:
        "results/logs/prepare-{dataset}.log",
    wildcard_constraints:
        dataset=RENDERED,
    priority: 1
    resources:
        mem_mb=4000,
        runtime=60,
    script:
        "../scripts/render.py"
