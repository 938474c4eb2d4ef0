"""Checks that need no code: printed numbers against each other, and sentences against tables."""

from collections.abc import Iterator
from itertools import groupby

from reports.audit.finding import Evidence, Material, NotChosen, check, factor, listed, short
from reports.audit.ledger import Claim
from reports.tables.cell import REPRODUCED
from studies.printed import NO_VALUE, Printed

PEERS = ("posemamba/table1", "sasmamba/main")
WHERE = ("paper", "where", "printed")
# The mean of a row is over 15 joints, of which the head has three and every other column two.
JOINTS = {"head": 3, "shoulder": 2, "elbow": 2, "wrist": 2, "hip": 2, "knee": 2, "ankle": 2}


@check
def two_numbers(material: Material) -> Evidence:
    """Quantities with two printed numbers that no other finding explains; a new study is searched as well."""
    explained = {"motionagformer-l", "poseformerv2"}  # motionagformer-l-true-2d, poseformerv2-two-costs
    pairs = [pair for pair in conflicts(material) if pair[0].row not in explained]
    if not pairs:
        raise NotChosen("no such pair")
    claims = [claim for pair in pairs for claim in pair]
    names = listed([f"{claim.label}, {claim.metric}" for claim in claims])
    return Evidence(True, WHERE, _rows(claims), _ids(claims), {"names": names})


@check
def motionagformer_l_true_2d(material: Material) -> Evidence:
    """Its P1 with true 2D, in both tables."""
    claims = [material.cell(f"{table}/motionagformer-l/p1_gt") for table in PEERS]
    one, other = (claim.value for claim in claims)
    values = {"one": claims[0].printed, "other": claims[1].printed, "difference": f"{other - one:.1f}"}
    return Evidence(one != other, WHERE, _rows(claims), _ids(claims[1:]), values, factor(one, other))


@check
def poseformerv2_two_costs(material: Material) -> Evidence:
    """Its MACs in both tables: a pass of one setting, and many passes of another."""
    claims = [material.cell(f"{table}/poseformerv2/{column}") for column in ("macs", "macs_frame") for table in PEERS]
    pass_ours, pass_theirs = claims[0].base, claims[1].base
    frames = pass_theirs / claims[3].base
    values = {"ratio": f"{factor(pass_ours, pass_theirs):.1f}", "frames": f"{frames:.0f}"}
    flagged = _ids(claims[:3])  # not SasMamba's MACs/frame, which are those of a frame
    return Evidence(abs(frames - 243) < 0.5, WHERE, _rows(claims), flagged, values, factor(pass_ours, pass_theirs))


@check
def text_against_tables(material: Material) -> Evidence:
    """Numbers of the running text that follow from the tables."""
    texts = [c for c in material.ledger.claims.values() if c.convention == "arithmetic" and c.measured is not None]
    if not texts:
        raise NotChosen("no sentence")
    good = [text for text in texts if text.verdict == REPRODUCED]
    rows = tuple((t.place, f"{t.printed} {t.unit}", f"{t.measured:.2f}", t.why) for t in texts)
    head = ("where", "printed", "from the tables", "how")
    return Evidence(len(good) == len(texts), head, rows, (), {"good": len(good), "all": len(texts)})


@check
def losses_in_steps(material: Material) -> Evidence:
    """The rows of Table 5 that the sentence walks through."""
    rows = {c.row: c for c in material.column("mpjpe", "posemamba/table5")}
    alone, first, both = rows["mpjpe-temporal"], rows["mpjpe"], rows["ours"]
    values = {"label": alone.label, "alone": alone.printed, "first": first.printed, "both": both.printed}
    return Evidence(
        "2D" not in alone.label, ("row", "P1"), tuple((c.label, c.printed) for c in rows.values()), (), values,
        factor(alone.value, both.value),
    )  # fmt: skip


@check
def macs_a_frame(material: Material) -> Evidence:
    """Which printed MACs a frame are the printed MACs divided by T, as far as their digits tell."""
    costs = [(c, *cost(material, c)) for c in material.column("macs_per_frame", *PEERS)]
    divided = [c for c, whole, frames in costs if is_quotient(c.number, whole.number, frames)]
    rows = tuple(
        (c.study, c.label, whole.printed, str(frames), c.printed, f"{whole.base / frames / 1e6:.2f} M")
        for c, whole, frames in costs
    )
    others = listed([c.label for c, *_ in costs if c not in divided])
    head = ("paper", "row", "MACs", "T", "MACs/frame", "MACs / T")
    values = {"divided": len(divided), "all": len(costs), "others": others}
    return Evidence(len(divided) > len(costs) / 2, head, rows, (), values)


@check
def mean_of_joints(material: Material) -> Evidence:
    """Rows by joint whose printed mean no rounding or cutting of theirs allows, weighted by joints or by columns."""
    rows = list(_rows_by_joint(material))
    odd = [cells["mean"] for cells in rows if not _is_a_mean(cells)]
    by_place = {cells["mean"].id: cells for cells in rows}
    table = tuple(
        (c.place, c.printed, f"{_mean(by_place[c.id], JOINTS):.2f}", f"{_mean(by_place[c.id], dict.fromkeys(JOINTS, 1)):.2f}")
        for c in odd
    )  # fmt: skip
    head = ("where", "printed mean", "mean of 15 joints", "mean of 7 columns")
    values = {"odd": len(odd), "all": len(rows), "names": listed([c.label for c in odd])}
    return Evidence(bool(odd), head, table, _ids(odd), values)


@check
def previous_best(material: Material) -> Evidence:
    """What the note gives as the best before, for two names at once, against the rows by joint that go by them."""
    noted = material.cell("glsmamba/benchmarks/previous/posetrack18")
    rows = [material.cell(f"glsmamba/published-posetrack18/{row}/mean") for row in ("dsta", "tdmi-st")]
    values = {"told": noted.printed, "dsta": rows[0].printed, "tdmi": rows[1].printed}
    holds = all(noted.number != row.number for row in rows)
    return Evidence(holds, WHERE, _rows([noted, *rows]), _ids([noted]), values)


@check
def two_tdmis(material: Material) -> Evidence:
    """The two networks of one paper in the rows by joint."""
    rows = [material.cell(f"glsmamba/published-posetrack17/{row}/mean") for row in ("tdmi", "tdmi-st")]
    plain, both = (row.value for row in rows)
    values = {"plain": rows[0].printed, "both": rows[1].printed, "gap": f"{both - plain:.1f}"}
    return Evidence(both > plain, WHERE, _rows(rows), (), values)


@check
def hstformer_cost(material: Material) -> Evidence:
    """Weights and MACs a frame of one row."""
    weights, cost_, frame = (material.cell(f"posemamba/table1/hstformer/{c}") for c in ("params", "macs", "macs_frame"))
    least = weights.base * 81
    values = {"weights": weights.printed, "frame": frame.printed, "least": short(least), "macs": cost_.printed}
    rows = ((weights.label, weights.printed, frame.printed, short(least), cost_.printed),)
    head = ("row", "weights", "MACs/frame", "81 frames x weights", "MACs")
    return Evidence(least > cost_.base, head, rows, _ids([cost_, frame]), values, factor(least, cost_.base))


@check
def three_configurations(material: Material) -> Evidence:
    """Rows of Table 2."""
    claims = material.column("params", "posemamba/table2")
    rows = tuple((c.label, c.printed) for c in claims)
    return Evidence(len(claims) != 3, ("row", "Params"), rows, (), {"rows": len(claims)})


@check
def better_at_equal_length(material: Material) -> Evidence:
    """Table 3: rows of others that are below a row of PoseMamba's."""
    rows = material.column("mpjpe", "posemamba/table3")
    ours = [c for c in rows if c.row.startswith("posemamba")]
    worst = max(ours, key=lambda c: c.value)
    better = [c for c in rows if c not in ours and c.value < worst.value]
    table = tuple((c.label, material.fact(c, "frames"), c.printed) for c in (worst, *better))
    values = {"worst": worst.printed, "better": listed([f"{c.label} ({c.printed})" for c in better])}
    return Evidence(bool(better), ("row", "T", "MPJPE"), table, (), values)


@check
def one_cost_for_six_scans(material: Material) -> Evidence:
    """Printed costs of Table 4's rows."""
    costs = [material.column(metric, "posemamba/table4") for metric in ("params", "macs_per_clip")]
    rows = tuple((p.label, p.printed, m.printed) for p, m in zip(*costs, strict=True))
    same = all(len({c.printed for c in column}) == 1 for column in costs)
    values = {"params": costs[0][0].printed, "macs": costs[1][0].printed, "rows": len(rows)}
    return Evidence(same, ("row", "Params", "MACs"), rows, (), values)


@check
def scan_paths_without_cost(material: Material) -> Evidence:
    """Two rows of the note's table of scans."""
    rows = [[material.cell(f"glsmamba/scans/{row}/{c}") for c in ("params", "macs")] for row in ("unified", "no-stmm")]
    same = all(one.printed == other.printed for one, other in zip(*rows, strict=True))
    table = tuple((params.label, params.printed, macs.printed) for params, macs in rows)
    return Evidence(
        same, ("row", "#Params", "GFLOPs"), table, _ids(rows[1]), {"params": table[0][1], "macs": table[0][2]}
    )


@check
def refined_rows(material: Material) -> Evidence:
    """Cells that include a step after the network, beside cells that do not (`refined` in studies/claims.yaml)."""
    cells = {cell: peer.refined[cell] for peer in material.ledger.peers.values() for cell in peer.refined}
    claims = [material.cell(cell) for cell in cells]
    table = tuple((c.place, c.printed, cells[c.id]) for c in claims)
    return Evidence(
        True, ("where", "printed", "source"), table, _ids(claims), {"names": listed([c.label for c in claims])}
    )


@check
def mhformer_detector(material: Material) -> Evidence:
    """The cells of its row, and the paper's mark on them."""
    claims = [material.cell(f"posemamba/table1/mhformer/{column}") for column in ("p1", "p2")]
    rows = tuple((c.place, c.printed, "; ".join(c.notes)) for c in claims)
    return Evidence(
        all("HRNet" in note for c in claims for note in c.notes), ("where", "printed", "marked"), rows, _ids(claims)
    )


@check
def two_protocols(material: Material) -> Evidence:
    """Rows of each table by the family of their protocol (`input` in studies/claims.yaml)."""
    words = {"cpn": "CPN detections, camera space", "sh": "stacked-hourglass detections, image space"}
    families: dict[str, list[str]] = {name: [] for name in words}
    for claim in material.column("mpjpe", *PEERS):
        peer = material.peer(claim)
        if peer and peer.input and claim.label not in families[peer.input]:
            families[peer.input].append(claim.label)
    rows = tuple((words[name], str(len(labels)), ", ".join(labels)) for name, labels in families.items())
    return Evidence(all(families.values()), ("2D input and space", "rows", "networks"), rows)


@check
def sequence_marks(material: Material) -> Evidence:
    """PoseMamba's marks of centre-frame rows against what each network emits and its released evaluation keeps."""
    rows = []
    for claim in material.column("mpjpe", "posemamba/table1"):
        peer = material.peer(claim)
        if peer and "gt2d" not in claim.protocol and (peer.emits == "all") != (peer.evaluated == "all"):
            mark = "centre frame" if material.fact(claim, "centre_only") == "yes" else "sequence"
            kept = "its centre frame" if peer.evaluated == "centre" else "the mean of overlapping windows"
            rows.append((claim.label, mark, kept))
    marks = {mark for _, mark, _ in rows}
    head = ("network, which emits a sequence", "marked as", "its released evaluation keeps")
    return Evidence(len(marks) > 1, head, tuple(rows), (), {"names": listed([row[0] for row in rows])})


@check
def boxes_of_hrnet(material: Material) -> Evidence:
    """HRNet's and PoseWarper's rows on PoseTrack2017, which are quoted side by side."""
    claims = [material.cell(f"glsmamba/published-posetrack17/{row}/mean") for row in ("hrnet", "posewarper")]
    rows = tuple((c.label, c.printed) for c in claims)
    gap = claims[1].base - claims[0].base
    return Evidence(gap > 0, ("row", "Mean"), rows, tuple(c.id for c in claims), {"gap": f"{gap:.1f}"})


@check
def whose_boxes(material: Material) -> Evidence:
    """The published pair with both kinds of boxes."""
    pairs = []
    for claim in material.column("ap", "glsmamba/box-settings"):
        other = material.ledger.claims.get(f"{claim.id}_gt")
        pairs += [(claim, other)] if other else []
    gains = [other.value - claim.value for claim, other in pairs]
    table = tuple(
        (c.label, c.place.split(", ")[-1], c.printed, o.printed, f"{o.value - c.value:+.1f}") for c, o in pairs
    )
    head = ("network", "data", "a detector's boxes", "true boxes", "difference")
    values = {"low": f"{min(gains):.1f}", "high": f"{max(gains):.1f}", "name": listed([c.label for c, _ in pairs])}
    return Evidence(min(gains) > 0, head, table, (), values)


def conflicts(material: Material) -> Iterator[tuple[Claim, ...]]:
    """Claims about one quantity of one network that no single number is printed as.

    A cell is compared with those that have the paper's same footnotes, and never with one whose network's own paper
    prints both numbers for different settings (`prints` in studies/claims.yaml).
    """
    claims = [c for c in material.ledger.claims.values() if c.convention != "arithmetic" and c.printed not in NO_VALUE]
    for _, group in groupby(sorted(claims, key=_quantity), key=_quantity):
        same = tuple(group)
        excused = {number for peer in material.ledger.peers.values() if peer.row == same[0].row
                   for number in peer.prints.get(same[0].id.rpartition("/")[2], ())}  # fmt: skip
        if not _one_number(same) and not {c.printed for c in same} <= excused:
            yield same


def cost(material: Material, claim: Claim) -> tuple[Claim, int]:
    """The MACs of a row's pass and its T, for a claim of its MACs a frame."""
    return material.cell(claim.id.rpartition("/")[0] + "/macs"), int(material.fact(claim, "frames"))


def is_quotient(frame: Printed, whole: Printed, frames: int) -> bool:
    """Whether MACs a frame are those of a pass by T: some number printed as `whole` gives one printed as `frame`."""
    low, high = (edge / frames for edge in whole.interval(cut=True))
    least, most = frame.interval(cut=True)
    return max(low, least) <= min(high, most)


def _quantity(claim: Claim) -> tuple[str, ...]:
    """What two claims must share to be about the same thing: the row's id names the network across papers."""
    return (claim.row, claim.metric, claim.protocol, "; ".join(claim.notes))


def _one_number(claims: tuple[Claim, ...]) -> bool:
    """Whether one number could be printed as all of them: rounded, and of counts, which papers cut as often, cut."""
    edges = [c.number.interval(cut=not c.protocol) for c in claims]
    return max(low for low, _ in edges) < min(high for _, high in edges)


def _rows_by_joint(material: Material) -> Iterator[dict[str, Claim]]:
    """Claims of each row that prints all seven columns and their mean, by column."""
    rows: dict[str, dict[str, Claim]] = {}
    for claim in material.column("ap", "glsmamba"):
        rows[claim.id.rpartition("/")[0]] = {"mean": claim}
    for claim in material.ledger.claims.values():
        row, column = claim.id.rpartition("/")[0], claim.metric.removeprefix("ap_")
        if row in rows and column in JOINTS:
            rows[row][column] = claim
    return (cells for cells in rows.values() if {*JOINTS} <= {*cells})


def _is_a_mean(cells: dict[str, Claim]) -> bool:
    """Whether numbers printed as a row's columns, rounded or cut, have a mean printed as its last."""
    edges = {column: claim.number.interval(cut=True) for column, claim in cells.items()}
    for weights in (JOINTS, dict.fromkeys(JOINTS, 1)):
        low, high = (sum(w * edges[c][end] for c, w in weights.items()) / sum(weights.values()) for end in (0, 1))
        if max(low, edges["mean"][0]) <= min(high, edges["mean"][1]):
            return True
    return False


def _mean(cells: dict[str, Claim], weights: dict[str, int]) -> float:
    return sum(weight * cells[column].value for column, weight in weights.items()) / sum(weights.values())


def _rows(claims: list[Claim]) -> tuple[tuple[str, ...], ...]:
    return tuple((claim.study, claim.place, claim.printed) for claim in claims)


def _ids(claims: list[Claim]) -> tuple[str, ...]:
    return tuple(claim.id for claim in claims)
