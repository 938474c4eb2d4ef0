"""Human3.6M's cameras, and the numbers of its takes, from the files that have them.

`metadata.xml` comes with the authors' code (Release-v1.x) and holds both; `cameras.pkl`, as mmpose's converter writes
it, holds cameras only. The takes are then numbered by a rule that agrees with the takes whose numbers are known.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

import numpy as np

from base.errors import InputError
from datasets.motion.cameras import Camera
from datasets.papers.human36m import ACTIONS, CAMERAS, FIRST_ACT, RENAMED, Take
from datasets.papers.restricted import read_pickle
from datasets.papers.values import entry, mapping, numbers

SIZES = ((1000, 1002), (1000, 1000), (1000, 1000), (1000, 1002))
SUBJECTS = 11
ROUNDED = 1e-3  # how far the numbers of a rotation may be from it
NEAR = (500.0, 50_000.0)  # mm from the middle of the room to a camera
UNNUMBERED = 1.5  # "Walking 1" comes before "Walking", and that before "Walking 2"

Numbers = dict[Take, tuple[int, int]]  # act and subact of a take


@dataclass(frozen=True)
class Recording:
    """What a file says of how the takes were recorded.

    file: which it was; cameras: by subject and camera, such as ("S1", "54138969"); numbers: of the takes, where the
    file has them.
    """

    file: Path
    cameras: dict[tuple[str, str], Camera]
    numbers: Numbers

    def camera(self, subject: str, name: str) -> Camera:
        """A camera as it stood for a subject. Raises InputError where the file lacks it."""
        if (subject, name) not in self.cameras:
            raise InputError(f"{self.file}: has no camera {name} of {subject}; write the file again")
        return self.cameras[subject, name]


def read_cameras(folder: Path) -> Recording:
    """From `metadata.xml` or `cameras.pkl`. Raises InputError: neither is in the folder, or it is damaged."""
    for name, read in (("metadata.xml", _read_metadata), ("cameras.pkl", _read_pickled)):
        if (folder / name).is_file():
            return read(folder / name)
    raise InputError(
        f"{folder}: holds no metadata.xml (of the authors' code, Release-v1.2) and no cameras.pkl (of mmpose's "
        "converter); positions alone say nothing about images: put one of them there"
    )


def numbered(takes: Sequence[Take], known: Numbers) -> Numbers:
    """Act and subact of each take: the known ones, else by the order of the takes of a subject and an action.

    That rule is inferred: it gives the numbers of the takes that are known by both, such as S9's three faulty ones.
    """
    numbers = {}
    for take in takes:
        subject, action = take[0], take[1].partition(" ")[0]
        if action not in ACTIONS:
            raise InputError(f"{subject} {take[1]}: is none of the 15 actions ({', '.join(ACTIONS)}); rename its file")
        same = sorted((t for t in takes if (t[0], t[1].partition(" ")[0]) == (subject, action)), key=_turn)
        # A take that is there alone is the first or the second by its own name.
        alone = 2 if take[1] == action else 1
        subact = same.index(take) + 1 if len(same) > 1 else alone
        numbers[take] = known.get(take, (ACTIONS.index(action) + FIRST_ACT, subact))
    return numbers


def _turn(take: Take) -> float:
    number = take[1].partition(" ")[2]
    return float(number) if number else UNNUMBERED


def _read_metadata(path: Path) -> Recording:
    """All numbers of cameras stand in one list `w0`: 6 for each of 4 x 11 places, then 9 for each of 4 cameras."""
    try:
        root = ElementTree.fromstring(path.read_bytes())
        values = np.array(root.find("w0").text.strip(" []\n").split(), float)
        subjects, *rows = [[cell.text for cell in row] for row in root.find("mapping")]
        places = values[: 24 * SUBJECTS].reshape(4, SUBJECTS, 6)
        optics = values[24 * SUBJECTS : 24 * SUBJECTS + 36].reshape(4, 9)
        cameras = {
            (f"S{subject}", name): _camera(
                i, _rotation(*places[i, subject - 1, :3]), places[i, subject - 1, 3:], optics[i]
            )
            for i, name in enumerate(CAMERAS)
            for subject in range(1, SUBJECTS + 1)
        }
        numbered_takes = {
            (subject, _renamed(name)): (int(row[0]), int(row[1]))
            for row in rows
            if re.fullmatch(r"\d+", row[0] or "") and int(row[0]) >= FIRST_ACT and row[1]
            for subject, name in zip(subjects[2:], row[2:], strict=False)
            if name
        }
    except (ElementTree.ParseError, AttributeError, ValueError, LookupError, TypeError) as error:
        raise InputError(f"{path}: is not Human3.6M's metadata.xml ({error}); copy it again") from None
    return Recording(path, cameras, numbered_takes)


def _read_pickled(path: Path) -> Recording:
    """R (3, 3) turns a camera's axes to the world's; T (3, 1) is its place in metres."""
    cameras = {}
    for key, content in mapping(read_pickle(path), path).items():
        where = f"{path}, {key}"
        if not isinstance(key, tuple) or len(key) != 2 or key[1] not in CAMERAS:
            raise InputError(f"{where}: is not a person and camera such as ('S1', '54138969'); is it the right file?")
        shapes = {"R": (3, 3), "T": (3,), "f": (2,), "c": (2,), "k": (3,), "p": (2,)}
        r, t, *optics = (numbers(entry(content, k, where), f"{where}, {k}", shape) for k, shape in shapes.items())
        try:
            cameras[key] = _camera(CAMERAS.index(key[1]), r.T, 1000 * t, np.concatenate(optics))
        except ValueError as error:
            raise InputError(f"{path}: is not Human3.6M's cameras.pkl ({error}, {key[0]}); write it again") from None
    return Recording(path, cameras, {})


def _camera(index: int, rotation: np.ndarray, position: np.ndarray, optics: np.ndarray) -> Camera:
    """rotation (3, 3) world to camera; position (3,) mm; optics (9,): f 2, c 2, k 3, p 2. Raises ValueError."""
    f, c, k, p = np.split(np.asarray(optics, float), (2, 4, 7))
    name = f"camera {CAMERAS[index]}"
    if rotation.shape != (3, 3) or position.shape != (3,) or p.shape != (2,):
        raise ValueError(f"{name} lacks numbers")
    if not all(np.isfinite(values).all() for values in (rotation, position, optics)) or not (f > 0).all():
        raise ValueError(f"{name} has NaN or infinite numbers, or a focal length that is not above 0")
    if np.abs(rotation @ rotation.T - np.eye(3)).max() > ROUNDED or np.linalg.det(rotation) < 0:
        raise ValueError(f"the rotation of {name} is not a rotation")
    if not NEAR[0] <= (away := np.linalg.norm(position)) <= NEAR[1]:
        raise ValueError(f"{name} stands {away / 1000:.4g} m from the middle of the room; its unit is wrong")
    return Camera(tuple(f), tuple(c), tuple(k), tuple(p), SIZES[index], rotation, position / 1000, doubled=1)


def _rotation(x: float, y: float, z: float) -> np.ndarray:
    """World to camera: rotations about the axes, x first."""
    turns = []
    for axis, angle in enumerate((x, y, z)):
        a, b = (axis + 1) % 3, (axis + 2) % 3
        turn = np.eye(3)
        turn[a, a] = turn[b, b] = np.cos(angle)
        turn[a, b], turn[b, a] = -np.sin(angle), np.sin(angle)
        turns.append(turn)
    return turns[0] @ turns[1] @ turns[2]


def _renamed(name: str) -> str:
    """`TakingPhoto 1` as later work writes it."""
    action, _, number = name.strip().partition(" ")
    return " ".join(filter(None, (RENAMED.get(action, action), number)))
