"""Other papers' networks in the tables: what their printed costs count, and what they cost."""

from collections.abc import Iterator

from reports.audit.closed_forms import macs
from reports.audit.counting import COMMAND, counts, digits, tick
from reports.audit.finding import Finding, Material, factor, short, status
from reports.audit.ledger import Claim
from reports.verdicts import REPRODUCED
from studies.printed import parse_printed

EFFICIENCY = "efficiency counts; `make efficiency`"
TABLES = ("posemamba/table1", "sasmamba/main")


def units(material: Material) -> list[Finding]:
    """Which rule gives each printed MACs cell: one column in several units."""
    rows, kinds = [], set()
    for claim in _claims(material, "macs_per_clip"):
        if claim.measured is None:
            continue
        given = claim.convention if claim.verdict == REPRODUCED else claim.matches.split(", ")[0]
        rule = f"`{given}`" if given else "none that is known here"
        kinds.add(rule)
        rows.append((claim.study, claim.label, claim.printed, f"{claim.measured:.4g} {claim.unit}", rule))
    return [Finding(
        id="one-column-many-units",
        kind="counting",
        title="One MACs column, several ways of counting",
        claimed="MACs columns of PoseMamba's Table 1 and SasMamba's table; no unit changes within a table.",
        found=f"{sum(row[-1] == '`paper`' for row in rows)} of {len(rows)} rows are the papers' profiler, rounded. The others "
        "are cut off, halved, counted by a tracer of operators, or by no rule that is known here.",
        change=f"{len(kinds)} rules in two tables",
        head=("study", "row", "printed", "papers' profiler, measured", "the rule that gives the printed digits"),
        rows=tuple(rows),
        status=status(len(kinds) > 1 if rows else None),
        needs="" if rows else EFFICIENCY,
        command=COMMAND.format(id="one-column-many-units"),
    )]  # fmt: skip


def order(material: Material) -> list[Finding]:
    """PoseMamba's Table 1 sorted by what an evaluated frame costs, as printed and with everything counted."""
    found = []
    for claim in _claims(material, "macs_per_frame"):
        variant = _variant(material, claim)
        true = counts(material, variant, "macs_per_evaluated_frame").get("released") if variant else None
        if true and claim.study == "posemamba":
            found.append((claim.label, claim.value, true))
    printed = [label for label, *_ in sorted(found, key=lambda x: x[1])]
    rows = [
        (label, f"{value:g} M", str(printed.index(label) + 1), short(true), str(place))
        for place, (label, value, true) in enumerate(sorted(found, key=lambda x: x[2]), start=1)
    ]
    moved = sum(row[2] != row[4] for row in rows)
    return [Finding(
        id="order-turns-over",
        kind="counting",
        title="Sorted by what an evaluated frame costs, the table has another order",
        claimed="MACs/frame (PoseMamba, Table 1): operations for each output frame.",
        found=f"{moved} of {len(rows)} rows change their place; the cheapest is {rows[0][0]}, printed as the cheapest is "
        f"{printed[0]}." if rows else "",
        change="everything is counted under one rule: every product, as the released code evaluates, mirrored pass included",
        head=("network", "printed a frame", "place as printed", "a frame as evaluated", "place"),
        rows=tuple(rows),
        status=status(moved > 0 if rows else None),
        needs="" if rows else EFFICIENCY,
        command=COMMAND.format(id="order-turns-over"),
    )]  # fmt: skip


def one_frame_out(material: Material) -> list[Finding]:
    """Networks that give one frame a pass, whose MACs were divided by T."""
    rows, touched, costs, factors = [], [], [], [0.0]
    for claim in _claims(material, "macs_per_frame"):
        peer = _peer(material, claim)
        whole = material.ledger.printed(claim.id.rpartition("/")[0] + "/macs")
        if peer is None or whole is None or peer["evaluated"] != "centre":
            continue
        printed = parse_printed(claim.printed, claim.unit)
        if printed.value * printed.factor >= whole.value * whole.factor / 2:
            continue  # not divided
        real = _true(material, peer)
        costs += [real] if real else []
        factors.append(factor(printed.value * printed.factor, whole.value * whole.factor))
        emits = "one frame" if peer["emits"] == "one" else "all, the centre one is kept"
        rows.append((claim.study, claim.label, claim.printed, whole.text, emits, short(real) if real else "–"))
        touched.append(claim.id)
    ours = counts(material, "posemamba-s", "macs_per_frame").get("true")
    compared = (f" With everything counted, PoseMamba-S takes {short(ours)} a frame and the cheapest of them "
                f"{short(min(costs))}." if ours and costs else "")  # fmt: skip
    return [Finding(
        id="one-frame-out",
        kind="counting",
        title="Networks that give one frame a pass are charged for a T-th of it",
        claimed="MACs/frame: operations “for each output frame”.",
        found=f"{len(rows)} rows are of networks whose released evaluation keeps one frame of a pass, but MACs/frame is "
        f"MACs / T.{compared}",
        change="factors of 243 and 351; the order of the column turns over",
        effect=max(factors),
        head=("study", "row", "printed a frame", "printed a pass", "what comes out", "all operations of a pass"),
        rows=tuple(rows),
        status=status(bool(rows)),
        claims=tuple(touched),
        command=COMMAND.format(id="one-frame-out"),
    )]  # fmt: skip


def windows(material: Material) -> list[Finding]:
    """Released evaluations that run a frame more than once."""
    rows, factors = [], [0.0]
    for name, peer in material.ledger.peers.items():
        evaluated = counts(material, peer.get("variant", ""), "macs_per_evaluated_frame")
        if "row" not in peer or peer["emits"] != "all" or peer["evaluated"] == "all" or not evaluated:
            continue
        kept = "mean of overlapping windows" if peer["evaluated"] == "windows" else "centre frame, stride 1"
        claim = next((c for c in _claims(material, "macs_per_frame") if c.row == peer["row"]), None)
        printed = claim.printed if claim else "–"
        if claim and (told := parse_printed(claim.printed, claim.unit)):
            factors.append(factor(told.value * told.factor, evaluated["released"] / 2))
        rows.append(
            (name, str(peer["frames"]), kept, printed, short(evaluated["released"] / 2), short(evaluated["released"]))
        )
    return [Finding(
        id="evaluated-more-than-once",
        kind="counting",
        title="Sequence networks whose released evaluation keeps one frame, or averages overlapping windows",
        claimed="Listed as sequence to sequence (CE “no”), with MACs / T a frame.",
        found="STCFormer's released test keeps the centre frame at stride 1; HDFormer's averages windows that lie 5 frames "
        "apart; MHFormer emits all frames and keeps the centre one.",
        change="factors of T, and of about 19; the mirrored pass, which every released evaluation averages, doubles all rows",
        effect=max(factors),
        head=("network", "T", "released evaluation", "printed a frame", "a frame as evaluated", "and mirrored"),
        rows=tuple(rows),
        status=status(bool(rows) or None),
        needs="" if rows else EFFICIENCY,
        command=COMMAND.format(id="evaluated-more-than-once"),
    )]  # fmt: skip


def closed_forms(material: Material) -> list[Finding]:
    """The profiler's rule in closed form gives the printed digits, and leaves attention, graphs and scans out."""
    rows, shares, good = [], [], 0
    for name, peer in material.ledger.peers.items():
        claims = [c for c in _claims(material, "macs_per_clip") if c.row == peer.get("row")]
        if "form" not in peer or not claims:
            continue
        counted = macs(peer["form"], peer["frames"])
        printed = parse_printed(claims[0].printed, claims[0].unit)
        good += agrees_or_cut(claims[0], counted.thop)
        shares.append(100 * (counted.plain / counted.thop - 1))
        more = f"{shares[-1]:+.1f} %"
        rows.append(
            (name, claims[0].printed, f"{counted.thop:,}", f"{counted.plain:,}", more, tick(printed, counted.thop))
        )
    return [Finding(
        id="attention-left-out",
        kind="counting",
        title="Most networks in both tables are counted without their attention, graph and scan products",
        claimed="MACs columns of PoseMamba's Table 1 and SasMamba's table.",
        found=f"For {good} of {len(rows)} rows the closed form of the profiler's rule has the printed digits; the products of "
        "attention, of graphs and of scans are not in it.",
        change=f"{min(shares):+.0f} % to {max(shares):+.0f} %" if shares else "",
        effect=1 + max(shares, default=-100) / 100,
        head=("network", "printed", "profiler's rule", "every product", "more", "printed digits"),
        rows=tuple(rows),
        status=status(bool(rows) and good / len(rows) > 0.5),
        needs="" if rows else "the studies posemamba and sasmamba",
        command=COMMAND.format(id="attention-left-out"),
    )]  # fmt: skip


def weights(material: Material) -> list[Finding]:
    """Printed parameters of the other networks: what the profiler sees; HGMamba's are all there are."""
    rows = []
    for name, peer in material.ledger.peers.items():
        claims = [c for c in _claims(material, "params") if c.row == peer.get("row")]
        found = counts(material, peer.get("variant", ""), "params")
        if not claims or not found:
            continue
        printed = parse_printed(claims[0].printed, claims[0].unit)
        which = next((words for key, words in WHOSE.items() if digits(printed, found[key])), "neither")
        share = f"{100 * (found['paper'] / found['true'] - 1):+.1f} %"
        rows.append((name, claims[0].printed, f"{found['paper']:,.0f}", f"{found['true']:,.0f}", share, which))
    odd = [row[0] for row in rows if row[-1] == WHOSE["true"]]
    return [Finding(
        id="weights-of-peers",
        kind="counting",
        title="“Params” is what the profiler sees for most rows, and everything for HGMamba",
        claimed="Param columns of both tables.",
        found=f"Only {' and '.join(odd)} print all their weights." if odd else "",
        change=f"up to {min((float(r[4].split()[0]) for r in rows), default=0):.0f} % of the weights are not printed",
        effect=max((1 / (1 + float(r[4].split()[0]) / 100) for r in rows), default=0.0),
        head=("network", "printed", "profiler", "trainable", "hidden", "printed is"),
        rows=tuple(rows),
        status=status(bool(odd) if rows else None),
        needs="" if rows else EFFICIENCY,
        command=COMMAND.format(id="weights-of-peers"),
    )]  # fmt: skip


WHOSE = {"paper": "the profiler's", "true": "all weights"}


def mixed_variants(material: Material) -> list[Finding]:
    """P-STMO: the small variant's cost beside the full one's accuracy. PoseFormerV2: a cost of a setting nobody trained."""
    settings = (("p-stmo-two-variants", "p-stmo-s", "p-stmo", "p-stmo"),
                ("poseformerv2-two-settings", "poseformerv2-all", "poseformerv2", "poseformerv2"))  # fmt: skip
    return [finding for setting in settings for finding in _mixed(material, *setting)]


def _mixed(material: Material, identity: str, small: str, full: str, row: str) -> Iterator[Finding]:
    claims = [
        c for metric in ("params", "macs_per_clip", "mpjpe") for c in _claims(material, metric)
        if c.row == row and "gt2d" not in c.protocol and "mpi" not in c.protocol
    ]  # fmt: skip
    cost = [c for c in claims if c.metric == "macs_per_clip"]
    p1 = [c for c in claims if c.metric == "mpjpe"]
    if not cost or not p1:
        return
    of = {key: counts(material, key, "macs_per_clip").get("paper") for key in (small, full)}
    trainable = {key: counts(material, key, "params").get("true") for key in (small, full)}
    known, owner = None not in of.values(), material.ledger.peers[full]["p1"]
    yield Finding(
        id=identity,
        kind="counting",
        title=f"{p1[0].label}: the cost of one network beside the accuracy of another",
        claimed="; ".join(f"{c.printed} ({c.study}, {c.place})" for c in claims),
        found=f"{owner} mm belongs to {full} ({short(of[full])} under the papers' profiler), {cost[0].printed} to {small} "
        f"({short(of[small])}).{ELSEWHERE if row == 'poseformerv2' else ''}" if known else "",
        change=f"a factor {max(of.values()) / min(of.values()):.3g} in MACs" if known else "",
        effect=factor(*of.values()) if known else 0.0,
        head=("network", "weights", "profiler's MACs"),
        rows=tuple((key, f"{trainable[key]:,.0f}", f"{of[key]:,.0f}") for key in of) if known else (),
        status=status(any(agrees_or_cut(c, of[small]) for c in cost) and owner == p1[0].printed if known else None),
        needs="" if known else EFFICIENCY,
        claims=tuple(c.id for c in claims),
        command=COMMAND.format(id=identity),
    )  # fmt: skip


ELSEWHERE = (
    " SasMamba's table prints 243 times the operations of one pass: half of the 1054.8 MFLOPs that the released page of "
    f"PoseFormerV2 states, times 243, is {243 * 1054.8 / 2 / 1e3:.1f} G."
)


def impossible(material: Material) -> list[Finding]:
    """HSTFormer and DC-GCT: printed costs that printed weights cannot have."""
    claims = material.ledger.claims
    parameters, cost = (material.ledger.printed(f"posemamba/table1/hstformer/{k}") for k in ("params", "macs"))
    if parameters is None or cost is None:
        return []
    frames = 81
    least = parameters.value * parameters.factor * frames
    gct = [claims.get(f"posemamba/table1/dc-gct/{k}") for k in ("macs", "macs_frame")]
    both = f" DC-GCT: {gct[0].printed} a clip and {gct[1].printed} a frame." if all(gct) else ""
    return [Finding(
        id="hstformer-bound",
        kind="counting",
        title="HSTFormer: fewer operations than weights allow",
        claimed=f"{parameters.text} parameters and {cost.text} MACs for clips of {frames} frames (PoseMamba, Table 1).{both}",
        found=f"Weights that are applied to a single token of each frame cost at least {parameters.text} x {frames} = "
        f"{short(least)}, more than {cost.text}. DC-GCT's clip and frame have the same cost although T is 81; neither "
        "number is given by its released code.",
        change=f"at least a factor {least / cost.value / cost.factor:.2g}",
        effect=factor(least, cost.value * cost.factor),
        head=("row", "weights", "T", "at least", "printed"),
        rows=(("HSTFormer", parameters.text, str(frames), short(least), cost.text),),
        status=status(least > cost.value * cost.factor),
        claims=tuple(c.id for c in claims.values() if c.row in ("hstformer", "dc-gct") and c.metric.startswith("macs")),
        command=COMMAND.format(id="hstformer-bound"),
    )]  # fmt: skip


def dense(material: Material) -> list[Finding]:
    """MotionAGFormer's graphs are normalised by two products with diagonal matrices."""
    of = {
        key: counts(material, key, "macs_per_clip").get("true")
        for key in ("motionagformer-b", "motionagformer-b-scaled")
    }
    known = None not in of.values()
    published, scaled = of.values()
    return [Finding(
        id="dense-normalisation",
        kind="counting",
        title="MotionAGFormer multiplies by diagonal matrices",
        claimed="MACs of MotionAGFormer (both tables).",
        found="Each graph over time is normalised by two dense products with a diagonal matrix; scaling its rows and columns "
        "gives the same numbers (tests/models/test_peers.py) and costs none of them." if known else "",
        change=f"{100 * (1 - scaled / published):.0f} % of all products of MotionAGFormer-B" if known else "",
        effect=factor(published, scaled) if known else 0.0,
        head=("graphs", "every product"),
        rows=(("as published", f"{published:,.0f}"), ("scaled", f"{scaled:,.0f}")) if known else (),
        status=status(scaled < published if known else None),
        needs="" if known else EFFICIENCY,
        command=COMMAND.format(id="dense-normalisation"),
    )]  # fmt: skip


def _claims(material: Material, metric: str) -> list[Claim]:
    """Claims of the two comparison tables about one metric."""
    return [c for c in material.ledger.claims.values() if c.metric == metric and c.id.startswith(TABLES)]


def _peer(material: Material, claim: Claim) -> dict | None:
    return next((p for p in material.ledger.peers.values() if p.get("row") == claim.row), None)


def _variant(material: Material, claim: Claim) -> str | None:
    """What is counted for a row: a peer's variant, or one of the papers' own."""
    peer = _peer(material, claim)
    return peer.get("variant") if peer else claim.row


def _true(material: Material, peer: dict) -> float | None:
    return counts(material, peer.get("variant", ""), "macs_per_clip").get("true")


def agrees_or_cut(claim: Claim, value: float | None) -> bool:
    """Whether a count rounds, or is cut, to what a claim prints."""
    return value is not None and digits(parse_printed(claim.printed, claim.unit), value)
