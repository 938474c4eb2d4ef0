"""Parameters and multiply-accumulates of a model, under named conventions.

The conventions do not measure the same thing, so their numbers never share a column:

- `true`: every weight, frozen ones apart, and every multiply-accumulate of every matrix product and convolution,
  of attention, and of each operator that registers its own formula with torch (the selective scan does).
- `paper`: what the papers' tables print. They used a profiler (thop) that sees leaf layers of a few known
  types only and calls a norm with weights 4 operations an element; weights held in any other way and
  everything functional count as nothing. Re-enacted here by our own hooks; thop is no dependency.
- `paper-leaf`: the MACs of `paper`; parameters of every leaf layer, known type or not, as older releases
  of that profiler counted.
- `fvcore`: `fvcore.nn.FlopCountAnalysis`, which traces the operators: linear and convolution layers, matrix
  products and einsum (rounded to 4 digits), and 5 operations an element of LayerNorm. No fused
  attention; of the scan, the products of low-rank step sizes alone; of deformable convolutions, the depthwise ones
  alone. Tracing fails on the meta device, so this convention alone runs the model, on zeros.

A multiply-accumulate (MAC) is one; torch's own counter calls it two FLOPs.

A count is that of the network and not of the state that it is in: a copy in single precision is counted, in evaluation
mode, without hooks, wrappers, autocast or inference mode.
"""

import copy
import math
import warnings
from collections import Counter, OrderedDict
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.nn.parameter import is_lazy
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import FlopCounterMode, flop_registry

from base.errors import InputError

HOOKS = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")
PARALLEL = (nn.DataParallel, nn.parallel.DistributedDataParallel)


@dataclass(frozen=True)
class Count:
    """What a model costs for one example, and what the convention leaves out."""

    params: int
    macs: int  # for the whole example: a clip, or a batch of them
    excluded: tuple[str, ...]
    convention: str
    frozen: int = 0  # of `params`; under `true` and `operators`, for the papers' profilers do not tell them apart

    @property
    def trained(self) -> int:
        """Weights that are not frozen: the number that tables print."""
        return self.params - self.frozen


class ModuleCount(NamedTuple):
    """What a module costs with all that is in it: weights, MACs under `paper` and `true`, and its frozen weights."""

    params: int
    paper: int
    true: int
    frozen: int


def count(model: nn.Module, example: Tensor, convention: str = "true") -> Count:
    """Parameters and MACs of one forward pass in evaluation mode.

    example: an input of any batch size, of the model's own shape, (B, T, J, C) for lifting models. On the
    meta device (`torch.empty(1, 243, 17, 2, device="meta")`) nothing is computed, so that the largest model
    takes a second and no memory; the model itself may be anywhere, for a copy of it follows the example.
    The model is left as it was, and what it is at the moment (frozen, in training, in half precision, compiled, with
    hooks) changes nothing but `frozen`. convention: one of CONVENTIONS (see this module; fvcore
    takes the CPU in place of the meta device, and as long as a forward pass).
    Raises InputError for an unknown convention, or for a model that fvcore cannot trace.
    Source of the papers' conventions: thop and torchprofile, re-enacted (docs/conventions.md).

    >>> counted = count(nn.Linear(3, 4), torch.empty(2, 3, device="meta"))
    >>> counted.params, counted.macs
    (16, 24)
    """
    return count_under([convention], model, example)[convention]


def count_under(conventions: Sequence[str], model: nn.Module, example: Tensor) -> dict[str, Count]:
    """`count` under several conventions, by name. All but fvcore share one forward pass."""
    if unknown := [name for name in conventions if name not in CONVENTIONS]:
        raise InputError(f"unknown convention '{unknown[0]}': choose one of {', '.join(CONVENTIONS)}")
    counted = {}
    watched = _Watched(model, example) if set(conventions) & set(WATCHED) else None
    for name in conventions:
        params, macs, excluded = WATCHED[name](watched) if name in WATCHED else _count_fvcore(model, example)
        frozen = _weights(watched.model, frozen=True) if name in TOLD_APART else 0
        counted[name] = Count(params, macs, tuple(excluded), name, frozen)
    return counted


def count_modules(model: nn.Module, example: Tensor) -> dict[str, ModuleCount]:
    """What each module costs with all that is in it, by its name.

    Arguments as of `count`; the model itself has the name "". Weights shared by two modules count in both.
    """
    watched = _Watched(model, example)
    flops, root = watched.flops.get_flop_counts(), type(watched.model).__name__
    counted = {}
    for name, module in watched.model.named_modules():
        inside = (n for layer, n in watched.layers.items() if f"{layer}.".startswith(f"{name}." if name else ""))
        true = sum(flops.get(f"{root}.{name}" if name else root, {}).values()) // 2
        counted[name] = ModuleCount(_weights(module), sum(inside), true, _weights(module, frozen=True))
    return counted


def _weights(model: nn.Module, frozen: bool = False) -> int:
    """Weights of a model, or the frozen ones of them."""
    return sum(p.numel() for p in model.parameters() if not (frozen and p.requires_grad))


def _shadow(model: nn.Module, example: Tensor) -> tuple[nn.Module, Tensor]:
    """A copy of the module tree in evaluation mode and single precision on the example's device, and the example so.

    It shares the model's own weights if they are like that already, and nothing else: hooks and wrappers stay behind.
    Counting asks for shapes only, so a model on the meta device gets zeros where it needs numbers.
    """

    def there(tensor: Tensor, shared: bool = False) -> Tensor:
        dtype = torch.float32 if tensor.is_floating_point() else tensor.dtype
        if tensor.is_meta:
            return torch.zeros_like(tensor, dtype=dtype, device=example.device)
        moved = tensor.detach().to(example.device, dtype)
        return moved if shared and not moved.is_inference() else moved.clone()

    model = _with_weights(_unwrapped(model), example)
    memo: dict[int, object] = {
        id(p): nn.Parameter(there(p, shared=True), requires_grad=p.requires_grad) for p in model.parameters()
    }
    for module in model.modules():
        memo |= {id(getattr(module, hooks)): OrderedDict() for hooks in HOOKS}
        tensors = [leaf for leaf in tree_leaves(vars(module)) if isinstance(leaf, Tensor)]  # and what a pass has left
        memo |= {id(tensor): there(tensor) for tensor in tensors if id(tensor) not in memo}
    shadow = copy.deepcopy(model, memo).eval()
    for module in list(shadow.modules()):
        for name, child in module._modules.items():
            module._modules[name] = None if child is None else _unwrapped(child)
    return shadow, there(example)


def _unwrapped(model: nn.Module) -> nn.Module:
    """A model without torch.compile and data-parallel training around it."""
    while (inner := model.module if isinstance(model, PARALLEL) else getattr(model, "_orig_mod", None)) is not None:
        model = inner
    return model


def _with_weights(model: nn.Module, example: Tensor) -> nn.Module:
    """The model, or a copy of it after a pass, where the first pass decides the shapes of its weights."""
    lazy = [tensor for tensor in (*model.parameters(), *model.buffers()) if is_lazy(tensor)]
    if lazy:
        model = copy.deepcopy(model)
        with torch.no_grad():
            model(torch.zeros_like(example, device=lazy[0].device))
    return model


def _plainly(stack: ExitStack) -> None:
    """No gradients, no inference mode, whose operators are other ones, and no autocast around a pass."""
    stack.enter_context(torch.inference_mode(False))
    stack.enter_context(torch.no_grad())
    for device in ("cpu", "cuda"):
        stack.enter_context(torch.autocast(device, enabled=False))


class _Watched:
    """A copy of a model after one forward pass in evaluation mode, and what was seen of it.

    flops: torch's counter; rest: elements written by operators without a formula; layers: layer -> the sum of its
    rule in RULES over every call of it, for every layer that has one and was called; older: the same in older releases
    of the profiler; normalised: elements that norms wrote.
    """

    def __init__(self, model: nn.Module, example: Tensor) -> None:
        self.model, example = _shadow(model, example)
        self.layers: Counter[str] = Counter()
        self.older: Counter[str] = Counter()
        self.normalised = 0
        for name, layer in self.model.named_modules():
            if type(layer) in RULES:
                layer.register_forward_hook(partial(self._tally, name))  # dies with this copy of the model
        self.flops, self.rest = FlopCounterMode(display=False), _Uncounted()
        for layer in self.opaque().values():
            layer.register_forward_pre_hook(lambda *_: self.rest.enter(1))
            layer.register_forward_hook(lambda *_: self.rest.enter(-1))
        # Fused attention on the CPU counts as 0 in torch's counter; its plain form counts in full.
        fast_path = torch.backends.mha.get_fastpath_enabled()
        torch.backends.mha.set_fastpath_enabled(False)
        try:
            with ExitStack() as stack:
                _plainly(stack)
                for context in (sdpa_kernel(SDPBackend.MATH), self.rest, self.flops):
                    stack.enter_context(context)
                self.model(example)
        finally:
            torch.backends.mha.set_fastpath_enabled(fast_path)

    def opaque(self) -> dict[str, nn.Module]:
        """Modules that a released code runs as one kernel with its scan, by name."""
        return {name: m for name, m in self.model.named_modules() if getattr(m, "opaque", False)}

    def _tally(self, name: str, layer: nn.Module, x: tuple[Tensor, ...], y: Tensor) -> None:
        rule = RULES[type(layer)]
        operations = rule(layer, x[0], y)
        self.layers[name] += operations
        if rule is _norm:
            self.normalised += y.numel()
        else:
            self.older[name] += operations + _biases(layer, y)


# --- true -------------------------------------------------------------------------------------------------

# Operators that move or make numbers and compute none.
MOVES = {"arange", "cat", "clone", "constant_pad_nd", "copy", "copy_", "_to_copy", "detach", "lift_fresh"}
MOVES |= {"flip", "gather", "index", "index_select", "repeat", "roll", "stack", "_unsafe_view"}
MOVES |= {"empty", "empty_like", "empty_strided", "new_empty", "new_zeros", "zeros", "zeros_like", "zero_"}
MOVES |= {"fill_", "full", "full_like", "ones", "ones_like", "scalar_tensor"}


class _Uncounted(TorchDispatchMode):
    """Tallies the operators that have no MAC formula, by the elements that they write; `multiplied` outside kernels.

    Indices are not among them: a table of those is made in the first pass of a process and kept for all others.
    """

    def __init__(self) -> None:
        super().__init__()
        self.elements: Counter[str] = Counter()
        self.multiplied = self.kernels = 0

    def enter(self, kernels: int) -> None:
        """So many more opaque modules are being run (fewer, if negative)."""
        self.kernels += kernels

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        out = func(*args, **(kwargs or {}))
        packet = func.overloadpacket
        if packet not in flop_registry and packet.__name__ not in MOVES and not func.is_view:
            first = out[0] if isinstance(out, (tuple, list)) else out
            written = first.numel() if isinstance(first, Tensor) and first.dtype != torch.int64 else 0
            self.elements[packet.__name__] += written
            self.multiplied += written if packet.__name__ in ("mul", "mul_") and not self.kernels else 0
        return out


def _count_true(watched: _Watched) -> tuple[int, int, list[str]]:
    excluded = [f"{op}: {n:,} elements" for op, n in watched.rest.elements.most_common() if n]
    for op, n in watched.flops.get_flop_counts().get("Global", {}).items():
        if op._qualified_op_name.split("::")[0] != "aten":  # an operator with a formula of its own
            excluded.append(f"{op._qualified_op_name}: all but the {n // 2:,} MACs of its formula")
    return _weights(watched.model), watched.flops.get_total_flops() // 2, excluded


# --- paper ------------------------------------------------------------------------------------------------


def _linear(layer: nn.Linear, x: Tensor, y: Tensor) -> int:
    return y.numel() * layer.in_features


def _convolution(layer: nn.Conv2d, x: Tensor, y: Tensor) -> int:
    """Taps on the zero padding count; transposed ones count by their output too, stride² too much."""
    return y.numel() * (layer.in_channels // layer.groups) * math.prod(layer.kernel_size)


def _norm(layer: nn.LayerNorm, x: Tensor, y: Tensor) -> int:
    affine = getattr(layer, "affine", False) or getattr(layer, "elementwise_affine", False)
    return x.numel() * (4 if affine else 2)


def _softmax(layer: nn.Softmax, x: Tensor, y: Tensor) -> int:
    """exp, sum and division of n numbers: 3 n - 1."""
    n = x.shape[layer.dim]
    return x.numel() // n * (3 * n - 1)


def _upsampling(layer: nn.Upsample, x: Tensor, y: Tensor) -> int:
    """Of nearest neighbours, one an element; no network here enlarges a map by a layer in another way."""
    return y.numel() if layer.mode == "nearest" else 0


def _adaptive_pooling(layer: nn.AdaptiveAvgPool2d, x: Tensor, y: Tensor) -> int:
    """A sum over the window of each output, and a division."""
    return y.numel() * (math.prod(a // b for a, b in zip(x.shape[2:], y.shape[2:], strict=True)) + 1)


def _biases(layer: nn.Module, y: Tensor) -> int:
    """What older releases count of a convolution besides."""
    convolves = RULES[type(layer)] is _convolution
    return y.numel() if convolves and layer.bias is not None else 0


Rule = Callable[[nn.Module, Tensor, Tensor], int]
# The profiler looks a layer's exact type up: a subclass of nn.Linear is as invisible as a custom layer.
RULES: dict[type[nn.Module], Rule] = {
    nn.Linear: _linear,
    **dict.fromkeys([nn.Conv1d, nn.Conv2d, nn.Conv3d], _convolution),
    **dict.fromkeys([nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d], _convolution),
    **dict.fromkeys([nn.LayerNorm, nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d], _norm),
    **dict.fromkeys([nn.InstanceNorm1d, nn.InstanceNorm2d, nn.InstanceNorm3d], _norm),
    nn.Softmax: _softmax,
    nn.Upsample: _upsampling,
    nn.AdaptiveAvgPool2d: _adaptive_pooling,
}


def _count_paper(watched: _Watched) -> tuple[int, int, list[str]]:
    return _count_layers(watched, lambda name, layer: name in watched.layers, watched.layers)


def _count_paper_leaf(watched: _Watched) -> tuple[int, int, list[str]]:
    return _count_layers(watched, lambda _, layer: next(layer.children(), None) is None, watched.older)


def _count_layers(
    watched: _Watched, visible: Callable[[str, nn.Module], bool], macs: Counter[str]
) -> tuple[int, int, list[str]]:
    """Parameters of the visible layers, MACs of the layers with a rule."""
    seen: dict[int, int] = {}
    unseen: Counter[str] = Counter()
    for path, layer in watched.model.named_modules():
        for name, p in layer.named_parameters(recurse=False):
            if visible(path, layer):
                seen[id(p)] = p.numel()
            else:
                unseen[f"{type(layer).__name__}.{name}"] += p.numel()
    excluded = [f"{name}: {n:,} parameters" for name, n in unseen.most_common()]
    silent = Counter(
        type(layer).__name__
        for layer in watched.model.modules()
        if type(layer) not in RULES and next(layer.children(), None) is None
    )
    excluded += [f"{name}: MACs of {n} layers" for name, n in sorted(silent.items())]
    excluded.append("MACs of everything functional: einsum, matmul, attention products, scans, gates")
    return sum(seen.values()), macs.total(), excluded


# --- operators --------------------------------------------------------------------------------------------


def _count_operators(watched: _Watched) -> tuple[int, int, list[str]]:
    by_module, root = watched.flops.get_flop_counts(), type(watched.model).__name__
    inside = {name: _native(by_module.get(f"{root}.{name}", {})) for name in watched.opaque()}
    params, _, excluded = _count_true(watched)
    excluded += [f"{name}: {n:,} MACs in one kernel" for name, n in inside.items()]
    products = _native(by_module.get("Global", {})) - sum(inside.values())
    return params, products + watched.normalised + watched.rest.multiplied, excluded


def _native(counts: dict) -> int:
    """MACs of PyTorch's own operators."""
    return sum(n for op, n in counts.items() if op._qualified_op_name.split("::")[0] == "aten") // 2


# --- fvcore -----------------------------------------------------------------------------------------------


def _count_fvcore(model: nn.Module, example: Tensor) -> tuple[int, int, list[str]]:
    example = torch.zeros_like(example, device="cpu") if example.is_meta else example
    model, example = _shadow(model, example)
    with warnings.catch_warnings(), ExitStack() as stack:
        _plainly(stack)
        warnings.simplefilter("ignore")  # it rides on torch.jit, which is deprecated
        from fvcore.nn import FlopCountAnalysis  # 2 s to import, wanted in this convention only

        analysis = FlopCountAnalysis(model, (example,)).tracer_warnings("none")
        analysis.unsupported_ops_warnings(False).uncalled_modules_warnings(False)
        seen: set[str] = set()
        for op, (rule, _) in OUR_OPERATORS.items():
            analysis.set_op_handle(op, lambda *traced, op=op, rule=rule: seen.add(op) or rule(*traced))
        try:
            macs = int(analysis.total())
        except (RuntimeError, TypeError) as error:
            reason = str(error).strip().splitlines()[0]
            raise InputError(f"fvcore cannot trace {type(model).__name__}: {reason}") from error
    excluded = [f"{op}: {n} calls" for op, n in sorted(analysis.unsupported_ops().items())]
    excluded += [f"{op}: all but the {counted}" for op, (_, counted) in OUR_OPERATORS.items() if op in seen]
    return _weights(model), macs, excluded


def _low_rank_macs(inputs: list, outputs: list) -> int:
    """Products of low-rank step sizes: inside our scan operator, but a matrix product in the released code."""
    (batch, L, E), dt_proj = inputs[0].type().sizes(), inputs[8].type()
    K, _, rank = dt_proj.sizes() if dt_proj.kind() == "TensorType" else (0, 0, 0)
    return batch * K * L * E * rank


def _depthwise_macs(inputs: list, outputs: list) -> int:
    """What fvcore sees of the same in plain PyTorch: `bmm` where it is depthwise, else nothing (`baddbmm`)."""
    tokens, (channels, per_group, *kernel) = math.prod(inputs[0].type().sizes()[:3]), inputs[3].type().sizes()
    return tokens * channels * math.prod(kernel) if per_group == 1 else 0


OUR_OPERATORS = {  # their rules, and what these count
    "ssmpose::selective_scan": (_low_rank_macs, "products of its low-rank step sizes"),
    "ssmpose::deform_conv": (_depthwise_macs, "taps of depthwise ones"),
}


WATCHED: dict[str, Callable[[_Watched], tuple[int, int, list[str]]]] = {
    "true": _count_true,
    "paper": _count_paper,
    "paper-leaf": _count_paper_leaf,
    "operators": _count_operators,
}
CONVENTIONS = (*WATCHED, "fvcore")
TOLD_APART = ("true", "operators")  # conventions that ask whether a weight is frozen
