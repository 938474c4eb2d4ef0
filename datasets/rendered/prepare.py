"""The rendered video benchmark: PoseTrack18's folders and files, made from motion capture or synthetic motion.

images/{train,val}/NAME/000000.jpg      annotations/{train,val}/NAME.json, {train,val}.json (all as one COCO file)
boxes/{train,val}.json                  card.json
"""

import json
import sys
import time
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import numpy as np

from base.errors import InputError
from base.files import write_text
from base.folders import code_stamp, whole_folder
from base.reading import nearest
from datasets.card import Origin
from datasets.fetching.sources import source
from datasets.rendered.film import film
from datasets.rendered.labels import annotate, detections
from datasets.rendered.motions import SOURCE, cmu_motions, synthetic_motion, window
from datasets.rendered.scenes import MOST_PERSONS, Cast, Difficulty, Format, draw_scene
from datasets.video.annotations import Video
from datasets.video.boxes import Detections
from datasets.video.writing import jpeg, write_boxes, write_merged, write_sequence

FPS = 25
VAL_FROM = 1001  # number of the first validation sequence
PEOPLE = 100  # numbers of synthetic persons that belong to one sequence
WHOLE = ("train", "val", "middle", "frames", "subframes")  # options that count something
SPEAK = 5.0  # seconds between lines of progress
# People of the splits never meet: P-clip's val and test clips act in the validation sequences.
CMU_SPLITS = {"train": ("train",), "val": ("val", "test")}


@dataclass(frozen=True)
class Preset:
    """motion: synthetic or cmu; train, val: numbers of sequences; middle, middle_val: labelled frames in the middle of
    each (in val every fourth frame of the rest as well)."""

    motion: str
    train: int
    val: int
    middle: int
    middle_val: int
    layout: Format
    difficulty: Difficulty = field(default_factory=Difficulty)


# More of what neighbouring frames undo than the defaults have: single frames' dropouts and defocus, things that pass.
# Scenes are many and short, because small networks learn a few scenes by heart.
HARDER = Difficulty(dropout=0.5, passing=4.0, defocus=0.4, defocus_size=6.0)
SHORT = Format((320, 240), 11, heights=(0.3, 0.83))
PRESETS = {
    "video-synthetic": Preset("synthetic", 160, 32, 5, 0, SHORT, HARDER),
    "video-cmu-small": Preset("cmu", 8, 2, 3, 0, Format((160, 120), 5, heights=(0.4, 0.83))),
    "video-cmu": Preset("cmu", 480, 96, 5, 0, SHORT, HARDER),
}


def prepare_video(
    name: str,
    out_dir: str | Path,
    *,
    raw_dir: str | Path | None = None,
    seed: int = 0,
    options: dict | None = None,
) -> None:
    """Write the benchmark `name` (a key of PRESETS) into a folder that appears whole or not at all.

    raw_dir: folder that `fetching.sources.fetch` filled with `cmu` (video-cmu only); options: values of Preset,
    Format or Difficulty to replace, by name ({"train": 4, "frames": 9, "dropout": 0}). The same arguments give the same
    annotations and, with the same versions of OpenCV and numba on the same kind of processor, the same pixels; a
    sequence does not depend on the others.
    Raises InputError: unknown name or option, raw files missing or damaged, a folder that cannot be written.
    """
    if name not in PRESETS:
        raise InputError(f"unknown video data set {name!r}{nearest(name, PRESETS)}")
    preset = _with_options(PRESETS[name], options or {})
    casts, origin = _casts(preset, None if raw_dir is None else Path(raw_dir), seed)
    with whole_folder(Path(out_dir)) as folder:
        card = {
            "dataset": name,
            "what": "rendered video of textured bodies, PoseTrack18's layout; no photograph of anybody",
            "seed": seed,
            "fps": FPS,
            "preset": asdict(preset),
            "keypoints": "17 slots of PoseTrack18, ears empty; joint_flags: 1 occluded, 2 blurred, 4 dropped out",
            "code": code_stamp("datasets.rendered.prepare"),
            **asdict(origin),
            "counts": {split: _write_split(split, preset, casts[split], seed, folder) for split in casts},
        }
        write_text(folder / "card.json", json.dumps(card, indent=1) + "\n")


def render(split: str, number: int, preset: Preset, cast: Cast, seed: int, folder: Path) -> Video:
    """Draw one sequence into `folder/images` and return its annotations."""
    scene = draw_scene(number, seed, preset.layout, preset.difficulty, cast)
    shot, filmed = film(scene, seed)
    frames, pictures = [], []
    for frame in filmed:
        pictures.append(jpeg(frame.image, frame.quality))
        frames.append(replace(frame, image=np.empty(0)))
    middle = preset.middle if split == "train" else preset.middle_val
    sequence = annotate(scene, shot, frames, split, middle, folder)
    sequence.images[0].parent.mkdir(parents=True)
    for path, picture in zip(sequence.images, pictures, strict=True):
        path.write_bytes(picture)
    return sequence


def _write_split(split: str, preset: Preset, cast: Cast, seed: int, folder: Path) -> dict[str, int]:
    """All sequences of a split, their merged file and detector boxes; returns counts."""
    count = getattr(preset, split)
    first = 1 if split == "train" else VAL_FROM
    videos, boxes, began, spoken = [], [], time.monotonic(), time.monotonic()
    for done, number in enumerate(range(first, first + count), 1):
        video = render(split, number, preset, cast, seed, folder)
        write_sequence(video, folder / "annotations" / split / f"{video.name}.json", folder)
        videos.append(video)
        boxes.append(detections(video, seed))
        if time.monotonic() - spoken > SPEAK:
            spoken = time.monotonic()
            left = (spoken - began) / done * (count - done)
            print(f"{split}: {done} of {count} sequences rendered, about {left:.0f} s left", file=sys.stderr)
    write_merged(videos, folder / "annotations" / f"{split}.json", folder)
    columns = (np.concatenate([getattr(part, field) for part in boxes]) for field in vars(boxes[0]))
    write_boxes(Detections(*columns), folder / f"boxes/{split}.json")
    return {
        "sequences": count,
        "frames": sum(len(video.images) for video in videos),
        "labelled_frames": sum(int(video.labelled.sum()) for video in videos),
        "persons": sum(len(video.persons.frame) for video in videos),
        "boxes": sum(len(part.score) for part in boxes),
    }


def _with_options(preset: Preset, options: dict) -> Preset:
    """The preset with some of its values, or of its format's or difficulty's, replaced."""
    parts = {part: vars(part) for part in (preset, preset.layout, preset.difficulty)}
    names = [key for values in parts.values() for key in values if key not in ("motion", "layout", "difficulty")]
    for key in options:
        if key not in names:
            raise InputError(f"unknown option {key!r}{nearest(key, names)}")
        if key in WHOLE and not (isinstance(options[key], int) and options[key] > 0):
            raise InputError(f"option {key!r} is {options[key]!r}; it must be a whole number, at least 1")
    options = {key: tuple(value) if isinstance(value, list) else value for key, value in options.items()}
    changed = [replace(part, **{k: v for k, v in options.items() if k in values}) for part, values in parts.items()]
    return replace(changed[0], layout=changed[1], difficulty=changed[2])


def _casts(preset: Preset, raw_dir: Path | None, seed: int) -> tuple[dict[str, Cast], Origin]:
    """Who gives the motions of each split, and where they come from, for the card."""
    if preset.motion == "synthetic":
        licence = "Apache-2.0: made by this repository's code (datasets/motion/synthetic.py, datasets/video)"
        cast = _synthetic_cast(seed, preset.layout.steps)
        return {"train": cast, "val": cast}, Origin(licence=licence)
    casts, hashes = {}, {}
    for split, names in CMU_SPLITS.items():
        clips, files = cmu_motions(raw_dir, names)
        casts[split] = _clip_cast(clips, preset.layout.steps)
        hashes |= files
    return casts, source(SOURCE).origin(dict(sorted(hashes.items())))


def _synthetic_cast(seed: int, steps: int) -> Cast:
    """Nobody appears twice: bodies and motions are drawn for each sequence."""

    def cast(rng: np.random.Generator, count: int) -> list[np.ndarray]:
        first = int(rng.integers(1, 2**24)) * PEOPLE
        return [window(synthetic_motion(seed, first + i, steps), steps, rng) for i in range(count)]

    return cast


def _clip_cast(clips: dict[str, list[np.ndarray]], steps: int) -> Cast:
    """Different clips for the persons of a sequence, each from a moment of its own."""
    usable = {clip: fit for clip, pieces in clips.items() if (fit := [p for p in pieces if len(p) >= steps])}
    if len(usable) < MOST_PERSONS:
        raise InputError(f"frames: only {len(usable)} clips hold {steps} steps of motion; ask for shorter sequences")

    def cast(rng: np.random.Generator, count: int) -> list[np.ndarray]:
        names = rng.permutation(sorted(usable))[:count]
        pieces = [usable[name][rng.integers(len(usable[name]))] for name in names]
        return [window(piece, steps, rng) for piece in pieces]

    return cast
