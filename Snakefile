"""ssmpose: from data to page. config.yaml says what to run.

Targets: all, tables, figures, audit, site, regression, efficiency, scaling, train.
"""

import os
import sys
from pathlib import Path

from snakemake.utils import min_version

from studies.config import checked_config
from base.errors import InputError
from studies.plan import make_plan
from base.reading import read_yaml, with_choices
from base.terminal import fit_terminal
from workflow.commands.bill import keep_to_budget
from workflow.failures import go_on
from workflow.folders import WRITTEN, check_folders
from workflow.place import unspeakable
from workflow.presence import announce
from workflow.progress import begin, settle
from workflow.timers import cancel_timers

min_version("9.27")

fit_terminal()
# Snakemake calls Python by this path without quotes: seen from here it holds no blank or quote of the folders above.
sys.executable = os.path.relpath(sys.executable)
if told := unspeakable():
    sys.exit(f"error: {told}")


report: "workflow/report/workflow.rst"


try:
    check_folders(*WRITTEN)
    # Snakemake's `config` holds here what was chosen on its command line. `configfile:` would merge it by other rules.
    PLAN = make_plan(checked_config(with_choices(read_yaml("config.yaml"), config)))
    announce()
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
    try:
        keep_to_budget(PLAN)
        begin(PLAN, workflow, log)
    except InputError as error:
        cancel_timers()
        sys.exit(f"error: {error}")


onsuccess:
    cancel_timers()
    settle()
    print("\n".join(closing_lines()))


onerror:
    cancel_timers()
    lines = go_on(workflow, config, f"{SCALE}-{DATASET}")
    settle()
    if lines:
        print("\n".join([*closing_lines(), *lines]))
