"""Clips of persons in videos: whose they are, and where they come from, images or what a frozen encoder saw of them."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from base.errors import InputError
from base.files import read_arrays
from datasets.video.augment import Augmentation
from datasets.video.heatmaps import flip_average
from datasets.video.instances import Shape, TopDown
from datasets.video.joints import JHMDB
from datasets.video.videos import Videos
from models.video.clips import ClipModel
from studies.data import Boxes
from studies.recipes import Crops
from training.checkpoints import CHECKSUM, checksum_of_file
from training.scoring import person_pck, video_ap

AT_ONCE = 32  # clips of a batch at evaluation
STRIDE = 4  # pixels of the crop to one of the heatmap
IMAGES_KEPT = 2000  # decoded images in memory, a quarter of a megabyte each at 320x240
TAUGHT, SELECT_ON = Boxes("gt", split="train"), Boxes("gt", split="dev")


class Persons:
    """The persons of one split, by one kind of boxes, among one kind of neighbours.

    early : as of `datasets.video.instances.window`
    """

    def __init__(
        self,
        videos: Videos,
        boxes: Boxes,
        recipe: Crops,
        image: tuple[int, int],
        frames: int,
        early: str = "first",
    ) -> None:
        self.recipe, self.joints = recipe, videos.joints
        self.sequences, self.instances = videos.sequences(boxes.split), videos.persons(boxes.split, boxes.kind)
        shape = Shape(image[1], image[0], STRIDE, recipe.sigma, recipe.enlarge, recipe.pixels)
        self.crops = TopDown(
            [s.images for s in self.sequences],
            self.instances,
            videos.joints,
            shape,
            frames,
            boxes.neighbours,
            IMAGES_KEPT,
            recipe.joint_weights,
            early,
        )

    @property
    def augmentation(self) -> Augmentation:
        """What the recipe does to a training crop."""
        r = self.recipe
        return Augmentation(r.rotation, r.rotation_chance, r.scaling, r.half_body, flip_chance=r.flip, spread=r.spread)

    def score(self, joints: np.ndarray, scores: np.ndarray) -> dict[str, float]:
        """AP, or PCK of Sub-JHMDB, of predictions (N, 15, 2) in image pixels with scores (N, 15)."""
        if self.joints is JHMDB:
            scored = person_pck(self.instances, joints)
        else:
            scored = video_ap(self.sequences, self.instances, joints, scores)
        return {name: score.value for name, score in scored.items()}


class Images:
    """Clips cut from images whenever they are asked for, for the whole model."""

    def __init__(self, persons: Persons) -> None:
        self.persons = persons

    def __len__(self) -> int:
        return len(self.persons.instances)

    def training(self, rows: np.ndarray, seed: int, step: int) -> tuple[Tensor, np.ndarray, np.ndarray]:
        """Augmented clips (B, T, 3, H, W) of these persons, and the places (B, J, 2) and presence (B, J) of joints."""
        sample = self.persons.crops.batch(rows, seed, step, self.persons.augmentation)
        return torch.from_numpy(sample.clip), sample.places, sample.present

    def unchanged(self, rows: np.ndarray) -> Tensor:
        """Clips (B, T, 3, H, W) as the boxes cut them."""
        return torch.from_numpy(self.persons.crops.clips(rows))

    def encoded(self, model: ClipModel, clips: Tensor) -> Tensor:
        """What the model decodes."""
        return model.encoded(clips)

    def heatmaps(self, model: ClipModel, clips: Tensor, flip_test: bool = False) -> Tensor:
        """(B, J, H/4, W/4); with `flip_test`, the mean with those of the mirrored clips."""
        heatmaps = model(clips)
        if not flip_test:
            return heatmaps
        flip = self.persons.joints.flip
        if heatmaps.ndim != 4 or heatmaps.shape[1] != len(flip):
            given = tuple(heatmaps.shape[1:])
            raise InputError(f"flip_test: mirrors heatmaps of the data's {len(flip)} joints, not outputs {given}")
        turned = model(clips.flip(-1))
        return torch.from_numpy(flip_average(heatmaps.cpu().numpy(), turned.cpu().numpy(), flip).copy())


class Features:
    """Clips that a frozen encoder has seen already (`training.features`), for the rest of the model.

    folder : where they lie; name : which; frames : the middle ones are taken; copies : the middle one for all
    """

    def __init__(self, folder: Path, name: str, frames: int, copies: bool) -> None:
        self.features = np.load(_as_written(folder / f"{name}.npy"), mmap_mode="r")  # (N, T, C, h, w) float16
        joints = folder / f"{name}.joints.npz"
        self.joints = read_arrays(joints, f"delete {folder} and run `make` again") if joints.is_file() else {}
        kept = self.features.shape[1]
        if kept < frames:
            raise InputError(f"{folder}: has clips of {kept} frames, {frames} are needed; delete the folder")
        first = (kept - frames) // 2
        self.frames = [kept // 2] * frames if copies else list(range(first, first + frames))

    def __len__(self) -> int:
        return len(self.features)

    def training(self, rows: np.ndarray, seed: int, step: int) -> tuple[Tensor, np.ndarray, np.ndarray]:
        """As `Images.training`, with features (B, T, C, h, w) for clips; the augmentation was drawn before."""
        return self.unchanged(rows), self.joints["places"][rows], self.joints["present"][rows]

    def unchanged(self, rows: np.ndarray) -> Tensor:
        """Features (B, T, C, h, w)."""
        return torch.from_numpy(self.features[rows].astype(np.float32)[:, self.frames])

    def encoded(self, model: ClipModel, features: Tensor) -> Tensor:
        """The features as they are."""
        return features

    def heatmaps(self, model: ClipModel, features: Tensor, flip_test: bool = False) -> Tensor:
        """(B, J, H/4, W/4)."""
        if flip_test:
            remedy = "say override='{video: {draws: null}}'"
            raise InputError(f"flip_test: the features of mirrored clips are not kept; {remedy}")
        return model.decode(features)


def _as_written(path: Path) -> Path:
    """The path of a file of features. Raises InputError unless it has the checksum that its folder's card states."""
    try:
        stated = json.loads((path.parent / "card.json").read_text(encoding="utf-8"))[CHECKSUM][path.name]
        fault = "" if checksum_of_file(path) == stated else "is not what was written"
    except (OSError, ValueError, LookupError, TypeError) as error:
        fault = f"cannot be compared with its folder's card.json ({error})"
    if fault:
        raise InputError(f"{path}: {fault}; delete {path.parent} and run `make` again")
    return path


def seen_as(boxes: Boxes) -> Boxes:
    """Whose features serve: copies of the middle frame need none of their own."""
    return replace(boxes, neighbours="real") if boxes.copies else boxes


def chunks(count: int) -> list[np.ndarray]:
    """Numbers below `count` in batches for evaluation."""
    return np.array_split(np.arange(count), -(-count // AT_ONCE)) if count else []
