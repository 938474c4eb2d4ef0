"""What tests of trainings share."""

from pathlib import Path

import pytest

from datasets.rendered.prepare import prepare_video


@pytest.fixture(scope="module")
def videos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A few rendered videos."""
    folder = tmp_path_factory.mktemp("data") / "video-synthetic"
    options = {"train": 8, "val": 2, "frames": 6, "size": [128, 96], "middle": 3}
    prepare_video("video-synthetic", folder, options=options)
    return folder
