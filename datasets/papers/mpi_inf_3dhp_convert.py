"""MPI-INF-3DHP's files to sequences with ground-truth key points, as MotionAGFormer and SasMamba train on them.

Labels are mm * 2 / 2048: poses that are taken for pixels of a training image, which is what a factor of 1 says.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from base.foreign import data_files
from datasets.card import Card, ClipRule, Units
from datasets.papers.convert import Conversion, Form, certain, chosen_form
from datasets.papers.mpi_inf_3dhp import (
    SIZE,
    ScoredSequence,
    Views,
    read_stmo_test,
    read_stmo_training,
    read_test,
    read_training,
)
from datasets.writing import CapturedSequence

TRAINING, TEST = "data_train_3dhp.npz", "data_test_3dhp.npz"  # P-STMO's
TEST_FOLDER = "mpi_inf_3dhp_test_set"
HELD_OUT = "S8"
EVERY = 50  # of the person held out, one frame in so many is judged; about as many as the test set has
CARD = Card(
    space="univ_annot3: camera axes, mm, skeletons scaled to one height",
    units=Units(factor="1: mm stand for px of a training image"),
    fps="25, 50 for some training sequences",
    joints="mpi-inf-3dhp-17",
    protocol="mpi-inf-3dhp",
    windows="centred",
    training_clips=ClipRule(every=9),
    licence="MPI-INF-3DHP: non-commercial research (vcai.mpi-inf.mpg.de/3dhp-dataset)",
)


def conversion(preset: str, raw: Path, form: str) -> Conversion:
    """What `raw` holds; the only preset is `gt`. Raises InputError that says which files would do."""
    official = [*data_files(raw, "S*/Seq*/annot.mat"), *data_files(raw, f"{TEST_FOLDER}/TS*/annot_data.mat")]
    forms = (
        Form("p-stmo", (raw / TRAINING).is_file() and (raw / TEST).is_file()),
        Form("original", len({path.name for path in official}) == 2),
    )
    advice = (
        f"{raw}: nothing to make mpi-inf-3dhp-gt of; put {TRAINING} and {TEST} (P-STMO) there, or S*/Seq*/annot.mat "
        f"and {TEST_FOLDER}/TS*/annot_data.mat (`make data` says where they come from)"
    )
    form = chosen_form("mpi-inf-3dhp", form, forms, advice)

    def views(split: str) -> Iterator[CapturedSequence]:
        if split == "test":
            file = raw / (TEST if form == "p-stmo" else TEST_FOLDER)
            sequences = read_stmo_test(file) if form == "p-stmo" else read_test(file)
            return (_tested(name, sequence, file) for name, sequence in sequences.items())
        return _training(raw, form, held_out=split == "val")

    files = [raw / TRAINING, raw / TEST] if form == "p-stmo" else official
    return Conversion(form, views, files, dict.fromkeys(("train", "val", "test"), CARD))


def _training(raw: Path, form: str, held_out: bool) -> Iterator[CapturedSequence]:
    sequences: Iterator[tuple[tuple[str, str], Views]]
    sequences = iter(read_stmo_training(raw / TRAINING).items()) if form == "p-stmo" else read_training(raw)
    for (subject, sequence), views in sequences:
        if (subject == HELD_OUT) != held_out:
            continue
        for camera, (points, poses) in views.items():
            valid = np.arange(len(points)) % EVERY == EVERY // 2
            name, camera_name = f"{subject}_{sequence}_ca_{camera:02d}", f"ca_{camera:02d}"
            where = f"{raw / TRAINING if form == 'p-stmo' else raw}, {subject} {sequence}, camera {camera}"
            yield CapturedSequence(
                sequence=name,
                subject=subject,
                action=sequence,
                camera=camera_name,
                size=SIZE,
                keypoints=certain(points),
                joints=poses,
                factor=np.ones(len(points), np.float32),
                where=where,
                valid=valid,
            )


def _tested(name: str, test: ScoredSequence, file: Path) -> CapturedSequence:
    action = "test" if test.activity is None else np.array([f"activity {number}" for number in test.activity])
    return CapturedSequence(
        sequence=name,
        subject=name,
        action=action,
        camera="ca_00",
        size=test.size,
        keypoints=certain(test.keypoints),
        joints=test.joints,
        factor=np.ones(len(test.joints), np.float32),
        where=f"{file}, {name}",
        valid=test.valid,
    )
