"""The scaling curve's measurements: turns, training steps, the budget, and a curve from beginning to end."""

from pathlib import Path

import pandas as pd
import pytest
import torch
from torch import nn

from metrics.efficiency import MemoryLimitError
from models.ssm import backend_in_use
from reports.scaling import write_scaling
from workflow.measuring import curves, scaling
from workflow.measuring.curves import CURVES, Curve, build, predicted_growth
from workflow.measuring.scaling import (
    Point,
    clip,
    columns,
    extrapolate,
    measure,
    read_points,
    time_in_turns,
    too_much,
    write_points,
)

pytestmark = pytest.mark.usefixtures("one_thread")


def point(size: int, **changes: object) -> Point:
    whole = {
        **{"model": "PoseMamba-S", "work": "inference", "size": size, "threads": 1},
        **{"seconds_median": size / 100, "seconds_min": size / 100, "runs": 3, "peak_mib": float(size)},
        **{"backend": "cpu", "device": "some CPU", "torch": "2.13.0", "revision": "abc"},
    }
    return Point(**whole | changes)


def step_of(curve: str, contestant: str) -> nn.Module:
    return build(curve, contestant, "training step", 2 if curve == "frames" else 960)


@pytest.mark.parametrize(
    ("curve", "contestant"),
    [
        *(("frames", name) for name in CURVES["frames"].contestants),
        *(pytest.param("tokens", name, marks=pytest.mark.slow) for name in CURVES["tokens"].contestants),
    ],
)
def test_a_training_step_runs_under_inference_mode_and_repeats_itself(curve: str, contestant: str) -> None:
    step = step_of(curve, contestant)
    example, before = clip(step), [p.clone() for p in step.parameters()]
    with torch.inference_mode():
        losses = [step.eval()(example) for _ in range(2)]
    trained = [p for p in step.parameters() if p.requires_grad]
    assert losses[0] == losses[1]
    assert losses[0] > 0
    assert all(torch.equal(p, old) for p, old in zip(step.parameters(), before, strict=True))
    assert all(p.grad is not None for p in trained)
    assert len(step.optimiser.state) == len(trained)


def test_the_contestants_on_video_see_the_same_images_and_have_the_tokens_they_are_named_by() -> None:
    with torch.device("meta"):
        for tokens in curves.IMAGES:
            models = [build("tokens", name, "inference", tokens) for name in CURVES["tokens"].contestants]
            assert len({m.example_shape for m in models}) == 1
            _, frames, _, height, width = models[0].example_shape
            assert frames * (height // 4) * (width // 4) == tokens
    assert models[0].example_shape[-2:] == (256, 192)


@pytest.mark.slow
def test_kept_scores_change_the_memory_and_not_the_result() -> None:
    transformers = CURVES["tokens"].contestants[1:]
    plain, kept = (build("tokens", name, "inference", 960) for name in transformers)
    example = torch.rand(clip(plain).shape)
    with torch.no_grad():
        torch.testing.assert_close(kept.eval()(example), plain.eval()(example))
    grown = [predicted_growth("tokens", name, "training step", 960, "auto") for name in transformers]
    scores = 6 * 12 * 960**2 * 4  # layers, heads, pairs of tokens, bytes
    assert grown[1] - grown[0] > scores


@pytest.mark.parametrize(("contestant", "least", "most"), [("GLSMamba", 3.9, 4.3), (curves.SCORES_KEPT, 12, 16.5)])
def test_memory_of_scans_grows_with_the_tokens_and_that_of_scores_with_their_square(
    contestant: str, least: float, most: float
) -> None:
    small, large = (
        predicted_growth("tokens", contestant, "training step", tokens, backend_in_use()) for tokens in (3_840, 15_360)
    )
    assert least < large / small < most


class Counter(nn.Module):
    example_shape = (1, 1, 1, 1)

    def __init__(self, calls: list[str], name: str) -> None:
        super().__init__()
        self.calls, self.name = calls, name

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.calls.append(self.name)
        return x


def test_contestants_take_turns_and_the_first_turn_does_not_count() -> None:
    calls: list[str] = []
    seconds = time_in_turns({"a": Counter(calls, "a"), "b": Counter(calls, "b")}, threads=1)
    assert calls == ["a", "b"] * (1 + scaling.MOST_RUNS)
    assert len(seconds["a"]) == scaling.MOST_RUNS
    assert min(seconds["a"]) > 0


def test_a_slow_contestant_stops_when_its_time_is_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scaling, "TIMED_SECONDS", 1e-9)
    calls: list[str] = []
    assert len(time_in_turns({"a": Counter(calls, "a")}, threads=1)["a"]) == 1
    assert calls == ["a", "a"]


def test_costs_follow_the_power_law_of_the_last_two() -> None:
    assert extrapolate([10], [1.0], 20) == 0
    assert extrapolate([5, 10, 20], [9.0, 1.0, 4.0], 40) == pytest.approx(16)
    assert extrapolate([10, 20], [1.0, 1.2], 40) == pytest.approx(2.4)  # at least linear: overheads do not last


@pytest.mark.parametrize(
    ("smaller", "reason"),
    [
        ([point(10), point(20)], ""),
        ([point(10, seconds_median=10), point(20, seconds_median=40)], "a pass would take about 160 s, more than 60 s"),
        ([point(10, peak_mib=1e9), point(20, peak_mib=2e9)], "it would need about 4,000,000,000 MiB of"),
        ([point(10), point(20, left_out="why not", seconds_median=None)], "smaller clips were left out"),
        ([point(10, model="another", seconds_median=1e9), point(20, work="another", seconds_median=1e9)], ""),
    ],
)
def test_a_case_beyond_the_budget_is_left_out(smaller: list[Point], reason: str, tmp_path: Path) -> None:
    write_points("frames", smaller, tmp_path / "smaller.csv")
    assert read_points("frames", tmp_path / "smaller.csv") == smaller
    why = too_much(point(40, peak_mib=None), smaller)
    assert why.startswith(reason)
    assert bool(why) == bool(reason)


def test_predicted_memory_decides_before_anything_was_measured() -> None:
    assert too_much(point(960, predicted_mib=1.0), []) == ""
    assert too_much(point(960, predicted_mib=1e9), []).startswith("it would need about 1,000,000,000 MiB")


def curve_of(monkeypatch: pytest.MonkeyPatch, curve: str, sizes: tuple[int, ...], folder: Path) -> pd.DataFrame:
    """Measure a curve's first contestant at some sizes and draw it."""
    monkeypatch.setattr(scaling, "MOST_RUNS", 2)
    whole = CURVES[curve]
    monkeypatch.setitem(CURVES, curve, Curve(whole.size, whole.contestants[:1], whole.build, whole.loss, whole.fused))
    parts: list[Path] = []
    for size in sizes:
        write_points(curve, measure(curve, size, parts, threads=1), folder / f"{size}.csv")
        parts.append(folder / f"{size}.csv")
    assert all(path.is_file() for path in write_scaling(curve, parts, folder / "curve"))
    rows = pd.concat(map(pd.read_csv, parts))
    assert list(rows.columns) == columns(curve)
    assert len(rows) == 2 * len(sizes)
    assert (rows["seconds_median"] > 0).all()
    assert (rows["runs"] == 2).all()
    return rows


@pytest.mark.slow
def test_a_curve_from_measurement_to_figure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = curve_of(monkeypatch, "frames", (2, 4), tmp_path)
    assert rows["peak_mib"].between(0, 200).all()
    assert rows["predicted_mib"].isna().all()


@pytest.mark.slow
def test_a_curve_on_video_has_measured_and_predicted_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = curve_of(monkeypatch, "tokens", (960,), tmp_path)
    steps = rows[rows["work"] == "training step"]
    # Kernels (partial sums of the deformable convolution's gradients) and the allocator add to it, most to a small net.
    added = steps["peak_mib"] / steps["predicted_mib"]
    assert added.between(0.9, 2.0).all()


def test_what_does_not_fit_under_the_limit_is_left_out(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(scaling, "peak_memory", out_of_memory)
    points = measure("frames", 2, [], threads=1)
    assert {p.left_out for p in points} == {"out of memory: it asked for more than 1 MiB"}
    assert {p.seconds_median for p in points} == {None}


def out_of_memory(*arguments: object, limit: int, **others: object) -> dict:
    assert limit > 0
    raise MemoryLimitError("out of memory: it asked for more than 1 MiB")
