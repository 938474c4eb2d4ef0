"""What each part of GLSMamba costs: where its parameters and multiply-accumulates are.

docs/glsmamba.md describes the parts.
"""

from collections.abc import Iterator, Sequence
from dataclasses import astuple, dataclass
from pathlib import Path

from torch import nn

from base.errors import InputError
from base.files import write_rows, write_text
from metrics.efficiency import ModuleCount, count_modules
from models.video.glsmamba import GlobalScan, GLSMamba
from workflow.measuring.meta import on_meta

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


@dataclass(frozen=True)
class Part:
    """A row of parts.csv: trainable parameters, and MACs of one clip under two conventions."""

    part: str
    params: int
    macs_paper: int
    macs_true: int

    def __add__(self, other: "Part") -> "Part":
        costs = zip(astuple(self)[1:], astuple(other)[1:], strict=True)
        return Part(self.part, *map(sum, costs))


def count_parts(name: str = "glsmamba-b") -> list[Part]:
    """The parts in the order of the network, and their total behind them, at full paper size.

    Raises InputError for a variant that is no GLSMamba, or whose parts do not add up to the whole.
    """
    model, clip = on_meta(name)
    if not isinstance(model, GLSMamba):
        raise InputError(f"{name} is not a GLSMamba: the parts of other networks are not known")
    counted = count_modules(model, clip)
    parts: dict[str, Part] = {}
    for module, part in _parts(model):
        cost = _part(part, counted[module])
        parts[part] = parts[part] + cost if part in parts else cost
    whole = _part(TOTAL, counted[""])
    if sum(parts.values(), Part(TOTAL, 0, 0, 0)) != whole:
        raise InputError(
            f"{name}: its parts do not add up to the whole; name the new module in workflow/measuring/parts.py"
        )
    return [*parts.values(), whole]


def write_parts(parts: Sequence[Part], stem: Path) -> list[Path]:
    """Write `<stem>.csv` (whole numbers) and `<stem>.md` (millions and 10^9); returns their paths."""
    csv = write_rows(stem.with_name(f"{stem.name}.csv"), Part, parts)
    lines = ["| part | trained, M | `paper`, G | `true`, G |", "|---|--:|--:|--:|"]
    lines += [
        f"| {p.part} | {p.params / 1e6:.3f} | {p.macs_paper / 1e9:.3f} | {p.macs_true / 1e9:.3f} |" for p in parts
    ]
    return [csv, write_text(stem.with_name(f"{stem.name}.md"), "\n".join(lines) + "\n")]


def _part(name: str, module: ModuleCount) -> Part:
    return Part(name, module.params - module.frozen, module.paper, module.true)


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
