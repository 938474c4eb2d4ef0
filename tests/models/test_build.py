"""Building variants by name."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch

import models
from base.closure import closure
from base.errors import InputError
from models.video.clips import ClipModel
from studies import variants
from studies.scales import scale_named

ROOT = Path(__file__).resolve().parents[2]
SMALL = scale_named("small")


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
