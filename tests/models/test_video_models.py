"""The video models: blocks against the same written out, frozen parts, switches, and what their outputs depend on."""

import literal
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

import models
from base.closure import closure
from base.errors import InputError
from models.ssm import backend_in_use
from models.ssm.orders import VIDEO_PAIRS, video_order
from models.video.blocks import ChannelAttention, GatedBlock, VideoScan
from models.video.clips import sine_cosine
from models.video.glsmamba import GlobalScan, Modulator, WindowScan

SMALL = {"encoder": "tiny", "image_height": 32, "image_width": 32}
SCANNING = {"frames": 3, "width": 16, "deconv_width": 8} | SMALL
NETWORKS = {
    "glsmamba-b": SCANNING | {"global_blocks": 1, "local_blocks": 1, "window_height": 4, "window_width": 2},
    "glsmamba-blr": SCANNING | {"global_blocks": 1, "local_blocks": 1, "window_height": 1, "window_width": 2},
    "glsmamba-b-backbone": SCANNING,
    "videomamba-b": SCANNING | {"depth": 2},
    "trans-lr": SMALL | {"frames": 3, "width": 128, "depth": 1, "heads": 4, "deconv_width": 8},
    "trans-nr": SMALL | {"frames": 3, "width": 16, "depth": 1, "heads": 4, "deconv_width": 8},
    "trans-hr": SMALL | {"frames": 3, "width": 16, "depth": 1, "heads": 4, "deconv_width": 8},
    "vitpose-b": SMALL | {"frames": 3, "deconv_width": 8},
}


def build(name: str, **overrides) -> nn.Module:
    """A small network whose deformable convolutions do have offsets and whose heatmaps are not near zero."""
    torch.manual_seed(0)
    model = models.build(name, **NETWORKS[name] | overrides).eval()
    for layer in model.modules():
        if isinstance(layer, Modulator):
            nn.init.normal_(layer.last.weight, std=0.3)
        if isinstance(layer, nn.ConvTranspose2d):
            nn.init.normal_(layer.weight, std=0.1)
    return model


def clips(batch: int = 2, frames: int = 3, seed: int = 1) -> Tensor:
    return torch.randn(batch, frames, 3, 32, 32, generator=torch.Generator().manual_seed(seed))


# --- written out ------------------------------------------------------------------------------------------


def scanned(w: dict[str, Tensor], k: int, x: Tensor, name: str, window: tuple[int, int]) -> Tensor:
    """One direction over x (T, h, w, width), token by token; k is the set of weights."""
    tokens, y = x.flatten(0, 2), torch.zeros_like(x).flatten(0, 2)
    A, h = -torch.exp(w["A_log"][k]), torch.zeros_like(w["A_log"][k])
    R, N = w["dt_proj"].shape[2], A.shape[1]
    for i in video_order(name, *x.shape[:3], window).tolist():
        rho, B, C = (w["x_proj"][k] @ tokens[i]).split([R, N, N])
        delta = F.softplus(w["dt_proj"][k] @ rho + w["dt_bias"][k])
        h = torch.exp(delta[:, None] * A) * h + delta[:, None] * B * tokens[i][:, None]
        y[i] = h @ C + w["D"][k] * tokens[i]
    return y.view_as(x)


def pair_scanned(w: dict[str, Tensor], x: Tensor, pair: str, window: tuple[int, int] = (8, 6)) -> Tensor:
    return sum(scanned(w, k % len(w["D"]), x, name, window) for k, name in enumerate(VIDEO_PAIRS[pair]))


def depthwise(w: dict[str, Tensor], x: Tensor) -> Tensor:
    y = F.conv2d(x.permute(0, 3, 1, 2), w["weight"], w["bias"], padding=1, groups=x.shape[3])
    return y.permute(0, 2, 3, 1)


def modulated(w: dict[str, Tensor], y: Tensor, unified: Tensor) -> Tensor:
    """STMM's deformable convolution of y (T, h, w, 16): 8 groups, offsets for each half of the channels."""
    hidden = F.gelu(literal.norm(w, "norm.", depthwise(part(w, "conv."), y + unified), 1e-6))
    offsets = hidden @ w["last.weight"].T + w["last.bias"]
    weight, out = w["deform.weight"], torch.zeros_like(y)
    for t, r, c in torch.cartesian_prod(*(torch.arange(n) for n in y.shape[:3])).tolist():
        for half in range(2):
            window = []
            for q in range(9):
                row, column = offsets[t, r, c, half * 18 + 2 * q : half * 18 + 2 * q + 2]
                window.append(literal.bilinear(y[t], r + q // 3 - 1 + row, c + q % 3 - 1 + column))
            for channel in range(half * 8, half * 8 + 8):
                first = channel - channel % 2
                read = torch.stack(window, -1)[first : first + 2]  # (2, 9)
                out[t, r, c, channel] = (weight[channel].flatten(1) * read).sum() + w["deform.bias"][channel]
    return out


def global_block(w: dict[str, Tensor], x: Tensor) -> Tensor:
    """GLSMamba's GSM block (docs/glsmamba.md) on one clip (T, h, w, width)."""
    u = literal.norm(w, "norm.", x, 1e-6)
    hidden = F.relu(w["attention.fc1.weight"] @ u.mean((1, 2)).flatten() + w["attention.fc1.bias"])
    weights = torch.sigmoid(w["attention.fc2.weight"] @ hidden + w["attention.fc2.bias"])
    u = u * weights.view(len(x), 1, 1, -1)
    gate = F.silu(literal.norm(w, "gate_norm.", depthwise(part(w, "gate_conv."), u), 1e-6))
    m, scan = F.silu(depthwise(part(w, "conv."), u)), part(w, "mixer.scan.")
    unified = pair_scanned(scan, m, "unified")
    y = unified
    for i, pair in enumerate(("spatial", "temporal")):
        y = y + modulated(part(w, f"mixer.modulators.{i}."), pair_scanned(scan, m, pair), unified)
    return with_mlp(w, x + literal.norm(w, "output_norm.", y, 1e-6) * gate)


def with_mlp(w: dict[str, Tensor], x: Tensor) -> Tensor:
    hidden = F.gelu(literal.norm(w, "mlp_norm.", x, 1e-6) @ w["mlp.0.weight"].T + w["mlp.0.bias"])
    return x + hidden @ w["mlp.2.weight"].T + w["mlp.2.bias"]


def part(w: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {key.removeprefix(prefix): value for key, value in w.items() if key.startswith(prefix)}


def random_weights(module: nn.Module) -> dict[str, Tensor]:
    """Every parameter drawn anew, so that none of them can be left out unnoticed."""
    draw = torch.Generator().manual_seed(7)
    with torch.no_grad():
        for parameter in module.double().parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=draw, dtype=torch.float64) * 0.5)
    return {name: p.detach() for name, p in module.named_parameters()}


def features(*shape: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(3), dtype=torch.float64)


@pytest.mark.parametrize("backend", ["reference", backend_in_use()])
@pytest.mark.parametrize("pair", VIDEO_PAIRS)
@pytest.mark.parametrize("sets", [1, 2])
def test_scans_equal_the_recurrence(pair, sets, backend):
    scan = VideoScan(20, d_state=3, sets=sets, backend=backend)
    weights, x = random_weights(scan), features(2, 3, 2, 4, 20)
    for y, clip in zip(scan(x, [pair], (2, 3))[0], x, strict=True):
        torch.testing.assert_close(y, pair_scanned(weights, clip, pair, (2, 3)), rtol=1e-9, atol=1e-9)


def test_pairs_share_their_weights():
    scan, x = VideoScan(16).double(), features(1, 3, 4, 4, 16)
    together = scan(x, ["unified", "spatial", "temporal"])
    for pair, y in zip(("unified", "spatial", "temporal"), together, strict=True):
        torch.testing.assert_close(y, scan(x, [pair])[0])


def test_a_global_block_equals_the_one_written_out():
    modulators = [Modulator(16) for _ in range(2)]
    mixer = GlobalScan(VideoScan(16, 4), ["unified", "spatial", "temporal"], modulators)
    block = GatedBlock(16, mixer, 2, ChannelAttention(3, 16, 16))
    weights, x = random_weights(block), features(2, 3, 4, 3, 16)
    for y, clip in zip(block(x), x, strict=True):
        torch.testing.assert_close(y, global_block(weights, clip), rtol=1e-8, atol=1e-8)


def test_a_local_block_equals_the_one_written_out():
    block = GatedBlock(16, WindowScan(VideoScan(16, 4), (2, 3), carry_state=True), 2)
    weights, x = random_weights(block), features(1, 3, 4, 3, 16)
    u = literal.norm(weights, "norm.", x[0], 1e-6)
    gate = F.silu(literal.norm(weights, "gate_norm.", depthwise(part(weights, "gate_conv."), u), 1e-6))
    m = F.silu(depthwise(part(weights, "conv."), u))
    y = pair_scanned(part(weights, "mixer.scan."), m, "windowed", (2, 3))
    expected = with_mlp(weights, x[0] + literal.norm(weights, "output_norm.", y, 1e-6) * gate)
    torch.testing.assert_close(block(x)[0], expected, rtol=1e-9, atol=1e-9)


def test_windows_that_start_from_zero_do_not_see_each_other():
    scan, x = VideoScan(16).double(), features(1, 3, 4, 6, 16)
    carried, alone = (WindowScan(scan, (2, 3), carry)(x) for carry in (True, False))
    tube = x[:, :, 2:, 3:].contiguous()
    torch.testing.assert_close(alone[:, :, 2:, 3:], scan(tube, ["spatial"])[0])
    assert (carried - alone).abs().max() > 0.01 * carried.abs().max()
    with pytest.raises(InputError, match="windows of 2x4 do not fill 4x6 cells: set window_height, window_width"):
        WindowScan(scan, (2, 4), carry_state=False)(x)


def test_embedding_of_places():
    table = sine_cosine(4, 3, 8)
    for h, w, c in ((0, 0, 0), (3, 2, 1), (2, 1, 6)):
        place, i = (h, c) if c < 4 else (w, c - 4)
        angle = torch.tensor(place * 1e4 ** (-(i % 2) / 2))
        torch.testing.assert_close(table[h, w, c], angle.sin() if i < 2 else angle.cos())


# --- the networks -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NETWORKS)
def test_clips_become_heatmaps_of_the_key_frame(name):
    model, x = build(name), clips()
    y = model(x)
    assert y.shape == (2, 15, 8, 8)
    torch.testing.assert_close(model(x[1:])[0], y[1])  # clips of a batch do not see each other
    encoded = model.encode(x.flatten(0, 1)).unflatten(0, (2, 3))
    assert encoded.shape == (2, 3, 128, 2, 2)
    torch.testing.assert_close(model.decode(encoded), y)
    assert model.image == (32, 32)


@pytest.mark.parametrize("blocks", [True, False])
@pytest.mark.parametrize("name", NETWORKS)
def test_every_frame_counts_except_in_a_single_frame_network(name, blocks):
    """Without blocks as well: the head reads all frames."""
    model, x = build(name), clips()
    if not blocks and name != "vitpose-b":
        del model.blocks[:]
    y = model(x)
    for t in range(3):
        changed = x.clone()
        changed[:, t] += 1
        if name != "vitpose-b" or t == 1:
            assert (model(changed) - y).abs().max() > 0.05 * y.abs().max()
        else:
            assert torch.equal(model(changed), y)


@pytest.mark.parametrize("name", [n for n in NETWORKS if n != "trans-hr"])
def test_one_frame_is_a_clip(name):
    assert build(name, frames=1)(clips(frames=1)).shape == (2, 15, 8, 8)


@pytest.mark.parametrize("name", ["glsmamba-b", "videomamba-b", "trans-nr"])
def test_the_frozen_encoder_stays_as_it_is_and_the_rest_trains(name):
    model = build(name).train()
    assert not any(layer.training for layer in model.encoder.modules())
    assert model.deconvs.training
    before = {key: value.clone() for key, value in model.state_dict().items()}
    assert not model.encode(clips()[0].requires_grad_()).requires_grad
    optimiser = torch.optim.SGD(model.parameters(), lr=0.1)
    model(clips()).square().mean().backward()
    optimiser.step()
    assert all((p.grad is None) == key.startswith("encoder.") for key, p in model.named_parameters())
    changed = {key for key, value in model.state_dict().items() if not torch.equal(value, before[key])}
    assert not any(key.startswith("encoder.") for key in changed)
    assert {"deconvs.0.weight", "deconvs.1.running_mean", "embedding.times"} <= changed


def test_frozen_deconvolutions_keep_their_statistics():
    model = build("glsmamba-b", freeze_deconv=True).train()
    before = model.deconvs[1].running_mean.clone()
    model(clips()).sum().backward()
    assert torch.equal(model.deconvs[1].running_mean, before)
    assert not any(p.requires_grad for p in model.deconvs.parameters())


def test_a_single_frame_network_trains_its_encoder_unless_frozen():
    for freeze in (False, True):
        model = build("vitpose-b", freeze_encoder=freeze).train()
        model(clips()).sum().backward()
        assert (model.encoder.pos_embed.grad is None) == freeze
        assert model.encoder.training != freeze


@pytest.mark.parametrize("name", ["glsmamba-b", "glsmamba-blr", "videomamba-b"])
def test_backends_agree(name):
    outputs = []
    for backend in ("reference", backend_in_use()):
        outputs.append(build(name, backend=backend)(clips()))
    torch.testing.assert_close(*outputs, rtol=1e-4, atol=1e-5)


SWITCHES = [
    {"path4": "reverse"},
    {"spatial_scan": False},
    {"temporal_scan": False},
    {"stmm": False},
    {"channel_attention": "before-norm"},
    {"channel_attention": "none"},
    {"offsets": "bottleneck"},
    {"kernel_start": "kaiming"},
    {"window_height": 2},
    {"carry_state": False},
    {"scan_sets": 1},
    {"output_norm": False},
]


@pytest.mark.parametrize("switch", SWITCHES, ids=lambda s: "-".join(f"{k}={v}" for k, v in s.items()))
def test_every_switch_changes_the_heatmaps(switch):
    """With the same weights wherever both networks have them, so that the switch is the only difference."""
    plain, switched = build("glsmamba-b"), build("glsmamba-b", **switch)
    own = switched.state_dict()
    started = "kernel_start" in switch  # then the kernels are what differs
    for key, value in plain.state_dict().items():
        if key in own and own[key].shape == value.shape and not (started and key.endswith("deform.weight")):
            own[key] = value
    switched.load_state_dict(own)
    heatmaps = plain(clips())
    # 6e-4 where it does least; single precision leaves 3e-7.
    assert (switched(clips()) - heatmaps).abs().max() > 1e-4 * heatmaps.abs().max()


def test_an_edit_of_one_network_concerns_its_own_runs_only():
    for mine, others in {
        "glsmamba": ("baselines", "transformers"),
        "baselines": ("glsmamba", "deform"),
        "transformers": ("glsmamba", "blocks"),
        "vitpose": ("glsmamba", "blocks"),
    }.items():
        files = closure(f"models.video.{mine}", "models")
        assert {f"models/video/{mine}.py", "models/video/vit.py"} <= set(files)
        assert not {f"models/video/{other}.py" for other in others} & set(files)
        assert not any(file.startswith("models/lifting/") for file in files)
    assert not any(file.startswith("models/video/") for file in closure("models.lifting.posemamba", "models"))


def test_without_offsets_and_from_identity_stmm_starts_as_the_sum_of_the_pairs():
    torch.manual_seed(0)
    model = models.build("glsmamba-b", **NETWORKS["glsmamba-b"]).eval()
    plain = models.build("glsmamba-b-no-stmm", **NETWORKS["glsmamba-b"]).eval()
    plain.load_state_dict({k: v for k, v in model.state_dict().items() if k in plain.state_dict()})
    torch.testing.assert_close(model(clips()), plain(clips()))


@pytest.mark.parametrize("name", ["glsmamba-b", "trans-lr", "vitpose-b"])
def test_training_lowers_the_loss(name):
    model = build(name).train()
    x, target = clips(), torch.rand(2, 15, 8, 8, generator=torch.Generator().manual_seed(2))
    optimiser, losses = torch.optim.AdamW(model.parameters(), lr=5e-3), []
    for _ in range(20):
        loss = F.mse_loss(model(x), target)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert losses[-1] < 0.5 * losses[0]


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ((1, 5, 3, 32, 32), "built for 3 frames, the clip has 5: set frames=5"),
        ((1, 3, 3, 32, 48), "built for 32x32 images, the clip has 32x48: set image_height and image_width"),
        ((1, 3, 1, 32, 32), r"takes clips \(B, T, 3, H, W\), not a tensor of shape \(1, 3, 1, 32, 32\)"),
        ((3, 3, 32, 32), r"takes clips \(B, T, 3, H, W\)"),
    ],
)
@pytest.mark.parametrize("name", ["glsmamba-b", "trans-lr", "vitpose-b"])
def test_wrong_clips_are_named(name, shape, message):
    with pytest.raises(InputError, match=message):
        build(name)(torch.zeros(shape))


@pytest.mark.parametrize(
    ("name", "hyper", "message"),
    [
        ("glsmamba-b", {"frames": 4}, "frames=4: a clip needs an odd number"),
        ("glsmamba-b", {"encoder": "huge"}, "unknown encoder 'huge'; did you mean|known: tiny, s, b, l, h"),
        ("glsmamba-b", {"image_width": 40}, "image 32x40: choose a height and width divisible by 16"),
        ("glsmamba-b", {"path4": "column"}, "unknown path4 'column': choose columns or reverse"),
        ("glsmamba-b", {"channel_attention": "yes"}, "unknown channel_attention 'yes': choose after-norm"),
        ("glsmamba-b", {"offsets": "dense"}, "unknown offsets 'dense': choose separable or bottleneck"),
        ("glsmamba-b", {"resolution": "middle"}, "unknown resolution 'middle': choose high or low"),
        ("glsmamba-b", {"scan_sets": 6}, "scan_sets=6: give 2"),
        ("glsmamba-b", {"window_width": 0}, "window_width=0 is not a whole number from 1 to"),
        ("glsmamba-b", {"width": 20}, "20 channels in 8 groups"),
        ("glsmamba-b-backbone", {"width": 18}, "width=18: the position embedding needs a width divisible by 4"),
        ("glsmamba-b", {"backend": "cuda"}, "unknown backend 'cuda'"),
        ("trans-lr", {"resolution": "full"}, "unknown resolution 'full': choose low, middle, high"),
        ("trans-lr", {"width": 64}, "width=64: the transformer at resolution low needs the encoder's 128"),
        ("trans-nr", {"width": 18}, "width=18: the transformer at resolution middle needs a multiple of heads=4"),
    ],
)
def test_wrong_hyper_parameters_are_named(name, hyper, message):
    with pytest.raises(InputError, match=message):
        build(name, **hyper)
