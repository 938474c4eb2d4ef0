import sys
from pathlib import Path

from reports.records import read_states
from reports.regression.verdict import terminal
from workflow.commands.gate import check, measurements_of, numbers_now
from workflow.scripting import logged

files = {name: Path(str(path)) for name, path in snakemake.input.items() if name not in ("recomputed", "evaluated")}
with logged(snakemake.log[0]):
    states = read_states(str(snakemake.input.recomputed), snakemake.input.evaluated)
    measured = measurements_of(files["measurements"])
    now = numbers_now(measured, (files["fingerprints"], files["first_steps"]), files["speeds"])
    verdict = check(now, files["noise"], files["baseline"], states, files["measurements"].parent)
    print(*terminal(verdict), sep="\n")
    print(*snakemake.params.failed, sep="\n")  # what is missing for want of these
log = Path(snakemake.log[0])
told = log.read_text(encoding="utf-8")
print(told, end="")
if verdict.red:
    error = "error: numbers or records got worse, changed or are missing (see above, regression.csv and the site)"
    log.write_text(f"{told}{error}\n", encoding="utf-8")
    sys.exit(error)
