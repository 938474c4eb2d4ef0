"""Data sets: where they come from, how they become arrays, and how these are read.

`datasets.motion.prepare.prepare` writes a data set, `datasets.lifting.load` reads one split of it. Nothing here needs
torch, and nothing is imported here: what trains on prepared data does not depend on how they were made.
"""
