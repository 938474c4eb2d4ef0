"""The gate's judgement: what may move, what may not, what a new baseline keeps."""

from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from base.errors import InputError
from base.files import write_csv
from reports.measurements import Choice
from reports.regression.compare import changed, compare, failed, rows_of
from reports.regression.numbers import COLUMNS, IDENTITY, read_baseline, renew, watched, write_baseline
from reports.regression.verdict import line as line_of
from studies.measurements import COLUMNS as MEASURED

CHOICE = Choice(scale="quick", motion="synthetic")
FINGERPRINTS = pd.DataFrame(
    [
        ("network", "a", "output", 0.5, ""),
        ("loss", "recipe", "loss", 19.0, ""),
        ("allocation", "a", "training_memory", 700.0, "MiB"),
    ],
    columns=["kind", "name", "metric", "value", "unit"],
)
FIRST_STEPS = pd.DataFrame(
    [("training", "a", "synthetic-sh-like", "r", "loss", "", 0.6, 1e-4)],
    columns=["kind", "name", "dataset", "recipe", "metric", "unit", "value", "spread"],
)
SPEEDS = pd.DataFrame(
    {"workload": ["scan forward"], "ratio": [1.0], "noise": [0.03], "device": ["CPU"], "revision": ["abc"]}
)


def measurements(
    shift: float = 0.0, params: float = 100, peak: float = 50.0, predicted: float = 50.0, ap: float = 30.0
) -> pd.DataFrame:
    """Three seeds of two nets, apart by about a millimetre; counts; memory."""
    rows = []
    known = {"scale": "quick", "recipe": "r", "device": "CPU", "revision": "0"}
    for variant, centre in (("a", 50.0 + shift), ("b", 60.0)):
        for seed in range(3):
            own = {"variant": variant, "seed": seed, "run": f"runs/{variant}/{seed}"}
            for metric, value, unit, convention, data in (
                ("mpjpe", centre + seed - 1, "mm", "human36m/test/best_val", "synthetic-gt"),
                ("ap", ap + seed, "%", "poseval+gt-boxes/val/best_val", "video-synthetic"),
            ):
                rows.append(
                    known
                    | own
                    | {"metric": metric, "value": value, "unit": unit, "convention": convention, "dataset": data}
                )
    paper = {"scale": "paper", "variant": "a", "run": "", "dataset": "", "recipe": "", "seed": pd.NA, "revision": "0"}
    for metric, value, unit, convention, device in (
        ("params", params, "1", "true", "counted"),
        ("peak_memory", peak, "MiB", "fresh process", "CPU"),
        ("training_memory", predicted, "MiB", "predicted", "counted"),
    ):
        told = {"metric": metric, "value": value, "unit": unit, "convention": convention, "device": device}
        rows.append(paper | told)
    return pd.DataFrame(rows, columns=MEASURED)


def numbers(
    fingerprints: pd.DataFrame = FINGERPRINTS, ratio: float = 1.0, loss: float = 0.6, **moved: float
) -> pd.DataFrame:
    computed = [fingerprints, FIRST_STEPS.assign(value=loss)]
    return watched(measurements(**moved), computed, SPEEDS.assign(ratio=ratio), CHOICE)


BEFORE = renew(numbers(), None, set(), "abc", "first")


def found(now: pd.DataFrame) -> dict[str, int]:
    return compare(now, BEFORE, {("CPU", "mpjpe"): 0.5})["status"].value_counts().to_dict()


def test_the_same_numbers_are_as_before() -> None:
    assert found(numbers()) == {"unchanged": len(BEFORE)}


@pytest.mark.parametrize(
    ("moved", "status"),
    [
        ({"shift": 3.7}, None),  # 4 deviations of a difference of means: 4 x 1 mm x sqrt(2/3), and the floor
        ({"shift": 3.8}, "worse"),
        ({"shift": -3.8}, "better"),
        ({"ap": 26.8}, None),
        ({"ap": 26.6}, "worse"),
        ({"ap": 33.4}, "better"),
        ({"params": 101}, "changed"),
        ({"params": 99}, "changed"),
        ({"peak": 62.4}, None),
        ({"peak": 62.6}, "worse"),
        ({"peak": 37.0}, "better"),
        ({"predicted": 54.9}, None),
        ({"predicted": 55.1}, "worse"),
        ({"predicted": 44.0}, "better"),
        ({"ratio": 1.029}, None),
        ({"ratio": 1.031}, "worse"),
        ({"ratio": 0.9}, "better"),
        ({"loss": 0.60005}, None),  # a share of 1e-4 may be rounding
        ({"loss": 0.60007}, "changed"),
        ({"loss": 0.59993}, "changed"),
    ],
)
def test_each_kind_has_its_own_tolerance(moved: dict, status: str | None) -> None:
    table = compare(numbers(**moved), BEFORE, {("CPU", "mpjpe"): 0.5})
    assert set(table["status"]) - {"unchanged"} == ({status} if status else set())
    assert failed(table) == (status in ("worse", "changed"))


def test_one_seed_is_held_by_the_spread_of_the_seeds_of_the_baseline() -> None:
    """Where `make` trains one, whose spread nobody knows: 4 x 1 mm x sqrt(1 + 1/3), and the floor."""
    for shift, well in ((5.0, True), (5.2, False)):
        measured = measurements(shift=shift)
        first = measured[(measured["seed"] == 1) | measured["seed"].isna()]
        now = watched(first, [FINGERPRINTS, FIRST_STEPS], SPEEDS, CHOICE)
        table = compare(now, BEFORE, {("CPU", "mpjpe"): 0.5})
        assert failed(table) != well
        assert "not compared" not in set(table["status"])


def test_fingerprints_may_differ_by_rounding_only() -> None:
    assert set(found(numbers(FINGERPRINTS.assign(value=FINGERPRINTS["value"] + 1e-9)))) == {"unchanged"}
    assert found(numbers(FINGERPRINTS.assign(value=FINGERPRINTS["value"] + 1e-6)))["changed"] == 2
    assert found(numbers(FINGERPRINTS.assign(value=FINGERPRINTS["value"] * 1.11)))["worse"] == 1  # what is allocated


def test_what_is_gone_fails_and_what_is_new_does_not() -> None:
    now = numbers()
    table = compare(now[now["kind"] != "loss"], BEFORE, {})
    assert failed(table)
    assert table["status"].iloc[0] == "missing"  # the worst first
    more = pd.concat([FINGERPRINTS, FINGERPRINTS.assign(name="c")])
    assert not failed(compare(numbers(more), BEFORE, {}))
    assert found(numbers(more))["new"] == 3


def test_rows_of_new_numbers_have_no_revision_that_they_stand_since() -> None:
    more = pd.concat([FINGERPRINTS, FINGERPRINTS.assign(name="c")])
    rows = rows_of(compare(numbers(more), BEFORE, {}))
    assert {row.since for row in rows} == {"abc", None}


def test_speed_that_could_not_be_compared_says_so_and_does_not_fail() -> None:
    table = compare(numbers(ratio=float("nan")), BEFORE, {})
    assert not failed(table)
    assert "not compared speed scan forward time" in one_line(table)


def test_a_moved_number_says_from_what_to_what_and_since_when() -> None:
    assert line(numbers(shift=9.0)) == (
        "worse accuracy a r synthetic-gt mpjpe human36m/test/best_val: 50 -> 59 mm (+9 mm, +18 %; allowed 3.8 mm; "
        "since abc)"
    )


def line(now: pd.DataFrame, before: pd.DataFrame = BEFORE) -> str:
    """The only line about a number, blanks once."""
    return one_line(compare(now, before, {("CPU", "mpjpe"): 0.5}))


def one_line(table: pd.DataFrame) -> str:
    return " ".join(line_of(rows_of(table)[0]).split())


@pytest.mark.parametrize(
    ("before", "now", "says"),
    [
        (5_306_187_136, 5_306_191_267, "5,306,187,136 -> 5,306,191,267 (+4,131, nothing is allowed;"),
        (41_000_000_000, 40_999_999_999, "41,000,000,000 -> 40,999,999,999 (-1, nothing is allowed;"),
        (7, 8, "7 -> 8 (+1, nothing is allowed;"),
        (21_836_161.875, 21_836_162.125, "21,836,161.875 -> 21,836,162.125 (+0.25, nothing is allowed;"),
    ],
)
def test_a_count_is_told_to_the_last_digit(before: float, now: float, says: str) -> None:
    base = renew(numbers(params=before), None, set(), "abc", "first")
    assert line(numbers(params=now), base) == f"changed count a params true: {says} since abc)"


@pytest.mark.parametrize(
    ("moved", "says"),
    [
        ({"ratio": 1.08}, "worse speed scan forward time: 8 % slower (allowed 3 %; since abc)"),
        ({"ratio": 0.9}, "better speed scan forward time: 10 % faster (allowed 3 %; since abc)"),
        (
            {"ap": 20},
            "worse accuracy a r video-synthetic ap poseval+gt-boxes/val/best_val: 31 -> 21 % (-10 points, -32.3 %;",
        ),
        ({"predicted": 60.0}, "worse memory a training_memory predicted: 50 -> 60 MiB (+10 MiB, +20 %; allowed 5 MiB;"),
    ],
)
def test_what_is_measured_is_told_as_a_share(moved: dict, says: str) -> None:
    assert line(numbers(**moved)).startswith(says)


def test_two_fingerprints_that_differ_are_told_apart() -> None:
    now = numbers(FINGERPRINTS.assign(value=[0.5000001234, 19.0, 700.0]))
    assert "0.5 -> 0.5000001 (+1.234e-07, allowed 1e-08;" in line(now)


def test_a_new_baseline_keeps_what_did_not_change() -> None:
    now = numbers(shift=9.0, ratio=1.02)
    after = renew(now, BEFORE, changed(compare(now, BEFORE, {})), "def", "wider")
    news = after[after["reason"] == "wider"]
    assert news[["name", "metric", "value", "revision"]].to_numpy().tolist() == [["a", "mpjpe", 59.0, "def"]]
    assert set(after.loc[after["reason"] == "first", "revision"]) == {"abc"}
    assert after.loc[after["kind"] == "speed", "value"].tolist() == [1.0]
    assert not failed(compare(numbers(shift=9.0), after, {}))


@given(st.floats(-1e6, 1e6), st.floats(0, 1e3))
def test_a_baseline_survives_its_file(tmp_path_factory: pytest.TempPathFactory, value: float, spread: float) -> None:
    rows = BEFORE.assign(value=value, spread=spread, reason='a "reason", with a comma')
    path = write_baseline(rows, tmp_path_factory.mktemp("b") / "b.csv")
    again = read_baseline(path)
    assert again.columns.tolist() == COLUMNS
    pd.testing.assert_frame_equal(again, rows.sort_values(IDENTITY, kind="stable", ignore_index=True))


def test_a_baseline_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        read_baseline(tmp_path / "none.csv")
    (tmp_path / "other.csv").write_text("a,b\n1,2\n", encoding="utf-8")
    with pytest.raises(InputError, match=r"lacks the columns kind, .*; delete it and take it from git again"):
        read_baseline(tmp_path / "other.csv")
    write_csv(tmp_path / "bad.csv", BEFORE.assign(value="much"))
    with pytest.raises(InputError, match="is no baseline"):
        read_baseline(tmp_path / "bad.csv")
