"""What mixed precision leaves in full: sums over long sequences and sampled places lose too much in 16 bits."""

import torch
from torch import Tensor

DEVICES = ("cpu", "cuda")  # others, the meta device among them, know no mixed precision


def in_full(*tensors: Tensor | None) -> list[Tensor | None]:
    """Under `torch.autocast`, tensors of 16 bits and their companions as float32; otherwise as they are.

    Integers and missing ones stay what they are.
    """
    device = tensors[0].device.type
    if device not in DEVICES or not torch.is_autocast_enabled(device):
        return list(tensors)
    return [t.float() if t is not None and t.is_floating_point() else t for t in tensors]
