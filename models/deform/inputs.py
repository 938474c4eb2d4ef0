"""What a deformable convolution reads, checked in one place for every implementation."""

from math import isqrt
from typing import NamedTuple

from torch import Tensor


class DeformInputs(NamedTuple):
    """The tensors of `models.deform.deform_conv`, in the order in which operators and kernels take them.

    x (N, H, W, C); offsets (N, H, W, P, k k, 2); masks (N, H, W, P, k k) or None; weight (C, C/groups, k, k); bias (C).
    """

    x: Tensor
    offsets: Tensor
    masks: Tensor | None
    weight: Tensor
    bias: Tensor

    @property
    def parts(self) -> int:
        """P: the channels fall into so many runs of equal length, each with offsets of its own."""
        return self.offsets.shape[3]

    @property
    def taps(self) -> int:
        """k k of a k x k kernel."""
        return self.offsets.shape[4]

    @property
    def groups(self) -> int:
        """An output channel reads the input channels of its group only."""
        return self.x.shape[3] // self.weight.shape[1]

    def check(self) -> "DeformInputs":
        """Itself; raises ValueError unless shapes, types and devices belong together."""
        ranks = {"x": 4, "offsets": 6, "weight": 4}
        for name, rank in ranks.items():
            if getattr(self, name).ndim != rank:
                raise ValueError(f"deform_conv: {name} must have {rank} axes, not {tuple(getattr(self, name).shape)}")
        (*map_shape, channels), (parts, taps), per_group = self.x.shape, self.offsets.shape[3:5], self.weight.shape[1]
        kernel = isqrt(taps)
        if kernel % 2 == 0 or kernel**2 != taps:
            raise ValueError(f"deform_conv: {taps} taps are no square window with an odd side")
        if not channels:
            raise ValueError(f"deform_conv: x must have channels, not {tuple(self.x.shape)}")
        if not parts or not per_group or channels % per_group or channels % parts:
            raise ValueError(f"deform_conv: {channels} channels in groups of {per_group}, {parts} parts: must divide")
        groups = channels // per_group
        if groups % parts and parts % groups:
            raise ValueError(f"deform_conv: {groups} groups, {parts} parts: one must divide the other")
        per_tap = (*map_shape, parts, taps)
        shapes = [(*map_shape, channels), (*per_tap, 2), per_tap, (channels, per_group, kernel, kernel), (channels,)]
        dtype, device = self.x.dtype, self.x.device
        for name, tensor, shape in zip(self._fields, self, shapes, strict=True):
            if tensor is not None and (tensor.shape, tensor.dtype, tensor.device) != (shape, dtype, device):
                raise ValueError(
                    f"deform_conv: {name} must be {dtype} {shape} on {device}, "
                    f"not {tensor.dtype} {tuple(tensor.shape)} on {tensor.device}"
                )
        return self
