"""Writing prepared videos: annotations in PoseTrack18's own layout, boxes in COCO's, frames as JPEG.

Our rendered benchmark adds one key to an annotation, `joint_flags`: 17 numbers, the bits of annotations.People.flags.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from base.files import write_text
from datasets.video.annotations import Video
from datasets.video.boxes import Detections
from datasets.video.coco import PERSON
from datasets.video.posetrack import SLOT_OF, SLOTS

BONES = (
    (13, 14), (13, 12), (12, 8), (12, 9), (8, 7), (7, 6), (9, 10), (10, 11),
    (12, 2), (12, 3), (2, 1), (1, 0), (3, 4), (4, 5),
)  # fmt: skip
CATEGORY = {
    "supercategory": "person",
    "id": 1,
    "name": "person",
    "keypoints": list(SLOTS),
    "skeleton": [[SLOT_OF[a] + 1, SLOT_OF[b] + 1] for a, b in BONES],
}


def write_sequence(video: Video, path: str | Path, root: str | Path) -> Path:
    """Write the 2018 layout, whole or not at all; the images' names are relative to `root`."""
    return _write(layout_2018([video], Path(root)), Path(path))


def write_merged(videos: Sequence[Video], path: Path, root: Path) -> Path:
    """Write several sequences as one COCO file, whose tools want an area: that of the box."""
    return _write(layout_2018(videos, root, area=True), path)


def write_boxes(boxes: Detections, path: Path) -> Path:
    """Write a detections file, whole or not at all."""
    rows = zip(boxes.image_id.tolist(), boxes.box.tolist(), boxes.score.tolist(), strict=True)
    return _write([{"image_id": i, "category_id": PERSON, "bbox": box, "score": score} for i, box, score in rows], path)


def layout_2018(videos: Sequence[Video], root: Path, *, area: bool = False) -> dict[str, list]:
    """Images, annotations and categories of sequences; area: whether annotations give that of their box."""
    return {
        "images": [_image(video, index, root) for video in videos for index in range(len(video.images))],
        "annotations": [entry for video in videos for entry in _annotations(video, area)],
        "categories": [CATEGORY],
    }


def jpeg(image: np.ndarray, quality: int) -> bytes:
    """RGB uint8 (H, W, 3) as the bytes of a JPEG file; quality: 1 to 100."""
    _, data = cv2.imencode(".jpg", cv2.cvtColor(image, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, quality])
    return data.tobytes()


def _write(content: Any, path: Path) -> Path:
    return write_text(path, json.dumps(content) + "\n")


def _image(video: Video, index: int, root: Path) -> dict[str, Any]:
    number, polygons = int(video.image_ids[index]), video.ignore.get(index, [])
    return {
        "file_name": video.images[index].relative_to(root).as_posix(),
        "id": number,
        "frame_id": number,
        "vid_id": video.name.split("_")[0],
        "nframes": len(video.images),
        "is_labeled": bool(video.labelled[index]),
        "has_no_densepose": True,
        "width": video.size[0],
        "height": video.size[1],
        "ignore_regions_x": [points[:, 0].tolist() for points in polygons],
        "ignore_regions_y": [points[:, 1].tolist() for points in polygons],
    }


def _annotations(video: Video, area: bool) -> list[dict[str, Any]]:
    people, entries, order = video.persons, [], np.zeros(len(video.images), int)
    for p, frame in enumerate(people.frame):
        image_id = int(video.image_ids[frame])
        keypoints, flags = np.zeros((len(SLOTS), 3)), np.zeros(len(SLOTS), int)
        keypoints[SLOT_OF], flags[SLOT_OF] = people.keypoints[p], people.flags[p]
        x1, y1, x2, y2 = people.head_box[p].tolist()
        box = people.box[p].tolist()
        entry = {
            "id": image_id * 100 + int(order[frame]),
            "image_id": image_id,
            "track_id": int(people.track_id[p]),
            "category_id": PERSON,
            "iscrowd": False,
            "keypoints": keypoints.ravel().tolist(),
            "num_keypoints": int((keypoints[:, 2] > 0).sum()),
            "scores": [],
            "bbox": box,
            "bbox_head": [x1, y1, x2 - x1, y2 - y1],
        }
        entry |= {"joint_flags": flags.tolist()} if flags.any() else {}
        entries.append(entry | ({"area": box[2] * box[3]} if area else {}))
        order[frame] += 1
    return entries
