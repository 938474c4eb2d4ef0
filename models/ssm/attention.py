"""What a selective scan attends to. It is linear in its tokens, so its weights are an implicit attention map.

The output of token i depends on token j, visited before it, by C_i^T exp(sum of delta A over the steps from j to i)
delta_j B_j, channel by channel (Ali et al., "The hidden attention of Mamba models", section 3).
"""

from collections.abc import Iterator

import torch
from torch import Tensor
from torch.nn.functional import softplus

from base.errors import InputError
from models.ssm.inputs import ScanInputs

ELEMENTS_AT_ONCE = 2**22  # weights held at a time: bounds memory to some tens of megabytes


def scan_attention(inputs: ScanInputs) -> Tensor:
    """How much each output token of a scan of one clip depends on each input token: (L, L), row output, column input.

    Mean over channels of the magnitude of the weight summed over directions, D left out.
    """
    u = inputs.u
    total = u.new_zeros(u.shape[1], u.shape[1])
    for _, weights in scan_weights(inputs):
        total += weights.abs_().sum(0)
    return total / u.shape[2]


@torch.no_grad()
def scan_weights(inputs: ScanInputs) -> Iterator[tuple[slice, Tensor]]:
    """Some channels and their signed weights (channels, L, L), summed over directions, until all channels were given.

    Raises InputError for more than one clip.
    """
    u, delta, A, B, C, _, delta_bias, orders, _ = inputs.with_full_steps()
    if len(u) != 1:
        raise InputError(f"an attention map is of one clip, not of {len(u)}: pass them one by one")
    _, L, E = u.shape
    rate = softplus(delta[0] if delta_bias is None else delta[0] + delta_bias[:, None])  # (K, L, E)
    at_once = max(1, ELEMENTS_AT_ONCE // max(1, L) ** 2)
    for first in range(0, E, at_once):
        channels = slice(first, first + at_once)
        weights = u.new_zeros(len(range(E)[channels]), L, L)
        for k, order in enumerate(orders):
            walked = _walk(rate[k][order][:, channels], A[k, channels], B[0, k][order], C[0, k][order])
            weights[:, order[:, None], order] += walked
        yield channels, weights


def _walk(rate: Tensor, A: Tensor, B: Tensor, C: Tensor) -> Tensor:
    """Weights (e, L, L) of one direction in visiting order: rate (L, e), A (e, N), B and C (L, N)."""
    L, channels = rate.shape
    weights = rate.new_zeros(channels, L, L)
    memory = rate.new_zeros(channels, L, A.shape[1])  # what is left of each token read so far
    decay = torch.exp(rate[:, :, None] * A)  # (L, e, N)
    for i in range(L):
        memory[:, :i] *= decay[i][:, None]
        memory[:, i] = rate[i][:, None] * B[i]
        weights[:, i, : i + 1] = memory[:, : i + 1] @ C[i]
    return weights
