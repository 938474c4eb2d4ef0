"""The parts of GLSMamba-B, against a breakdown that was worked out independently."""

from pathlib import Path

import pandas as pd
import pytest

from base.errors import InputError
from workflow.measuring import parts
from workflow.measuring.parts import TOTAL, Part, count_parts, write_parts

# Trained parameters in millions and MACs under `paper` in 10^9, as that breakdown has them (STMM in two rows).
SPECIFIED = {
    "ViT encoder, all frames (frozen)": (0, 82.177),
    "deconvolutions": (4.1953, 28.205),
    "linear map, embedding of times": (0.0671, 1.007),
    "GSM: channel attention": (2.6276, 0.003),
    "GSM: MLP": (1.0516, 16.106),
    "GSM: scans": (0.1679, 0),
    "GSM: STMM, spatial": (0.0493 + 0.2959, 0.771),
    "GSM: STMM, temporal": (0.0493 + 0.2959, 0.771),
    "GSM: depthwise convolutions": (0.0205, 0.283),
    "GSM: norms": (0.0082, 0.252),
    "LRM: MLP": (0.5258, 8.053),
    "LRM: scans": (0.0840, 0),
    "LRM: depthwise convolutions": (0.0102, 0.142),
    "LRM: norms": (0.0041, 0.126),
    "fusion of frames, heatmaps": (0.3318, 1.018),
    "total": (9.785, 138.913),
}
# The same, MACs of convolutions, deconvolutions and linear layers alone; what `true` has on top of them is below.
LAYERS = {"deconvolutions": 7.046, "GSM: STMM, spatial": 0.708, "GSM: STMM, temporal": 0.708, "total": 117.177}
LAYERS |= {"ViT encoder, all frames (frozen)": 82.104, "GSM: norms": 0, "LRM: norms": 0}
TOKENS, WIDTH, PER_CELL = 15_360, 256, 16 + 2 * 16  # of a projection; and of a step: 2 states and a low-rank step size
ON_TOP = {
    "ViT encoder, all frames (frozen)": 12 * 5 * 2 * 192**2 * 768,  # attention products
    "GSM: scans": TOKENS * WIDTH * PER_CELL * (4 * 2 + 4 * 6),  # two projections and six directions a block
    "LRM: scans": TOKENS * WIDTH * PER_CELL * (2 * 2 + 2 * 2),
    "GSM: STMM, spatial": 4 * TOKENS * 9 * WIDTH * WIDTH // 8,  # deformable taps
    "GSM: STMM, temporal": 4 * TOKENS * 9 * WIDTH * WIDTH // 8,
}


@pytest.fixture(scope="module")
def counted() -> list[Part]:
    return count_parts()


def test_parts_are_those_of_the_breakdown(counted: list[Part]) -> None:
    assert [row.part for row in counted] == list(SPECIFIED)
    for row in counted:
        params, macs = SPECIFIED[row.part]
        assert row.params / 1e6 == pytest.approx(params, abs=5.1e-4 if row.part == "total" else 1.1e-4), row.part
        assert row.macs_paper / 1e9 == pytest.approx(macs, abs=5.1e-4), row.part


def test_true_counts_add_attention_scans_and_taps(counted: list[Part]) -> None:
    for row in counted:
        on_top = ON_TOP.get(row.part, 0) if row.part != "total" else sum(ON_TOP.values())
        layers = LAYERS.get(row.part, SPECIFIED[row.part][1])
        assert (row.macs_true - on_top) / 1e9 == pytest.approx(layers, abs=5.1e-4), row.part


def test_parts_add_up_to_the_total(counted: list[Part]) -> None:
    *parts, total = counted
    assert sum(parts, Part(TOTAL, 0, 0, 0)) == total
    assert sum(row.macs_true for row in parts) == total.macs_true


def test_other_forms_have_the_parts_that_they_have() -> None:
    low, no_stmm = ([row.part for row in count_parts(f"glsmamba-{name}")] for name in ("blr", "b-no-stmm"))
    assert "deconvolutions" not in low  # its head holds them
    assert not [part for part in no_stmm if "STMM" in part]


def test_a_part_without_a_name_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(parts.INSIDE, "gate_norm")
    with pytest.raises(InputError, match="its parts do not add up to the whole"):
        count_parts()
    with pytest.raises(InputError, match="trans-lr is not a GLSMamba"):
        count_parts("trans-lr")


def test_the_table_is_written_whole(counted: list[Part], tmp_path: Path) -> None:
    csv, markdown = write_parts(counted, tmp_path / "parts")
    assert pd.read_csv(csv).equals(pd.DataFrame(counted))
    lines = markdown.read_text(encoding="utf-8").splitlines()
    assert lines[0] == "| part | trained, M | `paper`, G | `true`, G |"
    assert lines[3] == "| deconvolutions | 4.195 | 28.205 | 7.046 |"
    assert len(lines) == 2 + len(counted)
