"""Human3.6M's files to sequences in MotionBERT's 2.5D image space, which the papers train and evaluate in.

MotionBERT's pickle is what they used. Positions with cameras (the official CDF files, or VideoPose3D's npz) go through
the same projection as MotionBERT's authors describe; detections of VideoPose3D's files then stand for its key points.
"""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from base.errors import InputError
from base.foreign import data_files
from datasets.card import Card, Units
from datasets.lifting import SPACE, sequence_bounds
from datasets.motion.cameras import image_space
from datasets.papers.convert import Conversion, Form, certain, chosen_form
from datasets.papers.human36m import (
    BODY,
    CAMERAS,
    POSITIONS,
    TEST,
    TRAIN,
    PickledFrames,
    Take,
    TakeName,
    read_detections,
    read_motionbert,
    read_original,
    read_positions,
)
from datasets.papers.human36m_cameras import SIZES, numbered, read_cameras
from datasets.papers.limbs import check_points
from datasets.writing import CapturedSequence

PICKLE = "h36m_sh_conf_cam_source_final.pkl"
POSITIONS_FILE = "data_3d_h36m.npz"
DETECTIONS = {"cpn": "data_2d_h36m_cpn_ft_h36m_dbb.npz", "sh": "data_2d_h36m_sh_ft_h36m.npz"}
HELD_OUT = "S8"
SUBJECTS = {"train": tuple(s for s in TRAIN if s != HELD_OUT), "val": (HELD_OUT,), "test": TEST}
# The stacked hourglass's 16 joints in the order of ours; what it has no name for is set between thorax and head.
HOURGLASS = (6, 2, 1, 0, 3, 4, 5, 7, 8, None, 9, 13, 14, 15, 12, 11, 10)
THORAX, NECK, HEAD = 8, 9, 10
CARD = Card(
    space=SPACE,
    units=Units(),
    fps=50,
    joints="human3.6m-17",
    protocol="human36m",
    windows="paper",
    licence="Human3.6M: academic use after registration, no redistribution (vision.imar.ro/human3.6m)",
)


def conversion(preset: str, raw: Path, form: str) -> Conversion:
    """What `raw` holds, for the key points of a detector (sh, cpn) or the projected joints (gt).

    Raises InputError that says which files would do, where none is there.
    """
    forms = (  # MotionBERT's before the others, because the papers used it
        Form("motionbert", preset != "cpn" and (raw / PICKLE).is_file()),
        Form("original", bool(data_files(raw, f"S*/{POSITIONS}/*.cdf"))),
        Form("videopose3d", (raw / POSITIONS_FILE).is_file()),
    )
    extra = f" and {DETECTIONS[preset]}" if preset in DETECTIONS else ""
    alone = "" if preset == "cpn" else f"{PICKLE} (MotionBERT), or "
    advice = (
        f"{raw}: nothing to make human36m-{preset} of; put {alone}S*/{POSITIONS}/*.cdf or {POSITIONS_FILE}, with "
        f"metadata.xml or cameras.pkl{extra} there (`make data` says where they come from)"
    )
    form = chosen_form("human36m", form, forms, advice)
    return _from_pickle(preset, raw) if form == "motionbert" else _from_positions(preset, raw, form)


def _from_pickle(preset: str, raw: Path) -> Conversion:
    if preset == "cpn":
        raise InputError(f"sources.human36m.form: MotionBERT's file has no CPN detections; get {DETECTIONS['cpn']}")
    splits = read_motionbert(raw / PICKLE)

    def views(split: str) -> Iterator[CapturedSequence]:
        return _pickled(splits["test" if split == "test" else "train"], SUBJECTS[split], preset, raw / PICKLE)

    pixels = replace(CARD, units=Units(joints="px: the file has no factor for training", factor="1"))
    cards = dict.fromkeys(("train", "val"), pixels) | {"test": CARD}
    return Conversion("motionbert", views, [raw / PICKLE], cards)


def _pickled(frames: PickledFrames, subjects: tuple[str, ...], preset: str, file: Path) -> Iterator[CapturedSequence]:
    for start, stop in sequence_bounds(frames.source):
        source, rows = TakeName.of(str(frames.source[start]), f"{file}, source"), slice(start, stop)
        if source.subject not in subjects:
            continue
        factor = np.ones(stop - start, np.float32) if frames.factor is None else frames.factor[rows]
        joints = frames.joints[rows] * factor[:, None, None]
        action = source.action if frames.action is None else str(frames.action[start])
        keypoints = certain(frames.joints[rows, :, :2]) if preset == "gt" else frames.keypoints[rows]
        yield CapturedSequence(
            sequence=source.name,
            subject=source.subject,
            action=action,
            camera=source.name[-5:],
            size=SIZES[CAMERAS.index(source.camera)],
            keypoints=keypoints,
            joints=joints,
            factor=factor,
            where=f"{file}, {source.name}",
        )


def _from_positions(preset: str, raw: Path, form: str) -> Conversion:
    source = raw / POSITIONS_FILE if form == "videopose3d" else raw
    takes = read_positions(source) if form == "videopose3d" else read_original(raw)
    files = [source] if form == "videopose3d" else data_files(raw, f"S*/{POSITIONS}/*.cdf")
    recording, detected = read_cameras(raw), {}
    numbers = numbered(sorted(takes), recording.numbers)
    if preset in DETECTIONS:
        files.append(raw / DETECTIONS[preset])
        detected = read_detections(files[-1])

    def views(split: str) -> Iterator[CapturedSequence]:
        for take in sorted((t for t in takes if t[0] in SUBJECTS[split]), key=lambda t: (int(t[0][1:]), *numbers[t])):
            keypoints = _detected(detected.get(take), take, len(takes[take]), files[-1]) if detected else None
            for i, name in enumerate(CAMERAS):
                camera = recording.camera(take[0], name)
                joints, factor = (a.astype(np.float32) for a in image_space(takes[take] / 1000, camera))
                act, subact = numbers[take]
                sequence = f"s_{int(take[0][1:]):02d}_act_{act:02d}_subact_{subact:02d}_ca_{i + 1:02d}"
                flat, title = joints[..., :2] / factor[:, None, None], " ".join(take)
                if not TakeName.of(sequence, str(recording.file)).blocked and keypoints:
                    check_points(keypoints[i][..., :2], flat, BODY, f"{files[-1]}, {title}, camera {name}")
                yield CapturedSequence(
                    sequence=sequence,
                    subject=take[0],
                    action=take[1].partition(" ")[0],
                    camera=sequence[-5:],
                    size=camera.size,
                    keypoints=keypoints[i] if keypoints else certain(flat),
                    joints=joints,
                    factor=factor,
                    where=f"{source}, {title}, seen by camera {name} of {recording.file.name}",
                )

    card = replace(CARD, neck="between thorax and head" if preset == "sh" else None)
    return Conversion(form, views, [*files, recording.file], dict.fromkeys(SUBJECTS, card))


def _detected(views: tuple[np.ndarray, ...] | None, take: Take, count: int, file: Path) -> list[np.ndarray]:
    """Key points (T, 17, 3) of each camera, cut to the frames of the motion capture."""
    if views is None:
        raise InputError(f"{file}: has no {' '.join(take)}; get the file again")
    if short := [len(view) for view in views if len(view) < count]:
        raise InputError(f"{file}: {' '.join(take)} has {short[0]} frames, the motion capture {count}")
    return [certain(_seventeen(view[:count])) for view in views]


def _seventeen(keypoints: np.ndarray) -> np.ndarray:
    """(T, 17, 2) of a detector's 17 or 16 joints."""
    if keypoints.shape[1] == len(HOURGLASS):
        return keypoints
    ours = keypoints[:, [joint or 0 for joint in HOURGLASS]]
    ours[:, NECK] = (ours[:, THORAX] + ours[:, HEAD]) / 2
    return ours
