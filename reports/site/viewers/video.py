"""The video player: frames of a person with the heatmaps of a network over them, joint by joint."""

import base64
from pathlib import Path

import numpy as np

from base.errors import InputError
from datasets.video.annotations import JOINTS
from reports.arrays import NotThere, read_arrays
from reports.measurements import Choice, label_of
from reports.site.viewers.viewer import Viewer
from reports.tables.captions import SELECTIONS

BONES = (
    ("head_top", "nose"), ("nose", "head_bottom"), ("head_bottom", "right_shoulder"), ("head_bottom", "left_shoulder"),
    ("right_shoulder", "right_elbow"), ("right_elbow", "right_wrist"), ("left_shoulder", "left_elbow"),
    ("left_elbow", "left_wrist"), ("right_shoulder", "right_hip"), ("left_shoulder", "left_hip"),
    ("right_hip", "left_hip"), ("right_hip", "right_knee"), ("right_knee", "right_ankle"), ("left_hip", "left_knee"),
    ("left_knee", "left_ankle"),
)  # fmt: skip


def video_view(report: Path, choice: Choice) -> Viewer | None:
    """Frames as files, heatmaps as base64 of bytes (F, 15, h, w), joints in pixels; None where nothing was trained.

    `clips`: name, frames (file names), box a frame, joints (x, y, 1 where annotated) a frame; `networks`: label, and
    by clip heatmaps, joints and the mean distance of joints in pixels. Raises InputError for a frame that is gone.
    """
    try:
        arrays = read_arrays(report / "heatmaps.npz")
    except NotThere:
        return None
    clips = list(dict.fromkeys(name.split("/")[0] for name in arrays))
    networks = list(dict.fromkeys(name.split("/")[1] for name in arrays if name.count("/") == 2))
    frames = {clip: [Path(str(path)) for path in arrays[f"{clip}/images"]] for clip in clips}
    files = {_name(i, t): path for i, clip in enumerate(clips) for t, path in enumerate(frames[clip])}
    if gone := next((path for path in files.values() if not path.is_file()), None):
        raise InputError(f"{gone}: no such frame; delete {report / 'heatmaps.npz'} and run `make` again")
    shape = arrays[f"{clips[0]}/{networks[0]}/heatmaps"].shape
    return Viewer(
        name="Video",
        about="what networks see in rendered video, frame by frame",
        title="Heatmaps over video",
        lead=(
            "A person, frame after frame, with the heatmaps that a network predicts from the frames around each. True joints "
            "in grey, in the frames that are annotated, predicted ones in blue."
        ),
        note=(
            f"Scale {choice.scale}, rendered {choice.motion} motion, validation videos, first seed, {SELECTIONS[choice.selection]}, true boxes: "
            "a person of the video with the fewest others and one of the video with the most. Of each family of networks the one that "
            "reads most frames."
        ),
        files=files,
        data={
            "joints": [name.replace("_", " ") for name in JOINTS],
            "bones": [[JOINTS.index(a), JOINTS.index(b)] for a, b in BONES],
            "size": list(shape[-2:]),
            "clips": [_clip(i, clip, arrays, len(frames[clip])) for i, clip in enumerate(clips)],
            "networks": [_network(label_of(name), name, clips, arrays) for name in networks],
        },
    )


def _clip(number: int, name: str, arrays: dict[str, np.ndarray], frames: int) -> dict:
    joints = arrays[f"{name}/joints"].copy()  # (F, 15, 3)
    joints[..., 2] = joints.any(-1)
    return {
        "name": name,
        "frames": [_name(number, t) for t in range(frames)],
        "box": arrays[f"{name}/box"].round(1).tolist(),
        "joints": joints.round(1).tolist(),
    }


def _network(label: str, name: str, clips: list[str], arrays: dict[str, np.ndarray]) -> dict:
    return {"label": label, "clips": [_seen(name, clip, arrays) for clip in clips]}


def _seen(name: str, clip: str, arrays: dict[str, np.ndarray]) -> dict:
    """A network on a clip; `error` is the mean distance in pixels over annotated joints."""
    true, found = arrays[f"{clip}/joints"], arrays[f"{clip}/{name}/joints"]
    distance = np.linalg.norm(found - true[..., :2], axis=-1)[true.any(-1)]
    return {
        "heatmaps": base64.b64encode(arrays[f"{clip}/{name}/heatmaps"].tobytes()).decode(),
        "joints": found.astype(float).round(1).tolist(),
        "error": round(float(distance.mean()), 1),
    }


def _name(clip: int, frame: int) -> str:
    return f"{clip}-{frame:02d}.jpg"
