"""Sub-JHMDB annotations in the COCO-like form that MMPose publishes (docs/papers-data.md, Videos)."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from base.errors import InputError
from base.records import record
from datasets.video.annotations import Video
from datasets.video.coco import REMEDY, CocoPerson, laid_out, read_json, read_videos

FORM = "JHMDB's COCO form"
JOINTS = (
    "neck", "belly", "head", "right_shoulder", "left_shoulder", "right_hip", "left_hip", "right_elbow",
    "left_elbow", "right_knee", "left_knee", "right_wrist", "left_wrist", "right_ankle", "left_ankle",
)  # fmt: skip
FIRST = 1.0  # the files count pixels from 1, MATLAB's way


def read_jhmdb(path: str | Path, root: str | Path, *, check_images: bool = True) -> list[Video]:
    """All clips of one split's file, in its order; key points are JHMDB's 15 in JHMDB's order, pixels from 0.

    root: folder below which the image names lie. There are no head boxes: they are zeros. Annotations of another
    category than person and of crowds are left out, and joints with v = 0, which COCO's form calls not labelled.
    Raises InputError naming the file and the entry: a wrong number of key points, NaN, frames out of order, an
    annotation without its image, a missing image.
    """
    return clips_of(read_json(Path(path)), Path(path), Path(root), check_images=check_images)


def clips_of(content: Any, path: Path, root: Path, *, check_images: bool = True) -> list[Video]:
    """`read_jhmdb` of what a file holds; path: the file that messages name."""
    with laid_out(path, FORM):
        entries = [record(CocoPerson, entry) for entry in content["annotations"]]
        if unboxed := [entry.id for entry in entries if entry.bbox is None]:  # persons are measured by their boxes
            raise InputError(f"{path}: annotation {unboxed[0]} has no bbox; {REMEDY}")
        clips = [_from_zero(video) for video in read_videos(content, path, root, JOINTS, JOINTS)]
    return [video.check_images(path) if check_images else video for video in clips]


def _from_zero(video: Video) -> Video:
    """The clip with pixels counted from 0, and without the joints that are not labelled."""
    keypoints, labelled = video.persons.keypoints.copy(), video.persons.keypoints[..., 2] > 0
    keypoints[labelled, :2] -= FIRST
    keypoints[~labelled] = 0
    box = video.persons.box - [FIRST, FIRST, 0, 0]
    return replace(video, persons=replace(video.persons, keypoints=keypoints, box=box))
