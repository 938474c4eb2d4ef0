"""ViTPose's published layouts: random weights under their names in, the same outputs out, one line for mistakes."""

import re
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

import models
from base.errors import InputError

D, LAYERS, PATCHES = 128, 4, 4  # the tiny encoder on images of 32x32
IMAGE = {"encoder": "tiny", "image_height": 32, "image_width": 32}
NORM = {"weight": (D,), "bias": (D,)}


def draw(shapes: dict[str, tuple[int, ...]], seed: int = 0) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    weights = {key: torch.randn(shape, generator=generator) * 0.1 for key, shape in shapes.items()}
    return {key: value.abs() + 0.5 if key.endswith("running_var") else value for key, value in weights.items()}


def spread(prefix: str, parts: dict[str, tuple[int, ...]]) -> dict[str, tuple[int, ...]]:
    return {f"{prefix}.{part}": shape for part, shape in parts.items()}


def linear(outputs: int, inputs: int) -> dict[str, tuple[int, ...]]:
    return {"weight": (outputs, inputs), "bias": (outputs,)}


def official() -> dict[str, Tensor]:
    """Random weights as the authors' files name and shape them."""
    shapes = {"backbone.pos_embed": (1, 1 + PATCHES, D), "backbone.patch_embed.proj.weight": (D, 3, 16, 16)}
    shapes["backbone.patch_embed.proj.bias"] = (D,)
    layers = {"norm1": NORM, "attn.qkv": linear(3 * D, D), "attn.proj": linear(D, D), "norm2": NORM}
    layers |= {"mlp.fc1": linear(4 * D, D), "mlp.fc2": linear(D, 4 * D)}
    for i in range(LAYERS):
        for layer, parts in layers.items():
            shapes |= spread(f"backbone.blocks.{i}.{layer}", parts)
    shapes |= spread("backbone.last_norm", NORM)
    head, statistics = "keypoint_head.deconv_layers", ("weight", "bias", "running_mean", "running_var")
    shapes |= {f"{head}.0.weight": (D, 256, 4, 4), f"{head}.3.weight": (256, 256, 4, 4)}
    shapes |= {f"{head}.{i}.{part}": (256,) for i in (1, 4) for part in statistics}
    shapes |= {"keypoint_head.final_layer.weight": (17, 256, 1, 1), "keypoint_head.final_layer.bias": (17,)}
    counters = {f"{head}.{i}.num_batches_tracked": torch.tensor(9) for i in (1, 4)}
    return draw(shapes) | counters


MMPOSE = {
    "patch_embed.proj.": "patch_embed.projection.",
    "blocks.": "layers.",
    ".norm1.": ".ln1.",
    ".norm2.": ".ln2.",
    ".mlp.fc1.": ".ffn.layers.0.0.",
    ".mlp.fc2.": ".ffn.layers.1.",
    "last_norm.": "ln1.",
    "keypoint_head.": "head.",
}
TRANSFORMERS = {
    "patch_embed.proj.": "embeddings.patch_embeddings.projection.",
    "pos_embed": "embeddings.position_embeddings",
    "blocks.": "encoder.layer.",
    ".norm1.": ".layernorm_before.",
    ".norm2.": ".layernorm_after.",
    ".attn.proj.": ".attention.output.dense.",
    "last_norm.": "layernorm.",
    "keypoint_head.deconv_layers.0.": "head.deconv1.",
    "keypoint_head.deconv_layers.1.": "head.batchnorm1.",
    "keypoint_head.deconv_layers.3.": "head.deconv2.",
    "keypoint_head.deconv_layers.4.": "head.batchnorm2.",
    "keypoint_head.final_layer.": "head.conv.",
}


def converted(weights: dict[str, Tensor], names: dict[str, str]) -> dict[str, Tensor]:
    def rename(key: str) -> str:
        for old, new in names.items():
            key = key.replace(old, new)
        return key

    return {rename(key): value for key, value in weights.items()}


def mmpose() -> dict[str, Tensor]:
    """No row for a class token: what the official files add to every position is in the table already."""
    weights = converted(official(), MMPOSE)
    table = weights["backbone.pos_embed"]
    return weights | {"backbone.pos_embed": table[:, 1:] + table[:, :1]}


def transformers() -> dict[str, Tensor]:
    weights = {}
    for key, value in converted(official(), TRANSFORMERS).items():
        if ".attn.qkv." not in key:
            weights[key] = value
            continue
        for part, rows in zip(("query", "key", "value"), value.chunk(3), strict=True):
            weights[key.replace("attn.qkv", f"attention.attention.{part}")] = rows.clone()
    return weights


LAYOUTS = {"official": official, "mmpose": mmpose, "transformers": transformers}


def vitpose(**overrides) -> nn.Module:
    return models.build("vitpose-b", **IMAGE | {"joints": 17} | overrides).eval()


def written_out(w: dict[str, Tensor], image: Tensor) -> Tensor:
    """ViTPose with the official weights, layer by layer on one image (3, 32, 32)."""
    x = nn.functional.conv2d(image[None], w["backbone.patch_embed.proj.weight"], stride=16, padding=2)[0].flatten(1).T
    x = x + w["backbone.patch_embed.proj.bias"] + w["backbone.pos_embed"][0, 1:] + w["backbone.pos_embed"][0, 0]

    def norm(x: Tensor, name: str) -> Tensor:
        return nn.functional.layer_norm(x, (D,), w[f"{name}.weight"], w[f"{name}.bias"], 1e-6)

    def dense(x: Tensor, name: str) -> Tensor:
        return x @ w[f"{name}.weight"].T + w[f"{name}.bias"]

    for i in range(LAYERS):
        layer, heads = f"backbone.blocks.{i}", 4
        q, k, v = dense(norm(x, f"{layer}.norm1"), f"{layer}.attn.qkv").split(D, 1)
        attended = []
        for c in torch.arange(D).chunk(heads):
            scores = q[:, c] @ k[:, c].T / len(c) ** 0.5
            attended.append(scores.softmax(1) @ v[:, c])
        x = x + dense(torch.cat(attended, 1), f"{layer}.attn.proj")
        hidden = nn.functional.gelu(dense(norm(x, f"{layer}.norm2"), f"{layer}.mlp.fc1"))
        x = x + dense(hidden, f"{layer}.mlp.fc2")
    y = norm(x, "backbone.last_norm").T.reshape(1, D, 2, 2)
    head = "keypoint_head.deconv_layers"
    for i in (0, 3):
        y = nn.functional.conv_transpose2d(y, w[f"{head}.{i}.weight"], stride=2, padding=1)
        mean, var, weight, bias = (w[f"{head}.{i + 1}.{s}"] for s in ("running_mean", "running_var", "weight", "bias"))
        y = nn.functional.batch_norm(y, mean, var, weight, bias).relu()
    return nn.functional.conv2d(y, w["keypoint_head.final_layer.weight"], w["keypoint_head.final_layer.bias"])[0]


def clip(frames: int = 1) -> Tensor:
    return torch.randn(1, frames, 3, 32, 32, generator=torch.Generator().manual_seed(4))


@pytest.mark.parametrize("layout", LAYOUTS)
def test_each_layout_loads_and_computes_the_same(layout):
    loaded = models.load_published(vitpose(), LAYOUTS[layout]())
    torch.testing.assert_close(loaded(clip())[0], written_out(official(), clip()[0, 0]), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("layout", "name", "wrapped"),
    [
        ("official", "vitpose-b.pth", True),
        ("mmpose", "td-hm.pth", True),
        ("transformers", "model.safetensors", False),
        ("transformers", "pytorch_model.bin", False),
    ],
)
def test_files_load(tmp_path, layout, name, wrapped):
    path, weights = tmp_path / name, LAYOUTS[layout]()
    if path.suffix == ".safetensors":
        save_file(weights, path)
    else:
        meta = {"epoch": 210, "CLASSES": ["person"], "config": "model = dict()"}
        torch.save({"meta": meta, "state_dict": weights} if wrapped else weights, path)
    from_file, from_memory = (models.load_published(vitpose(), source)(clip()) for source in (path, weights))
    assert torch.equal(from_file, from_memory)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("name", ["glsmamba-b", "glsmamba-blr", "trans-nr", "videomamba-b"])
def test_networks_take_the_parts_that_they_have(layout, name):
    small = IMAGE | {"frames": 3} | ({"heads": 4, "depth": 1, "width": 16} if name == "trans-nr" else {"width": 16})
    torch.manual_seed(0)
    model = models.build(name, **small).eval()
    head = {key: value.clone() for key, value in model.state_dict().items() if not key.startswith(("enc", "deconvs"))}
    models.load_published(model, LAYOUTS[layout]())
    whole = models.load_published(vitpose(), LAYOUTS[layout]())
    assert torch.equal(model.encode(clip(3)[0]), whole.encode(clip(3)[0]))
    if model.deconvs is not None:
        ours = model.deconvs.state_dict().items()
        assert all(torch.equal(value, whole.deconvs.state_dict()[k]) for k, value in ours if "num_batches" not in k)
    assert all(torch.equal(model.state_dict()[key], value) for key, value in head.items())


def test_a_network_for_other_joints_keeps_its_last_layer():
    model = vitpose(joints=15)
    before = model.final.weight.clone()
    models.load_published(model, official())
    assert torch.equal(model.final.weight, before)
    assert torch.equal(model.deconvs[3].weight, official()["keypoint_head.deconv_layers.3.weight"])


@pytest.mark.parametrize(
    "extra", ["backbone.cls_token", "associate_heads.0.final_layer.bias", "associate_keypoint_heads.1.final_layer.bias"]
)
def test_parts_of_no_use_here_are_ignored(extra):
    loaded = models.load_published(vitpose(), official() | {extra: torch.zeros(1, 1, D)})
    assert torch.equal(loaded(clip()), models.load_published(vitpose(), official())(clip()))


def _changed(weights: dict[str, Tensor], ending: str, change: object) -> tuple[dict[str, Tensor], str]:
    """Weights in which the first key of that ending is removed (None) or replaced, and the key."""
    key = next(key for key in weights if key.endswith(ending))
    rest = {name: value for name, value in weights.items() if name != key}
    return (rest if change is None else rest | {key: change(weights[key])}), key


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize(
    ("ending", "change", "message"),
    [
        ("fc1.bias|ffn.layers.0.0.bias", None, "it lacks {}; take a file with the classic decoder"),
        ("qkv.weight|query.weight", None, "it lacks {}"),
        ("qkv.bias|key.bias", lambda w: w[1:], "{} is (*), the model needs"),
        ("pos_embed|position_embeddings", lambda w: w[:, 2:], "{} is (*), the model needs (1, 5, 128)"),
        ("pos_embed|position_embeddings", lambda w: w[0], "{} is (*), the model needs (1, 5, 128)"),
        ("final_layer.weight|conv.weight", lambda w: w[:15], "{} is (15, 256, 1, 1), the model needs (17, 256, 1, 1)"),
        ("running_var", lambda w: w * torch.nan, "{} holds values that are not finite"),
    ],
)
def test_what_does_not_fit_is_named_and_nothing_is_loaded(layout, ending, change, message):
    model = vitpose()
    before = {key: value.clone() for key, value in model.state_dict().items()}
    weights, key = _changed(LAYOUTS[layout](), tuple(ending.split("|")), change)
    with pytest.raises(InputError) as error:
        models.load_published(model, weights)
    pattern = re.escape(message.replace("{}", key)).replace(re.escape("(*)"), r"\([\d, ]*\)")
    assert re.search(pattern, str(error.value)), str(error.value)
    assert "\n" not in str(error.value)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


@pytest.mark.parametrize("layout", LAYOUTS)
def test_surplus_keys_are_named(layout):
    extra = {"backbone.blocks.0.mlp.experts.0.weight": torch.zeros(2, 2)}
    with pytest.raises(InputError, match=r"it has surplus backbone\.blocks\.0\.mlp\.experts\.0\.weight; take a file"):
        models.load_published(vitpose(), LAYOUTS[layout]() | extra)


def test_other_networks_are_refused():
    with pytest.raises(InputError, match=r"needs \(128, 32, 4, 4\): build it with the checkpoint's sizes"):
        models.load_published(models.build("glsmamba-b", deconv_width=32, **IMAGE), official())
    with pytest.raises(InputError, match=r"it lacks backbone\.blocks\.10\.attn\.proj\.bias"):
        models.load_published(models.build("vitpose-b", encoder="s", image_height=32, image_width=32), official())
    with pytest.raises(InputError, match="is not a ViTPose checkpoint: it has none of the keys"):
        models.load_published(vitpose(), {"weight": torch.zeros(3)})
    with pytest.raises(InputError, match="has no weights under state_dict"):
        models.load_published(vitpose(), {"state_dict": {}})


def _cut(path: Path) -> None:
    save_file(transformers(), path)
    path.write_bytes(path.read_bytes()[:5000])


@pytest.mark.parametrize(
    "write", [_cut, lambda path: path.write_bytes(b""), lambda path: path.write_text("<html>Not found</html>")]
)
def test_damaged_safetensors_are_named(tmp_path, write):
    path = tmp_path / "model.safetensors"
    write(path)
    with pytest.raises(InputError, match=r"model\.safetensors is damaged or no safetensors file: download it again"):
        models.load_published(vitpose(), path)
