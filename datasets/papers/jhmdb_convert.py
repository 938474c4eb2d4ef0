"""Sub-JHMDB to prepared video data: COCO's form as pose toolboxes have it, of each of its three splits.

The official files are MATLAB's: joints a clip, masks whose outline is the person's box, lists of the splits.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from base.errors import InputError
from base.files import write_text
from base.folders import code_stamp, whole_folder
from base.foreign import data_files, read_text
from datasets.papers.matlab import read_mat
from datasets.papers.values import numbers
from datasets.video.coco import read_json
from datasets.video.jhmdb import FIRST, FORM, JOINTS, clips_of

FOLDS = (1, 2, 3)
SPLITS = {"train": "1", "test": "2"}  # as the lists number them
SIZE = (320, 240)
FRAMES, JOINT_FILES = "Rename_Images", "joint_positions"
LICENCE = "JHMDB: research, cite the paper"
REPORT = (
    "# Sub-JHMDB", "", f"Made of {{form}} files ({LICENCE}).", "",
    "| | clips | frames |",
    "|---|---|---|",
)  # fmt: skip
AMOUNT = "The papers' have 316 clips, about 11,200 frames."


@dataclass(frozen=True)
class _Raw:
    """Raw files. folder: of all; frames: the folder of each clip's."""

    folder: Path
    frames: dict[str, Path]

    def frame(self, clip: str, name: str) -> str:
        """A frame's name below the folder."""
        return (self.frames[clip] / name).relative_to(self.folder).as_posix()


@dataclass(frozen=True)
class _Split:
    """What becomes `annotations/<name>.json`, and the file that messages about it name."""

    name: str
    content: Mapping[str, list]
    source: Path


def convert(name: str, out_dir: str | Path, raw_dir: str | Path) -> None:
    """Write `annotations/Sub{1,2,3}_{train,test}.json`, a link to the frames, `report.md` and `card.json`.

    raw_dir: the folder with a folder for each source; in `jhmdb/` lie the official folders or the JSON files, and the
    frames as `Rename_Images/CLASS/CLIP/00001.png`. Raises InputError: files that are missing or not as they should be.
    """
    folder = Path(raw_dir) / "jhmdb"
    files = data_files(folder, "**/Sub[123]_*.json")
    raw = _Raw(folder, {clip.name: clip for clip in data_files(folder, f"{FRAMES}/*/*") if clip.is_dir()})
    form, counts = "coco" if files else "original", {}
    with whole_folder(Path(out_dir)) as out:
        (out / "annotations").mkdir()
        for split in _from_json(files, raw) if files else _from_lists(raw):
            clips = clips_of(split.content, split.source, folder)
            counts[split.name] = {"clips": len(clips), "frames": sum(len(clip.images) for clip in clips)}
            write_text(out / f"annotations/{split.name}.json", json.dumps(split.content) + "\n")
        if (folder / FRAMES).is_dir():
            (out / FRAMES).symlink_to((folder / FRAMES).resolve(), target_is_directory=True)
        counts = dict(sorted(counts.items()))
        card = {
            "dataset": name,
            "joints": "jhmdb-15",
            "form": form,
            "licence": LICENCE,
            "code": code_stamp("datasets.papers.jhmdb_convert"),
            "counts": counts,
        }
        rows = ["| " + " | ".join([split, *(f"{n:,}" for n in row.values())]) + " |" for split, row in counts.items()]
        write_text(out / "report.md", "\n".join([*REPORT, *rows, "", AMOUNT, ""]).format(form=form))
        write_text(out / "card.json", json.dumps(card, indent=1) + "\n")


def _from_json(files: list[Path], raw: _Raw) -> Iterator[_Split]:
    """The toolboxes' files, with image names that lead to the official frames."""
    for path in files:
        content = read_json(path)
        try:
            for image in content["images"]:
                *_, clip, name = ("", *Path(image["file_name"]).parts)
                if clip not in raw.frames:
                    raise InputError(
                        f"{path}: no folder {FRAMES}/*/{clip or name} below {raw.folder}; unpack the frames there"
                    )
                image["file_name"] = raw.frame(clip, name)
        except (KeyError, TypeError) as error:
            raise InputError(f"{path}: is not laid out as {FORM} (no {error}); get the file again") from None
        yield _Split(path.stem, content, path)


def _from_lists(raw: _Raw) -> Iterator[_Split]:
    """From the official lists, joints and masks."""
    lists = data_files(raw.folder, "**/*_test_split_[123].txt")
    if not lists:
        raise InputError(
            f"{raw.folder}: holds neither Sub*_*.json nor *_test_split_*.txt; `make data` says where they come from"
        )
    clips: dict[str, _Clip] = {}  # each is in all three lists
    for fold in FOLDS:
        for split, number in SPLITS.items():
            names = [clip for path in lists if path.stem.endswith(str(fold)) for clip in _listed(path, number)]
            for kind, name in names:
                if name not in clips:
                    clips[name] = _clip(kind, name, len(clips) + 1, raw)
            content = {
                "images": [image for _, name in names for image in clips[name].images],
                "annotations": [annotation for _, name in names for annotation in clips[name].annotations],
                "categories": [{"id": 1, "name": "person", "keypoints": list(JOINTS)}],
            }
            yield _Split(f"Sub{fold}_{split}", content, raw.folder / JOINT_FILES)


def _listed(path: Path, number: str) -> list[tuple[str, str]]:
    """Class and clip of each line `NAME.avi 1|2` with that number."""
    rows = [line.split() for line in read_text(path, "get the file again").splitlines() if line.strip()]
    if not rows:
        raise InputError(f"{path}: is empty; get the file again")
    if strange := [row for row in rows if len(row) != 2 or row[1] not in SPLITS.values()]:
        raise InputError(f"{path}: {' '.join(strange[0])!r} is not a line such as 'clip.avi 1'; get the file again")
    kind = path.name.rpartition("_test_split_")[0]
    return [(kind, row[0].removesuffix(".avi")) for row in rows if row[1] == number]


@dataclass(frozen=True)
class _Clip:
    """Entries of COCO's form, in pixels from 1 as the toolboxes' files have them."""

    images: list[dict]
    annotations: list[dict]


def _clip(kind: str, clip: str, number: int, raw: _Raw) -> _Clip:
    joint_file = f"{JOINT_FILES}/{kind}/{clip}/joint_positions.mat"
    points, points_at = _mat(raw.folder, joint_file, "pos_img", (2, len(JOINTS), None))
    count = points.shape[2]
    mask_file = f"puppet_mask/{kind}/{clip}/puppet_mask.mat"
    masks, masks_at = _mat(raw.folder, mask_file, "part_mask", (*SIZE[::-1], count))
    if clip not in raw.frames:
        raise InputError(f"{raw.folder}: no folder {FRAMES}/{kind}/{clip}; unpack the frames there")
    made = _Clip([], [])
    for frame in range(count):
        image_id, name = number * 10_000 + frame + 1, raw.frame(clip, f"{frame + 1:05d}.png")
        made.images.append({"id": image_id, "file_name": name, "width": SIZE[0], "height": SIZE[1], "is_labeled": True})
        keypoints = np.concatenate([points[:, :, frame].T, np.full((len(JOINTS), 1), 2.0)], 1)
        box = _outline(masks[:, :, frame], f"{masks_at}, frame {frame + 1}")
        _check_inside(keypoints, box, f"{points_at}, frame {frame + 1}")
        entry = {"id": image_id, "image_id": image_id, "track_id": 0, "category_id": 1}
        made.annotations.append(entry | {"keypoints": keypoints.ravel().tolist(), "bbox": box})
    return made


def _outline(mask: np.ndarray, where: str) -> list[float]:
    """Box x, y, width, height around what a mask covers, from 1.

    Width and height are x2 - x1 and y2 - y1 of the outermost pixels, not a count of them: the person's size by which
    the official code (LSTM Pose Machines) judges.
    """
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    if not len(rows):
        raise InputError(f"{where}: the mask is empty; get the file again")
    return [columns[0] + FIRST, rows[0] + FIRST, float(np.ptp(columns)), float(np.ptp(rows))]


def _check_inside(keypoints: np.ndarray, box: list[float], where: str) -> None:
    """Raise InputError where most joints (15, 3) lie off the person's outline, by a quarter of its length."""
    low, sides = np.array(box[:2]), np.array(box[2:])
    off = np.maximum(low - keypoints[:, :2], keypoints[:, :2] - low - sides).max(-1)
    if np.median(off) > sides.max() / 4:
        raise InputError(f"{where}: the joints are off the person's mask; they are of another clip, or in other units")


def _mat(raw: Path, name: str, key: str, shape: tuple[int | None, ...]) -> tuple[np.ndarray, str]:
    """The numbers of that shape of a variable, whose last axis are the frames, and where they are, for messages."""
    path = next((raw / top / name for top in ("", "sub_jhmdb") if (raw / top / name).is_file()), raw / name)
    if not path.is_file():
        raise InputError(f"{path}: is missing; unpack the official archives there")
    array = read_mat(path, key)[key]
    array = array[..., None] if np.ndim(array) == len(shape) - 1 else array  # MATLAB drops the axis of a single frame
    return numbers(array, f"{path}, {key}", shape), f"{path}, {key}"
