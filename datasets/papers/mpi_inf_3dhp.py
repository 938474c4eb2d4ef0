"""MPI-INF-3DHP in the forms that people have it: the official MATLAB files, P-STMO's npz files.

Readers only, as `datasets.papers.human36m`. Poses are `univ_annot3`, skeletons scaled to Human3.6M's height, as
later work uses them. docs/papers-data.md describes the forms.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from base.errors import InputError
from base.foreign import data_files
from datasets.disguises import unreadable
from datasets.papers.limbs import Anatomy, check_limbs, check_points, check_sides, seen
from datasets.papers.matlab import read_mat
from datasets.papers.restricted import read_npz
from datasets.papers.values import entry, flags, items, mapping, numbers

RAW_JOINTS = 28  # of the training annotations, of which these are kept: the 17 of the test set, in its order
KEPT = (7, 5, 14, 15, 16, 9, 10, 11, 23, 24, 25, 18, 19, 20, 4, 3, 6)
JOINTS = 17
CAMERAS = (0, 1, 2, 4, 5, 6, 7, 8)  # at chest and knee height; everybody trains on these
LIMBS = (((2, 3), (5, 6)), ((3, 4), (6, 7)), ((8, 9), (11, 12)), ((9, 10), (12, 13)))  # (right, left)
BODY = Anatomy(LIMBS, legs=((8, 9, 10), (11, 12, 13)), trunk=(14, 1))
SIZES = {"TS5": (1920, 1080), "TS6": (1920, 1080)}  # pixels; of all others:
SIZE = (2048, 2048)
SEQUENCE = re.compile(r"(S[1-8])[/ ](Seq[12])")
TESTED = re.compile(r"TS[1-6]")

ACTIVITIES = 7
APART = 10.0  # pixels between key points and projected joints: more is another camera's calibration
LOOKED_AT = 100  # frames, to tell that

View = tuple[np.ndarray, np.ndarray]  # key points (F, 17, 2) in pixels, joints (F, 17, 3) in mm in the camera's axes
Views = dict[int, View]  # by camera
Name = tuple[str, str]  # subject and sequence, such as ("S1", "Seq2")


@dataclass(frozen=True)
class ScoredSequence:
    """keypoints (F, 17, 2) px; joints (F, 17, 3) mm; valid (F,) bool: frames that are scored; activity (F,): 1 to 7, or
    None where the form has none; size: of the image, pixels.
    """

    keypoints: np.ndarray
    joints: np.ndarray
    valid: np.ndarray
    activity: np.ndarray | None
    size: tuple[int, int]


@dataclass(frozen=True)
class Calibration:
    """A camera: size in pixels; intrinsic, extrinsic (4, 4), the latter from the world to the camera in mm."""

    size: tuple[int, int]
    intrinsic: np.ndarray
    extrinsic: np.ndarray


def read_training(folder: str | Path) -> Iterator[tuple[Name, Views]]:
    """Each sequence below `folder`, seen by each of CAMERAS, from its `S*/Seq*/annot.mat`; one at a time.

    Where its `camera.calibration` is there too, it must project the joints onto the key points. Raises InputError: no
    such file, one that is no MATLAB file, other shapes, another calibration, what the checks of `limbs` refuse.
    """
    files = data_files(Path(folder), "S*/Seq*/annot.mat")
    if not files:
        raise InputError(f"{folder}: holds no S*/Seq*/annot.mat; unpack the training set there")
    return ((_sequence(f"{file.parts[-3]}/{file.parts[-2]}", file), _annotations(file)) for file in files)


def read_test(folder: str | Path) -> dict[str, ScoredSequence]:
    """By name, TS1 to TS6, from `TS*/annot_data.mat` below `folder`. Raises InputError as `read_training`."""
    files = data_files(Path(folder), "TS*/annot_data.mat")
    if not files:
        raise InputError(f"{folder}: holds no TS*/annot_data.mat; unpack mpi_inf_3dhp_test_set.zip there")
    return {file.parent.name: _test_sequence(file) for file in files}


def read_calibration(path: str | Path) -> dict[int, Calibration]:
    """Cameras by number from a `camera.calibration`. Raises InputError: absent, cut, or something else."""
    path = Path(path)
    try:
        lines = [line.split() for line in path.read_text(encoding="utf-8").splitlines()[1:]]
        starts = [i for i, line in enumerate(lines) if line[:1] == ["name"]]
        cameras = {int(lines[i][1]): _camera({line[0]: line[1:] for line in lines[i + 1 : i + 7]}) for i in starts}
    except OSError as error:
        raise unreadable(path, error, "camera.calibration") from None
    except (ValueError, LookupError) as error:
        raise InputError(f"{path}: is not a camera.calibration file ({error}); get it again") from None
    if not cameras:
        raise InputError(f"{path}: names no camera; is it the right file?")
    return cameras


def read_stmo_training(path: str | Path) -> dict[Name, Views]:
    """What `read_training` gives, by name, from P-STMO's `data_train_3dhp.npz`. Raises InputError as it does."""
    sequences: dict[Name, Views] = {}
    for name, content in _stmo(path).items():
        sequence, where = _sequence(str(name), Path(path)), f"{path}, {name}"
        cameras = {str(camera): view for camera, view in mapping(items(content, where)[0], where).items()}
        if strange := [camera for camera in cameras if not re.fullmatch(r"\d|1[0-3]", camera)]:
            raise InputError(f"{where}: {strange[0]!r} is not a camera such as '0'; is it the right file?")
        sequences[sequence] = {
            camera: _view(cameras[str(camera)], f"{where}, {camera}") for camera in CAMERAS if str(camera) in cameras
        }
    return sequences


def read_stmo_test(path: str | Path) -> dict[str, ScoredSequence]:
    """What `read_test` gives, without activities, from P-STMO's `data_test_3dhp.npz`. Raises InputError as it does."""
    return {str(name): _stmo_tested(str(name), content, f"{path}, {name}") for name, content in _stmo(path).items()}


def _sequence(name: str, file: Path) -> Name:
    match = SEQUENCE.fullmatch(name)
    if match is None:
        raise InputError(f"{file}: {name!r} is not a sequence such as 'S1 Seq1' (S1 to S8, Seq1 and Seq2); rename it")
    return match[1], match[2]


def _size(name: str, where: str) -> tuple[int, int]:
    """Pixels of the images of a test sequence."""
    if not TESTED.fullmatch(name):
        raise InputError(f"{where}: {name!r} is not a test sequence such as 'TS1' (TS1 to TS6); rename it")
    return SIZES.get(name, SIZE)


def _annotations(file: Path) -> Views:
    calibration = file.with_name("camera.calibration")
    keys = ("annot2", "univ_annot3") + (("annot3",) if calibration.is_file() else ())
    cells = [_Cells(key, value, file) for key, value in read_mat(file, *keys).items()]
    if calibration.is_file():
        _check_calibration(cells[0], cells[2], calibration)
    views = {camera: [cell.of(camera)[:, list(KEPT)] for cell in cells[:2]] for camera in CAMERAS}
    return {camera: _checked(*view, f"{file}, camera {camera}") for camera, view in views.items()}


@dataclass(frozen=True)
class _Cells:
    """A variable of `annot.mat`, which has a cell for each camera."""

    key: str
    value: Any
    file: Path

    def of(self, camera: int) -> np.ndarray:
        """(F, 28, 2 or 3) of a camera."""
        where, axes = f"{self.file}, {self.key}, camera {camera}", 2 if self.key == "annot2" else 3
        if not isinstance(self.value, np.ndarray) or self.value.dtype != object or self.value.size <= camera:
            raise InputError(
                f"{self.file}: {self.key} has no cell of camera {camera}; 14 cells are expected; get the file again"
            )
        array = numbers(self.value.ravel()[camera], where, (None, RAW_JOINTS * axes))
        return array.reshape(len(array), RAW_JOINTS, axes)


def _check_calibration(annot2: _Cells, annot3: _Cells, calibration: Path) -> None:
    """Raise InputError unless the cameras project the joints onto the key points."""
    cameras, file = read_calibration(calibration), annot2.file
    for number in CAMERAS:
        if number not in cameras:
            raise InputError(f"{calibration}: lacks camera {number}; get it again")
        points, poses = annot2.of(number), annot3.of(number)
        if len(points) != len(poses):
            raise InputError(f"{file}, camera {number}: has {len(points)} frames in annot2, {len(poses)} in annot3")
        points, poses = points[:LOOKED_AT], poses[:LOOKED_AT]
        projected = poses @ cameras[number].intrinsic[:3, :3].T
        apart = projected[..., :2] / projected[..., 2:] - points
        if not np.median(np.linalg.norm(apart, axis=-1)) < APART:
            raise InputError(
                f"{calibration}: camera {number} does not project the joints of {file.name} onto its points"
            )


def _test_sequence(file: Path) -> ScoredSequence:
    arrays = read_mat(file, "annot2", "univ_annot3", "valid_frame", "activity_annotation")
    keypoints, joints = (_stacked(arrays[key], f"{file}, {key}", n) for key, n in (("annot2", 2), ("univ_annot3", 3)))
    valid = flags(arrays["valid_frame"], f"{file}, valid_frame", len(keypoints))
    where = f"{file}, activity_annotation"
    activity = numbers(arrays["activity_annotation"], where, (len(keypoints),))
    if not np.isin(activity, range(ACTIVITIES + 1)).all():  # 0 where nothing is said
        raise InputError(f"{where} has other numbers than 0 to {ACTIVITIES}; get the file again")
    size = _size(file.parent.name, str(file))
    return _tested(ScoredSequence(keypoints, joints, valid, activity.astype(int), size), str(file))


def _stacked(value: Any, where: str, axes: int) -> np.ndarray:
    """(F, 17, axes) of what MATLAB has as (axes, 17, 1, F), and Python, saved again, as (F, 1, 17, axes)."""
    array = np.asarray(value)
    array = array.T if array.shape[:1] == (axes,) else array
    return numbers(array[:, 0] if array.ndim == 4 and array.shape[1] == 1 else array, where, (None, JOINTS, axes))


def _stmo_tested(name: str, content: object, where: str) -> ScoredSequence:
    keypoints, joints = _arrays(content, where)
    valid = flags(entry(content, "valid", where), f"{where}, valid", len(keypoints))
    return _tested(ScoredSequence(keypoints, joints, valid, None, _size(name, where)), where)


def _tested(sequence: ScoredSequence, where: str) -> ScoredSequence:
    """A test sequence whose valid frames hold poses of a person, and whose key points belong to them."""
    if not sequence.valid.any():
        raise InputError(f"{where}: no frame is valid; get the file again")
    _checked(sequence.keypoints[sequence.valid], sequence.joints[sequence.valid], where)
    return sequence


def _view(content: object, where: str) -> View:
    return _checked(*_arrays(content, where), where)


def _arrays(content: object, where: str) -> View:
    """Key points and joints of one of P-STMO's dictionaries."""
    points = numbers(entry(content, "data_2d", where), f"{where}, data_2d", (None, JOINTS, 2))
    return points, numbers(entry(content, "data_3d", where), f"{where}, data_3d", (len(points), JOINTS, 3))


def _checked(points: np.ndarray, poses: np.ndarray, where: str) -> View:
    """Key points (F, 17, 2) and joints (F, 17, 3), if they are of one person in millimetres."""
    if len(points) != len(poses):
        raise InputError(f"{where}: has {len(points)} frames of key points and {len(poses)} of joints; get it again")
    check_sides(check_limbs(poses, LIMBS, where), BODY, where)
    check_points(points, seen(poses, points), BODY, where)
    return points, poses


def _stmo(path: str | Path) -> Mapping:
    return mapping(entry(read_npz(path), "data", path), f"{path}, data")


def _camera(lines: Mapping[str, list[str]]) -> Calibration:
    intrinsic, extrinsic = (np.array(lines[key], float).reshape(4, 4) for key in ("intrinsic", "extrinsic"))
    width, height = map(int, lines["size"])
    if not (np.isfinite(intrinsic).all() and np.isfinite(extrinsic).all()):
        raise ValueError("a camera has NaN or infinite numbers")
    return Calibration((width, height), intrinsic, extrinsic)
