import json
from pathlib import Path

from base.files import write_text
from workflow.measuring.records import keep
from workflow.scripting import logged

with logged(snakemake.log[0]):
    run = Path(snakemake.output[0]).parent
    record = Path(snakemake.params.record.format(**snakemake.wildcards))
    keep(run, Path(snakemake.input.data), record)
    write_text(Path(snakemake.output[0]), json.dumps({"record": str(record)}) + "\n")
