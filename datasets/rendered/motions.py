"""Motion for the rendered benchmark: Human3.6M's 17 joints and two points of the head that turn with it.

Both sources hang the two points on the head before forward kinematics, so that they follow its rotation:
the nose lies 0.09 m before the middle of the head's bone, the crown 0.09 m beyond its end.
"""

from pathlib import Path

import numpy as np

from base.errors import InputError
from datasets.fetching.sources import verified
from datasets.motion.asf import AsfSkeleton, Bone, forward_kinematics, read_amc, read_asf
from datasets.motion.cmu import CLIPS, SOURCE, SPLITS, clip_files, faultless, human36m_joints, resampled
from datasets.motion.synthetic import ACTIONS, ANKLE, ANKLES, body, perform

POINTS = 19  # 17 joints of Human3.6M, nose, crown
NOSE, CROWN = 17, 18
HEAD = 10  # Human3.6M's joint at the end of the head's bone
REACH = 0.09  # metres from the head's bone to the nose, and to the crown
FORWARD = np.array([0.0, 0.0, 1.0])  # where a CMU skeleton looks in its rest pose
SYNTHETIC_STREAM = 11  # separates these random numbers from others of the same seed


def synthetic_motion(seed: int, person: int, steps: int) -> np.ndarray:
    """Motion of one person of its own body, (steps, 19, 3) metres at 50 Hz, z up, on the floor.

    person: any number that is not given twice; it decides action, body, rhythm and style.
    """
    rng = np.random.default_rng([seed, SYNTHETIC_STREAM, person])
    kind = ACTIONS[list(ACTIONS)[rng.integers(len(ACTIONS))]]
    key = int(rng.integers(2**31))
    offsets = body(person, seed)
    head = offsets[HEAD].copy()
    ends = {HEAD: head, NOSE: head / 2 + [REACH, 0, 0], CROWN: head * (1 + REACH / np.linalg.norm(head))}
    points = np.zeros((steps, POINTS, 3))
    for point, offset in ends.items():  # the same performance with another point at the end of the head's bone
        offsets[HEAD] = offset
        joints = perform(kind, offsets, steps, np.random.default_rng(key))
        points[:, :HEAD], points[:, HEAD + 1 : NOSE], points[:, point] = (
            joints[:, :HEAD],
            joints[:, HEAD + 1 :],
            joints[:, HEAD],
        )
    return points


def cmu_motions(raw_dir: Path | None, splits: tuple[str, ...]) -> tuple[dict[str, list[np.ndarray]], dict[str, str]]:
    """Faultless pieces (T, 19, 3) of each clip of the P-clip splits named, at 50 Hz, and the sha256 of the files.

    Raises InputError for a file that is missing, differs from its sha256 or cannot be read.
    """
    clips = [clip for split in splits for clip in SPLITS["cmu"][split]]
    hashes = verified(SOURCE, raw_dir, sorted({file for clip in clips for file in clip_files(clip)}))
    return {clip: _pieces(clip, *(raw_dir / SOURCE / file for file in clip_files(clip))) for clip in clips}, hashes


def with_face(skeleton: AsfSkeleton) -> AsfSkeleton:
    """The skeleton with two more bones that end in nose and crown. Raises InputError if it has no head."""
    if "head" not in skeleton.bones:
        raise InputError("the skeleton has no bone named 'head'; nose and crown are fixed to it")
    head = skeleton.bones["head"]
    extra = {}
    for name, way in {
        "nose": REACH * FORWARD - head.direction * head.length / 2,
        "crown": REACH * head.direction,
    }.items():
        length = float(np.linalg.norm(way))
        extra[name] = Bone(way / length, length, np.zeros(3), (), "head")
    return AsfSkeleton(skeleton.bones | extra, skeleton.scale)


def window(motion: np.ndarray, steps: int, rng: np.random.Generator) -> np.ndarray:
    """A piece of `steps` steps of a motion, from anywhere in it; its lower foot stands on the floor at the origin."""
    first = int(rng.integers(len(motion) - steps + 1))
    points = motion[first : first + steps].copy()
    middle = points[:, 0, :2]
    points[..., :2] -= (middle.max(0) + middle.min(0)) / 2
    points[..., 2] += ANKLE - points[:, ANKLES, 2].min()
    return points


def at_times(motion: np.ndarray, steps: np.ndarray) -> np.ndarray:
    """Points (..., 19, 3) at any times (...), in steps of the motion; cubic between the steps (Catmull-Rom)."""
    before = np.clip(np.floor(steps).astype(int), 0, len(motion) - 2)
    t = (steps - before)[..., None, None]
    p0, p1, p2, p3 = (motion[np.clip(before + k, 0, len(motion) - 1)] for k in (-1, 0, 1, 2))
    slopes = (p2 - p0) / 2, (p3 - p1) / 2
    u = 1 - t
    return u * u * ((1 + 2 * t) * p1 + t * slopes[0]) + t * t * ((1 + 2 * u) * p2 - u * slopes[1])


def _pieces(clip: str, asf: Path, amc: Path) -> list[np.ndarray]:
    skeleton = read_asf(asf)
    with_points = with_face(skeleton)
    points = forward_kinematics(with_points, read_amc(amc, skeleton))
    face = points[:, [with_points.points.index(name) for name in ("nose", "crown")]]
    upright = np.stack([face[..., 0], -face[..., 2], face[..., 1]], -1)
    joints = human36m_joints(with_points, points)
    everything = np.concatenate([joints, upright], 1)  # (F, 19, 3)
    return [resampled(everything, *piece, CLIPS[clip][1])[1] for piece in faultless(joints)]
