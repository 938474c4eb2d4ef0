"""The search for failing examples draws by its seed; the suite draws alike for everyone."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
import search
from hypothesis import settings

DRAWING = """
from hypothesis import given, strategies as st
from drawing import examples


@examples(4)
@given(st.integers(0, 10**9))
def test_draws(number):
    print("drew", number)
"""


@pytest.fixture
def drawn(tmp_path: Path):
    """What a test draws with these arguments of pytest, in order."""
    (tmp_path / "test_draws.py").write_text(DRAWING)

    def draw(*arguments: str) -> list[str]:
        command = [sys.executable, "-m", "pytest", "-s", "-p", "no:cacheprovider", "-p", "drawing", "-c", "/dev/null"]
        path = {"PYTHONPATH": str(Path(search.__file__).parent), "PATH": "/usr/bin:/bin"}
        result = subprocess.run(
            [*command, *arguments, "test_draws.py"], cwd=tmp_path, env=path, capture_output=True, text=True, check=True
        )
        return re.findall(r"drew (\d+)", result.stdout)

    return draw


@pytest.mark.slow
def test_the_suite_draws_alike_and_a_search_by_its_seed(drawn):
    ordinary = drawn()
    assert len(ordinary) == 4
    assert drawn() == ordinary
    first, again, other = (drawn("--hypothesis-profile=search", f"--hypothesis-seed={seed}") for seed in (7, 7, 8))
    assert len(first) == 20  # five times as many
    assert first == again
    assert first != other
    assert ordinary != first[:4]


def test_this_suite_draws_alike_and_remembers_nothing():
    same = settings.get_profile("same")
    assert same.derandomize
    assert same.database is settings().database is None


@pytest.mark.parametrize("seed", ["x", "-1", "1.5", "", "²"])
def test_a_seed_that_is_no_whole_number_is_one_line(seed, capsys):
    assert search.main([seed]) == 2
    assert (
        capsys.readouterr().err
        == f"error: {seed}: the seed must be a whole number from 0 on, e.g. make search seed=7\n"
    )


def test_the_seed_is_said_and_given_to_hypothesis(monkeypatch, capfd):
    commands = []
    monkeypatch.setattr(search.subprocess, "run", lambda command, **_: commands.append(command) or Done())
    assert search.main(["12", "tests/metrics"]) == 1
    assert "--hypothesis-seed=12" in commands[0]
    assert commands[0][-1] == "tests/metrics"
    assert "make search seed=12" in capfd.readouterr().out
    search.main([])
    search.main([])
    assert commands[1] != commands[2]


class Done:
    returncode = 1
