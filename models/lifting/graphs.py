"""Graphs over joints and frames, and the graph layers of the networks that are built on them.

Graphs are kept as the released codes have them, slips included, because official weights and numbers come from those.
Joints are those of Human3.6M in the order of datasets/skeletons.py.
"""

import math

import torch
from torch import Tensor, nn

from base.errors import InputError

JOINTS = 17
PARENTS = (-1, 0, 1, 2, 0, 4, 5, 0, 7, 8, 9, 8, 11, 12, 8, 14, 15)
BONES = tuple((parent, joint) for joint, parent in enumerate(PARENTS) if parent >= 0)
# MotionAGFormer's joint graph, as the released list has it: no joint is its own neighbour, though the paper writes
# A + I, and it is not symmetric (0 misses 4; 8 misses 11 and 14).
SPATIAL_NEIGHBOURS = (
    (1, 7), (2, 0), (3, 1), (2,), (5, 0), (6, 4), (5,), (0, 8), (7, 9), (8, 10), (9,), (12, 8), (13, 11), (12,),
    (15, 8), (16, 14), (15,),
)  # fmt: skip
NEIGHBOURS_IN_TIME = 2  # of each frame: mostly itself and one other
# HGMamba's parts of the body, hyperedges of its joint graph.
PARTS = ((0, 7, 8), (8, 9, 10), (0, 1, 2), (2, 3), (0, 4, 5), (5, 6), (8, 14, 15), (8, 11, 12), (15, 16), (12, 13))
SUBSETS = 3  # of an adaptive graph: the joint itself, towards the root, away from it


def spatial_adjacency() -> Tensor:
    """MotionAGFormer's joint graph (J, J): row j has ones at the neighbours of j."""
    adjacency = torch.zeros(JOINTS, JOINTS)
    for joint, neighbours in enumerate(SPATIAL_NEIGHBOURS):
        adjacency[joint, list(neighbours)] = 1
    return adjacency


def hypergraph() -> Tensor:
    """HGMamba's joint graph (J, J) at the start of training: Dv^-1/2 H De^-1 H^T Dv^-1/2 of the body's parts."""
    H = torch.zeros(JOINTS, len(PARTS))
    for edge, joints in enumerate(PARTS):
        H[list(joints), edge] = 1
    scaled = H / H.sum(1, keepdim=True).sqrt()
    return scaled / H.sum(0) @ scaled.T


def directed_adjacency(root_edge: bool) -> Tensor:
    """Adaptive graphs' fixed part (3, J, J): itself, child to parent, parent to child; columns add up to 1.

    root_edge : HDFormer takes the root's parent -1 for an index, which is joint 16: an edge between the two
    """
    J = JOINTS
    inward = torch.zeros(J, J)
    for parent, child in [*BONES, *([(J - 1, 0)] if root_edge else [])]:
        inward[parent, child] = 1
    outward = inward.T
    columns = [graph / graph.sum(0).clamp(min=1) for graph in (inward, outward)]
    return torch.stack([torch.eye(J), *columns])


def row_normalised(edges: list[tuple[int, int]], nodes: int) -> Tensor:
    """KTPFormer's prior (nodes, nodes): neighbours with equal weights of 1 in all, then 1 for the node itself."""
    adjacency = torch.zeros(nodes, nodes)
    for a, b in edges:
        adjacency[a, b] = adjacency[b, a] = 1
    return (adjacency / adjacency.sum(1, keepdim=True).clamp(min=1)).fill_diagonal_(1)


class GraphMixer(nn.Module):
    """relu(y + BN(A V(y) + U(y))) over the joints of each frame, or with `frames` over the frames of each joint.

    Over joints A is fixed (`spatial_adjacency`); over time each frame is joined to those that its features are most
    alike. The batch normalisation is of the nodes, so that T is baked into the weights.

    normalise : how A becomes D^-1/2 A D^-1/2: "released" by two products with diagonal matrices, which cost 2 T^3 a
        joint, or "scaled" by its rows and columns, the same numbers for nothing
    Raises InputError for another `normalise`. Source: MotionAGFormer (arXiv 2310.16288), `model/modules/graph.py`.
    """

    def __init__(self, width: int, frames: int | None = None, normalise: str = "released") -> None:
        super().__init__()
        if normalise not in NORMALISATIONS:
            raise InputError(f"unknown normalisation {normalise!r}: choose {' or '.join(NORMALISATIONS)}")
        self.frames, self.normalise = frames, NORMALISATIONS[normalise]
        self.U, self.V = (_linear(width) for _ in range(2))
        self.norm = nn.BatchNorm1d(frames or JOINTS)
        if frames is None:
            self.register_buffer("adjacency", spatial_adjacency(), persistent=False)

    def forward(self, y: Tensor) -> Tensor:
        """(B, T, J, width) -> (B, T, J, width)."""
        y = y.transpose(1, 2) if self.frames else y
        nodes = y.flatten(0, 1)  # (graphs, nodes, width)
        adjacency = nearest_frames(nodes) if self.frames else self.adjacency.expand(len(nodes), -1, -1)
        z = self.normalise(adjacency) @ self.V(nodes) + self.U(nodes)
        out = (nodes + self.norm(z)).relu().view(y.shape)
        return out.transpose(1, 2) if self.frames else out


def nearest_frames(features: Tensor) -> Tensor:
    """Graphs (N, T, T) of features (N, T, width): 1 where a product is as large as the second largest of its row.

    A frame is mostly its own neighbour; ties add edges. No gradient comes through it.
    """
    likeness = features @ features.mT
    enough = likeness.topk(min(NEIGHBOURS_IN_TIME, likeness.shape[-1]), -1).values[..., -1:]
    return (likeness >= enough).to(features.dtype)


def _by_products(adjacency: Tensor) -> Tensor:
    diagonal = torch.diag_embed(adjacency.sum(-1).rsqrt())
    return diagonal @ adjacency @ diagonal


def _by_scaling(adjacency: Tensor) -> Tensor:
    root = adjacency.sum(-1).rsqrt()
    return root[..., None] * adjacency * root[..., None, :]


NORMALISATIONS = {"released": _by_products, "scaled": _by_scaling}


def _linear(width: int) -> nn.Linear:
    layer = nn.Linear(width, width)
    nn.init.normal_(layer.weight, 0, math.sqrt(2 / width))
    return layer


class AdaptiveGraphConv(nn.Module):
    """relu(BN(sum of conv_d(x M)) + x) with M = softmax(theta^T phi) + A + PA, learnt and fixed graph over the joints.

    adjacency : (3, J, J), not part of the weights
    mixed : HDFormer applies a linear layer to the features that each subset adds up
    dropout : of whole features, before the residual
    Source: the released codes of GLA-GCN, `common/s_agcn.py`, and HDFormer, `models/lib/st_gconv.py`.
    """

    def __init__(self, inputs: int, outputs: int, adjacency: Tensor, mixed: bool = False, dropout: float = 0.0) -> None:
        super().__init__()
        inner = max(1, outputs // 4)
        self.dropout, self.softmax = nn.Dropout(dropout), nn.Softmax(-2)  # a module, for the profiler counts it
        self.register_buffer("adjacency", adjacency, persistent=False)
        self.PA = nn.Parameter(torch.full(adjacency.shape, 1e-6))
        self.conv_a = nn.ModuleList(nn.Conv2d(inputs, inner, 1) for _ in range(SUBSETS))
        self.conv_b = nn.ModuleList(nn.Conv2d(inputs, inner, 1) for _ in range(SUBSETS))
        self.conv_d = nn.ModuleList(nn.Conv2d(inputs, outputs, 1) for _ in range(SUBSETS))
        self.linears = nn.ModuleList(nn.Linear(inputs, inputs) for _ in range(SUBSETS * mixed))
        self.down = nn.Sequential() if inputs == outputs else _one_by_one(inputs, outputs)
        self.bn = nn.BatchNorm2d(outputs)
        nn.init.constant_(self.bn.weight, 1e-6)  # the graph is faded in

    def forward(self, x: Tensor) -> Tensor:
        """(B, inputs, T, J) -> (B, outputs, T, J)."""
        y = sum(self._subset(k, x) for k in range(SUBSETS))
        return (self.dropout(self.bn(y)) + self.down(x)).relu()

    def _subset(self, k: int, x: Tensor) -> Tensor:
        theta = self.conv_a[k](x).permute(0, 3, 1, 2).flatten(2)  # (B, J, inner T)
        phi = self.conv_b[k](x).flatten(1, 2)  # (B, inner T, J)
        graph = self.softmax(theta @ phi / phi.shape[1]) + self.adjacency[k] + self.PA[k]
        values = self.linears[k](x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2) if self.linears else x
        return self.conv_d[k]((values.flatten(1, 2) @ graph).view(x.shape))


def _one_by_one(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(inputs, outputs, 1), nn.BatchNorm2d(outputs))
