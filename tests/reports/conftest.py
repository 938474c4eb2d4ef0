"""The demo study and measurements for it."""

from pathlib import Path

import pytest
from demo_results import DEMO, accuracy_rows, count_rows, write_measurements

from studies.load import load_study
from studies.types import Study


@pytest.fixture(scope="session")
def demo() -> Study:
    return load_study(DEMO)


@pytest.fixture(scope="session")
def measurements_csv(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A measurements file for the demo study; posemamba-x has counts but no run."""
    path = tmp_path_factory.mktemp("measured") / "measurements.csv"
    write_measurements([*count_rows(), *accuracy_rows()], path)
    return path
