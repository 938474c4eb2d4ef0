"""What happens before a run of Snakemake, at its start and at its end: the Snakefile calls these."""

import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from snakemake.utils import min_version

from base.errors import InputError
from base.terminal import fit_terminal
from studies.config import Config, read_config
from studies.places import EFFICIENCY, RECORDS, RUNS, WRITTEN, Places
from studies.plan import Plan, make_plan
from workflow.commands.bill import keep_to_budget
from workflow.failures import go_on
from workflow.folders import check_folders
from workflow.place import unspeakable
from workflow.presence import announce
from workflow.progress import begin, settle
from workflow.timers import cancel_timers


def open_plan(chosen: Mapping[str, object]) -> Plan:
    """The plan of config.yaml and of what Snakemake's command line chose of it; bad input ends here in one line.

    `configfile:` would merge the two by other rules.
    """
    min_version("9.27")
    fit_terminal()
    # Snakemake calls Python by this path without quotes: seen from here no folder above puts a blank or quote into it.
    sys.executable = os.path.relpath(sys.executable)
    if obstacle := unspeakable():
        sys.exit(f"error: {obstacle}")
    try:
        check_folders(*WRITTEN)
        plan = make_plan(read_config(chosen))
        announce()
    except InputError as error:
        sys.exit(f"error: {error}")
    return plan


def start(plan: Plan, workflow: Any, log: Sequence[str]) -> None:
    """Keep to the budget, and begin the display. workflow: Snakemake's."""
    workflow.scheduler.keepgoing = True  # a failed job stops no other one, whatever the profile
    try:
        keep_to_budget(plan)
        begin(plan, workflow, log)
    except InputError as error:
        cancel_timers()
        sys.exit(f"error: {error}")


def end(config: Config, workflow: Any, chosen: Mapping[str, object] | None = None) -> None:
    """Say what was made; where jobs failed, make what can be made without them.

    workflow : Snakemake's; chosen: where jobs failed, what its command line chose of the config
    """
    cancel_timers()
    name = f"{config.scale.name}-{config.motion}"
    failed = go_on(workflow, chosen, name) if chosen is not None else []
    settle()
    if failed or chosen is None:
        outputs = {str(file) for job in workflow.dag.jobs for file in job.output}
        for line in (*_closing_lines(Places(config.scale.name, config.motion), outputs), *failed):
            print(line)


def _closing_lines(places: Places, outputs: set[str]) -> list[str]:
    """The summary of a report if its tables are in the outputs, else where to look: older ones tell of other runs."""
    from reports.summary import summary_lines

    written = [f for f in (places.report, RUNS, EFFICIENCY, RECORDS) if any(o.startswith(f"{f}/") for o in outputs)]
    folders = written[:1] if places.report in written else written
    elsewhere = [f"Look at {' and '.join(folders)}"] if folders else []
    if places.cells not in outputs or not Path(places.cells).is_file():
        return elsewhere
    try:
        return summary_lines(places.report, outputs)
    except InputError as error:  # tables of an earlier revision
        return [f"warning: {error}", *elsewhere]
