# One process for all tables: reading the measurements takes longer than writing a table.
rule tables:
    input:
        measurements=f"{REPORT}/measurements.csv",
        studies=collect("studies/{study}.yaml", study=STUDIES),
        names=NAMES,
        sources=closure("reports.tables"),
    output:
        TABLES,
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


rule figure:
    input:
        unpack(figure_inputs),
        measurements=f"{REPORT}/measurements.csv",
        study="studies/{study}.yaml",
        names=NAMES,
        sources=closure("reports.figures"),
    output:
        svg=f"{REPORT}/figures/{{study}}-{{figure}}.svg",
        png=f"{REPORT}/figures/{{study}}-{{figure}}.png",
    log:
        f"results/logs/figure-{SCALE}-{DATASET}-{{study}}-{{figure}}.log",
    resources:
        mem_mb=1500,
        runtime=10,
    params:
        options=REPORT_OPTIONS,
    script:
        "../scripts/figure.py"


rule index:
    input:
        measurements=f"{REPORT}/measurements.csv",
        tables=TABLES,
        figures=FIGURES,
        names=NAMES,
        sources=closure("reports.index"),
    output:
        f"{REPORT}/index.html",
    log:
        f"results/logs/index-{SCALE}-{DATASET}.log",
    resources:
        mem_mb=1000,
        runtime=5,
    params:
        studies=STUDIES,
        options=REPORT_OPTIONS,
        scaling=scaling_drawn,
    script:
        "../scripts/index.py"
