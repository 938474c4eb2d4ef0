"""Checks that hold our counters against printed digits: what is counted, by which rule, and of how many frames."""

from collections.abc import Iterator

from reports.audit.checks.printed import PEERS, cost, is_quotient
from reports.audit.closed_forms import macs
from reports.audit.finding import COUNTS, Evidence, Material, Missing, check, factor, fit, fits, listed, short
from reports.audit.ledger import Claim
from reports.tables.cell import REPRODUCED, TRUE
from studies.claims import Peer

OWN = ("posemamba-s", "posemamba-b", "posemamba-l", "posemamba-x", "sasmamba", "sasmamba-large")
DSTA_HEADS = 544 * (1280 + 1) + 122_719  # weights behind an encoder of that width (docs/peers.md)
DSTA_TOLD = 422.2e6  # by a reader's note on TAR-ViTPose's table of speeds
COUNTED = ("paper", "row", "printed", "profiler", "everything", "times")


@check
def hidden_weights(material: Material) -> Evidence:
    """Own networks whose printed parameters are those that the profiler sees."""
    return _paper_and_true(material, "params")


@check
def hidden_operations(material: Material) -> Evidence:
    """Own networks whose printed MACs are those that the profiler sees."""
    return _paper_and_true(material, "macs_per_clip")


@check
def halved_macs(material: Material) -> Evidence:
    """Rows of SasMamba's table whose printed MACs are half of what the profiler gives; the rows beside them are not."""
    counted = list(_profiled(material, "sasmamba/main"))
    halved = [(c, n) for c, n in counted if fits(c.number, n / 2)]
    whole = [c for c, n in counted if fits(c.number, n)]
    large = next(((c, n) for c, n in counted if c.row == "sasmamba-large"), None)
    if not halved or large is None:
        raise Missing(COUNTS)
    rows = tuple((c.label, c.printed, short(n), short(n / 2), fit(c.number, n / 2)) for c, n in (*halved, large))
    values = {"names": listed([c.label for c, _ in halved]), "whole": len(whole), "large": short(large[1] / 2)}
    head = ("row", "printed", "profiler", "half of it", "printed digits")
    return Evidence(bool(whole), head, rows, tuple(c.id for c, _ in halved), values, 2.0)


@check
def units_of_hrnet(material: Material) -> Evidence:
    """HRNet's printed costs, which our cells give in units of 2^30, against the same counts in units of 10^9."""
    claims = [material.cell(f"glsmamba/peer-costs/{row}/true_macs") for row in ("hrnet-w48", "hrnet-w48-256")]
    macs = [material.count(c.row, "macs_per_clip", TRUE) for c in claims]
    binary, decimal = ([f"{n / unit:.1f}" for n in macs] for unit in (2**30, 10**9))
    printed = [c.printed.split()[0] for c in claims]
    rows = tuple(zip((c.row for c in claims), printed, map(short, macs), binary, decimal, strict=True))
    head = ("network", "printed", "multiply-accumulates", "in units of 2^30", "in units of 10^9")
    holds = printed == binary and not set(printed) & set(decimal)
    values = {"large": short(macs[0]), "small": short(macs[1])}
    return Evidence(holds, head, rows, tuple(c.id for c in claims), values, 2**30 / 10**9)


@check
def weights_that_are_trained(material: Material) -> Evidence:
    """GLSMamba's trained weights beside PoseWarper's: all of them, and those of the stage that sees video."""
    own = material.cell("glsmamba/resolution/glsmamba-b/params")
    every, trained = (material.count("posewarper", "params", convention) for convention in ("paper", TRUE))
    fewer, more = 100 * (1 - own.base / every), 100 * (own.base / trained - 1)
    rows = (
        ("all, of both stages", short(every), f"{fewer:.1f} % fewer"),
        ("of the stage that sees video", short(trained), f"{more:.0f} % more"),
    )
    values = {"all": short(every), "trained": short(trained), "more": f"{more:.0f}"}
    head = ("PoseWarper's weights", "how many", f"GLSMamba's {own.printed}")
    return Evidence(f"{fewer:.1f}" == "86.2" and more > 0, head, rows, (), values, factor(every, trained))


@check
def weights_of_dsta(material: Material) -> Evidence:
    """DSTA's heads on a ViT-H, and that encoder alone, against what a later table is said to print of them."""
    whole = material.count("dsta-vit-h", "params", TRUE)
    encoder = whole - DSTA_HEADS
    rows = (("printed, by the note", DSTA_TOLD), ("ViT-H alone", encoder), ("with DSTA's heads", whole))
    values = {"encoder": short(encoder), "whole": short(whole), "told": short(DSTA_TOLD)}
    table = tuple((what, short(weights)) for what, weights in rows)
    return Evidence(encoder > DSTA_TOLD, ("what", "weights"), table, (), values, factor(encoder, DSTA_TOLD))


@check
def one_column_many_units(material: Material) -> Evidence:
    """The rule that gives the printed digits of each MACs cell."""
    claims = [c for c in material.column("macs_per_clip", *PEERS) if c.measured is not None]
    if not claims:
        raise Missing(COUNTS)
    rules = [c.convention if c.verdict == REPRODUCED else c.matches.split(", ")[0] or "none" for c in claims]
    rows = tuple(
        (c.study, c.label, c.printed, f"{c.measured:.4g} {c.unit}", rule) for c, rule in zip(claims, rules, strict=True)
    )
    values = {"profiler": rules.count("paper"), "cut": rules.count("paper cut off"), "all": len(rows)}
    head = ("paper", "row", "printed", "profiler", "rule that gives the printed digits")
    return Evidence(len(set(rules)) > 1, head, rows, (), values)


@check
def order_turns_over(material: Material) -> Evidence:
    """PoseMamba's Table 1 by MACs a frame: as printed, by frames that are kept, and with every product counted."""
    claims = material.column("macs_per_frame", "posemamba/table1")
    costs = [(c.base, _a_kept_frame(material, c), _every_product(material, c)) for c in claims]
    if not any(counted for *_, counted in costs):
        raise Missing(COUNTS)
    places = list(zip(*(_places(column) for column in zip(*costs, strict=True)), strict=True))
    rows = sorted(zip(claims, costs, places, strict=True), key=lambda row: row[1][1])
    table = tuple(
        (c.label, *(text for pair in zip(map(_short, of), at, strict=True) for text in pair)) for c, of, at in rows
    )
    moved = sum(printed != kept for printed, kept, _ in places)
    first = [claims[column.index("1")].label for column in zip(*places, strict=True)]
    values = {"moved": moved, "all": len(claims), "printed": first[0], "kept": first[1], "counted": first[2]}
    values["known"] = sum(counted is not None for *_, counted in costs)
    head = ("network", "printed", "place", "frames that are kept", "place", "and every product", "place")
    return Evidence(moved > 0, head, table, (), values)


@check
def one_frame_out(material: Material) -> Evidence:
    """Rows whose released evaluation keeps one frame of a pass, and whose MACs a frame are a T-th of a pass."""
    rows = []
    for claim in material.column("macs_per_frame", *PEERS):
        (whole, frames), peer = cost(material, claim), material.peer(claim)
        if peer and peer.evaluated == "centre" and is_quotient(claim.number, whole.number, frames):
            rows += [] if _charged_in_full(material, claim, peer) else [(claim, whole, peer)]
    table = tuple(
        (c.study, c.label, c.printed, whole.printed, "one frame" if peer.emits == "one" else "all frames")
        for c, whole, peer in rows
    )
    factors = [int(material.fact(c, "frames")) // peer.every for c, _, peer in rows]
    values = {"rows": len(rows), "least": min(factors), "most": max(factors)}
    head = ("paper", "row", "printed a frame", "printed a pass", "a pass emits")
    return Evidence(bool(rows), head, table, tuple(c.id for c, *_ in rows), values, max(factors))


@check
def evaluated_more_than_once(material: Material) -> Evidence:
    """Rows marked as sequences, whose released evaluation runs a frame in more than one pass."""
    rows = []
    for claim in material.column("macs_per_frame", *PEERS):
        peer = material.peer(claim)
        if peer and peer.evaluated != "all" and _marked_as_sequence(material, claim):
            rows.append((claim, peer, _every_product(material, claim), material.counts(peer.variant, "macs_per_frame")))
    if not all(evaluated and counts for *_, evaluated, counts in rows):
        raise Missing(COUNTS)
    kept = {"windows": "the mean of windows 5 frames apart", "centre": "the centre frame, stride 1"}
    table = tuple(
        (
            c.study,
            c.label,
            str(peer.frames),
            kept[peer.evaluated],
            c.printed,
            short(counts["true"]),
            short(evaluated),
        )
        for c, peer, evaluated, counts in rows
    )
    times = [evaluated / counts["true"] for *_, evaluated, counts in rows]
    values = {"names": listed([c.label for c, *_ in rows]), "least": f"{min(times):.0f}", "most": f"{max(times):.0f}"}
    head = ("paper", "row", "T", "released evaluation", "printed", "every product / T", "every product as evaluated")
    return Evidence(bool(rows), head, table, tuple(c.id for c, *_ in rows), values, max(times))


@check
def attention_left_out(material: Material) -> Evidence:
    """Rows whose printed MACs are those of the profiler's rule in closed form, which has no product of two activations."""
    rows = []
    for claim in material.column("macs_per_clip", *PEERS):
        peer = material.peer(claim)
        if peer and peer.form:
            form = macs(peer.form, peer.frames)
            rows.append((claim, form, factor(form.plain, form.thop) - 1))
    good = [(claim, form, more) for claim, form, more in rows if fits(claim.number, form.thop)]
    table = tuple(
        (c.study, c.label, c.printed, f"{f.thop:,}", f"{f.plain:,}", f"{100 * more:+.1f} %") for c, f, more in good
    )
    more = [100 * m for *_, m in good]
    values = {
        "rows": len(good),
        "names": listed([c.label for c, *_ in good]),
        "least": f"{min(more):.0f}",
        "most": f"{max(more):.0f}",
    }
    head = ("paper", "row", "printed", "profiler's rule", "every product", "more")
    return Evidence(bool(good), head, table, tuple(c.id for c, *_ in good), values, 1 + max(more) / 100)


@check
def weights_of_peers(material: Material) -> Evidence:
    """Whose weights a printed parameter count holds: those that the profiler sees, all of them, or either."""
    rows = []
    for claim in material.column("params", *PEERS):
        peer = material.peer(claim)
        of = material.counts(peer.variant, "params") if peer else {}
        if of:
            which = {rule for rule in ("paper", "true") if fits(claim.number, of[rule])}
            rows.append((claim, of, WHOSE[frozenset(which)]))
    if not rows:
        raise Missing(COUNTS)
    hidden = [(c, of) for c, of, whose in rows if whose == WHOSE[frozenset({"paper"})]]
    shares = [100 * (1 - of["paper"] / of["true"]) for _, of in hidden]
    table = tuple(
        (c.study, c.label, c.printed, f"{of['paper']:,.0f}", f"{of['true']:,.0f}", whose) for c, of, whose in rows
    )
    everything = [c.label for c, _, whose in rows if whose == WHOSE[frozenset({"true"})]]
    values = {"rows": len(hidden), "all": len(rows), "most": f"{max(shares):.1f}", "everything": listed(everything)}
    head = ("paper", "row", "printed", "profiler", "all", "printed digits are those of")
    return Evidence(bool(hidden), head, table, tuple(c.id for c, _ in hidden), values, 1 / (1 - max(shares) / 100))


WHOSE = {
    frozenset({"paper"}): "the profiler's",
    frozenset({"true"}): "all weights",
    frozenset({"paper", "true"}): "both",
    frozenset(): "neither",
}


@check
def p_stmo_three_settings(material: Material) -> Evidence:
    """P-STMO's row: the cost of the small network, the P1 of the full one."""
    return _two_settings(material, "p-stmo", "p-stmo-s", "p-stmo")


@check
def poseformerv2_two_settings(material: Material) -> Evidence:
    """PoseFormerV2's row: the cost of f = n = 243, the P1 of f = n = 27."""
    return _two_settings(material, "poseformerv2", "poseformerv2-all", "poseformerv2")


def _two_settings(material: Material, row: str, costs: str, owner: str) -> Evidence:
    """Whether the row of PoseMamba's Table 1 has the cost of one variant, and the P1 of another."""
    printed, error = (material.cell(f"posemamba/table1/{row}/{column}") for column in ("macs", "p1"))
    of = {name: material.count(name, "macs_per_clip", "paper") for name in (costs, owner)}
    p1 = material.ledger.peers[owner].p1
    rows = tuple((name, short(count), fit(printed.number, count)) for name, count in of.items())
    values = {"macs": printed.printed, "counted": short(of[costs]), "own": short(of[owner]), "p1": p1}
    holds = fits(printed.number, of[costs]) and not fits(printed.number, of[owner]) and p1 == error.printed
    head = ("network", "profiler", "printed digits")
    flagged = tuple(f"{table}/{row}/{column}" for table in PEERS if _prints(material, table, row, printed.printed)
                    for column in ("macs", "macs_frame"))  # fmt: skip
    return Evidence(holds, head, rows, flagged, values, factor(*of.values()))


def _prints(material: Material, table: str, row: str, macs: str) -> bool:
    """Whether a table prints these MACs in a row, as the table that it was copied from does."""
    claim = material.ledger.claims.get(f"{table}/{row}/macs")
    return claim is not None and claim.printed == macs


def _paper_and_true(material: Material, metric: str) -> Evidence:
    rows = []
    for claim in material.column(metric, "posemamba", "sasmamba"):
        of = material.counts(claim.row, metric) if claim.row in OWN else {}
        if of and fits(claim.number, of["paper"]) and not fits(claim.number, of["true"]):
            rows.append((claim, of["paper"], of["true"]))
    if not rows:
        raise Missing(COUNTS)
    table = tuple(
        (c.study, c.place, c.printed, f"{seen:,.0f}", f"{whole:,.0f}", f"{whole / seen:.2f}") for c, seen, whole in rows
    )
    times = [whole / seen for _, seen, whole in rows]
    values = {"names": listed([c.label for c, *_ in rows]), "least": f"{min(times):.2f}", "most": f"{max(times):.2f}"}
    return Evidence(min(times) > 1, COUNTED, table, tuple(c.id for c, *_ in rows), values, max(times))


def _profiled(material: Material, table: str) -> Iterator[tuple[Claim, float]]:
    """MACs of a table's rows, and what the profiler gives of them, where that was counted."""
    for claim in material.column("macs_per_clip", table):
        of = material.counts(material.variant(claim), "macs_per_clip")
        if "paper" in of:
            yield claim, of["paper"]


def _marked_as_sequence(material: Material, claim: Claim) -> bool:
    """Whether a table marks a row's network so, in its own column."""
    if claim.study == "sasmamba":
        return material.fact(claim, "seq2seq") == "yes"
    return material.fact(claim, "centre_only") == "no"


def _a_kept_frame(material: Material, claim: Claim) -> float:
    """The printed MACs of a row's pass by the frames that its released evaluation keeps of it."""
    (whole, frames), peer = cost(material, claim), material.peer(claim)
    if peer and peer.evaluated == "windows":
        return whole.base * peer.windows / frames
    one = material.fact(claim, "centre_only") == "yes" or (peer and peer.evaluated == "centre")
    return whole.base / ((peer.every if peer else 1) if one else frames)


def _every_product(material: Material, claim: Claim) -> float | None:
    """True MACs of a frame as the released code evaluates, without the mirrored pass; None where not counted."""
    variant = material.variant(claim)
    if material.row(claim).variant != variant:  # the row's cost is of another setting than its network
        return None
    of = material.counts(variant, "macs_per_evaluated_frame")
    return of["released"] / 2 if of else None


def _charged_in_full(material: Material, claim: Claim, peer: Peer) -> bool:
    """Whether MACs a frame are those of a whole pass, because those of the pass were multiplied by T."""
    return fits(claim.number, material.count(peer.variant, "macs_per_clip", "paper"))


def _places(costs: tuple[float | None, ...]) -> list[str]:
    """Place of each cost among those that are known, the least first."""
    ranked = sorted(value for value in costs if value is not None)
    return ["–" if value is None else str(ranked.index(value) + 1) for value in costs]


def _short(value: float | None) -> str:
    return "–" if value is None else short(value)
