"""PoseMamba and SasMamba written out token by token, from the papers' equations and the official layout of weights.

Slow on purpose and sharing no code with `models`: every sum is a Python loop over frames, joints and steps.
"""

import math

import torch
from torch import Tensor
from torch.nn.functional import gelu, silu, softplus

JOINTS = 17
LIMB = [0, 0, 1, 2, 3, 0, 4, 5, 6, 8, 11, 12, 13, 8, 14, 15, 16]
PAIRS = [0, 0, 2, 2, 4, 4, 6, 6, 8, 8, 10, 10, 12, 12, 14, 14, 16]
PARTS = ("weight", "bias")
TRIPLES = [0, 0, 0, 3, 3, 3, 6, 6, 6, 9, 9, 9, 12, 12, 12, 15, 15]


def official_weights(
    d: int, depth: int, frames: int, kernel: int | None = None, in_channels: int = 2, seed: int = 0
) -> dict[str, Tensor]:
    """Random float64 weights under the official keys and shapes; `kernel` makes them SasMamba's."""
    R, N, e = math.ceil(d / 16), 16, 2 * d
    shapes = {
        "Spatial_patch_to_embedding.weight": (d, in_channels),
        "Spatial_patch_to_embedding.bias": (d,),
        "Spatial_pos_embed": (1, JOINTS, d),
        "Temporal_pos_embed": (1, frames, d),
        "head.1.weight": (3, d),
        "head.1.bias": (3,),
    }
    shapes |= {f"{norm}.{part}": (d,) for norm in ("Spatial_norm", "Temporal_norm", "head.0") for part in PARTS}
    norms = {"norm": d, "norm2": d, "op.out_norm": e}
    block = {
        "op.in_proj.weight": (4 * d, d),
        "op.x_proj_weight": (4, R + 2 * N, e),
        "op.dt_projs_weight": (4, e, R),
        "op.dt_projs_bias": (4, e),
        "op.A_logs": (4 * e, N),
        "op.Ds": (4 * e,),
        "op.out_proj.weight": (d, e),
        "mlp.fc1.weight": (2 * d, d),
        "mlp.fc1.bias": (2 * d,),
        "mlp.fc2.weight": (d, 2 * d),
        "mlp.fc2.bias": (d,),
    }
    block |= {f"{norm}.{part}": (size,) for norm, size in norms.items() for part in PARTS}
    if kernel is None:
        block |= {"op.conv2d.weight": (e, 1, 3, 3), "op.conv2d.bias": (e,)}
    else:
        offset, taps = (2 * kernel**2, e, kernel, kernel), (e, 1, kernel, kernel)
        block |= {"op.conv2d.offset_conv.weight": offset, "op.conv2d.offset_conv.bias": offset[:1]}
        block |= {"op.conv2d.dcn.weight": taps, "op.conv2d.dcn.bias": (e,)}
    for kind in ("STEblocks", "TTEblocks"):
        shapes |= {f"{kind}.{i}.{key}": shape for i in range(depth) for key, shape in block.items()}
    draw = torch.Generator().manual_seed(seed)
    return {key: torch.randn(shape, generator=draw, dtype=torch.float64) * 0.5 for key, shape in shapes.items()}


def network(w: dict[str, Tensor], x: Tensor, scan: str, gradient: str) -> Tensor:
    """Poses (T, J, 3) of a clip (T, J, C); `scan` is a mode of PoseMamba's, or "stride" for SasMamba."""
    h = x @ w["Spatial_patch_to_embedding.weight"].T + w["Spatial_patch_to_embedding.bias"]
    h = h + w["Spatial_pos_embed"][0]
    depth = 1 + max(int(key.split(".")[1]) for key in w if key.startswith("STEblocks"))
    for i in range(depth):
        h = norm(w, "Spatial_norm.", block(_part(w, f"STEblocks.{i}."), h, scan, gradient), 1e-6)
        if i == 0:
            h = h + w["Temporal_pos_embed"][0, : len(x), None]
        h = norm(w, "Temporal_norm.", block(_part(w, f"TTEblocks.{i}."), h, scan, gradient), 1e-6)
    return norm(w, "head.0.", h, 1e-5) @ w["head.1.weight"].T + w["head.1.bias"]


def block(w: dict[str, Tensor], x: Tensor, scan: str, gradient: str) -> Tensor:
    x = x + operator(_part(w, "op."), norm(w, "norm.", x, 1e-6), scan, gradient)
    hidden = gelu(norm(w, "norm2.", x, 1e-6) @ w["mlp.fc1.weight"].T + w["mlp.fc1.bias"])
    return x + hidden @ w["mlp.fc2.weight"].T + w["mlp.fc2.bias"]


def operator(w: dict[str, Tensor], x: Tensor, scan: str, gradient: str) -> Tensor:
    """The selective-scan operator on (T, J, d)."""
    projected = x @ w["in_proj.weight"].T
    e = projected.shape[-1] // 2
    u, z = projected[..., :e], silu(projected[..., e:])
    u = silu(deformable(w, u) if scan == "stride" else depthwise(w, u))
    added = {"global-local": [LIMB], "stride": [PAIRS, TRIPLES]}.get(scan, [])
    local = u
    for neighbour in added:
        term = torch.stack([u[:, g] for g in neighbour], 1)
        local = local + (term.detach() if gradient == "released" else term)
    total: dict[tuple[int, int], Tensor] = {}
    for k, walk in enumerate(walks(scan, len(x))):
        for cell, y in zip(walk, selective_scan(w, k, [(u if k % 2 else local)[cell] for cell in walk]), strict=True):
            total[cell] = total[cell] + y if cell in total else y
    y = torch.stack([torch.stack([total[t, j] for j in range(JOINTS)]) for t in range(len(x))])
    return (norm(w, "out_norm.", y, 1e-5) * z) @ w["out_proj.weight"].T


def walks(scan: str, T: int) -> list[list[tuple[int, int]]]:
    """The cells (t, j) that scans 0 to 3 visit."""
    forward_space = [(t, j) for t in range(T) for j in range(JOINTS)]
    forward_time = [(t, j) for j in range(JOINTS) for t in range(T)]
    if scan in ("global-local", "bidirectional", "stride"):
        return [forward_space, forward_time, forward_space[::-1], forward_time[::-1]]
    backward_space = [(t, j) for t in range(T) for j in range(JOINTS - 1, -1, -1)]
    backward_time = [(t, j) for j in range(JOINTS) for t in range(T - 1, -1, -1)]
    space = {"fs": forward_space, "bs": backward_space}[scan[:2]]
    time = {"ft": forward_time, "bt": backward_time}[scan[3:]]
    return [space, time, space, time]


def selective_scan(w: dict[str, Tensor], k: int, tokens: list[Tensor]) -> list[Tensor]:
    e, N = len(tokens[0]), w["A_logs"].shape[1]
    A = -torch.exp(w["A_logs"][k * e : (k + 1) * e])
    R = w["dt_projs_weight"].shape[2]
    h, outputs = torch.zeros(e, N, dtype=A.dtype), []
    for s in tokens:
        rho, B, C = (w["x_proj_weight"][k] @ s).split([R, N, N])
        delta = softplus(w["dt_projs_weight"][k] @ rho + w["dt_projs_bias"][k])
        h = torch.exp(delta[:, None] * A) * h + delta[:, None] * B * s[:, None]
        outputs.append(h @ C + w["Ds"][k * e : (k + 1) * e] * s)
    return outputs


def depthwise(w: dict[str, Tensor], u: Tensor) -> Tensor:
    weight, T = w["conv2d.weight"], len(u)
    rows = []
    for t in range(T):
        for j in range(JOINTS):
            cell = w["conv2d.bias"]
            for i in range(3):
                for m in range(3):
                    if 0 <= t - 1 + i < T and 0 <= j - 1 + m < JOINTS:
                        cell = cell + weight[:, 0, i, m] * u[t - 1 + i, j - 1 + m]
            rows.append(cell)
    return torch.stack(rows).view(u.shape)


def deformable(w: dict[str, Tensor], u: Tensor) -> Tensor:
    """Offset convolution and deformable taps on (T, J, e)."""
    offset_weight, weight = w["conv2d.offset_conv.weight"], w["conv2d.dcn.weight"]
    kernel, (T, J, _) = weight.shape[-1], u.shape
    reach, rows = kernel // 2, []
    for t in range(T):
        for j in range(J):
            offsets = w["conv2d.offset_conv.bias"]
            for i in range(kernel):
                for m in range(kernel):
                    if 0 <= t - reach + i < T and 0 <= j - reach + m < J:
                        offsets = offsets + offset_weight[:, :, i, m] @ u[t - reach + i, j - reach + m]
            rows.append(taps(u, weight, w["conv2d.dcn.bias"], offsets, t, j))
    return torch.stack(rows).view(u.shape)


def taps(u: Tensor, weight: Tensor, bias: Tensor, offsets: Tensor, t: int, j: int) -> Tensor:
    """Deformable convolution at one cell: weight (e, 1, k, k), offsets (2 k k,)."""
    kernel, cell = weight.shape[-1], bias
    for i in range(kernel):
        for m in range(kernel):
            q = i * kernel + m
            row, column = t - kernel // 2 + i + offsets[2 * q], j - kernel // 2 + m + offsets[2 * q + 1]
            cell = cell + weight[:, 0, i, m] * bilinear(u, row, column)
    return cell


def bilinear(u: Tensor, row: Tensor, column: Tensor) -> Tensor:
    """u (T, J, e) at a fractional cell; cells outside count as 0."""
    value = torch.zeros_like(u[0, 0])
    first_row, first_column = math.floor(row.item()), math.floor(column.item())
    for r in (first_row, first_row + 1):
        for c in (first_column, first_column + 1):
            if 0 <= r < u.shape[0] and 0 <= c < u.shape[1]:
                value = value + (1 - (row - r).abs()) * (1 - (column - c).abs()) * u[r, c]
    return value


def norm(w: dict[str, Tensor], prefix: str, x: Tensor, eps: float) -> Tensor:
    """LayerNorm over the last axis."""
    centred = x - x.mean(-1, keepdim=True)
    scale = torch.sqrt(centred.pow(2).mean(-1, keepdim=True) + eps)
    return centred / scale * w[f"{prefix}weight"] + w[f"{prefix}bias"]


def _part(w: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {key.removeprefix(prefix): value for key, value in w.items() if key.startswith(prefix)}
