# Every cell of every table is judged once.
rule judge:
    input:
        **STATES,
        measurements=PLACES.measurements,
        comparisons=made([PLACES.comparisons]),
        studies=collect("studies/{study}.yaml", study=STUDIES),
        names=NAMES,
        sources=closure("reports.tables.judge"),
    output:
        PLACES.cells,
        records=PLACES.record_states,
    log:
        PLACES.log("judge"),
    resources:
        mem_mb=1000,
        runtime=5,
    params:
        records=[str(record.folder) for record in KEPT],
        earlier=EARLIER,
        studies=STUDIES,
        options=REPORT_OPTIONS,
    script:
        "../scripts/judge.py"


# Every claim that one row of a table is better than another is judged once as well.
rule orders:
    input:
        **STATES,
        measurements=PLACES.measurements,
        resamples=scored(PLACES.resamples),
        records=[record.resamples for record in KEPT],
        noise=made([NOISE]),
        studies=collect("studies/{study}.yaml", study=STUDIES),
        names=NAMES,
        sources=closure("reports.orders.judge", "reports.orders.writers"),
    output:
        report(PLACES.orders[0], caption="../report/orders.rst", category="Claims"),
        PLACES.orders[1:],
    log:
        PLACES.log("orders"),
    resources:
        mem_mb=1000,
        runtime=5,
    params:
        studies=STUDIES,
        options=REPORT_OPTIONS,
    script:
        "../scripts/orders.py"


# Every pair of networks of a leaderboard is compared once, so that a page can show them against any of them.
rule boards:
    input:
        measurements=PLACES.measurements,
        resamples=scored(PLACES.resamples),
        records=[record.resamples for record in KEPT],
        noise=made([NOISE]),
        studies=collect("studies/{study}.yaml", study=STUDIES),
        names=NAMES,
        sources=closure("reports.boards"),
    output:
        PLACES.boards,
    log:
        PLACES.log("boards"),
    resources:
        mem_mb=1000,
        runtime=5,
    params:
        studies=STUDIES,
        options=REPORT_OPTIONS,
    script:
        "../scripts/boards.py"


# One process for all tables: its imports take longer than writing a table.
rule tables:
    input:
        cells=PLACES.cells,
        studies=collect("studies/{study}.yaml", study=STUDIES),
        names=NAMES,
        sources=closure("reports.tables.writers"),
    output:
        reported("table", TABLES),
        document=f"{REPORT}/tables/all.tex",
    log:
        PLACES.log("tables"),
    resources:
        mem_mb=1000,
        runtime=5,
    params:
        studies=STUDIES,
        options=REPORT_OPTIONS,
    script:
        "../scripts/tables.py"


# One job for all figures as well: its imports take longer than drawing.
rule figures:
    input:
        cells=PLACES.cells,
        measurements=PLACES.measurements,
        drawn=made(inputs.figure_inputs(PLAN, PLACES)),
        studies=collect("studies/{study}.yaml", study=STUDIES),
        names=NAMES,
        sources=closure("reports.figures"),
    output:
        reported("figure", FIGURES),
    log:
        PLACES.log("figures"),
    threads: 2
    resources:
        mem_mb=1500,
        runtime=10,
    params:
        figures=list(dict.fromkeys((study, item.id) for study, item, _ in FIGURES)),
        options=REPORT_OPTIONS,
        lenient=lenient,
    script:
        "../scripts/figures.py"


rule site:
    input:
        cells=PLACES.cells,
        records=PLACES.record_states,
        poses=made(POSES.format(dataset=name) for name in KEPT_HERE),
        measurements=PLACES.measurements,
        count_parts=PLACES.count_parts,
        audit=made(PLACES.audit),
        tables=paths(TABLES),
        figures=paths(FIGURES),
        orders=made(PLACES.orders),
        boards=made([PLACES.boards]),
        scans=made([SCAN_ORDERS]),
        heatmaps=HEATMAPS,
        names=NAMES,
        docs=["README.md", *inputs.documents()],
        sources=closure("reports.site.build"),
    output:
        folder=directory(PLACES.site),
    log:
        PLACES.log("site"),
    resources:
        mem_mb=1500,
        runtime=5,
    params:
        studies=STUDIES,
        options=REPORT_OPTIONS,
        scaling=lambda wildcards: inputs.scaling_drawn(),
    script:
        "../scripts/site.py"


# RO-Crate metadata: what each file of the folder is, for machines.
rule crate:
    input:
        cells=PLACES.cells,
        measurements=PLACES.measurements,
        audit=made(PLACES.audit),
        tables=paths(TABLES),
        figures=paths(FIGURES),
        orders=made(PLACES.orders),
        site=made([PLACES.site]),
        sources=closure("reports.crate"),
    output:
        PLACES.crate,
    log:
        PLACES.log("crate"),
    resources:
        mem_mb=1000,
        runtime=5,
    params:
        studies=STUDIES,
        options=REPORT_OPTIONS,
    script:
        "../scripts/crate.py"


EVIDENCE_MODELS = [
    variant(name).module
    for name in ("posemamba-s", "sasmamba", "glsmamba-b", "tcpformer")
]


# What the audit finds out by running code: small experiments without data. Torch, hence a job of its own.
rule evidence:
    input:
        sources=closure("workflow.measuring.evidence", *EVIDENCE_MODELS),
    output:
        EVIDENCE,
    log:
        f"{LOGS}/evidence.log",
    resources:
        mem_mb=2000,
        runtime=5,
    params:
        lenient=lenient,
    script:
        "../scripts/evidence.py"


rule audit:
    input:
        cells=PLACES.cells,
        measurements=PLACES.measurements,
        evidence=made([EVIDENCE]),
        studies=collect("studies/{study}.yaml", study=STUDIES),
        names=[*NAMES, "studies/claims.yaml", "studies/findings.yaml"],
        sources=closure("reports.audit.write"),
    output:
        PLACES.audit[:-1],
        report(PLACES.audit[-1], caption="../report/audit.rst", category="Audit"),
    log:
        PLACES.log("audit"),
    resources:
        mem_mb=1000,
        runtime=5,
    params:
        studies=STUDIES,
        options=REPORT_OPTIONS,
    script:
        "../scripts/audit.py"
