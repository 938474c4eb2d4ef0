"""PoseMamba and SasMamba against the same networks written out token by token, and how they are initialised."""

import math

import literal
import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

import models
from base.errors import InputError
from models.lifting.parts import Block
from models.ssm.orders import SCAN_MODES

FRAMES = 3


def posemamba(weights: dict[str, Tensor], **overrides) -> nn.Module:
    """A small PoseMamba in float64 that holds these official weights."""
    hyper = {"frames": FRAMES, "width": 20, "depth": 2, "backend": "reference"} | overrides
    return models.load_published(models.build("posemamba-s", **hyper).double(), weights).eval()


def sasmamba(weights: dict[str, Tensor], **overrides) -> nn.Module:
    hyper = {"frames": FRAMES, "width": 20, "depth": 2, "backend": "reference"} | overrides
    return models.load_published(models.build("sasmamba", **hyper).double(), weights).eval()


def clip(channels: int = 2, frames: int = FRAMES) -> Tensor:
    return torch.randn(frames, 17, channels, dtype=torch.float64, generator=torch.Generator().manual_seed(5))


@pytest.mark.parametrize("scan", SCAN_MODES)
def test_posemamba_equals_the_written_out_network(scan):
    weights = literal.official_weights(20, 2, FRAMES)
    ours = posemamba(weights, scan=scan)(clip()[None])[0]
    torch.testing.assert_close(ours, literal.network(weights, clip(), scan, "exact"), rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("kernel", [1, 3])
def test_sasmamba_equals_the_written_out_network(kernel):
    weights = literal.official_weights(20, 2, FRAMES, kernel, in_channels=3)
    ours = sasmamba(weights, kernel=kernel, in_channels=3)(clip(3)[None])[0]
    torch.testing.assert_close(ours, literal.network(weights, clip(3), "stride", "exact"), rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize(("build", "scan", "kernel"), [(posemamba, "global-local", None), (sasmamba, "stride", 3)])
def test_released_and_exact_gradients(build, scan, kernel):
    """`released` differentiates as if the added neighbours were constants, `exact` is the derivative; they differ."""
    weights = literal.official_weights(4, 1, FRAMES, kernel)
    by_mode = {}
    for gradient in ("released", "exact"):
        x = clip().requires_grad_()
        leaf = {key: value.clone().requires_grad_() for key, value in weights.items()}
        literal.network(leaf, x, scan, gradient).pow(2).sum().backward()
        ours = clip().requires_grad_()
        model = build(weights, width=4, depth=1, gradient=gradient)
        model(ours[None]).pow(2).sum().backward()
        torch.testing.assert_close(ours.grad, x.grad, rtol=1e-9, atol=1e-9)
        theirs = leaf["STEblocks.0.op.in_proj.weight"].grad
        torch.testing.assert_close(model.space_blocks[0].mixer.in_proj.weight.grad, theirs, rtol=1e-9, atol=1e-9)
        by_mode[gradient] = ours.grad
    relative = (by_mode["released"] - by_mode["exact"]).norm() / by_mode["exact"].norm()
    assert relative > 0.01


def test_clips_of_a_batch_do_not_see_each_other():
    model = posemamba(literal.official_weights(20, 2, FRAMES))
    one, other = clip(), clip() * 2 - 1
    torch.testing.assert_close(model(torch.stack([one, other]))[1], model(other[None])[0])


def test_a_shorter_clip_uses_the_first_rows_of_the_frame_table():
    weights = literal.official_weights(20, 2, FRAMES)
    ours = posemamba(weights)(clip(frames=2)[None])[0]
    expected = literal.network(weights, clip(frames=2), "global-local", "exact")
    torch.testing.assert_close(ours, expected, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("name", ["posemamba-s", "sasmamba"])
def test_backends_agree(name):
    from models.ssm import backend_in_use

    torch.manual_seed(0)
    model = models.build(name, frames=9, width=16, depth=2).eval()
    x, outputs = torch.randn(2, 9, 17, 2), []
    for backend in ("reference", backend_in_use()):
        for module in model.modules():
            if hasattr(module, "backend"):
                module.backend = backend
        outputs.append(model(x))
    torch.testing.assert_close(*outputs, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ((1, 4, 17, 2), "built for 3 frames, the clip has 4: build it with frames=4"),
        ((1, 3, 16, 2), "built for 17 joints, the clip has 16"),
        ((1, 3, 17, 3), "built for 2 channels, the clip has 3: set in_channels=3"),
        ((3, 17, 2), r"takes clips \(B, T, J, C\)"),
    ],
)
@pytest.mark.parametrize("name", ["posemamba-s", "sasmamba"])
def test_wrong_clips_are_named(name, shape, message):
    with pytest.raises(InputError, match=message):
        models.build(name, frames=3, width=4, depth=1)(torch.zeros(shape))


@pytest.mark.parametrize(
    ("name", "hyper", "message"),
    [
        ("posemamba-s", {"joints": 16}, "scan=global-local needs 17 joints"),
        ("posemamba-s", {"gradient": "true"}, "unknown gradient 'true': choose released or exact"),
        ("posemamba-s", {"scan": "global"}, "unknown scan mode 'global'"),
        ("posemamba-s", {"backend": "cuda"}, "unknown backend 'cuda'"),
        ("sasmamba", {"kernel": 4}, "kernel=4: a deformable convolution needs an odd kernel"),
    ],
)
def test_wrong_hyper_parameters_are_named(name, hyper, message):
    with pytest.raises(InputError, match=message):
        models.build(name, **{"frames": 3, "width": 4, "depth": 1} | hyper)


def test_other_skeletons_without_the_limb_scan():
    for name, hyper in {"posemamba-s": {"scan": "bidirectional"}, "sasmamba": {}}.items():
        model = models.build(name, frames=3, width=4, depth=1, joints=13, **hyper)
        assert model(torch.zeros(2, 3, 13, 2)).shape == (2, 3, 13, 3)


def test_initial_values_of_the_scan():
    torch.manual_seed(0)
    scan = models.build("posemamba-b", depth=1).space_blocks[0].mixer
    assert torch.equal(scan.D, torch.ones(4, 256))
    torch.testing.assert_close(scan.A_log.exp(), torch.arange(1.0, 17).expand(4, 256, 16))
    _assert_uniform(scan.x_proj, 256**-0.5)
    _assert_uniform(scan.dt_proj, 8**-0.5)
    log_step = softplus(scan.dt_bias.double()).log().flatten()
    assert log_step.min() >= math.log(0.001) - 1e-4
    assert log_step.max() <= math.log(0.1) + 1e-4
    _assert_uniform(log_step - math.log(0.01), math.log(10))


@pytest.mark.parametrize("name", ["posemamba-b", "sasmamba-large"])
def test_initial_values_of_the_modules(name):
    torch.manual_seed(0)
    model = models.build(name, depth=1)
    block = model.space_blocks[0]
    fan_ins = {block.mixer.in_proj: 128, block.mixer.out_proj: 256, block.mlp.fc1: 128, model.head: 128}
    conv = block.mixer.conv
    fan_ins |= {conv: 9} if isinstance(conv, nn.Conv2d) else {conv.offset_conv: 9 * 256, conv.dcn: 9}
    for module, fan_in in fan_ins.items():
        _assert_uniform(module.weight, fan_in**-0.5)
        if getattr(module, "bias", None) is not None:
            assert module.bias.abs().max() <= fan_in**-0.5
            assert module.bias.std() > 0.2 * fan_in**-0.5
    assert not model.joint_table.any()
    assert not model.frame_table.any()
    for norm in (m for m in model.modules() if isinstance(m, nn.LayerNorm)):
        assert torch.equal(norm.weight, torch.ones_like(norm.weight))
        assert not norm.bias.any()


def _assert_uniform(x: Tensor, bound: float) -> None:
    """Values fill [-bound, bound] evenly: its ends, mean, spread and quartile."""
    x = x.detach().flatten() / bound
    assert 0.97 < x.abs().max() <= 1.001
    tolerance = 5 / math.sqrt(len(x))
    assert abs(x.mean()) < tolerance
    assert abs(x.std() - 3**-0.5) < tolerance
    assert abs((x.abs() < 0.5).float().mean() - 0.5) < tolerance


def test_norms_have_the_released_epsilons():
    model = models.build("posemamba-s", depth=1)
    block = model.time_blocks[0]
    assert {n.eps for n in (model.space_norm, model.time_norm, block.norm1, block.norm2)} == {1e-6}
    assert {n.eps for n in (model.head_norm, block.mixer.norm)} == {1e-5}


def test_paths_are_dropped_more_often_with_depth():
    model = models.build("posemamba-s")
    for blocks in (model.space_blocks, model.time_blocks):
        assert [b.drop_path for b in blocks] == pytest.approx([0.2 * i / 9 for i in range(10)])
    assert models.build("posemamba-s", depth=1).space_blocks[0].drop_path == 0


def test_a_dropped_path_drops_whole_clips_in_training_only():
    class Double(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return torch.ones_like(x)

    torch.manual_seed(0)
    block = Block(4, Double(), 2, drop_path=0.25)
    nn.init.zeros_(block.mlp.fc2.weight)
    nn.init.zeros_(block.mlp.fc2.bias)
    x = torch.zeros(4000, 2, 3, 4)
    added = block(x)
    assert torch.equal(added, added[:, :1, :1, :1].expand_as(added))
    kept = added[:, 0, 0, 0] > 0
    torch.testing.assert_close(added[kept], torch.full_like(added[kept], 1 / 0.75))
    assert abs(kept.float().mean() - 0.75) < 0.03
    torch.testing.assert_close(block.eval()(x), torch.ones_like(x))


def test_the_two_branches_are_dropped_independently():
    class One(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return torch.ones_like(x)

    torch.manual_seed(0)
    block = Block(4, One(), 2, drop_path=0.5)
    nn.init.zeros_(block.mlp.fc2.weight)
    nn.init.constant_(block.mlp.fc2.bias, 10.0)
    sums = block(torch.zeros(400, 1, 1, 4))[:, 0, 0, 0]
    assert sorted(sums.unique().tolist()) == [0.0, 2.0, 20.0, 22.0]


@pytest.mark.parametrize("name", ["posemamba-s", "sasmamba"])
def test_training_lowers_the_loss(name):
    torch.manual_seed(0)
    model = models.build(name, frames=9, width=8, depth=1)
    x = torch.randn(4, 9, 17, 2)
    target = torch.stack([x[..., 0], x[..., 1], x.sum(-1)], -1)
    optimiser = torch.optim.AdamW(model.parameters(), lr=1e-2)
    losses = []
    for _ in range(30):
        loss = (model(x) - target).norm(dim=-1).mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert losses[-1] < 0.5 * losses[0]
    assert all(p.grad is not None and p.grad.isfinite().all() for p in model.parameters())
