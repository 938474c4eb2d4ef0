from base.files import write_csv
from studies.places import COUNTS, EXCLUDED
from workflow.measuring.counts import counts_of, kept_counts
from workflow.scripting import logged

with logged(snakemake.log[0]):
    kept = kept_counts()
    for family, variants in snakemake.params.variants.items():
        counts, _ = counts_of(variants, snakemake.params.remembered, kept)
        write_csv(COUNTS.format(family=family), counts.numbers.drop(columns="key"))
        write_csv(EXCLUDED.format(family=family), counts.left_out.drop(columns="key"))
