"""Sizes, rates, switches and texts that no network has are refused at the door, for every family and argument."""

import inspect
import math

import numpy as np
import pytest
import torch

import models
from base.errors import InputError
from models import arguments

FAMILIES = {models._model_class(name): name for name in reversed(models.variants())}
PARAMETERS = {model: inspect.signature(model).parameters for model in FAMILIES}
CASES = [(FAMILIES[model], key, p.annotation) for model, found in PARAMETERS.items() for key, p in found.items()]
IDS = [f"{name}-{key}" for name, key, _ in CASES]
REFUSED = {
    int: [-1, -3, 1.5, 3.0, True, np.bool_(True), math.nan, math.inf, "3", None, 2**70, [3], torch.tensor(3)],
    float: [-0.1, 1.0, 2, math.nan, math.inf, True, "a", None, 1j],
    bool: [0, 1, "yes", None],
    str: ["nonsense", 3, None, [], True],
}


@pytest.mark.parametrize(("name", "key", "kind"), CASES, ids=IDS)
def test_values_out_of_range_or_of_another_type_are_one_line(name, key, kind):
    zero = [0] if kind is int and not key.endswith("_blocks") else []
    for value in zero + REFUSED[kind]:
        with torch.device("meta"), pytest.raises(InputError) as error:
            models.build(name, **{key: value})
        line = str(error.value)
        assert "\n" not in line
        assert kind is str or (f"{key}={value!r} is " in line and name in line)


def test_a_size_names_what_is_permitted():
    with pytest.raises(InputError, match=r"'posemamba-s': width=-3 is not a whole number from 1 to 1,048,576"):
        models.build("posemamba-s", width=-3)
    with pytest.raises(InputError, match="global_blocks=-1 is not a whole number from 0 to"):
        models.build("glsmamba-b", global_blocks=-1)
    with pytest.raises(InputError, match="drop_path=nan is not a number of at least 0 and below 1"):
        models.build("posemamba-s", drop_path=math.nan)


def test_numpys_numbers_are_numbers():
    net = models.build("posemamba-s", frames=np.int64(3), width=np.uint8(4), depth=1, drop_path=np.float32(0.5))
    assert (net.frames, type(net.frames)) == (3, int)
    with torch.device("meta"):
        assert models.build("vitpose-b", encoder="tiny", freeze_encoder=np.bool_(True)).frozen


@pytest.mark.parametrize(
    ("name", "overrides", "line"),
    [
        ("mixste", {"width": 20, "heads": 8}, "heads=8 do not divide width=20"),
        ("dsta-r50", {"width": 20, "heads": 8}, "heads=8 do not divide width=20"),
        ("trans-lr", {"width": 20, "heads": 8}, "heads=8 .*width=20|width=20.*heads=8"),
        ("stcformer", {"width": 24}, "width=24: STCFormer has 8 heads in each half, choose a width divisible by 16"),
        ("stcformer", {"width": 1}, "width=1: STCFormer has 8 heads in each half"),
        ("hdformer", {"width": 9}, "width=9: HDFormer has 8 heads, choose a multiple of 8"),
        ("glsmamba-b", {"frames": 4}, "frames=4: a clip needs an odd number"),
        ("p-stmo-s", {"frames": 4}, "a network of 4 frames has no middle frame"),
        ("poseformerv2", {"frames": 8, "central": 3, "coefficients": 3}, "frames=8 and central=3 must be odd"),
        ("poseformerv2", {"frames": 9, "central": 4, "coefficients": 3}, "frames=9 and central=4 must be odd"),
        ("gla-gcn", {"frames": 4}, "takes clips of 3, 9, 27"),
        ("vitpose-b", {"image_height": 50}, "choose a height and width divisible by 16"),
    ],
)
def test_sizes_that_do_not_go_together_are_one_line(name, overrides, line):
    with torch.device("meta"), pytest.raises(InputError, match=line) as error:
        models.build(name, **overrides)
    assert "\n" not in str(error.value)


SMALL = {"frames": 3, "width": 16, "depth": 1, "heads": 4, "central": 1, "coefficients": 1, "encoder": "tiny"}
SMALL |= {"image_height": 64, "image_width": 48, "deconv_width": 16, "window_height": 4, "window_width": 3}
SMALL |= {"global_blocks": 1, "local_blocks": 1, "deform_groups": 2}


@pytest.mark.parametrize(("name", "key", "kind"), CASES, ids=IDS)
def test_a_size_is_refused_or_answers(name, key, kind):
    """No size that a constructor lets pass breaks the network behind it."""
    known = PARAMETERS[models._model_class(name)]
    for value in (1, 2, 5) if kind is int else ():
        hyper = {k: v for k, v in SMALL.items() if k in known} | {key: value}
        with torch.device("meta"), torch.no_grad():
            try:
                net = models.build(name, **hyper).eval()
                net(torch.empty(net.example_shape))
            except InputError as error:
                assert "\n" not in str(error)  # noqa: PT017 (either is right)


def test_a_variant_that_lacks_what_its_model_needs_is_one_line():
    with pytest.raises(InputError, match="variant 'mine' lacks its hyper-parameter 'width': give it a value"):
        arguments.checked_arguments("mine", models._model_class("posemamba-s"), {"frames": 3})
