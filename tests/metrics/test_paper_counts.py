"""The papers' models: every printed count and the true one, to the last digit.

Source: thop 0.1.1 on the released codes (`paper`), and closed forms of every multiply-accumulate with the recurrence
(`true`).
"""

import pytest
import torch
from costs import costs

import models
from metrics.efficiency import count
from workflow.measuring.meta import on_meta

# variant: true parameters, the papers' parameters, C1, C5
COUNTS = {
    "posemamba-s": (1_470_211, 859_651, 3_587_426_496, 6_526_319_040),
    "posemamba-b": (4_742_659, 3_357_699, 13_943_083_392, 20_497_691_520),
    "posemamba-l": (9_450_499, 6_713_859, 27_881_407_872, 40_992_739_200),
    "posemamba-x": (33_318_915, 26_534_915, 109_908_658_944, 141_545_905_920),
    "posemamba-12x64": (889_091, 516_099, 2_153_407_680, 3_916_320_192),
    "posemamba-16x64": (1_179_651, 687_875, 2_870_417_088, 5_221_319_616),
    "posemamba-24x64": (1_760_771, 1_031_427, 4_304_435_904, 7_831_318_464),
    "posemamba-32x64": (2_341_891, 1_374_979, 5_738_454_720, 10_441_317_312),
    "posemamba-40x64": (2_923_011, 1_718_531, 7_172_473_536, 13_051_316_160),
    "posemamba-48x64": (3_504_131, 2_062_083, 8_606_492_352, 15_661_315_008),
    "posemamba-40x32": (1_010_947, 449_667, 1_894_179_168, 4_664_394_720),
    "posemamba-12x256": (10_044_419, 7_962_627, 32_979_260_160, 42_467_473_152),
    "posemamba-s-27": (1_456_387, 859_651, 398_602_944, 725_146_560),
    "posemamba-s-81": (1_459_843, 859_651, 1_195_808_832, 2_175_439_680),
    "posemamba-b-81": (4_721_923, 3_357_699, 4_647_694_464, 6_832_563_840),
    "sasmamba": (951_351, 624_951, 2_603_918_016, 4_120_424_640),
    "sasmamba-large": (5_572_459, 4_136_299, 17_179_143_552, 23_924_108_160),
    "sasmamba-27": (937_591, 625_015, 289_353_600, 457_854_336),
    "sasmamba-81": (941_047, 625_015, 868_060_800, 1_373_563_008),
    "sasmamba-k7": (6_942_551, 6_564_951, 27_138_753_216, 28_866_767_040),
}  # fmt: skip
# fvcore 0.1.5 on the released codes. It rounds einsum to 4 digits, and our modules call it in other portions. Released
# deformable taps are a kernel that fvcore does not know; ours are a matrix product that it counts.
FVCORE = {
    "posemamba-s": 5_306_329_280,
    "posemamba-s-27": 589_569_920,
    "sasmamba-27": 384_851_776 + 2 * 64 * 9 * 10 * 17 * 27,
}
SCANS = ["fs-ft", "fs-bt", "bs-ft", "bs-bt", "bidirectional"]


def example(frames: int, channels: int) -> torch.Tensor:
    return torch.empty(1, frames, 17, channels, device="meta")


@pytest.mark.parametrize("variant", COUNTS)
def test_counts_to_the_last_digit(variant):
    true_params, paper_params, c1, c5 = COUNTS[variant]
    assert costs(variant, "true", "paper") == [(true_params, c5), (paper_params, c1)]


@pytest.mark.parametrize("change", [*SCANS, "exact"])
def test_neither_the_scan_mode_nor_the_exact_gradient_costs_anything(change):
    assert costs(f"posemamba-s-{change}", "paper", "true") == costs("posemamba-s", "paper", "true")


@pytest.mark.parametrize(("variant", "params"), [("sasmamba", 637_751), ("sasmamba-large", 4_187_499)])
def test_sasmamba_with_the_deformable_weights(variant, params):
    assert costs(variant, "paper-leaf")[0][0] == params


def test_what_the_papers_leave_out_is_listed_with_its_size():
    model, x = models.build("posemamba-s"), example(243, 2)
    hidden = count(model, x, "paper").excluded
    sizes = [int(line.split(": ")[1].split()[0].replace(",", "")) for line in hidden if line.endswith(" parameters")]
    assert sum(sizes) == 1_470_211 - 859_651
    scan = [line for line in count(model, x, "true").excluded if "selective_scan" in line]
    assert scan == [f"ssmpose::selective_scan: all but the {1_353_646_080 + 169_205_760:,} MACs of its formula"]


@pytest.mark.slow
@pytest.mark.parametrize("variant", FVCORE)
def test_fvcore_agrees_with_the_released_code_up_to_its_rounding(variant):
    params, macs = costs(variant, "fvcore")[0]
    assert macs == pytest.approx(FVCORE[variant], rel=1e-4)
    assert params == COUNTS[variant][0]


@pytest.mark.slow
@pytest.mark.parametrize("variant", FVCORE)
def test_fvcore_leaves_out_the_scan(variant):
    result = count(*on_meta(variant), "fvcore")
    assert any(line.startswith("ssmpose::selective_scan: ") for line in result.excluded)


def test_a_frozen_network_has_the_weights_of_any_other():
    net = models.build("posemamba-s").requires_grad_(False)
    counted = count(net, example(243, 2), "true")
    assert (counted.params, counted.frozen, counted.trained) == (1_470_211, 1_470_211, 0)
    assert count(models.build("posemamba-s"), example(243, 2), "true").frozen == 0
