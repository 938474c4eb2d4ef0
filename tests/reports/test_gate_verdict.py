"""The gate in words: which edit moved which numbers, and what to do about it."""

import json
from dataclasses import asdict, replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from base.closure import ROOT
from reports.regression.causes import find_causes
from reports.regression.compare import Compared
from reports.regression.numbers import ACCURACY, COUNT, LOSS, NETWORK, SPEED, TRAINING, Watched
from reports.regression.verdict import Verdict, make_verdict, markdown, terminal
from reports.site.gate import render_gate
from reports.site.pages import Page
from workflow.sources import sources_of

POSEMAMBA, SASMAMBA, BASE = "models/lifting/posemamba.py", "models/lifting/sasmamba.py", "base/reading.py"


def number(name: str, status: str = "unchanged", kind: str = COUNT, before: float = 5_306_187_136.0) -> Compared:
    change = 0.0 if status == "unchanged" else 4_131.0
    texts = (kind, name, "", "", "macs_per_clip", "true", "MAC")
    return Compared(*texts, before, before + change, change, 0.0, status, "77469bd2d27e", "first baseline")


def sources(number: Compared) -> frozenset[str]:
    own = {"posemamba": POSEMAMBA, "sasmamba": SASMAMBA}
    return frozenset({BASE} | {file for model, file in own.items() if number.name.startswith(model)})


NUMBERS = [number("posemamba-s", "changed"), number("posemamba-b", "changed"), number("sasmamba"), number("mlp")]


def test_the_edit_that_moved_most_of_what_depends_on_it_is_the_cause() -> None:
    (cause,) = find_causes(NUMBERS, sources, lambda _: frozenset({POSEMAMBA, SASMAMBA, BASE}))
    assert (cause.files, cause.decides) == ((POSEMAMBA,), 2)
    assert [number.name for number in cause.numbers] == ["posemamba-s", "posemamba-b"]


def test_two_edits_are_two_causes_and_the_one_of_most_numbers_is_first() -> None:
    numbers = [*NUMBERS, number("sasmamba-27", "changed"), *(number(f"other-{i}") for i in range(9))]
    causes = find_causes(numbers, sources, lambda _: frozenset({POSEMAMBA, SASMAMBA, BASE}))
    assert [cause.files for cause in causes] == [(POSEMAMBA,), (SASMAMBA,)]
    everywhere = [replace(number, status="changed") for number in numbers]
    assert [c.files for c in find_causes(everywhere, sources, lambda _: frozenset({POSEMAMBA, BASE}))] == [(BASE,)]


def test_edits_that_the_same_numbers_depend_on_are_named_together() -> None:
    (cause,) = find_causes(NUMBERS, lambda n: sources(n) | {"z.py"}, lambda _: frozenset({BASE, "z.py"}))
    assert cause.files == (BASE, "z.py")


def test_other_suspects_are_named_where_most_of_what_depends_on_the_first_did_not_move() -> None:
    numbers = [number("posemamba-s", "changed"), *(number(f"posemamba-{i}") for i in range(3)), number("mlp")]
    (cause,) = find_causes(numbers, sources, lambda _: frozenset({POSEMAMBA, BASE}))
    (told,) = make_verdict(numbers, [(cause, ())], ()).told
    assert (told.share, told.facts[0]) == ("moved 1 of the 4 numbers that depend on it", f"or {BASE}: 1 of 5")


@pytest.mark.parametrize("edited", [frozenset({SASMAMBA}), frozenset(), None])
def test_numbers_that_no_edit_explains_say_so(edited: frozenset[str] | None) -> None:
    (cause,) = find_causes(NUMBERS, sources, lambda _: edited)
    assert (cause.files, len(cause.numbers)) == ((), 2)
    (told,) = make_verdict(NUMBERS, [(cause, ())], ()).told
    assert (told.title, told.undo) == ("No edit explains these", "")


@given(st.lists(st.tuples(st.booleans(), st.sets(st.sampled_from("abcd"))), max_size=12))
def test_every_moved_number_has_one_cause_that_it_depends_on(drawn: list[tuple[bool, set[str]]]) -> None:
    files = {f"n{i}": frozenset(own) for i, (_, own) in enumerate(drawn)}
    numbers = [number(f"n{i}", "worse" if moved else "unchanged") for i, (moved, _) in enumerate(drawn)]
    causes = find_causes(numbers, lambda n: files[n.name], lambda _: frozenset("abc"))
    explained = [n for cause in causes for n in cause.numbers]
    assert sorted(n.name for n in explained) == sorted(n.name for n in numbers if n.status == "worse")
    for cause in causes:
        assert all(set(cause.files) <= files[n.name] & set("abc") for n in cause.numbers)
        assert len(cause.numbers) <= cause.decides


def verdict() -> Verdict:
    (cause,) = find_causes(NUMBERS, sources, lambda _: frozenset({POSEMAMBA}))
    numbers = [*NUMBERS, number("scan forward", kind=SPEED)]
    return make_verdict(
        numbers, [(cause, ["ab12cd3 Add a layer"])], ["records/a: stale: other loss"], "r/regression.csv"
    )


def test_the_terminal_says_which_edit_did_it_and_both_ways_out() -> None:
    moved = "5,306,187,136 -> 5,306,191,267 MAC (+4,131, nothing is allowed; since 77469bd2d27e)"
    assert terminal(verdict()) == [
        "gate RED: 1 record at fault, 2 changed, 3 unchanged, by 1 cause; speeds unchanged",
        "record records/a: stale: other loss",
        "1. models/lifting/posemamba.py",
        "   moved 2 of the 2 numbers that depend on it",
        "   ab12cd3 Add a layer",
        "   compared with 77469bd2d27e: first baseline",
        "   - 2 counts of 2 posemamba networks changed",
        f"     changed      count posemamba-s macs_per_clip true: {moved}",
        f"     changed      count posemamba-b macs_per_clip true: {moved}",
        "   look: git diff 77469bd2d27e -- models/lifting/posemamba.py",
        "undo: git restore --source 77469bd2d27e -- models/lifting/posemamba.py",
        'accept: make baseline reason="why"',
        "every number: r/regression.csv",
    ]


def test_what_is_as_before_is_green_and_asks_for_nothing() -> None:
    numbers = [number("mlp"), number("new", "new")]
    new = "new          count new macs_per_clip true: 5,306,191,267 MAC"
    assert terminal(make_verdict(numbers, (), ())) == ["gate green: 1 new, 1 unchanged", new]


def test_the_page_and_markdown_say_the_same() -> None:
    told = verdict()
    texts = (markdown(told), render_gate(json.loads(json.dumps(asdict(told))), pages=(Page("gate.html", "gate", ""),)))
    for text in texts:
        for words in (told.head, "ab12cd3 Add a layer", "2 counts of 2 posemamba networks changed", "+4,131"):
            assert words in text
        assert "git restore --source 77469bd2d27e -- models/lifting/posemamba.py" in text
    assert "make regression" in render_gate(None, pages=())


@pytest.mark.parametrize(
    ("watched", "there", "not_there"),
    [
        ((NETWORK, "posemamba-s", "", ""), {POSEMAMBA, "models/ssm/orders.py", "studies/variants.yaml"}, {SASMAMBA}),
        ((COUNT, "sasmamba", "", ""), {SASMAMBA, "metrics/counting.py"}, {POSEMAMBA, "training/losses.py"}),
        ((LOSS, "posemamba", "", ""), {"training/losses.py", "studies/recipes.yaml"}, {POSEMAMBA}),
        ((SPEED, "scan forward", "", ""), {"models/ssm/scan.cpp"}, {POSEMAMBA, "models/deform/native.py"}),
        ((SPEED, "posemamba-s-27 forward", "", ""), {"models/ssm/scan.cpp", POSEMAMBA}, {SASMAMBA}),
        (
            (TRAINING, "posemamba-s", "synthetic-sh-like", "posemamba"),
            {POSEMAMBA, "training/losses.py", "datasets/motion/synthetic.py", "datasets/skeletons.py"},
            {SASMAMBA, "training/video.py"},
        ),
        (
            (ACCURACY, "glsmamba-b", "video-synthetic", "glsmamba"),
            {"training/video.py", "datasets/rendered/raster.py", "metrics/poseval.py"},
            {POSEMAMBA},
        ),
    ],
)
def test_what_decides_a_number_follows_from_the_imports(watched: tuple, there: set[str], not_there: set[str]) -> None:
    files = sources_of(Watched(*watched, "m", "c", ""))
    assert there <= files
    assert not not_there & files
    assert all(Path(ROOT, file).is_file() for file in files)
