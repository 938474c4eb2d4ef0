from training.launch import launch
from workflow.scripting import jobs_of_rule, logged

with logged(snakemake.log[0]):
    for job in jobs_of_rule(snakemake):
        launch(job, snakemake.params.processes)
