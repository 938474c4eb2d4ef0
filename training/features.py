"""What a frozen encoder sees in the clips of a data set, computed once for all networks that share it.

The encoder looks at each frame on its own, so neighbours that are copies of the middle frame need no features of their
own. Training clips are augmented in a fixed number of draws; where that many are too few, networks run the encoder.
Weights and features are in half precision, in which the encoder's record is kept (`studies.records`).
"""

import json
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from base.errors import InputError
from base.files import write_text
from base.folders import whole_folder
from datasets.video.videos import Videos
from models.video.clips import ClipModel
from studies.data import Boxes
from studies.recipes import FeaturesSpec
from training.checkpoints import CHECKSUM, checksum_of_file, halved, load_weights
from training.clips import SELECT_ON, TAUGHT, Images, Persons, chunks
from training.run import build_model
from training.team import of_device
from training.video import take_pretrained


def write_features(spec: FeaturesSpec, data: Path, weights: Path, folder: Path) -> None:
    """Write the features (N, T, C, h, w) float16 of all conditions into a folder that appears whole or not at all.

    `train.npy` has the `draws` variations of each person, one after the other, and `train.joints.npz` where
    their joints are (places (N, J, 2) in heatmap pixels, present (N, J)); without draws there is neither. `card.json`
    has each file's checksum.
    """
    model = build_model(spec.encoder)
    take_pretrained(model, halved(load_weights(weights)))
    model.to("cuda" if torch.cuda.is_available() else "cpu").eval()
    shown = [boxes for boxes in spec.conditions if not boxes.copies]
    videos = Videos(data)
    with whole_folder(folder) as part:
        for boxes in [SELECT_ON] * spec.selects + shown:
            source = _images(spec, videos, boxes, model)
            clips = (source.unchanged(rows) for rows in chunks(len(source)))
            np.save(part / f"{boxes}.npy", _encoded(model, clips))
        if spec.crops.draws:
            np.save(part / "train.npy", _training(spec, model, _images(spec, videos, TAUGHT, model), part))
        sums = {file.name: checksum_of_file(file) for file in sorted(part.glob("*.np[yz]"))}
        write_text(part / "card.json", json.dumps({"spec": spec.as_json(), CHECKSUM: sums}, indent=1) + "\n")


def _images(spec: FeaturesSpec, videos: Videos, boxes: Boxes, model: ClipModel) -> Images:
    return Images(Persons(videos, boxes, spec.crops, model.image, spec.frames))


def _training(spec: FeaturesSpec, model: ClipModel, source: Images, part: Path) -> np.ndarray:
    """Features of all draws; writes where the joints are."""
    places, present = [], []

    def drawn() -> Iterable[Tensor]:
        for draw in range(spec.crops.draws):
            for rows in chunks(len(source)):
                clips, *joints = source.training(rows, spec.encoder.seed, draw)
                places.append(joints[0])
                present.append(joints[1])
                yield clips

    features = _encoded(model, drawn())
    np.savez(part / "train.joints.npz", places=np.concatenate(places), present=np.concatenate(present))
    return features


@torch.no_grad()
def _encoded(model: ClipModel, clips: Iterable[Tensor]) -> np.ndarray:
    """Features of clips (B, T, 3, H, W), all batches one after the other; raises InputError where float16 has none."""
    device = of_device(model.parameters())
    seen = (model.encode(batch.flatten(0, 1).to(device)).unflatten(0, batch.shape[:2]).half() for batch in clips)
    features = [batch.cpu().numpy() for batch in seen]
    if not all(np.isfinite(batch).all() for batch in features):
        raise InputError("the encoder's features are NaN or above 65504; pretrain it again, or set `draws: null`")
    return np.concatenate(features)
