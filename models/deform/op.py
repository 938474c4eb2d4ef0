"""The deformable convolution: the native kernel as a PyTorch operator, `ssmpose::deform_conv`, or plain PyTorch."""

import torch
from torch import Tensor

from models.compiled import C_TYPES
from models.deform import native, reference
from models.deform.inputs import DeformInputs
from models.operators import or_empty, refuse_forward_mode, register
from models.precision import in_full


def deform_conv(
    x: Tensor, offsets: Tensor, masks: Tensor | None, weight: Tensor, bias: Tensor, dilation: int = 1
) -> Tensor:
    """A convolution with a k x k kernel, k odd, that keeps the size, each tap of which reads where an offset moves it.

        y(cell)[o] = bias[o] + sum over q and i of weight[o, i, q] mask(cell)[q] x(cell + step[q] + offset(cell)[q])[i]

    for taps q, whose steps are `dilation` cells, and the channels i of o's group. Between cells x is interpolated
    bilinearly, outside of the map it is 0.
    (Dai et al., ICCV 2017; masks: Zhu et al., CVPR 2019.)

    Parameters
    ----------
    x : (N, H, W, C)
    offsets : (N, H, W, P, k k, 2) in cells, along rows and along columns, for each of P equal parts of the channels and
        each tap q = k row + column; P divides the number of groups, or is a multiple of it
    masks : (N, H, W, P, k k), factors of the samples as they are (no sigmoid is applied), or None
    weight : (C, C/groups, k, k); bias : (C)

    Returns
    -------
    y : (N, H, W, C)

    The native kernel computes it for float32 and float64 on a CPU where there is a compiler, and counts tensors on the
    meta device; the reference everything else. Without an image or a cell y is empty and every gradient 0.

    Raises ValueError for shapes that do not belong together and where there is no channel. It can be differentiated
    once, backwards: NotImplementedError for second derivatives and forward mode.
    """
    inputs = DeformInputs(*in_full(x, offsets, masks, weight, bias)).check()
    refuse_forward_mode("deform_conv", *inputs)
    if dilation < 1:
        raise ValueError(f"deform_conv: dilation={dilation}: must be at least 1")
    if x.is_meta or (x.device.type == "cpu" and inputs.x.dtype in C_TYPES and native.available() is None):
        return torch.ops.ssmpose.deform_conv(*inputs, dilation)
    return reference.deform_conv(inputs, dilation)


def describe() -> str:
    """What float32 tensors on the CPU run on: `native`, or `reference` and the reason."""
    reason = native.available()
    return "native" if reason is None else f"reference ({reason})"


def _forward(
    x: Tensor, offsets: Tensor, masks: Tensor | None, weight: Tensor, bias: Tensor, dilation: int = 1
) -> Tensor:
    return native.forward(DeformInputs(x, offsets, masks, weight, bias), dilation)


def _backward(
    grad_y: Tensor, x: Tensor, offsets: Tensor, masks: Tensor | None, weight: Tensor, bias: Tensor, dilation: int
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    return or_empty(native.backward(grad_y, DeformInputs(x, offsets, masks, weight, bias), dilation), x)


def _fake(x, offsets, masks, weight, bias, dilation=1):
    return x.new_empty(x.shape)


def _operations(x_shape, offsets_shape, masks_shape, weight_shape, *args, **kwargs) -> int:
    """Those of the product; sampling, as elsewhere, counts as nothing."""
    (N, H, W, _), (C, per_group, *kernel) = x_shape, weight_shape
    return 2 * N * H * W * C * per_group * kernel[0] * kernel[1]


register("deform_conv", DeformInputs, _forward, _backward, _fake, _operations)
