"""The data sets that papers print numbers for: their names, and how much of them there is."""

BENCHMARKS = {
    "human36m": "Human3.6M",
    "mpi-inf-3dhp": "MPI-INF-3DHP",
    "posetrack17": "PoseTrack2017",
    "posetrack18": "PoseTrack2018",
    "posetrack21": "PoseTrack21",
    "jhmdb": "Sub-JHMDB",
}
# Takes whose ground truth is shifted (Greeting, SittingDown, Waiting of S9); sources without their camera.
HUMAN36M_BLOCKED = ("s_09_act_05_subact_02", "s_09_act_10_subact_02", "s_09_act_13_subact_01")
CAMERA_SUFFIX = 6  # characters of "_ca_01"
# Frames (of the PoseTracks: videos) to train on and to be judged by, as the papers have them; several numbers where
# published files differ (spec data_metrics, 1.2 to 1.4). Anything else is not the papers' data.
AMOUNTS: dict[str, dict[str, tuple[int, ...]]] = {
    "human36m": {"train": (1_559_752,), "test": (566_920,)},
    "mpi-inf-3dhp": {"train": (1_052_736,), "test": (2_929, 2_875)},
    "posetrack17": {"train": (250, 292), "test": (50,)},
    "posetrack18": {"train": (593,), "test": (170, 74)},
    "posetrack21": {"train": (593,), "test": (170,)},
}


def departures(benchmark: str, found: dict[str, int]) -> list[str]:
    """What of the papers' data is missing or too much, in words. found: amount by split, train and test."""
    return [
        f"{found[split]:,} {split} {'videos' if benchmark.startswith('posetrack') else 'frames'} of {wanted[0]:,}"
        for split, wanted in AMOUNTS.get(benchmark, {}).items()
        if split in found and found[split] not in wanted
    ]
