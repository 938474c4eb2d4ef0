"""What trained networks see in a few clips: their heatmaps frame after frame, for the page that plays them."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch

from base.errors import left_out
from base.files import write_arrays
from datasets.video.annotations import Video
from datasets.video.instances import GROUND_TRUTH, Instances, Shape, TopDown
from datasets.video.joints import POSETRACK
from datasets.video.videos import Videos
from studies.recipes import RunSpec
from training.checkpoints import load_weights
from training.clips import STRIDE
from training.run import build_model

FRAMES = 24  # of a clip, at most
CLIPS = ("alone", "in company")  # a person of the video with the fewest others, and of the one with the most


def write_heatmaps(networks: Sequence[tuple[RunSpec, Path]], data: Path, path: Path, lenient: bool = False) -> None:
    """Write the heatmaps of networks, each (specification, weights), on the same clips of the validation videos.

    Arrays by clip (CLIPS), F frames: `<clip>/images` (F,) paths, `<clip>/box` (F, 4) x, y, width, height of the crop in
    pixels, `<clip>/joints` (F, 15, 3) as annotated, zeros where not; by clip and variant: `<clip>/<variant>/heatmaps`
    (F, 15, h, w) uint8, 255 for a height of 1, and `<clip>/<variant>/joints` (F, 15, 2) in pixels.
    lenient : leave out a network that fails
    """
    videos = Videos(data).sequences("val")
    chosen = {name: videos[number] for name, number in zip(CLIPS, pick_videos(videos), strict=True)}
    arrays = {}
    for spec, weights in networks:
        with left_out(f"the heatmaps of {spec.variant}", lenient):
            arrays |= _seen(spec, weights, chosen)
    write_arrays(path, arrays)


def _seen(spec: RunSpec, weights: Path, chosen: Mapping[str, Video]) -> dict[str, np.ndarray]:
    """The arrays of one network; chosen: videos by the names of clips."""
    model, arrays = build_model(spec).eval(), {}
    model.load_state_dict(load_weights(weights))
    shape = Shape(model.image[1], model.image[0], STRIDE, spec.recipe.sigma, spec.recipe.enlarge, spec.recipe.pixels)
    for name, video in chosen.items():
        person = longest_track(video)
        crops = TopDown([video.images], person, POSETRACK, shape, model.frames, early=model.early)
        rows = np.arange(len(person))
        with torch.no_grad():
            answers = model(torch.from_numpy(crops.clips(rows))).numpy()
        arrays |= {
            f"{name}/images": np.array([str(video.images[frame]) for frame in person.frame]),
            f"{name}/box": np.concatenate([crops.center - crops.size / 2, crops.size], axis=1),
            f"{name}/joints": person.keypoints,
            f"{name}/{spec.variant}/heatmaps": np.round(255 * crops.pictured(answers).clip(0, 1)).astype(np.uint8),
            f"{name}/{spec.variant}/joints": crops.located(rows, answers)[0].astype(np.float32),
        }
    return arrays


def pick_videos(videos: Sequence[Video]) -> tuple[int, int]:
    """The videos with the fewest and with the most persons a labelled frame; the first of equals."""
    crowds = [len(video.persons.frame) / max(1, video.labelled.sum()) for video in videos]
    return int(np.argmin(crowds)), int(np.argmax(crowds))


def longest_track(video: Video) -> Instances:
    """The person with most annotated frames, in every frame of the video (FRAMES of them at most).

    Between annotated frames the box is interpolated, beyond them it stays; key points there are zeros.
    """
    names, counts = np.unique(video.persons.track_id, return_counts=True)
    rows = np.flatnonzero(video.persons.track_id == names[counts.argmax()])
    labelled, frames = video.persons.frame[rows], np.arange(min(FRAMES, len(video.images)))
    box = np.stack([np.interp(frames, labelled, column) for column in video.persons.box[rows].T], axis=1)
    keypoints = np.zeros((len(frames), *video.persons.keypoints.shape[1:]))
    shown = labelled < len(frames)
    keypoints[labelled[shown]] = video.persons.keypoints[rows[shown]]
    same = np.zeros(len(frames), int)
    return Instances(GROUND_TRUTH, same, frames, box, np.ones(len(frames)), keypoints)
