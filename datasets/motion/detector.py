"""What a 2D detector makes of true keypoints: noise that is correlated in time, confidence, swaps, misses.

The noise is MotionBERT's model of a fine-tuned stacked hourglass: per joint a Gaussian or, with the
joint's outlier weight, a uniform displacement, drawn at key frames and interpolated, plus white jitter. Its
outlier weights and its confidence curve are the released ones; of its Gaussians only the ranges are known here
(mean up to 0.0065, deviation 0.0034 to 0.0095), so a joint's deviation follows its outlier weight through that
range. Swaps, misses and the shift of the box are added here, because that model has thin tails. Every term can
be switched off, and has its own random numbers, so that switching one leaves the others as they were.
"""

from dataclasses import dataclass
from zlib import crc32

import numpy as np

from datasets.skeletons import BONES

PIXELS = 500.0  # pixels of one unit of the normalised image, in which the model's numbers are
KEY_SPACING = 9  # frames between two key frames: 27 of them in 243
UNIFORM = 0.03  # outliers: either way, along each axis
JITTER = 0.002  # standard deviation of the white part
CONFIDENCE_A, CONFIDENCE_B, CONFIDENCE_MEAN, CONFIDENCE_STD = 0.028, 1.1, -0.0046, 0.143
OUTLIERS = np.array([
    .001, .033, .110, .106, .025, .123, .179, .042, .082, .032, .016, .109, .198, .297, .119, .175, .271,
])  # fmt: skip
STD = 0.0034 + (0.0095 - 0.0034) * OUTLIERS / OUTLIERS.max()  # (17,)
BIAS = 0.0036  # down the image, where detectors put limbs' ends

SWAP_FRAMES = (2, 8)  # shortest and longest swap
SWAP_NEAR = 25.0  # pixels: closer pairs are swapped NEAR_WEIGHT times as often
NEAR_WEIGHT = 5.0
LIMBS = (((1, 2, 3), (4, 5, 6)), ((14, 15, 16), (11, 12, 13)))  # right and left: legs, arms
MISS_NOISE = 30.0  # pixels
MISS_CONFIDENCE = 0.2  # highest

# Radius of the flesh around each bone, in millimetres, in the order of BONES.
_FLESH = {
    **dict.fromkeys([(0, 7), (7, 8)], 130),  # trunk
    **dict.fromkeys([(0, 1), (0, 4)], 100),  # hips
    **dict.fromkeys([(1, 2), (4, 5)], 75),  # thighs
    **dict.fromkeys([(2, 3), (5, 6)], 50),  # shanks
    **dict.fromkeys([(8, 9), (8, 11), (8, 14)], 60),  # neck, shoulders
    (9, 10): 90,  # head
    **dict.fromkeys([(11, 12), (14, 15)], 45),  # upper arms
    **dict.fromkeys([(12, 13), (15, 16)], 40),  # forearms
}
RADII = np.array([_FLESH[bone] for bone in BONES], float)  # (16,)


@dataclass(frozen=True)
class Detector:
    """Strength of each term; 0 or False switches it off.

    noise: factor on the correlated part of the model; jitter: factor on its white part; confidence: from the
    model, else 1; swaps: share of frames with a limb pair exchanged; misses: share of all joints that are lost,
    drawn among the occluded; box: standard deviation in pixels of a slow shift that all joints share.
    """

    noise: float = 0.0
    jitter: float = 0.0
    confidence: bool = False
    swaps: float = 0.0
    misses: float = 0.0
    box: float = 0.0


PRESETS = {
    "gt": Detector(),
    "sh-like": Detector(noise=1.0, jitter=1.0, confidence=True, swaps=0.005, misses=0.005),
    "hard": Detector(noise=1.6, jitter=1.6, confidence=True, swaps=0.01, misses=0.01, box=2.0),
}


def detect(joints: np.ndarray, factor: np.ndarray, terms: Detector, name: str, seed: int) -> np.ndarray:
    """Keypoints (T, 17, 3) float32 (x, y in pixels, confidence) of one sequence seen by one camera.

    joints: (T, 17, 3) mm in 2.5D image space; factor: (T,) mm per pixel; name: the sequence, which with `seed`
    decides every random number.
    """
    truth = joints[..., :2] / factor[:, None, None]  # (T, 17, 2) px

    def stream(term: int) -> np.random.Generator:
        return np.random.default_rng([seed, crc32(name.encode()), term])

    seen = truth + terms.noise * _correlated(stream(0), len(truth)) + terms.jitter * _white(stream(1), truth.shape)
    confidence = _confidence(stream(2), seen - truth) if terms.confidence else np.ones(truth.shape[:2])
    result = np.concatenate([seen, confidence[..., None]], -1)  # (T, 17, 3)
    result[..., :2] += terms.box * _slow(stream(3), len(truth))[:, None]
    _swap(stream(4), result, truth, terms.swaps)
    if terms.misses:
        _miss(stream(5), result, occluded(joints), terms.misses)
    return result.astype(np.float32)


def occluded(joints: np.ndarray) -> np.ndarray:
    """Which joints the person's own limbs hide from the camera: (T, 17, 3) mm in 2.5D image space -> (T, 17) bool.

    Every bone is a capsule. A joint is hidden where its line of sight passes a capsule that does not end in it,
    with the capsule's surface nearer to the camera. Lines of sight are parallel in 2.5D space (weak
    perspective), and the point of the bone nearest in the image stands for the whole bone.
    """
    start, end = (joints[:, None, list(side)] for side in zip(*BONES, strict=True))  # (T, 1, 16, 3)
    point, along = joints[:, :, None], end - start  # (T, 17, 1, 3)
    square = (along[..., :2] ** 2).sum(-1)
    place = ((point - start)[..., :2] * along[..., :2]).sum(-1) / np.maximum(square, 1e-9)
    nearest_point = start + np.clip(place, 0, 1)[..., None] * along  # (T, 17, 16, 3)
    gap = point - nearest_point
    hidden = ((gap[..., :2] ** 2).sum(-1) < RADII**2) & (gap[..., 2] > RADII)
    own = np.array([[joint in bone for bone in BONES] for joint in range(joints.shape[1])])
    return (hidden & ~own).any(-1)


def _correlated(rng: np.random.Generator, frames: int) -> np.ndarray:
    """(frames, 17, 2) pixels: Gaussian or uniform at key frames, linear between them."""
    keys = _keys(frames)
    shape = (keys, len(OUTLIERS), 2)
    gaussian = rng.normal(size=shape) * STD[:, None] + (0, BIAS)
    uniform = rng.uniform(-UNIFORM, UNIFORM, shape)
    outlier = rng.random(shape[:2]) < OUTLIERS
    return PIXELS * _between_keys(np.where(outlier[..., None], uniform, gaussian), frames)


def _white(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    return PIXELS * rng.normal(0, JITTER, shape)


def _slow(rng: np.random.Generator, frames: int) -> np.ndarray:
    """(frames, 2): about unit deviation, slow in time, shared by all joints."""
    return _between_keys(rng.normal(size=(_keys(frames), 2)), frames)


def _keys(frames: int) -> int:
    return (frames - 1) // KEY_SPACING + 2


def _between_keys(values: np.ndarray, frames: int) -> np.ndarray:
    """(keys, ...) at every KEY_SPACING-th frame -> (frames, ...), linear in between."""
    key, part = np.divmod(np.arange(frames), KEY_SPACING)
    part = (part / KEY_SPACING).reshape(-1, *[1] * (values.ndim - 1))
    return (1 - part) * values[key] + part * values[key + 1]


def _confidence(rng: np.random.Generator, displacement: np.ndarray) -> np.ndarray:
    """(T, 17) from displacements (T, 17, 2) in pixels."""
    d = np.linalg.norm(displacement, axis=-1) / PIXELS
    noise = rng.normal(CONFIDENCE_MEAN, CONFIDENCE_STD, d.shape)
    return np.clip(CONFIDENCE_A / (d + CONFIDENCE_A) + CONFIDENCE_B * d + noise, 0, 1)


def _swap(rng: np.random.Generator, keypoints: np.ndarray, truth: np.ndarray, share: float) -> None:
    """Exchange right and left of a limb for a few frames, in place; `share` of the frames on average."""
    limbs = np.array(LIMBS)  # (limbs, 2, 3)
    gap = np.linalg.norm(truth[:, limbs[:, 0]] - truth[:, limbs[:, 1]], axis=-1).mean(-1)  # (T, limbs)
    weight = np.where(gap < SWAP_NEAR, NEAR_WEIGHT, 1.0)
    starts = share / np.mean(SWAP_FRAMES) * weight / weight.sum(1).mean()
    draws, lengths = rng.random(starts.shape), rng.integers(SWAP_FRAMES[0], SWAP_FRAMES[1] + 1, starts.shape)
    for frame, limb in np.argwhere(draws < starts):
        right, left = LIMBS[limb]
        run = slice(frame, frame + lengths[frame, limb])
        keypoints[run, right + left] = keypoints[run, left + right]


def _miss(rng: np.random.Generator, keypoints: np.ndarray, hidden: np.ndarray, share: float) -> None:
    """Lose some hidden joints, in place: the last value that was seen, 30 px of noise, hardly any confidence."""
    rate = min(1.0, share / max(hidden.mean(), 1e-9))
    lost = hidden & (rng.random(hidden.shape) < rate)  # (T, 17)
    frame = np.arange(len(lost))[:, None]
    last = np.maximum.accumulate(np.where(lost, -1, frame), axis=0)
    source = np.where(last < 0, frame, last)  # lost from the first frame on: nothing to hold
    held = np.take_along_axis(keypoints, source[..., None], 0)
    held[..., :2] += rng.normal(0, MISS_NOISE, held[..., :2].shape)
    held[..., 2] = rng.uniform(0, MISS_CONFIDENCE, lost.shape)
    keypoints[lost] = held[lost]
