"""MPI-INF-3DHP in the forms that people have it: the official MATLAB files, P-STMO's npz files.

Readers only, as `datasets.published.human36m`. Poses are `univ_annot3`, skeletons scaled to Human3.6M's height, as
later work uses them. Facts about the forms: spec data_metrics, 1.3.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from datasets.published.limbs import check_limbs
from datasets.restricted import read_npz
from studies.errors import InputError
from studies.foreign import data_files

RAW_JOINTS = 28  # of the training annotations, of which these are kept: the 17 of the test set, in its order
KEPT = (7, 5, 14, 15, 16, 9, 10, 11, 23, 24, 25, 18, 19, 20, 4, 3, 6)
JOINTS = 17
CAMERAS = (0, 1, 2, 4, 5, 6, 7, 8)  # at chest and knee height; everybody trains on these
LIMBS = (((2, 3), (5, 6)), ((3, 4), (6, 7)), ((8, 9), (11, 12)), ((9, 10), (12, 13)))  # (right, left)
SIZES = {"TS5": (1920, 1080), "TS6": (1920, 1080)}  # pixels; of all others:
SIZE = (2048, 2048)
SEQUENCE = re.compile(r"(S\d+)[/ ](Seq\d+)$")

APART = 10.0  # pixels between key points and projected joints: more is another camera's calibration
LOOKED_AT = 100  # frames, to tell that

View = tuple[np.ndarray, np.ndarray]  # key points (F, 17, 2) in pixels, joints (F, 17, 3) in mm in the camera's axes
Views = dict[int, View]  # by camera
Name = tuple[str, str]  # subject and sequence, such as ("S1", "Seq2")


@dataclass(frozen=True)
class Sequence:
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
    such file, one that is no MATLAB file, other shapes, another calibration, what `check_limbs` refuses.
    """
    files = data_files(Path(folder), "S*/Seq*/annot.mat")
    if not files:
        raise InputError(f"{folder}: holds no S*/Seq*/annot.mat; unpack the training set there")
    return (((file.parts[-3], file.parts[-2]), _annotations(file)) for file in files)


def read_test(folder: str | Path) -> dict[str, Sequence]:
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
        found = {int(lines[i][1]): _camera({line[0]: line[1:] for line in lines[i + 1 : i + 7]}) for i in starts}
    except FileNotFoundError:
        raise InputError(f"{path}: no such file") from None
    except (ValueError, LookupError) as error:
        raise InputError(f"{path}: is no camera.calibration ({error}); get it again") from None
    if not found:
        raise InputError(f"{path}: names no camera; is it the right file?")
    return found


def read_stmo_training(path: str | Path) -> dict[Name, Views]:
    """What `read_training` gives, by name, from P-STMO's `data_train_3dhp.npz`. Raises InputError as it does."""
    found: dict[Name, Views] = {}
    for name, (views, *_) in _stmo(path).items():
        match = SEQUENCE.search(name)
        if match is None or not isinstance(views, Mapping):
            raise InputError(f"{path}: {name!r} is no sequence such as 'S1 Seq1'; is it the right file?")
        found[match.groups()] = {
            int(camera): _view(view, f"{path}, {name}, {camera}") for camera, view in views.items()
        }
    return found


def read_stmo_test(path: str | Path) -> dict[str, Sequence]:
    """What `read_test` gives, without activities, from P-STMO's `data_test_3dhp.npz`. Raises InputError as it does."""
    found = {}
    for name, sequence in _stmo(path).items():
        where = f"{path}, {name}"
        keypoints, joints = _view(sequence, where, checked=False)
        valid = np.asarray(_entry(sequence, "valid", where)).ravel().astype(bool)
        found[name] = _checked(Sequence(keypoints, joints, valid, None, SIZES.get(name, SIZE)), where)
    return found


def _annotations(file: Path) -> Views:
    from scipy.io import loadmat  # scipy.io takes a while

    cells = _read(file, lambda: loadmat(file, variable_names=["annot2", "annot3", "univ_annot3"]))
    if (calibration := file.with_name("camera.calibration")).is_file():
        _check_calibration(cells, calibration, file)
    found = {}
    for camera in CAMERAS:
        points, poses = (_cell(cells, key, camera, file) for key in ("annot2", "univ_annot3"))
        view = points.reshape(len(points), RAW_JOINTS, 2), poses.reshape(len(poses), RAW_JOINTS, 3)
        kept = tuple(array[:, list(KEPT)] for array in view)
        check_limbs(kept[1], LIMBS, f"{file}, camera {camera}")
        found[camera] = kept
    return found


def _check_calibration(cells: Mapping, calibration: Path, file: Path) -> None:
    """Raise InputError unless the cameras project the joints onto the key points."""
    cameras = read_calibration(calibration)
    for number in CAMERAS:
        if number not in cameras:
            raise InputError(f"{calibration}: lacks camera {number}; get it again")
        points, poses = (_cell(cells, key, number, file)[:LOOKED_AT] for key in ("annot2", "annot3"))
        projected = poses.reshape(len(poses), RAW_JOINTS, 3) @ cameras[number].intrinsic[:3, :3].T
        apart = projected[..., :2] / projected[..., 2:] - points.reshape(len(points), RAW_JOINTS, 2)
        if not np.median(np.linalg.norm(apart, axis=-1)) < APART:
            raise InputError(
                f"{calibration}: camera {number} does not project the joints of {file.name} onto its points"
            )


def _cell(cells: Mapping, key: str, camera: int, file: Path) -> np.ndarray:
    """(F, 28 numbers of 2 or 3) of a camera."""
    cell, columns = _entry(cells, key, file), RAW_JOINTS * (2 if key == "annot2" else 3)
    try:
        array = np.asarray(cell[camera, 0], np.float64)
    except (IndexError, TypeError, ValueError) as error:
        raise InputError(f"{file}: {key} has no camera {camera} ({error}); get the file again") from None
    if array.ndim != 2 or array.shape[1] != columns:
        raise InputError(f"{file}: {key} of camera {camera} is {array.shape}; (F, {columns}) is wanted")
    return array


def _test_sequence(file: Path) -> Sequence:
    import h5py  # wanted for this form only

    def read() -> dict[str, np.ndarray]:
        with h5py.File(file) as content:
            return {key: np.asarray(content[key]) for key in content}

    arrays = _read(file, read)
    keypoints, joints = (
        np.asarray(_entry(arrays, key, file), np.float64).squeeze(1) for key in ("annot2", "univ_annot3")
    )
    valid, activity = (np.asarray(_entry(arrays, key, file)).ravel() for key in ("valid_frame", "activity_annotation"))
    size = SIZES.get(file.parent.name, SIZE)
    return _checked(Sequence(keypoints, joints, valid.astype(bool), activity.astype(int), size), str(file))


def _checked(sequence: Sequence, where: str) -> Sequence:
    count = len(sequence.keypoints)
    if sequence.keypoints.shape != (count, JOINTS, 2) or sequence.joints.shape != (count, JOINTS, 3):
        shapes = f"{sequence.keypoints.shape} and {sequence.joints.shape}"
        raise InputError(f"{where}: has {shapes}; (F, {JOINTS}, 2) and (F, {JOINTS}, 3) are wanted")
    if len(sequence.valid) != count or not sequence.valid.any():
        raise InputError(f"{where}: {len(sequence.valid)} marks of valid frames for {count} frames, or none is valid")
    check_limbs(sequence.joints[sequence.valid], LIMBS, where)
    return sequence


def _view(content: object, where: str, checked: bool = True) -> View:
    points = np.asarray(_entry(content, "data_2d", where), np.float64)
    poses = np.asarray(_entry(content, "data_3d", where), np.float64)
    if points.shape[1:] != (JOINTS, 2) or poses.shape != (len(points), JOINTS, 3):
        raise InputError(
            f"{where}: has {points.shape} and {poses.shape}; (F, {JOINTS}, 2) and (F, {JOINTS}, 3) are wanted"
        )
    return points, check_limbs(poses, LIMBS, where) if checked else poses


def _stmo(path: str | Path) -> Mapping:
    content = _entry(read_npz(path), "data", path)
    if not isinstance(content, Mapping):
        raise InputError(f"{path}: 'data' holds no sequences; is it the right file?")
    return content


def _read(file: Path, read: Callable[[], object]) -> Mapping:
    try:
        return read()
    except Exception as error:  # scipy and h5py raise what they like on bytes that are not theirs
        raise InputError(f"{file}: cannot be read as MATLAB file ({error}); unpack it again") from None


def _camera(lines: Mapping[str, list[str]]) -> Calibration:
    intrinsic, extrinsic = (np.array(lines[key], float).reshape(4, 4) for key in ("intrinsic", "extrinsic"))
    width, height = map(int, lines["size"])
    return Calibration((width, height), intrinsic, extrinsic)


def _entry(content: object, key: str, where: str | Path) -> object:
    if not isinstance(content, Mapping) or key not in content:
        raise InputError(f"{where}: has no {key!r}; is it the right file?")
    return content[key]
