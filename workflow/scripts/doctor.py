import sys
from pathlib import Path

from studies.plan import make_plan
from studies.terminal import fit_terminal
from workflow.doctor import examine, report

fit_terminal()
findings = examine(make_plan(snakemake.params.plan))
Path(snakemake.log[0]).write_text(report(findings) + "\n", encoding="utf-8")
print(report(findings))  # what a person is to read, so it is not only in the log
sys.exit(1 if any(finding.state == "WRONG" for finding in findings) else 0)
