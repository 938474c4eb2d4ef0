"""Loss terms against their formulas, one joint and one number at a time."""

import numpy as np
import pytest
import torch

from base.errors import InputError
from studies.recipes import LIFTED, recipes
from training.losses import TEMPORAL_WEIGHT, TERMS, weighted_loss
from training.video_losses import heatmap_loss

B, T, J = 2, 4, 17


def _poses(seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return tuple(torch.randn(B, T, J, 3, generator=generator, dtype=torch.float64) for _ in range(2))


def test_terms_equal_plain_loops() -> None:
    prediction, target = _poses(0)
    p, g = prediction.numpy(), target.numpy()
    position, scaled, speed, smooth = [], [], [], []
    for b in range(B):
        for t in range(T):
            scale = np.mean([g[b, t, j] @ p[b, t, j] for j in range(J)]) / np.mean(
                [p[b, t, j] @ p[b, t, j] for j in range(J)]
            )
            for j in range(J):
                position.append(np.linalg.norm(p[b, t, j] - g[b, t, j]))
                scaled.append(np.linalg.norm(scale * p[b, t, j] - g[b, t, j]))
                if t:
                    moved = p[b, t, j] - p[b, t - 1, j]
                    speed.append(np.linalg.norm(moved - (g[b, t, j] - g[b, t - 1, j])))
                    smooth += [TEMPORAL_WEIGHT[j] * component**2 for component in moved]
    expected = {"mpjpe": position, "n_mpjpe": scaled, "velocity": speed, "temporal_consistency": smooth}
    for name, values in expected.items():
        assert TERMS[name](prediction, target).item() == pytest.approx(np.mean(values), rel=1e-12)


def test_recipes_know_every_term() -> None:
    assert set(LIFTED) == set(TERMS)


def test_scale_term_ignores_the_scale_of_the_prediction_and_lets_the_gradient_through() -> None:
    prediction, target = _poses(1)
    prediction.requires_grad_()
    loss = TERMS["n_mpjpe"](prediction, target)
    assert TERMS["n_mpjpe"](3 * prediction, target).item() == pytest.approx(loss.item())
    loss.backward()
    along = (prediction.grad * prediction).sum((-1, -2))  # scaling a frame's prediction changes nothing
    assert torch.allclose(along, torch.zeros_like(along), atol=1e-12)


def test_recipes_weigh_the_terms_of_table_5() -> None:
    prediction, target = _poses(2)
    value = {name: term(prediction, target).item() for name, term in TERMS.items()}
    expected = {
        "posemamba-mpjpe": value["mpjpe"],
        "posemamba-mpjpe-scale": value["mpjpe"] + 0.5 * value["n_mpjpe"],
        "posemamba-mpjpe-temporal": value["mpjpe"] + 20 * value["velocity"] + 0.5 * value["temporal_consistency"],
        "sasmamba": value["mpjpe"] + 0.5 * value["n_mpjpe"] + 20 * value["velocity"],
    }
    expected["posemamba"] = expected["sasmamba"] + 0.5 * value["temporal_consistency"]
    for recipe, total in expected.items():
        assert weighted_loss(prediction, target, recipes()[recipe].loss)[0].item() == pytest.approx(total)


def test_clips_of_one_frame_have_no_velocity() -> None:
    prediction, target = (x[:, :1] for x in _poses(3))
    assert TERMS["velocity"](prediction, target).item() == 0
    assert TERMS["temporal_consistency"](prediction, target).item() == 0


def test_unknown_or_missing_terms_are_refused() -> None:
    prediction, target = _poses(4)
    with pytest.raises(InputError, match="unknown loss term 'mpjp'"):
        weighted_loss(prediction, target, {"mpjp": 1.0})
    with pytest.raises(InputError, match="weight 0"):
        weighted_loss(prediction, target, {"mpjpe": 0.0})


def test_heatmaps_of_other_joints_are_not_learnt() -> None:
    with pytest.raises(InputError, match=r"outputs \(17, 8, 6\), the target heatmaps are \(15, 8, 6\)"):
        heatmap_loss(torch.zeros(2, 17, 8, 6), torch.zeros(2, 15, 8, 6), torch.ones(2, 15))
