from fractions import Fraction
from pathlib import Path

from studies.records import Record
from workflow.measuring.records import evaluate_records
from workflow.scripting import logged

with logged(snakemake.log[0]):
    kept, played = (
        [Record.in_folder(folder) for folder in folders]
        for folders in (snakemake.params.records, snakemake.params.played)
    )
    evaluate_records(
        kept, Path(snakemake.input.data), Path(snakemake.output[0]), played, Fraction(snakemake.params.part)
    )
