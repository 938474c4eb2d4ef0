from dataclasses import replace
from pathlib import Path

from training.job import Job
from training.launch import launch
from workflow.scripting import logged

STARTS = ("official", "weights", "features")  # inputs that not every training has

(spec,) = snakemake.params.specs
with logged(snakemake.log[0]):
    for folder in dict.fromkeys(Path(output).parent for output in snakemake.output):
        job = Job(
            replace(spec, seed=int(folder.name.removeprefix("seed"))),
            data=Path(str(snakemake.input.data)),
            run=folder,
            state=Path(snakemake.params.state, folder.name),
            sources=tuple(map(str, snakemake.input.sources)),
            threads=max(1, snakemake.threads // snakemake.params.processes),
            **{key: Path(str(value)) for key in STARTS if (value := snakemake.input.get(key))},
        )
        launch(job, snakemake.params.processes)
