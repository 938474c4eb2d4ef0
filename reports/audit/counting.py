"""What the printed parameters and multiply-accumulates count: this project's networks measured, the others in closed form."""

from reports.audit.closed_forms import macs
from reports.audit.finding import Finding, Material, short, status
from reports.measurements import EFFICIENCY_SCALE, pick
from studies.printed import Printed, agrees, parse_printed

COMMAND = "python -m reports.audit {id}"
OURS = ("posemamba-s", "posemamba-b", "posemamba-l", "posemamba-x", "sasmamba", "sasmamba-large")


def hidden_weights(material: Material) -> list[Finding]:
    """The printed parameters are those that the profiler sees, not those of the network."""
    return [_paper_and_true(material, "params", "hidden-weights", "Printed “Params” are not the networks' parameters",
        "Param columns of both papers.", "weights that are registered on a module itself (x_proj, dt_proj, A_log, D, "
        "positions) are not seen by the papers' profiler")]  # fmt: skip


def hidden_operations(material: Material) -> list[Finding]:
    """The printed MACs leave out the selective scan and its projections."""
    return [_paper_and_true(material, "macs_per_clip", "hidden-operations", "Printed MACs leave out the selective scan",
        "MACs columns of both papers.", "the scan and its projections are functions, which the papers' profiler does not "
        "see; it counts 4 operations for each element of a LayerNorm instead")]  # fmt: skip


def halved(material: Material) -> list[Finding]:
    """Rows of one table in two units: printed MACs that are half of what the same profiler gives."""
    rows, touched = [], []
    for study in ("posemamba/table1", "sasmamba/main"):
        for name, counted, how in _profiled(material):
            claim = material.ledger.claims.get(f"{study}/{name}/macs")
            if claim is None:
                continue
            printed = parse_printed(claim.printed, claim.unit)
            if agrees(printed, counted / 2) and not agrees(printed, counted):
                rows.append((claim.study, claim.label, claim.printed, short(counted), short(counted / 2), how))
                touched.append(claim.id)
    others = [c for c in material.ledger.claims.values() if c.metric == "macs_per_clip" and c.study == "sasmamba"]
    return [
        Finding(
            id="halved-macs",
            kind="counting",
            title="Two rows of SasMamba's table are halved, the others are not",
            claimed="MACs columns; no unit changes within a table.",
            found=f"{_names(rows)}: the printed MACs are half of what the profiler gives that reproduces the other rows.",
            change="a factor 2 against the rows beside it",
            head=("study", "row", "printed", "profiler", "half of it", "profiled"),
            rows=tuple(rows),
            status=status(bool(rows)) if others else status(None),
            needs="" if others else "the study sasmamba",
            claims=tuple(touched),
            command=COMMAND.format(id="halved-macs"),
        )
    ]  # fmt: skip


def unmatched(material: Material) -> list[Finding]:
    """SasMamba-large: no rule gives the printed digits."""
    claim = material.ledger.claims.get("sasmamba/main/sasmamba-large/macs")
    found = _counts(material, "sasmamba-large", "macs_per_clip")
    if claim is None:
        return []
    printed = parse_printed(claim.printed, claim.unit)
    rows = [(rule, short(value), short(value / 2), _tick(printed, value)) for rule, value in found.items()]
    hit = any(agrees(printed, x) for value in found.values() for x in (value, value / 2))
    return [
        Finding(
            id="sasmamba-large-macs",
            kind="counting",
            title=f"SasMamba-large: {claim.printed} is given by no rule",
            claimed=f"{claim.printed} ({claim.place}).",
            found=f"Half of the papers' profiler is {short(found['paper'] / 2)}; no rule tried gives {claim.printed}."
            if found else "",
            change="0.4 % against half of the profiler's count",
            head=("rule", "count", "half", "agrees"),
            rows=tuple(rows),
            status=status(not hit if found else None),
            needs="" if found else "counts of sasmamba-large",
            claims=(claim.id,),
            command=COMMAND.format(id="sasmamba-large-macs"),
        )
    ]  # fmt: skip


def one_frame_out(material: Material) -> list[Finding]:
    """Networks that give one frame a pass, whose MACs were divided by T."""
    rows, touched = [], []
    for study, table in (("posemamba", "table1"), ("sasmamba", "main")):
        for peer in material.ledger.peers.values():
            claim = material.ledger.claims.get(f"{study}/{table}/{peer.get('row')}/macs_frame")
            whole = material.ledger.printed(f"{study}/{table}/{peer.get('row')}/macs")
            if claim is None or whole is None or peer["evaluated"] != "centre":
                continue
            printed = parse_printed(claim.printed, claim.unit)
            if printed.value * printed.factor >= whole.value * whole.factor / 2:
                continue  # not divided
            emits = "one frame" if peer["emits"] == "one" else "all, the centre one is kept"
            real = peer.get("counts", {}).get("plain_macs")
            rows.append((study, claim.label, claim.printed, whole.text, emits, short(real) if real else "–"))
            touched.append(claim.id)
    cheapest = min((p["counts"]["plain_macs"] for p in material.ledger.peers.values()
                    if p["evaluated"] == "centre" and "counts" in p), default=None)  # fmt: skip
    ours = _counts(material, "posemamba-s", "macs_per_frame").get("true")
    return [
        Finding(
            id="one-frame-out",
            kind="counting",
            title="Networks that give one frame a pass are charged for a T-th of it",
            claimed="MACs/frame: operations “for each output frame”.",
            found=f"{len(rows)} rows are of networks whose released evaluation keeps one frame of a pass, but MACs/frame is "
            f"MACs / T." + (f" With everything counted, PoseMamba-S takes {short(ours)} a frame and the cheapest of them "
            f"{short(cheapest)}." if ours and cheapest else ""),
            change="factors of 243 and 351; the order of the column turns over",
            head=("study", "row", "printed a frame", "printed a pass", "what comes out", "all operations of a pass (recorded)"),
            rows=tuple(rows),
            status=status(bool(rows)),
            claims=tuple(touched),
            command=COMMAND.format(id="one-frame-out"),
        )
    ]  # fmt: skip


def windows(material: Material) -> list[Finding]:
    """Released evaluations that run a frame more than once."""
    rows = [
        (name, str(peer["frames"]), _kept(peer), short(_per_frame(peer)), _printed_frame(material, peer))
        for name, peer in material.ledger.peers.items()
        if "counts" in peer and peer.get("row") and peer["emits"] == "all" and peer["evaluated"] != "all"
    ]
    return [
        Finding(
            id="evaluated-more-than-once",
            kind="counting",
            title="Sequence networks whose released evaluation keeps one frame, or averages overlapping windows",
            claimed="Listed as sequence to sequence (CE “no”), with MACs / T a frame.",
            found="STCFormer's released test keeps the centre frame at stride 1; HDFormer's averages about 19 windows a "
            "frame; MHFormer emits all frames and keeps the centre one.",
            change="the recorded cost of an evaluated frame stands in the table",
            head=("network", "T", "released evaluation", "a frame as evaluated (recorded)", "printed a frame"),
            rows=tuple(rows),
            status=status(bool(rows)),
            command=COMMAND.format(id="evaluated-more-than-once"),
        )
    ]


def closed_forms(material: Material) -> list[Finding]:
    """Attention networks: the profiler's rule in closed form gives the printed digits, and leaves attention out."""
    rows, shares, good = [], [], 0
    for name, peer in material.ledger.peers.items():
        claims = [
            c for c in material.ledger.claims.values() if c.row == peer.get("row") and c.metric == "macs_per_clip"
        ]
        if "form" not in peer or not claims:
            continue
        counted = macs(peer["form"], peer["frames"])
        printed = parse_printed(claims[0].printed, claims[0].unit)
        good += agrees(printed, counted.thop)
        shares.append(100 * (counted.plain / counted.thop - 1))
        rows.append(
            (
                name,
                claims[0].printed,
                f"{counted.thop:,}",
                f"{counted.plain:,}",
                f"{shares[-1]:+.1f} %",
                _tick(printed, counted.thop),
            )
        )
    return [
        Finding(
            id="attention-left-out",
            kind="counting",
            title="The attention networks in both tables are counted without their attention products",
            claimed="MACs columns of PoseMamba's Table 1 and SasMamba's table.",
            found=f"For {good} of {len(rows)} rows the closed form of the profiler's rule rounds to the printed digits; the "
            "products of attention and of graphs are not in it.",
            change=f"{min(shares):+.0f} % to {max(shares):+.0f} %" if shares else "",
            head=("network", "printed", "profiler's rule", "every product", "more", "printed digits"),
            rows=tuple(rows),
            status=status(bool(rows) and good / len(rows) > 0.5),
            needs="" if rows else "the studies posemamba and sasmamba",
            command=COMMAND.format(id="attention-left-out"),
        )
    ]  # fmt: skip


def peers_weights(material: Material) -> list[Finding]:
    """Printed parameters of the other networks: what the profiler sees; HGMamba's are all there are."""
    rows = []
    for name, peer in material.ledger.peers.items():
        claims = [c for c in material.ledger.claims.values() if c.row == peer.get("row") and c.metric == "params"]
        if not claims or "counts" not in peer:
            continue
        printed, counts = parse_printed(claims[0].printed, claims[0].unit), peer["counts"]
        which = [k for k in ("thop_params", "trainable") if _digits(printed, counts[k])]
        share = 100 * (counts["thop_params"] / counts["trainable"] - 1)
        rows.append(
            (
                name,
                claims[0].printed,
                f"{counts['thop_params']:,}",
                f"{counts['trainable']:,}",
                f"{share:+.1f} %",
                _which(which),
            )
        )
    odd = [row[0] for row in rows if row[-1] == "all weights"]
    return [
        Finding(
            id="weights-of-peers",
            kind="counting",
            title="“Params” is what the profiler sees for most rows, and everything for HGMamba",
            claimed="Param columns of both tables.",
            found=f"Only {' and '.join(odd)} print all their weights." if odd else "",
            change=f"up to {min((float(r[4].split()[0]) for r in rows), default=0):.0f} % of the weights are not printed",
            head=("network", "printed", "profiler (recorded)", "trainable (recorded)", "hidden", "printed is"),
            rows=tuple(rows),
            status=status(bool(odd)),
            command=COMMAND.format(id="weights-of-peers"),
        )
    ]  # fmt: skip


def mixed_variants(material: Material) -> list[Finding]:
    """P-STMO: the small variant's cost beside the full one's accuracy. PoseFormerV2: a cost of a setting nobody trained."""
    found = []
    for identity, small, full, row in (
        ("p-stmo-two-variants", "p-stmo-s", "p-stmo", "p-stmo"),
        ("poseformerv2-two-settings", "poseformerv2-all", "poseformerv2", "poseformerv2"),
    ):
        claims = [
            c
            for c in material.ledger.claims.values()
            if c.row == row and c.metric in ("params", "macs_per_clip", "mpjpe") and "gt2d" not in c.protocol
        ]
        cost = [c for c in claims if c.metric == "macs_per_clip"]
        p1 = [c for c in claims if c.metric == "mpjpe"]
        if not cost or not p1:
            continue
        peers = material.ledger.peers
        of = {key: peers[key]["counts"]["thop_macs"] for key in (small, full)}
        stands = (
            any(_digits(parse_printed(c.printed, c.unit), of[small]) for c in cost)
            and peers[full]["p1"] == p1[0].printed
        )
        found.append(Finding(
            id=identity,
            kind="counting",
            title=f"{p1[0].label}: the cost of one network beside the accuracy of another",
            claimed="; ".join(f"{c.printed} ({c.study}, {c.place})" for c in claims),
            found=f"{peers[full]['p1']} mm belongs to {full} ({short(of[full])} under the papers' profiler), "
            f"{cost[0].printed} to {small} ({short(of[small])}).",
            change=f"a factor {max(of.values()) / min(of.values()):.3g} in MACs",
            head=("network", "weights (recorded)", "profiler's MACs (recorded)"),
            rows=tuple((key, f"{peers[key]['counts']['trainable']:,}", f"{of[key]:,}") for key in (small, full)),
            status=status(stands),
            claims=tuple(c.id for c in claims),
            command=COMMAND.format(id=identity),
        ))  # fmt: skip
    return found


def impossible(material: Material) -> list[Finding]:
    """HSTFormer and DC-GCT: printed costs that printed weights cannot have."""
    claims = material.ledger.claims
    weights, cost = (material.ledger.printed(f"posemamba/table1/hstformer/{k}") for k in ("params", "macs"))
    if weights is None or cost is None:
        return []
    frames = 81
    least = weights.value * weights.factor * frames
    gct = [claims.get(f"posemamba/table1/dc-gct/{k}") for k in ("macs", "macs_frame")]
    return [
        Finding(
            id="hstformer-bound",
            kind="counting",
            title="HSTFormer: fewer operations than weights allow",
            claimed=f"{weights.text} parameters and {cost.text} MACs for clips of {frames} frames (PoseMamba, Table 1). "
            f"DC-GCT: {gct[0].printed} a clip and {gct[1].printed} a frame."
            if all(gct)
            else "",
            found=f"Weights that are applied to a single token of each frame cost at least {weights.text} x {frames} = "
            f"{short(least)}, more than {cost.text}. DC-GCT's clip and frame have the same cost although T is 81; neither "
            "number is given by its released code.",
            change=f"at least a factor {least / cost.value / cost.factor:.2g}",
            head=("row", "weights", "T", "at least", "printed"),
            rows=(("HSTFormer", weights.text, str(frames), short(least), cost.text),),
            status=status(least > cost.value * cost.factor),
            claims=tuple(
                c.id for c in claims.values() if c.row in ("hstformer", "dc-gct") and c.metric.startswith("macs")
            ),
            command=COMMAND.format(id="hstformer-bound"),
        )
    ]


def copied(material: Material) -> list[Finding]:
    """GLSMamba's table of resolutions: two cells that its other rows exclude."""
    found = []
    for identity, row, column, metric, words in (
        (
            "blr-parameters",
            "glsmamba-blr",
            "params",
            "params",
            "without the deconvolutions before its tokens it cannot have the weights of GLSMamba-B",
        ),
        (
            "transnr-macs",
            "trans-nr",
            "macs",
            "macs_per_clip",
            "the rule that reproduces the seven other efficiency cells of that table does not give it",
        ),
    ):
        claim = material.ledger.claims.get(f"glsmamba/resolution/{row}/{column}")
        if claim is None:
            continue
        rules = _counts(material, row, metric)
        known = claim.measured is not None
        found.append(Finding(
            id=identity,
            kind="counting",
            title=f"GLSMamba's table: {claim.label}'s {claim.printed} does not fit the rows beside it",
            claimed=f"{claim.printed} {claim.unit if claim.unit not in claim.printed else ''} ({claim.place}).",
            found=f"The same rule gives {claim.measured:.4g} {claim.unit}: {words}." if known else "",
            change=f"{claim.value - claim.measured:+.3g} {claim.unit}" if known else "",
            head=("rule", "count"),
            rows=tuple((rule, short(value)) for rule, value in rules.items()),
            status=status(claim.verdict == "differs" if known else None),
            needs="" if known else f"counts of {row}",
            claims=(claim.id,),
            command=COMMAND.format(id=identity),
        ))  # fmt: skip
    return found


def _paper_and_true(material: Material, metric: str, identity: str, title: str, claimed: str, why: str) -> Finding:
    rows, shares = [], []
    for name in OURS:
        counts = _counts(material, name, metric)
        claims = [c for c in material.ledger.claims.values() if c.row == name and c.metric == metric]
        if claims and {"paper", "true"} <= set(counts):
            shares.append(counts["true"] / counts["paper"])
            digits = f"{counts['paper']:,.0f}"
            rows.append((claims[-1].label, claims[-1].printed, digits, f"{counts['true']:,.0f}", f"{shares[-1]:.2f}"))
    return Finding(
        id=identity,
        kind="counting",
        title=title,
        claimed=claimed,
        found=f"The printed digits are the profiler's: {why}.",
        change=f"{min(shares):.2f} to {max(shares):.2f} times as many" if shares else "",
        head=("network", "printed", "same profiler, measured", "everything, measured", "times"),
        rows=tuple(rows),
        status=status(min(shares) > 1 if shares else None),
        needs="" if shares else "efficiency counts; `make efficiency`",
        claims=tuple(c.id for c in material.ledger.claims.values() if c.row in OURS and c.metric == metric),
        command=COMMAND.format(id=identity),
    )


def _counts(material: Material, variant: str, metric: str) -> dict[str, float]:
    """Our own counts of a variant by convention, base units."""
    found = pick(material.measurements, scale=EFFICIENCY_SCALE, variant=variant, metric=metric)
    return dict(zip(found["convention"], found["value"], strict=True))


def _profiled(material: Material) -> list[tuple[str, float, str]]:
    """(row, MACs under the papers' profiler, measured or recorded) of all networks that we know it of."""
    known = [(n, v["paper"], "measured") for n in OURS if "paper" in (v := _counts(material, n, "macs_per_clip"))]
    peers = material.ledger.peers.values()
    return known + [(p["row"], p["counts"]["thop_macs"], "recorded") for p in peers if "row" in p and "counts" in p]


def _digits(printed: Printed, value: float) -> bool:
    """Whether a value rounds or is cut to the printed digits."""
    cut = value / printed.factor - printed.value
    return agrees(printed, value) or 0 <= cut < 10.0**-printed.decimals


def _tick(printed: Printed, value: float) -> str:
    return "yes" if agrees(printed, value) else "cut" if _digits(printed, value) else "no"


def _which(names: list[str]) -> str:
    return {"thop_params": "the profiler's", "trainable": "all weights"}.get(names[0], "") if names else "neither"


def _names(rows: list[tuple]) -> str:
    return " and ".join(dict.fromkeys(row[1] for row in rows)) or "none"


def _kept(peer: dict) -> str:
    return f"mean of about {peer['windows']} windows" if "windows" in peer else "centre frame, stride 1"


def _per_frame(peer: dict) -> float:
    whole = peer["counts"]["plain_macs"]
    return whole / peer["frames"] * peer["windows"] if "windows" in peer else whole


def _printed_frame(material: Material, peer: dict) -> str:
    claims = [c for c in material.ledger.claims.values() if c.row == peer["row"] and c.metric == "macs_per_frame"]
    return claims[0].printed if claims else "–"
