from reports.boards import write_boards
from reports.measurements import Choice
from workflow.scripting import logged

with logged(snakemake.log[0]):
    write_boards(
        snakemake.params.studies,
        snakemake.input.measurements,
        str(snakemake.input.noise),
        snakemake.output[0],
        Choice(**snakemake.params.options),
    )
