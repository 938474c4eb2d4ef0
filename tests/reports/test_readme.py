"""README's claims are those that today's records give."""

import re
from pathlib import Path

import pandas as pd
import pytest

from reports.measurements import Choice
from reports.orders.judge import judge
from studies.measurements import COLUMNS
from studies.records import records

README = Path(__file__).parents[2] / "README.md"
ORDERS = {
    "The whole loss beats MPJPE alone": ("table5", "ours", "mpjpe", "p1"),
    "The whole loss beats MPJPE with the 2D loss": ("table5", "ours", "mpjpe-2d", "p1"),
    "The temporal losses help": ("table5", "mpjpe-temporal", "mpjpe", "p2"),
    "The 2D loss helps": ("table5", "mpjpe-2d", "mpjpe", "p1"),
    "The global-local scan beats the bidirectional one": ("table4", "global-local", "bidirectional", "p1"),
    "SasMamba beats PoseMamba-S": ("main", "sasmamba", "posemamba-s", "p1"),
    "GLSMamba's global module beats its backbone": ("components", "gsm", "backbone", "mean"),
    "High resolution beats low": ("resolution", "glsmamba-b", "glsmamba-blr", "mean"),
}


@pytest.fixture(scope="module")
def judged(tmp_path_factory: pytest.TempPathFactory) -> pd.DataFrame:
    """The orders of the three papers by all records, by table, rows and column."""
    folder = tmp_path_factory.mktemp("readme")
    scores = [pd.read_csv(record.scores) for record in records("small")]
    pd.concat(scores)[COLUMNS].to_csv(folder / "measurements.csv", index=False)
    choice = Choice("quick", "synthetic", records={"scale": "small", "motion": "cmu"})
    judge(["posemamba", "sasmamba", "glsmamba"], folder / "measurements.csv", "", folder / "orders.csv", choice)
    return pd.read_csv(folder / "orders.csv").set_index(["table", "better", "worse", "column"]).sort_index()


@pytest.mark.parametrize("claim", ORDERS)
def test_a_claim_has_its_difference_interval_and_verdict(judged: pd.DataFrame, claim: str) -> None:
    order = judged.loc[ORDERS[claim]].squeeze()
    (row,) = re.findall(rf"^\| {claim} \(.*$", README.read_text(encoding="utf-8"), flags=re.MULTILINE)
    effect, low, high = (f"{order[name]:.1f}".replace("-", "−") for name in ("effect", "low", "high"))
    assert re.search(rf"\| {effect}( mm)? \({low} to {high}\) \|", row)
    assert order["outcome"] in row


def test_the_number_of_records_is_todays() -> None:
    assert f"{len(list(records('small')))} records: " in README.read_text(encoding="utf-8")
