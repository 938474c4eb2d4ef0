"""Building variants by name, and their exact sizes."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch
from costs import costs
from torch.utils.flop_counter import FlopCounterMode

import models
from base.closure import closure
from base.errors import InputError
from models.video.clips import ClipModel
from studies import variants
from studies.scales import scale_named
from workflow.measuring.meta import on_meta

ROOT = Path(__file__).resolve().parents[2]
SMALL = scale_named("small")

# Trainable parameters, and multiply-accumulates a clip of linear maps, convolutions, projections and the recurrence
# (scan: state update and output), both obtained from the released modules.
SIZES = {
    "posemamba-s": (1_470_211, 6_526_319_040),
    "posemamba-b": (4_742_659, 20_497_691_520),
    "posemamba-l": (9_450_499, 40_992_739_200),
    "posemamba-x": (33_318_915, 141_545_905_920),
    "posemamba-12x64": (889_091, 3_916_320_192),
    "posemamba-16x64": (1_179_651, 5_221_319_616),
    "posemamba-24x64": (1_760_771, 7_831_318_464),
    "posemamba-32x64": (2_341_891, 10_441_317_312),
    "posemamba-40x64": (2_923_011, 13_051_316_160),
    "posemamba-48x64": (3_504_131, 15_661_315_008),
    "posemamba-40x32": (1_010_947, 4_664_394_720),
    "posemamba-12x256": (10_044_419, 42_467_473_152),
    "posemamba-s-27": (1_456_387, 725_146_560),
    "posemamba-s-81": (1_459_843, 2_175_439_680),
    "posemamba-b-81": (4_721_923, 6_832_563_840),
    "sasmamba": (951_351, 4_120_424_640),
    "sasmamba-large": (5_572_459, 23_924_108_160),
    "sasmamba-27": (937_591, 457_854_336),
    "sasmamba-81": (941_047, 1_373_563_008),
    "sasmamba-k7": (6_942_551, 28_866_767_040),
}
SAME_AS_S = ["fs-ft", "fs-bt", "bs-ft", "bs-bt", "bidirectional", "exact"]
SIZES |= {f"posemamba-s-{mode}": SIZES["posemamba-s"] for mode in SAME_AS_S}


@pytest.mark.parametrize("name", SIZES)
def test_sizes_are_those_of_the_released_modules(name):
    assert costs(name, "true") == [SIZES[name]]


@pytest.mark.parametrize("name", ["posemamba-s-27", "sasmamba-27"])
def test_pytorch_counts_the_same(name):
    model, clip = on_meta(name)
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        model(clip)
    assert counter.get_total_flops() / 2 == SIZES[name][1]


def test_third_party_size():
    """A log by others: 790,083 parameters for width 64, 12 blocks, MLP ratio 1, three input channels."""
    model = models.build("posemamba-s", depth=6, mlp_ratio=1, in_channels=3)
    assert sum(p.numel() for p in model.parameters()) == 790_083


def answer(model: ClipModel, height: int, width: int) -> tuple[int, ...]:
    """The shape of what a network gives for two clips of video."""
    assert model.joints == (17 if model.layouts else 15)
    return (2, model.joints, 3) if model.emits == "coordinates" else (2, model.joints, height // 4, width // 4)


@pytest.mark.parametrize("name", models.variants())
def test_every_variant_maps_clips_to_poses_or_heatmaps(name):
    with torch.device("meta"), torch.no_grad():
        models.build(name)  # of full size; what it computes is seen as well in the small one
        model = models.build(name, **SMALL.hyper(variants.variant(name)))
        if ".video." in variants.variant(name).model:
            height, width = model.image
            assert model(torch.empty(2, model.frames, 3, height, width)).shape == answer(model, height, width)
        else:
            poses = model(torch.empty(2, model.frames, 17, model.in_channels))
            assert model.emits == variants.variant(name).emits
            assert poses.shape == (2, model.emitted_frames, 17, 3)


def test_unknown_names_are_answered_with_the_nearest():
    with pytest.raises(InputError, match="unknown variant 'posemambas'; did you mean 'posemamba-s'"):
        models.build("posemambas")
    with pytest.raises(InputError, match=r"'posemamba-s' has no hyper-parameter 'widht' .*width"):
        models.build("posemamba-s", widht=3)


def test_inheritance():
    resolved = variants.resolve_variants()
    assert resolved["posemamba-s-27-exact"] == variants.Variant(
        name="posemamba-s-27-exact",
        label="PoseMamba-S, T=27, exact gradient",
        model="models.lifting.posemamba.PoseMamba",
        family="posemamba",
        hyper=resolved["posemamba-s"].hyper | {"frames": 27, "gradient": "exact"},
    )
    assert set(resolved) == set(models.variants())


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: {label: A, like: b}", "a.like: unknown variant 'b'"),
        ("a: {label: A, like: b}\nb: {label: B, like: a}", "goes round in a circle"),
        ("a: {label: A, model: m.M, family: f}", "a: key .hyper. is missing"),
        ("a: {label: A, like: b, hypr: {}}", "a: unknown key 'hypr'"),
    ],
)
def test_mistakes_in_the_file_are_named(monkeypatch, tmp_path, text, message):
    path = tmp_path / "variants.yaml"
    path.write_text(text)
    monkeypatch.setattr(variants, "FILE", path)
    with pytest.raises(InputError, match=message):
        variants.resolve_variants.__wrapped__()


def test_an_edit_of_one_model_concerns_its_own_runs_only():
    for mine, other in (("posemamba", "sasmamba"), ("sasmamba", "posemamba")):
        files = closure(f"models.lifting.{mine}", "models")
        assert f"models/lifting/{mine}.py" in files
        assert f"models/lifting/{other}.py" not in files
        assert "models/ssm/native.py" in files


@pytest.mark.parametrize(
    ("code", "absent"),
    [
        ("import models; models.variants()", "models.lifting"),
        ("import studies.variants as v; v.resolve_variants()", "torch"),
    ],
)
def test_nothing_is_imported_before_it_is_needed(code, absent):
    code += f"; import sys; sys.exit(any(m.startswith({absent!r}) for m in sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT).returncode == 0
