"""What happens in one sequence: who stands where in which clothes, what passes before them, how the camera moves.

Everything is drawn from (seed, number of the sequence), so a sequence does not depend on which others are made.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from datasets.rendered import raster
from datasets.rendered.bodies import HAIRS, SKINS, Body, random_body
from datasets.rendered.camera import HandheldCamera, handheld
from datasets.rendered.motions import at_times
from datasets.rendered.scenery import Scenery, paint

SCENE_STREAM = 12  # separates these random numbers from others of the same seed
STEPS = 2  # steps of the 50 Hz motion a frame: 25 frames a second
LEAD = 2  # steps of motion before the first frame and after the last, for exposures and the cubic
ACROSS, UP = np.array([1.0, 0, 0]), np.array([0, 0, 1.0])
MOST_FAR = 3
MOST_PERSONS = 4 + MOST_FAR  # of a sequence
TALL = 1.7  # metres: the height that a person's size in pixels is reckoned with


@dataclass(frozen=True)
class Difficulty:
    """How hard it is to see a person; chances a frame, a person or a sequence.

    persons: chances of 1, 2, 3, 4; camouflage: a person in the scenery's colours; passing: things that pass before a
    person, expected a person in 40 frames; standing: something stands before the person; defocus, dropout: a frame
    (dropout: and person); flicker: log standard deviation of the exposure; noise: grey levels; quality: of JPEG;
    unrest: of the camera.
    """

    persons: tuple[float, ...] = (0.35, 0.35, 0.2, 0.1)
    camouflage: float = 0.25
    passing: float = 2.0
    standing: float = 0.12
    defocus: float = 0.3
    defocus_size: float = 3.0  # pixels at 640 wide, the most
    dropout: float = 0.2
    flicker: float = 0.06
    noise: tuple[float, float] = (1.0, 7.0)
    quality: tuple[int, int] = (30, 90)
    unrest: tuple[float, float] = (0.2, 1.0)


@dataclass(frozen=True)
class Format:
    """size (width, height) in pixels; frames of a sequence; heights: least and greatest height of a labelled person
    as shares of the image's height; far: the same of persons too small to label; subframes of an exposure.
    """

    size: tuple[int, int]
    frames: int
    heights: tuple[float, float] = (0.16, 0.79)
    far: tuple[float, float] = (0.055, 0.085)
    subframes: int = 4

    @property
    def steps(self) -> int:
        """Steps of motion that a sequence needs."""
        return STEPS * (self.frames - 1) + 2 * LEAD + 1


@dataclass(frozen=True)
class Actor:
    """motion (T, 19, 3): metres in the world, first frame at step LEAD; body: shape and clothes."""

    motion: np.ndarray
    body: Body

    def points(self, times: np.ndarray) -> np.ndarray:
        """(..., 19, 3) at times (...) in frames."""
        return at_times(self.motion, STEPS * times + LEAD)


@dataclass(frozen=True)
class Thing:
    """A capsule that is no part of a person: ends (2, 3) metres at time 0, velocity (3,) metres a frame, radius,
    material (10,).
    """

    ends: np.ndarray
    velocity: np.ndarray
    radius: float
    material: np.ndarray


@dataclass(frozen=True)
class Scene:
    """actors: labelled ones first, `labelled` of them; light (3,): unit vector in the world, towards it."""

    number: int
    layout: Format
    difficulty: Difficulty
    camera: HandheldCamera
    scenery: Scenery
    actors: tuple[Actor, ...]
    labelled: int
    things: tuple[Thing, ...]
    light: np.ndarray


Cast = Callable[[np.random.Generator, int], list[np.ndarray]]  # random numbers, count -> motions (steps, 19, 3)


def draw_scene(number: int, seed: int, layout: Format, difficulty: Difficulty, cast: Cast) -> Scene:
    """The scene of one sequence. cast: gives motions of different persons, at the floor's origin."""
    rng = np.random.default_rng([seed, SCENE_STREAM, number])
    count = 1 + int(rng.choice(len(difficulty.persons), p=difficulty.persons))
    far = int(rng.choice(MOST_FAR + 1, p=(0.5, 0.2, 0.15, 0.15)))
    motions = cast(rng, count + far)
    focal = rng.uniform(0.9, 1.35) * layout.size[0]
    places, distance = _places(rng, layout, focal, count, far)
    camera = _camera(rng, layout, difficulty, focal, places[0][1])
    scenery = paint(camera.rest(), distance, rng)
    actors = tuple(
        Actor(motion + place, random_body(rng, scenery.colours(rng) if hidden else None))
        for motion, place, hidden in zip(motions, places, rng.random(count + far) < difficulty.camouflage, strict=True)
    )
    near = [place[1] for place in places[:count]]
    things = [*_bars(rng, scenery, min(near), distance)]
    for actor in actors[:count]:
        things += _passing(rng, actor, camera, layout, difficulty)
        if rng.random() < difficulty.standing:
            things.append(_standing(rng, actor, camera))
    light = np.array([rng.uniform(-1, 1), rng.uniform(-1, -0.3), rng.uniform(0.5, 1.5)])
    light /= np.linalg.norm(light)
    return Scene(number, layout, difficulty, camera, scenery, actors, count, tuple(things), light)


def _camera(
    rng: np.random.Generator, layout: Format, difficulty: Difficulty, focal: float, depth: float
) -> HandheldCamera:
    """A camera that looks at the middle of the first person, `depth` metres away, roughly."""
    height = rng.uniform(0.9, 1.8)
    pitch = np.arctan2(height - TALL / 2, depth) + rng.normal(0, 0.03)
    return HandheldCamera(layout.size, focal, height, pitch, handheld(rng, rng.uniform(*difficulty.unrest)))


def _places(
    rng: np.random.Generator, layout: Format, focal: float, count: int, far: int
) -> tuple[list[np.ndarray], float]:
    """Where on the floor everybody stands (3,), labelled persons first, and how far away the wall is, in metres."""
    width, height = layout.size
    low, high = np.log(layout.heights)
    tall = np.exp(rng.uniform(low, high, count))
    tall[0] = np.exp(rng.uniform((low + high) / 2, high))  # one at least is large
    tall = np.concatenate([tall, np.exp(rng.uniform(*np.log(layout.far), far))])
    depths = focal * TALL / (tall * height)
    across: list[float] = []  # shares of the image's width
    for i in range(count + far):
        # Far persons stand together, and where nobody stands before them.
        tries = rng.uniform(0.08, 0.92, 6) if i <= count else across[count] + rng.normal(0, 0.05, 1)
        across.append(float(max(tries, key=lambda u: min((abs(u - v) for v in across[:count]), default=0.0))))
    places = [
        np.array([(u - 0.5) * width * depth / focal, depth, 0.0]) for u, depth in zip(across, depths, strict=True)
    ]
    return places, float(max(depths) + rng.uniform(2.5, 8))


def _bars(rng: np.random.Generator, scenery: Scenery, near: float, distance: float) -> list[Thing]:
    """Posts with limb-like arms, rails and balls that stand behind the nearest person."""
    things = []
    for _ in range(int(rng.integers(2, 8))):
        depth = rng.uniform(near + 0.7, distance)
        foot = np.array([rng.uniform(-0.6, 0.6) * depth, depth, 0.0])
        material, high = _thing_material(rng, scenery), np.array([0, 0, rng.uniform(0.5, 2.3)])
        kind = rng.random()
        if kind < 0.6:  # a post, perhaps a stand with arms
            bars = [(foot, foot + high)]
            for _ in range(int(rng.integers(0, 4))):
                start = foot + rng.uniform(0.4, 1) * high
                way = rng.normal(0, 1, 3) * [1, 0.3, 1]
                bars.append((start, start + rng.uniform(0.25, 0.5) * way / np.linalg.norm(way)))
        elif kind < 0.85:  # a rail on two posts
            far_end = foot + np.array([rng.uniform(0.6, 2.5), rng.normal(0, 0.3), 0])
            bars = [(foot, foot + high / 2), (far_end, far_end + high / 2), (foot + high / 2, far_end + high / 2)]
        else:
            bars = [(foot + 0.1 * UP, foot + 0.1 * UP)]
        radius = 0.11 if kind >= 0.85 else rng.uniform(0.02, 0.06)
        things += [Thing(np.array(ends), np.zeros(3), radius, material) for ends in bars]
    return things


def _passing(
    rng: np.random.Generator, actor: Actor, camera: HandheldCamera, layout: Format, difficulty: Difficulty
) -> list[Thing]:
    """Things that cross before a person, each for 3 to 10 frames."""
    things = []
    for _ in range(int(rng.poisson(difficulty.passing * layout.frames / 40))):
        middle = rng.uniform(0, layout.frames - 1)
        share = rng.uniform(0.45, 0.85)  # of the way from the camera to the person
        goal = actor.points(np.array(middle)) + 0.0
        target = goal[rng.integers(17)] if rng.random() < 0.5 else goal[0]
        place = share * target + (1 - share) * np.array([0, 0, camera.height])
        radius = rng.uniform(0.05, 0.16) * share
        lasts = rng.uniform(3, 10)
        speed = (2 * radius + 0.35 * share) / lasts * rng.choice([-1, 1])
        velocity = np.array([speed, 0, rng.normal(0, 0.15) * abs(speed)])
        way = np.array([rng.normal(0, 0.3), 0, 1.0]) * 2.5  # a pole as high as the picture
        if rng.random() < 0.4:  # a ball
            way, radius = np.zeros(3), 1.4 * radius
        ends = np.array([place - way, place + way]) - middle * velocity
        things.append(Thing(ends, velocity, radius, _thing_material(rng, None)))
    return things


def _standing(rng: np.random.Generator, actor: Actor, camera: HandheldCamera) -> Thing:
    """A post or a rail that stands before a person all the time."""
    share = rng.uniform(0.6, 0.85)
    target = actor.motion[len(actor.motion) // 2, 0] + [rng.normal(0, 0.2), 0, 0]
    place = share * target + (1 - share) * np.array([0, 0, camera.height])
    radius = rng.uniform(0.04, 0.1) * share
    if rng.random() < 0.5:
        ends = np.array([[place[0], place[1], 0], [place[0], place[1], 3.0]])
    else:
        ends = np.array([place - 1.5 * ACROSS, place + 1.5 * ACROSS])
    return Thing(ends, np.zeros(3), radius, _thing_material(rng, None))


def _thing_material(rng: np.random.Generator, scenery: Scenery | None) -> np.ndarray:
    """(10,): skin, hair, cloth or, where there is scenery, its colours."""
    choice = rng.random()
    if choice < 0.3:
        first = SKINS[rng.integers(len(SKINS))]
    elif choice < 0.4:
        first = HAIRS[rng.integers(len(HAIRS))]
    elif choice < 0.7 and scenery is not None:
        first = scenery.colours(rng)[0]
    else:
        first = rng.uniform(15, 235) + rng.normal(0, 25, 3)
    first = np.clip(first, 0, 255)
    second = np.clip(first + rng.normal(0, 40, 3), 0, 255)
    pattern = rng.choice([raster.RINGS, raster.CHECKS, raster.NOISE])
    return np.array([*first, *second, pattern, rng.uniform(2, 12), 2 * rng.integers(1, 4), rng.uniform(0.2, 1)])
