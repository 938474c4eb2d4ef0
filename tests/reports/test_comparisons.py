"""Rows against the reference of their table: from runs' resamples to an outcome and to what a table says of it."""

import json
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from demo_results import by_place, judged
from hypothesis import given
from hypothesis import strategies as st

from base.errors import InputError
from metrics.statistics import resample
from reports.boards import Duel, make_board, ranks, read_boards
from reports.comparisons import (
    Comparison,
    Floors,
    compare_table,
    read_comparisons,
    read_floors,
    write_comparisons,
)
from reports.measurements import COLUMNS, Choice
from reports.pairs import NO_RESAMPLES
from reports.tables.layout import make_view
from reports.tables.numbers import Numbers
from studies.types import LiftingColumn, Row, Study, Table

CHOICE = Choice(scale="quick", motion="synthetic", seeds=(0, 1, 2))
CONVENTION = "human36m/test/best_val"
P1 = LiftingColumn(id="p1", label="P1", metric="mpjpe", unit="mm", protocol="human36m", input="detected")
TABLE = Table(
    id="ablation",
    number=4,
    title="Scans",
    benchmark="human36m",
    reference="s",
    columns=(P1,),
    rows=tuple(Row(id=name, label=name.upper(), variant=f"posemamba-{name}", recipe="posemamba") for name in "sblx"),
)
CLUSTERS = 12


@pytest.fixture
def measurements(tmp_path: Path) -> pd.DataFrame:
    """Four variants of three seeds: `b` is 8 mm worse, `l` like the reference but for luck, `x` has no resamples."""
    random, counts, rows = np.random.default_rng(0), resample(CLUSTERS), []
    clusters = random.normal(100, 20, CLUSTERS)
    for name, shift in {"s": 0, "b": 8, "l": 0.1, "x": 3}.items():
        folder = tmp_path / f"posemamba-{name}" / "posemamba"
        arrays = {f"clusters/{CONVENTION}": np.array(CLUSTERS)}
        for seed in range(3):
            errors = clusters + shift + random.normal(0, 1, CLUSTERS)
            arrays[f"{seed}/{CONVENTION}/mpjpe"] = np.float32(counts @ errors / CLUSTERS)
            known = {"scale": "quick", "dataset": "synthetic-sh-like", "variant": f"posemamba-{name}", "seed": seed}
            known |= {"recipe": "posemamba", "metric": "mpjpe", "value": errors.mean(), "unit": "mm"}
            rows.append(known | {"convention": CONVENTION, "device": "CPU", "run": (folder / f"seed{seed}").as_posix()})
        folder.mkdir(parents=True)
        if name != "x":
            np.savez(folder / "resamples.npz", **arrays)
    return pd.DataFrame(rows, columns=COLUMNS)


def compared(measurements: pd.DataFrame, floors: Floors | None = None) -> list[Comparison]:
    return compare_table("demo", TABLE, Numbers(measurements, CHOICE), floors or {})


def test_a_board_ranks_no_network_above_one_that_is_not_shown_to_be_worse(measurements: pd.DataFrame) -> None:
    board = make_board("demo", replace(TABLE, board="Demo"), Numbers(measurements, CHOICE), {})
    (ranking,) = board.rankings
    better = {(duel.first, duel.second): duel.better for duel in ranking.duels}
    assert better == {
        ("s", "b"): "s",
        ("s", "l"): "",
        ("s", "x"): "",
        ("b", "l"): "l",
        ("b", "x"): "",
        ("l", "x"): "",
    }
    assert ranking.ranks == {"s": (1, 3), "b": (3, 4), "l": (1, 3), "x": (1, 4)}
    (of_reference,) = [c for c in compared(measurements) if c.row == "b"]
    (duel,) = [duel for duel in ranking.duels if (duel.first, duel.second) == ("s", "b")]
    assert (-duel.difference, -duel.high, -duel.low) == pytest.approx(
        (of_reference.difference, of_reference.low, of_reference.high)
    )


def test_a_board_survives_its_file(measurements: pd.DataFrame, tmp_path: Path) -> None:
    path, board = tmp_path / "boards.json", make_board("demo", TABLE, Numbers(measurements, CHOICE), {})
    path.write_text(json.dumps({"boards": [asdict(board)]}), encoding="utf-8")
    assert read_boards(path) == (board,)
    path.write_text('{"boards": [{"name": "x"}]}', encoding="utf-8")
    with pytest.raises(InputError, match=r"boards\.json: holds no leaderboards; delete it and run `make` again"):
        read_boards(path)


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), max_size=15), st.permutations(range(6)))
def test_a_rank_lies_below_all_that_are_better_and_above_all_that_are_worse(
    pairs: list[tuple[int, int]], order: list[int]
) -> None:
    rows, place = [str(i) for i in range(6)], {str(row): i for i, row in enumerate(order)}
    known = {tuple(sorted((str(a), str(b)), key=place.get)) for a, b in pairs if a != b}
    found = ranks(rows, [Duel(a, b, -1.0, better=a) for a, b in known])
    for row, (best, worst) in found.items():
        assert 1 <= best <= worst <= len(rows)
        assert best == 1 + sum(b == row for _, b in known)
        assert worst == len(rows) - sum(a == row for a, _ in known)
    assert ranks(rows, []) == dict.fromkeys(rows, (1, 6))


def test_outcomes_are_of_paired_runs_and_adjusted_for_the_table(measurements: pd.DataFrame) -> None:
    found = {comparison.row: comparison for comparison in compared(measurements)}
    assert {name: comparison.outcome for name, comparison in found.items()} == {
        "b": "worse",
        "l": "within noise",
        "x": "",
    }
    assert found["b"].low < 8 < found["b"].high
    assert found["b"].p_holm == pytest.approx(2 * found["b"].p)  # two p-values are known
    assert found["x"].why == NO_RESAMPLES


def test_a_difference_below_the_noise_floor_of_its_device_is_noise(measurements: pd.DataFrame) -> None:
    for floor, outcome in {7.0: "worse", 20.0: "within noise"}.items():
        assert compared(measurements, {("CPU", "mpjpe"): floor})[0].outcome == outcome
    assert compared(measurements, {("GPU", "mpjpe"): 20.0})[0].outcome == "worse"


def mean_pose(measurements: pd.DataFrame, row: str, less: float) -> pd.DataFrame:
    """Measurements with a mean training pose so many mm better than the networks of a row."""
    own = measurements[measurements["variant"] == f"posemamba-{row}"]
    changed = {"variant": "mean-pose", "recipe": "baseline", "value": own["value"] - less, "run": "mean-pose"}
    return pd.concat([measurements, own.assign(**changed)])


def test_a_network_that_is_worse_than_the_mean_pose_is_neither_better_nor_worse(measurements: pd.DataFrame) -> None:
    between = mean_pose(measurements, "b", 2)
    found = {comparison.row: comparison for comparison in compared(between)}
    assert {name: found[name].outcome for name in "blx"} == {"b": "did not learn", "l": "within noise", "x": ""}
    assert found["b"].p_holm < 0.05
    study = Study(name="demo", title="", venue="", link="", tables=(TABLE,))
    cells = by_place(judged(study, TABLE, between, compared(between)))
    assert cells["b", "p1"].outcome == "did not learn"
    better = {comparison.row: comparison.outcome for comparison in compared(mean_pose(measurements, "s", 0.001))}
    assert set(better.values()) <= {"did not learn", "the reference did not learn"}
    worst = measurements["variant"].eq("posemamba-s")
    spoilt = measurements.assign(value=measurements["value"] + 100 * worst)
    found = {comparison.row: comparison.outcome for comparison in compared(mean_pose(spoilt, "s", 10))}
    assert set(found.values()) == {"the reference did not learn"}


def test_a_network_is_judged_by_p1_whatever_the_column_shows(measurements: pd.DataFrame) -> None:
    """A pose that never moves has little error of velocity."""
    velocity = measurements.assign(metric="mpjve", value=9.0)
    still = mean_pose(velocity, "s", 5)
    rows = pd.concat([mean_pose(measurements, "b", -50), still])
    numbers = Numbers(rows, CHOICE)
    assert all(numbers.learned(row, replace(P1, metric="mpjve")) for row in TABLE.rows)
    assert not Numbers(mean_pose(measurements, "b", 2), CHOICE).learned(TABLE.row("b"), replace(P1, metric="mpjve"))


def test_one_seed_is_said_and_tables_without_a_reference_are_not_compared(measurements: pd.DataFrame) -> None:
    first = measurements[measurements["seed"] == 0]
    assert "one seed" in compared(first)[0].why
    assert compare_table("demo", replace(TABLE, reference=""), Numbers(measurements, CHOICE), {}) == []


def test_a_table_shows_the_outcome_beside_the_number(measurements: pd.DataFrame) -> None:
    study = Study(name="demo", title="Demo", venue="", link="", tables=(TABLE,))
    cells = judged(study, TABLE, measurements, compared(measurements))
    view = make_view(study, TABLE, cells, CHOICE)
    worse = view.sections[0][1][1].cells[0]
    assert (worse.outcome, worse.compared[0]) == ("worse", "▼")
    assert worse.gain.startswith("+8.")
    assert "Against S" in view.compared
    assert view.sections[0][1][0].cells[0].outcome == ""


def test_written_comparisons_are_read_again(measurements: pd.DataFrame, tmp_path: Path) -> None:
    csv, noise = tmp_path / "measurements.csv", tmp_path / "noise.csv"
    measurements.to_csv(csv, index=False)
    noise.write_text("device,metric,floor\nCPU,mpjpe,0.0\n")
    path = write_comparisons(["posemamba"], csv, noise, tmp_path / "c.csv", CHOICE)
    read_comparisons(path)
    first = read_comparisons(path)[0]
    path.write_text(path.read_text().replace(str(first.difference), "much", 1))
    with pytest.raises(InputError, match=r"c\.csv: .* 'much' is no number"):
        read_comparisons(path)
    noise.write_text("device,metric,floor\nCPU,mpjpe,quiet\n")
    with pytest.raises(InputError, match=r"noise\.csv: floor 'quiet' is no number"):
        read_floors(noise)
    path.write_text("a,b\n")
    with pytest.raises(InputError, match=r"c\.csv: lacks the columns"):
        read_comparisons(path)
    for text in (b"", b"\xff\xfe\x00", b'a\n"b'):
        path.write_bytes(text)
        with pytest.raises(InputError, match=r"c\.csv: is no CSV file"):
            read_comparisons(path)
