"""What stands beside the weights of a checkpoint, what tools add to them, damage, and numbers that are none."""

import argparse
import collections
import datetime
import io
import pickle
import re
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import models
from base.errors import InputError
from models.lifting.official import official_weights
from models.reading import read_checkpoint

KEY = "STEblocks.0.norm.weight"


def net() -> nn.Module:
    torch.manual_seed(0)
    return models.build("posemamba-s", frames=3, depth=1, width=4)


@pytest.fixture
def weights() -> dict[str, Tensor]:
    torch.manual_seed(1)
    state = official_weights(models.build("posemamba-s", frames=3, depth=1, width=4))
    return {key: tensor + 0.1 * torch.rand_like(tensor) for key, tensor in state.items()}


def loaded(path: Path, weights: dict[str, Tensor]) -> bool:
    """Whether a file loads, and gives these weights."""
    found = official_weights(models.load_published(net(), path))
    return all(torch.equal(found[key], tensor.to(torch.float32)) for key, tensor in weights.items())


def refused(source: Path | dict, model: nn.Module | None = None) -> str:
    """The line that a checkpoint is refused with; nothing of it was loaded."""
    model = net() if model is None else model
    before = {key: tensor.clone() for key, tensor in model.state_dict().items()}
    with pytest.raises(InputError) as error:
        models.load_published(model, source)
    assert "\n" not in str(error.value)
    assert model.state_dict().keys() == before.keys()
    if not any(tensor.is_meta for tensor in before.values()):
        assert all(torch.equal(tensor, before[key]) for key, tensor in model.state_dict().items())
    return str(error.value)


@pytest.mark.shared
@pytest.mark.parametrize("case", ["checkpoint-with-a-numpy-bool", "checkpoint-after-thop"])
def test_checkpoints_of_the_cases_load(shared: Path, case: str) -> None:
    path = shared / "cases" / case / "best_epoch.bin"
    torch.manual_seed(5)
    found = official_weights(models.load_published(models.build("posemamba-s", frames=3, depth=1, width=4), path))
    content = read_checkpoint(path)
    given = next(value for value in content.values() if isinstance(value, dict) and "Spatial_pos_embed" in value)
    assert all(torch.equal(tensor, given[key]) for key, tensor in found.items())


KINDS = (
    "bool_ int8 int16 int32 int64 uint8 uint16 uint32 uint64 float16 float32 float64 longdouble complex64 complex128"
)
BESIDE = {kind: getattr(np, kind)(1) for kind in KINDS.split()}
BESIDE |= {
    "str": np.str_("best"),
    "bytes": np.bytes_(b"best"),
    "time": np.datetime64(1, "ns"),
    "span": np.timedelta64(3),
}
BESIDE |= {"array": np.eye(3), "texts": np.array(["a", "bc"]), "objects": np.array([{}, None], dtype=object)}
BESIDE |= {"records": np.zeros(2, [("a", "f4"), ("b", "i8")]), "masked": np.ma.masked_array([1, 2], [0, 1])}
BESIDE |= {"type": np.float32, "dtype": np.dtype("i8"), "old random": np.random.RandomState(0)}
BESIDE |= {"random": np.random.default_rng(0), "philox": np.random.Generator(np.random.Philox(0))}
BESIDE |= {"arguments": argparse.Namespace(path=Path("x"), rate=1e-4), "date": datetime.datetime(2026, 1, 1)}
BESIDE |= {"counts": collections.defaultdict(list, {"a": [1]}), "queue": collections.deque([1, 2], 5)}
BESIDE |= {"optimiser": {"state": {0: {"step": torch.tensor(3.0)}}}, "sparse": torch.eye(2).to_sparse(), "big": 10**400}


@pytest.mark.parametrize("zipped", [True, False], ids=["zip", "legacy"])
@pytest.mark.parametrize("name", BESIDE)
def test_plain_values_beside_the_weights_stop_nothing(tmp_path, weights, name, zipped):
    if (name, zipped) == ("sparse", False):
        pytest.skip("torch does not write it so")
    path = tmp_path / "best.bin"
    torch.save({"model_pos": weights, "beside": BESIDE[name]}, path, _use_new_zipfile_serialization=zipped)
    assert loaded(path, weights)


def test_nothing_beside_the_weights_is_made(tmp_path, weights):
    """Stand-ins ignore what they are given: a size in a file allocates nothing, and no code of NumPy's runs."""

    class Large:
        def __reduce__(self) -> tuple:
            return np.ndarray, ((2**40,),)

    torch.save({"model_pos": weights, "beside": Large()}, tmp_path / "best.bin")
    assert loaded(tmp_path / "best.bin", weights)


@pytest.mark.parametrize(
    ("beside", "named"),
    [(nn.Linear(1, 1), "torch.nn.modules.linear.Linear"), (print, "print"), (re.compile("a"), "re._compile")],
)
def test_what_would_run_code_is_refused_by_name(tmp_path, weights, beside, named):
    for zipped in (True, False):
        torch.save({"model_pos": weights, "x": beside}, tmp_path / "x.bin", _use_new_zipfile_serialization=zipped)
        assert f"holds more than weights ({named}), which is not loaded" in refused(tmp_path / "x.bin")


def prefixed(prefix: str, weights: dict[str, Tensor]) -> dict[str, Tensor]:
    return {prefix + key: tensor for key, tensor in weights.items()}


COUNT = torch.zeros(1, dtype=torch.float64)
WRITTEN = {
    "data-parallel twice": lambda w: {"model_pos": prefixed("module.module.", w)},
    "compiled": lambda w: {"model_pos": prefixed("_orig_mod.", w)},
    "compiled in parallel": lambda w: {"model": prefixed("module._orig_mod.", w)},
    "a compiled part": lambda w: {"model": {k.replace("STEblocks.", "STEblocks._orig_mod."): x for k, x in w.items()}},
    "Lightning": lambda w: {"state_dict": prefixed("model.", w), "callbacks": {}, "hyper_parameters": {"lr": 1e-3}},
    "thop": lambda w: {"model_pos": w | {"head.1.total_ops": COUNT, "total_ops": COUNT, "total_params": COUNT}},
    "thop in parallel": lambda w: prefixed("module.", w | {"head.1.total_ops": COUNT, "total_params": COUNT}),
    "averaged": lambda w: prefixed("module.", w) | {"n_averaged": torch.tensor(3)},
    "OpenMMLab's averages": lambda w: {"state_dict": w | {f"ema_{k.replace('.', '_')}": x for k, x in w.items()}},
    "an average beside it": lambda w: {"model": w, "model_ema": {k: 0 * x for k, x in w.items()}},
    "extra state": lambda w: {"model_pos": w | {"_extra_state": None, "head.0._extra_state": {"amax": 1}}},
    "age of running means": lambda w: {"model_pos": w | {"head.0.num_batches_tracked": torch.tensor(3)}},
    "parameters": lambda w: {"model_pos": {key: nn.Parameter(tensor) for key, tensor in w.items()}},
    "double precision": lambda w: {"model_pos": {key: tensor.double() for key, tensor in w.items()}},
}


@pytest.mark.parametrize("name", WRITTEN)
def test_well_known_ways_of_saving_load(tmp_path, weights, name):
    torch.save(WRITTEN[name](weights), tmp_path / "best.bin")
    assert loaded(tmp_path / "best.bin", weights)


@pytest.mark.parametrize("type_", ["float16", "bfloat16", "float8_e4m3fn", "float8_e5m2"])
def test_weights_of_less_precision_load_as_they_are(tmp_path, weights, type_):
    short = {key: tensor.to(getattr(torch, type_)) for key, tensor in weights.items()}
    torch.save(short, tmp_path / "best.bin")
    assert loaded(tmp_path / "best.bin", short)


def test_one_tensor_for_several_weights_and_expanded_ones_load(tmp_path, weights):
    one = torch.tensor(0.5)
    weights |= {key: one.expand(weights[key].shape) for key in (KEY, "head.1.bias")}
    torch.save(weights, tmp_path / "best.bin")
    assert loaded(tmp_path / "best.bin", weights)


class Marked(Tensor):
    """A kind of tensor that is not plain."""


@pytest.mark.parametrize(
    ("change", "line"),
    [
        (lambda x: x.to_sparse(), f"{KEY} is not a dense tensor .*: save it as .to_dense"),
        (lambda x: x.to_mkldnn(), f"{KEY} is not a dense tensor"),
        (lambda x: torch.nested.nested_tensor([x]), f"{KEY} is not a dense tensor"),
        (lambda x: x.to("meta"), f"{KEY} is without values, on the meta device"),
        (lambda x: torch.quantize_per_tensor(x, 0.1, 0, torch.qint8), rf"{KEY} is quantised \(qint8\)"),
        (lambda x: x.to(torch.complex64), f"{KEY} is of type complex64: weights are floating-point"),
        (lambda x: x.int(), f"{KEY} is of type int32: weights are floating-point"),
        (lambda x: x > 0, f"{KEY} is of type bool: weights are floating-point"),
        (lambda x: x.as_subclass(Marked), f"{KEY} is a Marked: give a plain tensor"),
        (lambda x: nn.UninitializedParameter(), f"{KEY} is a UninitializedParameter: give a plain tensor"),
        (lambda x: x.numpy(), f"{KEY} is not a tensor"),
        (lambda x: torch.tensor(1.0), rf"{KEY} is \(\), the model needs \(4,\)"),
        (
            lambda x: x.double().fill_(1e300),
            rf"{KEY} has values up to 1e\+300, too large for .*float32: .*\.double\(\)",
        ),
        (lambda x: x.double().fill_(-1e39), rf"{KEY} has values up to 1e\+39, too large"),
        (lambda x: x / 0, f"{KEY} holds values that are not finite"),
    ],
)
def test_weights_that_are_no_plain_numbers_are_refused_by_name(weights, change, line):
    assert re.search(line, refused({"model_pos": weights | {KEY: change(weights[KEY])}}))


def test_large_numbers_fit_a_model_of_double_precision_and_not_one_of_half(weights):
    weights[KEY] = weights[KEY].double().fill_(1e300)
    assert models.load_published(net().double(), weights).space_blocks[0].norm1.weight.max() == 1e300
    weights[KEY] = torch.full((4,), 1e6)
    assert f"{KEY} has values up to 1e+06, too large for the model's torch.float16" in refused(weights, net().half())


@pytest.mark.parametrize("prefix", ["module.", "_orig_mod.", "model."])
def test_a_key_with_and_without_prefix_is_refused(weights, prefix):
    twice = weights | {prefix + KEY: weights[KEY] + 1}
    assert f"has {KEY} twice, as {KEY} and {prefix}{KEY}: remove one" in refused(twice)


def test_a_place_that_has_weights_is_named(weights):
    assert "it has tensors under ema: give one of these dictionaries" in refused({"ema": weights, "epoch": 3})


def test_a_model_on_the_meta_device_is_refused(weights):
    with torch.device("meta"):
        model = net()
    assert "is on the meta device, which keeps no values: build it on the CPU" in refused(weights, model)


def test_a_compiled_model_and_a_profiled_one_are_filled(weights):
    for change in (lambda m: torch.compile(m), lambda m: m.register_buffer("total_ops", COUNT) or m):
        model = change(net())
        models.load_published(model, weights)
        assert torch.equal(model.space_blocks[0].norm1.weight, weights[KEY])


def test_no_flipped_byte_changes_a_weight(tmp_path, weights):
    path = tmp_path / "best.bin"
    torch.save({"model_pos": weights}, path)
    whole = bytearray(path.read_bytes())
    lines = []
    for place in range(0, len(whole), 97):
        whole[place] ^= 0x41
        path.write_bytes(whole)
        whole[place] ^= 0x41
        try:
            assert loaded(path, weights), place
        except InputError as error:
            lines.append(str(error))
    assert len(lines) > 30
    assert [line for line in lines if "download it again" not in line] == []


def test_a_file_without_checksums_is_not_called_damaged(tmp_path, weights):
    computes = torch.serialization.get_crc32_options()
    torch.serialization.set_crc32_options(False)
    try:
        torch.save(weights, tmp_path / "best.bin")
    finally:
        torch.serialization.set_crc32_options(computes)
    assert zipfile.ZipFile(tmp_path / "best.bin").testzip() is not None
    assert loaded(tmp_path / "best.bin", weights)


def _script(path: Path) -> None:
    torch.jit.script(nn.Linear(2, 2)).save(path)


def _tar(path: Path) -> None:
    with tarfile.open(path, "w") as archive:
        for name in ("sys_info", "pickle", "tensors", "storages"):
            archive.addfile(tarfile.TarInfo(name), io.BytesIO())


@pytest.mark.parametrize(
    ("write", "line"),
    [
        (_script, "is a TorchScript program"),
        (_tar, "has the tar format of PyTorch before 0.2"),
        (lambda path: torch.save({"a": 1}, path, pickle_protocol=4), "is a pickle of another protocol than 2"),
        (lambda path: path.write_bytes(pickle.dumps({"a": 1})), "is a pickle of another protocol than 2"),
    ],
)
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_sound_files_of_another_kind_are_not_called_damaged(tmp_path, write, line):
    write(tmp_path / "best.bin")
    found = refused(tmp_path / "best.bin")
    assert line in found
    assert "damaged" not in found


def test_safetensors_are_known_by_their_content(tmp_path, weights):
    from safetensors.torch import save_file

    save_file({key: tensor.contiguous() for key, tensor in weights.items()}, tmp_path / "best.bin")
    assert loaded(tmp_path / "best.bin", weights)
    torch.save(weights, tmp_path / "best.safetensors")
    assert loaded(tmp_path / "best.safetensors", weights)
