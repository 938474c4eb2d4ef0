from base.files import write_csv
from studies.places import COUNT_PARTS, COUNTS, EXCLUDED
from workflow.measuring.counts import counts_of, kept_counts
from workflow.scripting import logged

with logged(snakemake.log[0]):
    kept = kept_counts()
    for family, variants in snakemake.params.variants.items():
        counts, _ = counts_of(variants, snakemake.params.remembered, kept)
        for template, table in zip((COUNTS, EXCLUDED, COUNT_PARTS), counts.tables, strict=True):
            write_csv(template.format(family=family), table.drop(columns="key"))
