CELLS = f"{REPORT}/cells.csv"  # every cell of every table, judged once


rule judge:
    input:
        measurements=f"{REPORT}/measurements.csv",
        comparisons=made([COMPARISONS]),
        studies=collect("studies/{study}.yaml", study=STUDIES),
        names=NAMES,
        sources=closure("reports.tables.judge"),
    output:
        CELLS,
    log:
        f"results/logs/judge-{SCALE}-{DATASET}.log",
    resources:
        mem_mb=1000,
        runtime=5,
    params:
        studies=STUDIES,
        options=REPORT_OPTIONS,
    script:
        "../scripts/judge.py"


# One process for all tables: its imports take longer than writing a table.
rule tables:
    input:
        cells=CELLS,
        studies=collect("studies/{study}.yaml", study=STUDIES),
        sources=closure("reports.tables.writers"),
    output:
        reported("table", MADE_TABLES),
        document=f"{REPORT}/tables/all.tex",
    log:
        f"results/logs/tables-{SCALE}-{DATASET}.log",
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
        cells=CELLS,
        measurements=f"{REPORT}/measurements.csv",
        drawn=made(FIGURE_INPUTS),
        studies=collect("studies/{study}.yaml", study=STUDIES),
        names=NAMES,
        sources=closure("reports.figures"),
    output:
        reported("figure", MADE_FIGURES),
    log:
        f"results/logs/figures-{SCALE}-{DATASET}.log",
    threads: 2
    resources:
        mem_mb=1500,
        runtime=10,
    params:
        figures=[(study, figure.id) for study, figure in PLANNED_FIGURES],
        options=REPORT_OPTIONS,
        lenient=lenient,
    script:
        "../scripts/figures.py"


rule site:
    input:
        cells=CELLS,
        measurements=f"{REPORT}/measurements.csv",
        audit=made(AUDIT),
        tables=made(TABLES),
        figures=made(FIGURES),
        orders=made(["results/efficiency/scan_orders.npz"]),
        heatmaps=HEATMAPS,
        names=NAMES,
        docs=DOCS,
        sources=closure("reports.site.build"),
    output:
        folder=directory(SITE),
    log:
        f"results/logs/site-{SCALE}-{DATASET}.log",
    resources:
        mem_mb=1500,
        runtime=5,
    params:
        studies=STUDIES,
        options=REPORT_OPTIONS,
        scaling=scaling_drawn,
    script:
        "../scripts/site.py"


# RO-Crate metadata: what each file of the folder is, for machines.
rule crate:
    input:
        cells=CELLS,
        measurements=f"{REPORT}/measurements.csv",
        audit=made(AUDIT),
        tables=made(TABLES),
        figures=made(FIGURES),
        site=made([SITE]),
        sources=closure("reports.crate"),
    output:
        CRATE,
    log:
        f"results/logs/crate-{SCALE}-{DATASET}.log",
    resources:
        mem_mb=1000,
        runtime=5,
    params:
        studies=STUDIES,
        options=REPORT_OPTIONS,
    script:
        "../scripts/crate.py"


# What the audit finds out by running code: small experiments without data. Torch, hence a job of its own.
rule evidence:
    input:
        sources=closure("workflow.measuring.evidence", *EVIDENCE_MODELS),
    output:
        EVIDENCE,
    log:
        "results/logs/evidence.log",
    resources:
        mem_mb=2000,
        runtime=5,
    params:
        lenient=lenient,
    script:
        "../scripts/evidence.py"


rule audit:
    input:
        cells=CELLS,
        measurements=f"{REPORT}/measurements.csv",
        evidence=made([EVIDENCE]),
        studies=collect("studies/{study}.yaml", study=STUDIES),
        names=[*NAMES, "studies/claims.yaml", "studies/findings.yaml"],
        sources=closure("reports.audit.write"),
    output:
        AUDIT[:-1],
        report(AUDIT[-1], caption="../report/audit.rst", category="Audit"),
    log:
        f"results/logs/audit-{SCALE}-{DATASET}.log",
    resources:
        mem_mb=1000,
        runtime=5,
    params:
        studies=STUDIES,
        options=REPORT_OPTIONS,
    script:
        "../scripts/audit.py"
