"""The scan-order explorer: in which order each direction of each network visits joints and frames, or cells and frames."""

from pathlib import Path

from datasets.skeletons import BONES, JOINTS, STANDING
from reports.arrays import NotThere, read_arrays
from reports.measurements import Choice
from reports.site.viewers.viewer import Viewer
from studies.places import SCAN_ORDERS

ORDERS = Path(SCAN_ORDERS)
DIRECTIONS = ("spatial", "temporal", "spatial, reversed", "temporal, reversed")
# Scan mode -> (networks, names of its four directions, gather that is added to the spatial ones).
LIFTING = {
    "global-local": ("PoseMamba", DIRECTIONS, "limb"),
    "stride": ("SasMamba", DIRECTIONS, "stride"),
    "bidirectional": ("PoseMamba, bidirectional (Table 4)", DIRECTIONS, None),
    "fs-ft": ("PoseMamba, forward space, forward time (Table 4)", ("space", "time", "space again", "time again"), None),
    "fs-bt": ("PoseMamba, forward space, backward time (Table 4)", ("space", "time back", "space again", "time back again"), None),
    "bs-ft": ("PoseMamba, backward space, forward time (Table 4)", ("space back", "time", "space back again", "time again"), None),
    "bs-bt": ("PoseMamba, backward space, backward time (Table 4)", ("space back", "time back", "space back again", "time back again"), None),
}  # fmt: skip
VIDEO = {
    "unified": ("GLSMamba, unified scan", ("path 1: rows of the panorama", "path 4: columns of the panorama")),
    "spatial": ("GLSMamba, spatial scan", ("path 2: frame after frame", "path 5: path 2 from its end")),
    "temporal": ("GLSMamba, temporal scan", ("path 3: pixel after pixel, through time", "path 6: path 3 from its end")),
    "windowed": ("GLSMamba, windowed scan (LRM)", ("window after window, through time", "the same from its end")),
}


def orders_view(report: Path, choice: Choice) -> Viewer | None:
    """Orders of all scans over small grids, as lists of token numbers; None where they were not made.

    `modes`: name, grid (lifting: [frames, joints]; video: [frames, rows, columns]), directions (name, order, adds: for
    each joint those whose features are added, or None).
    """
    try:
        arrays = read_arrays(ORDERS)
    except NotThere:
        return None
    modes = [_lifting(arrays, *item) for item in LIFTING.items()] + [_video(arrays, *item) for item in VIDEO.items()]
    return Viewer(
        name="Scans",
        about="the order in which networks visit joints and frames, step by step",
        title="Scan orders",
        lead=(
            "A state-space network reads its tokens one by one. Choose a network and a direction, and watch the path "
            "walk: over the joints of a skeleton in a few frames, or over the cells of small frames."
        ),
        note=(
            "Small grids; the networks walk the same orders over 243 frames of 17 joints, or 5 frames of 64 x 48 cells. An added "
            "neighbour (dashed) changes what is read, not the order: see the audit, limb-order."
        ),
        data={
            "modes": modes,
            "joints": [name.replace("_", " ") for name in JOINTS],
            "bones": [list(bone) for bone in BONES],
            "standing": STANDING.tolist(),
            "window": arrays["video-window"].tolist(),
        },
    )


def _lifting(arrays: dict, mode: str, about: tuple) -> dict:
    """A scan mode over poses; SasMamba walks as the bidirectional mode does."""
    label, names, gather = about
    orders = arrays["bidirectional" if mode == "stride" else mode]
    joints = len(JOINTS)
    added = [list(map(int, near)) for near in arrays[gather].T] if gather else None
    directions = [
        {"name": name, "order": order.tolist(), "adds": added if i % 2 == 0 else None}
        for i, (name, order) in enumerate(zip(names, orders, strict=True))
    ]
    return {"name": label, "kind": "poses", "grid": [orders.shape[1] // joints, joints], "directions": directions}


def _video(arrays: dict, pair: str, about: tuple) -> dict:
    label, names = about
    directions = [
        {"name": name, "order": order.tolist(), "adds": None} for name, order in zip(names, arrays[pair], strict=True)
    ]
    windowed = {"windowed": True} if pair == "windowed" else {}
    return {"name": label, "kind": "video", "grid": arrays["video-grid"].tolist(), "directions": directions} | windowed
