"""Copies of the project; running them costs seconds to a minute, so tests of one file share them."""

from collections.abc import Callable
from pathlib import Path

import pytest
from checkout import Checkout, measured


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    """A fresh copy for one test."""
    return Checkout(tmp_path / "checkout")


@pytest.fixture(scope="module")
def new_checkout(tmp_path_factory: pytest.TempPathFactory) -> Callable[[], Checkout]:
    """Makes copies that the tests of a file share."""
    return lambda: Checkout(tmp_path_factory.mktemp("copy") / "checkout")


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder without data and results, where this device was measured."""
    monkeypatch.chdir(tmp_path)
    return measured(tmp_path)
