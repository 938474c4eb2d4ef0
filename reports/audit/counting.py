"""What the printed parameters and multiply-accumulates of the three papers' own networks count."""

from collections.abc import Iterator

from reports.audit.finding import Finding, Material, factor, short, status
from reports.measurements import EFFICIENCY_SCALE, pick
from studies.printed import Printed, agrees, parse_printed

COMMAND = ".venv/bin/python -m reports.audit {id}"
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
        for name, counted in _profiled(material):
            claim = material.ledger.claims.get(f"{study}/{name}/macs")
            if claim is None:
                continue
            printed = parse_printed(claim.printed, claim.unit)
            if agrees(printed, counted / 2) and not agrees(printed, counted):
                rows.append((claim.study, claim.label, claim.printed, short(counted), short(counted / 2)))
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
            effect=2.0 if rows else 0.0,
            head=("study", "row", "printed", "profiler", "half of it"),
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
    found = counts(material, "sasmamba-large", "macs_per_clip")
    if claim is None:
        return []
    printed = parse_printed(claim.printed, claim.unit)
    rows = [(rule, short(value), short(value / 2), tick(printed, value)) for rule, value in found.items()]
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
        rules = counts(material, row, metric)
        known = claim.measured is not None
        found.append(Finding(
            id=identity,
            kind="counting",
            title=f"GLSMamba's table: {claim.label}'s {claim.printed} does not fit the rows beside it",
            claimed=f"{claim.printed} {claim.unit if claim.unit not in claim.printed else ''} ({claim.place}).",
            found=f"The same rule gives {claim.measured:.4g} {claim.unit}: {words}." if known else "",
            change=f"{claim.value - claim.measured:+.3g} {claim.unit}" if known else "",
            effect=factor(claim.value, claim.measured) if known else 0.0,
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
        mine = counts(material, name, metric)
        claims = [c for c in material.ledger.claims.values() if c.row == name and c.metric == metric]
        if claims and {"paper", "true"} <= set(mine):
            shares.append(mine["true"] / mine["paper"])
            seen, whole = (f"{mine[rule]:,.0f}" for rule in ("paper", "true"))
            rows.append((claims[-1].label, claims[-1].printed, seen, whole, f"{shares[-1]:.2f}"))
    return Finding(
        id=identity,
        kind="counting",
        title=title,
        claimed=claimed,
        found=f"The printed digits are the profiler's: {why}.",
        change=f"{min(shares):.2f} to {max(shares):.2f} times as many" if shares else "",
        effect=max(shares, default=0.0),
        head=("network", "printed", "same profiler, measured", "everything, measured", "times"),
        rows=tuple(rows),
        status=status(min(shares) > 1 if shares else None),
        needs="" if shares else "efficiency counts; `make efficiency`",
        claims=tuple(c.id for c in material.ledger.claims.values() if c.row in OURS and c.metric == metric),
        command=COMMAND.format(id=identity),
    )


def counts(material: Material, variant: str, metric: str) -> dict[str, float]:
    """Our own counts of a variant by convention, base units."""
    found = pick(material.measurements, scale=EFFICIENCY_SCALE, variant=variant, metric=metric)
    return dict(zip(found["convention"], found["value"], strict=True))


def _profiled(material: Material) -> Iterator[tuple[str, float]]:
    """(row, MACs under the papers' profiler) of all networks of the tables that are counted here."""
    peers = [(p["row"], p["variant"]) for p in material.ledger.peers.values() if {"row", "variant"} <= p.keys()]
    for row, variant in [*((name, name) for name in OURS), *peers]:
        if "paper" in (found := counts(material, variant, "macs_per_clip")):
            yield row, found["paper"]


def digits(printed: Printed, value: float) -> bool:
    """Whether a value rounds or is cut to the printed digits."""
    cut = value / printed.factor - printed.value
    return agrees(printed, value) or 0 <= cut < 10.0**-printed.decimals


def tick(printed: Printed, value: float) -> str:
    """Whether it does, in a word."""
    return "yes" if agrees(printed, value) else "cut" if digits(printed, value) else "no"


def _names(rows: list[tuple]) -> str:
    return " and ".join(dict.fromkeys(row[1] for row in rows)) or "none"
