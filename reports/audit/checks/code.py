"""Checks that look at experiments of `workflow.measuring.evidence`, which run what released lines say."""

from functools import wraps

from base.errors import InputError
from reports.audit.finding import EXPERIMENTS, Check, Evidence, Material, check, short
from studies.places import EVIDENCE

OVERWRITTEN = ("motionbert", "posemamba-s", "posemamba-b", "posemamba-l", "posemamba-x", "sasmamba", "sasmamba-large")
NETWORKS = {"none": "no neighbour added", "posemamba-s": "PoseMamba's limbs", "sasmamba": "SasMamba's strides"}


def experiment(function: Check) -> Check:
    """Register a check whose experiment has the name of its finding. It raises InputError for one of another form."""
    name = function.__name__.replace("_", "-")
    EXPERIMENTS.add(name)

    @wraps(function)
    def checked(material: Material) -> Evidence:
        try:
            return function(material)
        except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
            remedy = f"delete {EVIDENCE} and run `make audit`"
            raise InputError(f"experiment {name}: is not what its check reads ({error!r}); {remedy}") from error

    return check(checked)


@experiment
def limb_gradient(material: Material) -> Evidence:
    """Which hand-written gradients are the derivative of their scan."""
    found = material.experiment("limb-gradient")
    rows = tuple((NETWORKS[name], "passes" if case["passes"] else "fails", f"{100 * case['off_by']:.0f} %")
                 for name, case in found.items())  # fmt: skip
    holds = found["none"]["passes"] and not any(case["passes"] for name, case in found.items() if name != "none")
    values = {name.partition("-")[0]: f"{100 * case['off_by']:.0f}" for name, case in found.items()}
    return Evidence(holds, ("scan", "gradient check", "off the derivative by"), rows, (), values)


@experiment
def limb_order(material: Material) -> Evidence:
    """In which order tokens are visited, and what is added to each."""
    found = material.experiment("limb-order")
    visited, added = found["joints_in_the_first_frame"], found["joint_added_to_each"]
    rows = (("visited", *map(str, visited)), ("added to it", *map(str, added)))
    values = {key: ", ".join(map(str, found[f"joints_{key}"])) for key in ("never_added", "added_to_themselves")}
    holds = found["same_order"] and visited == sorted(visited)
    return Evidence(holds, ("", *(f"{i + 1}." for i in range(len(visited)))), rows, (), values)


@experiment
def scale_term(material: Material) -> Evidence:
    """The term with weight 0.5 of a prediction, of it scaled, and of it with other depths."""
    found = material.experiment("scale-term")
    as_is, scaled, deeper = (found[key]["n_mpjpe"] for key in ("as_is", "scaled_by_1.3", "only_depth_changed"))
    rows = tuple((k.replace("_", " "), f"{v['n_mpjpe']:.4f}", f"{v['mpjpe']:.4f}") for k, v in found.items())
    cells = tuple(f"posemamba/table5/{row}/{p}" for row in ("mpjpe-2d", "ours") for p in ("p1", "p2"))
    values = {"as_is": f"{as_is:.4f}", "scaled": f"{scaled:.4f}", "deeper": f"{deeper:.4f}"}
    holds = abs(as_is - scaled) < 1e-9 < abs(as_is - deeper)
    return Evidence(holds, ("prediction", "term with weight 0.5", "MPJPE"), rows, cells, values)


@experiment
def depth_only(material: Material) -> Evidence:
    """P1 of made-up errors as they are, and with x and y overwritten; the printed cells that were measured so."""
    found = material.experiment("depth-only")
    rows = tuple((name, f"{whole:.0f} mm", f"{depth:.0f} mm") for name, (whole, depth) in found.items())
    claims = material.ledger.claims.values()
    cells = tuple(c.id for c in claims if "gt2d" in c.protocol and c.row in OVERWRITTEN)
    holds = all(depth < whole for name, (whole, depth) in found.items() if name != "40 mm in depth")
    return Evidence(holds, ("error of every joint", "P1", "P1, x and y overwritten"), rows, cells)


@experiment
def uncounted(material: Material) -> Evidence:
    """Part by part, what the profiler leaves out of two networks, and what it counts that is no multiply-accumulate."""
    found = material.experiment("uncounted")
    rows = tuple(
        (name, part, *(f"{case['missed'][of].get(part, 0):+,}" for of in ("macs", "params")))
        for name, case in found.items()
        for part in {**case["missed"]["macs"], **case["missed"]["params"]}
    )
    paper, true = (found["posemamba-s"][rule]["macs"] for rule in ("paper", "true"))
    values = {"paper": short(paper), "true": short(true)}
    head = ("network", "part", "MACs besides thop's", "weights besides thop's")
    return Evidence(all(case["missed"]["macs"] for case in found.values()), head, rows, (), values)


@experiment
def released_graphs(material: Material) -> Evidence:
    """Edges that a skeleton does not have, or has in both directions."""
    found = material.experiment("released-graphs")
    one_way, extra = found["motionagformer_one_way"], found["hdformer_extra"]
    rows = (
        ("MotionAGFormer", "one direction only", ", ".join(f"{a} to {b}" for a, b in one_way)),
        ("MotionAGFormer", "joints that are their own neighbour", str(found["motionagformer_own_neighbours"])),
        ("HDFormer", "no bone", ", ".join(f"{a} to {b}" for a, b in extra)),
    )
    return Evidence(bool(one_way and extra), ("network", "edges", "joints"), rows)


@experiment
def layer_scales_in_a_list(material: Material) -> Evidence:
    """What a module trains and saves of what it keeps in a plain list."""
    found = material.experiment("layer-scales-in-a-list")
    rows = tuple((name, str(count)) for name, count in found.items())
    return Evidence(found["trained"] == found["saved"] == 0, ("vectors", "of a block"), rows)


@experiment
def loss_times_itself(material: Material) -> Evidence:
    """The gradient that comes of a loss handed its own value."""
    found = material.experiment("loss-times-itself")
    loss, times = found["loss"], found["gradient_times"]
    rows = ((f"{loss:.3g}", f"{times:.3g}"),)
    return Evidence(abs(times / loss - 1) < 1e-3, ("loss", "gradient, in terms of the loss's"), rows)


@experiment
def in_place_sum(material: Material) -> Evidence:
    """What this PyTorch says of it."""
    found = material.experiment("in-place-sum")
    rows = ((found["torch"], "refused" if found["refused"] else "works"),)
    return Evidence(
        found["refused"], ("PyTorch", "backward pass"), rows, (), {"torch": found["torch"].partition("+")[0]}
    )
