"""PoseTrack 2017, 2018 and 21 to prepared video data: annotations in one layout, the frames where they lie.

2017 comes as JSON or as the official .mat files, 2018 and 21 as JSON. Nobody needs a second copy of the frames: the
prepared folder links to them.
"""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from base.errors import InputError
from base.files import write_text
from base.folders import code_stamp, whole_folder
from base.foreign import data_files
from datasets.fetching.downloads import digest
from datasets.papers.posetrack_2017 import read_any_year
from datasets.video.annotations import Video
from datasets.video.boxes import Detections, read_boxes
from datasets.video.writing import write_boxes, write_merged, write_sequence
from studies.benchmarks import BENCHMARKS, departures
from studies.data import Dataset, one_of

YEARS = ("posetrack17", "posetrack18", "posetrack21")
BOXES = "boxes/val.json"
UNIQUE = 10_000  # more than the frames of any video
LICENCE = "PoseTrack: research (posetrack.net)"


def convert(name: str, out_dir: str | Path, raw_dir: str | Path) -> None:
    """Write `video-posetrack18` and its like: `annotations/{train,val}/NAME.json`, links to the frames,
    `boxes/val.json` where a detector's boxes are there, `report.md` and `card.json`.

    raw_dir: the folder with a folder for each source; in `posetrack18/` the annotations lie in folders train and val,
    at any depth, and the frames under the names that they give. Raises InputError: an unknown name, no annotations, a
    frame that is missing, whatever `read_any_year` refuses.
    """
    year = one_of(map(Dataset, YEARS), name).motion
    raw = Path(raw_dir) / year
    files = {split: annotation_files(raw, split) for split in ("train", "val")}
    every = [path for paths in files.values() for path in paths]
    with whole_folder(Path(out_dir)) as folder:
        splits = {split: list(_converted(files[split], raw, folder / "annotations" / split)) for split in files}
        for split, sequences in splits.items():
            write_merged(sequences, folder / "annotations" / f"{split}.json", raw)
        _link_frames([video for videos in splits.values() for video in videos], raw, folder)
        boxes = _boxes(raw / BOXES, splits["val"], folder)
        counts = {split: _counts(videos) for split, videos in splits.items()}
        card = {
            "dataset": name,
            "licence": LICENCE,
            "sources": [{"name": year, "sha256": {p.relative_to(raw).as_posix(): digest(p) for p in every}}],
            "code": code_stamp("datasets.papers.posetrack_convert"),
            "boxes": boxes,
            "counts": counts,
        }
        write_text(folder / "report.md", _describe(year, counts, boxes))
        write_text(folder / "card.json", json.dumps(card, indent=1) + "\n")


def annotation_files(raw: Path, split: str) -> list[Path]:
    """Annotation files of a split, of one form: JSON before .mat. Raises InputError where there are none."""
    found = [path for path in data_files(raw, f"**/{split}/*") if path.suffix in (".json", ".mat")]
    json_files = [path for path in found if path.suffix == ".json"]
    if not found:
        raise InputError(
            f"{raw}: holds no annotations of {split}, as {split}/*.json or *.mat in any folder; `make data` says where "
            "they come from"
        )
    return json_files or found


def _describe(year: str, counts: dict[str, dict[str, int]], boxes: str) -> str:
    """Markdown for a person to read before training."""
    lines = [f"# video-{year}", "", f"{BENCHMARKS[year].title} ({LICENCE}).", ""]
    lines += ["| split | videos | frames | labelled | persons | joints | hidden | head boxes |", "|---" * 8 + "|"]
    lines += ["| " + " | ".join([split, *(f"{n:,}" for n in row.values())]) + " |" for split, row in counts.items()]
    missing = departures(year, {"train": counts["train"]["videos"], "test": counts["val"]["videos"]})
    title = BENCHMARKS[year].title
    whole = f"That is all of {title}." if not missing else f"**Not the papers' data**: {', '.join(missing)}."
    return "\n".join([*lines, "", whole, "", f"Detector's boxes: {boxes}.", ""])


def _converted(files: list[Path], raw: Path, folder: Path) -> Iterator[Video]:
    for number, path in enumerate(files, 1):
        sequence = read_any_year(path, raw)
        if sequence.image_ids.max() < UNIQUE:  # 2017 numbers the frames of each video from 0
            sequence = replace(sequence, image_ids=number * UNIQUE + sequence.image_ids)
        write_sequence(sequence, folder / f"{sequence.name}.json", raw)
        yield sequence


def _link_frames(videos: list[Video], raw: Path, folder: Path) -> None:
    """Links from the prepared folder to the tops of the frames' folders."""
    for top in sorted({video.images[0].relative_to(raw).parts[0] for video in videos}):
        (folder / top).symlink_to((raw / top).resolve(), target_is_directory=True)


def _boxes(path: Path, sequences: list[Video], folder: Path) -> str:
    """Write the detector's boxes of val, if there are any; returns what the report says of them."""
    if not path.is_file():
        return f"none; put them as {BOXES} for the columns with a detector's boxes"
    images = [(image, int(n)) for s in sequences for image, n in zip(s.images, s.image_ids, strict=True)]
    boxes = read_boxes(path, image_ids={"/".join(image.parts[-2:]): number for image, number in images})
    inside = np.isin(boxes.image_id, [number for _, number in images])
    if not inside.any():
        raise InputError(
            f"{path}: none of its images is in the annotations of val; is it of another year? (2017: by image_name)"
        )
    write_boxes(Detections(boxes.image_id[inside], boxes.box[inside], boxes.score[inside]), folder / BOXES)
    return f"{inside.sum():,} of {len(inside):,} in frames of val"


def _counts(sequences: list[Video]) -> dict[str, int]:
    people = [sequence.persons for sequence in sequences]
    return {
        "videos": len(sequences),
        "frames": sum(len(sequence.images) for sequence in sequences),
        "labelled": int(sum(sequence.labelled.sum() for sequence in sequences)),
        "persons": sum(len(p.frame) for p in people),
        "joints": int(sum(p.present.sum() for p in people)),
        "hidden": int(sum((p.present & (p.keypoints[..., 2] == 0)).sum() for p in people)),
        "head boxes": int(sum(p.head_box.any(-1).sum() for p in people)),
    }
