"""What `card.json` of a split of lifting data says: what it is, where it comes from, what it is judged by."""

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from base.records import record


@dataclass(frozen=True)
class RawFiles:
    """Files that data were made of. sha256: by their names below the source's folder."""

    name: str
    url: str | None = None
    sha256: Mapping[str, str] = dataclasses.field(default_factory=dict)


@dataclass(frozen=True)
class Origin:
    """Where data come from, and what their licence asks for."""

    sources: tuple[RawFiles, ...] = ()
    licence: str = ""
    acknowledgement: str = ""


@dataclass(frozen=True)
class Counts:
    """How much of it there is."""

    frames: int
    sequences: int
    subjects: int = 0
    actions: int = 0


@dataclass(frozen=True)
class ClipRule:
    """Clips to train on: one at every so many frames, short tails stretched to a clip."""

    every: int


@dataclass(frozen=True)
class Units:
    """Of each array of a split."""

    keypoints: str = "px, px, confidence"
    joints: str = "mm"
    factor: str = "mm/px"


@dataclass(frozen=True)
class Card:
    """What `card.json` of a prepared split says: how the data were made, and how they are read and judged.

    What is not said is None, and not written.
    preset: whose keypoints; neck: which joint of ours stands for a paper's; fps: frames a second, or how they vary;
    training_clips: how training clips are cut where the data have their own rule; form: how the papers' own files were
    published; detector: terms of ours; joints: a name of `datasets.skeletons.SKELETONS`; space: that of the joints;
    protocol: of `metrics.protocols`, Human3.6M's by default; windows: of `datasets.lifting.WINDOWS`, tiling by default;
    code: version and digest of what made it.
    """

    dataset: str | None = None
    preset: str | None = None
    form: str | None = None
    detector: Mapping[str, float] | None = None
    seed: int | None = None
    space: str | None = None
    units: Units | None = None
    fps: float | str | None = None
    joints: str | None = None
    protocol: str | None = None
    windows: str | None = None
    training_clips: ClipRule | None = None
    neck: str | None = None
    code: Mapping[str, str] | None = None
    split: str | None = None
    sources: tuple[RawFiles, ...] | None = None
    licence: str | None = None
    acknowledgement: str | None = None
    counts: Counts | None = None

    @classmethod
    def parse(cls, text: str) -> "Card":
        """From `card.json`. Raises ValueError, KeyError or TypeError for what is none."""
        card = record(cls, json.loads(text))
        kinds = {"counts": Counts, "training_clips": ClipRule, "units": Units}
        parts: dict[str, Any] = {name: record(kind, said) for name, kind in kinds.items() if (said := vars(card)[name])}
        return dataclasses.replace(card, sources=tuple(record(RawFiles, s) for s in card.sources or ()), **parts)

    def text(self) -> str:
        """Content of `card.json`."""
        said = dataclasses.asdict(self, dict_factory=lambda items: {k: v for k, v in items if v is not None})
        return json.dumps(said, indent=2, ensure_ascii=False) + "\n"
