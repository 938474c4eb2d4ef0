"""Numbers of one paper that do not follow from each other: quotients, means, and sentences against tables."""

import re

from reports.audit.finding import Finding, Material, status
from reports.audit.ledger import Claim
from reports.verdicts import REPRODUCED
from studies.printed import parse_printed

COMMAND = ".venv/bin/python -m reports.audit {id}"
# poseval's columns: the mean of a row is over 15 joints, of which the head has three and the others two.
WEIGHTS = {"head": 3, "shoulder": 2, "elbow": 2, "wrist": 2, "hip": 2, "knee": 2, "ankle": 2}
GROUPS = {f"ap_{name}": weight for name, weight in WEIGHTS.items()}
ROUNDING = 0.1  # points: eight numbers with one decimal


def quotients(material: Material) -> list[Finding]:
    """MACs a frame are MACs / T for every row, whether the network emits T frames or one."""
    rows, odd = [], []
    for study, table in _tables(material, "macs_frame"):
        for row in table["rows"]:
            cells = row.get("cells", {})
            printed = {
                key: parse_printed(cells.get(key, "-"), unit) for key, unit in (("macs", "G"), ("macs_frame", "M"))
            }
            if None in printed.values():
                continue
            share = printed["macs"].value * printed["macs"].factor / int(cells["frames"]) / 1e6
            how = _rounding(share, printed["macs_frame"].value, printed["macs"].decimals, int(cells["frames"]))
            rows.append(
                (study, row["label"], cells["macs"], cells["frames"], cells["macs_frame"], f"{share:.2f} M", how)
            )
            odd += [f"{study}/{table['id']}/{row['id']}/macs_frame"] if how == "not the quotient" else []
    same = sum(how != "not the quotient" for *_, how in rows)
    return [
        Finding(
            id="macs-a-frame",
            kind="arithmetic",
            title="“MACs/frame” is MACs / T for nearly every row, also where one frame is all that comes out",
            claimed="MACs/frame “represents multiply-accumulate operations for each output frame” (PoseMamba, Figure 1).",
            found=f"{same} of {len(rows)} printed values are the printed MACs divided by T, rounded or truncated.",
            change="for networks that emit one frame a pass, the factor T (see “one frame out”)",
            head=("study", "row", "MACs", "T", "MACs/frame", "MACs / T", "how"),
            rows=tuple(rows),
            status=status(same / len(rows) > 0.9 if rows else None),
            claims=tuple(odd),
            needs="" if rows else "a study with MACs and MACs a frame",
            command=COMMAND.format(id="macs-a-frame"),
        )
    ]


def means(material: Material) -> list[Finding]:
    """Printed means that are not the mean of the printed joints."""
    rows, touched = [], []
    by_row: dict[tuple[str, str, str], dict[str, Claim]] = {}
    for claim in material.ledger.claims.values():
        if claim.metric in GROUPS or claim.metric == "ap":
            study, table, row, _ = claim.id.split("/")
            by_row.setdefault((study, table, row), {})[claim.metric] = claim
    for cells in by_row.values():
        if not set(cells) >= {*GROUPS, "ap"}:
            continue
        mean = sum(GROUPS[name] * cells[name].value for name in GROUPS) / sum(GROUPS.values())
        if abs(mean - cells["ap"].value) > ROUNDING:
            claim = cells["ap"]
            rows.append((claim.place, claim.printed, f"{mean:.2f}", f"{claim.value - mean:+.2f}"))
            touched.append(claim.id)
    return (
        [
            Finding(
                id="means-of-joints",
                kind="arithmetic",
                title="Published means that are not the means of their joints",
                claimed="The last column is PoseTrack's mean over 15 joints.",
                found=f"{len(rows)} printed means differ by more than {ROUNDING} points from the mean that their own row gives.",
                change=f"up to {max((abs(float(r[3])) for r in rows), default=0):.2f} points",
                head=("where", "printed mean", "mean of its joints", "difference"),
                rows=tuple(rows),
                status=status(bool(rows)),
                claims=tuple(touched),
                command=COMMAND.format(id="means-of-joints"),
            )
        ]
        if any(set(cells) >= {*GROUPS, "ap"} for cells in by_row.values())
        else []
    )


def sentences(material: Material) -> list[Finding]:
    """Numbers in the papers' text against their own tables: which follow, which do not."""
    texts = [c for c in material.ledger.claims.values() if c.convention == "arithmetic"]
    judged = [c for c in texts if c.measured is not None]
    odd = [c for c in judged if c.verdict != REPRODUCED]
    if not judged:
        return []
    return [
        Finding(
            id="text-against-tables",
            kind="arithmetic",
            title="Percentages and differences in the text against the tables",
            claimed="; ".join(f"{c.printed} {c.unit}" for c in judged) + ".",
            found=f"{len(judged) - len(odd)} of {len(judged)} follow from the tables; "
            + ("; ".join(f"{c.printed} {c.unit} does not: {c.measured:.1f}" for c in odd) or "none does not")
            + ".",
            change="; ".join(f"{c.measured:.1f} instead of {c.printed} {c.unit}" for c in odd) or "nothing",
            head=("where", "printed", "from the tables", "how"),
            rows=tuple((c.place, f"{c.printed} {c.unit}", f"{c.measured:.2f}", c.why) for c in judged),
            status=status(bool(odd)),
            claims=tuple(c.id for c in odd),
            command=COMMAND.format(id="text-against-tables"),
        )
    ]


def steps(material: Material) -> list[Finding]:
    """PoseMamba's text adds the losses one after the other; its Table 5 does not."""
    claims = material.ledger.claims
    both, alone = (claims.get(f"posemamba/table5/{row}/p1") for row in ("mpjpe-2d", "mpjpe-temporal"))
    if both is None:
        return []
    named = re.search(r"2D", alone.label) is not None
    return [
        Finding(
            id="losses-in-steps",
            kind="arithmetic",
            title="The text adds two losses one after the other, the table one at a time",
            claimed="“decreases from 43.7 to 43.5 mm after applying the 2D loss and decreases from 43.5 to 42.1 mm after "
            "applying the T-Loss” (PoseMamba, Effect of Loss Function).",
            found=f"The row with {alone.printed} mm is “{alone.label}”, without the 2D loss, so the step is from "
            f"{claims['posemamba/table5/mpjpe/p1'].printed}; with both losses it is {claims['posemamba/table5/ours/p1'].printed}.",
            change=f"the 2D loss is worth {alone.value - claims['posemamba/table5/ours/p1'].value:.1f} mm on top of the T-Loss, one run each",
            head=("row", "P1"),
            rows=tuple(
                (c.label, c.printed)
                for c in claims.values()
                if c.id.startswith("posemamba/table5/") and c.id.endswith("/p1")
            ),
            status=status(not named),
            claims=(alone.id,),
            command=COMMAND.format(id="losses-in-steps"),
        )
    ]


def _rounding(share: float, printed: float, decimals: int, frames: int) -> str:
    """Whether a printed quotient is the rounded or the truncated one; MACs are printed with few digits themselves."""
    loose = 0.5 * 10**-decimals * 1e3 / frames  # what the printed MACs leave open
    if abs(share - printed) <= 0.5 + 1e-9:
        return "rounded"
    if printed <= share + loose and share - loose < printed + 1:
        return "truncated" if printed < share else "within the printed digits"
    return "within the printed digits" if abs(share - printed) <= 0.5 + loose else "not the quotient"


def _tables(material: Material, column: str) -> list[tuple[str, dict]]:
    """Tables of the ledger's studies with a column of that id."""
    return [
        (s["study"], t)
        for s in material.ledger.studies
        for t in s["tables"]
        if column in {c["id"] for c in t["columns"]}
    ]
