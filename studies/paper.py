"""Scale `paper`: the papers' own networks, data and schedules. What it leaves as it is, and what may be said of it.

Imported while Snakemake parses the workflow: nothing heavy may be imported here.
"""

PAPER = "paper"
DATASET = "human36m"  # what is meant where a table or a figure does not name its data set
VIDEO_STANDS_FOR = "posetrack17"  # what the columns of our rendered videos are measured on
DETECTORS = ("sh", "cpn")  # whose keypoints Human3.6M comes with
PUBLISHED = "published"  # the recipe of weights that are judged as they are
COCO = "coco"  # in the config's `weights`: encoders that networks for video start from
WEIGHTED = ("human36m-sh", "human36m-cpn", "human36m-gt", "mpi-inf-3dhp-gt")  # data sets that weights may be for
ALL_OF_IT = {"epochs": None, "steps": None, "learning_rate": 1, "schedule": "decay"}
UNCHANGED = ALL_OF_IT | {
    "depth": 1,
    "width": 1,
    "frames": 1,
    "batch_frames": None,
    "drop": 1,
    "seeds_together": False,
}
UNCHANGED_VIDEO = ALL_OF_IT | {
    "families": {},
    "blocks": 1,
    "leave_out": [],
    "batch": None,
    "sigma": None,
    "enlarge": None,
    "draws": None,
}


def paper_rule(given: dict) -> dict:
    """The rule of scale `paper` in the form of the other scales' rules.

    given: what config.yaml says: epochs and steps (null: the recipe's own) for a trial of the whole path, which no
    table then takes for the paper's; hold_out: whether to keep a part of the training data to select epochs by.
    """
    trial = {key: given[key] for key in ("epochs", "steps")}
    hold_out = {"hold_out": given["hold_out"]}
    video = UNCHANGED_VIDEO | trial | hold_out
    return UNCHANGED | trial | hold_out | {"video": video | {"pretraining": ALL_OF_IT | {"batch": None} | trial}}
