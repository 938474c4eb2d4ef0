"""Fixtures and the rule for tests that need the project's shared folder."""

import os
import random
import sys
from collections.abc import Iterator
from pathlib import Path

import drawing  # noqa: F401  chooses what Hypothesis draws
import numpy as np
import pytest

ROOT = Path(__file__).resolve().parent.parent


def _shared_folder() -> Path | None:
    """The shared folder: named by SSMPOSE_SHARED, or beside the checkout; None elsewhere."""
    places = [os.environ.get("SSMPOSE_SHARED"), ROOT / "shared", ROOT.parent / "shared"]
    return next((Path(p) for p in places if p and (Path(p) / "data/cmu/SHA256SUMS").is_file()), None)


def pytest_configure(config: pytest.Config) -> None:
    """Give each worker of pytest-xdist one thread: where threads outnumber cores, they wait for each other."""
    if config.getoption("numprocesses", None):
        os.environ.setdefault("OMP_NUM_THREADS", "1")  # workers start later, and inherit it


@pytest.fixture(autouse=True)
def _same_numbers() -> None:
    """Unseeded draws are the same for everyone, whichever tests ran before."""
    random.seed(0)
    np.random.seed(0)  # noqa: NPY002  whoever draws from the global generator draws from this one
    if "torch" in sys.modules:
        sys.modules["torch"].manual_seed(0)


@pytest.fixture
def one_thread() -> Iterator[None]:
    """PyTorch with one thread, as the workflow's jobs have it."""
    import torch  # seconds that most tests have no use for

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="session")
def shared() -> Path:
    """Folder with real motion capture and genuine samples; skips the test where it is absent, fails in CI."""
    folder = _shared_folder()
    if folder is None:
        if os.environ.get("SSMPOSE_REQUIRE_SHARED"):  # set by .ci/run, where its absence is a failure
            pytest.fail("the shared folder is not beside the checkout; set SSMPOSE_SHARED to its place")
        pytest.skip("needs the shared folder (set SSMPOSE_SHARED to its place)")
    return folder
