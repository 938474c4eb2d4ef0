"""The leaderboard's front, and rows sorted by what was measured."""

from dataclasses import replace

import pandas as pd
import pytest
from demo_results import judged

from reports.figures.leaderboard import Place
from reports.front import front
from reports.site.leaderboard import seeds_said
from reports.tables.causes import TIMES_LENGTH, Rule, rules_that_fit
from studies.load import load_study
from studies.measurements import COLUMNS
from studies.printed import cut_off, parse_printed
from studies.scales import QUICK, scale_named
from workflow.measuring.efficiency import count_all, evaluated_rows


def place(label: str, cost: float, error: float) -> Place:
    return Place(label, "", cost, error, 0.0, 1.0)


def test_the_front_has_whom_no_cheaper_network_beats() -> None:
    found = [
        place("dear and good", 9, 1),
        place("cheap", 1, 5),
        place("beaten", 4, 6),
        place("middle", 3, 4),
        place("tie", 3, 4),
    ]
    assert [p.label for p in front(found, lambda p: (p.cost, p.error))] == ["cheap", "middle", "dear and good"]
    assert front([], lambda p: (p.cost, p.error)) == []


def test_costs_are_sorted_and_those_of_one_frame_are_not_divided() -> None:
    study = load_study("equal-terms")
    table = study.table("cost")
    few = ("posemamba-s", "stcformer", "hdformer", "mhformer", "p-stmo-s", "einfalt")
    table = replace(table, rows=tuple(row for row in table.rows if row.id in few))
    rows = list(evaluated_rows(count_all(few, ("true",))))
    measured = pd.DataFrame(rows, columns=COLUMNS).astype({"value": float})
    cells = judged(study, table, measured)
    released = {cell.row: cell.measured for cell in cells if cell.column == "released"}
    assert list(released.values()) == sorted(released.values())
    here = {cell.row: cell.measured for cell in cells if cell.column == "here"}
    assert (
        here["p-stmo-s"] == released["p-stmo-s"] == pytest.approx(2 * 863.901696)
    )  # M: a pass a frame, and the mirrored one
    assert here["stcformer"] == pytest.approx(2 * 21204.654336 / 243)
    assert released["stcformer"] == pytest.approx(2 * 21204.654336)
    assert released["hdformer"] == pytest.approx(2 * 613.189560 / 5)  # windows 5 frames apart
    assert released["einfalt"] == pytest.approx(2 * 525.620672 / 5)  # every fifth frame
    assert here["mhformer"] == pytest.approx(2 * 8218.016352 / 351)


def test_digits_that_were_cut_off_are_told_from_rounded_ones() -> None:
    assert cut_off(parse_printed("1.5 G"), 1_556_417_898)
    assert not cut_off(parse_printed("1.6 G"), 1_556_417_898)
    assert not cut_off(parse_printed("1.5 G"), 1_510_000_000)  # rounds to it as well
    values = {Rule("paper"): 139_059_638_784, Rule("paper", TIMES_LENGTH): 1.0}
    assert list(map(str, rules_that_fit(parse_printed("69.5 G"), values, "paper"))) == ["paper/2"]


def test_every_variant_shrinks_to_what_its_class_takes() -> None:
    hyper = scale_named(QUICK).hyper_of_all()
    assert (hyper["poseformerv2"]["frames"], hyper["poseformerv2"]["central"]) == (27, 3)
    assert hyper["stcformer"]["part_drop"] == 0


def test_a_leaderboard_ranks_first_by_what_its_table_says() -> None:
    table = load_study("open-video").table("networks")
    assert [column.id for column in table.ranked[:2]] == ["mean", "head"]
    assert sorted(c.id for c in table.ranked) == sorted(c.id for c in table.accuracies)
    lifting = load_study("equal-terms").table("leaderboard")
    assert lifting.ranked == lifting.accuracies


def test_a_single_seed_says_what_it_leaves_open() -> None:
    assert [seeds_said(seeds) for seeds in ([3], [1, 3])] == ["3 seeds", "1 to 3 seeds"]
    assert "not of their methods" in seeds_said([1])
