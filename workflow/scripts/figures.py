from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

from reports.figures import write_figure
from workflow.scripting import logged

with logged(snakemake.log[0]):
    measurements = snakemake.input.measurements
    folder, how = (
        Path(measurements).with_name("figures"),
        {"lenient": snakemake.params.lenient, **snakemake.params.options},
    )
    with ProcessPoolExecutor(snakemake.threads, get_context("fork")) as workers:  # forked: nothing is imported twice
        drawn = [
            workers.submit(write_figure, study, name, measurements, folder / f"{study}-{name}", **how)
            for study, name in snakemake.params.figures
        ]
        for figure in drawn:
            figure.result()  # raises what went wrong
