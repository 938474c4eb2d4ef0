"""Labels beside points, placed so that they cover neither each other nor the points."""

from collections.abc import Sequence
from itertools import product

from matplotlib.axes import Axes
from matplotlib.text import Annotation
from matplotlib.transforms import Bbox

from reports.figures.style import INK, SOFT

# Directions to try, best first: (horizontal, vertical) with the alignment that goes with it.
SIDES = (
    (1, 0, "left", "center"),
    (-1, 0, "right", "center"),
    (0, 1, "center", "bottom"),
    (0, -1, "center", "top"),
    (0.8, 0.8, "left", "bottom"),
    (0.8, -0.8, "left", "top"),
    (-0.8, 0.8, "right", "bottom"),
    (-0.8, -0.8, "right", "top"),
)
GAPS = (3, 12, 24, 38, 54)  # points between the rim of a bubble and its label
LEADER_GAP = 12  # labels at least this far away get a line to their point


def place_labels(
    axes: Axes, points: Sequence[tuple[float, float]], radii: Sequence[float], labels: Sequence[str]
) -> None:
    """Label points (data coordinates) with bubbles of some radii (points), in the order given; call it after layout.

    A point with an empty label is only kept free.
    """
    scale = axes.figure.dpi / 72
    taken = [_disc(axes, point, radius * scale) for point, radius in zip(points, radii, strict=True)]
    frame = axes.get_window_extent()
    for i, (point, radius, label) in enumerate(zip(points, radii, labels, strict=True)):
        if not label:
            continue
        others = taken[:i] + taken[i + 1 :]
        best, best_cost = None, float("inf")
        for gap, side in product(GAPS, SIDES):
            text = _annotate(axes, point, radius + gap, side, label, gap >= LEADER_GAP)
            box = text.get_window_extent().padded(1.5)
            cost = _overlap(box, others, frame)
            if cost < best_cost:
                best, best_cost = (gap, side, box), cost
            text.remove()
            if cost == 0:
                break
        gap, side, box = best
        _annotate(axes, point, radius + gap, side, label, gap >= LEADER_GAP)
        taken.append(box)


def _annotate(axes: Axes, point: tuple, distance: float, side: tuple, label: str, leader: bool) -> Annotation:
    x, y, horizontal, vertical = side
    arrow = {"arrowstyle": "-", "color": SOFT, "linewidth": 0.6, "shrinkA": 0, "shrinkB": 0} if leader else None
    return axes.annotate(
        label,
        point,
        (x * distance, y * distance),
        textcoords="offset points",
        ha=horizontal,
        va=vertical,
        fontsize=8.5,
        color=INK,
        arrowprops=arrow,
        zorder=5,
    )


def _disc(axes: Axes, point: tuple[float, float], radius: float) -> Bbox:
    """The square around a bubble, in pixels; a bit smaller, since its corners are empty."""
    x, y = axes.transData.transform(point)
    half = 0.85 * radius
    return Bbox.from_extents(x - half, y - half, x + half, y + half)


def _overlap(box: Bbox, others: list[Bbox], frame: Bbox) -> float:
    """Pixels² of a box that lie on others or outside the frame."""
    covered = sum(i.width * i.height for other in others if (i := Bbox.intersection(box, other)))
    inside = Bbox.intersection(box, frame)
    return covered + box.width * box.height - (inside.width * inside.height if inside else 0)
