"""One forward pass of a network, and what is seen of it: layers, products and whose weights they are of, the rest.

The conventions of `metrics.counting` are readings of such a pass.
"""

import copy
import math
import re
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from functools import partial
from typing import NamedTuple, TypeVar

import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.nn.parameter import is_lazy
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import flop_registry

HOOKS = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")
PARALLEL = (nn.DataParallel, nn.parallel.DistributedDataParallel)
Value = TypeVar("Value")
NATIVE = "aten"  # the namespace of PyTorch's own operators
SCAN = "ssmpose::selective_scan"


def shadow(model: nn.Module, example: Tensor) -> tuple[nn.Module, Tensor]:
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


def plainly(compute: Callable[..., Value], *arguments: object) -> Value:
    """What a function returns without gradients, inference mode, whose operators are other ones, and autocast."""
    with ExitStack() as stack:
        stack.enter_context(torch.inference_mode(False))
        stack.enter_context(torch.no_grad())
        for device in ("cpu", "cuda"):
            stack.enter_context(torch.autocast(device, enabled=False))
        return compute(*arguments)


# --- the profiler's rules -----------------------------------------------------------------------------------


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


# --- kinds of weights and of products -----------------------------------------------------------------------

LAYERS, TRANSPOSED, NORMS, SOFTMAX = "layers", "transposed convolutions", "norms", "softmax"
RESIZING = "resizing"  # of maps, up or down, without weights
UNCALLED, FROZEN, WEIGHTLESS = "layers never called", "frozen", "products without weights"
RECURRENCE, STEP_SIZES = "scan", "dt_proj"  # the two products of a scan: with states, and of low rank
# What weights are called that no layer of RULES holds, by the type of their module and their own name.
NAMED = {
    r"\w+\.(?P<own>x_proj|dt_proj|dt_bias|A_log|D)": "",
    r"\w+\.(\w*tables?|(pos|limb|frame)_embed|times)": "tables of positions",
    r"\w*Deformable\w*\.\w+": "deformable taps",
}


def layer_kind(layer: nn.Module) -> str:
    """What a layer of RULES is counted as."""
    rule = RULES[type(layer)]
    named = {_norm: NORMS, _softmax: SOFTMAX, _upsampling: RESIZING, _adaptive_pooling: RESIZING}
    if rule in named:
        return named[rule]
    return TRANSPOSED if getattr(layer, "transposed", False) else LAYERS


def _weight_kind(module: nn.Module, name: str) -> str:
    """What a weight is called that no layer of RULES holds: as in NAMED, as its module without children, or by name."""
    for pattern, kind in NAMED.items():
        if match := re.fullmatch(pattern, f"{type(module).__name__}.{name}"):
            return kind or match["own"]
    leaf = next(module.children(), None) is None
    return type(module).__name__ if leaf else name.rstrip("0123456789").rstrip("_")


# --- what a pass shows --------------------------------------------------------------------------------------

# Operators that move or make numbers and compute none.
MOVES = {"arange", "cat", "clone", "constant_pad_nd", "copy", "copy_", "_to_copy", "detach", "lift_fresh"}
MOVES |= {"flip", "gather", "index", "index_select", "repeat", "roll", "stack", "_unsafe_view"}
MOVES |= {"empty", "empty_like", "empty_strided", "new_empty", "new_zeros", "zeros", "zeros_like", "zero_"}
MOVES |= {"fill_", "full", "full_like", "ones", "ones_like", "scalar_tensor"}


class Product(NamedTuple):
    """Where multiply-accumulates were done: in which module, by which operator, and with whose weights.

    weight : module and name of a weight, or None without one
    part : of an operator that does several products, else empty
    """

    module: str
    operator: str
    weight: tuple[str, str] | None
    part: str = ""

    @property
    def native(self) -> bool:
        """Whether the operator is PyTorch's own."""
        return self.operator.split("::")[0] == NATIVE


class _Seen(TorchDispatchMode):
    """Tallies the MACs of operators that have a formula, and the elements that all others write.

    Indices are not among the elements: a table of those is made in the first pass of a process and kept for all others.
    A weight is followed through views and copies to the product that it is used in.
    """

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.macs: Counter[Product] = Counter()
        self.elements: Counter[str] = Counter()
        self.multiplied = 0  # elements of products outside opaque modules
        self._inside, self._kernels = [""], 0
        self._weights: dict[int, tuple[str, str]] = {}  # storage -> module and name
        self._alive: list[Tensor] = []  # or another storage could take the place of one
        for name, module in model.named_modules():
            opaque = getattr(module, "opaque", False)
            module.register_forward_pre_hook(partial(self._enter, name, opaque))  # dies with this copy of the model
            module.register_forward_hook(partial(self._leave, opaque))
            for own, weight in module.named_parameters(recurse=False):
                self._weights.setdefault(_storage(weight), (name, own))

    def _enter(self, name: str, opaque: bool, *_: object) -> None:
        self._inside.append(name)
        self._kernels += opaque

    def _leave(self, opaque: bool, *_: object) -> None:
        self._inside.pop()
        self._kernels -= opaque

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        out, packet = func(*args, **kwargs), func.overloadpacket
        tensors = [x for x in tree_leaves((args, kwargs)) if isinstance(x, Tensor)]
        first = out[0] if isinstance(out, (tuple, list)) and out else out
        if packet in flop_registry:
            macs = flop_registry[packet](*args, **kwargs, out_val=out) // 2
            self._tally(packet._qualified_op_name, macs, args, tensors)
        elif func.is_view or packet.__name__ in MOVES:
            self._follow(tensors, tree_leaves(out))
        else:
            written = first.numel() if isinstance(first, Tensor) and first.dtype != torch.int64 else 0
            self.elements[packet.__name__] += written
            self.multiplied += written if packet.__name__ in ("mul", "mul_") and not self._kernels else 0
        return out

    def _tally(self, operator: str, macs: int, args: Sequence[object], tensors: list[Tensor]) -> None:
        where = self._inside[-1], operator
        if operator == SCAN:
            steps = low_rank_macs(args[0].shape, () if args[8] is None else args[8].shape)
            self.macs[Product(*where, None, STEP_SIZES)] += steps
            self.macs[Product(*where, None, RECURRENCE)] += macs - steps
        else:
            owners = (self._weights.get(_storage(x)) for x in tensors if x.dim() > 1)
            self.macs[Product(*where, next(filter(None, owners), None))] += macs

    def _follow(self, tensors: list[Tensor], made: list[object]) -> None:
        """What is made of a weight alone, indices apart, is the weight's; what is joined with another thing is not."""
        owners = {self._weights.get(_storage(x)) for x in tensors if x.is_floating_point()}
        if None in owners or not owners:
            return
        for x in made:
            if isinstance(x, Tensor):
                self._weights.setdefault(_storage(x), min(owners))
                self._alive.append(x)


def _storage(x: Tensor) -> int:
    """Identity of a tensor's memory, which views share; 0 where it has none of its own."""
    return x.untyped_storage()._cdata if x.layout is torch.strided else 0


def low_rank_macs(tokens: Sequence[int], weight: Sequence[int]) -> int:
    """Products of low-rank step sizes inside a scan, by the shapes of its tokens and of dt_proj; 0 without that."""
    (batch, length, channels), (sets, _, rank) = tokens, weight or (0, 0, 0)
    return batch * sets * length * channels * rank


class Watched:
    """A copy of a model after one forward pass in evaluation mode, and what was seen of it.

    macs: of each product; elements: written by operators without a formula, by operator; multiplied: of products of
    elements outside opaque modules, which a released code runs as one kernel with its scan
    layers: layer -> the sum of its rule in RULES over every call of it, for every layer that has one and was called;
    biases: what older releases of the profiler count of a layer besides; normalised: elements that norms wrote
    """

    def __init__(self, model: nn.Module, example: Tensor) -> None:
        self.model, example = plainly(shadow, model, example)
        self.layers: Counter[str] = Counter()
        self.biases: Counter[str] = Counter()
        self.normalised = 0
        seen = _Seen(self.model)
        for name, layer in self.model.named_modules():
            if type(layer) in RULES:
                layer.register_forward_hook(partial(self._tally, name))
        # Fused attention on the CPU counts as 0 in torch's counter; its plain form counts in full.
        fast_path = torch.backends.mha.get_fastpath_enabled()
        torch.backends.mha.set_fastpath_enabled(False)
        try:
            with sdpa_kernel(SDPBackend.MATH), seen:
                plainly(self.model, example)
        finally:
            torch.backends.mha.set_fastpath_enabled(fast_path)
        self.macs, self.elements, self.multiplied = seen.macs, seen.elements, seen.multiplied

    def opaque(self) -> list[str]:
        """Modules that a released code runs as one kernel with its scan, by name."""
        return [name for name, module in self.model.named_modules() if getattr(module, "opaque", False)]

    def within(self, module: str) -> dict[Product, int]:
        """Products of a module with all that is in it."""
        return {product: n for product, n in self.macs.items() if is_within(product.module, module)}

    def weights(self) -> Iterator[tuple[str, str, nn.Parameter]]:
        """Name of the module, own name and weight; one that modules share comes once for each."""
        for name, module in self.model.named_modules():
            yield from ((name, own, weight) for own, weight in module.named_parameters(recurse=False))

    def kind_of_weight(self, module: str, name: str) -> str:
        """What a weight is called where networks are compared, frozen or not."""
        owner = self.model.get_submodule(module)
        if type(owner) in RULES:
            return layer_kind(owner) if module in self.layers else UNCALLED
        return _weight_kind(owner, module.rpartition(".")[2] if isinstance(owner, nn.ParameterList) else name)

    def kind_of_product(self, product: Product) -> str:
        """What a product is called: as the layer that does it, or the weight that it is with."""
        layer = self.model.get_submodule(product.module)
        if type(layer) in RULES:
            return layer_kind(layer)
        return product.part or (self.kind_of_weight(*product.weight) if product.weight else WEIGHTLESS)

    def _tally(self, name: str, layer: nn.Module, x: tuple[Tensor, ...], y: Tensor) -> None:
        self.layers[name] += RULES[type(layer)](layer, x[0], y)
        self.biases[name] += _biases(layer, y)
        self.normalised += y.numel() if layer_kind(layer) == NORMS else 0


def is_within(name: str, module: str) -> bool:
    """Whether a module is another, or in it."""
    return f"{name}.".startswith(f"{module}." if module else "")
