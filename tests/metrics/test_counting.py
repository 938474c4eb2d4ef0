"""The counting rules on models small enough to count by hand."""

import pytest
import torch
from torch import Tensor, nn

from base.errors import InputError
from metrics.efficiency import CONVENTIONS, Count, Parts, count, count_modules, count_under

T, J, D = 10, 17, 64
TOKENS = T * J


class Sampler(nn.Module):
    """One of everything: layers with a rule, a subclass without one, raw weights and functional work."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Linear(2, D)
        self.position = nn.Parameter(torch.zeros(J, D))
        self.frozen = nn.Parameter(torch.zeros(3), requires_grad=False)
        self.conv = nn.Conv2d(D, D, 3, padding=1, groups=D)
        self.norm = nn.LayerNorm(D)  # called twice
        self.act = nn.GELU()
        self.hidden = Subclass(D, D)
        self.weight = nn.Parameter(torch.zeros(4, D, 8))
        self.dropout = nn.Dropout(0.5)

    def forward(self, x: Tensor) -> Tensor:
        h = self.embed(x) + self.position  # (B, T, J, D)
        h = h + self.conv(h.permute(0, 3, 1, 2)).permute(0, 2, 3, 1)
        h = self.dropout(self.act(self.norm(self.hidden(self.norm(h)))))
        h = nn.functional.scaled_dot_product_attention(h, h, h)
        return torch.einsum("btjd,kde->bktje", h, self.weight)


class Subclass(nn.Linear):
    pass


LINEAR = TOKENS * 2 * D
CONV = TOKENS * D * 9
NORM = 4 * TOKENS * D
HIDDEN = TOKENS * D * D
ATTENTION = 2 * T * J * J * D
EINSUM = 4 * TOKENS * D * 8

SEEN = (3 * D) + (10 * D) + (2 * D)
UNSEEN = J * D + 4 * D * 8 + D * (D + 1)


def example(device: str = "meta", clips: int = 1) -> Tensor:
    return torch.zeros(clips, T, J, 2, device=device)


@pytest.mark.parametrize("device", ["meta", "cpu"])
def test_true_counts_every_product_by_hand(device):
    result = count(Sampler(), example(device), "true")
    assert (result.params, result.trained, result.frozen) == (SEEN + UNSEEN + 3, SEEN + UNSEEN, 3)
    assert result.macs == LINEAR + CONV + HIDDEN + ATTENTION + EINSUM
    assert f"native_layer_norm: {2 * TOKENS * D:,} elements" in result.excluded
    assert f"gelu: {TOKENS * D:,} elements" in result.excluded
    assert not [line for line in result.excluded if line.startswith(("view", "permute", "addmm"))]


@pytest.mark.parametrize("device", ["meta", "cpu"])
def test_paper_sees_leaf_layers_of_known_types_by_hand(device):
    result = count(Sampler(), example(device), "paper")
    assert result.params == SEEN
    assert result.macs == LINEAR + CONV + 2 * NORM
    assert f"Sampler.position: {J * D:,} parameters" in result.excluded
    assert f"Subclass.weight: {D * D:,} parameters" in result.excluded
    assert "GELU: MACs of 1 layers" in result.excluded


def test_paper_leaf_sees_the_parameters_of_every_leaf():
    result = count(Sampler(), example(), "paper-leaf")
    assert result.params == SEEN + D * (D + 1)
    assert result.macs == LINEAR + CONV + TOKENS * D  # no norms, but the convolution's biases


def test_operators_sees_every_product_but_nothing_of_a_kernel():
    class Kernel(nn.Linear):
        opaque = True

        def forward(self, x: Tensor) -> Tensor:
            return 2 * super().forward(x)

    model = nn.Sequential(nn.Linear(4, 4), Kernel(4, 4), nn.LayerNorm(4))
    model.append(nn.Softmax(-1))
    result = count(model, torch.zeros(3, 4, device="meta"), "operators")
    assert result.params == 2 * 20 + 8
    assert result.macs == 3 * 4 * 4 + 3 * 4  # the first layer, and an operation an element of the norm


def test_layers_that_are_never_called_are_invisible_to_the_papers_profiler():
    class Idle(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.used, self.idle = nn.Linear(4, 4), nn.Linear(4, 4)

        def forward(self, x: Tensor) -> Tensor:
            return self.used(x)

    x = torch.zeros(1, 4, device="meta")
    assert [count(Idle(), x, name).params for name in ("paper", "paper-leaf", "true")] == [20, 40, 40]


def test_fvcore_has_its_own_rule():
    result = count(Sampler(), example("cpu"), "fvcore")
    # Five operations an element of LayerNorm; einsum is counted to 4 digits, attention is not and is listed.
    assert result.macs == pytest.approx(LINEAR + CONV + HIDDEN + 2 * (5 * TOKENS * D) + EINSUM, abs=50)
    assert result.params == SEEN + UNSEEN + 3
    assert "aten::scaled_dot_product_attention: 1 calls" in result.excluded


@pytest.mark.parametrize("convention", CONVENTIONS)
def test_it_does_not_matter_where_model_and_example_are(convention):
    here = count(Sampler(), example("cpu"), convention)
    assert count(Sampler(), example("meta"), convention) == here
    assert count(Sampler().to("meta"), example("meta"), convention) == here


def test_what_fvcore_cannot_trace_is_one_clear_line():
    class Dictionary(nn.Module):
        def forward(self, x: Tensor) -> object:
            return {"joints": [object()]}

    with pytest.raises(InputError, match="fvcore cannot trace Dictionary: ") as error:
        count(Dictionary(), example(), "fvcore")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("convention", ["true", "paper"])
def test_macs_grow_with_the_batch_and_parameters_do_not(convention):
    one, three = (count(Sampler(), example(clips=n), convention) for n in (1, 3))
    assert three.macs == 3 * one.macs
    assert three.params == one.params


@pytest.mark.parametrize("convention", CONVENTIONS)
def test_counting_leaves_the_model_alone(convention):
    model = Sampler().train()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    count(model, example("cpu"), convention)
    assert model.training
    assert model.dropout.training
    assert not any(layer._forward_hooks for layer in model.modules())
    assert all(p.device.type == "cpu" for p in model.parameters())
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert list(model.state_dict()) == list(before)


def test_norms_with_weights_count_four_an_element_and_without_two():
    x = torch.zeros(6, 5, device="meta")
    assert count(nn.BatchNorm1d(5), x, "paper").macs == 4 * 30
    assert count(nn.BatchNorm1d(5, affine=False), x, "paper").macs == 2 * 30
    assert count(nn.LayerNorm(5), x, "paper").macs == 4 * 30
    assert count(nn.LayerNorm(5, elementwise_affine=False), x, "paper").macs == 2 * 30


def test_a_transposed_convolution_counts_by_its_output_in_the_papers():
    layer = nn.ConvTranspose2d(8, 4, 4, stride=2, padding=1)
    x = torch.zeros(1, 8, 6, 5, device="meta")
    taps = 8 * 4 * 4 * 4
    assert count(layer, x, "paper").macs == 12 * 10 * taps  # stride squared times the truth
    assert count(layer, x, "true").macs == 6 * 5 * taps


def test_tied_weights_count_once():
    model = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 4))
    model[1].weight = model[0].weight
    x = torch.zeros(1, 4, device="meta")
    assert [count(model, x, c).params for c in CONVENTIONS] == [16 + 4 + 4] * len(CONVENTIONS)
    assert count(model, x).macs == 32


def test_the_fast_path_of_multihead_attention_is_counted():
    class Attention(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.attention = nn.MultiheadAttention(D, 4, batch_first=True)

        def forward(self, x: Tensor) -> Tensor:
            return self.attention(x, x, x, need_weights=False)[0]

    expected = 4 * J * D * D + 2 * J * J * D
    assert count(Attention(), torch.zeros(1, J, D)).macs == expected
    assert count(Attention(), torch.zeros(1, J, D, device="meta")).macs == expected
    assert torch.backends.mha.get_fastpath_enabled()


def test_modules_are_counted_with_all_that_is_in_them():
    model = nn.Sequential(Sampler(), nn.Identity())
    model.add_module("10", nn.Linear(8, 3))  # a name that another one begins
    counted = count_modules(model, example())
    outer = 4 * TOKENS * 8 * 3
    assert counted["0.norm"] == (2 * D, 2 * NORM, 0, 0)  # called twice
    assert counted["0.conv"] == (10 * D, CONV, CONV, 0)
    assert counted["0.hidden"] == (D * (D + 1), 0, HIDDEN, 0)  # unknown to the papers' profiler
    assert counted["0"] == (SEEN + UNSEEN + 3, LINEAR + CONV + 2 * NORM, LINEAR + CONV + HIDDEN + ATTENTION + EINSUM, 3)
    assert counted["1"] == (0, 0, 0, 0)
    assert counted["10"] == (27, outer, outer, 0)
    assert counted[""] == tuple(a + b for a, b in zip(counted["0"], counted["10"], strict=True))
    assert counted[""][1:3] == tuple(count(model, example(), name).macs for name in ("paper", "true"))


STATES = {
    "training": lambda m: m.train(),
    "half precision": lambda m: m.half(),
    "double precision": lambda m: m.double(),
    "on the meta device": lambda m: m.to("meta"),
    "after a pass": lambda m: m(example("cpu")) is None or m,
    "after a step": lambda m: m(example("cpu")).sum().backward() or m,
    "with an activation kept": lambda m: setattr(m, "kept", m.embed(example("cpu"))) or m,
    "with hooks": lambda m: m.norm.register_forward_hook(lambda *_: HOOKED.append(1)) and m,
    "with a hook that changes what comes out": lambda m: m.act.register_forward_hook(lambda *a: a[2] @ a[2].mT) and m,
    "in parallel": nn.DataParallel,
    "compiled": torch.compile,
    "compiled in parallel": lambda m: nn.DataParallel(torch.compile(m)),
    "compiled in part": lambda m: setattr(m, "act", torch.compile(m.act)) or m,
}
HOOKED: list[int] = []


@pytest.mark.parametrize("where", ["meta", "cpu"])
@pytest.mark.parametrize("state", STATES)
def test_a_count_is_of_the_network_and_not_of_its_state(state: str, where: str):
    conventions = [name for name in CONVENTIONS if where == "cpu" or name != "fvcore"]
    plain = count_under(conventions, Sampler(), example(where))
    model = STATES[state](Sampler())
    hooks = [len(layer._forward_hooks) for layer in model.modules()]
    HOOKED.clear()
    assert count_under(conventions, model, example(where)) == plain
    assert not HOOKED
    assert [len(layer._forward_hooks) for layer in model.modules()] == hooks
    assert count_modules(model, example(where)) == count_modules(Sampler(), example(where))


@pytest.mark.parametrize(
    "surroundings",
    [torch.no_grad, torch.enable_grad, torch.inference_mode, lambda: torch.autocast("cpu", torch.bfloat16)],
)
def test_what_a_count_is_called_in_changes_nothing(surroundings):
    plain = count_under(CONVENTIONS, Sampler(), example("cpu"))
    with surroundings():
        assert count_under(CONVENTIONS, Sampler(), example("cpu")) == plain
        made_inside = Sampler()
    assert count_under(CONVENTIONS, made_inside, example("cpu")) == plain


@pytest.mark.parametrize("type_", [torch.float64, torch.float16])
def test_the_type_of_the_example_changes_nothing(type_):
    assert count(Sampler(), example("cpu").to(type_)) == count(Sampler(), example("cpu"))


def test_frozen_weights_are_weights_and_told_apart():
    plain = count(Sampler(), example())
    part, whole = Sampler(), Sampler().requires_grad_(False)
    part.hidden.requires_grad_(False)
    for model, frozen in ((part, 3 + D * (D + 1)), (whole, plain.params)):
        counted = count_under(CONVENTIONS[:-1], model, example())
        assert [(c.params, c.macs) for c in counted.values()] == [
            (c.params, c.macs) for c in count_under(CONVENTIONS[:-1], Sampler(), example()).values()
        ]
        assert [counted[name].frozen for name in ("true", "operators", "paper")] == [frozen, frozen, 0]
        assert counted["true"].trained == plain.params - frozen
    assert count_modules(part, example())["hidden"] == (D * (D + 1), 0, HIDDEN, D * (D + 1))


def test_a_buffer_that_a_pass_changes_is_left_as_it_was():
    class Counter(nn.Linear):
        def __init__(self) -> None:
            super().__init__(2, 3)
            self.register_buffer("calls", torch.zeros(()))

        def forward(self, x: Tensor) -> Tensor:
            self.calls += 1
            return super().forward(x)

    model = Counter()
    assert count(model, torch.zeros(1, 2)).macs == 6
    assert model.calls == 0


@pytest.mark.parametrize("device", ["meta", "cpu"])
def test_weights_that_the_first_pass_makes_count(device):
    class Late(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            if not hasattr(self, "weight"):
                self.weight = nn.Parameter(x.new_zeros(5, 4))
            return x @ self.weight.T

    lazy = nn.Sequential(nn.LazyLinear(5), nn.Linear(5, 2))
    x = torch.zeros(3, 4, device=device)
    counted = count_under(("true", "paper"), lazy, x)
    assert [(c.params, c.macs) for c in counted.values()] == [(5 * 5 + 6 * 2, 3 * 30)] * 2
    assert isinstance(lazy[0].weight, nn.UninitializedParameter)
    late = Late()
    assert count(late, x).params == 20
    assert not list(late.parameters())


def test_what_is_joined_with_a_weight_is_none():
    class WithToken(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.token = nn.Parameter(torch.zeros(1, 1, 8))

        def forward(self, x: Tensor) -> Tensor:
            x = torch.cat([self.token.expand(len(x), -1, -1), x], 1)
            return x @ x.mT

    assert count(WithToken(), torch.zeros(2, 3, 8, device="meta")).parts.macs == {
        "products without weights": 2 * 16 * 8
    }


def test_an_unknown_convention_is_one_clear_line():
    with pytest.raises(InputError, match="unknown convention 'flops': choose one of true, paper"):
        count(Sampler(), example(), "flops")


def test_a_count_names_its_convention():
    functional = "MACs of everything functional: einsum, matmul, attention products, scans, gates"
    parts = Parts({"layers": 6}, {"layers": 9})
    assert count(nn.Linear(2, 3), torch.zeros(1, 2), "paper") == Count(9, 6, (functional,), "paper", parts=parts)


def test_a_count_says_what_it_is_made_of_by_hand():
    by = {name: counted.parts for name, counted in count_under(CONVENTIONS, Sampler(), example("cpu")).items()}
    layers, known = LINEAR + CONV, SEEN - 2 * D
    products = {"Subclass": HIDDEN, "products without weights": ATTENTION, "weight": EINSUM}
    held = {"layers": known, "norms": 2 * D, "Subclass": D * (D + 1), "position": J * D, "weight": 4 * D * 8}
    assert by["true"] == Parts({"layers": layers} | products, held | {"frozen": 3})
    assert by["paper"] == Parts({"layers": layers, "norms": 2 * NORM}, {"layers": known, "norms": 2 * D})
    assert by["paper-leaf"].macs == {"layers": layers, "biases of convolutions": TOKENS * D}
    assert by["paper-leaf"].params == by["paper"].params | {"Subclass": D * (D + 1)}
    elements = {"norms": 2 * TOKENS * D, "products of elements": 2 * TOKENS * D}  # attention scales both its factors
    assert by["operators"] == Parts({"layers": layers} | products | elements, held | {"frozen": 3})
    assert by["fvcore"].params == by["true"].params
    assert by["fvcore"].macs["layer_norm"] == 2 * 5 * TOKENS * D


def test_a_weight_is_followed_through_views_and_copies_to_its_product():
    class Projections(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.x_proj = nn.Parameter(torch.zeros(4, 3, 5))
            self.idle = nn.Linear(5, 2)

        def forward(self, x: Tensor) -> Tensor:
            y = nn.functional.linear(x, self.x_proj[::2].flatten(0, 1)[[0, 2]])  # no view of it
            return nn.functional.linear(x, self.idle.weight) + y

    counted = count(Projections(), torch.zeros(7, 5, device="meta"))
    assert counted.parts.macs == {"x_proj": 7 * 5 * 2, "layers never called": 7 * 5 * 2}
    assert counted.parts.params == {"x_proj": 60, "layers never called": 12}
