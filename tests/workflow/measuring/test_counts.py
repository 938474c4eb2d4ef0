"""Counts that are kept: they are those of today, and none outlives an edit of what decides it."""

import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
import torch
from checkout import Checkout
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from base.errors import InputError
from metrics.efficiency import CONVENTIONS, count_under
from studies.config import read_config
from studies.measurements import COLUMNS, PART_COLUMNS
from studies.places import KEPT_COUNTS
from studies.plan import make_plan
from studies.scales import scale_named
from studies.variants import variant
from workflow.commands.counts import main
from workflow.measuring import counts
from workflow.measuring.counts import LEFT_OUT_COLUMNS, Counts, count_key, counts_of, kept_counts
from workflow.measuring.meta import on_meta

UNTRACED = [name for name in CONVENTIONS if name != "fvcore"]
PLAN = make_plan(read_config())
REMEMBERED = PLAN.shown("training_memory")
NOTHING = Counts(*(pd.DataFrame(columns=["key", *columns]) for columns in (COLUMNS, LEFT_OUT_COLUMNS, PART_COLUMNS)))


@pytest.mark.slow
@pytest.mark.parametrize("name", ["mlp", "posemamba-s-27", "motionagformer-xs", "glsmamba-b", "dsta-r50"])
def test_what_is_kept_is_what_is_counted_today(name: str) -> None:
    """Of some networks: all that decides a count is in its key, so that the others follow."""
    if count_key(name, name in REMEMBERED) not in set(kept_counts().numbers["key"]):
        pytest.skip(f"{name} has changed since its counts were kept, and `make` counts it: make counts")
    kept, anew = counts_of([name], REMEMBERED, kept_counts())
    assert not anew
    counted, anew = counts_of([name], REMEMBERED, NOTHING)
    assert anew == [name]
    for before, now in zip(kept.tables, counted.tables, strict=True):
        pd.testing.assert_frame_equal(*map(_without_revision, (before, now)), check_dtype=False)


def _without_revision(table: pd.DataFrame) -> pd.DataFrame:
    return table.drop(columns="revision", errors="ignore").reset_index(drop=True)


def test_kept_counts_name_revisions_as_they_are_in_git() -> None:
    assert kept_counts().numbers["revision"].str.fullmatch(r"[0-9a-f]{12}").all()


def test_parts_of_every_kept_count_add_up_to_it() -> None:
    kept = kept_counts()
    sums = kept.parts.astype({"value": int}).groupby(["key", "metric", "convention"])["value"].sum()
    numbers = kept.numbers[kept.numbers["metric"].isin(["params", "macs_per_clip"])]
    assert len(sums)
    for row in numbers.itertuples():
        assert int(row.value) == sums.get((row.key, row.metric, row.convention), 0), row


@pytest.mark.slow
@pytest.mark.parametrize("family", PLAN.families)
def test_parts_of_networks_add_up_to_what_torch_counts(family: str) -> None:
    """Of a small form of each family; of all networks the kept counts are held to their parts."""
    name = PLAN.families[family][0]
    model, clip = on_meta(name, **scale_named("small").hyper(variant(name)))
    counted = count_under(UNTRACED, model, clip)
    for count in counted.values():
        assert (count.params, count.macs) == (sum(count.parts.params.values()), sum(count.parts.macs.values()))
    with FlopCounterMode(display=False) as counter, torch.no_grad(), sdpa_kernel(SDPBackend.MATH):
        model.eval()(clip)
    assert counted["true"].macs == counter.get_total_flops() // 2
    assert counted["true"].params == sum(weight.numel() for weight in model.parameters())


def test_only_what_is_not_kept_is_counted_and_all_comes_in_the_order_asked_for() -> None:
    first, anew = counts_of(["mlp"], [], NOTHING)
    assert anew == ["mlp"]
    both, anew = counts_of(["mean-pose", "mlp"], [], first)
    assert anew == ["mean-pose"]
    assert list(both.numbers["variant"].unique()) == ["mean-pose", "mlp"]
    again, anew = counts_of(["mlp", "mean-pose"], [], both)
    assert not anew
    assert list(again.numbers["variant"].unique()) == ["mlp", "mean-pose"]
    mine = again.numbers[again.numbers["variant"] == "mlp"].reset_index(drop=True)
    pd.testing.assert_frame_equal(mine, first.numbers.reset_index(drop=True), check_dtype=False)
    assert set(again.left_out["variant"]) == {"mlp", "mean-pose"}
    assert set(again.parts["variant"]) == {"mlp"}  # the mean pose has neither weights nor products


def test_where_all_is_kept_torch_is_not_imported() -> None:
    asking = (
        "from workflow.measuring.counts import *; counts_of([], [], kept_counts()); count_key('posemamba-s', False)"
    )
    check = f"import sys; {asking}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", check], check=False).returncode == 0


def keys(checkout: Checkout) -> dict[str, str]:
    """Of some variants, as the code of a copy has them."""
    asking = "from workflow.measuring.counts import count_key; print(*(count_key(name, False) for name in "
    result = checkout.python("-c", f"{asking}{NAMES}))")
    assert result.returncode == 0, result.stdout
    return dict(zip(NAMES, result.stdout.split(), strict=True))


NAMES = ["sasmamba", "posemamba-s", "mlp"]


@pytest.fixture(scope="module")
def before() -> dict[str, str]:
    return {name: count_key(name, False) for name in NAMES}


@pytest.mark.parametrize(
    ("path", "old", "new", "changed"),
    [
        ("models/lifting/sasmamba.py", "class SasMamba(", "class SasMamba(  # a remark\n    ", []),
        ("models/lifting/sasmamba.py", "class SasMamba(", "x = 1\n\n\nclass SasMamba(", ["sasmamba"]),
        ("models/ssm/scan.cpp", "#include <atomic>", "#include <atomic>\n// faster", []),
        ("models/ssm/layer.py", "import torch\n", "import torch\n\nx = 1\n", ["sasmamba", "posemamba-s"]),
        ("metrics/watching.py", "* (4 if affine else 2)", "* (5 if affine else 2)", NAMES),
        ("studies/variants.yaml", "label: PoseMamba-S\n", "label: PoseMamba\n", []),
    ],
)
def test_an_edit_condemns_the_counts_that_it_may_change_and_no_others(
    checkout: Checkout, before: dict[str, str], path: str, old: str, new: str, changed: list[str]
) -> None:
    with checkout.edited(path, old, new):
        after = keys(checkout)
    assert [name for name in NAMES if after[name] != before[name]] == changed


def test_a_key_is_of_the_definition_and_of_the_programs(monkeypatch: pytest.MonkeyPatch) -> None:
    known = {count_key(name, remembered) for name in ("posemamba-s", "posemamba-s-27") for remembered in (False, True)}
    assert len(known) == 4
    monkeypatch.setattr(counts, "version", lambda name: "another")
    assert count_key("posemamba-s", False) not in known


def test_a_damaged_file_is_one_clear_line_and_an_absent_one_keeps_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = {tmp_path / Path(path).name: columns for path, columns in counts.KEPT.items()}
    monkeypatch.setattr(counts, "KEPT", kept)
    assert kept_counts().numbers.empty
    for path, columns in kept.items():
        assert kept_counts().numbers.empty  # a number without its parts is none
        path.write_text(",".join(["key", *columns]) + "\n")
    (tmp_path / Path(KEPT_COUNTS).name).write_text("variant,value\nmlp,1\n")
    with pytest.raises(InputError, match=r"counts.csv: lacks the columns key, .*make counts"):
        kept_counts()


def test_a_network_is_counted_on_demand_under_every_convention(capsys: pytest.CaptureFixture[str]) -> None:
    main(["sasmamba"])
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert {line[2] for line in lines if line[1] == "params"} == {"true", "paper", "paper-leaf", "operators", "fvcore"}
    assert ["sasmamba", "macs_per_clip", "true", "4,120,424,640", "MAC"] in lines
    with pytest.raises(InputError, match=r"unknown variant 'sasmambo'; did you mean 'sasmamba'"):
        main(["sasmambo"])
