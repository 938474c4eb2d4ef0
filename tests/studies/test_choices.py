"""Choices on the command line: our commands and Snakemake's `--config` mean the same by them."""

import shlex
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import pytest
from snakemake.cli import parse_config
from snakemake.common import dict_to_key_value_args

from base.errors import InputError
from base.reading import read_yaml, with_choices
from studies.config import Budget, Timing, checked_config
from workflow.__main__ import COMMANDS, main

ROOT = Path(__file__).resolve().parent.parent.parent
# Choices, and what the checked config then says at a place in it.
MEANT: list[tuple[list[str], tuple[str, ...], object]] = [
    (["scale=open"], ("scale", "name"), "open"),
    (["scale='open'"], ("scale", "name"), "open"),
    (["scale=open", "scale=small"], ("scale", "name"), "small"),
    (["seeds=auto"], ("seeds",), [0]),
    (["scale=small", "seeds=auto"], ("seeds",), [0, 1, 2]),
    (["seeds=0"], ("seeds",), [0]),
    (["variants=auto", "seeds=0"], ("trains", "sasmamba"), "sasmamba"),
    (["variants=all"], ("trains",), None),
    (["seeds=0,1"], ("seeds",), [0, 1]),
    (["seeds=[0,1]"], ("seeds",), [0, 1]),
    (["seeds=[ 0, 1 ]"], ("seeds",), [0, 1]),
    (["seeds=010"], ("seeds",), [10]),
    (["variants=mlp,posemamba-s"], ("variants",), ["mlp", "posemamba-s"]),
    (["variants=mlp, posemamba-s"], ("variants",), ["mlp", "posemamba-s"]),
    (["variants=[mlp, 'posemamba-s']"], ("variants",), ["mlp", "posemamba-s"]),
    (["processes=2"], ("processes",), 2),
    (["budget={hours: 3}"], ("budget",), Budget(3, None)),
    (["budget={hours: 1.5}"], ("budget", "hours"), 1.5),
    (["budget={hours: 1e3}"], ("budget", "hours"), 1000),
    (['budget={"hours": 3, "disk_gib": null}'], ("budget",), Budget(3, None)),
    (["budget={hours: 3}", "budget={disk_gib: 5}"], ("budget",), Budget(3, 5)),
    (["budget={hours: 3}", "budget={hours: ~}"], ("budget", "hours"), None),
    (["budget={hours: '3'}"], ("budget", "hours"), 3),
    (["timing={runs: 5}"], ("timing", "runs"), 5),
    (["timing={variants: [mlp]}"], ("timing",), Timing(["mlp"], runs=2, seconds=0.3, threads=1)),
    (["override={video: {pretraining: {steps: 5}}}"], ("scale", "video", "pretraining", "steps"), 5),
    (["scale=paper", "override={hold_out: true, epochs: 2}"], ("scale", "hold_out"), True),
    (["scale=paper", "override={hold_out: true, epochs: 2}"], ("scale", "video", "pretraining", "epochs"), 2),
    (["override={steps: 5}"], ("scale", "video", "steps"), 120),
    (["override={depth: 1/5}"], ("scale", "depth"), Fraction(1, 5)),
    (["sources={cmu: {accept: yes}}"], ("sources", "cmu"), {"mirror": None, "accept": True}),
    (["sources={cmu: {mirror: 'http://a:80/b,c d'}}"], ("sources", "cmu", "mirror"), "http://a:80/b,c d"),
    (["weights={human36m-sh: {mlp: a/b c.bin}}"], ("weights", "human36m-sh", "mlp"), "a/b c.bin"),
]
# Choices, and what the one line says in which they end.
REFUSED = [
    (["nosuch=1"], "unknown key 'nosuch'"),
    (["budget={hour: 3}"], "budget: unknown key 'hour'; did you mean 'hours'?"),
    (["budget={hours: three}"], "budget.hours: 'three' is not of type"),
    (["budget={hours: .nan}"], "budget.hours: '.nan' is not of type"),
    (["budget={hours: 3"], "budget: '{hours: 3' is not of type"),
    (["budget=3"], "budget: 3 is not of type"),
    (["budget="], "budget: None is not of type"),
    (["budget=null"], "budget: None is not of type"),
    (["seeds=true"], "seeds[0]: True is not of type"),
    (["seeds=-1"], "seeds[0]: -1 is less than the minimum"),
    (["seeds="], "seeds: None is not of type"),
    (["processes=1.5"], "processes: 1.5 is not of type"),
    (["processes=inf"], "processes: "),
    (["scale=open=3"], "scale: unknown value 'open=3'"),
]


def config() -> dict:
    return read_yaml(ROOT / "config.yaml")


def handed_on(choices: list[str]) -> dict:
    """What a job's own Snakemake makes of what the first one made of them."""
    return parse_config(dict_to_key_value_args(parse_config(choices), repr_obj=True))


@pytest.mark.parametrize(("choices", "where", "value"), MEANT, ids=str)
def test_both_ways_to_read_a_choice_give_the_same_config(choices: list[str], where: tuple, value: object) -> None:
    mine = checked_config(with_choices(config(), choices))
    assert checked_config(with_choices(config(), parse_config(choices))) == mine
    assert checked_config(with_choices(config(), handed_on(choices))) == mine
    said: object = mine
    for key in where:
        said = said[key] if isinstance(said, dict) else getattr(said, key)
    assert said == value
    assert type(said) is type(value) or isinstance(value, int)


@pytest.mark.parametrize(("choices", "complaint"), REFUSED, ids=str)
def test_both_ways_refuse_a_choice_with_the_same_line(choices: list[str], complaint: str) -> None:
    with pytest.raises(InputError) as ours:
        checked_config(with_choices(config(), choices))
    with pytest.raises(InputError) as snakemakes:
        checked_config(with_choices(config(), parse_config(choices)))
    assert complaint in str(ours.value)
    if choices != ["processes=inf"]:  # which Snakemake reads as a number, too large for any count
        assert str(ours.value) == str(snakemakes.value)


@pytest.mark.parametrize("choice", ["timing.runs=5", "x=1", "noequals", "=1", "a b=1", "9a=1", "--scale=open"])
def test_what_snakemake_takes_for_no_choice_is_none_for_us(choice: str) -> None:
    with pytest.raises(ValueError, match="Invalid config definition"):
        parse_config([choice])
    with pytest.raises(InputError, match=r"is no key|say key=value"):
        with_choices({}, [choice])


@pytest.mark.parametrize("choice", ["budget={hours: 3}", "seeds=[0, 1]", "weights={a: {b: it's $HOME/x y}}"])
def test_make_hands_choices_on_as_they_were_typed(choice: str) -> None:
    for target in ("plan", "tables"):
        printed = make(target, choice, "motion=cmu").stdout
        assert {choice, "motion=cmu"} <= set(shlex.split(printed))


def test_make_refuses_a_dotted_key_in_one_line() -> None:
    result = make("plan", "timing.runs=5")
    assert result.returncode != 0
    assert "timing.runs: no key of config.yaml" in result.stderr
    assert len(result.stderr.splitlines()) == 1


def make(*arguments: str) -> subprocess.CompletedProcess:
    """What make would do, an environment taken for granted."""
    return subprocess.run(
        ["make", "-n", "-o", "env", *arguments], cwd=ROOT, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize("name", COMMANDS)
def test_each_command_says_how_it_is_used(name: str) -> None:
    for word in ("--help", "-h"):
        result = subprocess.run(
            [sys.executable, "-m", "workflow", name, word], cwd=ROOT, capture_output=True, text=True, check=False
        )
        assert result.returncode == 0
        assert result.stdout.startswith(f"usage: python -m workflow {name} ")
        assert len(result.stdout.splitlines()) == 1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["open", "a"], "open takes no arguments, got 'a'"),
        (["resume", "--force"], "resume takes no arguments"),
        (["gate"], "gate: say --fast or --accept REASON"),
        (["gate", "--fast", "nope"], "gate: argument --fast: invalid choice: 'nope'"),
    ],
    ids=str,
)
def test_needless_or_wrong_arguments_end_in_one_line(arguments: list[str], said: str) -> None:
    with pytest.raises(InputError, match=said) as told:
        main(arguments)
    assert "\n" not in str(told.value)
