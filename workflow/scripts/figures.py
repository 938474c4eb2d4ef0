from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

from reports.figures import read_sources, write_figure
from reports.measurements import Choice
from workflow.scripting import logged

with logged(snakemake.log[0]):
    report = Path(snakemake.input.cells).parent
    sources = read_sources(report, Choice(**snakemake.params.options))
    with ProcessPoolExecutor(snakemake.threads, get_context("fork")) as workers:  # forked: nothing is imported twice
        drawn = [
            workers.submit(
                write_figure, study, name, sources, report / "figures" / f"{study}-{name}", snakemake.params.lenient
            )
            for study, name in snakemake.params.figures
        ]
        for figure in drawn:
            figure.result()  # raises what went wrong
