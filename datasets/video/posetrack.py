"""PoseTrack's annotations in the layout of 2018 and 2021, which all prepared videos have.

It is COCO's form with 17 slots a person, two of them ears that are never labelled; 2021 also boxes people without key
points, and keeps the place of hidden joints. Joints that the files mark as hidden count as annotated, as in PoseTrack's
own kit.
"""

from pathlib import Path
from typing import Any

from base.records import record
from datasets.video.annotations import JOINTS, Video, check_one_video
from datasets.video.coco import CocoImage, laid_out, read_json, read_videos

FORM = "PoseTrack's annotations"
SLOTS = (
    "nose", "head_bottom", "head_top", "left_ear", "right_ear", "left_shoulder", "right_shoulder", "left_elbow",
    "right_elbow", "left_wrist", "right_wrist", "left_hip", "right_hip", "left_knee", "right_knee", "left_ankle",
    "right_ankle",
)  # fmt: skip
SLOT_OF = [SLOTS.index(joint) for joint in JOINTS]  # poseval's joint -> slot of the file


def read_sequence(path: str | Path, root: str | Path, *, check_images: bool = True) -> Video:
    """One sequence of an annotation file.

    root: the folder below which the file's image names lie; check_images: whether every frame must be there. Raises
    InputError naming the file and the entry: not JSON, no category of persons, frames of several videos, an image that
    is missing, and whatever `datasets.video.coco.read_videos` refuses.
    """
    return sequence_of(read_json(Path(path)), Path(path), Path(root), check_images=check_images)


def sequence_of(content: Any, path: Path, root: Path, *, check_images: bool = True) -> Video:
    """`read_sequence` of what a file holds; path: the file that messages name."""
    with laid_out(path, FORM):
        check_one_video([record(CocoImage, entry).file_name for entry in content["images"]], path)
        (video,) = read_videos(content, path, root, JOINTS, SLOTS)
    return video.check_images(path) if check_images else video
