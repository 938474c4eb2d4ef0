import io
import sys
from contextlib import redirect_stdout
from pathlib import Path

from datasets.todo import get_data
from studies.terminal import fit_terminal

fit_terminal()
with redirect_stdout(io.StringIO()) as told:
    missing = get_data(snakemake.params.benchmarks, Path("data/raw"), snakemake.params.settings)
Path(snakemake.log[0]).write_text(told.getvalue(), encoding="utf-8")
print(told.getvalue())  # the list is what a person is to read, so it is not only in the log
sys.exit(1 if missing else 0)
