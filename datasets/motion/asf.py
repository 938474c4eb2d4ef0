"""ASF skeletons and AMC motion (Acclaim's text formats, as the CMU database writes them), and their kinematics.

Conventions: angles in degrees, x applied first; lengths are inches divided by the header's `length`; y is up.
Positions agree with those of AMCParser (github.com/CalciferZh/AMCParser) within 2.3e-9 m on three clips.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from base.errors import InputError
from base.foreign import read_text
from base.records import record
from datasets.motion.kinematics import euler

INCH = 0.0254
ROTATIONS = ("rx", "ry", "rz")
ROOT_ORDER = ("tx", "ty", "tz", *ROTATIONS)
ROOT = "root"
DEGREES, RADIANS = ":degrees", ":radians"  # of the header of a motion
FULL, RATE = ":fully-specified", ":samples-per-second"
AMC_REMEDY = "mend it, or if the file is damaged, fetch it again"
ASF_REMEDY = "damaged, or not a skeleton as the CMU database writes them"

Line = tuple[int, list[str]]  # number in the file, words


@dataclass(frozen=True)
class Bone:
    """direction: unit vector (3,) in the rest pose; length: metres; axis: angles (3,) of its frame, radians;
    dof: which of rx, ry, rz move it; parent: the bone that it hangs on.
    """

    direction: np.ndarray
    length: float
    axis: np.ndarray
    dof: tuple[str, ...]
    parent: str


@dataclass(frozen=True)
class AsfSkeleton:
    """Bones by name, parents before children, without the root; scale: metres per unit of length in the files."""

    bones: dict[str, Bone]
    scale: float

    @property
    def points(self) -> tuple[str, ...]:
        """Names of the points that forward_kinematics gives: `root`, then the end of each bone."""
        return (ROOT, *self.bones)

    @property
    def sizes(self) -> dict[str, int]:
        """How many values each moving bone, and the root, has in every frame."""
        return {ROOT: len(ROOT_ORDER)} | {name: len(bone.dof) for name, bone in self.bones.items() if bone.dof}


def forward_kinematics(skeleton: AsfSkeleton, motion: dict[str, np.ndarray]) -> np.ndarray:
    """Positions (F, 1 + bones, 3) in metres, y up, in the order of `skeleton.points`.

    motion: as read_amc gives it. A bone turns by C M C^T against its parent, C being its axis frame and M its
    angles; its end lies `length` along its turned direction from its parent's end.
    """
    root = motion[ROOT]
    ends = {ROOT: root[:, :3] * skeleton.scale}  # (F, 3)
    turned = {ROOT: euler(np.radians(root[:, 3:]))}  # (F, 3, 3)
    for name, bone in skeleton.bones.items():
        angles = np.zeros((len(root), 3))
        for column, dof in enumerate(bone.dof):
            angles[:, ROTATIONS.index(dof)] = np.radians(motion[name][:, column])
        frame = euler(bone.axis)
        turned[name] = turned[bone.parent] @ frame @ euler(angles) @ frame.T
        ends[name] = ends[bone.parent] + turned[name] @ bone.direction * bone.length
    return np.stack([ends[name] for name in skeleton.points], 1)


def read_asf(path: str | Path) -> AsfSkeleton:
    """Read a skeleton. Raises InputError naming the file and, where there is one, the line or bone."""
    path = Path(path)
    sections = _sections(path)
    scale = _scale(path, sections["units"])
    _check_root(path, sections["root"])
    entries = _entries(path, sections["bonedata"])
    parents = _parents(path, sections["hierarchy"], list(entries))
    for name, entry in entries.items():
        if name not in parents:
            raise InputError(
                f"{path}, line {entry.line}: the bone that ends here is incomplete (no :hierarchy); {ASF_REMEDY}"
            )
    if missing := [name for name in parents if name not in entries]:
        raise InputError(f"{path}: :hierarchy names the bone {missing[0]!r}, :bonedata lacks it; {ASF_REMEDY}")
    return AsfSkeleton({name: _bone(path, entries[name], scale, parents[name]) for name in parents}, scale)


def _sections(path: Path) -> dict[str, list[Line]]:
    """Lines of each section; the first of them is what stands beside the section's name."""
    sections: dict[str, list[Line]] = {}
    current: list[Line] = []
    for number, words in _lines(path, ASF_REMEDY):
        if words[0].startswith(":"):
            name = words[0][1:].lower()
            if name in sections:
                raise InputError(f"{path}, line {number}: :{name} appears twice; {ASF_REMEDY}")
            current = sections[name] = [(number, words[1:])] if words[1:] else []
        else:
            current.append((number, words))
    for section in ("units", "root", "bonedata", "hierarchy"):
        if not sections.get(section):
            raise InputError(f"{path}: lacks the section :{section}; {ASF_REMEDY}")
    return sections


def _scale(path: Path, lines: list[Line]) -> float:
    """Metres a unit of length. Raises InputError unless :units gives a length, and angles in degrees."""
    units = {words[0].lower(): " ".join(words[1:]).lower() for _, words in lines}
    if units.get("angle") not in ("deg", "degree", "degrees") or "length" not in units:
        raise InputError(f"{path}: :units must give a length, and angles in deg; {ASF_REMEDY}")
    try:
        scale = INCH / float(units["length"])
    except (ValueError, ZeroDivisionError):
        scale = np.nan
    if not 0 < scale < np.inf:
        raise InputError(f"{path}: :units has the length {units['length']!r}; {ASF_REMEDY}")
    return scale


def _check_root(path: Path, lines: list[Line]) -> None:
    """Raise InputError unless the root turns in the usual order and starts at zero, which motion then counts from."""
    root = {words[0].lower(): tuple(word.lower() for word in words[1:]) for _, words in lines}
    if root.get("order") != ROOT_ORDER or root.get("axis") != ("xyz",):
        raise InputError(f"{path}: :root must have the order {' '.join(ROOT_ORDER)} and the axis xyz; {ASF_REMEDY}")
    for key in ("position", "orientation"):
        if any(not _is_finite(word) or float(word) for word in root.get(key, ())):
            raise InputError(f"{path}: :root has the {key} {' '.join(root[key])}; only 0 0 0 is read; {ASF_REMEDY}")


def _parents(path: Path, lines: list[Line], bones: list[str]) -> dict[str, str]:
    """Parent of each bone, parents first. bones: their names as :bonedata writes them; capitals tell none apart."""
    names, parents = {name.lower(): name for name in bones}, {}
    if len(names) < len(bones):
        raise InputError(f"{path}: :bonedata has two bones whose names differ in capitals alone; {ASF_REMEDY}")
    for number, words in lines:
        parent, *children = (names.get(word.lower(), word) for word in words)
        if parent.lower() in ("begin", "end"):
            continue
        parent = ROOT if parent.lower() == ROOT else parent
        if parent != ROOT and parent not in parents:
            raise InputError(f"{path}, line {number}: {parent!r} has children before it has a parent; {ASF_REMEDY}")
        for child in children:
            if child in parents:
                raise InputError(f"{path}, line {number}: {child!r} gets a second parent; {ASF_REMEDY}")
            parents[child] = parent
    return parents


@dataclass(frozen=True)
class _Entry:
    """A bone's words in the file, by what they begin with; line: the number of its last."""

    line: int
    name: Sequence[str] = ()
    direction: Sequence[str] = ()
    length: Sequence[str] = ()
    axis: Sequence[str] = ()
    dof: Sequence[str] = ()


def _entries(path: Path, lines: list[Line]) -> dict[str, _Entry]:
    """What :bonedata says of each bone, by name."""
    bones: dict[str, _Entry] = {}
    said: dict[str, list[str]] = {}
    for number, (word, *values) in lines:
        key = word.lower()
        if key == "begin":
            said = {}
        elif key == "end":
            entry = record(_Entry, said | {"line": number})
            name = " ".join(entry.name)
            if not name or name in bones:
                what = f"is the second {name!r}" if name else "is incomplete (no name)"
                raise InputError(f"{path}, line {number}: the bone that ends here {what}; {ASF_REMEDY}")
            bones[name] = entry
        else:
            said[key] = values
    return bones


def _bone(path: Path, entry: _Entry, scale: float, parent: str) -> Bone:
    """A bone of its lines in the file. Raises InputError naming its last line and what is wrong."""
    dof, order = tuple(word.lower() for word in entry.dof), entry.axis[3:]
    try:
        direction = np.array(entry.direction, float)
        axis = np.radians(np.array(entry.axis[:3], float))
        length = float(entry.length[0]) * scale
    except (ValueError, IndexError):
        direction = axis = np.full(3, np.nan)
        length = np.nan
    faults = {
        "direction, length and axis must be numbers": not np.isfinite([*direction, *axis, length]).all()
        or not direction.shape == axis.shape == (3,),
        "its direction is 0 0 0": not direction.any(),
        f"its axis has the order {' '.join(order)}, only XYZ is read": [word.upper() for word in order] != ["XYZ"],
        f"dof {' '.join(dof)}, only rx, ry, rz are read, each once": not set(dof) <= set(ROTATIONS)
        or len(set(dof)) < len(dof),
    }
    if wrong := [fault for fault, is_so in faults.items() if is_so]:
        raise InputError(
            f"{path}, line {entry.line}: the bone that ends here is incomplete or has an unsupported form "
            f"({wrong[0]}); {ASF_REMEDY}"
        )
    return Bone(direction / np.linalg.norm(direction), length, axis, dof, parent)


def read_amc(path: str | Path, skeleton: AsfSkeleton, fps: float | None = None) -> dict[str, np.ndarray]:
    """Read a motion: each moving bone, and `root`, -> (F, values) float64; degrees, the root's place in file units.

    fps: frames per second that are expected, if the file says how many it has. Angles in radians are converted.
    Comments, blank lines and capitals do not matter. Raises InputError naming file and line: a header that is not
    known, a bone that the skeleton lacks, a frame that lacks bones (truncated file), frame numbers that do not follow
    one another, a value that is not a finite number.
    """
    path = Path(path)
    lines = _lines(path, AMC_REMEDY)
    start = next((i for i, (_, words) in enumerate(lines) if _is_frame_number(words)), len(lines))
    radians = _in_radians(path, lines[:start], fps)
    try:
        motion = _values(lines[start:], skeleton)
    except _AmissError as error:
        raise InputError(f"{path}{error}; {AMC_REMEDY}") from None
    for values in motion.values() if radians else ():
        values[:, -3:] = np.degrees(values[:, -3:])  # all of a bone's values, and the root's last three
    return motion


def _in_radians(path: Path, header: list[Line], fps: float | None) -> bool:
    """Whether the header of a motion says radians; without a word angles are in the skeleton's unit, degrees."""
    said = {}
    for number, (word, *values) in header:
        where, key = f"{path}, line {number}: ", word.lower()
        if not word.isascii():
            raise InputError(f"{path}: is not text (line {number}); {AMC_REMEDY}")
        if key not in (DEGREES, RADIANS, FULL, RATE):
            raise InputError(f"{where}{word!r} comes before the first frame, and is not a known header; {AMC_REMEDY}")
        said[key] = values
        if key == RATE and fps and [fps] != [float(value) for value in values if _is_finite(value)]:
            raise InputError(f"{where}{' '.join(values)} frames per second, {fps:g} are expected; {AMC_REMEDY}")
    if DEGREES in said and RADIANS in said:
        raise InputError(f"{path}: says both {DEGREES} and {RADIANS}; {AMC_REMEDY}")
    return RADIANS in said


class _AmissError(Exception):
    """What is wrong with the frames of a motion, as the rest of a message that began with the path."""


def _amiss(line: int, what: str) -> _AmissError:
    return _AmissError(f", line {line}: {what}")


def _values(body: list[Line], skeleton: AsfSkeleton) -> dict[str, np.ndarray]:
    """Values (F, n) of each bone; a frame is a line with its number, then a line for each bone."""
    names, sizes = {name.lower(): name for name in skeleton.sizes}, skeleton.sizes
    rows: dict[str, list[list[str]]] = {name: [] for name in sizes}
    frame, missing = None, set()
    for line, words in body:
        name = names.get(words[0].lower(), "")
        if name in missing and len(words) - 1 == sizes[name]:
            missing.remove(name)
            rows[name].append(words[1:])
        elif _is_frame_number(words):
            if missing:
                raise _amiss(line, f"frame {frame} lacks {_listed(missing)}")
            if frame is not None and int(words[0]) != frame + 1:
                raise _amiss(line, f"frame {words[0]} follows frame {frame}")
            frame, missing = int(words[0]), set(sizes)
        elif not name:
            raise _amiss(line, f"frame {frame} moves {words[0]!r}, which the skeleton lacks or cannot move")
        elif name not in missing:
            raise _amiss(line, f"frame {frame} has {words[0]!r} twice")
        else:
            count = len(words) - 1
            raise _amiss(line, f"{words[0]!r} has {count} values instead of {sizes[name]} in frame {frame}")
    if frame is None or missing:
        raise _AmissError(f": ends in frame {frame}, before {_listed(missing)}" if missing else ": holds no frame")
    try:
        motion = {name: np.array(values, float) for name, values in rows.items()}
    except ValueError:
        raise _not_finite(body) from None
    if not all(np.isfinite(values).all() for values in motion.values()):
        raise _not_finite(body)
    return motion


def _not_finite(body: list[Line]) -> _AmissError:
    """Where the first value stands that is no finite number."""
    frame = ""
    for line, words in body:
        if _is_frame_number(words):
            frame = words[0]
        elif not all(map(_is_finite, words[1:])):
            return _amiss(line, f"{words[0]!r} has a value that is not a finite number in frame {frame}")
    return _AmissError(": has a value that is not a finite number")


def _is_frame_number(words: list[str]) -> bool:
    return len(words) == 1 and words[0].isdecimal()


def _is_finite(word: str) -> bool:
    try:
        return bool(np.isfinite(float(word)))
    except ValueError:
        return False


def _listed(missing: set[str]) -> str:
    """Some bones in words: the first of them, and how many more."""
    more = f" and {len(missing) - 1} more bones" if len(missing) > 1 else ""
    return f"{min(missing)!r}{more}"


def _lines(path: Path, remedy: str) -> list[Line]:
    """The lines that hold more than a comment. Raises InputError for a file that cannot be read."""
    lines = enumerate(read_text(path, remedy).splitlines(), 1)
    return [(number, words) for number, line in lines if (words := line.partition("#")[0].split())]
