"""Every command of the project: `python -m workflow COMMAND`. The Makefile calls these and nothing else."""

import sys
from importlib import import_module

from base.errors import InputError
from base.reading import nearest
from base.terminal import HELP, command

# Of each module in workflow/commands: its arguments, and what it does.
COMMANDS = {
    "run": ("TARGET [--config key=value ...]", "Snakemake, its progress on one line"),
    "plan": ("[key=value ...]", "show what would run, why, and for about how long"),
    "bill": ("[key=value ...]", "estimate the cost of the runs that are still to do"),
    "doctor": ("[key=value ...]", "check data, environment and disk"),
    "data": ("[DATASET ...] [key=value ...]", "download the papers' data, or list what is left to do"),
    "motions": ("MOTION ...", "compare the statistics of motions"),
    "resume": ("", "remove what a killed run left behind"),
    "explain": ("RUN RUN", "explain why a number changed between two run folders"),
    "audit": ("[FINDING ...]", "show findings with their evidence; without a name, list all titles"),
    "gate": ("--fast [KIND ...] | --accept REASON", "compare with the baseline, or renew it"),
    "counts": ("[NETWORK ...]", "count networks; without a name, count and keep what changed"),
    "open": ("", "open the newest site in a browser"),
    "lint": ("", "Snakemake's lint, without its advice on environments"),
}


def usage(name: str) -> str:
    """The line of help of one command."""
    arguments, does = COMMANDS[name]
    return f"python -m workflow {name} {arguments}".ljust(60) + f"  {does}"


def main(arguments: list[str]) -> int | None:
    """Call a command with its arguments; its exit status. Raises InputError for an unknown one, or needless ones."""
    if not arguments or arguments[0] not in COMMANDS:
        given = f"unknown command {arguments[0]!r}{nearest(arguments[0], COMMANDS)}" if arguments else "say a command"
        raise InputError(f"{given}; python -m workflow --help lists them")
    if arguments[1:] and not COMMANDS[arguments[0]][0]:
        raise InputError(f"{arguments[0]} takes no arguments, got {arguments[1]!r}")
    return import_module(f"workflow.commands.{arguments[0]}").main(arguments[1:])


if __name__ == "__main__":
    asked = [name for name in sys.argv[1:2] if name in COMMANDS and set(sys.argv) & set(HELP)]
    command(main, "\n       ".join(usage(name) for name in asked or COMMANDS))
