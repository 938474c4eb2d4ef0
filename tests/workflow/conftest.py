"""Copies of the project; running them costs seconds to a minute, so tests of one file share them."""

import fcntl
from collections.abc import Callable
from pathlib import Path

import pytest
from checkout import Checkout, copy_device, measure_device, measured


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    """A fresh copy for one test."""
    return Checkout(tmp_path / "checkout")


@pytest.fixture(scope="module")
def new_checkout(tmp_path_factory: pytest.TempPathFactory) -> Callable[[], Checkout]:
    """Makes copies that the tests of a file share."""
    return lambda: Checkout(tmp_path_factory.mktemp("copy") / "checkout")


@pytest.fixture(scope="session")
def device(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Path:
    """Where this device was measured: once for all processes that run tests."""
    base = tmp_path_factory.getbasetemp()
    folder = (base if worker_id == "master" else base.parent) / "device"
    with folder.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.exists():
            measure_device(part := folder.with_suffix(".part"))
            part.rename(folder)
    return folder


@pytest.fixture(scope="module")
def measured_checkout(device: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[], Checkout]:
    """Makes copies that the tests of a file share, in which this device has been measured."""
    return lambda: copy_device(device, Checkout(tmp_path_factory.mktemp("copy") / "checkout"))


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder without data and results, where this device was measured."""
    monkeypatch.chdir(tmp_path)
    return measured(tmp_path)
