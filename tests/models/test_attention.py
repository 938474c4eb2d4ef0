"""Implicit attention: applied to the tokens, the weights give back the scan."""

import pytest
import torch

import models
from base.errors import InputError
from models.ssm import selective_scan
from models.ssm.attention import scan_attention, scan_weights
from models.ssm.inputs import ScanInputs
from models.ssm.orders import mode_orders
from workflow.measuring.maps import ssm_maps


@pytest.fixture
def scan() -> dict[str, torch.Tensor]:
    """A scan of one clip of 3 frames and 4 joints in four directions, in float64."""
    torch.manual_seed(0)
    L, K, E, N = 12, 4, 5, 3
    return {
        "u": torch.randn(1, L, E),
        "delta": torch.randn(1, K, L, E),
        "A": -torch.randn(K, E, N).exp(),
        "B": torch.randn(1, K, L, N),
        "C": torch.randn(1, K, L, N),
        "delta_bias": torch.randn(K, E),
    } | {"orders": mode_orders("bidirectional", 3, 4)}


@pytest.mark.parametrize("at_once", [1, 2**22])
def test_weights_applied_to_the_tokens_are_the_scan(scan, monkeypatch, at_once):
    monkeypatch.setattr("models.ssm.attention.ELEMENTS_AT_ONCE", at_once)
    scan = {key: x.double() if x.is_floating_point() else x for key, x in scan.items()}
    expected = selective_scan(**scan, backend="reference")[0]
    magnitude = torch.zeros(12, 12, dtype=torch.float64)
    for channels, weights in scan_weights(ScanInputs(**scan)):
        output = torch.einsum("eij,je->ie", weights, scan["u"][0][:, channels])
        torch.testing.assert_close(output, expected[:, channels])
        magnitude += weights.abs().sum(0)
    torch.testing.assert_close(scan_attention(ScanInputs(**scan)), magnitude / 5)


def test_one_direction_looks_back_only(scan):
    one = {key: x[:, :1] if key in ("delta", "B", "C") else x[:1] for key, x in scan.items()} | {"u": scan["u"]}
    attention = scan_attention(ScanInputs(**one))
    assert not attention.triu(1).any()
    assert (attention.tril() > 0).sum() == 12 * 13 / 2


def test_maps_average_the_attention_of_the_last_block():
    torch.manual_seed(0)
    model = models.build("posemamba-s", frames=5, width=4, depth=2, scan="fs-ft").train()
    joint_map, frame_map = ssm_maps(model, torch.randn(4, 17, 2))
    assert joint_map.shape == (17, 17)
    assert frame_map.shape == (4, 4)
    assert model.training
    # Both directions pairs walk forwards: no frame sees a later one, and within a frame no joint a later joint.
    assert not frame_map.triu(1).any()
    assert not joint_map.triu(1).any()
    assert (frame_map.tril() > 0).sum() == 10


@pytest.mark.parametrize("name", ["posemamba-s", "sasmamba"])
def test_attention_of_a_model_gives_back_its_scan(name):
    """The operator's own tokens and directions: weights times what each pair of directions reads, plus the skip D."""
    torch.manual_seed(0)
    model = models.build(name, frames=3, width=4, depth=1, backend="reference").double().eval()
    operator, x = model.time_blocks[-1].mixer, torch.randn(1, 3, 17, 4, dtype=torch.float64)
    tokens, _ = operator.tokens_and_gate(x)
    total = torch.zeros(51, 8, dtype=torch.float64)
    for inputs in operator.scan_inputs(*tokens, 3, 17):
        for channels, weights in scan_weights(inputs):
            total[:, channels] += torch.einsum("eij,je->ie", weights, inputs.u[0][:, channels])
        total += (inputs.D.sum(0) * inputs.u[0]).detach()
    torch.testing.assert_close(total, operator.scan(*tokens, 3, 17)[0].detach())


def test_what_has_no_map_is_named(scan):
    with pytest.raises(InputError, match="ResidualMLP has no scan to draw a map of"):
        ssm_maps(models.build("mlp", width=4), torch.zeros(1, 17, 2))
    two = scan | {"u": scan["u"].repeat(2, 1, 1)}
    with pytest.raises(InputError, match="of one clip, not of 2"):
        scan_attention(ScanInputs(**two))
