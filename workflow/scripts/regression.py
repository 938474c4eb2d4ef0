import sys
from pathlib import Path

from workflow.commands.gate import check
from workflow.scripting import logged

read = [Path(snakemake.input[name]) for name in ("measurements", "fingerprints", "speeds", "noise", "baseline")]
with logged(snakemake.log[0]):
    well = check(*read, read[0].with_name("regression.csv"))
    print(*snakemake.params.failed, sep="\n")  # what is missing for want of these
log = Path(snakemake.log[0])
told = log.read_text(encoding="utf-8")
print(told, end="")
if not well:
    error = "error: numbers got worse, changed or are missing (the table above, and regression.csv)"
    log.write_text(f"{told}{error}\n", encoding="utf-8")
    sys.exit(error)
