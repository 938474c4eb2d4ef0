"""Motion without any download: a kinematic body that walks, runs, reaches, squats, turns, sits, waves and kicks.

Joint angles are smooth functions of time within joint limits; positions follow by forward kinematics, so bones
keep their length. The root follows from the feet: the lower foot carries the body and stays where it is. Each
take has its own body, rhythm, style and slow sway. Metres, z up, 50 frames per second; everything follows from
the seed.
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np
from scipy.interpolate import PchipInterpolator

from datasets.card import Origin
from datasets.motion.kinematics import euler, joint_positions
from datasets.motion.takes import Motion, Take
from datasets.skeletons import PARENTS

FPS = 50.0
LICENCE = "Apache-2.0: made by this repository's code (datasets/motion/synthetic.py)"
BODY_STREAM, TAKE_STREAM = 2, 3  # separate these random numbers from each other and from the cameras'
ANKLE = 0.09  # metres from floor to ankle
CARRY = 0.03  # metres: how sharply the lower foot takes the weight
SWAY = np.radians(4)  # deviation of the slow sway of every joint

# (first subject, subjects, takes, frames, cameras): bodies of one split never occur in another.
SIZES = {
    "train": (1, 4, 16, 160, (0, 1, 2, 3)),
    "val": (5, 2, 4, 120, (0, 1)),
    "test": (7, 2, 6, 120, (0, 1)),
}
ACTIONS_OF = {"val": (0, 2, 4, 6), "test": (0, 1, 2, 3, 5, 7)}  # training takes go through all of them in turn

FLEX, SIDE, TWIST = 0, 1, 2  # bending forward (knees: backward), lifting sideways, turning about the limb
PELVIS, R_HIP, R_KNEE, L_HIP, L_KNEE, SPINE, THORAX, NECK = 0, 1, 2, 4, 5, 7, 8, 9
L_SHOULDER, L_ELBOW, R_SHOULDER, R_ELBOW = 11, 12, 14, 15
ANKLES = (3, 6)
# Limits in degrees of FLEX, SIDE, TWIST; joints that are not named do not turn.
LIMITS = {
    SPINE: ((-20, 60), (-25, 25), (-35, 35)),
    THORAX: ((-15, 35), (-20, 20), (-25, 25)),
    NECK: ((-30, 40), (-25, 25), (-60, 60)),
    **dict.fromkeys((R_HIP, L_HIP), ((-25, 120), (-10, 45), (-30, 30))),
    **dict.fromkeys((R_KNEE, L_KNEE), ((0, 145), (0, 0), (0, 0))),
    **dict.fromkeys((R_SHOULDER, L_SHOULDER), ((-50, 170), (-5, 120), (-60, 60))),
    **dict.fromkeys((R_ELBOW, L_ELBOW), ((0, 145), (0, 0), (-60, 60))),
}
_FORWARD = {R_KNEE, L_KNEE, SPINE, THORAX, NECK}  # bend forward about +y (y points to the left); other limbs about -y
_RIGHT = {R_HIP, R_KNEE, R_SHOULDER, R_ELBOW}  # sideways and turns are mirrored

Angles = np.ndarray  # (T, 17, 3) radians: FLEX, SIDE, TWIST
Yaw = np.ndarray  # (T,) heading, radians
Kind = Callable[[np.ndarray, np.random.Generator], tuple[Angles, Yaw]]


def motion(base: str, raw_dir: Path | None, seed: int) -> Motion:
    """The whole data set: takes of train, val and test. `base` and `raw_dir` are there for other sources."""
    splits = {split: _split(split, seed) for split in SIZES}
    return Motion(splits, FPS, Origin(licence=LICENCE))


def _split(split: str, seed: int) -> list[Take]:
    first, subjects, takes, frames, cameras = SIZES[split]
    kinds = list(ACTIONS)
    result = []
    for i in range(takes):
        kind = kinds[ACTIONS_OF[split][i] if split in ACTIONS_OF else i % len(kinds)]
        subject = first + i * subjects // takes
        rng = np.random.default_rng([seed, TAKE_STREAM, first, i])
        joints = perform(ACTIONS[kind], body(subject, seed), frames, rng)
        result.append(Take(subject, kinds.index(kind) + 2, 1, kind, cameras, np.arange(frames), joints))
    return result


def body(subject: int, seed: int) -> np.ndarray:
    """Offsets (17, 3) in metres of a random person's joints in their parents' frames; upright, facing +x."""
    rng = np.random.default_rng([seed, BODY_STREAM, subject])
    height = rng.normal(1.72, 0.08)
    hips, thigh, shank, back, chest, arms = rng.normal(1, 0.04, 6)
    shoulder = 0.095 * rng.normal(1, 0.05)
    x, y, z = np.eye(3) * height
    offsets = np.zeros((len(PARENTS), 3))
    for side, (hip, arm) in {1: (4, 11), -1: (1, 14)}.items():  # left, right
        offsets[hip] = side * 0.075 * hips * y
        offsets[hip + 1], offsets[hip + 2] = -0.255 * thigh * z, -0.255 * shank * z
        offsets[arm] = side * shoulder * y - 0.02 * z
        offsets[arm + 1], offsets[arm + 2] = -0.165 * arms * z, -0.145 * arms * z
    offsets[SPINE], offsets[THORAX] = 0.135 * back * z, 0.145 * chest * z
    offsets[NECK], offsets[10] = 0.055 * z + 0.02 * x, 0.065 * z
    return offsets


def perform(kind: Kind, offsets: np.ndarray, frames: int, rng: np.random.Generator) -> np.ndarray:
    """World joints (T, 17, 3) in metres of one take, its floor range centred on the origin."""
    time = np.arange(frames) / FPS
    angles, yaw = kind(time, rng)
    heading = np.zeros((frames, 3))
    heading[:, 2] = yaw + rng.uniform(0, 2 * np.pi)
    local = euler(_axes(_limited(angles + _sway(time, rng))))
    local[:, PELVIS] = euler(heading)
    joints = joint_positions(local, offsets, PARENTS)
    return _carried(joints)


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
    """Slow motion of every joint: three sines each, and a posture of its own."""
    shape = (len(PARENTS), 3)
    total = np.broadcast_to(rng.normal(0, SWAY, shape), (len(time), *shape)).copy()
    for _ in range(3):
        rate, phase = rng.uniform(0.1, 0.7, shape), rng.uniform(0, 2 * np.pi, shape)
        total += rng.normal(0, SWAY / 2, shape) * np.sin(2 * np.pi * rate * time[:, None, None] + phase)
    return total


def _wander(time: np.ndarray, rng: np.random.Generator, low: float, high: float, pause: float = 0.8) -> np.ndarray:
    """(T,) radians: smoothly from one random angle to the next, about every `pause` seconds; limits in degrees."""
    knots = np.arange(-1, time[-1] / pause + 2) * pause + rng.uniform(-0.2, 0.2) * pause
    return PchipInterpolator(knots, np.radians(rng.uniform(low, high, len(knots))))(time)


def _still(time: np.ndarray) -> Angles:
    """Standing: arms a little off the body, elbows and knees not quite straight."""
    angles = np.zeros((len(time), len(PARENTS), 3))
    angles[:, [L_SHOULDER, R_SHOULDER], SIDE] = np.radians(10)
    angles[:, [L_ELBOW, R_ELBOW], FLEX] = np.radians(15)
    angles[:, [L_KNEE, R_KNEE], FLEX] = np.radians(6)
    return angles


def _gait(
    time: np.ndarray, rng: np.random.Generator, rate: float, stride: float, lift: float, elbow: float, turn: float
) -> tuple[Angles, Yaw]:
    """Walking or running in a curve. rate: strides a second; stride, lift, elbow: radians; turn: radians a second."""
    angles = _still(time)
    rate, stride = rate * rng.uniform(0.9, 1.1), stride * rng.uniform(0.85, 1.15)
    start = rng.uniform(0, 2 * np.pi)
    for hip, knee, shoulder, arm, phase in (
        (L_HIP, L_KNEE, R_SHOULDER, R_ELBOW, start),
        (R_HIP, R_KNEE, L_SHOULDER, L_ELBOW, start + np.pi),
    ):
        swing = 2 * np.pi * rate * time + phase
        angles[:, hip, FLEX] = stride * np.sin(swing) + 0.15 * stride
        angles[:, knee, FLEX] += lift * np.exp(2 * (np.cos(swing) - 1))  # bent while the leg swings forward
        angles[:, shoulder, FLEX] = 0.8 * stride * np.sin(swing)
        angles[:, arm, FLEX] = elbow + 0.3 * stride * np.sin(swing)
    angles[:, SPINE, TWIST] = 0.2 * stride * np.sin(2 * np.pi * rate * time + start)
    angles[:, SPINE, FLEX] = 0.1 * stride
    return angles, rng.choice([-1, 1]) * turn * rng.uniform(0.8, 1.2) * time


def _walk(time: np.ndarray, rng: np.random.Generator) -> tuple[Angles, Yaw]:
    return _gait(time, rng, rate=0.9, stride=0.42, lift=1.0, elbow=0.35, turn=0.9)


def _run(time: np.ndarray, rng: np.random.Generator) -> tuple[Angles, Yaw]:
    return _gait(time, rng, rate=1.3, stride=0.45, lift=1.4, elbow=1.5, turn=1.5)


def _reach(time: np.ndarray, rng: np.random.Generator) -> tuple[Angles, Yaw]:
    angles = _still(time)
    for shoulder, elbow in ((L_SHOULDER, L_ELBOW), (R_SHOULDER, R_ELBOW)):
        angles[:, shoulder, FLEX] = _wander(time, rng, -10, 150)
        angles[:, shoulder, SIDE] = _wander(time, rng, 0, 70)
        angles[:, elbow, FLEX] = _wander(time, rng, 5, 90)
    angles[:, SPINE, FLEX] = _wander(time, rng, -5, 45, 1.2)
    angles[:, SPINE, TWIST] = _wander(time, rng, -30, 30, 1.2)
    return angles, _wander(time, rng, -15, 15, 1.5)


def _squat(time: np.ndarray, rng: np.random.Generator) -> tuple[Angles, Yaw]:
    angles = _still(time)
    depth = rng.uniform(0.6, 1.0) * 0.5 * (1 - np.cos(2 * np.pi * rng.uniform(0.35, 0.5) * time + rng.uniform(0, 6)))
    angles[:, [L_HIP, R_HIP], FLEX] = np.radians(105) * depth[:, None]
    angles[:, [L_KNEE, R_KNEE], FLEX] += np.radians(115) * depth[:, None]
    angles[:, SPINE, FLEX] = np.radians(40) * depth
    angles[:, [L_SHOULDER, R_SHOULDER], FLEX] = np.radians(rng.uniform(20, 90)) * depth[:, None]
    return angles, np.zeros_like(time)


def _turn(time: np.ndarray, rng: np.random.Generator) -> tuple[Angles, Yaw]:
    angles, _ = _gait(time, rng, rate=1.0, stride=0.12, lift=0.6, elbow=0.4, turn=0)
    angles[:, NECK, TWIST] = _wander(time, rng, -50, 50)
    return angles, _wander(time, rng, -200, 200, 2.0)


def _sit(time: np.ndarray, rng: np.random.Generator) -> tuple[Angles, Yaw]:
    angles = _still(time)
    angles[:, [L_HIP, R_HIP], FLEX] = np.radians(rng.uniform(78, 95))
    angles[:, [L_KNEE, R_KNEE], FLEX] = np.radians(rng.uniform(80, 100))
    angles[:, [L_HIP, R_HIP], SIDE] = np.radians(rng.uniform(2, 20))
    angles[:, SPINE, FLEX] = _wander(time, rng, -10, 40, 1.5)
    for shoulder, elbow in ((L_SHOULDER, L_ELBOW), (R_SHOULDER, R_ELBOW)):
        angles[:, shoulder, FLEX] = _wander(time, rng, 0, 80)
        angles[:, elbow, FLEX] = _wander(time, rng, 20, 120)
    angles[:, NECK, TWIST] = _wander(time, rng, -50, 50)
    return angles, np.zeros_like(time)


def _wave(time: np.ndarray, rng: np.random.Generator) -> tuple[Angles, Yaw]:
    angles = _still(time)
    shoulder, elbow = ((L_SHOULDER, L_ELBOW), (R_SHOULDER, R_ELBOW))[rng.integers(2)]
    beat = np.sin(2 * np.pi * rng.uniform(0.8, 1.4) * time + rng.uniform(0, 6))
    angles[:, shoulder, SIDE] = np.radians(rng.uniform(70, 105))
    angles[:, shoulder, FLEX] = np.radians(rng.uniform(10, 40))
    angles[:, shoulder, TWIST] = np.radians(25) * beat
    angles[:, elbow, FLEX] = np.radians(75) + np.radians(35) * beat
    return angles, _wander(time, rng, -40, 40, 1.5)


def _kick(time: np.ndarray, rng: np.random.Generator) -> tuple[Angles, Yaw]:
    angles = _still(time)
    hip, knee, shoulder = ((L_HIP, L_KNEE, R_SHOULDER), (R_HIP, R_KNEE, L_SHOULDER))[rng.integers(2)]
    swing = 2 * np.pi * rng.uniform(0.45, 0.65) * time + rng.uniform(0, 6)
    pulse = np.exp(3 * (np.cos(swing) - 1))  # the kick
    windup = np.exp(3 * (np.cos(swing + 0.9) - 1))  # and what goes before it
    angles[:, hip, FLEX] = np.radians(70) * pulse - np.radians(25) * windup
    angles[:, knee, FLEX] += np.radians(85) * windup
    angles[:, shoulder, FLEX] = np.radians(45) * pulse
    angles[:, SPINE, FLEX] = np.radians(12) * pulse
    return angles, _wander(time, rng, -30, 30, 1.5)


ACTIONS: dict[str, Kind] = {
    "Walking": _walk,
    "Running": _run,
    "Reaching": _reach,
    "Squatting": _squat,
    "Turning": _turn,
    "Sitting": _sit,
    "Waving": _wave,
    "Kicking": _kick,
}
