"""What `make` runs: Snakemake with its default profile, and one line of progress instead of all that it says.

    python -m workflow run TARGET [--config key=value ...]

`snakemake` by hand looks as ever: the display is a logger that only this command knows.
"""

import sys
from pathlib import Path

from snakemake.cli import main as snakemake
from snakemake_interface_logger_plugins.registry import LoggerPluginRegistry

from workflow import progress
from workflow.commands.resume import earlier_run, in_the_way

# All of what Snakemake says goes into its log file; what the terminal shows of it, the logger decides.
OPTIONS = ["--workflow-profile", "workflow/profiles/default", "--quiet", "host", "--logger", "progress"]


def main(arguments: list[str]) -> int:
    """Run Snakemake; its exit status. Where an earlier run is in the way, the last line says what to do."""
    LoggerPluginRegistry().register_plugin("progress", progress)
    try:
        snakemake([*arguments, *OPTIONS])
    except SystemExit as end:
        if end.code and not isinstance(end.code, int):
            print(end.code, file=sys.stderr)
        if end.code and in_the_way(Path.cwd()):
            print(earlier_run(Path.cwd()), file=sys.stderr)
        return int(bool(end.code))
    return 0
