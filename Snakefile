"""ssmpose: from data to page. config.yaml says what to run.

Targets: doctor, data, all, tables, figures, audit, site, regression, efficiency, scaling, train.
"""

import sys
from pathlib import Path

from snakemake.utils import min_version

from studies.config import checked_config
from studies.errors import InputError
from studies.plan import make_plan
from studies.reading import read_yaml
from workflow.failures import go_on
from workflow.folders import WRITTEN, check_folders
from workflow.timers import cancel_timers

min_version("9.27")


try:
    read_yaml(
        "config.yaml"
    )  # says in one line what is wrong with it, a key given twice as well
except InputError as error:
    sys.exit(f"error: {error}")


configfile: "config.yaml"


report: "workflow/report/workflow.rst"


try:
    check_folders(*WRITTEN)
    PLAN = make_plan(checked_config(config))
except InputError as error:
    sys.exit(f"error: {error}")


include: "workflow/rules/common.smk"
include: "workflow/rules/data.smk"
include: "workflow/rules/train.smk"
include: "workflow/rules/measure.smk"
include: "workflow/rules/scaling.smk"
include: "workflow/rules/report.smk"
include: "workflow/rules/regression.smk"


localrules:
    all,
    train,
    efficiency,
    scaling,
    watched,


rule all:
    default_target: True
    input:
        made([*TABLES, *FIGURES, SITE, CRATE]),


rule train:
    input:
        [path for e in PLAN.experiments for path in made(runs_of(e))],


rule efficiency:
    input:
        EFFICIENCY,


rule scaling:
    input:
        made([f"{SCALING}.svg", f"{TOKENS}.svg"]),


onstart:
    workflow.scheduler.keepgoing = (
        True  # a failed job stops no other one, whatever the profile
    )
    if any(PLAN.config["budget"].values()):
        from workflow.bill import keep_to_budget  # imports torch

        try:
            keep_to_budget(PLAN)
        except InputError as error:
            cancel_timers()
            sys.exit(f"error: {error}")


onsuccess:
    cancel_timers()
    print("\n".join(closing_lines()))


onerror:
    cancel_timers()
    if lines := go_on(workflow, config):
        print("\n".join([*closing_lines(), *lines]))
