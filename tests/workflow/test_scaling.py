"""The scaling curve's measurements: turns, training steps, the budget, and a curve from beginning to end."""

from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest
import torch
from torch import nn

from reports.scaling import write_scaling
from workflow import scaling
from workflow.scaling import COLUMNS, build, clip, foretell, measure, time_in_turns, too_much, write_rows


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def row(frames: int, **changes: object) -> dict:
    return dict.fromkeys(COLUMNS) | {
        **{"model": "PoseMamba-S", "work": "inference", "frames": frames, "threads": 1, "left_out": ""},
        **{"seconds_median": frames / 100, "seconds_min": frames / 100, "runs": 3, "peak_mib": float(frames)},
        **{"backend": "cpu", "device": "some CPU", "torch": "2.13.0", "revision": "abc"},
        **changes,
    }


@pytest.mark.parametrize("contestant", scaling.CONTESTANTS)
def test_a_training_step_runs_under_inference_mode_and_repeats_itself(contestant: str) -> None:
    step = build(contestant, "training step", 2)
    example, before = clip(step), [p.clone() for p in step.parameters()]
    with torch.inference_mode():
        losses = [step.eval()(example) for _ in range(2)]
    assert losses[0] == losses[1]
    assert losses[0] > 0
    assert all(torch.equal(p, old) for p, old in zip(step.parameters(), before, strict=True))
    assert all(p.grad is not None for p in step.parameters() if p.requires_grad)
    assert len(step.optimiser.state) == len(before)


class Counter(nn.Module):
    frames, joints, in_channels = 1, 1, 1

    def __init__(self, calls: list[str], name: str) -> None:
        super().__init__()
        self.calls, self.name = calls, name

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.calls.append(self.name)
        return x


def test_contestants_take_turns_and_the_first_turn_does_not_count() -> None:
    calls: list[str] = []
    timed = time_in_turns({"a": Counter(calls, "a"), "b": Counter(calls, "b")}, threads=1)
    assert calls == ["a", "b"] * (1 + scaling.MOST_RUNS)
    assert timed["a"]["runs"] == scaling.MOST_RUNS
    assert 0 < timed["a"]["seconds_min"] <= timed["a"]["seconds_median"]


def test_a_slow_contestant_stops_when_its_time_is_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scaling, "TIMED_SECONDS", 1e-9)
    calls: list[str] = []
    assert time_in_turns({"a": Counter(calls, "a")}, threads=1)["a"]["runs"] == 1
    assert calls == ["a", "a"]


def test_costs_are_foretold_by_the_power_law_of_the_last_two() -> None:
    assert foretell([10], [1.0], 20) == 0
    assert foretell([5, 10, 20], [9.0, 1.0, 4.0], 40) == pytest.approx(16)
    assert foretell([10, 20], [1.0, 1.2], 40) == pytest.approx(2.4)  # at least linear: overheads do not last


@pytest.mark.parametrize(
    ("rows", "reason"),
    [
        ([row(10), row(20)], ""),
        ([row(10, seconds_median=10), row(20, seconds_median=40)], "a pass would take about 160 s, more than 60 s"),
        ([row(10, peak_mib=1e9), row(20, peak_mib=2e9)], "it would need about 4,000,000,000 MiB of"),
        ([row(10), row(20, left_out="why not", seconds_median=None)], "shorter clips were left out"),
        ([row(10, model="another", seconds_median=1e9), row(20, work="another", seconds_median=1e9)], ""),
    ],
)
def test_a_case_beyond_the_budget_is_left_out(rows: list[dict], reason: str, tmp_path: Path) -> None:
    write_rows(rows, tmp_path / "known.csv")
    found = too_much(pd.read_csv(tmp_path / "known.csv"), "PoseMamba-S", "inference", 40)
    assert found.startswith(reason)
    assert bool(found) == bool(reason)


@pytest.mark.slow
def test_a_curve_from_measurement_to_figure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scaling, "MOST_RUNS", 2)
    monkeypatch.setattr(scaling, "CONTESTANTS", {"PoseMamba-S": None})
    parts: list[Path] = []
    for frames in (2, 4):
        write_rows(measure(frames, parts, threads=1), tmp_path / f"{frames}.csv")
        parts.append(tmp_path / f"{frames}.csv")
    rows = pd.concat(map(pd.read_csv, parts))
    assert list(rows.columns) == COLUMNS
    assert len(rows) == 4
    assert (rows["seconds_median"] > 0).all()
    assert (rows["runs"] == 2).all()
    assert rows["peak_mib"].between(0, 200).all()
    assert all(path.is_file() for path in write_scaling(parts, tmp_path / "scaling"))
