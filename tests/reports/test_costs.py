"""The page of costs: waterfalls of every network add up, and printed numbers stand at the rule that they fit."""

from pathlib import Path

import pandas as pd
import pytest

from base import ROOT
from base.errors import InputError
from reports.measurements import Choice, read_measurements
from reports.site.costs import FRAME, PARAMS, Network, amount, networks, timings
from reports.tables.judge import judge_studies
from reports.tables.numbers import Numbers
from studies.load import load_study, study_names
from studies.places import KEPT_COUNTS, KEPT_PARTS

CLIP = "macs_per_clip"


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the counts that are kept, and their parts, as a report has them."""
    folder = tmp_path_factory.mktemp("kept")
    for path, name in ((KEPT_COUNTS, "measurements.csv"), (KEPT_PARTS, "count-parts.csv")):
        table = pd.read_csv(ROOT / path, dtype=str, keep_default_na=False).drop(columns="key")
        table.to_csv(folder / name, index=False)
    return folder


@pytest.fixture(scope="module")
def of(kept: Path) -> dict[str, Network]:
    """All networks by name."""
    measurements, studies = read_measurements(kept / "measurements.csv"), list(map(load_study, study_names()))
    cells = judge_studies(studies, Numbers(measurements, Choice("quick", "synthetic")))
    return {n.name: n for n in networks(measurements, kept / "count-parts.csv", studies, cells)}


def test_every_waterfall_begins_and_ends_at_the_counts(of: dict[str, Network]) -> None:
    assert len(of) > 80
    for network in of.values():
        for metric, steps in network.waterfalls.items():
            first, *changes, last = steps
            assert first.value == network.count("paper", metric)
            assert last.value == network.count("true", metric) == first.value + sum(step.value for step in changes)
            assert {step.kind for step in changes} <= {"less", "more"}
            assert all(0 <= step.low <= step.high <= 1 for step in steps)
            assert max(step.high for step in steps) == 1
            for step in changes:
                assert (step.high - step.low) / first.high == pytest.approx(abs(step.value) / first.value)
    without = [name for name, network in of.items() if CLIP not in network.waterfalls]
    assert without == ["mean-pose"]


def test_posemamba_s_goes_from_3_587_to_6_526_g(of: dict[str, Network]) -> None:
    steps = {step.label: step.value for step in of["posemamba-s"].waterfalls[CLIP]}
    assert steps == {
        "the profiler": 3_587_426_496,
        "norms": -106_811_136,
        "x_proj": 1_522_851_840,
        "scan": 1_353_646_080,
        "dt_proj": 169_205_760,
        "all of it": 6_526_319_040,
    }
    assert steps["scan"] + steps["dt_proj"] == 1_522_851_840
    assert of["posemamba-s"].ratio(CLIP) == pytest.approx(1.8192, abs=1e-4)


def test_frozen_weights_leave_the_waterfall_of_parameters(of: dict[str, Network]) -> None:
    steps = {step.label: step.value for step in of["glsmamba-b"].waterfalls[PARAMS]}
    assert steps["frozen"] == -85_646_592
    assert steps["all of it"] == 9_785_137 - 2 * 257  # fifteen joints, not seventeen


def test_printed_numbers_stand_at_the_rule_that_they_fit(of: dict[str, Network]) -> None:
    def printed(name: str, metric: str) -> dict[str, list[tuple[str, str]]]:
        bars = of[name].bars[metric]
        return {bar.rule: [(tick.text, tick.cause) for tick in bar.ticks] for bar in bars if bar.ticks}

    assert printed("sasmamba", CLIP) == {"paper/2": [("1.3 G", "halved")]}
    assert printed("sasmamba", PARAMS) == {"paper-leaf": [("0.64 M", "another counter")]}
    assert printed("p-stmo-s", FRAME) == {"paper/T": [("3 M", "divided by T")]}
    assert printed("mhformer", CLIP) == {"paper": [("7.0 G", "cut off")]}
    assert ("3.587 G", "exact") in printed("posemamba-s", CLIP)["paper"]
    assert printed("poseformerv2", CLIP)["no rule"] == [("128.2 G", "no rule")]


def test_networks_come_by_what_the_profiler_misses(of: dict[str, Network]) -> None:
    ratios = [network.ratio(CLIP) or 0 for network in of.values()]
    assert ratios == sorted(ratios, reverse=True)
    assert next(iter(of)) == "trans-hr"


def test_times_say_whether_they_were_measured_and_where() -> None:
    same = {"scale": "paper", "variant": "mlp", "run": "", "recipe": "", "dataset": ""}
    rows = [
        same | {"metric": "peak_memory", "value": 0.02, "unit": "MiB", "convention": "fresh process", "device": "CPU"},
        same | {"metric": "latency", "value": 7.0, "unit": "ms", "convention": "median of 3 runs", "device": "CPU"},
        same | {"metric": "latency_iqr", "value": 1.0, "unit": "ms", "convention": "median of 3 runs", "device": "CPU"},
        same
        | {"metric": "training_memory", "value": 9e3, "unit": "MiB", "convention": "predicted", "device": "counted"},
    ]
    shown = [row[1:] for row in timings(pd.DataFrame(rows))]
    assert shown == [
        ("peak memory", "< 0.1 MiB", "measured", "fresh process", "CPU"),
        ("time per clip", "7.0 ms (interquartile range 1.0)", "measured", "median of 3 runs", "CPU"),
        ("memory of a training step", "9,000.0 MiB", "predicted", "from the sizes of tensors", "no device"),
    ]


def test_amounts_of_one_kind_have_one_unit_unless_they_would_be_nothing() -> None:
    assert [amount(x, "G") for x in (3_587_426_496, 47_589_120, 127_738)] == ["3.587 G", "0.048 G", "127.738 k"]
    assert [amount(x) for x in (859_651, 12)] == ["859.651 k", "12"]


def test_a_report_without_parts_is_one_clear_line(kept: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"count-parts\.csv: no such file; run `make` again"):
        networks(read_measurements(kept / "measurements.csv"), tmp_path / "count-parts.csv", [], [])
