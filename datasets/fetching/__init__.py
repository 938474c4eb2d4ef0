"""Getting raw files: what the catalogue says of them, downloads, archives, and what a person has to do."""
