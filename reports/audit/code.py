"""What the released code does, against what the papers say it does; from experiments of `workflow.evidence`."""

from reports.audit.finding import Finding, Material, short, status

COMMAND = ".venv/bin/python -m workflow.evidence {name}"


def limb_gradient(material: Material) -> list[Finding]:
    """The published gradient of the limb term is not its derivative."""
    found = material.evidence.get("limb-gradient")
    if not found:
        return [_missing("limb-gradient", "The gradient of the added neighbours is not the derivative")]
    errors = {name: case["relative_error"] for name, case in found.items()}
    return [
        Finding(
            id="limb-gradient",
            kind="code",
            title="The gradient of the added neighbours is not the derivative",
            claimed="Nothing is said; a reader expects the derivative.",
            found="The released backward pass treats the added neighbours as constants. The outputs are equal; gradients "
            "by the input differ by "
            + " and ".join(f"{100 * e:.0f} % ({name})" for name, e in errors.items())
            + " on tiny "
            "networks with random weights.",
            change="direction of every training step; the effect on P1 is in the rows “exact gradient” of open-motion",
            head=("network", "relative error of the input gradient", "same output"),
            rows=tuple(
                (name, f"{case['relative_error']:.4f}", str(case["same_output"])) for name, case in found.items()
            ),
            status=status(all(case["same_output"] and case["relative_error"] > 0.01 for case in found.values())),
            command=COMMAND.format(name="limb-gradient"),
            reported=tuple(
                f"{r['text']} ({r['source']})" for r in material.ledger.reported if r["id"] == "exact-gradient"
            ),
        )
    ]


def limb_order(material: Material) -> list[Finding]:
    """The local limb scan adds features; it visits tokens in the order of the other scan."""
    found = material.evidence.get("limb-order")
    if not found:
        return [_missing("limb-order", "The limb scan is an addition, not another order")]
    first, near = found["joints_in_the_first_frame"], found["joint_added_to_each"]
    return [
        Finding(
            id="limb-order",
            kind="code",
            title="The limb scan is an addition, not another order",
            claimed="“a reordering strategy to enhance the local modeling capability”, “a more logical geometric scanning order” "
            "(PoseMamba, abstract).",
            found="Every token of the spatial scans gets the feature of one joint of its frame added; tokens are visited as by "
            f"the bidirectional scan. Joints {', '.join(map(str, found['joints_never_added']))} are added to nothing, joints "
            f"{', '.join(map(str, found['joints_added_to_themselves']))} to themselves. SasMamba's stride scan does the same "
            "with two other joints.",
            change="what Table 4's last row compares: an added neighbour, not a scan order",
            head=("", *map(str, range(len(first)))),
            rows=(("visited", *map(str, first)), ("added to it", *map(str, near))),
            status=status(found["same_order"] and first == sorted(first)),
            claims=("posemamba/table4/global-local/p1",),
            command=COMMAND.format(name="limb-order"),
        )
    ]


def one_sequence(material: Material) -> list[Finding]:
    """A spatial scan runs through all frames."""
    found = material.evidence.get("one-sequence")
    if not found:
        return [_missing("one-sequence", "“Spatial” and “temporal” scans are one sequence through everything")]
    return [
        Finding(
            id="one-sequence",
            kind="code",
            title="“Spatial” and “temporal” scans are one sequence through everything",
            claimed="Spatial blocks model the joints of individual frames (PoseMamba, abstract).",
            found=f"A scan is one sequence of {found['tokens_in_a_sequence']:,} tokens, and its state is not reset between "
            "frames or joints: a change of the first token of the first frame reaches the last frame through the spatial "
            "directions alone. Spatial and temporal blocks are the same module with all four scans.",
            change="what the two names can mean in ablations",
            head=("what", "found"),
            rows=(
                ("tokens in a sequence", f"{found['tokens_in_a_sequence']:,}"),
                ("first token reaches the last frame", str(found["reaches_the_last_frame"])),
            ),
            status=status(found["reaches_the_last_frame"]),
            command=COMMAND.format(name="one-sequence"),
        )
    ]


def scale_term(material: Material) -> list[Finding]:
    """The 2D re-projection loss is a scale-aligned 3D error."""
    found = material.evidence.get("scale-term")
    if not found:
        return [_missing("scale-term", "The “2D re-projection loss” is a scale-aligned 3D error")]
    as_is, scaled, deeper = (found[k]["n_mpjpe"] for k in ("as_is", "scaled_by_1.3", "only_depth_changed"))
    return [
        Finding(
            id="scale-term",
            kind="code",
            title="The “2D re-projection loss” is a scale-aligned 3D error",
            claimed="A 2D re-projection loss with weight λ2D (PoseMamba, Overall Loss Function and Table 5).",
            found="The term with that weight is N-MPJPE: scaling the prediction by 1.3 does not change it "
            f"({as_is:.4f} and {scaled:.4f}), changing only depths does ({deeper:.4f}). No projection is computed.",
            change="the name of Table 5's second row",
            head=("prediction", "term with weight 0.5", "MPJPE"),
            rows=tuple((k.replace("_", " "), f"{v['n_mpjpe']:.6f}", f"{v['mpjpe']:.6f}") for k, v in found.items()),
            status=status(abs(as_is - scaled) < 1e-9 < abs(as_is - deeper)),
            claims=("posemamba/table5/mpjpe-2d/p1", "posemamba/table5/ours/p1"),
            command=COMMAND.format(name="scale-term"),
        )
    ]


def drop_path(material: Material) -> list[Finding]:
    """Paths are dropped in training although nothing says so."""
    found = material.evidence.get("drop-path")
    if not found:
        return [_missing("drop-path", "Paths are dropped in training, which nothing mentions")]
    return [
        Finding(
            id="drop-path",
            kind="code",
            title="Paths are dropped in training, which nothing mentions",
            claimed="Configurations say dropout 0; the paper says nothing of dropped paths.",
            found=f"In {found['blocks_with_any']} of {found['blocks']} blocks whole branches are dropped for a clip with a "
            f"chance of up to {found['largest']}.",
            change="part of what “same training” must mean for a fair row",
            head=("what", "found"),
            rows=(
                ("largest rate", str(found["largest"])),
                ("blocks with any", f"{found['blocks_with_any']} of {found['blocks']}"),
            ),
            status=status(found["largest"] > 0),
            command=COMMAND.format(name="drop-path"),
        )
    ]


def first_norm(material: Material) -> list[Finding]:
    """Equation 9 has a norm that the code has not."""
    found = material.evidence.get("first-norm")
    if not found:
        return [_missing("first-norm", "Equation 9's norm at the embedding is not there")]
    deviation = found["deviation_of_its_input_for_inputs_of_100"]
    return [
        Finding(
            id="first-norm",
            kind="code",
            title="Equation 9's norm at the embedding is not there",
            claimed="X = Norm(Le(c) + E) (PoseMamba, eq. 9).",
            found=f"Before the first block stands {' and '.join(found['before_the_first_block'])} alone: key points a hundred "
            f"times as large reach it with a deviation of {deviation:.0f}, not of 1. The first norm follows the first block.",
            change="how a network must be rebuilt to load released weights",
            head=("what", "found"),
            rows=(("deviation of the first block's input", f"{deviation:.1f}"),),
            status=status(deviation > 2),
            command=COMMAND.format(name="first-norm"),
        )
    ]


def uncounted(material: Material) -> list[Finding]:
    """By name: what the papers' profiler leaves out of our own networks."""
    found = material.evidence.get("uncounted")
    if not found:
        return [_missing("uncounted", "What the papers' profiler leaves out, by name", kind="counting")]
    rows = [(network, text) for network, case in found.items() for text in case["left_out"]]
    numbers = [
        f"{name}: {short(case['paper']['macs'])} of {short(case['true']['macs'])} MACs" for name, case in found.items()
    ]
    return [
        Finding(
            id="uncounted",
            kind="counting",
            title="What the papers' profiler leaves out, by name",
            claimed="Params and MACs columns name no counter and no exclusion.",
            found="; ".join(numbers)
            + ". For GLSMamba the profiler counts transposed convolutions at four times their cost, so "
            "that its number is the larger one.",
            change="see the table, operation by operation",
            head=("network", "left out"),
            rows=tuple(rows),
            status=status(all(case["left_out"] for case in found.values())),
            command=COMMAND.format(name="uncounted"),
        )
    ]


def released_graphs(material: Material) -> list[Finding]:
    """Joint graphs of released networks that are not the skeleton's; they stay, for the weights were trained with them."""
    found, title = material.evidence.get("released-graphs"), "Joint graphs that are not the skeleton"
    if not found:
        return [_missing("released-graphs", title)]
    one_way, extra = found["motionagformer_one_way"], found["hdformer_extra"]
    rows = (
        ("MotionAGFormer", f"edges in one direction only: {one_way}; own neighbours: "
         f"{found['motionagformer_own_neighbours']}, though the paper writes A + I"),
        ("HDFormer", f"edges that are no bone: {extra} (the root's parent −1 is taken for the last joint)"),
    )  # fmt: skip
    return [Finding(
        id="released-graphs",
        kind="code",
        title=title,
        claimed="MotionAGFormer and HDFormer: graphs of the human skeleton.",
        found="Two released networks have joint graphs with edges that are missing or that no skeleton has. They are kept "
        "here, because published weights and numbers come from them.",
        change="not known: none was retrained with its own skeleton at full size",
        head=("network", "its graph"),
        rows=rows,
        status=status(bool(one_way) and bool(extra)),
        command=COMMAND.format(name="released-graphs"),
    )]  # fmt: skip


def mended(material: Material) -> list[Finding]:
    """Slips of released training codes that are mended here."""
    found, title = material.evidence.get("mended"), "Slips of released training codes that are mended here"
    if not found:
        return [_missing("mended", title)]
    rows = (
        ("KTPFormer", "adds positions in place to what a ReLU gave", found["in_place"], "an ordinary sum"),
        ("MixSTE, KTPFormer", "back-propagate the loss times its own value",
         f"gradients {found['gradient_times']:.3g} times as large for a loss of {found['loss']:.3g}", "the recipe's loss"),
        ("TCPFormer", "keeps layer scales in a plain list",
         f"{found['scales_left_out']} vectors neither trained nor saved in {found['blocks']} blocks",
         "weights in the variants that are trained here; constants where published weights load"),
    )  # fmt: skip
    return [Finding(
        id="mended",
        kind="code",
        title=title,
        claimed="Nothing is said of them; who trains the released code meets them.",
        found="Three slips change or prevent training and nothing else. Networks that are trained here do not have them.",
        change="weights of batches (MixSTE, KTPFormer); whether training runs at all (KTPFormer)",
        head=("network", "its released code", "what that does", "here"),
        rows=rows,
        status=status(
            found["in_place"] == "backward is refused"
            and abs(found["gradient_times"] / found["loss"] - 1) < 1e-3
            and found["scales_left_out"] == 6 * found["blocks"]
        ),
        command=COMMAND.format(name="mended"),
    )]  # fmt: skip


def _missing(identity: str, title: str, kind: str = "code") -> Finding:
    """A finding whose experiment was not run."""
    needs = f"the experiment; `{COMMAND.format(name=identity)}`"
    return Finding(
        identity, kind, title, "", "", "", (), (), status(None), needs=needs, command=COMMAND.format(name=identity)
    )
