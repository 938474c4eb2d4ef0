"""The papers' own data sets, in the forms that people have them: readers, and what prepares them for training."""
