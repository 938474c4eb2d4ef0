"""Predicted memory, against what PyTorch's profiler sees of a real pass, and against a fresh process's memory."""

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.profiler import ProfilerActivity, profile

from base.errors import InputError
from metrics.efficiency import peak_memory, predict_memory
from models.ssm import backend_in_use
from workflow.measuring.curves import TrainingStep, predicted_growth

BATCH, TOKENS, WIDTH, HEADS, LAYERS = 8, 512, 64, 4, 3
FLOAT = 4


class Net(nn.Module):
    """A frozen stem, layers of attention, a convolution: one of everything whose memory differs."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Linear(8, WIDTH).requires_grad_(False)
        self.qkv = nn.ModuleList(nn.Linear(WIDTH, 3 * WIDTH) for _ in range(LAYERS))
        self.conv = nn.Conv1d(WIDTH, WIDTH, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        with torch.no_grad():
            x = self.stem(x).exp().exp()
        for layer in self.qkv:
            q, k, v = layer(x).unflatten(-1, (3, HEADS, -1)).permute(2, 0, 3, 1, 4)
            x = x + F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2)
        return self.conv(F.gelu(x).mT)


def step() -> TrainingStep:
    return TrainingStep(Net(), squared)


def squared(output: Tensor) -> Tensor:
    return output.square().mean()


def predicted(training: bool = True, fused: bool = True) -> tuple[int, int, int]:
    with torch.device("meta"):
        found = predict_memory(Net(), torch.empty(BATCH, TOKENS, 8), training=training, fused=fused)
    return found.growth, found.rest, found.optimiser


def allocated(module: nn.Module, example: Tensor) -> int:
    """The most bytes that a second pass holds beyond what the first one left."""
    module(example)
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as seen:
        module(example)
    events = (e for e in seen.profiler.kineto_results.events() if e.name() == "[memory]")
    now = most = 0
    for event in sorted(events, key=lambda event: event.start_ns()):
        now += event.nbytes()
        most = max(most, now)
    return most


@pytest.mark.parametrize("fused", [True, False])
def test_a_training_step_holds_what_was_predicted(fused: bool) -> None:
    growth, _, _ = predicted(fused=fused)
    with sdpa_kernel(SDPBackend.FLASH_ATTENTION if fused else SDPBackend.MATH):
        assert allocated(step(), torch.zeros(BATCH, TOKENS, 8)) == pytest.approx(growth, rel=0.06)


def test_a_pass_without_gradients_holds_what_was_predicted() -> None:
    growth, _, optimiser = predicted(training=False)
    with torch.no_grad():
        found = allocated(Net().eval(), torch.zeros(BATCH, TOKENS, 8))
    one_map = BATCH * TOKENS * WIDTH * FLOAT
    assert growth <= found < growth + 1.1 * one_map  # the convolution copies its input, out of sight
    assert optimiser == 0


def test_attention_that_is_spelled_out_keeps_its_scores_and_needs_two_more_maps_of_them() -> None:
    scores = BATCH * HEADS * TOKENS**2 * FLOAT
    spelled, fused = predicted(fused=False)[0], predicted(fused=True)[0]
    assert LAYERS * scores < spelled - fused < (LAYERS + 3) * scores


def test_weights_gradients_and_moments_are_told_apart() -> None:
    """The frozen stem has no gradient and no moment."""
    frozen, trained = 9 * WIDTH, LAYERS * 3 * WIDTH * (WIDTH + 1) + WIDTH * (3 * WIDTH + 1)
    _, rest, optimiser = predicted()
    clip = BATCH * TOKENS * 8
    assert rest == (frozen + 2 * trained + clip) * FLOAT
    assert optimiser == 2 * trained * FLOAT
    assert predicted(training=False)[1] == (frozen + trained + clip) * FLOAT


def test_it_can_be_asked_twice_of_the_same_model() -> None:
    with torch.device("meta"):
        model, clip = Net(), torch.empty(BATCH, TOKENS, 8)
        first = predict_memory(model, clip, training=True, fused=True)
        assert predict_memory(model, clip, training=True, fused=True) == first


def test_a_model_that_is_really_there_is_refused() -> None:
    with pytest.raises(InputError, match="on the meta device"):
        predict_memory(Net(), torch.empty(BATCH, TOKENS, 8, device="meta"), training=True, fused=True)


@pytest.mark.slow
def test_resident_memory_of_a_video_network_is_the_prediction(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a process that gives freed memory back at once: glibc keeps a fifth more of it, or a third, as it happens."""
    monkeypatch.setenv("MALLOC_TRIM_THRESHOLD_", "65536")
    case = {"curve": "tokens", "contestant": "GLSMamba", "work": "training step", "size": 3_840}
    case["backend"] = backend_in_use()
    peak = peak_memory("workflow.measuring.curves:build", case, (1, 5, 3, 128, 96))
    assert peak == pytest.approx(predicted_growth(**case), rel=0.03)
