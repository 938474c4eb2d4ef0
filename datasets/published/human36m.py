"""Human3.6M in the forms that people have it: the official CDF files, VideoPose3D's npz files, MotionBERT's pickle.

Readers only: what each form holds, in one set of words and units, checked before use. Nothing is unpickled that data
does not need (`datasets.restricted`). Facts about the forms: spec data_metrics, 1.2.
"""

import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from datasets.published.limbs import check_limbs
from datasets.restricted import read_npz, read_pickle
from datasets.skeletons import JOINTS
from studies.errors import InputError
from studies.foreign import data_files

TRAIN, TEST = ("S1", "S5", "S6", "S7", "S8"), ("S9", "S11")
CAMERAS = ("54138969", "55011271", "58860488", "60457274")
RAW_JOINTS = 32  # of the motion capture, of which these move and are kept, in the order of `datasets.skeletons`
KEPT = (0, 1, 2, 3, 6, 7, 8, 12, 13, 14, 15, 17, 18, 19, 25, 26, 27)
RENAMED = {"TakingPhoto": "Photo", "WalkingDog": "WalkDog"}  # as later work writes them
LACKS_A_CAMERA = ("S11", "Directions")
POSITIONS = "MyPoseFeatures/D3_Positions"
# Thighs, shins, upper arms, forearms: (right, left), each the two joints of a limb.
LIMBS = (((1, 2), (4, 5)), ((2, 3), (5, 6)), ((14, 15), (11, 12)), ((15, 16), (12, 13)))
UNLIKE_IN_IMAGE = 0.4  # how unlike limbs may be in the space of images, where what is nearer is larger

Take = tuple[str, str]  # subject and action, such as ("S9", "Walking 1")


@dataclass(frozen=True)
class Frames:
    """One split of MotionBERT's pickle, N frames, sequences contiguous.

    keypoints (N, 17, 3): x, y in pixels and confidence; joints (N, 17, 3): the projected joints, x, y in pixels and
    depth behind the root in pixels; factor (N,): mm a pixel at the root, None where the file has none (training);
    source: names like `s_09_act_05_subact_02_ca_01`, one a frame; camera: one of CAMERAS, one a frame; action: one a
    frame, or None.
    """

    keypoints: np.ndarray
    joints: np.ndarray
    factor: np.ndarray | None
    source: np.ndarray
    camera: np.ndarray
    action: np.ndarray | None


def read_original(folder: str | Path) -> dict[Take, np.ndarray]:
    """Positions (T, 17, 3) in mm, world, of every take in the official layout `S*/MyPoseFeatures/D3_Positions/*.cdf`.

    S11's first Directions, which lacks a camera, is left out as everywhere. Raises InputError: no file, one that is no
    CDF, other shapes, what `check_limbs` refuses.
    """
    files = data_files(Path(folder), f"S*/{POSITIONS}/*.cdf")
    if not files:
        raise InputError(f"{folder}: holds no S*/{POSITIONS}/*.cdf; unpack Poses_D3_Positions_S*.tgz there")
    found = {}
    for file in files:
        name, _, again = file.stem.partition(" ")
        take = file.parts[-4], " ".join(filter(None, (RENAMED.get(name, name), again)))
        if take != LACKS_A_CAMERA:
            found[take] = check_limbs(_cdf_poses(file)[:, list(KEPT)], LIMBS, str(file))
    return found


def read_positions(path: str | Path) -> dict[Take, np.ndarray]:
    """Positions (T, 17, 3) in mm, world, of VideoPose3D's `data_3d_h36m.npz`, which has them in metres.

    Raises InputError as `read_original`.
    """
    found = {}
    for take, poses in _takes(_entry(read_npz(path), "positions_3d", path), path):
        poses = np.asarray(poses, np.float64)
        if poses.ndim != 3 or poses.shape[1:] != (RAW_JOINTS, 3):
            raise InputError(f"{path}: {' '.join(take)} is {poses.shape}; {RAW_JOINTS} joints of 3 numbers are wanted")
        found[take] = check_limbs(1000 * poses[:, list(KEPT)], LIMBS, f"{path}, {' '.join(take)}")
    return found


def read_detections(path: str | Path) -> dict[Take, tuple[np.ndarray, ...]]:
    """2D key points (T, J, 2) in pixels of each camera, in the order of CAMERAS, of a `data_2d_h36m_*.npz`.

    J is 17, or 16 for the stacked hourglass. Takes may have more frames than the motion capture: cut them to it.
    Raises InputError: no such arrays, another number of cameras or joints, NaN.
    """
    arrays = read_npz(path)
    joints = _entry(arrays, "metadata", path).get("num_joints")
    found = {}
    for take, views in _takes(_entry(arrays, "positions_2d", path), path):
        views = tuple(np.asarray(view, np.float64) for view in views)
        if len(views) != len(CAMERAS) or any(view.ndim != 3 or view.shape[1:] != (joints, 2) for view in views):
            shapes = ", ".join(str(view.shape) for view in views)
            raise InputError(f"{path}: {' '.join(take)} has views {shapes}; 4 of (T, {joints}, 2) are wanted")
        if not all(np.isfinite(view).all() for view in views):
            raise InputError(f"{path}: {' '.join(take)} has NaN or infinite key points; get the file again")
        found[take] = views
    return found


def read_motionbert(path: str | Path) -> dict[str, Frames]:
    """The splits `train` and `test` of `h36m_sh_conf_cam_source_final.pkl`.

    A missing confidence is 1. Raises InputError: missing keys, other shapes, NaN, unknown cameras; what `check_limbs`
    refuses of the test split in mm.
    """
    content = read_pickle(path)
    return {split: _frames(_entry(content, split, path), f"{path}, {split}") for split in ("train", "test")}


def _cdf_poses(file: Path) -> np.ndarray:
    """(T, 32, 3) of the variable Pose (1, T, 96)."""
    import cdflib  # a quarter of a second that other forms have no use for

    try:
        pose = np.asarray(cdflib.CDF(file).varget("Pose"), np.float64)
    except (OSError, ValueError, LookupError, TypeError, AttributeError, EOFError, struct.error) as error:
        raise InputError(f"{file}: cannot be read as CDF ({error}); unpack it again") from None
    if pose.ndim != 3 or pose.shape[0] != 1 or pose.shape[2] != 3 * RAW_JOINTS:
        raise InputError(f"{file}: Pose is {pose.shape}; (1, T, {3 * RAW_JOINTS}) is wanted")
    return pose.reshape(-1, RAW_JOINTS, 3)


def _frames(content: Mapping, where: str) -> Frames:
    keypoints = np.asarray(_entry(content, "joint_2d", where), np.float32)
    count = len(keypoints)
    confidence = np.asarray(content.get("confidence", np.ones((count, len(JOINTS)))), np.float32).reshape(count, -1)
    joints = np.asarray(_entry(content, "joint3d_image", where), np.float32)
    camera, source = (np.asarray(_entry(content, key, where), str) for key in ("camera_name", "source"))
    wanted = {"joint_2d": (keypoints, (17, 2)), "confidence": (confidence, (17,)), "joint3d_image": (joints, (17, 3))}
    wanted |= {"camera_name": (camera, ()), "source": (source, ())}
    for key, (array, shape) in wanted.items():
        if array.shape != (count, *shape):
            raise InputError(f"{where}: {key} is {array.shape}; ({count}, {', '.join(map(str, shape))}) is wanted")
    if not (np.isfinite(keypoints).all() and np.isfinite(joints).all() and np.isfinite(confidence).all()):
        raise InputError(f"{where}: has NaN or infinite numbers; get the file again")
    if strange := sorted(set(camera.tolist()) - set(CAMERAS)):
        raise InputError(f"{where}: camera {strange[0]!r} is none of {', '.join(CAMERAS)}")
    factor = content.get("2.5d_factor")
    if factor is not None:
        factor = np.asarray(factor, np.float32)
        _check_takes(np.asarray(_entry(content, "joints_2.5d_image", where), np.float64), source, where)
    action = None if "action" not in content else np.asarray(content["action"], str)
    return Frames(np.concatenate([keypoints, confidence[..., None]], -1), joints, factor, source, camera, action)


def _check_takes(poses: np.ndarray, source: np.ndarray, where: str) -> None:
    """`check_limbs` for each run of frames with the same source."""
    starts = np.flatnonzero(np.r_[True, source[1:] != source[:-1]])
    for start, stop in zip(starts, [*starts[1:], len(source)], strict=True):
        check_limbs(poses[start:stop], LIMBS, f"{where}, {source[start]}", UNLIKE_IN_IMAGE)


def _takes(content: Mapping, where: str | Path) -> Iterator[tuple[Take, object]]:
    for subject, actions in content.items():
        if not isinstance(actions, Mapping):
            raise InputError(f"{where}: {subject} holds no actions; get the file again")
        yield from (((subject, action), value) for action, value in actions.items())


def _entry(content: object, key: str, where: str | Path) -> object:
    if not isinstance(content, Mapping) or key not in content:
        raise InputError(f"{where}: has no {key!r}; is it the right file?")
    return content[key]
