"""From a source of motion to prepared lifting data: cameras, detector, files."""

import importlib
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np

from base.errors import InputError
from base.folders import code_stamp, whole_folder
from datasets.card import Card, Units
from datasets.lifting import SPACE
from datasets.motion.cameras import image_space, subject_cameras
from datasets.motion.detector import PRESETS, Detector, detect
from datasets.motion.takes import Motion, Take, check_motion
from datasets.writing import CapturedSequence, write_split
from studies.data import one_of
from studies.motions import Source, lifting_data, motions


def prepare(name: str, out_dir: str | Path, *, raw_dir: str | Path | None = None, seed: int = 0) -> None:
    """Write `out_dir/{train,val,test[,new]}` for a data set `<base>-<preset>`, such as `cmu-sh-like`.

    base: a motion of datasets/motions.yaml; preset: gt, sh-like or hard; raw_dir: folder that
    `datasets.fetching.sources.fetch` filled. The same arguments give the same bytes; the joints do not depend on the
    preset. The folder appears whole or not at all. Raises InputError for an unknown name, missing or damaged raw files,
    a folder that cannot be written or is not ours.
    """
    dataset = one_of(lifting_data(), name)
    source, preset = motions()[dataset.motion], dataset.detector
    terms = PRESETS[preset]
    motion = _motion(source, None if raw_dir is None else Path(raw_dir), seed)
    card = Card(
        dataset=name,
        preset=preset,
        detector=asdict(terms),
        seed=seed,
        space=SPACE,
        units=Units(),
        fps=motion.fps,
        joints="human3.6m-17",
        code=code_stamp("datasets.motion.prepare", source.module),
        **vars(motion.origin),
    )
    with whole_folder(Path(out_dir)) as folder:
        for split, takes in motion.splits.items():
            sequences = (_observed(take, camera, terms, seed) for take in takes for camera in take.cameras)
            write_split(folder / split, sequences, replace(card, split=split))


def _motion(source: Source, raw_dir: Path | None, seed: int) -> Motion:
    """A motion's takes, checked. Its module is imported only now: an edit to one touches no other motion's data."""
    module = importlib.import_module(source.module)
    give = getattr(module, "motion", None)
    if give is None:
        raise InputError(f"{source.module}: defines no motion(base, raw_dir, seed); docs/add-a-dataset.md shows one")
    motion = give(source.name, raw_dir, seed)
    check_motion(source.name, motion)
    return motion


def _observed(take: Take, index: int, terms: Detector, seed: int) -> CapturedSequence:
    """One take through one camera, by a detector."""
    camera, sequence = subject_cameras(take.subject, seed)[index], take.sequence(index)
    # Rounded first: ground-truth keypoints are then exactly joints / factor of the files.
    joints, factor = (values.astype(np.float32) for values in image_space(take.joints, camera))
    return CapturedSequence(
        sequence=sequence,
        subject=f"S{take.subject:02d}",
        action=take.action,
        camera=f"ca_{index + 1:02d}",
        size=camera.size,
        keypoints=detect(joints, factor, terms, sequence, seed),
        joints=joints,
        factor=factor,
        frame=take.frames,
    )
