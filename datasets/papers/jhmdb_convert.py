"""Sub-JHMDB to prepared video data: COCO's form as pose toolboxes have it, of each of its three splits.

The official files are MATLAB's: joints a clip, masks whose outline is the person's box, lists of the splits.
"""

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from base.errors import InputError
from base.files import write_text
from base.folders import code_stamp, whole_folder
from base.foreign import data_files, read_text
from datasets.papers.matlab import read_mat
from datasets.papers.values import numbers
from datasets.video.annotations import Video
from datasets.video.coco import read_json
from datasets.video.jhmdb import FIRST, JOINTS, clips_of

FOLDS = (1, 2, 3)
SPLITS = {"train": "1", "test": "2"}  # as the lists number them
SIZE = (320, 240)
FRAMES, JOINT_FILES = "Rename_Images", "joint_positions"
LICENCE = "JHMDB: research, cite the paper"


def convert_jhmdb(name: str, out_dir: str | Path, raw_dir: str | Path) -> None:
    """Write `annotations/Sub{1,2,3}_{train,test}.json`, a link to the frames, `report.md` and `card.json`.

    raw_dir: the folder with a folder for each source; in `jhmdb/` lie the official folders or the JSON files, and the
    frames as `Rename_Images/CLASS/CLIP/00001.png`. Raises InputError: files that are missing or not as they should be.
    """
    raw = Path(raw_dir) / "jhmdb"
    found = data_files(raw, "**/Sub[123]_*.json")
    with whole_folder(Path(out_dir)) as folder:
        (folder / "annotations").mkdir()
        places = {place.name: place for place in data_files(raw, f"{FRAMES}/*/*") if place.is_dir()}
        made, counts = _from_json(found, places, raw) if found else _from_lists(raw, places), {}
        for source, key, content in made:
            counts[key] = _counts(clips_of(content, source, raw))
            write_text(folder / f"annotations/{key}.json", json.dumps(content) + "\n")
        if (raw / FRAMES).is_dir():
            (folder / FRAMES).symlink_to((raw / FRAMES).resolve(), target_is_directory=True)
        card = {
            "dataset": name,
            "joints": "jhmdb-15",
            "form": "coco" if found else "original",
            "licence": LICENCE,
            "code": code_stamp("datasets.papers.jhmdb_convert"),
            "counts": dict(sorted(counts.items())),
        }
        write_text(folder / "report.md", _describe(card))
        write_text(folder / "card.json", json.dumps(card, indent=1) + "\n")


def _from_json(files: list[Path], places: dict[str, Path], raw: Path) -> Iterator[tuple[Path, str, dict]]:
    """The toolboxes' files: file, split and content, with image names that lead to the official frames."""
    for path in files:
        content = read_json(path)
        try:
            parts = [Path(image["file_name"]).parts for image in content["images"]]
            if strange := [p for p in parts if len(p) < 2 or p[-2] not in places]:
                clip = strange[0][-2:][0]
                raise InputError(f"{path}: no folder {FRAMES}/*/{clip} below {raw}; unpack the frames there")
            for image, (*_, clip, name) in zip(content["images"], parts, strict=True):
                image["file_name"] = (places[clip] / name).relative_to(raw).as_posix()
        except (KeyError, TypeError) as error:
            raise InputError(f"{path}: is not laid out as JHMDB's COCO form (no {error}); get the file again") from None
        yield path, path.stem, content


def _from_lists(raw: Path, places: dict[str, Path]) -> Iterator[tuple[Path, str, dict]]:
    """From the official lists, joints and masks: what names the frames, split and content."""
    lists = data_files(raw, "**/*_test_split_[123].txt")
    if not lists:
        raise InputError(
            f"{raw}: holds neither Sub*_*.json nor *_test_split_*.txt; `make data` says where they come from"
        )
    clips: dict[str, dict] = {}  # each is in all three lists
    for fold in FOLDS:
        for split, number in SPLITS.items():
            names = [clip for path in lists if path.stem.endswith(str(fold)) for clip in _listed(path, number)]
            for kind, clip in names:
                if clip not in clips:
                    clips[clip] = _clip(kind, clip, len(clips) + 1, raw, places)
            parts = [clips[clip] for _, clip in names]
            yield (
                raw / JOINT_FILES,
                f"Sub{fold}_{split}",
                {
                    "images": [image for part in parts for image in part["images"]],
                    "annotations": [annotation for part in parts for annotation in part["annotations"]],
                    "categories": [{"id": 1, "name": "person", "keypoints": list(JOINTS)}],
                },
            )


def _listed(path: Path, number: str) -> list[tuple[str, str]]:
    """Class and clip of each line `NAME.avi 1|2` with that number."""
    rows = [line.split() for line in read_text(path, "get the file again").splitlines() if line.strip()]
    if not rows:
        raise InputError(f"{path}: is empty; get the file again")
    if strange := [row for row in rows if len(row) != 2 or row[1] not in SPLITS.values()]:
        raise InputError(f"{path}: {' '.join(strange[0])!r} is no line such as 'clip.avi 1'; get the file again")
    kind = path.name.rpartition("_test_split_")[0]
    return [(kind, row[0].removesuffix(".avi")) for row in rows if row[1] == number]


def _clip(kind: str, clip: str, number: int, raw: Path, places: dict[str, Path]) -> dict[str, list]:
    """Images and annotations of a clip, in pixels from 1 as the toolboxes' files have them."""
    file, points = _mat(raw, f"{JOINT_FILES}/{kind}/{clip}/joint_positions.mat", "pos_img", (2, len(JOINTS), None))
    count = points.shape[2]
    mask_file, masks = _mat(raw, f"puppet_mask/{kind}/{clip}/puppet_mask.mat", "part_mask", (*SIZE[::-1], count))
    if clip not in places:
        raise InputError(f"{raw}: no folder {FRAMES}/{kind}/{clip}; unpack the frames there")
    images, annotations = [], []
    for frame in range(count):
        image_id = number * 10_000 + frame + 1
        name = (places[clip] / f"{frame + 1:05d}.png").relative_to(raw).as_posix()
        images.append({"id": image_id, "file_name": name, "width": SIZE[0], "height": SIZE[1], "is_labeled": True})
        keypoints = np.concatenate([points[:, :, frame].T, np.full((len(JOINTS), 1), 2.0)], 1)
        box = _outline(masks[:, :, frame], f"{mask_file}, part_mask, frame {frame + 1}")
        _check_inside(keypoints, box, f"{file}, pos_img, frame {frame + 1}")
        entry = {"id": image_id, "image_id": image_id, "track_id": 0, "category_id": 1}
        annotations.append(entry | {"keypoints": keypoints.ravel().tolist(), "bbox": box})
    return {"images": images, "annotations": annotations}


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
        raise InputError(f"{where}: the joints lie off the person's mask; they are of another clip, or in other units")


def _mat(raw: Path, name: str, key: str, shape: tuple[int | None, ...]) -> tuple[Path, np.ndarray]:
    """A file's path, and the numbers of that shape of one of its variables; the last axis are the frames."""
    path = next((raw / top / name for top in ("", "sub_jhmdb") if (raw / top / name).is_file()), raw / name)
    if not path.is_file():
        raise InputError(f"{path}: is missing; unpack the official archives there")
    array = read_mat(path, key)[key]
    array = array[..., None] if np.ndim(array) == len(shape) - 1 else array  # MATLAB drops the axis of a single frame
    return path, numbers(array, f"{path}, {key}", shape)


def _counts(sequences: list[Video]) -> dict[str, int]:
    return {"clips": len(sequences), "frames": sum(len(sequence.images) for sequence in sequences)}


def _describe(card: dict) -> str:
    rows = [f"| {name} | {counts['clips']} | {counts['frames']:,} |" for name, counts in card["counts"].items()]
    head = [
        "# Sub-JHMDB",
        "",
        f"Made of {card['form']} files ({card['licence']}).",
        "",
        "| | clips | frames |",
        "|---|---|---|",
    ]
    return "\n".join([*head, *rows, "", "The papers' have 316 clips, about 11,200 frames.", ""])
