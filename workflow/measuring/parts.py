"""What each part of GLSMamba costs: where its parameters and multiply-accumulates are.

docs/glsmamba.md describes the parts.
"""

from collections.abc import Iterator

import pandas as pd
from torch import nn

from base.errors import InputError
from metrics.efficiency import ModuleCount, count_modules
from models.video.glsmamba import GlobalScan, GLSMamba
from workflow.measuring.efficiency import on_meta

COLUMNS = ["part", "params", "macs_paper", "macs_true"]
TOTAL = "total"
OUTSIDE = {
    "encoder": "ViT encoder, all frames (frozen)",
    "deconvs": "deconvolutions",
    "embedding": "linear map, embedding of times",
    "fuse": "fusion of frames, heatmaps",
    "head": "fusion of frames, heatmaps",
}
# Modules of a block -> part of it.
INSIDE = {
    "attention": "channel attention",
    "mlp": "MLP",
    "mixer.scan": "scans",
    "mixer.modulators.0": "STMM, spatial",
    "mixer.modulators.1": "STMM, temporal",
    "conv": "depthwise convolutions",
    "gate_conv": "depthwise convolutions",
    "norm": "norms",
    "gate_norm": "norms",
    "output_norm": "norms",
    "mlp_norm": "norms",
}


def count_parts(name: str = "glsmamba-b") -> pd.DataFrame:
    """Rows in the order of the network and their total; columns part, params (trainable), macs_paper, macs_true.

    MACs are those of one clip at full paper size. Raises InputError for a variant that is no GLSMamba, or whose parts
    do not add up to the whole.
    """
    model, clip = on_meta(name)
    if not isinstance(model, GLSMamba):
        raise InputError(f"{name} is no GLSMamba: the parts of other networks are not known")
    counted = count_modules(model, clip)
    rows = [(part, *_costs(counted[module])) for module, part in _parts(model)]
    table = pd.DataFrame(rows, columns=COLUMNS).groupby("part", sort=False, as_index=False).sum()
    whole = pd.DataFrame([(TOTAL, *_costs(counted[""]))], columns=COLUMNS)
    if (table[COLUMNS[1:]].sum() != whole[COLUMNS[1:]].iloc[0]).any():
        raise InputError(
            f"{name}: its parts do not add up to the whole; name the new module in workflow/measuring/parts.py"
        )
    return pd.concat([table, whole], ignore_index=True)


def _costs(module: ModuleCount) -> tuple[int, int, int]:
    return module.params - module.frozen, module.paper, module.true


def _parts(model: nn.Module) -> Iterator[tuple[str, str]]:
    """Names of modules and the part that each belongs to."""
    names = dict(model.named_modules())
    before = [module for module in OUTSIDE if module in names and module not in ("fuse", "head")]
    yield from ((module, OUTSIDE[module]) for module in before)
    for i, block in enumerate(model.blocks):
        kind = "GSM" if isinstance(block.mixer, GlobalScan) else "LRM"
        inside = ((f"blocks.{i}.{module}", part) for module, part in INSIDE.items())
        yield from ((module, f"{kind}: {part}") for module, part in inside if module in names)
    yield from ((module, OUTSIDE[module]) for module in ("fuse", "head"))
