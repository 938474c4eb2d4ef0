"""How much memory a pass would take, predicted on the meta device: shapes only, nothing is computed or allocated.

Every operator of the pass is watched. The bytes of each tensor count from the operator that makes it until the last
reference to it is gone. So it separates what frozen parts free at once, what is kept for the backward pass, and that
pass's temporaries, as in the real run. Views and weights used twice count once.
Not seen: what a kernel allocates for itself while it runs, and what an allocator adds.
"""

import weakref
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from base.errors import InputError

Objective = Callable[[nn.Module, Tensor], Tensor]
MOMENTS = 2  # numbers that AdamW keeps for each trained weight


@dataclass(frozen=True)
class Prediction:
    """Bytes that tensors hold at one time.

    peak      the most during the pass: weights, buffers, the example, and all that the pass makes; no optimiser state
    rest      after the pass, with its results dropped: weights, buffers, the example and, after training, gradients
    optimiser the optimiser's state, which is there all the time; 0 for inference
    """

    peak: int
    rest: int
    optimiser: int

    @property
    def total(self) -> int:
        """The most memory that the pass needs, everything included."""
        return self.peak + self.optimiser

    @property
    def growth(self) -> int:
        """What the pass needs beyond a model that made one before: what `metrics.memory.peak_memory` measures."""
        return self.peak - self.rest


def predict_memory(
    model: nn.Module, example: Tensor, *, training: bool, fused: bool, objective: Objective | None = None
) -> Prediction:
    """Memory of one forward pass, or of a training step: forward, squared error or `objective`, backward, AdamW.

    model, example: both on the meta device; the model is left in training or evaluation mode, after training with
    gradients.
    fused: attention as PyTorch's CPU kernel computes it, which keeps no scores; otherwise as three operators, which
    keep the scores (batch, heads, L, L) after the softmax, as unfused code does.
    Raises InputError for a model or an example that is somewhere else.
    """
    if not example.is_meta or not all(p.is_meta for p in model.parameters()):
        raise InputError("memory is predicted on the meta device: build the model and the example there")
    model.train(training).zero_grad(set_to_none=True)
    live = _Live([*model.parameters(), *model.buffers(), example])
    with _attention(fused), live, torch.set_grad_enabled(training):
        if training:
            (objective or _squared)(model, example).backward()
        else:
            model(example)
    trained = sum(p.numel() * p.element_size() for p in model.parameters() if p.requires_grad)
    return Prediction(live.peak, live.now, MOMENTS * trained if training else 0)


def _squared(model: nn.Module, example: Tensor) -> Tensor:
    return model(example).square().mean()


class _Live(TorchDispatchMode):
    """Adds up the bytes of living storages: `now`, and the most so far, `peak`."""

    def __init__(self, there: list[Tensor]) -> None:
        super().__init__()
        self.now = self.peak = 0
        self.known: set[int] = set()
        for tensor in there:
            self._hold(tensor)

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        out = func(*args, **(kwargs or {}))
        for leaf in tree_leaves(out):
            if isinstance(leaf, Tensor) and leaf.is_meta:
                self._hold(leaf)
        return out

    def _hold(self, tensor: Tensor) -> None:
        storage = tensor.untyped_storage()
        key, size = storage._cdata, storage.nbytes()
        if key not in self.known:
            self.known.add(key)
            self.now += size
            self.peak = max(self.peak, self.now)
            weakref.finalize(storage, self._drop, key, size).atexit = False

    def _drop(self, key: int, size: int) -> None:
        self.known.discard(key)
        self.now -= size


class _FusedAttention(TorchFunctionMode):
    """The CPU's fused attention kernel for all attention: on the meta device PyTorch would take the plain form."""

    def __torch_function__(self, func, types, args=(), kwargs=None):
        if func is F.scaled_dot_product_attention:
            return torch.ops.aten._scaled_dot_product_flash_attention_for_cpu(*args, **(kwargs or {}))[0]
        return func(*args, **(kwargs or {}))


def _attention(fused: bool) -> AbstractContextManager:
    return _FusedAttention() if fused else sdpa_kernel(SDPBackend.MATH)
