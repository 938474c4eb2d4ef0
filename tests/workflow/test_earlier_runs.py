"""A network that is trained alone stands among those that were trained before, which say so."""

from collections.abc import Callable

import pandas as pd
import pytest
from checkout import Checkout

from reports.records import EARLIER

pytestmark = pytest.mark.slow

CELLS = "results/quick/synthetic/cells.csv"


def errors(checkout: Checkout) -> pd.DataFrame:
    """Row -> P1 and what is said of the runs behind it."""
    cells = pd.read_csv(checkout / CELLS, keep_default_na=False).query("column == 'p1' and row != 'other'")
    return cells.set_index("row")[["measured", "record", "missing"]]


def test_results_of_before_stay_when_one_network_is_run_alone(measured_checkout: Callable[[], Checkout]) -> None:
    checkout = measured_checkout()
    first = checkout.snakemake(CELLS)
    assert first.returncode == 0, first.stdout
    before = errors(checkout)
    assert set(before["record"]) == {""}
    again = checkout.snakemake(CELLS, "--config", "variants=mlp")
    assert again.returncode == 0, again.stdout
    assert "train_run" not in again.stdout
    now = errors(checkout)
    assert list(now["measured"]) == list(before["measured"])
    assert {row for row, record in now["record"].items() if record == EARLIER} == {"mean-pose", "posemamba", "sasmamba"}
    assert checkout.snakemake(CELLS).returncode == 0
    assert errors(checkout).equals(before)
