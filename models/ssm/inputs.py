"""What a selective scan reads, checked in one place for every backend."""

from typing import NamedTuple

import torch
from torch import Tensor


class ScanInputs(NamedTuple):
    """The tensors of `models.ssm.selective_scan`, in the order in which operators and kernels take them.

    u (batch, L, E); delta (batch, K, L, E), or (batch, K, L, R) with dt_proj (K, E, R); A (K, E, N); B and C
    (batch, K, L, N); D and delta_bias (K, E) or None; orders (K, L) int64 or None.
    """

    u: Tensor
    delta: Tensor
    A: Tensor
    B: Tensor
    C: Tensor
    D: Tensor | None = None
    delta_bias: Tensor | None = None
    orders: Tensor | None = None
    dt_proj: Tensor | None = None

    @property
    def rank(self) -> int:
        """R of low-rank step sizes, 0 where they are given in full."""
        return 0 if self.dt_proj is None else self.dt_proj.shape[2]

    def check(self) -> "ScanInputs":
        """Itself; raises ValueError unless shapes, types and devices belong together."""
        u, A = self.u, self.A
        if u.ndim != 3 or A.ndim != 3 or (self.dt_proj is not None and self.dt_proj.ndim != 3):
            raise ValueError(
                f"selective_scan: u must be (batch, L, E), A (K, E, N) and dt_proj (K, E, R) or None, not "
                f"{', '.join('None' if x is None else str(tuple(x.shape)) for x in (u, A, self.dt_proj))}"
            )
        (batch, L, E), (K, _, N) = u.shape, A.shape
        for name, tensor in (("A", A), ("dt_proj", self.dt_proj)):
            if tensor is not None and not tensor.numel():
                raise ValueError(f"selective_scan: {name} must have no empty axis, not {tuple(tensor.shape)}")
        shapes = [(batch, L, E), (batch, K, L, self.rank or E), (K, E, N), (batch, K, L, N), (batch, K, L, N)]
        shapes += [(K, E), (K, E), (K, L), (K, E, self.rank)]
        for name, tensor, shape in zip(self._fields, self, shapes, strict=True):
            dtype = torch.int64 if name == "orders" else u.dtype
            if tensor is not None and (tuple(tensor.shape), tensor.dtype, tensor.device) != (shape, dtype, u.device):
                raise ValueError(
                    f"selective_scan: {name} must be {dtype} {shape} on {u.device}, "
                    f"not {tensor.dtype} {tuple(tensor.shape)} on {tensor.device}"
                )
        return self

    def zero_gradients(self) -> tuple[Tensor | None, ...]:
        """What a scan without a token leaves of each input: zeros, None for those not given and for orders."""
        return tuple(None if x is None else torch.zeros_like(x) for x in self._replace(orders=None))

    def check_orders(self) -> "ScanInputs":
        """Itself; raises ValueError unless each row of orders is a permutation (on a CPU, where looking is cheap)."""
        if self.orders is None or self.orders.device.type != "cpu" or not self.orders.numel():
            return self
        low, high = self.orders.aminmax()
        visited = torch.zeros_like(self.orders, dtype=torch.bool)
        if low < 0 or high >= self.u.shape[1] or not visited.scatter_(1, self.orders, True).all():
            raise ValueError(NO_PERMUTATION.format(self.u.shape[1] - 1))
        return self

    def with_full_steps(self) -> "ScanInputs":
        """The same with delta (batch, K, L, E), for kernels that know no low-rank step sizes."""
        if self.dt_proj is None:
            return self
        return self._replace(delta=self.delta @ self.dt_proj.mT, dt_proj=None)


NO_PERMUTATION = "selective_scan: each row of orders must be a permutation of 0 .. {}"
