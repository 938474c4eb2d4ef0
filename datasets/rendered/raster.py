"""The rasteriser: tapered capsules and triangles into one depth buffer, compiled by numba.

A frame is several sub-frames of one exposure. Each is drawn into `colour`, `depth` and `front` and then added to the
exposure; what was in front at a pixel is known exactly, so that hidden joints are known as well.
"""

import math
from functools import partial

import numpy as np
from numba import njit

compiled = partial(njit, cache=True, error_model="numpy")  # divisions as numpy's: no check for zero at each pixel

# Columns of a capsule: ends and radii in pixels, depths in metres, the angle of its texture about the axis, its length
# in metres, row in the table of materials, and whose it is.
U0, V0, R0, Z0, U1, V1, R1, Z1, TURN, LENGTH, MATERIAL, OWNER = range(12)
# Columns of a material: two colours (0 to 255), pattern, periods a metre along, whole periods around, strength.
PATTERN, ALONG, AROUND, STRENGTH = 6, 7, 8, 9
PLAIN, RINGS, STRIPES, CHECKS, NOISE = range(5)
# Columns of a vertex: pixels, depth, unit normal, texture's place along (metres) and around (radians).
VERTEX = 8
NOBODY = -1
AMBIENT = 0.42  # of the light, where it does not shine
NEAR = 0.25  # metres: nothing nearer is drawn


@compiled()
def _wave(x: float) -> float:
    """A soft square wave of period 1 between 0 and 1."""
    t = abs(2.0 * (x - math.floor(x)) - 1.0)  # triangle: 1, 0, 1
    return min(1.0, max(0.0, 4.0 * t - 1.5))


@compiled()
def _scattered(h: int) -> int:
    """A fixed pseudo-random whole number below 2**16 for another."""
    h &= 0x7FFFFFFF
    h = ((h ^ (h >> 13)) * 1274126177) & 0x7FFFFFFF
    return (h ^ (h >> 16)) & 0xFFFF


@compiled()
def _blobs(x: float, y: float) -> float:
    """Value noise between 0 and 1: numbers at the points of a lattice, interpolated between them."""
    i, j = math.floor(x), math.floor(y)
    fx, fy = x - i, y - j
    h = i * 374761393 + j * 668265263
    a, b = _scattered(h), _scattered(h + 374761393)
    c, d = _scattered(h + 668265263), _scattered(h + 374761393 + 668265263)
    return ((a * (1 - fx) + b * fx) * (1 - fy) + (c * (1 - fx) + d * fx) * fy) / 65535.0


@compiled()
def _mix(material: np.ndarray, along: float, around: float) -> float:
    """Share of the second colour at a place of the surface."""
    kind = int(material[PATTERN])
    a, b = along * material[ALONG], around * material[AROUND] / (2.0 * math.pi)
    if kind == RINGS:
        return material[STRENGTH] * _wave(a)
    if kind == STRIPES:
        return material[STRENGTH] * _wave(b)
    if kind == CHECKS:
        return material[STRENGTH] * 0.5 * (_wave(a) + _wave(b))
    if kind == NOISE:
        return material[STRENGTH] * _blobs(a, b)
    return 0.0


@compiled()
def _paint(colour: np.ndarray, y: int, x: int, material: np.ndarray, along: float, around: float, lit: float) -> None:
    mix = _mix(material, along, around)
    for c in range(3):
        colour[y, x, c] = (material[c] + mix * (material[3 + c] - material[c])) * lit


@compiled()
def _reach(cap: np.ndarray, y: float, width: int) -> tuple[int, int]:
    """First and last column that a capsule may cover in row y: a slanting bar covers little of its bounding box."""
    r, rise = max(cap[R0], cap[R1]), cap[V1] - cap[V0]
    a, b = 0.0, 1.0
    if abs(rise) > 1e-3:
        first, last = (y - r - cap[V0]) / rise, (y + r - cap[V0]) / rise
        a, b = max(0.0, min(first, last)), min(1.0, max(first, last))
    ua, ub = cap[U0] + a * (cap[U1] - cap[U0]), cap[U0] + b * (cap[U1] - cap[U0])
    return max(0, int(min(ua, ub) - r)), min(width - 1, int(max(ua, ub) + r) + 1)


@compiled()
def draw_capsules(
    capsules: np.ndarray,
    materials: np.ndarray,
    light: np.ndarray,
    focal: float,
    colour: np.ndarray,
    depth: np.ndarray,
    front: np.ndarray,
) -> None:
    """Draw capsules (N, 12). colour (H, W, 3), depth (H, W), front (H, W) are written where they come to the fore.

    light (3,): unit vector towards the light, camera axes; focal: pixels.
    """
    height, width = depth.shape
    for n in range(len(capsules)):
        cap = capsules[n]
        # As numbers of their own: the compiler cannot know that writing a pixel changes no capsule.
        u0, v0, r0, z0 = float(cap[U0]), float(cap[V0]), float(cap[R0]), float(cap[Z0])
        wider, deeper, turn, long = cap[R1] - cap[R0], cap[Z1] - cap[Z0], cap[TURN], cap[LENGTH]
        if cap[Z0] < NEAR or cap[Z1] < NEAR:
            continue
        y0 = max(0, int(min(cap[V0] - cap[R0], cap[V1] - cap[R1])))
        y1 = min(height - 1, int(max(cap[V0] + cap[R0], cap[V1] + cap[R1])) + 1)
        ex, ey = cap[U1] - cap[U0], cap[V1] - cap[V0]
        square = ex * ex + ey * ey + 1e-9
        along = math.sqrt(square)
        material, owner = materials[int(cap[MATERIAL])], int(cap[OWNER])
        lx, ly, lz = light[0], light[1], light[2]
        for y in range(y0, y1 + 1):
            x0, x1 = _reach(cap, float(y), width)
            for x in range(x0, x1 + 1):
                t = min(1.0, max(0.0, ((x - u0) * ex + (y - v0) * ey) / square))
                qx, qy = x - u0 - t * ex, y - v0 - t * ey
                r = r0 + t * wider
                inside = r * r - qx * qx - qy * qy
                if inside <= 0.0:
                    continue
                up = math.sqrt(inside)
                z = z0 + t * deeper
                z -= up * z / focal
                if z >= depth[y, x]:
                    continue
                depth[y, x] = z
                front[y, x] = owner
                across = (qy * ex - qx * ey) / (along * r)
                around = math.acos(min(1.0, max(-1.0, across))) - turn
                shine = max(0.0, (qx * lx + qy * ly - up * lz) / r)
                _paint(colour, y, x, material, t * long, around, AMBIENT + (1.0 - AMBIENT) * shine)


@compiled()
def draw_triangles(
    vertices: np.ndarray,
    triangles: np.ndarray,
    materials: np.ndarray,
    light: np.ndarray,
    colour: np.ndarray,
    depth: np.ndarray,
    front: np.ndarray,
) -> None:
    """Draw triangles (M, 5): three rows of vertices (V, 8), a material, whose they are. Buffers as in draw_capsules."""
    height, width = depth.shape
    for n in range(len(triangles)):
        a, b, c = vertices[triangles[n, 0]], vertices[triangles[n, 1]], vertices[triangles[n, 2]]
        ax, ay, az, bx, by, bz, cx, cy, cz = a[0], a[1], a[2], b[0], b[1], b[2], c[0], c[1], c[2]
        area = (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)
        if abs(area) < 1e-6 or min(az, bz, cz) < NEAR:
            continue
        material, owner = materials[triangles[n, 3]], triangles[n, 4]
        x0, x1 = max(0, int(min(ax, bx, cx))), min(width - 1, int(max(ax, bx, cx)) + 1)
        y0, y1 = max(0, int(min(ay, by, cy))), min(height - 1, int(max(ay, by, cy)) + 1)
        for y in range(y0, y1 + 1):
            for x in range(x0, x1 + 1):
                wb = ((x - ax) * (cy - ay) - (y - ay) * (cx - ax)) / area
                wc = ((bx - ax) * (y - ay) - (by - ay) * (x - ax)) / area
                wa = 1.0 - wb - wc
                if wa < 0.0 or wb < 0.0 or wc < 0.0:
                    continue
                z = wa * az + wb * bz + wc * cz
                if z >= depth[y, x]:
                    continue
                depth[y, x] = z
                front[y, x] = owner
                shine = 0.0
                for k in range(3):
                    shine += light[k] * (wa * a[3 + k] + wb * b[3 + k] + wc * c[3 + k])
                along, around = wa * a[6] + wb * b[6] + wc * c[6], wa * a[7] + wb * b[7] + wc * c[7]
                _paint(colour, y, x, material, along, around, AMBIENT + (1.0 - AMBIENT) * max(0.0, shine))


@compiled()
def expose(colour: np.ndarray, depth: np.ndarray, front: np.ndarray, total: np.ndarray, covered: np.ndarray) -> None:
    """Add a sub-frame to the exposure, total (H, W, 3) and covered (H, W), and clear its buffers for the next."""
    height, width = depth.shape
    for y in range(height):
        for x in range(width):
            if depth[y, x] < np.inf:
                covered[y, x] += 1
                for c in range(3):
                    total[y, x, c] += colour[y, x, c]
                depth[y, x] = np.inf
                front[y, x] = NOBODY


@compiled()
def compose(background: np.ndarray, total: np.ndarray, covered: np.ndarray, subframes: int, image: np.ndarray) -> None:
    """image (H, W, 3) uint8 of the exposure over `background`; clears the exposure."""
    height, width = covered.shape
    for y in range(height):
        for x in range(width):
            rest = (subframes - covered[y, x]) / subframes
            for c in range(3):
                value = background[y, x, c]
                if rest < 1.0:
                    value = value * rest + total[y, x, c] / subframes
                    total[y, x, c] = 0.0
                image[y, x, c] = int(min(255.0, max(0.0, value)))
            covered[y, x] = 0


@compiled()
def develop(image: np.ndarray, gain: float, grain: np.ndarray, strength: float, top: int, left: int) -> None:
    """Apply exposure and sensor noise in place: image * gain + strength * grain (larger than the image)."""
    height, width = image.shape[:2]
    for y in range(height):
        for x in range(width):
            for c in range(3):
                value = image[y, x, c] * gain + strength * grain[y + top, x + left, c] + np.float32(0.5)
                image[y, x, c] = int(min(np.float32(255.0), max(np.float32(0.0), value)))


@compiled()
def cast_shadow(image: np.ndarray, u: float, v: float, across: float, down: float, strength: float) -> None:
    """Darken a soft ellipse about (u, v) in place; across, down: its standard deviations in pixels."""
    height, width = image.shape[:2]
    for y in range(max(0, int(v - 2.5 * down)), min(height, int(v + 2.5 * down) + 2)):
        for x in range(max(0, int(u - 2.5 * across)), min(width, int(u + 2.5 * across) + 2)):
            far = ((x - u) / across) ** 2 + ((y - v) / down) ** 2
            light = 1.0 - strength * math.exp(-0.5 * far)
            for c in range(3):
                image[y, x, c] = int(image[y, x, c] * light)
