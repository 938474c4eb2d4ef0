from base.files import write_rows
from workflow.measuring.fingerprints import Fingerprint, fingerprints
from workflow.scripting import logged

with logged(snakemake.log[0]):
    rows = fingerprints(snakemake.params.hyper, lenient=snakemake.params.lenient)
    write_rows(snakemake.output[0], Fingerprint, rows)
