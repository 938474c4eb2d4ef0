"""CMU motion capture as lifting data: 33 clips, faults cut, 50 frames per second, the joints of Human3.6M.

Clips, faults, joints and splits: docs/protocols.md, CMU motion. `cmu` has the splits train, val, test (P-clip: other
clips of the same three people) and new (P-new: other people, other motions); `cmu-small` is six clips of one
person.
"""

from itertools import pairwise
from pathlib import Path

import numpy as np

from datasets.fetching.sources import source, verified
from datasets.motion.asf import AsfSkeleton, forward_kinematics, read_amc, read_asf
from datasets.motion.takes import Motion, Take

SOURCE = "cmu"
FPS = 50.0
SMALL_STEP = 2  # cmu-small keeps every second frame

_ACTIONS = {
    "Playground": [f"01_{i:02d}" for i in range(1, 15)],
    "Walking": ["02_01", "02_02", "35_01"],
    "Running": ["02_03"],
    "Jumping": ["02_04"],
    "Punching": ["02_05"],
    "Bending": ["02_06"],
    "Swordplay": ["02_07", "02_08", "02_09"],
    "Washing": ["02_10"],
    "UnevenWalking": ["03_01", "03_02", "03_03", "03_04"],
    "Kicking": ["11_01"],
    "Balancing": ["49_18", "49_19", "49_20"],
}
# clip -> what is done, and frames per second, which no AMC file says (other subjects of the site have 60).
CLIPS = {clip: (action, 120.0) for action, clips in _ACTIONS.items() for clip in clips}

_VAL, _TEST = ["01_11", "02_09", "03_01"], ["01_13", "01_14", "02_02", "02_04", "02_06", "03_04"]
_NEW = ["11_01", "35_01", "49_18", "49_19", "49_20"]
SPLITS = {
    "cmu": {
        "train": [clip for clip in sorted(CLIPS) if clip not in _VAL + _TEST + _NEW],
        "val": _VAL,
        "test": _TEST,
        "new": _NEW,
    },
    "cmu-small": {"train": ["02_01", "02_03", "02_05"], "val": ["02_09"], "test": ["02_02", "02_04"]},
}
CAMERAS = {"cmu": (0, 1, 2, 3), "cmu-small": (0, 1)}

# Bones whose ends are Human3.6M's joints 1 to 16; joint 0 is the middle of joints 1 and 4 (the ASF's own root
# lies 11 cm above). A forearm ends at `lwrist`: radius and wrist share its twist.
ENDS = (
    "rhipjoint", "rfemur", "rtibia", "lhipjoint", "lfemur", "ltibia", "lowerback", "thorax", "upperneck", "head",
    "lclavicle", "lhumerus", "lwrist", "rclavicle", "rhumerus", "rwrist",
)  # fmt: skip

# A fault is a standstill, or a step of one joint that stands out from the steps around it: a leg that flips, a
# body that jumps. A plain limit on speed would also cut the kick of 11_01, whose foot makes 15 m/s.
STANDSTILL = 6  # equal frames
EQUAL = 1e-6  # metres
JUMP = 0.09  # metres in one frame
OUTSTANDING = 2.0  # times the longest step of the frames around
AROUND = 3  # frames on either side
SHORTEST = 60  # frames of the clip: shorter pieces between faults are part of the fault


def motion(base: str, raw_dir: Path | None, seed: int) -> Motion:
    """Takes of `cmu` or `cmu-small` from the raw files in `raw_dir/cmu`; nothing in them is random.

    Raises InputError for a file that is missing, differs from its sha256 or cannot be read.
    """
    splits = SPLITS[base]
    clips = [clip for names in splits.values() for clip in names]
    hashes = verified(SOURCE, raw_dir, sorted({file for clip in clips for file in clip_files(clip)}))
    takes = {clip: clip_takes(clip, raw_dir / SOURCE, CAMERAS[base]) for clip in clips}
    if base == "cmu-small":
        takes = {clip: [_thinned(take) for take in parts] for clip, parts in takes.items()}
    fps = FPS / SMALL_STEP if base == "cmu-small" else FPS
    pieces = {split: [take for clip in names for take in takes[clip]] for split, names in splits.items()}
    return Motion(pieces, fps, source(SOURCE).origin(hashes))


def clip_takes(clip: str, folder: Path, cameras: tuple[int, ...]) -> list[Take]:
    """The faultless pieces of one clip (`02_01`) as takes at 50 Hz. folder: holds `subjects/02/02_01.amc`."""
    asf, amc = clip_files(clip)
    skeleton = read_asf(folder / asf)
    action, fps = CLIPS[clip]
    joints = human36m_joints(skeleton, forward_kinematics(skeleton, read_amc(folder / amc, skeleton, fps)))
    pieces = faultless(joints)
    floor = np.concatenate([joints[first:stop, 0, :2] for first, stop in pieces])
    joints[..., :2] -= (floor.max(0) + floor.min(0)) / 2
    subject, act = map(int, clip.split("_"))
    return [
        Take(subject, act, number, action, cameras, *resampled(joints, first, stop, fps))
        for number, (first, stop) in enumerate(pieces, 1)
    ]


def human36m_joints(skeleton: AsfSkeleton, points: np.ndarray) -> np.ndarray:
    """Points of a CMU skeleton (F, P, 3), y up, to Human3.6M's 17 joints (F, 17, 3), z up, in the same unit."""
    ends = points[:, [skeleton.points.index(name) for name in ENDS]]  # (F, 16, 3)
    pelvis = (ends[:, 0] + ends[:, 3]) / 2
    joints = np.concatenate([pelvis[:, None], ends], 1)
    return np.stack([joints[..., 0], -joints[..., 2], joints[..., 1]], -1)


def faultless(joints: np.ndarray) -> list[tuple[int, int]]:
    """Pieces (first, stop) of a clip, joints (F, 17, 3) in metres, between its faults; short ones are left out."""
    steps = np.linalg.norm(np.diff(joints, axis=0), axis=-1)  # (F - 1, 17); step t leads from frame t to t + 1
    jumps = np.flatnonzero(_outstanding(steps).any(1)) + 1
    frozen = _standstill(steps.max(1) < EQUAL)  # (F,)
    edges = np.flatnonzero(frozen[1:] != frozen[:-1]) + 1
    bounds = sorted({0, *jumps.tolist(), *edges.tolist(), len(joints)})
    return [(first, stop) for first, stop in pairwise(bounds) if stop - first >= SHORTEST and not frozen[first]]


def _outstanding(steps: np.ndarray) -> np.ndarray:
    """Which steps (F - 1, 17) are longer than JUMP and OUTSTANDING times each of the AROUND steps on either side."""
    padded = np.pad(steps, ((AROUND, AROUND), (0, 0)))
    shifts = [shift for shift in range(2 * AROUND + 1) if shift != AROUND]
    around = np.max([padded[shift : shift + len(steps)] for shift in shifts], axis=0)
    return (steps > JUMP) & (steps > OUTSTANDING * around)


def _standstill(still: np.ndarray) -> np.ndarray:
    """Frames (F,) in a run of at least STANDSTILL equal ones; still: (F - 1,) whether a step leads nowhere."""
    frozen = np.zeros(len(still) + 1, bool)
    edges = np.flatnonzero(np.diff(np.concatenate([[False], still, [False]])))
    for first, stop in edges.reshape(-1, 2):
        frozen[first : stop + 1] |= stop + 1 - first >= STANDSTILL
    return frozen


def resampled(joints: np.ndarray, first: int, stop: int, fps: float) -> tuple[np.ndarray, np.ndarray]:
    """Frame numbers (T,) and joints (T, 17, 3) at 50 Hz of frames first to stop - 1 at `fps`; linear in between.

    Frame k lies k/50 s after the clip's first frame, whatever was cut before it.
    """
    ratio = fps / FPS
    frames = np.arange(np.ceil(first / ratio), np.floor((stop - 1) / ratio) + 1).astype(np.int64)
    place = frames * ratio
    before = np.minimum(place.astype(np.int64), stop - 2)
    part = (place - before)[:, None, None]
    return frames, (1 - part) * joints[before] + part * joints[before + 1]


def _thinned(take: Take) -> Take:
    return Take(**vars(take) | {"frames": take.frames[::SMALL_STEP], "joints": take.joints[::SMALL_STEP]})


def clip_files(clip: str) -> tuple[str, str]:
    """Names of a clip's skeleton and motion below the source."""
    subject = clip.split("_")[0]
    return f"subjects/{subject}/{subject}.asf", f"subjects/{subject}/{clip}.amc"
