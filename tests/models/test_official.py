"""Official checkpoints: official layout in, our model out, and one clear line for whatever does not fit."""

import pickle
import zipfile
from pathlib import Path

import literal
import numpy as np
import pytest
import torch
from torch import Tensor, nn

import models
from base.errors import InputError

WIDTH, DEPTH, FRAMES = 20, 2, 5


def weights(kernel: int | None = None, frames: int = FRAMES) -> dict[str, Tensor]:
    return {key: w.float() for key, w in literal.official_weights(WIDTH, DEPTH, frames, kernel).items()}


def model(name: str = "posemamba-s", **overrides) -> nn.Module:
    return models.build(name, **{"frames": FRAMES, "width": WIDTH, "depth": DEPTH} | overrides).eval()


def container(key: str, state: dict[str, Tensor]) -> dict:
    """What the authors' training scripts save, with their best error as a numpy number."""
    parallel = {f"module.{name}": value for name, value in state.items()}
    optimiser = {"state": {0: {"step": torch.tensor(3.0)}}, "param_groups": [{"lr": 2e-4, "params": [0]}]}
    return {"epoch": 7, "lr": 2e-4, "optimizer": optimiser, key: parallel, "min_loss": np.float64(38.1)}


@pytest.mark.parametrize(("name", "key", "kernel"), [("posemamba-s", "model_pos", None), ("sasmamba", "model", 3)])
def test_official_files_load_and_compute_what_they_say(tmp_path, name, key, kernel):
    path = tmp_path / "best.bin"
    torch.save(container(key, weights(kernel)), path)
    clip = torch.randn(FRAMES, 17, 2, generator=torch.Generator().manual_seed(1))
    loaded = models.load_published(model(name).double(), path)
    scan = "stride" if kernel else "global-local"
    exact = {key: w.double() for key, w in weights(kernel).items()}
    expected = literal.network(exact, clip.double(), scan, "exact")
    torch.testing.assert_close(loaded(clip[None].double())[0], expected, rtol=1e-9, atol=1e-9)
    assert len(weights(kernel)) == 12 + (21 if kernel else 19) * 2 * DEPTH


def test_values_land_where_they_belong():
    given = weights()
    loaded = models.load_published(model(), given)
    scan = loaded.time_blocks[1].mixer
    assert torch.equal(scan.A_log[3, 7], given["TTEblocks.1.op.A_logs"][3 * 2 * WIDTH + 7])
    assert torch.equal(scan.D[2, 5], given["TTEblocks.1.op.Ds"][2 * 2 * WIDTH + 5])
    assert torch.equal(loaded.frame_table[4], given["Temporal_pos_embed"][0, 4])
    assert torch.equal(loaded.head_norm.weight, given["head.0.weight"])


def test_a_plain_state_dictionary_loads_from_file_and_memory(tmp_path):
    path = tmp_path / "plain.pth"
    torch.save(weights(), path)
    states = [models.load_published(model(), source).state_dict() for source in (path, str(path), weights())]
    for state in states[1:]:
        assert all(torch.equal(state[key], states[0][key]) for key in states[0])


def _without(state: dict, key: str) -> dict:
    return {name: value for name, value in state.items() if name != key}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda w: _without(w, "STEblocks.1.op.Ds"), "it lacks STEblocks.1.op.Ds; build"),
        (lambda w: w | {"extra": torch.zeros(1)}, "it has surplus extra; build"),
        (lambda w: w | {"head.1.bias": torch.zeros(4)}, r"head.1.bias is \(4,\), the model needs \(3,\)"),
        (lambda w: w | {"head.1.bias": torch.full((3,), torch.nan)}, "head.1.bias holds values that are not finite"),
        (lambda w: w | {"epoch": 3}, "has no weights under model_pos or model"),
        (lambda w: {}, "has no weights under model_pos or model"),
        (
            lambda w: weights(frames=243),
            "checkpoint has T=243, model has T=5: build with frames=243",
        ),
        (lambda w: weights(kernel=3), "lacks STEblocks.0.op.conv2d.bias, .* and has surplus .* and 12 more"),
    ],
)
def test_what_does_not_fit_is_named_and_nothing_is_loaded(change, message):
    target = model()
    before = {key: value.clone() for key, value in target.state_dict().items()}
    with pytest.raises(InputError, match=message) as error:
        models.load_published(target, change(weights()))
    assert "\n" not in str(error.value)
    assert all(torch.equal(value, before[key]) for key, value in target.state_dict().items())


class Attack:
    """Unpickled, it would create a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple:
        return Path.touch, (self.path,)


def test_code_in_a_file_is_refused_and_not_run(tmp_path):
    path, mark = tmp_path / "evil.bin", tmp_path / "ran"
    torch.save({"model_pos": weights(), "extra": Attack(mark)}, path)
    with pytest.raises(InputError, match=r"evil\.bin holds more than weights") as error:
        models.load_published(model(), path)
    assert "\n" not in str(error.value)
    assert not mark.exists()


def _truncated(path: Path) -> None:
    torch.save(weights(), path)
    path.write_bytes(path.read_bytes()[:2000])


def _tensor(path: Path) -> None:
    torch.save(torch.zeros(3), path)


@pytest.mark.parametrize(
    ("write", "message"),
    [
        (lambda path: path.write_text("<html>Not found</html>"), "is damaged or no torch checkpoint"),
        (lambda path: path.write_bytes(b""), "is damaged or no torch checkpoint"),
        (lambda path: path.write_bytes(bytes(range(256)) * 20), "is damaged or no torch checkpoint"),
        (lambda path: path.write_bytes(pickle.dumps({"a": 1}, 2)), "is damaged or no torch checkpoint"),
        (lambda path: zipfile.ZipFile(path, "w").close(), "is damaged or no torch checkpoint"),
        (_truncated, "is damaged or no torch checkpoint"),
        (_tensor, "holds a Tensor, not a dictionary"),
        (lambda path: None, "does not exist"),
        (lambda path: path.mkdir(), "is a folder: a .bin file is itself a zip"),
    ],
)
def test_files_that_are_no_checkpoint_are_named(tmp_path, write, message):
    path = tmp_path / "weights.bin"
    write(path)
    with pytest.raises(InputError, match=message) as error:
        models.load_published(model(), path)
    assert "weights.bin" in str(error.value)
    assert "\n" not in str(error.value)


def test_models_without_official_weights_are_named():
    with pytest.raises(InputError, match="no official weights are known for ResidualMLP"):
        models.load_published(models.build("mlp", width=4), {})
