"""Human3.6M in the forms that people have it: the official CDF files, VideoPose3D's npz files, MotionBERT's pickle.

Readers only: what each form holds, in one set of words and units, checked before use. Nothing is unpickled that data
does not need (`datasets.papers.restricted`). docs/papers-data.md describes the forms.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from base.errors import InputError
from base.foreign import data_files
from base.human36m import HUMAN36M_BLOCKED, take_of
from datasets.disguises import unreadable
from datasets.lifting import sequence_bounds
from datasets.papers.limbs import Anatomy, check_limbs, check_points, check_sides
from datasets.papers.restricted import read_npz, read_pickle
from datasets.papers.values import entry, items, mapping, numbers, texts

TRAIN, TEST = ("S1", "S5", "S6", "S7", "S8"), ("S9", "S11")
CAMERAS = ("54138969", "55011271", "58860488", "60457274")
RAW_JOINTS = 32  # of the motion capture, of which these move and are kept, in the order of `datasets.skeletons`
KEPT = (0, 1, 2, 3, 6, 7, 8, 12, 13, 14, 15, 17, 18, 19, 25, 26, 27)
RENAMED = {"TakingPhoto": "Photo", "WalkingDog": "WalkDog"}  # as later work writes them
LACKS_A_CAMERA = ("S11", "Directions"), "s_11_act_02_subact_02"  # a take that is left out everywhere, by both names
POSITIONS = "MyPoseFeatures/D3_Positions"
# Thighs, shins, upper arms, forearms: (right, left), each the two joints of a limb.
LIMBS = (((1, 2), (4, 5)), ((2, 3), (5, 6)), ((14, 15), (11, 12)), ((15, 16), (12, 13)))
BODY = Anatomy(LIMBS, legs=((1, 2, 3), (4, 5, 6)), trunk=(0, 8))
UNLIKE_IN_IMAGE = 0.4  # how unlike limbs may be in the space of images, where what is nearer is larger
NEAR = 1.0  # mm between what a file says in mm and what its pixels and its factor give
# act_02 to act_16
ACTIONS = (
    "Directions", "Discussion", "Eating", "Greeting", "Phoning", "Posing", "Purchases", "Sitting", "SittingDown",
    "Smoking", "Photo", "Waiting", "Walking", "WalkDog", "WalkTogether",
)  # fmt: skip
FIRST_ACT = 2
SOURCE = re.compile(r"s_(\d\d)_act_(\d\d)_subact_(\d\d)_ca_(\d\d)")
NAME = re.compile(r"(\w+?)( \d+)?")

Take = tuple[str, str]  # subject and action, such as ("S9", "Walking 1")


@dataclass(frozen=True)
class TakeName:
    """What a name like `s_09_act_05_subact_02_ca_01` says. subject: S9; action: Greeting; camera: of CAMERAS."""

    name: str
    subject: str
    action: str
    camera: str

    @classmethod
    def of(cls, name: str, where: str) -> "TakeName":
        """The parts of a name. Raises InputError for a name of another form, or of nothing that there is."""
        match = SOURCE.fullmatch(name)
        subject, act, _, camera = map(int, match.groups()) if match else (0, 0, 0, 0)
        exists = f"S{subject}" in TRAIN + TEST and FIRST_ACT <= act < FIRST_ACT + len(ACTIONS)
        if not (exists and 1 <= camera <= len(CAMERAS)):
            raise InputError(
                f"{where}: {name!r} is not the name of a take such as 's_09_act_05_subact_02_ca_01' (person, act 02 to "
                "16, take, camera 01 to 04); rename it in the file, or get the authors' file"
            )
        return cls(name, f"S{subject}", ACTIONS[act - FIRST_ACT], CAMERAS[camera - 1])

    @property
    def kept(self) -> bool:
        """Whether this is not the take that is left out everywhere."""
        return kept(take_of(self.name))

    @property
    def blocked(self) -> bool:
        """Whether its ground truth is shifted, so that nothing can be told from it."""
        return take_of(self.name) in HUMAN36M_BLOCKED


def kept(take: Take | str) -> bool:
    """Whether a take, by its name in either form, is not the one that lacks a camera, left out everywhere."""
    return take not in LACKS_A_CAMERA


@dataclass(frozen=True)
class PickledFrames:
    """One split of MotionBERT's pickle, N frames, sequences contiguous.

    keypoints (N, 17, 3): x, y in pixels and confidence; joints (N, 17, 3): the projected joints, x, y in pixels and
    depth behind the root in pixels; factor (N,): mm a pixel at the root, None for training, where the file has none;
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

    Raises InputError: no file, one that is no CDF, other shapes, names of nobody, what `check_limbs` and `check_sides`
    refuse.
    """
    files = data_files(Path(folder), f"S*/{POSITIONS}/*.cdf")
    if not files:
        raise InputError(f"{folder}: holds no S*/{POSITIONS}/*.cdf; unpack Poses_D3_Positions_S*.tgz there")
    takes = {}
    for file in files:
        take = _take(file.parts[-4], file.stem, str(file))
        if kept(take):
            takes[take] = _checked(_cdf_poses(file)[:, list(KEPT)], str(file))
    return takes


def read_positions(path: str | Path) -> dict[Take, np.ndarray]:
    """Positions (T, 17, 3) in mm, world, of VideoPose3D's `data_3d_h36m.npz`, which has them in metres.

    Raises InputError as `read_original`.
    """
    takes = {}
    for take, where, poses in _takes(read_npz(path), "positions_3d", path):
        poses = 1000 * numbers(poses, where, (None, RAW_JOINTS, 3))
        takes[take] = _checked(poses[:, list(KEPT)], where)
    return takes


def read_detections(path: str | Path) -> dict[Take, tuple[np.ndarray, ...]]:
    """2D key points (T, J, 2) in pixels of each camera, in the order of CAMERAS, of a `data_2d_h36m_*.npz`.

    J is 17, or 16 for the stacked hourglass. Takes may have more frames than the motion capture: cut them to it.
    Raises InputError: no such arrays, another number of cameras or joints, NaN.
    """
    arrays = read_npz(path)
    where = f"{path}, metadata"
    joints = float(numbers(entry(entry(arrays, "metadata", path), "num_joints", where), f"{where}, num_joints", ()))
    if joints not in (16, 17):
        raise InputError(f"{where}, num_joints is {joints:g}; 16 or 17 is expected; is it the right file?")
    joints = int(joints)
    takes = {}
    for take, where, content in _takes(arrays, "positions_2d", path):
        views = items(content, where)
        if len(views) != len(CAMERAS):
            raise InputError(f"{where}: has {len(views)} views; {len(CAMERAS)} of (T, {joints}, 2) are expected")
        takes[take] = tuple(
            numbers(view, f"{where}, camera {name}", (None, joints, 2))
            for name, view in zip(CAMERAS, views, strict=True)
        )
    return takes


def read_motionbert(path: str | Path) -> dict[str, PickledFrames]:
    """The splits `train` and `test` of `h36m_sh_conf_cam_source_final.pkl`.

    A missing confidence is 1. Raises InputError: missing keys, other shapes, NaN, names and cameras that do not belong
    together, a person of the other split; in either split what `check_limbs`, `check_sides` and `check_points` refuse.
    """
    content = read_pickle(path)
    return {
        split: _frames(entry(content, split, path), f"{path}, {split}", people)
        for split, people in (("train", TRAIN), ("test", TEST))
    }


def _cdf_poses(file: Path) -> np.ndarray:
    """(T, 32, 3) of the variable Pose (1, T, 96)."""
    import cdflib  # a quarter of a second that other forms have no use for

    try:
        pose = cdflib.CDF(file).varget("Pose")
    except Exception as error:  # cdflib raises what it likes on bytes that are not its own
        raise unreadable(file, error, "CDF", "unpack it again") from None
    return numbers(pose, f"{file}, Pose", (1, None, 3 * RAW_JOINTS)).reshape(-1, RAW_JOINTS, 3)


def _checked(poses: np.ndarray, where: str) -> np.ndarray:
    return check_sides(check_limbs(poses, LIMBS, where), BODY, where)


def _frames(content: object, where: str, people: tuple[str, ...]) -> PickledFrames:
    """One split, checked. people: whose takes it may hold."""
    points = numbers(entry(content, "joint_2d", where), f"{where}, joint_2d", (None, 17, None), np.float32)
    count = len(points)
    if points.shape[2] not in (2, 3) or (points.shape[2] == 3 and "confidence" not in content):
        raise InputError(
            f"{where}, joint_2d is {points.shape}; ({count}, 17, 2) is expected, and the confidence in its own key"
        )
    confidence = np.ones((count, 17), np.float32)
    if "confidence" in content:
        confidence = numbers(content["confidence"], f"{where}, confidence", (count, 17), np.float32)
    points = np.concatenate([points[..., :2], confidence[..., None]], -1)
    joints = numbers(entry(content, "joint3d_image", where), f"{where}, joint3d_image", (count, 17, 3), np.float32)
    camera, source = (texts(entry(content, key, where), f"{where}, {key}", count) for key in ("camera_name", "source"))
    action = texts(content["action"], f"{where}, action", count) if "action" in content else None
    factor = _factor(content, joints, source, where) if people == TEST else None
    frames = PickledFrames(points, joints, factor, source, camera, action)
    return _without(frames, _check_sources(frames, people, where))


def _factor(content: object, joints: np.ndarray, source: np.ndarray, where: str) -> np.ndarray:
    """Millimetres a pixel (N,), which must give the file's own poses in mm."""
    count, key = len(joints), f"{where}, joints_2.5d_image"
    factor = numbers(entry(content, "2.5d_factor", where), f"{where}, 2.5d_factor", (count,), np.float32, positive=True)
    poses = numbers(entry(content, "joints_2.5d_image", where), key, (count, 17, 3), np.float32)
    for start, stop in sequence_bounds(source):
        check_limbs(poses[start:stop], LIMBS, f"{key}, {source[start]}", UNLIKE_IN_IMAGE)
    if (apart := float(np.median(np.abs(joints * factor[:, None, None] - poses)))) > NEAR:
        raise InputError(f"{key} is {apart:.0f} mm from joint3d_image times 2.5d_factor; get the file again")
    return factor


def _check_sources(frames: PickledFrames, people: tuple[str, ...], where: str) -> list[tuple[int, int]]:
    """First row and the row after the last of each sequence that is kept; what they hold must belong together."""
    bounds, starts = sequence_bounds(frames.source), {}
    for start, stop in bounds:
        name = str(frames.source[start])
        source, place = TakeName.of(name, f"{where}, source"), f"{where}, {name}"
        if source.subject not in people:
            raise InputError(f"{place}: belongs to {source.subject}; this split has {', '.join(people)}; mend the file")
        if name in starts:
            raise InputError(f"{place}: starts in rows {starts[name]} and {start}, with others between; sort the rows")
        if strange := sorted(set(frames.camera[start:stop].tolist()) - {source.camera}):
            wrong = f"is not {source.camera}, whose take this is"
            wrong = wrong if strange[0] in CAMERAS else f"is none of {', '.join(CAMERAS)}"
            raise InputError(f"{place}: camera {strange[0]!r} {wrong}; mend the file")
        if frames.action is not None and len(several := np.unique(frames.action[start:stop])) > 1:
            raise InputError(f"{place}: has the actions {', '.join(several)}; a take has one; mend the file")
        starts[name] = start
        _check_take(frames, slice(start, stop), source, place)
    return [(start, stop) for start, stop in bounds if TakeName.of(str(frames.source[start]), where).kept]


def _check_take(frames: PickledFrames, rows: slice, source: TakeName, where: str) -> None:
    """Check what is trained on and judged by: poses in pixels, or in mm where a factor is there; key points on them."""
    joints = frames.joints[rows]
    if frames.factor is None:
        check_limbs(joints, LIMBS, f"{where}, joint3d_image", UNLIKE_IN_IMAGE, pixels=True)
    else:
        mm = joints * frames.factor[rows, None, None]
        check_limbs(mm, LIMBS, f"{where}, joint3d_image times 2.5d_factor", UNLIKE_IN_IMAGE)
    check_sides(joints, BODY, f"{where}, joint3d_image")
    if not source.blocked:
        check_points(frames.keypoints[rows, :, :2], joints[..., :2], BODY, f"{where}, joint_2d")


def _without(frames: PickledFrames, bounds: list[tuple[int, int]]) -> PickledFrames:
    """The frames of these sequences; the same arrays where that is all of them."""
    if sum(stop - start for start, stop in bounds) == len(frames.source):
        return frames
    rows = np.concatenate([np.arange(*bound) for bound in bounds] or [np.arange(0)])
    return PickledFrames(**{name: None if array is None else array[rows] for name, array in vars(frames).items()})


def _takes(arrays: Mapping, key: str, path: str | Path) -> Iterator[tuple[Take, str, object]]:
    """Each take that is kept: its name, what a message about it begins with, and what the file holds of it."""
    for subject, actions in mapping(entry(arrays, key, path), f"{path}, {key}").items():
        for action, value in mapping(actions, f"{path}, {key}, {subject}").items():
            where = f"{path}, {subject} {action}"
            take = _take(str(subject), str(action), where)
            if kept(take):
                yield take, where, value


def _take(subject: str, name: str, where: str) -> Take:
    """A take by its person and its name, which later work writes otherwise. Raises InputError for others."""
    match = NAME.fullmatch(name)
    action = match and RENAMED.get(match[1], match[1])
    if subject not in TRAIN + TEST or action not in ACTIONS:
        raise InputError(
            f"{where} is not a take such as 'S9 Walking 1' (people {', '.join(TRAIN + TEST)}; actions "
            f"{', '.join(ACTIONS)}); rename it"
        )
    return subject, f"{action}{match[2] or ''}"
