"""The peers on video: what they cost to the last digit, what they compute, and that released weights fit them."""

import re

import pytest
import torch
from costs import costs
from gradients import silent
from torch import Tensor, nn
from torch.nn import functional as F

import models
from base.errors import InputError
from metrics.counting import count_modules, count_under
from models.checkpoints import as_released
from models.video import dcpose, dense_deform, dsta, fami, hrnet, official, posewarper
from models.video.clips import ClipModel
from workflow.measuring.meta import on_meta

SIZES = {384: {"image_height": 384, "image_width": 288}, 256: {"image_height": 256, "image_width": 192}}
# variant: parameters, those trained by the published recipe, those that the profiler sees, plain MACs, its MACs.
COUNTS = {
    "hrnet-w48": (63_595_745, 63_595_745, 63_595_745, 35_306_606_592, 35_542_229_760),
    "hrnet-w48-256": (63_595_745, 63_595_745, 63_595_745, 15_691_825_152, 15_796_546_560),
    "posewarper": (71_154_350, 7_558_605, 71_141_345, 437_395_680_000, 438_849_826_560),
    "posewarper-256": (71_154_350, 7_558_605, 71_141_345, 194_398_080_000, 195_044_367_360),
    "dcpose": (65_198_798, 1_603_053, 65_185_708, 116_961_960_960, 117_606_643_200),
    "dcpose-256": (65_198_798, 1_603_053, 65_185_708, 51_983_093_760, 52_269_619_200),
    "fami-pose": (64_655_204, 1_059_459, 64_572_068, 183_888_256_512, 184_481_544_192),
    "fami-pose-narrowed": (64_650_084, 1_054_339, 64_566_948, 81_728_111_104, 81_991_794_176),
    "tdmi-st": (66_466_819, 2_871_074, 66_293_186, 196_092_248_064, 196_170_360_624),
    "tdmi-st-256": (66_466_819, 2_871_074, 66_293_186, 87_152_123_904, 87_186_840_624),
    "tdmi": (65_450_131, 1_854_386, 65_359_634, 189_085_138_944, 189_716_653_872),
    "tdmi-256": (65_450_131, 1_854_386, 65_359_634, 84_037_853_184, 84_318_526_512),
    "dsta-r50": (24_745_407, 24_745_407, 23_576_775, 12_016_734_912, 12_144_369_344),
}
DSTA_384 = (24_745_407, 24_745_407, 23_576_775, 27_030_704_832, 27_322_015_424)  # at 384x288
DSTA_ON_VIT_H = 631_731_583  # parameters, by the inferred join
ENTRIES = {
    "hrnet-w48": 1754,
    "posewarper": 2010,
    "dcpose": 2215,
    "fami-pose": 1929,
    "tdmi-st": 2192,
    "dsta-r50": 505,
}  # of a state dictionary
FOUR, FIVE = range(4), range(5)


def several(*names: str, count: range) -> tuple[str, ...]:
    """Names with each of some numbers in place of {}."""
    return tuple(name.format(i) for name in names for i in count)


# Plain MACs, without those of deformable convolutions, and parameters of parts at 384x288; several parts as one.
PARTS = {
    "hrnet-w48": {
        "layer1": (1_953_497_088, 286_208),
        "transition1": (1_146_617_856, 332_064),
        "stage2": (2_372_861_952, 878_112),
        "transition2": (71_663_616, 166_272),
        "stage3": (14_699_003_904, 15_335_040),
        "transition3": (71_663_616, 664_320),
        "stage4": (14_683_078_656, 45_894_048),
        "final_layer": (5_640_192, 833),
    },
    "posewarper": {
        "encoder": (176_533_032_960, 63_595_745),
        "offset_features": (199_499_120_640, 5_783_040),
        several("warps.{}.offsets", count=FIVE): (60_914_073_600, 5 * 352_512),
        several("warps.{}.deform", count=FIVE): (449_452_800, 5 * 2_601),
    },
    "dcpose": {
        "encoder": (105_919_819_776, 63_595_745),
        "differences": (675_191_808, 99_670),
        "support": (292_425_984, 43_249),
        "steering": (847_521_792, 125_124),
        several("corrections.{}.offsets", count=FIVE): (6_091_407_360, 5 * 176_256),
        several("corrections.{}.masks", count=FIVE): (3_045_703_680, 5 * 88_128),
        several("corrections.{}.deform", count=FIVE): (89_890_560, 5 * 2_618),
    },
    "fami-pose": {
        "encoder": (176_533_032_960, 63_595_745),
        "shift": (297_352_704, 35_410),
        "calibration.merged": (1_066_991_616, 154_848),
        "calibration.joined": (461_832_192, 67_104),
        several("calibration.steps.{}.offsets", count=FOUR): (4 * 644_972_544, 4 * 93_528),
        several("calibration.steps.{}.masks", count=FOUR): (4 * 322_486_272, 4 * 46_764),
        several("calibration.steps.{}.deform", count=FOUR): (573_308_928, 4 * 20_784),
        "calibration.fused": (1_035_141_120, 150_432),
        "head": (50_761_728, 7_361),
    },
    "tdmi-st": {
        several("merged.{}", count=FOUR): (4 * 1_066_991_616, 4 * 154_848),
        several("joined.{}", count=FOUR): (4 * 461_832_192, 4 * 67_104),
        several("moved.{}.offsets", "moved.{}.masks", count=FOUR): (4 * 967_458_816, 4 * (93_528 + 46_764)),
        several("moved.{}.deform", count=FOUR): (573_308_928, 4 * 20_784),
        "smoothed": (3 * 302_579_712, 3 * 44_064),
        "useful": (12_288, 12_464),
        "noise": (12_288, 12_464),
        "fusion": (1_035_141_120, 150_432),
        "unused_head": (0, 7_361),
    },
}
MODULES = (1, 2, 2)  # of the stages here: a third in a row computes nothing else
TINY = {"encoder": "hrnet-w8", "image_height": 64, "image_width": 32}
NETWORKS = {
    "hrnet-w48": TINY,
    "posewarper": TINY | {"width": 8, "depth": 2},
    "dcpose": TINY | {"width": 8},
    "fami-pose": TINY | {"first_linear": "narrowed", "shift_width": 4, "shift_hidden": 8},
    "tdmi-st": TINY,
    "tdmi": TINY,
    "dsta-r50": TINY | {"encoder": "resnet-tiny", "width": 16, "depth": 2},
    "dsta-vit-b": TINY | {"encoder": "tiny", "width": 16, "depth": 2},
}
FAMILIES = list(NETWORKS)
DSTA = ("flow.", "merge.bias")  # the norm behind the merge takes a constant away
# Weights that answers do not depend on, by their beginnings: of layers for training alone, or for nothing.
UNUSED = {
    "fami-pose": ("encoder.final_layer.",),
    "tdmi-st": ("encoder.final_layer.", "noise.", "unused_head."),
    "tdmi": ("encoder.final_layer.", "noise.", "unused_head."),
    "dsta-r50": DSTA,
    "dsta-vit-b": DSTA,
}


@pytest.fixture(autouse=True)
def narrow(monkeypatch):
    """An HRNet of fewer channels and modules."""
    monkeypatch.setitem(hrnet.SIZES, "hrnet-w8", (64, (8, 16, 32, 64), MODULES))


def small(name: str, **overrides) -> ClipModel:
    """A shrunken network in float64 whose layers all say something."""
    torch.manual_seed(0)
    net = models.build(name, **NETWORKS[name] | overrides).double()
    with torch.no_grad():
        for key, value in net.named_parameters():
            value.add_((0.5 if value.ndim < 2 else value[0].numel() ** -0.5) * torch.randn_like(value))
            if ".offsets." in key or key.startswith("shift.9."):
                value.mul_(0.1)  # taps stay near their cells: in maps of noise, far ones magnify every rounding
            if key.endswith(".offsets.bias"):
                value.fill_(0.4)  # and between them: on a cell the derivative has a kink
        for layer in net.modules():
            if isinstance(layer, nn.BatchNorm2d):
                layer.momentum = 1.0
        net.train()(clips(net, 4))  # so that norms know their inputs: maps stay of one size through all layers
    return net.eval()


def clips(net: ClipModel, count: int = 2, seed: int = 1) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(count, *net.example_shape[1:], generator=generator, dtype=torch.float64)


@pytest.mark.parametrize("name", COUNTS)
def test_counts_are_those_of_the_released_code(name):
    (trained, macs), seen = costs(name, "true", "paper")
    params = sum(p.numel() for p in on_meta(name)[0].parameters())
    assert (params, trained, seen[0], macs, seen[1]) == COUNTS[name]


def test_counts_of_dsta_in_larger_crops_are_those_of_the_released_code():
    true, paper = count_under(("true", "paper"), *on_meta("dsta-r50", **SIZES[384])).values()
    assert (true.params, true.trained, paper.params, true.macs, paper.macs) == DSTA_384


@pytest.mark.parametrize("name", ENTRIES)
def test_state_dictionaries_have_as_many_entries_as_the_released_ones(name):
    assert len(on_meta(name)[0].state_dict()) == ENTRIES[name]


@pytest.mark.parametrize("name", PARTS)
def test_parts_cost_what_the_released_ones_do(name):
    network, clip = on_meta(name, **SIZES[384])
    counted = count_modules(network, clip)
    leaves = [key for key, module in network.named_modules() if next(module.children(), None) is None]
    prefix = "encoder." if name == "hrnet-w48" else ""

    def cost(part: str | tuple[str, ...]) -> tuple[int, int]:
        parts = tuple(f"{prefix}{each}." for each in ([part] if isinstance(part, str) else part))
        inside = [counted[key] for key in leaves if f"{key}.".startswith(parts)]
        return sum(leaf.true for leaf in inside), sum(leaf.params for leaf in inside)

    assert {part: cost(part) for part in PARTS[name]} == PARTS[name]


def test_the_profiler_sees_norms_and_layers_that_enlarge():
    (_, macs), (_, seen) = costs("hrnet-w48", "true", "paper")
    assert seen - macs == 4 * 57_039_552 + 7_464_960


def test_hrnet_by_part():
    network = on_meta("hrnet-w48")[0]
    stem = (network.encoder.conv1, network.encoder.bn1, network.encoder.conv2, network.encoder.bn2)
    assert sum(p.numel() for part in stem for p in part.parameters()) == 38_848
    assert sum(b.numel() for b in network.buffers()) == 79_876


@pytest.mark.parametrize("name", FAMILIES)
def test_gradients_reach_every_weight_that_is_used(name):
    net = small(name, freeze_encoder=False)
    unused = {key for key, _ in net.named_parameters() if key.startswith(UNUSED.get(name, "nothing"))}
    left = silent(net, clips(net))
    if left != unused:  # in one batch a small gradient may drown in the rounding of a hundred layers
        left &= silent(net, clips(net, seed=2))
    assert left == unused


@pytest.mark.parametrize("name", FAMILIES)
def test_clips_of_a_batch_do_not_see_each_other(name):
    net = small(name)
    inputs, order = clips(net, 3), torch.tensor([2, 0, 1])
    torch.testing.assert_close(net(inputs)[order], net(inputs[order]), rtol=1e-10, atol=1e-10)
    encoded = net.encode(inputs.flatten(0, 1)).unflatten(0, inputs.shape[:2])
    torch.testing.assert_close(net.decode(encoded), net(inputs))


@pytest.mark.parametrize("name", FAMILIES)
def test_single_precision_is_enough(name):
    net = small(name)
    inputs = clips(net)
    with torch.no_grad():
        exact, single = net(inputs), net.float()(inputs.float())
    # A hundred layers of noise make 2e-4 of a rounding of 6e-8, DCPose's on a processor without AVX the most.
    assert (exact - single).abs().max() < 1e-3 * exact.abs().max()


@pytest.mark.parametrize("name", FAMILIES)
def test_released_weights_load_strictly(name, tmp_path):
    """From every container, prefix and layout; one key more or less is refused in one line."""
    source, inputs = small(name), clips(small(name))
    wanted, channels = source(inputs), {"channels": "coco"} if name == "hrnet-w48" else {}
    target = small(name, **channels)
    for layout in source.layouts:
        theirs = as_released(source, layout)
        parallel = {f"module.{key}": value for key, value in theirs.items()}
        best = {"begin_epoch": 20, "state_dict": parallel, "optimizer": [{"state": {}}], "tensorboard_global_steps": 3}
        torch.save(best, tmp_path / "released.pth")
        for content in (theirs, parallel, {"meta": {"epoch": 1}, "state_dict": theirs}, tmp_path / "released.pth"):
            with torch.no_grad():
                for weight in target.parameters():
                    weight.zero_()
            models.load_published(target, content)
            torch.testing.assert_close(target(inputs), wanted, rtol=0, atol=0)
        first, before = next(iter(theirs)), {key: value.clone() for key, value in target.state_dict().items()}
        changed = {key: value + 1 for key, value in theirs.items()}
        for change, message in (
            (dict(list(changed.items())[1:]), f"does not fit the model: it lacks {first}; "),
            (changed | {"surplus": wanted}, "does not fit the model: it has surplus surplus; "),
            (changed | {first: wanted}, f"{first} is "),
        ):
            with pytest.raises(InputError, match=re.escape(message)) as told:
                models.load_published(target, change)
            assert "\n" not in str(told.value)
            assert all(torch.equal(value, before[key]) for key, value in target.state_dict().items())


@pytest.mark.parametrize("name", [name for name in FAMILIES if not name.startswith("dsta-")])
def test_a_last_layer_for_coco_is_refused_with_the_reason(name):
    alone = small("hrnet-w48")
    for weights in (as_released(alone, layout) for layout in alone.layouts):
        with pytest.raises(
            InputError, match="are eyes, where PoseTrack has neck and head top; build hrnet-w48"
        ) as told:
            models.load_published(small(name), weights)
        assert "\n" not in str(told.value)


def test_training_goes_on_from_an_hrnet_for_coco_but_for_its_last_layer():
    coco = small("hrnet-w48", channels="coco")
    for layout in coco.layouts:
        net = models.build("hrnet-w48", **NETWORKS["hrnet-w48"]).double()
        last = net.encoder.final_layer.weight.clone()
        official.start(net, as_released(coco, layout))
        assert torch.equal(net.encoder.conv1.weight, coco.encoder.conv1.weight)
        assert torch.equal(net.encoder.final_layer.weight, last)
    short = dict(list(as_released(coco, coco.layouts[0]).items())[1:])
    with pytest.raises(InputError, match=r"it lacks conv1\.weight; "):
        official.start(net, short)


# --- HRNet ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("norms", ["train", "eval"])
def test_norms_of_a_frozen_encoder_train_as_released_or_not(norms):
    net = models.build("hrnet-w48", **TINY, freeze_encoder=True, encoder_norms=norms).train()
    before = net.encoder.bn1.running_mean.clone()
    net(torch.randn(net.example_shape))
    assert torch.equal(net.encoder.bn1.running_mean, before) == (norms == "eval")
    assert not any(p.requires_grad for p in net.encoder.parameters())
    net.eval()
    assert not any(layer.training for layer in net.modules())


@pytest.mark.parametrize(
    ("switch", "message"),
    [
        ({"encoder": "hrnet-w47"}, "unknown encoder 'hrnet-w47'"),
        ({"image_width": 200}, "image 384x200: choose a height and width divisible by 32"),
        ({"channels": "mpii"}, "unknown channels 'mpii': choose posetrack or coco"),
        ({"encoder_norms": "off"}, "unknown encoder_norms 'off': choose train or eval"),
    ],
)
def test_mistakes_are_named(switch, message):
    with pytest.raises(InputError, match=message):
        models.build("hrnet-w48", **switch)


def test_only_the_key_frame_is_looked_at():
    net = small("hrnet-w48", frames=3)
    inputs = clips(net)
    changed = inputs.clone()
    changed[:, ::2] = 0
    assert torch.equal(net(changed), net(inputs))


# --- PoseWarper, DCPose -----------------------------------------------------------------------------------


def test_posewarper_starts_as_a_weighted_mean_of_the_heatmaps():
    torch.manual_seed(0)
    net = models.build("posewarper", **NETWORKS["posewarper"]).double()
    heatmaps = torch.randn(2, 5, 17, 16, 8, dtype=torch.float64)
    weights = torch.tensor(posewarper.WEIGHTS, dtype=torch.float64)
    assert weights.sum() == pytest.approx(1)
    mean = (heatmaps * weights.view(-1, 1, 1, 1)).sum(1)
    torch.testing.assert_close(net.decode(heatmaps), mean, rtol=1e-7, atol=0)


def test_the_warped_key_frame_depends_on_no_other_frame():
    net = small("posewarper")
    heatmaps = torch.randn(1, 17, 16, 8, dtype=torch.float64)
    alone = net.warped(heatmaps, torch.zeros_like(heatmaps))
    torch.testing.assert_close(net.decode(heatmaps[:, None].expand(-1, 5, -1, -1, -1)), alone)


def test_dcpose_weighs_distances_by_their_ratio_and_knows_before_from_after():
    net = small("dcpose")
    heatmaps = torch.randn(1, 3, 17, 16, 8, dtype=torch.float64)
    torch.testing.assert_close(net.decode(heatmaps, 3, 3), net.decode(heatmaps), rtol=0, atol=0)
    torch.testing.assert_close(net.decode(heatmaps, 2, 4), net.decode(heatmaps, 1, 2), rtol=1e-12, atol=1e-12)
    assert (net.decode(heatmaps, 1, 2) - net.decode(heatmaps)).abs().max() > 1e-3
    assert (net.decode(heatmaps.flip(1)) - net.decode(heatmaps)).abs().max() > 1e-3


def test_a_residual_step_block_equals_the_one_written_out():
    torch.manual_seed(0)
    block, x = dcpose.ResidualStep(16, 5, projected=True).double().eval(), torch.randn(2, 16, 4, 3).double()

    def p(i: int, j: int, y: Tensor) -> Tensor:
        return block.steps[f"{i}_{j}"](y).relu()

    a, b, c, d = block.first(x).relu().split(26 * 16 // 64, 1)
    a1 = p(1, 1, a)
    b1 = p(2, 1, b + a1)
    b2 = p(2, 2, b1)
    c1 = p(3, 1, c + b1)
    c2 = p(3, 2, c1 + b2)
    c3 = p(3, 3, c2)
    d1 = p(4, 1, d + c1)
    d2 = p(4, 2, d1 + c2)
    d3 = p(4, 3, d2 + c3)
    d4 = p(4, 4, d3)
    y = (block.last(torch.cat([a1, b2, c3, d4], 1)) + block.downsample(x)).relu()
    torch.testing.assert_close(block(x), y, rtol=0, atol=0)


@pytest.mark.parametrize(("name", "frames"), [("posewarper", 3), ("dcpose", 5)])
def test_another_number_of_frames_is_refused(name, frames):
    with pytest.raises(InputError, match=f"frames={frames}: "):
        models.build(name, frames=frames)


# --- FAMI-Pose, TDMI --------------------------------------------------------------------------------------


@pytest.mark.parametrize(("across", "down"), [(0, 0), (2, 0), (0, -1), (-3, 2), (9, 0)])
def test_a_whole_shift_moves_the_array_and_zeros_come_in(across, down):
    maps = torch.randn(2, 3, 5, 6, dtype=torch.float64)
    moved = torch.zeros_like(maps)
    for r in range(5):
        for c in range(6):
            if 0 <= r - down < 5 and 0 <= c - across < 6:
                moved[:, :, r, c] = maps[:, :, r - down, c - across]
    shifts = torch.tensor([[across, down]], dtype=torch.float64).expand(2, -1)
    torch.testing.assert_close(fami.translated(maps, shifts), moved, rtol=0, atol=0)


def test_half_a_shift_is_the_mean_of_two_and_can_be_learnt():
    maps = torch.randn(1, 2, 4, 5, dtype=torch.float64)
    half, none, whole = (fami.translated(maps, torch.tensor([[s, 0.0]]).double()) for s in (0.5, 0.0, 1.0))
    torch.testing.assert_close(half, (none + whole) / 2)
    shifts = torch.tensor([[0.3, -0.6]], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(fami.translated, (maps.requires_grad_(), shifts))


def test_fami_pose_is_refused_where_its_published_layer_does_not_fit():
    for size in (288, 320, 352, 384):
        on_meta("fami-pose", image_height=size, image_width=size)
    with pytest.raises(
        InputError, match=r"linear layer for 3x3 cells, here are 2x2; take 288 to 384 .*narrowed"
    ) as told:
        on_meta("fami-pose", **SIZES[256])
    assert "\n" not in str(told.value)
    network, clip = on_meta("fami-pose", **SIZES[256], first_linear="narrowed")
    assert network(clip).shape == (1, 17, 64, 48)


def test_fami_pose_written_out():
    net = small("fami-pose")
    maps = torch.randn(2, 5, 8, 16, 8, dtype=torch.float64)
    key, w = maps[:, 2], net.calibration
    moved = []
    for k in (0, 1, 3, 4):
        shift = net.shift(maps[:, k] - key)
        moved.append(fami.translated(maps[:, k], shift))
    support = w.merged(torch.cat(moved, 1))

    def deformed(step: int, x: Tensor, by: Tensor) -> Tensor:
        layer = w.steps[step]
        return layer.deform(x, layer.offsets(by), layer.masks(by))

    steering = w.joined(torch.cat([support, key], 1))
    steering = deformed(0, steering, steering)
    steering = deformed(1, steering, steering)
    aligned = deformed(2, support, steering)
    aligned = deformed(3, aligned, aligned)
    heatmaps = net.head(w.fused(torch.cat([key, aligned], 1)))
    torch.testing.assert_close(net.decode(maps), heatmaps, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("name", ["tdmi-st", "tdmi"])
def test_changes_between_five_equal_frames_depend_on_biases_alone(name):
    net, changes = small(name), []
    for merged in net.merged:
        merged.register_forward_hook(lambda _, inputs, output: changes.append((inputs[0], output)))
    one, other = (torch.randn(1, 1, 32, 16, 8, dtype=torch.float64).expand(-1, 5, -1, -1, -1) for _ in range(2))
    for features in (one, other, torch.cat([one[:, :2], other[:, :3]], 1)):
        net.decode(features)
    still, as_still, moving = changes[:4], changes[4:8], changes[8:]
    for (inputs, here), (_, there), (_, moved) in zip(still, as_still, moving, strict=True):
        assert not inputs.any()
        assert torch.equal(here, there)
        assert (moved - here).abs().max() > 0.1


def test_without_support_the_key_frame_stands_for_the_appearance():
    net = small("tdmi")
    features = torch.randn(1, 5, 32, 16, 8, dtype=torch.float64)
    parts = net.parts(features)
    assert torch.equal(parts.appearance, features[:, 2, 24:])
    assert small("tdmi-st").parts(features).appearance.shape == parts.appearance.shape


# --- DSTA -------------------------------------------------------------------------------------------------


def test_the_length_of_features_does_not_move_dstas_joints():
    net = small("dsta-r50")
    features = torch.randn(2, 3, 128, dtype=torch.float64)
    torch.testing.assert_close(net.decode(2 * features), net.decode(features), rtol=1e-10, atol=1e-12)


def test_neighbours_reach_dsta_through_the_temporal_branch_alone():
    net = small("dsta-r50")
    features = torch.randn(2, 3, 128, dtype=torch.float64)
    turned = features.flip(1)
    assert (net.decode(turned) - net.decode(features)).abs().max() > 1e-4
    with torch.no_grad():
        net.merge.weight[0, 0] = 0  # of the temporal branch
    torch.testing.assert_close(net.decode(turned), net.decode(features), rtol=0, atol=0)


def test_dsta_answers_with_places_and_scores():
    net = small("dsta-r50")
    places, deviations = net.distribution(net.encode(clips(net).flatten(0, 1)).unflatten(0, (2, 3)))
    answer = net(clips(net))
    assert answer.shape == (2, 17, 3)
    torch.testing.assert_close(answer[..., :2], places)
    torch.testing.assert_close(answer[..., 2], 1 - deviations.mean(-1))
    assert torch.equal(answer[:, 3], answer[:, 2])  # both ears read the head top's token
    assert torch.equal(answer[:, 4], answer[:, 2])


def test_the_flow_is_a_density():
    """It integrates to 1, and its plain form is a Gaussian about 0.5."""
    torch.manual_seed(0)
    flow = dsta.Flow().double()
    steps = torch.linspace(-9, 10, 150, dtype=torch.float64)
    grid = torch.cartesian_prod(steps, steps)
    total = flow.log_density(grid).exp().sum().item()
    assert total * (steps[1] - steps[0]).item() ** 2 == pytest.approx(1, abs=1e-3)
    for parameter in flow.parameters():
        nn.init.zeros_(parameter)
    normal = torch.distributions.Normal(0.5, 1.0)
    torch.testing.assert_close(flow.log_density(grid), normal.log_prob(grid).sum(-1))


def test_dsta_by_part():
    parts = {"encoder": 23_508_032, "tokens": 1_114_656, "limb_blocks": 34_176, "frame_blocks": 34_176, "flow": 53_784}
    network = on_meta("dsta-r50")[0]
    assert {part: sum(p.numel() for p in getattr(network, part).parameters()) for part in parts} == parts


def test_dsta_on_a_vit_is_three_encoders_and_heads():
    encoder, clip = on_meta("vitpose-h")[0].encoder, on_meta("dsta-vit-h")[1]
    [(params, macs)] = costs("dsta-vit-h", "true")
    assert params == DSTA_ON_VIT_H
    three = 3 * count_under(("true",), encoder, clip[0, :1])["true"].macs
    assert (macs - three) / 1e9 == pytest.approx(0.004, abs=5e-4)


def test_other_joints_are_refused():
    with pytest.raises(InputError, match="joints=15: DSTA's limbs are made of PoseTrack's 17 channels"):
        models.build("dsta-r50", joints=15)


# --- written out from the released names ------------------------------------------------------------------


class Written:
    """Layers of a network by their released names, as functions of its weights."""

    def __init__(self, weights: dict[str, Tensor]) -> None:
        self.w = weights

    def conv(self, key: str, x: Tensor, stride: int = 1, dilation: int = 1) -> Tensor:
        weight = self.w[f"{key}.weight"]
        padding = weight.shape[-1] // 2 * dilation
        return F.conv2d(x, weight, self.w.get(f"{key}.bias"), stride, padding, dilation)

    def norm(self, key: str, x: Tensor) -> Tensor:
        mean, var, weight, bias = (self.w[f"{key}.{s}"] for s in ("running_mean", "running_var", "weight", "bias"))
        shape = (1, -1, 1, 1)
        y = (x - mean.view(shape)) / (var.view(shape) + 1e-5).sqrt()
        return y * weight.view(shape) + bias.view(shape)

    def unit(self, key: str, x: Tensor, stride: int = 1) -> Tensor:
        """A convolution and its norm that are numbered 0 and 1."""
        return self.norm(f"{key}.1", self.conv(f"{key}.0", x, stride))

    def block(self, key: str, x: Tensor, layers: int, stride: int = 1) -> Tensor:
        """A basic block (two layers) or a bottleneck (three)."""
        y = x
        for i in range(1, layers + 1):
            strided = stride if i == 2 and layers == 3 else 1
            y = self.norm(f"{key}.bn{i}", self.conv(f"{key}.conv{i}", y, strided))
            y = y.relu() if i < layers else y
        skipped = self.unit(f"{key}.downsample", x, stride) if f"{key}.downsample.0.weight" in self.w else x
        return (y + skipped).relu()

    def chain(self, key: str, x: Tensor, blocks: int) -> Tensor:
        for i in range(blocks):
            x = self.block(f"{key}.{i}", x, 2)
        return x

    def linear(self, key: str, x: Tensor) -> Tensor:
        return x @ self.w[f"{key}.weight"].T + self.w[f"{key}.bias"]

    def layer_norm(self, key: str, x: Tensor, eps: float) -> Tensor:
        away = x - x.mean(-1, keepdim=True)
        scaled = away / (away.square().mean(-1, keepdim=True) + eps).sqrt()
        return scaled * self.w[f"{key}.weight"] + self.w[f"{key}.bias"]


def hrnet_written_out(net: Written, images: Tensor) -> tuple[Tensor, list[Tensor]]:
    """Heatmaps, and the finest branch after transition 1 and each stage."""
    x = net.norm("bn1", net.conv("conv1", images, 2)).relu()
    x = net.norm("bn2", net.conv("conv2", x, 2)).relu()
    for i in range(4):
        x = net.block(f"layer1.{i}", x, 3)
    maps = [net.unit("transition1.0", x).relu(), net.unit("transition1.1.0", x, 2).relu()]
    finest = [maps[0]]
    for stage, modules in enumerate(MODULES, 2):
        if stage > 2:
            maps = [*maps, net.unit(f"transition{stage - 1}.{stage - 1}.0", maps[-1], 2).relu()]
        for m in range(modules):
            key = f"stage{stage}.{m}"
            maps = [net.chain(f"{key}.branches.{b}", x, 4) for b, x in enumerate(maps)]
            last = (stage, m) == (4, MODULES[-1] - 1)
            maps = [hrnet_fused(net, f"{key}.fuse_layers.{i}", maps, i) for i in range(1 if last else stage)]
        finest.append(maps[0])
    return net.conv("final_layer", maps[0]), finest


def hrnet_fused(net: Written, key: str, maps: list[Tensor], i: int) -> Tensor:
    total = maps[i]
    for j, x in enumerate(maps):
        if j > i:
            y = net.unit(f"{key}.{j}", x)
            total = total + y.repeat_interleave(2 ** (j - i), 2).repeat_interleave(2 ** (j - i), 3)
        for step in range(i - j):
            x = net.unit(f"{key}.{j}.{step}", x, 2)
            x = x.relu() if step < i - j - 1 else x
        total = total + x if j < i else total
    return total.relu()


def test_hrnet_equals_the_one_written_out():
    net = small("hrnet-w48")
    images = clips(net)[:, 0]
    heatmaps, finest = hrnet_written_out(Written(as_released(net, net.layouts[0])), images)
    ours, stages = net.encoder(images)
    torch.testing.assert_close(ours, heatmaps, rtol=1e-10, atol=1e-10)
    assert len(stages) == len(finest) == 4
    for stage, wanted in zip(stages, finest, strict=True):
        torch.testing.assert_close(stage, wanted, rtol=1e-10, atol=1e-10)


def tdmi_written_out(net: Written, stages: list[list[Tensor]]) -> Tensor:
    """Heatmaps of TDMI-ST from maps by stage and frame."""

    def deformed(name: str, number: str, x: Tensor, by: Tensor, dilation: int) -> Tensor:
        offsets = net.conv(f"{name}_offset_{number}.conv", by, dilation=3)
        masks = net.conv(f"{name}_mask_{number}.conv", by, dilation=3)
        layer = dense_deform.DenseDeformableConv(x.shape[1], x.shape[1] // 4, dilation, bias=True, identity=False)
        weights = {"weight": net.w[f"{name}_{number}.weight"], "bias": net.w[f"{name}_{number}.bias"]}
        return torch.func.functional_call(layer.double(), weights, (x, offsets, masks))

    key, motion = stages[3][2], None
    for s, (a, b, c, d, e) in enumerate(stages, 1):
        changes = net.chain(f"motion_fusion_s{s}.layers", torch.cat([b - a, c - b, d - c, e - d], 1), 2)
        control = net.chain(f"m_a_agg_s{s}.layers", torch.cat([key, changes], 1), 1)
        own = deformed("m_a_dcn", f"s{s}", changes, control, 1)
        motion = own if motion is None else net.chain(f"motion_smooth_s{s}.layers", motion + own, 1)
    mean = motion.mean((2, 3))
    gate = net.linear("use_motion_structure.2", net.linear("use_motion_structure.0", mean).relu()).sigmoid()
    a, b, _, d, e = stages[3]
    merged = net.chain("sup_agg.layers", torch.cat([a, b, d, e], 1), 2)
    steering = net.chain("combined_feat_layers.layers", torch.cat([merged, key], 1), 1)
    steering = deformed("dcn", "1", steering, steering, 3)
    steering = deformed("dcn", "2", steering, steering, 3)
    aligned = deformed("dcn", "3", merged, steering, 3)
    aligned = deformed("dcn", "4", aligned, aligned, 3)
    appearance = net.chain("all_agg_block.layers", torch.cat([key, aligned], 1), 3)
    fused = torch.cat([gate[:, :, None, None] * motion, appearance], 1)
    return net.conv("heatmap_head", net.chain("multimodal_fusion.0.layers", fused, 3))


def test_tdmi_st_equals_the_one_written_out():
    net = small("tdmi-st")
    features = torch.randn(2, 5, 32, 16, 8, dtype=torch.float64)
    stages = [[features[:, t, 8 * s : 8 * s + 8] for t in range(5)] for s in range(4)]
    heatmaps = tdmi_written_out(Written(as_released(net, net.layouts[0])), stages)
    torch.testing.assert_close(net.decode(features), heatmaps, rtol=1e-9, atol=1e-9)


def dsta_written_out(net: Written, features: Tensor, heads: int, depth: int) -> Tensor:
    """Places and scores (17, 3) of pooled features (3, C) of one clip."""
    length = features.square().sum(-1, keepdim=True).sqrt()
    tokens = features @ net.w["fc_coord.linear.weight"].T / length + net.w["fc_coord.linear.bias"]
    tokens = tokens.view(3, 17, -1)

    def attended(name: str, x: Tensor) -> Tensor:
        """Four pre-norm blocks over the tokens (n, width) of one limb, or of one token in all frames."""
        for i in range(depth):
            key = f"{name}.{i}"
            q, k, v = net.linear(f"{key}.attn.qkv", net.layer_norm(f"{key}.norm1", x, 1e-6)).chunk(3, -1)
            parts = [
                (a @ b.T / a.shape[-1] ** 0.5).softmax(-1) @ c
                for a, b, c in zip(*(each.chunk(heads, -1) for each in (q, k, v)), strict=True)
            ]
            x = x + net.linear(f"{key}.attn.proj", torch.cat(parts, -1))
            hidden = F.gelu(net.linear(f"{key}.mlp.fc1", net.layer_norm(f"{key}.norm2", x, 1e-6)))
            x = x + net.linear(f"{key}.mlp.fc2", hidden)
        return x

    limbs = [attended("Spatial_blocks", tokens[1, k : k + 3] + net.w["Spatial_pos_embed"]) for k in range(0, 15, 3)]
    spatial = torch.cat([*(net.layer_norm("Spatial_norm", limb, 1e-6) for limb in limbs), tokens[1, 15:]])
    over = [attended("blocks", tokens[:, k] + net.w["Temporal_pos_embed"][0]) for k in range(17)]
    temporal = torch.stack([net.layer_norm("Temporal_norm", each, 1e-6)[1] for each in over])
    a, b = net.w["weighted_mean.weight"].flatten()
    merged = a * temporal + b * spatial + net.w["weighted_mean.bias"]
    joints = merged[[1, 2, 0, 0, 0, 3, 6, 4, 7, 5, 8, 9, 12, 10, 13, 11, 14]]
    places = net.linear("head_coord.1", net.layer_norm("head_coord.0", joints, 1e-5))
    deviations = net.linear("head_sigma.1", net.layer_norm("head_sigma.0", joints, 1e-5)).sigmoid()
    return torch.cat([places, 1 - deviations.mean(-1, keepdim=True)], -1)


def test_dsta_equals_the_one_written_out():
    net = small("dsta-r50")
    features = torch.randn(1, 3, 128, dtype=torch.float64)
    wanted = dsta_written_out(Written(as_released(net, net.layouts[0])), features[0], heads=8, depth=2)
    torch.testing.assert_close(net.decode(features)[0], wanted, rtol=1e-10, atol=1e-10)


def test_the_resnet_equals_the_one_written_out():
    net = small("dsta-r50")
    weights = {key.removeprefix("preact."): value for key, value in as_released(net, net.layouts[0]).items()}
    written, images = Written(weights), clips(net)[:, 0]
    x = F.conv2d(images, weights["conv1.weight"], stride=2, padding=3)
    x = F.max_pool2d(written.norm("bn1", x).relu(), 3, 2, 1)
    for stage in range(1, 5):
        x = written.block(f"layer{stage}.0", x, 3, stride=1 if stage == 1 else 2)
    torch.testing.assert_close(net.features(images), x.mean((2, 3)), rtol=1e-10, atol=1e-10)
