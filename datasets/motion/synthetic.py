"""Motion without any download: a kinematic body that walks, runs, reaches, squats, climbs, sits, waves and kicks.

Joint angles are smooth functions of time within joint limits; positions follow by forward kinematics, so bones
keep their length. The root follows from the feet: the lower foot carries the body and stays where it is. Each
take has its own body, rhythm, style, slow sway and place in the room, and the tremor that captured motion has.
Metres, z up, 50 frames per second; everything follows from the seed.
"""

from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
from scipy.interpolate import PchipInterpolator

from datasets.card import Origin
from datasets.motion.cameras import CAMERAS
from datasets.motion.kinematics import euler, joint_positions
from datasets.motion.takes import Motion, Take
from datasets.skeletons import PARENTS

FPS = 50.0
LICENCE = "Apache-2.0: made by this repository's code (datasets/motion/synthetic.py)"
BODY_STREAM, TAKE_STREAM = 2, 3  # separate these random numbers from each other and from the cameras'
ANKLE = 0.09  # metres from floor to ankle
CARRY = 0.03  # metres: how sharply the lower foot takes the weight
POSTURE, SWAY = np.radians(6), np.radians(4)  # deviation of every joint's own posture, and of its slow sway
TREMOR = np.radians(0.075)  # deviation of every angle from frame to frame, times an exponential of mean 1
ROOM = np.array([1.2, 1.0])  # metres: how far from the middle of the floor a path may lead
STEP = 0.5  # metres: the highest thing that half of the takes stand on

# (first subject, subjects, takes, frames, views): bodies of one split never occur in another; each take is seen by so
# many of the cameras, in turn.
SIZES = {"train": (1, 8, 64, 160, 4), "val": (10, 4, 8, 120, 1), "test": (14, 6, 12, 120, 1)}

FLEX, SIDE, TWIST = 0, 1, 2  # bending forward (knees: backward), lifting sideways, turning about the limb
PELVIS, R_HIP, R_KNEE, L_HIP, L_KNEE, SPINE, THORAX, NECK = 0, 1, 2, 4, 5, 7, 8, 9
L_SHOULDER, L_ELBOW, R_SHOULDER, R_ELBOW = 11, 12, 14, 15
HIPS, KNEES, SHOULDERS, ELBOWS = (L_HIP, R_HIP), (L_KNEE, R_KNEE), (L_SHOULDER, R_SHOULDER), (L_ELBOW, R_ELBOW)
ANKLES = (3, 6)
# Limits in degrees of FLEX, SIDE, TWIST; joints that are not named do not turn. Hips are held against the upright: legs
# stay where they are while the pelvis leans.
LIMITS = {
    PELVIS: ((-15, 75), (-20, 20), (0, 0)),
    SPINE: ((-20, 50), (-25, 25), (-35, 35)),
    THORAX: ((-15, 35), (-20, 20), (-25, 25)),
    NECK: ((-40, 40), (-30, 30), (-60, 60)),
    **dict.fromkeys(HIPS, ((-25, 120), (-10, 45), (-30, 30))),
    **dict.fromkeys(KNEES, ((3, 145), (0, 0), (0, 0))),
    **dict.fromkeys(SHOULDERS, ((-50, 170), (-5, 120), (-60, 60))),
    **dict.fromkeys(ELBOWS, ((5, 145), (0, 0), (-60, 60))),
}
_FORWARD = {PELVIS, *KNEES, SPINE, THORAX, NECK}  # bend forward about +y (y points to the left); other limbs about -y
_RIGHT = {R_HIP, R_KNEE, R_SHOULDER, R_ELBOW}  # sideways and turns are mirrored

Angles = np.ndarray  # (T, 17, 3) radians: FLEX, SIDE, TWIST
Yaw = np.ndarray  # (T,) heading, radians
Kind = Callable[[np.ndarray, np.random.Generator], tuple[Angles, Yaw]]


def motion(base: str, raw_dir: Path | None, seed: int) -> Motion:
    """The whole data set: takes of train, val and test. `base` and `raw_dir` are there for other sources."""
    splits = {split: [_take(split, i, seed) for i in range(sizes[2])] for split, sizes in SIZES.items()}
    return Motion(splits, FPS, Origin(licence=LICENCE))


def _take(split: str, i: int, seed: int) -> Take:
    """Take i of a split: bodies one after the other, actions and cameras in turn."""
    first, subjects, takes, frames, views = SIZES[split]
    act, subject = i % len(ACTIONS), first + i * subjects // takes
    action = list(ACTIONS)[act]
    rng = np.random.default_rng([seed, TAKE_STREAM, first, i])
    joints = _placed(perform(ACTIONS[action], body(subject, seed), frames, rng), rng)
    cameras = tuple(sorted((i + view) % CAMERAS for view in range(views)))
    return Take(subject, act + 2, 1 + i // len(ACTIONS), action, cameras, np.arange(frames), joints)


def _placed(joints: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Joints (T, 17, 3) somewhere in the room, on the floor or on a step."""
    free = np.maximum(ROOM - np.ptp(joints[:, PELVIS, :2], axis=0) / 2, 0)
    return joints + np.append(rng.uniform(-free, free), max(rng.uniform(-STEP, STEP), 0))


def body(subject: int, seed: int) -> np.ndarray:
    """Offsets (17, 3) in metres of a random person's joints in their parents' frames; upright, facing +x.

    Proportions are those of CMU's skeletons on average.
    """
    rng = np.random.default_rng([seed, BODY_STREAM, subject])
    height = rng.normal(1.72, 0.05)
    hips, thigh, shank, back, chest, arms, shoulders = rng.normal(1, 0.03, 7)
    x, y, z = np.eye(3) * height
    offsets = np.zeros((len(PARENTS), 3))
    for side, (hip, arm) in {1: (4, 11), -1: (1, 14)}.items():  # left, right
        offsets[hip] = side * 0.047 * hips * y
        offsets[hip + 1], offsets[hip + 2] = -0.239 * thigh * z, -0.244 * shank * z
        offsets[arm] = shoulders * (side * 0.109 * y + 0.037 * z)
        offsets[arm + 1], offsets[arm + 2] = -0.164 * arms * z, -0.169 * arms * z
    offsets[SPINE], offsets[THORAX] = back * (0.127 * z - 0.022 * x), chest * (0.133 * z + 0.025 * x)
    offsets[NECK], offsets[10] = 0.111 * z + 0.01 * x, 0.057 * z
    return offsets


def perform(kind: Kind, offsets: np.ndarray, frames: int, rng: np.random.Generator) -> np.ndarray:
    """World joints (T, 17, 3) in metres of one take, its floor range centred on the origin."""
    time = np.arange(frames) / FPS
    angles, yaw = kind(time, rng)
    angles = _limited(angles + _sway(time, rng))
    angles += rng.normal(0, TREMOR, angles.shape) * rng.exponential(1, (frames, 1, 1))
    angles[:, PELVIS, TWIST] += yaw + rng.uniform(0, 2 * np.pi)
    turned = _axes(angles)
    turned[:, HIPS, :2] -= turned[:, [PELVIS], :2]
    return _carried(joint_positions(euler(turned), offsets, PARENTS))


def _carried(joints: np.ndarray) -> np.ndarray:
    """Move the body (T, 17, 3) so that the lower foot stands still on the floor; centre its path on the origin."""
    feet = joints[:, ANKLES]  # (T, 2, 3)
    low = feet[..., 2].min(1)
    weight = np.exp((low[:, None] - feet[..., 2]) / CARRY)
    weight /= weight.sum(1, keepdims=True)
    step = (0.5 * (weight[1:] + weight[:-1])[..., None] * np.diff(feet, axis=0)).sum(1)[:, :2]
    path = np.zeros((len(joints), 3))
    path[1:, :2] = -np.cumsum(step, 0)
    path[:, 2] = ANKLE - (weight * feet[..., 2]).sum(1)
    path[:, :2] -= (path[:, :2].max(0) + path[:, :2].min(0)) / 2
    return joints + path[:, None]


def _limited(angles: Angles) -> Angles:
    """Angles held within LIMITS; joints without limits do not turn."""
    low, high = np.zeros((2, *angles.shape[1:]))
    for joint, limits in LIMITS.items():
        low[joint], high[joint] = np.radians(limits).T
    return np.clip(angles, low, high)


def _axes(angles: Angles) -> np.ndarray:
    """FLEX, SIDE, TWIST to angles about x, y, z of each joint's frame."""
    turned = angles[..., [SIDE, FLEX, TWIST]].copy()
    for joint in LIMITS:
        turned[:, joint, 1] *= 1 if joint in _FORWARD else -1
        if joint in _RIGHT:
            turned[:, joint, [0, 2]] *= -1
    return turned


def _sway(time: np.ndarray, rng: np.random.Generator) -> Angles:
    """A posture of its own, and slow motion of every joint: three sines each."""
    shape = (len(PARENTS), 3)
    total = np.broadcast_to(rng.normal(0, POSTURE, shape), (len(time), *shape)).copy()
    for _ in range(3):
        rate, phase = rng.uniform(0.1, 0.7, shape), rng.uniform(0, 2 * np.pi, shape)
        total += rng.normal(0, SWAY, shape) * np.sin(2 * np.pi * rate * time[:, None, None] + phase)
    return total


def _wander(time: np.ndarray, rng: np.random.Generator, low: float, high: float, pause: float = 1.0) -> np.ndarray:
    """(T,) radians: smoothly from one random angle to the next, about every `pause` seconds; limits in degrees."""
    knots = np.arange(-1, time[-1] / pause + 2) * pause + rng.uniform(-0.2, 0.2) * pause
    return PchipInterpolator(knots, np.radians(rng.uniform(low, high, len(knots))))(time)


def _standing(time: np.ndarray, rng: np.random.Generator, *free: tuple[Iterable[int], int, float, float]) -> Angles:
    """Standing a little bent, arms a little off the body, while some joints wander, each on its own.

    free: (joints, FLEX or SIDE or TWIST, lowest, highest angle in degrees)
    """
    angles = np.zeros((len(time), len(PARENTS), 3))
    angles[:, SHOULDERS, SIDE], angles[:, SHOULDERS, TWIST] = np.radians(12), np.radians(-25)
    angles[:, ELBOWS, FLEX] = np.radians(25)
    angles[:, KNEES, FLEX] = np.radians(20)
    angles[:, HIPS, FLEX] = np.radians(10)
    for joints, axis, low, high in free:
        for joint in joints:
            angles[:, joint, axis] = _wander(time, rng, low, high)
    return angles


def _turning(time: np.ndarray, rng: np.random.Generator, least: float, most: float) -> Yaw:
    """Heading of somebody who turns to one side by so many degrees a second; below 0: to the other side."""
    return rng.choice((-1, 1)) * np.cumsum(_wander(time, rng, least, most, 1.5)) / FPS


def _gait(
    time: np.ndarray, rng: np.random.Generator, rate: float, stride: float, lift: float, elbow: float, lean: float
) -> tuple[Angles, Yaw]:
    """Walking or running in curves. rate: strides a second; stride, lift, elbow, lean: radians."""
    angles = _standing(time, rng, ([NECK], TWIST, -40, 40), ([SPINE], FLEX, -5, 10))
    rate, stride = rate * rng.uniform(0.85, 1.15), stride * rng.uniform(0.75, 1.15)
    start = rng.uniform(0, 2 * np.pi)
    for hip, knee, shoulder, arm, phase in (
        (L_HIP, L_KNEE, R_SHOULDER, R_ELBOW, start),
        (R_HIP, R_KNEE, L_SHOULDER, L_ELBOW, start + np.pi),
    ):
        swing = 2 * np.pi * rate * time + phase
        angles[:, hip, FLEX] += stride * np.sin(swing)
        angles[:, knee, FLEX] += lift * np.exp(2 * (np.cos(swing) - 1))  # bent while the leg swings forward
        angles[:, shoulder, FLEX] = 0.8 * stride * np.sin(swing)
        angles[:, arm, FLEX] = elbow + 0.3 * stride * np.sin(swing)
    angles[:, PELVIS, FLEX] = lean * rng.uniform(0.5, 1.5)
    angles[:, SPINE, TWIST] = 0.2 * stride * np.sin(2 * np.pi * rate * time + start)
    return angles, _turning(time, rng, 0, 130)


def _walk(time: np.ndarray, rng: np.random.Generator) -> tuple[Angles, Yaw]:
    return _gait(time, rng, rate=0.85, stride=0.36, lift=0.9, elbow=0.4, lean=0.05)


def _run(time: np.ndarray, rng: np.random.Generator) -> tuple[Angles, Yaw]:
    return _gait(time, rng, rate=1.15, stride=0.36, lift=1.2, elbow=1.4, lean=0.1)


def _reach(time: np.ndarray, rng: np.random.Generator) -> tuple[Angles, Yaw]:
    arms = ((SHOULDERS, FLEX, -20, 150), (SHOULDERS, SIDE, -5, 60), (ELBOWS, FLEX, 5, 100))
    trunk = (([PELVIS], FLEX, -10, 50), ([SPINE], FLEX, -10, 35), ([SPINE], TWIST, -35, 35), ([NECK], FLEX, -30, 40))
    angles = _standing(time, rng, *arms, *trunk, ([L_KNEE], FLEX, 10, 60))
    angles[:, R_KNEE] = angles[:, L_KNEE]
    angles[:, HIPS, FLEX] = 0.5 * angles[:, KNEES, FLEX]
    return angles, _turning(time, rng, -30, 30)


def _squat(time: np.ndarray, rng: np.random.Generator) -> tuple[Angles, Yaw]:
    arms = ((SHOULDERS, FLEX, -20, 80), (SHOULDERS, SIDE, 0, 40), (ELBOWS, FLEX, 10, 100))
    angles = _standing(time, rng, *arms, ([THORAX], TWIST, -25, 25))
    depth = rng.uniform(0.6, 1.0) * 0.5 * (1 - np.cos(2 * np.pi * rng.uniform(0.35, 0.5) * time + rng.uniform(0, 6)))
    angles[:, HIPS, FLEX] += np.radians(85) * depth[:, None]
    angles[:, KNEES, FLEX] += np.radians(110) * depth[:, None]
    angles[:, PELVIS, FLEX] += np.radians(rng.uniform(10, 40)) * depth
    return angles, _turning(time, rng, -60, 60)


def _climb(time: np.ndarray, rng: np.random.Generator) -> tuple[Angles, Yaw]:
    """Hands high, one knee after the other raised: what a ladder or a climbing frame asks for."""
    arms = ((SHOULDERS, FLEX, 30, 170), (SHOULDERS, SIDE, -5, 45), (ELBOWS, FLEX, 10, 115))
    legs = ((HIPS, FLEX, 0, 90), (HIPS, SIDE, -5, 35), (KNEES, FLEX, 15, 110))
    trunk = (([PELVIS], FLEX, -10, 35), ([PELVIS], SIDE, -15, 15), ([SPINE], TWIST, -30, 30), ([NECK], FLEX, -40, 20))
    return _standing(time, rng, *arms, *legs, *trunk), _turning(time, rng, -90, 90)


def _sit(time: np.ndarray, rng: np.random.Generator) -> tuple[Angles, Yaw]:
    arms = ((SHOULDERS, FLEX, -5, 65), (SHOULDERS, SIDE, 0, 35), (ELBOWS, FLEX, 15, 115))
    trunk = (([PELVIS], FLEX, -15, 30), ([SPINE], FLEX, -10, 30), ([NECK], TWIST, -50, 50))
    angles = _standing(time, rng, *arms, *trunk, ([L_HIP], FLEX, 20, 95))
    angles[:, R_HIP] = angles[:, L_HIP]
    angles[:, KNEES, FLEX] = rng.uniform(0.9, 1.15) * angles[:, HIPS, FLEX]
    angles[:, HIPS, SIDE] = np.radians(rng.uniform(2, 25))
    return angles, _turning(time, rng, -30, 30)


def _wave(time: np.ndarray, rng: np.random.Generator) -> tuple[Angles, Yaw]:
    trunk = (([PELVIS], FLEX, -10, 15), ([PELVIS], SIDE, -10, 10), ([SPINE], TWIST, -30, 30))
    arms = ((SHOULDERS, FLEX, -20, 50), (SHOULDERS, SIDE, 0, 45), (ELBOWS, FLEX, 5, 90))
    angles = _standing(time, rng, *trunk, *arms)
    shoulder, elbow = ((L_SHOULDER, L_ELBOW), (R_SHOULDER, R_ELBOW))[rng.integers(2)]
    beat = np.sin(2 * np.pi * rng.uniform(0.8, 1.4) * time + rng.uniform(0, 6))
    angles[:, shoulder, SIDE] = _wander(time, rng, 60, 110)
    angles[:, shoulder, TWIST] = np.radians(25) * beat
    angles[:, elbow, FLEX] = np.radians(75) + np.radians(35) * beat
    return angles, _turning(time, rng, -60, 60)


def _kick(time: np.ndarray, rng: np.random.Generator) -> tuple[Angles, Yaw]:
    arms = ((SHOULDERS, FLEX, -20, 50), (SHOULDERS, SIDE, 0, 45), (ELBOWS, FLEX, 10, 110))
    angles = _standing(time, rng, *arms, ([PELVIS], FLEX, -10, 20))
    hip, knee = ((L_HIP, L_KNEE), (R_HIP, R_KNEE))[rng.integers(2)]
    swing = 2 * np.pi * rng.uniform(0.45, 0.6) * time + rng.uniform(0, 6)
    pulse = np.exp(2 * (np.cos(swing) - 1))  # the kick
    windup = np.exp(2 * (np.cos(swing + 0.9) - 1))  # and what goes before it
    angles[:, hip, FLEX] += np.radians(65) * pulse - np.radians(25) * windup
    angles[:, knee, FLEX] += np.radians(70) * windup
    return angles, _turning(time, rng, -60, 60)


ACTIONS: dict[str, Kind] = {
    "Walking": _walk,
    "Running": _run,
    "Reaching": _reach,
    "Squatting": _squat,
    "Climbing": _climb,
    "Sitting": _sit,
    "Waving": _wave,
    "Kicking": _kick,
}
