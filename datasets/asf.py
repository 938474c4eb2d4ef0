"""ASF skeletons and AMC motion (Acclaim's text formats, as the CMU database writes them), and their kinematics.

Source: the formats' conventions as established in spec 3.1: angles in degrees, x applied first; lengths are
inches divided by the header's `length`; y is up.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from datasets.kinematics import euler
from studies.errors import InputError

INCH = 0.0254
ROTATIONS = ("rx", "ry", "rz")
ROOT_ORDER = ("tx", "ty", "tz", *ROTATIONS)
ROOT = "root"
AMC_REMEDY = "the file is damaged, fetch it again"
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
class Skeleton:
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


def forward_kinematics(skeleton: Skeleton, motion: dict[str, np.ndarray]) -> np.ndarray:
    """Positions (F, 1 + bones, 3) in metres, y up, in the order of `skeleton.points`.

    motion: as read_amc gives it. A bone turns by C M C^T against its parent, C being its axis frame and M its
    angles; its end lies `length` along its turned direction from its parent's end (spec 3.1).
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


def read_asf(path: str | Path) -> Skeleton:
    """Read a skeleton. Raises InputError naming the file and, where there is one, the line or bone."""
    path = Path(path)
    sections = _sections(path)
    units = {words[0]: words[-1] for _, words in sections["units"]}
    root = {words[0].lower(): tuple(word.lower() for word in words[1:]) for _, words in sections["root"]}
    if units.get("angle") != "deg" or "length" not in units:
        raise InputError(f"{path}: :units must give a length, and angles in deg; {ASF_REMEDY}")
    if root.get("order") != ROOT_ORDER or root.get("axis") != ("xyz",):
        raise InputError(f"{path}: :root must have the order {' '.join(ROOT_ORDER)} and the axis xyz; {ASF_REMEDY}")
    try:
        scale = INCH / float(units["length"])
    except (ValueError, ZeroDivisionError):
        raise InputError(f"{path}: :units has the length {units['length']!r}; {ASF_REMEDY}") from None
    parents = _parents(path, sections["hierarchy"])
    bones = _bones(path, sections["bonedata"], scale, parents)
    missing = [name for name in parents if name not in bones]
    if missing:
        raise InputError(f"{path}: :hierarchy names the bone {missing[0]!r}, :bonedata lacks it; {ASF_REMEDY}")
    return Skeleton({name: bones[name] for name in parents}, scale)


def _sections(path: Path) -> dict[str, list[Line]]:
    """Lines of each section that a skeleton needs."""
    sections: dict[str, list[Line]] = {}
    current: list[Line] = []
    for number, line in enumerate(_text(path).splitlines(), 1):
        words = line.split("#")[0].split()
        if words and words[0].startswith(":"):
            current = sections.setdefault(words[0][1:].lower(), [])
        elif words:
            current.append((number, words))
    for section in ("units", "root", "bonedata", "hierarchy"):
        if not sections.get(section):
            raise InputError(f"{path}: lacks the section :{section}; {ASF_REMEDY}")
    return sections


def _parents(path: Path, lines: list[Line]) -> dict[str, str]:
    """Parent of each bone, parents first."""
    parents: dict[str, str] = {}
    for number, (parent, *children) in lines:
        if parent in ("begin", "end"):
            continue
        if parent != ROOT and parent not in parents:
            raise InputError(f"{path}, line {number}: {parent!r} has children before it has a parent; {ASF_REMEDY}")
        parents.update(dict.fromkeys(children, parent))
    return parents


def _bones(path: Path, lines: list[Line], scale: float, parents: dict[str, str]) -> dict[str, Bone]:
    bones, entry = {}, {}
    for number, (key, *values) in lines:
        if key == "begin":
            entry = {}
        elif key == "end":
            try:
                name = entry["name"][0]
                bones[name] = _bone(entry, scale, parents[name])
            except (KeyError, ValueError, IndexError):
                raise InputError(
                    f"{path}, line {number}: the bone that ends here is incomplete; {ASF_REMEDY}"
                ) from None
        else:
            entry[key] = values
    return bones


def _bone(entry: dict[str, list[str]], scale: float, parent: str) -> Bone:
    """A bone of its lines in the file; ValueError, KeyError or IndexError if they do not make one."""
    direction = np.array(entry["direction"], float)
    axis = np.radians(np.array(entry["axis"][:3], float))
    dof = tuple(word.lower() for word in entry.get("dof", ()))
    length = float(entry["length"][0]) * scale
    sane = direction.shape == axis.shape == (3,) and np.isfinite([*direction, *axis, length]).all()
    if not sane or not direction.any() or entry["axis"][3].upper() != "XYZ" or not set(dof) <= set(ROTATIONS):
        raise ValueError
    return Bone(direction / np.linalg.norm(direction), length, axis, dof, parent)


def read_amc(path: str | Path, skeleton: Skeleton) -> dict[str, np.ndarray]:
    """Read a motion: each moving bone, and `root`, -> (F, values) float64; degrees, the root's place in file units.

    Raises InputError naming file and line: a bone that the skeleton lacks, a frame that lacks bones (truncated
    file), frame numbers that do not follow one another, a value that is not a finite number.
    """
    path, sizes = Path(path), skeleton.sizes
    lines = [line.split() for line in _text(path).rstrip().splitlines()]
    header = next((i for i, words in enumerate(lines) if _is_frame_number(words)), len(lines))
    body = lines[header:]
    motion = _columns(body, sizes)
    if motion is None:
        raise InputError(f"{path}{_fault(body, header + 1, sizes)}; {AMC_REMEDY}")
    return motion


def _columns(body: list[list[str]], sizes: dict[str, int]) -> dict[str, np.ndarray] | None:
    """Values of each bone; a frame is a line with its number, then a line for each bone. None if anything is amiss."""
    period = 1 + len(sizes)
    order = [words[0] for words in body[1:period] if words]
    if not body or len(body) % period or set(order) != set(sizes):
        return None
    numbers = body[::period]
    if not all(map(_is_frame_number, numbers)) or len({int(n[0]) - i for i, n in enumerate(numbers)}) != 1:
        return None
    motion = {}
    for i, name in enumerate(order):
        rows = body[1 + i :: period]
        if any(words[:1] != [name] or len(words) != 1 + sizes[name] for words in rows):
            return None
        try:
            motion[name] = np.array([words[1:] for words in rows], float)  # (F, values)
        except ValueError:
            return None
        if not np.isfinite(motion[name]).all():
            return None
    return motion


def _fault(body: list[list[str]], first: int, sizes: dict[str, int]) -> str:
    """What is wrong, as the rest of a message that began with the path; `first`: line where the first frame begins."""
    frame, missing = None, set()
    for number, words in enumerate(body, first):
        where = f", line {number}: "
        if _is_frame_number(words):
            if missing:
                return f"{where}frame {frame} lacks {_names(missing)}"
            if frame is not None and int(words[0]) != frame + 1:
                return f"{where}frame {words[0]} follows frame {frame}"
            frame, missing = int(words[0]), set(sizes)
        elif not words:
            return f"{where}is empty in the middle of frame {frame}"
        elif words[0] not in sizes:
            return f"{where}frame {frame} moves {words[0]!r}, which the skeleton lacks or cannot move"
        elif words[0] not in missing:
            return f"{where}frame {frame} has {words[0]!r} twice"
        elif len(words) - 1 != sizes[words[0]]:
            return f"{where}{words[0]!r} has {len(words) - 1} values instead of {sizes[words[0]]} in frame {frame}"
        elif not all(map(_is_finite, words[1:])):
            return f"{where}{words[0]!r} has a value that is not a finite number in frame {frame}"
        else:
            missing.remove(words[0])
    if frame is None:
        return ": holds no frame"
    return (
        f": ends in frame {frame}, before {_names(missing)}"
        if missing
        else ": its frames list the bones in varying order"
    )


def _is_frame_number(words: list[str]) -> bool:
    return len(words) == 1 and words[0].isdecimal()


def _is_finite(word: str) -> bool:
    try:
        return bool(np.isfinite(float(word)))
    except ValueError:
        return False


def _names(missing: set[str]) -> str:
    """Some bones in words: the first of them, and how many more."""
    more = f" and {len(missing) - 1} more bones" if len(missing) > 1 else ""
    return f"{min(missing)!r}{more}"


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii")
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); fetch it again") from None
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: is not text (byte {error.start}); the file is damaged, fetch it again") from None
