"""Official weights of networks on video, under our names.

A network with `layouts` takes the released files of its authors, each as a whole. The others take ViTPose's.

Three layouts of ViTPose are published: the authors', MMPose 1.x's and Hugging Face's (`transformers`), torch
files with or without the container `state_dict`, or safetensors. A file is checked as a whole, decoder included; a
model then takes the parts that it has: the encoder, the deconvolutions, and the last layer if it is a ViTPose for
COCO's 17 joints. A network for other joints keeps its own last layer, for COCO's eyes are not PoseTrack's head.
HRNet's files are COCO's as well, and PoseTrack's 17 channels are no other number: they are refused by name.
"""

import re
from pathlib import Path

import torch
from torch import Tensor

from base.errors import InputError
from models.checkpoints import check_keys, check_layout, check_tensor, fill, is_addition, own_weights, read_weights
from models.layout import Layout
from models.video.clips import COCO, ClipModel
from models.video.hrnet import HRNET_ALONE
from models.video.vitpose import ViTPose

CONTAINERS = ("state_dict",)
COCO_JOINTS = 17
# In some files, and of no use here: a class token, decoders of other data sets.
IGNORED = re.compile(r"backbone\.(embeddings\.)?cls_token$|associate_(keypoint_)?heads\.")
REMEDY = "take a file with the classic decoder and without experts, and build the model with its encoder"

LAYOUTS = {
    "official": Layout(
        CONTAINERS,
        (
            (r"^encoder\.patch_embed\.", "backbone.patch_embed.proj."),
            (r"^encoder\.blocks\.(\d+)\.mlp\.0\.", r"backbone.blocks.\1.mlp.fc1."),
            (r"^encoder\.blocks\.(\d+)\.mlp\.2\.", r"backbone.blocks.\1.mlp.fc2."),
            (r"^encoder\.norm\.", "backbone.last_norm."),
            (r"^encoder\.", "backbone."),
            (r"^deconvs\.", "keypoint_head.deconv_layers."),
            (r"^final\.", "keypoint_head.final_layer."),
        ),
    ),
    "mmpose": Layout(
        CONTAINERS,
        (
            (r"^encoder\.patch_embed\.", "backbone.patch_embed.projection."),
            (r"^encoder\.blocks\.(\d+)\.norm1\.", r"backbone.layers.\1.ln1."),
            (r"^encoder\.blocks\.(\d+)\.norm2\.", r"backbone.layers.\1.ln2."),
            (r"^encoder\.blocks\.(\d+)\.mlp\.0\.", r"backbone.layers.\1.ffn.layers.0.0."),
            (r"^encoder\.blocks\.(\d+)\.mlp\.2\.", r"backbone.layers.\1.ffn.layers.1."),
            (r"^encoder\.blocks\.", "backbone.layers."),
            (r"^encoder\.norm\.", "backbone.ln1."),
            (r"^encoder\.", "backbone."),
            (r"^deconvs\.", "head.deconv_layers."),
            (r"^final\.", "head.final_layer."),
        ),
    ),
    "transformers": Layout(
        CONTAINERS,
        (
            (r"^encoder\.patch_embed\.", "backbone.embeddings.patch_embeddings.projection."),
            (r"^encoder\.pos_embed$", "backbone.embeddings.position_embeddings"),
            (r"^encoder\.blocks\.(\d+)\.norm1\.", r"backbone.encoder.layer.\1.layernorm_before."),
            (r"^encoder\.blocks\.(\d+)\.attn\.qkv\.", r"backbone.encoder.layer.\1.attention.attention.{}."),
            (r"^encoder\.blocks\.(\d+)\.attn\.proj\.", r"backbone.encoder.layer.\1.attention.output.dense."),
            (r"^encoder\.blocks\.(\d+)\.norm2\.", r"backbone.encoder.layer.\1.layernorm_after."),
            (r"^encoder\.blocks\.(\d+)\.mlp\.0\.", r"backbone.encoder.layer.\1.mlp.fc1."),
            (r"^encoder\.blocks\.(\d+)\.mlp\.2\.", r"backbone.encoder.layer.\1.mlp.fc2."),
            (r"^encoder\.norm\.", "backbone.layernorm."),
            (r"^deconvs\.0\.", "head.deconv1."),
            (r"^deconvs\.1\.", "head.batchnorm1."),
            (r"^deconvs\.3\.", "head.deconv2."),
            (r"^deconvs\.4\.", "head.batchnorm2."),
            (r"^final\.", "head.conv."),
        ),
        pieces=("query", "key", "value"),
    ),
}


def load(model: ClipModel, source: str | Path | dict[str, Tensor]) -> None:
    """Fill a video model with official weights, as `models.load_published`: the whole file fits, or none is loaded."""
    weights, where = read_weights(source, CONTAINERS)
    (_load_own if model.layouts else _load_vitpose)(model, weights, where)


def judge(model: ClipModel, source: str | Path | dict[str, Tensor]) -> None:
    """As `load`, for a model that is judged on PoseTrack's joints as it is.

    Raises InputError for a ViTPose too: it was released for COCO alone, and no size in the file tells.
    """
    if not model.layouts:
        raise InputError(
            f"{_name(model)}: official weights are of COCO's joints, or there are none; name a file to start from "
            "under `weights: {coco: ...}`"
        )
    load(model, source)
    model.requires_grad_(False)


def start(model: ClipModel, source: str | Path | dict[str, Tensor]) -> None:
    """As `load`, for training to go on from; an HRNet for COCO gives all but its last layer, which is learnt anew."""
    weights, where = read_weights(source, CONTAINERS)
    if model.layouts == HRNET_ALONE and model.channels != COCO and (name := _hrnet_alone(model, weights)):
        own, layer = model.encoder.final_layer, name.removesuffix("weight")
        _fill(model, weights | {f"{layer}weight": own.weight.detach(), f"{layer}bias": own.bias.detach()}, where)
    else:
        load(model, source)


def _load_own(model: ClipModel, weights: dict[str, Tensor], where: str) -> None:
    """From the file of a network that states its layouts."""
    if model.channels != COCO and (name := _hrnet_alone(model, weights)):
        raise InputError(
            f"{where} is an HRNet for COCO: channels 1 and 2 of its last layer ({name}) are eyes, where PoseTrack has "
            f"neck and head top; build hrnet-w48 with channels='{COCO}', or give released weights of {_name(model)}"
        )
    _fill(model, weights, where)


def _fill(model: ClipModel, weights: dict[str, Tensor], where: str) -> None:
    """By the layout that most of a file's keys belong to."""
    layout = max(model.layouts, key=lambda layout: sum(layout.name(name) in weights for name in own_weights(model)))
    check_layout(model, layout, weights, where, f"give released weights of {_name(model)}")
    fill(model, layout, weights, where)


def _hrnet_alone(model: ClipModel, weights: dict[str, Tensor]) -> str | None:
    """The key of the last layer in a file that holds an HRNet and nothing else, named by its authors or MMPose."""
    names = [f"encoder.{name}" for name in own_weights(model.encoder)]
    layouts = [[layout.name(name) for name in names] for layout in HRNET_ALONE]
    alone = next((keys for keys in layouts if keys and weights.keys() == set(keys)), [])
    return next((key for key in alone if key.endswith("final_layer.weight")), None)


def _name(model: ClipModel) -> str:
    return type(model).__name__


def _load_vitpose(model: ClipModel, weights: dict[str, Tensor], where: str) -> None:
    weights = {key: value for key, value in weights.items() if not IGNORED.match(key)}
    ours, expected = _taken(model), _whole(model)
    keys = _keys(weights, expected, where)
    check_keys(weights, {key for names in keys.values() for key in names}, where, REMEDY)
    joined = {name: _join(name, keys[name], weights, ours.get(name, expected[name]), where) for name in expected}
    model.load_state_dict(model.state_dict() | {name: joined[name] for name in ours})


def _whole(model: ClipModel) -> dict[str, Tensor]:
    """Parameters, without values, of the ViTPose with the model's encoder that the files hold."""
    (height, width), joints = model.image, COCO_JOINTS
    with torch.device("meta"):
        vitpose = ViTPose(encoder=model.encoder.size, joints=joints, image_height=height, image_width=width)
    return {name: value for name, value in vitpose.state_dict().items() if not is_addition(name)}


def _taken(model: ClipModel) -> dict[str, Tensor]:
    """The model's own parameters that a file fills."""
    parts = ["encoder."] + ["deconvs."] * (model.deconvs is not None)
    parts += ["final."] * (isinstance(model, ViTPose) and model.joints == COCO_JOINTS)
    state = model.state_dict().items()
    return {name: value for name, value in state if name.startswith(tuple(parts)) and not is_addition(name)}


def _keys(weights: dict[str, Tensor], expected: dict[str, Tensor], where: str) -> dict[str, tuple[str, ...]]:
    """Our names and the keys that hold them, in the layout that most keys of the file belong to."""
    layouts = [{name: layout.keys(name) for name in expected} for layout in LAYOUTS.values()]
    shared = [sum(key in weights for names in keys.values() for key in names) for keys in layouts]
    if not max(shared):
        raise InputError(f"{where} is not a ViTPose checkpoint: it has none of the keys {', '.join(LAYOUTS)}")
    return layouts[shared.index(max(shared))]


def _join(name: str, keys: tuple[str, ...], weights: dict[str, Tensor], ours: Tensor, where: str) -> Tensor:
    """One of our parameters from the weights that hold it, each of which must have its share of our shape."""
    shape = (ours.shape[0] // len(keys), *ours.shape[1:])
    if name == "encoder.pos_embed":
        return _positions(keys[0], weights[keys[0]], ours, where)
    for key in keys:
        check_tensor(key, weights[key], shape, ours.dtype, where)
    return torch.cat([weights[key] for key in keys])


def _positions(key: str, given: Tensor, ours: Tensor, where: str) -> Tensor:
    """The table of positions; files without a class token have a row less, which is then zero."""
    rows, width = ours.shape
    without_class = given.ndim == 3 and given.shape[1] == rows - 1
    check_tensor(key, given, (1, rows - without_class, width), ours.dtype, where)
    return torch.cat([given.new_zeros(int(without_class), width), given[0]])
