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

Each count is told apart by what it is made of: MACs by operation, weights by kind. An operation or a kind has one name
under all conventions, so that the difference of two counts is that of their parts (`Parts`).

A count is that of the network and not of the state that it is in: a copy in single precision is counted, in evaluation
mode, without hooks, wrappers, autocast or inference mode.
"""

import math
import warnings
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import torch
from torch import Tensor, nn

from base.errors import InputError
from metrics.watching import (
    FROZEN,
    NORMS,
    RULES,
    Product,
    Watched,
    is_within,
    layer_kind,
    low_rank_macs,
    plainly,
    shadow,
)

BIASES, ELEMENTWISE = "biases of convolutions", "products of elements"


@dataclass(frozen=True)
class Parts:
    """What a count is made of; what is nothing is left out.

    macs   : operation -> MACs: the layers that PyTorch has, and each product besides by the weight that it is with
    params : kind of weight -> how many of them are counted
    """

    macs: Mapping[str, int]
    params: Mapping[str, int]


@dataclass(frozen=True)
class Count:
    """What a model costs for one example, what that is made of, and what the convention leaves out."""

    params: int  # the sum of `parts.params`
    macs: int  # the sum of `parts.macs`: for the whole example, a clip or a batch of them
    excluded: tuple[str, ...]
    convention: str
    frozen: int = 0  # of `params`; under `true` and `operators`, for the papers' profilers do not tell them apart
    parts: Parts = field(default=Parts({}, {}), hash=False)

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
    """Parameters and MACs of one forward pass in evaluation mode, and what they are made of.

    example: an input of any batch size, of the model's own shape, (B, T, J, C) for lifting models. On the
    meta device (`torch.empty(1, 243, 17, 2, device="meta")`) nothing is computed, so that the largest model
    takes a second and no memory; the model itself may be anywhere, for a copy of it follows the example.
    The model is left as it was, and what it is at the moment (frozen, in training, in half precision, compiled, with
    hooks) changes nothing but what is told apart as frozen. convention: one of CONVENTIONS (see this module; fvcore
    takes the CPU in place of the meta device, and as long as a forward pass).
    Raises InputError for an unknown convention, or for a model that fvcore cannot trace.
    Source of the papers' conventions: thop and torchprofile, re-enacted (docs/conventions.md).

    >>> counted = count(nn.Sequential(nn.Linear(3, 4), nn.LayerNorm(4)), torch.empty(2, 3, device="meta"), "paper")
    >>> counted.params, counted.macs
    (24, 56)
    >>> counted.parts
    Parts(macs={'layers': 24, 'norms': 32}, params={'layers': 16, 'norms': 8})
    """
    return count_under([convention], model, example)[convention]


def count_under(conventions: Sequence[str], model: nn.Module, example: Tensor) -> dict[str, Count]:
    """`count` under several conventions, by name. They share one forward pass, and fvcore makes another."""
    if unknown := [name for name in conventions if name not in CONVENTIONS]:
        raise InputError(f"unknown convention '{unknown[0]}': choose one of {', '.join(CONVENTIONS)}")
    counted = {}
    watched = Watched(model, example)
    for name in conventions:
        macs, params, excluded = WATCHED[name](watched) if name in WATCHED else _count_fvcore(watched, model, example)
        parts = Parts(*({part: n for part, n in of.items() if n} for of in (macs, params)))
        frozen = params[FROZEN] if name in TOLD_APART else 0
        counted[name] = Count(params.total(), macs.total(), tuple(excluded), name, frozen, parts)
    return counted


def count_modules(model: nn.Module, example: Tensor) -> dict[str, ModuleCount]:
    """What each module costs with all that is in it, by its name.

    Arguments as of `count`; the model itself has the name "". Weights shared by two modules count in both.
    """
    watched = Watched(model, example)
    counted = {}
    for name, module in watched.model.named_modules():
        paper = sum(n for layer, n in watched.layers.items() if is_within(layer, name))
        weights = [sum(p.numel() for p in module.parameters() if not (f and p.requires_grad)) for f in (False, True)]
        counted[name] = ModuleCount(weights[0], paper, sum(watched.within(name).values()), weights[1])
    return counted


Tally = tuple[Counter[str], Counter[str], list[str]]  # MACs by operation, weights by kind, what is left out


def _weights(watched: Watched, visible: Callable[[str], bool] = lambda module: True) -> Counter[str]:
    """Weights of the visible modules by kind, each once."""
    kinds: dict[int, tuple[str, int]] = {}
    for module, name, weight in watched.weights():
        if visible(module):
            kind = watched.kind_of_weight(module, name) if weight.requires_grad else FROZEN
            kinds.setdefault(id(weight), (kind, weight.numel()))
    weights: Counter[str] = Counter()
    for kind, n in kinds.values():
        weights[kind] += n
    return weights


def _products(watched: Watched, counts: Callable[[Product], bool] = lambda product: True) -> Counter[str]:
    """MACs of the products that count, by operation."""
    macs: Counter[str] = Counter()
    for product, n in watched.macs.items():
        macs[watched.kind_of_product(product)] += n if counts(product) else 0
    return macs


# --- true -------------------------------------------------------------------------------------------------


def _count_true(watched: Watched) -> Tally:
    excluded = [f"{op}: {n:,} elements" for op, n in watched.elements.most_common() if n]
    formulas: Counter[str] = Counter()  # of operators with a formula of their own
    for product, n in watched.macs.items():
        formulas[product.operator] += 0 if product.native else n
    excluded += [f"{operator}: all but the {n:,} MACs of its formula" for operator, n in formulas.items() if n]
    return _products(watched), _weights(watched), excluded


# --- paper ------------------------------------------------------------------------------------------------


def _count_paper(watched: Watched) -> Tally:
    return _count_layers(watched, lambda module: module in watched.layers, norms=True)


def _count_paper_leaf(watched: Watched) -> Tally:
    modules = dict(watched.model.named_modules())
    return _count_layers(watched, lambda module: next(modules[module].children(), None) is None, norms=False)


def _count_layers(watched: Watched, visible: Callable[[str], bool], norms: bool) -> Tally:
    """Parameters of the visible layers, MACs of the layers with a rule; without norms, of biases instead."""
    modules = dict(watched.model.named_modules())
    unseen: Counter[str] = Counter()
    for module, name, weight in watched.weights():
        unseen[f"{type(modules[module]).__name__}.{name}"] += 0 if visible(module) else weight.numel()
    excluded = [f"{name}: {n:,} parameters" for name, n in unseen.most_common() if n]
    silent = Counter(
        type(layer).__name__
        for layer in modules.values()
        if type(layer) not in RULES and next(layer.children(), None) is None
    )
    excluded += [f"{name}: MACs of {n} layers" for name, n in sorted(silent.items())]
    excluded.append("MACs of everything functional: einsum, matmul, attention products, scans, gates")
    macs: Counter[str] = Counter() if norms else Counter({BIASES: watched.biases.total()})
    for layer, n in watched.layers.items():
        kind = layer_kind(modules[layer])
        macs[kind] += n if norms or kind != NORMS else 0
    return macs, _weights(watched, visible), excluded


# --- operators --------------------------------------------------------------------------------------------


def _count_operators(watched: Watched) -> Tally:
    kernels, (_, params, excluded) = watched.opaque(), _count_true(watched)
    for kernel in kernels:
        inside = sum(n for product, n in watched.within(kernel).items() if product.native)
        excluded.append(f"{kernel}: {inside:,} MACs in one kernel")
    macs = _products(watched, lambda p: p.native and not any(is_within(p.module, kernel) for kernel in kernels))
    macs += Counter({NORMS: watched.normalised, ELEMENTWISE: watched.multiplied})
    return macs, params, excluded


# --- fvcore -----------------------------------------------------------------------------------------------


def _count_fvcore(watched: Watched, model: nn.Module, example: Tensor) -> Tally:
    example = torch.zeros_like(example, device="cpu") if example.is_meta else example
    model, example = plainly(shadow, model, example)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it rides on torch.jit, which is deprecated
        from fvcore.nn import FlopCountAnalysis  # 2 s to import, wanted in this convention only

        analysis = FlopCountAnalysis(model, (example,)).tracer_warnings("none")
        analysis.unsupported_ops_warnings(False).uncalled_modules_warnings(False)
        seen: set[str] = set()
        for op, (rule, _) in OUR_OPERATORS.items():
            analysis.set_op_handle(op, lambda *traced, op=op, rule=rule: seen.add(op) or rule(*traced))
        try:
            macs = Counter({op: int(n) for op, n in plainly(analysis.by_operator).items()})
        except (RuntimeError, TypeError) as error:
            reason = str(error).strip().splitlines()[0]
            raise InputError(f"fvcore cannot trace {type(model).__name__}: {reason}") from error
    excluded = [f"{op}: {n} calls" for op, n in sorted(analysis.unsupported_ops().items())]
    excluded += [f"{op}: all but the {counted}" for op, (_, counted) in OUR_OPERATORS.items() if op in seen]
    return macs, _weights(watched), excluded


def _low_rank_macs(inputs: list, outputs: list) -> int:
    """Products of low-rank step sizes: inside our scan operator, but a matrix product in the released code."""
    dt_proj = inputs[8].type()
    return low_rank_macs(inputs[0].type().sizes(), dt_proj.sizes() if dt_proj.kind() == "TensorType" else ())


def _depthwise_macs(inputs: list, outputs: list) -> int:
    """What fvcore sees of the same in plain PyTorch: `bmm` where it is depthwise, else nothing (`baddbmm`)."""
    tokens, (channels, per_group, *kernel) = math.prod(inputs[0].type().sizes()[:3]), inputs[3].type().sizes()
    return tokens * channels * math.prod(kernel) if per_group == 1 else 0


OUR_OPERATORS = {  # their rules, and what these count
    "ssmpose::selective_scan": (_low_rank_macs, "products of its low-rank step sizes"),
    "ssmpose::deform_conv": (_depthwise_macs, "taps of depthwise ones"),
}


WATCHED: dict[str, Callable[[Watched], Tally]] = {
    "true": _count_true,
    "paper": _count_paper,
    "paper-leaf": _count_paper_leaf,
    "operators": _count_operators,
}
CONVENTIONS = (*WATCHED, "fvcore")
TOLD_APART = ("true", "operators")  # conventions that ask whether a weight is frozen
