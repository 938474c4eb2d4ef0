"""One look for all figures: colours that colour-blind readers can tell apart, and the same bytes each time."""

import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import matplotlib as mpl
import seaborn as sns
from matplotlib.figure import Figure

from base.files import write_whole
from reports.measurements import Choice

COLOURS = sns.color_palette("colorblind").as_hex()
BLUE, ORANGE, GREEN, RED = COLOURS[0], COLOURS[1], COLOURS[2], COLOURS[3]
INK, SOFT, GRID, FAINT = "#1d2127", "#5c6470", "#e3e1da", "#b9bcc2"
SEQUENTIAL = "cividis"  # perceptually even and colour-blind-safe
LINES = ("-", "--", "-.", ":")
SALT = "ssmpose"  # element ids of an SVG are hashes of this and their content, so that bytes repeat
SETTINGS = {
    "font.family": "DejaVu Sans",
    "font.size": 10,
    "axes.titlesize": 10.5,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.labelcolor": INK,
    "axes.edgecolor": SOFT,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": GRID,
    "grid.linewidth": 0.8,
    "text.color": INK,
    "xtick.color": SOFT,
    "ytick.color": SOFT,
    "legend.frameon": False,
    "legend.fontsize": 9,
    "figure.facecolor": "white",
    "savefig.facecolor": "white",
    "svg.hashsalt": SALT,
    "svg.fonttype": "path",
}


@contextmanager
def look() -> Iterator[None]:
    """The figures' style, for the duration of a block."""
    with mpl.rc_context(SETTINGS):
        yield


def note(figure: Figure, choice: Choice, data: str) -> None:
    """Say on the figure itself at which scale and on which data it was measured."""
    figure.suptitle(f"measured at scale {choice.scale} on {data}", x=0.005, ha="left", fontsize=9, color=SOFT)


def save(figure: Figure, stem: Path, title: str, caption: str) -> list[Path]:
    """Write `<stem>.svg` and `<stem>.png`, each whole or not at all, with title and caption inside, without a date."""
    _settle(figure)
    described = {"Title": title, "Description": caption}
    formats = {"svg": {"Date": None, "Creator": None, **described}, "png": {"Software": None, **described}}
    return [
        write_whole(
            stem.with_name(f"{stem.name}.{kind}"),
            lambda part, kind=kind, data=data: figure.savefig(
                part, format=kind, dpi=160, bbox_inches="tight", pad_inches=0.15, metadata=data
            ),
        )
        for kind, data in formats.items()
    ]


def _settle(figure: Figure) -> None:
    """Do the layout and round it: its solver is not exact, and the last bit would change the file from run to run."""
    figure.draw_without_rendering()
    figure.set_layout_engine("none")
    for axes in figure.axes:
        axes.set_position([round(value, 4) for value in axes.get_position(original=True).bounds])


def words(title: str, reason: str) -> Figure:
    """A figure that says in words why it could not be drawn."""
    figure = Figure(figsize=(8, 2.2))
    figure.text(0.5, 0.62, f"{title}: not drawn", ha="center", fontsize=13, weight="bold")
    figure.text(0.5, 0.32, textwrap.fill(reason, 90), ha="center", va="center", color=SOFT)
    return figure
