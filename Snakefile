"""ssmpose: from data to page. config.yaml says what to run.

Targets: all, tables, orders, figures, audit, site, regression, efficiency, scaling, train.
"""

from workflow import hooks

PLAN = hooks.open_plan(config)  # what was chosen on the command line


report: "workflow/report/workflow.rst"


include: "workflow/rules/common.smk"
include: "workflow/rules/data.smk"
include: "workflow/rules/train.smk"
include: "workflow/rules/records.smk"
include: "workflow/rules/measure.smk"
include: "workflow/rules/scaling.smk"
include: "workflow/rules/report.smk"
include: "workflow/rules/regression.smk"


rule all:
    default_target: True
    input:
        paths([*TABLES, *FIGURES]),
        made([PLACES.site, PLACES.crate]),
    localrule: True


onstart:
    hooks.start(PLAN, workflow, log)


onsuccess:
    hooks.end(PLAN.config, workflow)


onerror:
    hooks.end(PLAN.config, workflow, config)
