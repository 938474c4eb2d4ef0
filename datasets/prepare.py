"""Any data set, prepared by the room that it comes from."""

from importlib import import_module
from pathlib import Path

from studies.benchmarks import BENCHMARKS
from studies.data import VIDEO, Dataset


def prepare(dataset: Dataset, folder: Path, raw: Path, form: str = "auto") -> None:
    """Write a prepared data set into a folder that appears whole or not at all.

    raw : the folder with a folder of files for each source; form: of several that a paper's data were published in.
    Raises InputError as each room does: an unknown name, raw files that are missing or damaged.
    """
    name, video = str(dataset), dataset.kind == VIDEO
    if dataset.motion in BENCHMARKS and video:
        import_module(BENCHMARKS[dataset.motion].module).convert(name, folder, raw)
    elif dataset.motion in BENCHMARKS:
        import_module("datasets.papers.convert").convert(name, folder, raw, form)
    elif video:
        import_module("datasets.rendered.prepare").prepare_video(name, folder, raw_dir=raw)
    else:
        import_module("datasets.motion.prepare").prepare(name, folder, raw_dir=raw)
