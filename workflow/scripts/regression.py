import sys
from pathlib import Path

from workflow.regression import check
from workflow.scripting import logged

read = [Path(snakemake.input[name]) for name in ("measurements", "fingerprints", "speeds", "noise", "baseline")]
with logged(snakemake.log[0]):
    well = check(*read, read[0].with_name("regression.csv"))
print(Path(snakemake.log[0]).read_text(encoding="utf-8"), end="")
if not well:
    sys.exit("error: numbers got worse, changed or are missing (the table above, and regression.csv)")
