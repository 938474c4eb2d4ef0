"""The kinds of figure, and drawing one."""

from collections.abc import Callable
from pathlib import Path

from matplotlib.figure import Figure

from base.errors import InputError, left_out
from reports.figures import bubbles, curves, leaderboard, maps, parts, poses, scans, video_scans
from reports.figures.sources import NotDrawn, Sources
from reports.figures.style import look, save, words
from reports.measurements import Choice, read_measurements
from reports.tables.cell import read_cells
from studies import types
from studies.load import load_study

# kind -> draws (study, figure, sources) and says in a caption what is to be seen
FAILED = "Drawing it failed; the log of the figures says why."
Drawer = Callable[[types.Study, types.Figure, Sources], tuple[Figure, str]]
KINDS: dict[str, Drawer] = {
    "error-against-macs": bubbles.error_against_macs,
    "leaderboard": leaderboard.leaderboard,
    "learning-curves": curves.learning_curves,
    "scan-orders": scans.scan_orders,
    "video-scan-orders": video_scans.video_scan_orders,
    "parts": parts.parts,
    "ssm-map": maps.ssm_map,
    "poses": poses.poses,
    "poses-in-image": poses.poses,
}


def draw(study: types.Study, figure: types.Figure, sources: Sources, stem: Path, lenient: bool = False) -> list[Path]:
    """Draw one figure of a study to `<stem>.svg` and `<stem>.png`; returns both paths.

    A figure whose run was not selected says so in words, and so does, where it is `lenient`, one that fails. Raises
    InputError for an unknown kind or a damaged file.
    """
    if figure.kind not in KINDS:
        known = ", ".join(KINDS)
        raise InputError(f"studies/{study.name}.yaml: figure {figure.id}: kind must be one of {known}")
    with look():
        drawn, caption = words(figure.title, FAILED), FAILED
        with left_out(f"figure {figure.id} of {study.name}", lenient):
            try:
                drawn, caption = KINDS[figure.kind](study, figure, sources)
            except NotDrawn as missing:
                drawn, caption = words(figure.title, str(missing)), f"Not drawn: {missing}."
        return save(drawn, stem, figure.title, caption)


def read_sources(report: str | Path, choice: Choice, **places: Path) -> Sources:
    """What figures read of a report's folder; places: other fields of `Sources`, where they lie elsewhere."""
    report = Path(report)
    measurements, cells = read_measurements(report / "measurements.csv"), read_cells(report / "cells.csv")
    return Sources(measurements, cells, choice, **places)


def write_figure(
    study_name: str | Path, figure_id: str, sources: Sources, stem: str | Path, lenient: bool = False
) -> list[Path]:
    """Draw a figure of a study by its id, as `draw` does."""
    study = load_study(study_name)
    return draw(study, study.figure(figure_id), sources, Path(stem), lenient)
