"""The two yardsticks."""

import numpy as np
import pytest
import torch
from torch import nn

import models
from base.errors import InputError


def test_mean_pose_is_the_mean_of_the_labels_whatever_the_input():
    model = models.build("mean-pose")
    labels = np.random.default_rng(0).normal(size=(50, 17, 3)).astype(np.float32)
    model.fit(torch.from_numpy(labels))
    output = model(torch.randn(2, 9, 17, 2))
    assert output.shape == (2, 9, 17, 3)
    np.testing.assert_allclose(output[1, 3], labels.mean(0), atol=1e-6)
    assert torch.equal(output, model(torch.full((2, 9, 17, 2), torch.nan)))
    assert not list(model.parameters())
    assert "pose" in model.state_dict()


def test_residual_mlp_sees_one_frame_at_a_time():
    torch.manual_seed(0)
    model = models.build("mlp", width=32).eval()
    clip = torch.randn(2, 9, 17, 2)
    output = model(clip)
    assert output.shape == (2, 9, 17, 3)
    changed = clip.clone()
    changed[0, 4] += 1
    difference = (model(changed) - output).abs().sum((2, 3))
    assert difference[0, 4] > 0
    assert (difference > 0).sum() == 1


def test_residual_mlp_has_the_sizes_of_the_simple_baseline():
    model = models.build("mlp")
    layers = [(m.in_features, m.out_features) for m in model.modules() if isinstance(m, nn.Linear)]
    assert sorted(layers) == sorted([(34, 1024), *[(1024, 1024)] * 4, (1024, 51)])
    assert sum(isinstance(m, nn.BatchNorm1d) for m in model.modules()) == 5
    assert {m.p for m in model.modules() if isinstance(m, nn.Dropout)} == {0.25}


@pytest.mark.parametrize("name", ["mean-pose", "mlp"])
def test_wrong_clips_are_named(name):
    model = models.build(name)
    with pytest.raises(InputError, match="built for 17 joints, the clip has 16"):
        model(torch.zeros(1, 1, 16, 2))
    with pytest.raises(InputError, match="built for 2 channels, the clip has 3"):
        model(torch.zeros(1, 1, 17, 3))
