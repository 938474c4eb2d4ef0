"""The weights of a selective scan as a layer, for networks of poses and of video alike.

Weights that are applied with plain functions (x_proj, dt_proj, A_log, D) are parameters of their own; everything else
in a network is a module that is called, because conventions of counting tell the two apart.
"""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models.ssm.backends import resolve
from models.ssm.inputs import ScanInputs


class Scan(nn.Module):
    """Weights of a selective scan of tokens with `inner` channels, and what the operator reads of them.

    rank : of the step sizes
    sets : of weights, one for each direction, or one that directions share
    `initialise_scan` fills the weights; a subclass calls it when its other layers stand.
    """

    def __init__(self, inner: int, rank: int, d_state: int, sets: int, backend: str) -> None:
        super().__init__()
        resolve(backend)  # unknown names stop here, not in the first batch
        self.d_state, self.rank, self.backend = d_state, rank, backend
        self.x_proj = nn.Parameter(torch.empty(sets, rank + 2 * d_state, inner))
        self.dt_proj = nn.Parameter(torch.empty(sets, inner, rank))
        self.dt_bias = nn.Parameter(torch.empty(sets, inner))
        self.A_log = nn.Parameter(torch.empty(sets, inner, d_state))
        self.D = nn.Parameter(torch.ones(sets, inner))

    @torch.no_grad()
    def initialise_scan(self) -> None:
        """Starting values as Mamba's: step sizes from 0.001 to 0.1, decay rates 1 .. N (arXiv 2312.00752)."""
        inner, rank = self.dt_proj.shape[1:]
        nn.init.uniform_(self.x_proj, -(inner**-0.5), inner**-0.5)
        nn.init.uniform_(self.dt_proj, -(rank**-0.5), rank**-0.5)
        tau = torch.empty_like(self.dt_bias).uniform_(math.log(0.001), math.log(0.1)).exp_().clamp_(min=1e-4)
        self.dt_bias.copy_(tau + torch.log(-torch.expm1(-tau)))  # the inverse of softplus
        self.A_log.copy_(torch.arange(1, self.d_state + 1, dtype=self.A_log.dtype).log())

    def read(self, tokens: Tensor, orders: Tensor | None, part: slice = slice(None)) -> ScanInputs:
        """What the scans of some directions take that read tokens (B, L, inner); orders (K, L) or None: as they lie."""
        weight = self.x_proj[part]  # (K, rank + 2 N, inner)
        features = F.linear(tokens, weight.flatten(0, 1)).unflatten(-1, weight.shape[:2]).transpose(1, 2)
        delta, B, C = features.split((self.rank, self.d_state, self.d_state), -1)  # (B, K, L, ...)
        A = -torch.exp(self.A_log[part])
        return ScanInputs(tokens, delta, A, B, C, self.D[part], self.dt_bias[part], orders, self.dt_proj[part])
