"""Starting values of what a selective scan reads."""

import math

import torch
from torch import Tensor, nn


@torch.no_grad()
def initialise(x_proj: Tensor, dt_proj: Tensor, dt_bias: Tensor, A_log: Tensor) -> None:
    """Fill parameters in place as Mamba does: step sizes from 0.001 to 0.1, decay rates 1 .. N.

    x_proj (K, R + 2 N, E), dt_proj (K, E, R), dt_bias (K, E), A_log (K, E, N). Source: Mamba, arXiv 2312.00752.
    """
    (_, _, inner), (_, _, rank), states = x_proj.shape, dt_proj.shape, A_log.shape[-1]
    nn.init.uniform_(x_proj, -(inner**-0.5), inner**-0.5)
    nn.init.uniform_(dt_proj, -(rank**-0.5), rank**-0.5)
    tau = torch.empty_like(dt_bias).uniform_(math.log(0.001), math.log(0.1)).exp_().clamp_(min=1e-4)
    dt_bias.copy_(tau + torch.log(-torch.expm1(-tau)))  # the inverse of softplus
    A_log.copy_(torch.arange(1, states + 1, dtype=A_log.dtype).log())
