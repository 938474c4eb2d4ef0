"""Every weight of every network is there for something, or is named here, and changing it changes nothing."""

import re

import pytest
import test_peers
import test_video_models
import test_video_peers
import torch
from gradients import answers, silent
from torch import Tensor, nn

from models.contract import PoseModel
from studies.variants import resolve_variants, variant

UNUSED = {  # saved, and read by nothing
    "hgmamba-xs": r"\.alpha[12]$|graph_spatial\.mixer\.V\.",
    "stridedformer": r"^(sequence|strided)\.norm\.",
    "p-stmo-s": r"^(sequence|strided)\.norm\.",
    "einfalt": r"^unseen$",  # where every token is seen
}
QUERY = r"\.conv_a\.\d\.bias$"  # of graphs that are a softmax over the queries: all logits of a key move alike
KEY = r"\.attention\.1\.bias$"  # of an attention's keys: all logits of a query move alike
CONSTANT = {
    "gla-gcn": QUERY,
    "hdformer": rf"{QUERY}|\.chains\.key\.bias$",
    "stridedformer": KEY,
    "p-stmo-s": KEY,
    "mhformer": r"^together\.(attention\.\d\.layers\.1|norms\.[147])\.bias$",  # of keys, and of what they are made of
}
LIFTING = [*test_peers.RUNS, "mlp", "posemamba-s", "sasmamba"]
VIDEO = list(test_video_models.NETWORKS)


def network(name: str) -> tuple[nn.Module, Tensor]:
    """A small one in float64, as it answers after training, and clips. (In training a bias before a batch
    normalisation is constant too, and nothing can be learnt from that.)"""
    if name in VIDEO:
        return test_video_models.build(name).double(), test_video_models.clips().double()
    net = test_peers.small(name)
    return net, test_peers.clips(net)


def names(net: nn.Module, pattern: str | None) -> set[str]:
    return {name for name, _ in net.named_parameters() if pattern and re.search(pattern, name)}


@pytest.mark.parametrize("name", [*LIFTING, *VIDEO])
def test_the_answers_depend_on_every_weight_that_is_used(name):
    net, clips = network(name)
    assert silent(net, clips) == names(net, UNUSED.get(name)) | names(net, CONSTANT.get(name))


@pytest.mark.parametrize("name", sorted({*UNUSED, *CONSTANT}))
def test_of_the_others_the_answers_do_not_depend(name):
    net, clips = network(name)
    with torch.no_grad():
        before = answers(net, clips)
        for pattern, tolerance in ((UNUSED.get(name), 0), (CONSTANT.get(name), 1e-10)):
            for weight in names(net, pattern):
                net.get_parameter(weight).add_(torch.randn_like(net.get_parameter(weight)))
            torch.testing.assert_close(answers(net, clips), before, rtol=tolerance, atol=tolerance)


def test_every_family_is_looked_at():
    looked_at = {
        variant(name).family for name in (*LIFTING, *VIDEO, *test_video_peers.FAMILIES)
    }  # the last in their file
    assert looked_at == {variant(name).family for name in resolve_variants()}


class Attends(PoseModel):
    """One logit a token, and a softmax over the tokens: `bias` is constant, `weight` is not."""

    def __init__(self, weight: float) -> None:
        super().__init__()
        self.weight, self.bias = (nn.Parameter(torch.tensor(value, dtype=torch.float64)) for value in (weight, 0.3))

    def forward(self, x: Tensor) -> Tensor:
        return ((self.weight * x + self.bias).softmax(-1) * x.sin()).sum(-1)


@pytest.mark.parametrize("weight", [1.0, 1e-6, 10.0])
def test_a_gradient_of_rounding_alone_is_none_however_large_the_others_are(weight):
    x = torch.randn(50, 17, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    assert silent(Attends(weight), x) == {"bias"}
