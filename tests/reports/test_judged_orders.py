"""Claims of order: from runs to an outcome, with what would have been seen, and to lists that say it."""

import csv
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from base.errors import InputError
from metrics.differences import LEVEL
from metrics.statistics import resample
from reports.comparisons import Floors
from reports.measurements import COLUMNS, Choice
from reports.orders.judge import judge, judge_table
from reports.orders.order import JudgedOrder, count_outcomes, read_orders, write_orders
from reports.orders.view import limits, make_views, summary
from reports.orders.writers import latex, markdown
from reports.pairs import NO_RESAMPLES, ONE_SEED, OTHER_CLIPS
from reports.records import STALE, State
from reports.tables.cell import NOT_LEARNED
from reports.tables.numbers import Numbers
from studies.load import load_study
from studies.scales import scale_named
from studies.types import LiftingColumn, Order, Row, Study, Table
from studies.variants import variant

CHOICE = Choice(scale="quick", motion="synthetic", seeds=(0, 1, 2))
CONVENTION = "human36m/test/best_val"
P1 = LiftingColumn(id="p1", label="P1", metric="mpjpe", unit="mm", protocol="human36m", input="detected")
AUC = replace(P1, id="auc", label="AUC", metric="auc3d", unit="%")
NETWORKS = {"s": "posemamba-s", "b": "posemamba-b", "l": "posemamba-l", "x": "posemamba-x"}
NETWORKS |= {"12": "posemamba-12x64", "16": "posemamba-16x64"}  # one network once shrunken
CELLS = [{"p1": f"{40 - i}.0", "auc": f"{50 + i}"} for i in range(len(NETWORKS))]
ROWS = tuple(
    Row(id=name, label=name.upper(), variant=variant, recipe="posemamba", cells=cells)
    for (name, variant), cells in zip(NETWORKS.items(), CELLS, strict=True)
)
TABLE = Table(id="t", number=1, title="T", benchmark="human36m", columns=(P1, AUC), rows=ROWS)
CLUSTERS = 12


def ordered(*orders: str) -> Table:
    """The table with orders such as `b>s` or `b>s auc`."""
    made = []
    for text in orders:
        rows, _, column = text.partition(" ")
        better, worse = rows.split(">")
        made.append(Order(better=better, worse=worse, column=column or "p1", judged=column or "p1"))
    return replace(TABLE, orders=tuple(made))


def write_runs(
    root: Path,
    shifts: dict[str, float],
    metric: str = "mpjpe",
    together: bool = True,
    clusters: int = CLUSTERS,
    convention: str = CONVENTION,
) -> pd.DataFrame:
    """Measurements of three seeds of networks whose errors differ by `shifts`, and their resamples.

    together : in one file of the experiment, as runs have them, or one for each seed, as records do
    """
    counts, rows = resample(clusters), []
    level = np.random.default_rng(0).normal(50, 20, clusters)
    for i, (name, shift) in enumerate(shifts.items()):
        random, folder = np.random.default_rng(1 + i), root / NETWORKS[name] / metric / "posemamba"
        arrays = {}
        for seed in range(3):
            errors = level + shift + random.normal(0, 0.3) + random.normal(0, 1, clusters)
            mine = {
                f"clusters/{convention}": np.array(clusters),
                f"{seed}/{convention}/{metric}": np.float32(counts @ errors / clusters),
            }
            run = folder / f"seed{seed}"
            run.mkdir(parents=True, exist_ok=True)
            arrays |= mine
            if not together:
                np.savez(run / "resamples.npz", **mine)
            known = {"scale": "quick", "dataset": "synthetic-sh-like", "variant": NETWORKS[name], "seed": seed}
            known |= {"recipe": "posemamba", "metric": metric, "value": errors.mean(), "unit": "mm"}
            rows.append(known | {"convention": convention, "device": "CPU", "run": run.as_posix()})
        if together:
            np.savez(folder / "resamples.npz", **arrays)
    return pd.DataFrame(rows, columns=COLUMNS)


def judged(table: Table, measurements: pd.DataFrame, floors: Floors | None = None) -> dict[str, JudgedOrder]:
    found = judge_table("demo", table, Numbers(measurements, CHOICE), floors or {})
    return {f"{order.better}>{order.worse}": order for order in found}


SHIFTS = {"s": 0.0, "b": -8.0, "l": -8.05, "x": 3.0}


@pytest.mark.parametrize("together", [True, False], ids=["runs", "records"])
def test_an_order_holds_is_reversed_or_is_within_noise(tmp_path: Path, together: bool) -> None:
    found = judged(ordered("b>s", "l>b", "x>s"), write_runs(tmp_path, SHIFTS, together=together))
    assert {name: order.outcome for name, order in found.items()} == {
        "b>s": "holds",
        "l>b": "within noise",
        "x>s": "reversed",
    }
    assert found["b>s"].low < 8 < found["b>s"].high  # positive where the better row is ahead
    assert found["x>s"].low < -3 < found["x>s"].high < 0
    assert (found["b>s"].printed, found["b>s"].decimals, found["b>s"].seeds) == (1.0, 1, "0 1 2")
    assert [order.clusters for order in found.values()] == [CLUSTERS] * 3
    assert found["b>s"].worse_mean - found["b>s"].better_mean == pytest.approx(found["b>s"].effect)


def test_an_order_of_a_metric_that_is_better_when_higher_turns_its_sign(tmp_path: Path) -> None:
    runs = write_runs(tmp_path, {"s": 0.0, "b": 8.0}, metric="auc3d")
    order = judged(ordered("b>s auc"), runs)["b>s"]
    assert order.outcome == "holds"
    assert 0 < order.low < 8 < order.high


def test_orders_of_a_table_are_adjusted_for_each_other_and_so_is_what_is_visible(tmp_path: Path) -> None:
    runs = write_runs(tmp_path, SHIFTS)
    alone, beside = judged(ordered("l>b"), runs)["l>b"], judged(ordered("b>s", "l>b"), runs)
    assert beside["l>b"].visible == alone.visible  # the other one is found: the whole level is left
    assert beside["b>s"].p_holm == pytest.approx(2 * beside["b>s"].p)
    noise = ordered("l>b", "b>l auc", "l>b auc")
    runs = pd.concat([runs, write_runs(tmp_path, {"b": 0.0, "l": 0.0}, metric="auc3d")])
    three = judge_table("demo", noise, Numbers(runs, CHOICE), {})
    assert [order.outcome for order in three] == ["within noise"] * 3
    assert three[0].visible > 1.1 * alone.visible  # three share the level


def test_a_difference_beyond_the_visible_one_is_never_called_noise(tmp_path: Path) -> None:
    for shift in np.linspace(0.2, 4, 12):
        folder = tmp_path / f"{shift:.2f}"
        found = judged(
            ordered("b>s", "l>s", "x>s"), write_runs(folder, {"s": 0.0, "b": -shift, "l": -shift / 2, "x": 0})
        )
        for order in found.values():
            assert (order.outcome == "within noise") == (order.p_holm >= LEVEL)
            if order.outcome == "within noise":
                assert abs(order.effect) < order.visible


def test_a_difference_below_the_noise_floor_is_noise_and_invisible(tmp_path: Path) -> None:
    order = judged(ordered("b>s"), write_runs(tmp_path, SHIFTS), {("CPU", "mpjpe"): 20.0})["b>s"]
    assert (order.outcome, order.visible, order.noise_floor) == ("within noise", 20.0, 20.0)


def test_rows_that_the_scale_makes_one_network_are_not_separable(tmp_path: Path) -> None:
    never = judged(ordered("16>12"), write_runs(tmp_path / "never", {"12": 0.0}))["16>12"]
    assert (never.outcome, never.seeds) == ("not separable", "")
    assert "at scale quick 16 and 12 are one network" in never.why
    runs = write_runs(tmp_path / "same", {"12": 0.0, "16": 0.0})
    same = runs.assign(value=runs.groupby("seed")["value"].transform("first"))
    assert judged(ordered("16>12"), same)["16>12"].outcome == "not separable"
    # Runs that differ were made by another rule than the scale's, and are judged.
    other = write_runs(tmp_path / "other", {"12": 0.0, "16": -8.0})
    assert judged(ordered("16>12"), other)["16>12"].outcome == "holds"


def test_an_order_of_a_network_that_did_not_learn_neither_holds_nor_is_reversed(tmp_path: Path) -> None:
    runs = write_runs(tmp_path, SHIFTS)
    learned = runs[runs["variant"] == NETWORKS["s"]]
    changed = {"variant": "mean-pose", "recipe": "baseline", "value": learned["value"] + 1.5, "run": "mean-pose"}
    found = judged(ordered("b>s", "x>s"), pd.concat([runs, learned.assign(**changed)]))
    assert {name: order.outcome for name, order in found.items()} == {"b>s": "holds", "x>s": "did not learn"}
    assert found["x>s"].why == "X: worse than the mean training pose"
    assert summary(list(found.values())).endswith(": 1 holds, 1 did not learn.")


def test_records_judge_where_tables_show_records(tmp_path: Path) -> None:
    """By their own resamples, at their scale, motion and epoch; with what became of them, and how to see it again."""
    last = CONVENTION.replace("best_val", "last")
    runs = write_runs(tmp_path, {"s": 0.0, "b": -8.0}, together=False, convention=last)
    records = runs.assign(scale="small", dataset="cmu-sh-like")
    choice = replace(CHOICE, records={"scale": "small", "motion": "cmu"})
    table, stale = ordered("b>s", "x>b"), State(STALE, "another loss")
    order, absent = judge_table("demo", table, Numbers(records, choice, {records["run"].iloc[1]: stale}), {})
    assert (order.outcome, order.scale, order.dataset, order.record) == ("holds", "small", "cmu-sh-like", "stale")
    assert absent.why == "no records of X and B with the same seeds on cmu-sh-like"
    study = Study(name="demo", title="Demo", venue="", link="", tables=(table,))
    shown, _ = make_views([study], [order, absent], choice)["Demo"][0].orders
    assert shown.evidence == "3 seeds, 12 takes, stale: the code has since changed what it computes"
    assert shown.train == "make train scale=small motion=cmu variants=posemamba-b,posemamba-s seeds=0,1,2"
    assert shown.again == "make verify scale=quick motion=cmu"
    assert "on cmu motion at scale small" in summary([order, absent])


def test_what_is_not_recorded_says_why(tmp_path: Path) -> None:
    runs = write_runs(tmp_path / "a", {"s": 0.0, "b": -8.0})
    absent = judged(ordered("l>b"), runs)["l>b"]
    assert absent.outcome == "not recorded"
    assert absent.why == "no runs of L and B with the same seeds on synthetic-sh-like"
    assert np.isnan([absent.effect, absent.visible]).all()
    alone = judged(ordered("b>s"), runs[runs["seed"] == 0])["b>s"]
    assert (alone.outcome, alone.why, alone.seeds) == ("not recorded", ONE_SEED, "0")
    assert np.isnan(alone.visible)
    (tmp_path / "a" / NETWORKS["b"] / "mpjpe/posemamba/resamples.npz").unlink()
    unsampled = judged(ordered("b>s"), runs)["b>s"]
    assert (unsampled.outcome, unsampled.why) == ("not recorded", NO_RESAMPLES)
    assert unsampled.effect == pytest.approx(8, abs=1)
    other = pd.concat([write_runs(tmp_path / "b", {"s": 0.0}), write_runs(tmp_path / "c", {"b": 0.0}, clusters=5)])
    assert judged(ordered("b>s"), other)["b>s"].why == OTHER_CLIPS


def test_orders_are_written_and_read_again(tmp_path: Path) -> None:
    orders = tuple(judged(ordered("b>s", "l>b", "16>12"), write_runs(tmp_path, SHIFTS)).values())
    path = write_orders(orders, tmp_path / "orders.csv")
    assert str(read_orders(path)) == str(orders)  # as text: NaN is no NaN
    rows = list(csv.DictReader(path.open(encoding="utf-8")))
    assert [row["outcome"] for row in rows] == ["holds", "within noise", "not separable"]
    text = path.read_text(encoding="utf-8")
    for old, new, said in (
        ("holds", "hold", "unknown outcome 'hold'"),
        (rows[0]["effect"], "much", "effect 'much' is no number"),
        ("effect", "efect", "lacks the columns effect"),
    ):
        path.write_text(text.replace(old, new, 1), encoding="utf-8")
        with pytest.raises(InputError, match=rf"orders\.csv: {said}"):
            read_orders(path)


def test_every_order_of_the_studies_is_judged(tmp_path: Path) -> None:
    csv_path = tmp_path / "measurements.csv"
    write_runs(tmp_path, {"s": 0.0, "b": 3.0}).to_csv(csv_path, index=False)
    orders = read_orders(judge(["posemamba", "glsmamba"], csv_path, "", tmp_path / "orders.csv", CHOICE))
    tables = [table for name in ("posemamba", "glsmamba") for table in load_study(name).tables]
    assert len(orders) == sum(len(table.orders) for table in tables)
    counts = count_outcomes(orders)
    assert counts["reversed"] == 1  # of sizes in P1: B, 3 mm worse here, over S
    assert sum(counts.values()) == len(orders)


def test_the_summary_says_on_what_and_at_which_size(tmp_path: Path) -> None:
    orders = list(judged(ordered("b>s", "l>b", "16>12"), write_runs(tmp_path, SHIFTS)).values())
    made = scale_named("quick").hyper(variant("posemamba-s"))
    size = f"PoseMamba-S with depth {made['depth']} of 10, width {made['width']} of 64, frames {made['frames']} of 243"
    assert summary(orders) == (
        f"Of 3 claims of order, on synthetic motion at scale quick ({size}): 1 holds, 1 within noise, 1 not separable."
    )
    assert summary(orders[2:]) == "Of 1 claims of order: 0 hold, 1 not separable."
    assert scale_named("quick").meaning in limits(orders)
    paper = [replace(order, scale="paper", dataset="human36m-sh") for order in orders[:1]]
    size = "networks of the papers' size"
    assert summary(paper) == f"Of 1 claims of order, on the papers' data at scale paper ({size}): 1 holds."
    assert limits(paper) == ""


def test_lists_show_each_order_with_its_numbers_and_escape_what_the_data_say(tmp_path: Path) -> None:
    notes = {"n": "Ours: 5 % & more", "theirs": "a note of the paper"}
    table = replace(ordered("b>s", "l>b", "16>12"), footnotes=notes)
    first = replace(table.orders[0], quote="B_1 | is <best>", place="Section")
    rows = tuple(replace(row, notes=("n", "theirs")) if row.id == "s" else row for row in table.rows)
    table = replace(table, orders=(first, *table.orders[1:]), rows=rows)
    study = Study(name="demo", title="Demo", venue="", link="", tables=(table,))
    orders = list(judged(table, write_runs(tmp_path, SHIFTS)).values())
    views = make_views([study], orders, CHOICE)
    text, document = markdown(views, orders), latex(views, orders)
    shown = views["Demo"][0].orders[0]
    assert f"| B better than S | P1 | ✓ holds | {shown.effect} mm |" in text
    assert "| +1.0 mm |" in text
    assert "synthetic-sh-like, 3 seeds, 12 takes | Section |" in text
    assert r"Section: “B\_1 \| is \<best\>”" in text
    assert "- Ours: 5 % & more" in text
    assert "a note of the paper" not in text
    assert "16 better than 12: at scale quick 16 and 12 are one network" in text
    assert r"16 better than 12 & P1 & = not separable & -- & -- & +1.0 mm & --" in document.replace("–", "--")
    assert document.count(r"\begin{tabular}") == document.count(r"\end{tabular}") == 1
    assert shown.train == "make train scale=quick motion=synthetic variants=posemamba-b,posemamba-s seeds=0,1,2"
    assert [seed for _, runs in shown.runs for seed, _ in runs] == ["0", "1", "2"] * 2


def test_lines_hold_everything_that_is_known(tmp_path: Path) -> None:
    table = ordered("b>s", "l>b", "x>s", "16>12")
    study = Study(name="demo", title="Demo", venue="", link="", tables=(table,))
    orders = list(judged(table, write_runs(tmp_path, SHIFTS)).values())
    holds, noise, turned, nothing = (view.line for view in make_views([study], orders, CHOICE)["Demo"][0].orders)
    for line in (holds, noise, turned):
        assert 0 <= line.low < line.effect < line.high <= 1
        assert 0 < line.band <= 0.5
    assert holds.low > 0.5 > turned.high
    assert holds.printed == noise.printed > 0.5  # to the right: the paper's own order
    assert (nothing.effect, nothing.low, nothing.band) == (None, None, None)


def test_a_network_that_did_not_learn_flattens_no_other_line(tmp_path: Path) -> None:
    table = ordered("b>s", "x>s")
    study = Study(name="demo", title="Demo", venue="", link="", tables=(table,))
    holds, far = judged(table, write_runs(tmp_path, SHIFTS)).values()
    far = replace(far, outcome=NOT_LEARNED, effect=-250.0, low=-260.0, high=-240.0)
    drawn, empty = (view.line for view in make_views([study], [holds, far], CHOICE)["Demo"][0].orders)
    assert drawn.high > 0.9  # it is the longest line
    assert (empty.effect, empty.low, empty.high) == (None, None, None)
