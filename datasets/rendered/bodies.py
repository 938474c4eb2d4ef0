"""A person's body around 19 moving points: tapered capsules, a torso of rings, clothes. Left and right are alike.

All shapes are made for any number of instants at once; (...) below are the instants.
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from datasets.rendered import raster
from datasets.rendered.motions import CROWN, NOSE, POINTS

PELVIS, R_HIP, R_KNEE, R_ANKLE, L_HIP, L_KNEE, L_ANKLE, SPINE, THORAX, NECK, HEAD = range(11)
L_SHOULDER, L_ELBOW, L_WRIST, R_SHOULDER, R_ELBOW, R_WRIST = range(11, 17)
# Points that a body needs besides those that move: ends of hands and feet, parts of the head.
(
    L_HAND, R_HAND, L_HEEL, R_HEEL, L_TOE, R_TOE, SKULL, NOSE_ROOT, HAIR_TOP, HAIR_BACK, L_EYE, R_EYE,
) = range(POINTS, POINTS + 12)  # fmt: skip

SKIN, SHIRT, TROUSERS, SLEEVES, SHINS, HAIR, SHOES, DARK = range(8)  # a person's materials
# From, to, radii in metres at both ends, material.
CAPSULES = (
    (R_HIP, R_KNEE, 0.085, 0.060, TROUSERS),
    (L_HIP, L_KNEE, 0.085, 0.060, TROUSERS),
    (R_KNEE, R_ANKLE, 0.058, 0.042, SHINS),
    (L_KNEE, L_ANKLE, 0.058, 0.042, SHINS),
    (R_HIP, L_HIP, 0.090, 0.090, TROUSERS),
    (R_SHOULDER, L_SHOULDER, 0.056, 0.056, SHIRT),
    (R_SHOULDER, R_ELBOW, 0.058, 0.045, SHIRT),
    (L_SHOULDER, L_ELBOW, 0.058, 0.045, SHIRT),
    (R_ELBOW, R_WRIST, 0.043, 0.030, SLEEVES),
    (L_ELBOW, L_WRIST, 0.043, 0.030, SLEEVES),
    (R_WRIST, R_HAND, 0.034, 0.030, SKIN),
    (L_WRIST, L_HAND, 0.034, 0.030, SKIN),
    (R_HEEL, R_TOE, 0.048, 0.036, SHOES),
    (L_HEEL, L_TOE, 0.048, 0.036, SHOES),
    (THORAX, SKULL, 0.062, 0.060, SKIN),
    (SKULL, HEAD, 0.078, 0.086, SKIN),
    (HAIR_BACK, HAIR_TOP, 0.082, 0.092, HAIR),
    (NOSE_ROOT, NOSE, 0.020, 0.014, SKIN),
    (R_EYE, R_EYE, 0.013, 0.013, DARK),
    (L_EYE, L_EYE, 0.013, 0.013, DARK),
)
HEADS = 15  # first capsule of the head
# How deep each of PoseTrack's joints (poseval's order) may lie behind the surface in front of it and still be seen.
DEPTH = np.array(
    [0.06, 0.09, 0.16, 0.16, 0.09, 0.06, 0.05, 0.07, 0.10, 0.10, 0.07, 0.05, 0.14, 0.04, 0.06]
)  # fmt: skip
FROM_POINTS = (
    R_ANKLE, R_KNEE, R_HIP, L_HIP, L_KNEE, L_ANKLE, R_WRIST, R_ELBOW, R_SHOULDER, L_SHOULDER, L_ELBOW, L_WRIST,
    THORAX, NOSE, CROWN,
)  # fmt: skip

SIDES = 14  # of a ring of the torso
# Rings from hips to shoulders: place on pelvis-spine-shoulders (0 to 2), half width beyond the joints' and half depth.
RINGS = (
    (-0.25, 0.040, 0.095),
    (0.35, 0.025, 0.105),
    (0.9, 0.000, 0.100),
    (1.35, 0.005, 0.115),
    (1.75, 0.010, 0.105),
    (2.0, -0.010, 0.085),
    (2.22, -0.095, 0.050),
)
WAIST = 1  # rings below are trousers


@dataclass(frozen=True)
class Body:
    """widths: factors of the capsules' radii (20,); girth: of the torso; materials (8, 10)."""

    widths: np.ndarray
    girth: float
    materials: np.ndarray


SKINS = np.array(
    [(236, 188, 160), (224, 172, 138), (198, 144, 108), (158, 106, 74), (112, 74, 54), (82, 54, 42)], float
)
HAIRS = np.array([(38, 28, 24), (70, 48, 34), (120, 84, 52), (190, 160, 100), (110, 110, 112), (24, 22, 26)], float)


def random_body(rng: np.random.Generator, backdrop: np.ndarray | None) -> Body:
    """A body and its clothes. backdrop: colours (N, 3) of the scenery to dress in, None for colours of its own."""
    build = rng.normal(1.0, 0.09)
    widths = np.clip(rng.normal(build, 0.05, len(CAPSULES)), 0.75, 1.3)
    for i, (right, left) in enumerate(pairwise(CAPSULES)):
        if right[2:] == left[2:]:  # a pair of limbs is equally thick
            widths[i + 1] = widths[i]
    widths[HEADS:] = 1.0  # heads differ less than limbs
    return Body(widths, float(np.clip(rng.normal(build, 0.06), 0.8, 1.3)), _clothes(rng, backdrop))


def _clothes(rng: np.random.Generator, backdrop: np.ndarray | None) -> np.ndarray:
    """(8, 10) materials; in a backdrop's colours where one is given."""
    skin, hair = SKINS[rng.integers(len(SKINS))], HAIRS[rng.integers(len(HAIRS))]
    colours = _saturated(rng, 6) if backdrop is None else backdrop[rng.integers(len(backdrop), size=6)]
    colours = np.clip(colours + rng.normal(0, 8, colours.shape), 5, 250)
    shirt = _material(rng, colours[0], colours[1])
    trousers = _material(rng, 0.8 * colours[2], 0.8 * colours[3], patterned=0.3)
    plain = _material(rng, skin, 0.85 * skin, patterned=0)
    rows = [plain] * 8
    rows[SHIRT], rows[TROUSERS] = shirt, trousers
    rows[SLEEVES] = shirt if rng.random() < 0.5 else plain
    rows[SHINS] = trousers if rng.random() < 0.7 else plain
    rows[HAIR] = _material(rng, hair, 0.6 * hair, patterned=0)
    rows[SHOES] = _material(rng, rng.choice([0.25, 0.6, 1.0]) * colours[4], colours[5], patterned=0)
    rows[DARK] = _material(rng, np.full(3, 25.0), np.full(3, 25.0), patterned=0)
    return np.stack(rows)


def _saturated(rng: np.random.Generator, count: int) -> np.ndarray:
    """(count, 3) colours of clothes: dark, light or strong."""
    grey = rng.uniform(30, 230, (count, 1))
    return np.clip(grey + rng.normal(0, 1, (count, 3)) * rng.choice([8, 25, 60], (count, 1)), 10, 245)


def _material(rng: np.random.Generator, first: np.ndarray, second: np.ndarray, patterned: float = 0.75) -> np.ndarray:
    """A row of the table of materials; patterned: chance of stripes or checks, else faint noise."""
    if rng.random() < patterned:
        pattern, strength = rng.choice([raster.RINGS, raster.STRIPES, raster.CHECKS, raster.NOISE]), rng.uniform(0.5, 1)
        along, around = rng.uniform(4, 14), 2 * rng.integers(1, 5)
    else:
        pattern, strength, along, around = raster.NOISE, 0.25, 30.0, 8
    return np.array([*first, *second, pattern, along, around, strength])


def completed(points: np.ndarray) -> np.ndarray:
    """Moving points (..., 19, 3) in metres with those of hands, feet and head added: (..., 31, 3)."""
    at = {index: points[..., index, :] for index in range(POINTS)}
    ahead = _unit(np.cross(at[L_HIP] - at[R_HIP], at[SPINE] - at[PELVIS]))
    extra: dict[int, np.ndarray] = {}
    for hand, wrist, elbow in ((L_HAND, L_WRIST, L_ELBOW), (R_HAND, R_WRIST, R_ELBOW)):
        extra[hand] = at[wrist] + 0.10 * _unit(at[wrist] - at[elbow])
    for heel, toe, hip, knee, ankle in (
        (L_HEEL, L_TOE, L_HIP, L_KNEE, L_ANKLE),
        (R_HEEL, R_TOE, R_HIP, R_KNEE, R_ANKLE),
    ):
        shank = _unit(at[ankle] - at[knee])
        # Square to the shank, ahead; a bent knee says where ahead is when the leg lies along the body's own axis.
        foot = ahead + _unit(at[knee] - at[hip])
        foot = _unit(foot - (foot * shank).sum(-1, keepdims=True) * shank)
        extra[heel] = at[ankle] + 0.035 * shank - 0.03 * foot
        extra[toe] = at[ankle] + 0.05 * shank + 0.15 * foot
    middle = (at[NECK] + at[HEAD]) / 2
    face, up = _unit(at[NOSE] - middle), _unit(at[HEAD] - at[NECK])
    side = np.cross(up, face)
    extra[SKULL] = 0.6 * at[NECK] + 0.4 * at[HEAD]
    extra[NOSE_ROOT] = at[NOSE] - 0.03 * face + 0.015 * up
    extra[HAIR_TOP], extra[HAIR_BACK] = at[HEAD] - 0.022 * face, middle - 0.030 * face
    for eye, way in ((L_EYE, 1), (R_EYE, -1)):
        extra[eye] = middle + 0.074 * face + 0.040 * up + way * 0.032 * side
    return np.concatenate([points, np.stack([extra[i] for i in range(POINTS, POINTS + 12)], -2)], -2)


def capsules(points: np.ndarray, body: Body) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Ends (..., 20, 3) twice, radii (20, 2) in metres, and where the texture's front looks (..., 20, 3).

    points: (..., 31, 3) as completed gives them.
    """
    table = np.array([row[:2] for row in CAPSULES])
    radii = np.array([row[2:4] for row in CAPSULES]) * body.widths[:, None]
    ahead = _unit(
        np.cross(points[..., L_HIP, :] - points[..., R_HIP, :], points[..., SPINE, :] - points[..., PELVIS, :])
    )
    fronts = np.broadcast_to(ahead[..., None, :], (*ahead.shape[:-1], len(CAPSULES), 3))
    return points[..., table[:, 0], :], points[..., table[:, 1], :], radii, fronts


def torso(points: np.ndarray, girth: float) -> tuple[np.ndarray, np.ndarray]:
    """Vertices (..., rings * SIDES, 3) in metres of the torso's rings, and their unit normals, the same shape."""
    hips, shoulders = (points[..., a, :] - points[..., b, :] for a, b in ((L_HIP, R_HIP), (L_SHOULDER, R_SHOULDER)))
    # Up to the shoulders, not the thorax: sources differ in where they put that joint.
    top = (points[..., L_SHOULDER, :] + points[..., R_SHOULDER, :]) / 2
    spine = [points[..., PELVIS, :], points[..., SPINE, :], top]
    angle = 2 * np.pi * np.arange(SIDES) / SIDES
    cos, sin = np.cos(angle)[:, None], np.sin(angle)[:, None]
    vertices, normals = [], []
    for place, wider, deep in RINGS:
        low = min(int(max(place, 0)), 1)
        centre = spine[low] + (place - low) * (spine[low + 1] - spine[low])
        share = np.clip(place / 2, 0, 1)
        across = (1 - share) * _unit(hips) + share * _unit(shoulders)
        up = _unit(spine[low + 1] - spine[low])
        left = _unit(across - (across * up).sum(-1, keepdims=True) * up)[..., None, :]
        front = np.cross(left, up[..., None, :])
        half = (1 - share) * _length(hips) / 2 + share * _length(shoulders) / 2
        a, b = (girth * (half + wider))[..., None, None], girth * deep
        vertices.append(centre[..., None, :] + a * cos * left + b * sin * front)
        normals.append(_unit(cos / a * left + sin / b * front))
    return np.concatenate(vertices, -2), np.concatenate(normals, -2)


def torso_triangles() -> np.ndarray:
    """(M, 4): three vertices of `torso` and the material between two rings."""
    rows = []
    for ring in range(len(RINGS) - 1):
        for side in range(SIDES):
            a, b = ring * SIDES + side, ring * SIDES + (side + 1) % SIDES
            material = TROUSERS if ring < WAIST else SHIRT
            rows += [(a, b, a + SIDES, material), (b, b + SIDES, a + SIDES, material)]
    return np.array(rows)


def torso_texture() -> np.ndarray:
    """(rings * SIDES, 2): each vertex's place along in metres, as on an upright torso, and around in radians."""
    along = np.repeat([0.23 * place for place, *_ in RINGS], SIDES)
    around = np.tile(2 * np.pi * np.minimum(np.arange(SIDES), SIDES - np.arange(SIDES)) / SIDES, len(RINGS))
    return np.stack([along, around], 1)


def _unit(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.maximum(_length(vectors)[..., None], 1e-9)


def _length(vectors: np.ndarray) -> np.ndarray:
    return np.linalg.norm(vectors, axis=-1)
