from pathlib import Path

from reports.tables import write_document, write_tables
from workflow.scripting import logged

with logged(snakemake.log[0]):
    folder, stems = Path(snakemake.output.document).parent, []
    for study in snakemake.params.studies:
        found = (snakemake.input.measurements, folder, str(snakemake.input.comparisons))
        written = write_tables(study, *found, **snakemake.params.options)
        stems += [path.stem for path in written if path.suffix == ".tex"]
    write_document(stems, folder)
