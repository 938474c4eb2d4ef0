rule fetch:
    input:
        catalogue="datasets/catalogue.yaml",
        sources=closure("datasets.fetching.sources"),
    output:
        done=FETCHED,
    log:
        f"{LOGS}/fetch-{{source}}.log",
    resources:
        mem_mb=500,
        runtime=120,
    params:
        settings=lambda wildcards: CONFIG.sources.get(wildcards.source, {}),
    script:
        "../scripts/fetch.py"


rule prepare:
    input:
        raw=of_data(inputs.raw_files),
        sources=of_data(inputs.data_sources),
    output:
        folder=directory(PREPARED),
    log:
        f"{LOGS}/prepare-{{dataset}}.log",
    wildcard_constraints:
        dataset=inputs.OURS,
    resources:
        mem_mb=4000,
        runtime=30,
    params:
        form=of_data(lambda dataset: CONFIG.forms.get(dataset.motion, "auto")),
    script:
        "../scripts/prepare.py"


use rule prepare as render with:
    wildcard_constraints:
        dataset=inputs.RENDERED,
    priority: 1
    resources:
        mem_mb=4000,
        runtime=60,


# The papers' own data, from files that a person puts into data/raw or that `make data` fetched.
use rule prepare as convert with:
    wildcard_constraints:
        dataset=inputs.PAPERS,
    resources:
        mem_mb=4000,
        runtime=240,
