import sys
from pathlib import Path

from reports.records import read_states
from workflow.commands.gate import check, numbers_now
from workflow.scripting import logged

files = {name: Path(str(path)) for name, path in snakemake.input.items() if name not in ("recomputed", "evaluated")}
with logged(snakemake.log[0]):
    states = read_states(str(snakemake.input.recomputed), snakemake.input.evaluated)
    now = numbers_now(files["measurements"], (files["fingerprints"], files["first_steps"]), files["speeds"])
    well = check(now, files["noise"], files["baseline"], states, files["measurements"].with_name("regression.csv"))
    print(*snakemake.params.failed, sep="\n")  # what is missing for want of these
log = Path(snakemake.log[0])
told = log.read_text(encoding="utf-8")
print(told, end="")
if not well:
    error = "error: numbers or records got worse, changed or are missing (the table above, and regression.csv)"
    log.write_text(f"{told}{error}\n", encoding="utf-8")
    sys.exit(error)
