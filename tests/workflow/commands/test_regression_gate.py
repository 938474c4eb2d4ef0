"""The gate can fail: regressions are planted in a copy of the project, and the clean copy passes."""

import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from subprocess import CompletedProcess

import pandas as pd
import pytest
from checkout import BIN, ROOT, Checkout, only_error
from faults import FLIP_AVERAGING, JOINT_ORDER, LOSS_TERM, SCAN_ORDER

from models.ssm import native
from reports.regression.compare import FAILURES
from reports.regression.numbers import ALLOCATION, COUNT, LOSS, NETWORK, SPEED, TRAINING, read_baseline, write_baseline
from workflow.measuring.speed_ratios import Times

pytestmark = pytest.mark.slow

LAYER = ("width, depth, drop_path", "width, depth + 1, drop_path")
# Three of the workload's 44 chunks are walked twice: 6.8 % more work, whatever they compute. The second walk finds its
# chunk in the cache, so that a twentieth more time is left of it on a processor whose memory is slow.
KERNEL = (
    "          walk(path, strand, chunk, y + b",
    "          for (int n = i % 15 ? 1 : 2; n; --n) walk(path, strand, chunk, y + b",
)
COUNTS = "import pandas as pd; from workflow.measuring.efficiency import count_all, count_rows; "
COUNTS += "pd.DataFrame(count_rows(count_all(['posemamba-s']))).to_csv('counts.csv')"


@pytest.fixture(scope="module")
def copy(new_checkout: Callable[[], Checkout]) -> Checkout:
    """A copy with a git history of one commit, against whose kernels the speed is measured."""
    checkout = new_checkout()
    shutil.copy(ROOT / "config.yaml", checkout / "config.yaml")  # as committed, not the tests' own tiny one
    git = ("git", "-c", "user.name=a", "-c", "user.email=a@b")
    for arguments in (("init", "-q"), ("add", "-A"), ("commit", "-q", "-m", "all")):
        assert checkout.run(*git, *arguments).returncode == 0
    revision = checkout.run("git", "rev-parse", "HEAD").stdout.strip()
    rows = read_baseline(checkout / "baselines/quick-cpu.csv")
    timed = (rows["kind"] == SPEED) & (rows["name"] == "scan forward")
    kept = rows[timed | (rows["kind"] != SPEED)].assign(revision=revision)
    write_baseline(kept, checkout / "baselines/quick-cpu.csv")
    return checkout


def gate(checkout: Checkout, *kinds: str) -> CompletedProcess:
    return checkout.python("-m", "workflow", "gate", "--table", "gate.csv", "--fast", *kinds)


def found(checkout: Checkout, *kinds: str) -> set[tuple[str, str]]:
    """(kind, name) of the numbers that the gate fails for."""
    result = gate(checkout, *kinds)
    assert (result.returncode, "Traceback" in result.stdout) == (1, False), result.stdout
    assert "\ngate RED: " in f"\n{result.stdout}"
    return set(failures(checkout)[["kind", "name"]].itertuples(index=False, name=None))


def failures(checkout: Checkout) -> pd.DataFrame:
    table = pd.read_csv(checkout / "gate.csv")
    return table[table["status"].isin(FAILURES)]


@pytest.mark.parametrize(
    "kinds",
    [(NETWORK, LOSS, ALLOCATION, TRAINING), pytest.param((SPEED,), marks=pytest.mark.alone)],
    ids=["what-it-computes", "speed"],
)
def test_the_clean_tree_passes(copy: Checkout, kinds: tuple[str, ...]) -> None:
    result = gate(copy, *kinds)
    assert result.returncode == 0, result.stdout
    assert re.search(r"^gate green: (\d+ new, )?\d+ unchanged$", result.stdout, flags=re.MULTILINE), result.stdout


def test_a_wrong_scan_order_is_caught(copy: Checkout) -> None:
    with copy.edited(*SCAN_ORDER):
        names = found(copy, "network")
    assert {("network", "posemamba-s"), ("network", "sasmamba")} <= names
    assert not {("network", "mlp"), ("network", "glsmamba-b")} & names


def test_the_edit_that_did_it_is_named_with_both_ways_out(copy: Checkout) -> None:
    """An extra layer, caught by networks and by counts."""
    summary = copy / "summary.md"
    command = (BIN / "python", "-m", "workflow", "gate", "--table", "gate.csv", "--fast", "network")
    with copy.edited("models/lifting/posemamba.py", *LAYER):
        result = copy.run("env", f"GITHUB_STEP_SUMMARY={summary}", *command)
        assert copy.python("-c", COUNTS).returncode == 0
    first, cause, _share, commits, *_groups, undo, accept, every = result.stdout.splitlines()
    assert re.fullmatch(r"gate RED: \d+ changed, (\d+ new, )?\d+ unchanged, by 1 cause", first)
    assert (cause, commits.strip()) == ("1. models/lifting/posemamba.py", "not committed")
    assert re.fullmatch(r"undo: git restore --source \w+ -- models/lifting/posemamba.py", undo)
    assert (accept, every) == ('accept: make baseline reason="why"', "every number: gate.csv")
    assert summary.read_text().startswith(f"### {first}")
    names = set(failures(copy)["name"])
    assert "posemamba-s" in names
    assert "sasmamba" not in names
    counted = pd.read_csv(copy / "counts.csv").set_index(["metric", "convention"])["value"]
    rows = read_baseline(copy / "baselines/quick-cpu.csv")
    rows = rows[(rows["kind"] == COUNT) & (rows["name"] == "posemamba-s")]
    assert len(rows)
    assert all(counted[row.metric, row.convention] > row.value for row in rows.itertuples())


def test_a_lost_loss_term_is_caught(copy: Checkout) -> None:
    with copy.edited(*LOSS_TERM):
        names = found(copy, "loss")
    assert ("loss", "posemamba") in names
    assert ("loss", "glsmamba") not in names


SEQUENCES = {"posemamba-s", "sasmamba", "motionagformer-xs-81"}


@pytest.mark.parametrize(
    ("fault", "losses", "errors"),
    [
        pytest.param(SCAN_ORDER, {"posemamba-s", "sasmamba"}, {"posemamba-s", "sasmamba"}, id="wrong-scan-order"),
        pytest.param(LOSS_TERM, SEQUENCES, SEQUENCES, id="lost-loss-term"),
        pytest.param(JOINT_ORDER, {"posemamba-s", "sasmamba", "mlp"}, SEQUENCES, id="changed-joint-order"),
        pytest.param(FLIP_AVERAGING, set(), SEQUENCES, id="no-flip-averaging"),
    ],
)
def test_a_fault_is_caught_by_what_a_training_leads_to(
    copy: Checkout, fault: tuple[str, str, str], losses: set[str], errors: set[str]
) -> None:
    with copy.edited(*fault):
        found(copy, TRAINING)
    moved = failures(copy).groupby("metric")["name"].agg(set)
    assert moved.get("loss", set()) == losses
    assert moved["mpjpe"] - {"mlp"} == errors


@pytest.mark.parametrize(
    ("now", "then", "ratio"),
    [
        pytest.param([11, 11, 22], [10, 10, 20], 1.1, id="slower-in-every-turn"),
        pytest.param([10, 10, 10], [10, 7, 10], 1, id="the-base-alone-had-a-fast-moment"),
        pytest.param([10, 13, 13], [10, 10, 10], 1, id="most-turns-were-disturbed"),
        pytest.param([9, 9, 9], [10, 10, 10], 0.9, id="faster"),
    ],
)
def test_slower_is_what_two_estimates_call_slower(now: list[float], then: list[float], ratio: float) -> None:
    times = Times()
    times.add(now, then)
    assert times.ratio == pytest.approx(ratio)


@pytest.mark.alone
@pytest.mark.skipif(native.available() is not None, reason=str(native.available()))
def test_a_kernel_slower_by_a_twentieth_is_caught(copy: Checkout) -> None:
    with copy.edited("models/ssm/scan.cpp", *KERNEL):
        names = found(copy, "speed")
    assert names == {("speed", "scan forward")}


def test_a_baseline_is_changed_for_a_reason_and_from_a_revision_only(copy: Checkout) -> None:
    assert "give the reason" in only_error(copy.make("baseline"))
    assert "give the reason" in only_error(copy.python("-m", "workflow", "gate", "--accept", " "))
    with copy.edited(*LOSS_TERM):
        assert "commit your changes first" in only_error(copy.python("-m", "workflow", "gate", "--accept", "why"))


@contextmanager
def without(path: Path) -> Iterator[None]:
    text = path.read_text(encoding="utf-8")
    path.unlink()
    try:
        yield
    finally:
        path.write_text(text, encoding="utf-8")


def test_no_baseline_is_one_clear_line(copy: Checkout) -> None:
    with without(copy / "baselines/quick-cpu.csv"):
        assert 'make baseline reason="..."' in only_error(gate(copy))
