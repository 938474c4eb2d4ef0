"""The site: every table, figure, run and finding as pages that open from a file, without a network."""
