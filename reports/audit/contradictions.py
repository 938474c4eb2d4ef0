"""The same model and quantity with two printed numbers: found by comparing all tables, not by a list."""

from collections.abc import Iterator
from itertools import groupby

from reports.audit.finding import Finding, Material, status
from reports.audit.ledger import Claim
from studies.printed import parse_printed

COMMAND = ".venv/bin/python -m reports.audit {id}"


def two_values(material: Material) -> list[Finding]:
    """A finding for each model, metric and protocol that two tables print so that the digits cannot be the same."""
    return [_finding(claims, material) for claims in same_quantity(material) if not _compatible(claims)]


def same_quantity(material: Material) -> Iterator[list[Claim]]:
    """Claims about one quantity of one model, wherever more than one table prints it."""
    claims = [c for c in material.ledger.claims.values() if c.convention != "arithmetic"]
    for _, group in groupby(sorted(claims, key=_quantity), key=_quantity):
        found = list(group)
        if len({c.id for c in found}) > 1:
            yield found


def _quantity(claim: Claim) -> tuple[str, ...]:
    """What two claims must share to be about the same thing: the row's id names the model across papers."""
    return (claim.row, claim.metric, claim.protocol)


def _compatible(claims: list[Claim]) -> bool:
    """Whether one number could be printed as all of them."""
    low = max(_interval(c)[0] for c in claims)
    high = min(_interval(c)[1] for c in claims)
    return low < high * (1 - 1e-12)


def _interval(claim: Claim) -> tuple[float, float]:
    """The numbers, in base units, that are printed so: rounded, and of counts, which papers cut as often, cut as well."""
    printed = parse_printed(claim.printed, claim.unit)
    step = 10.0**-printed.decimals
    above = step / 2 if claim.protocol else step
    return (printed.value - step / 2) * printed.factor, (printed.value + above) * printed.factor


def _finding(claims: list[Claim], material: Material) -> Finding:
    first, values = claims[0], [parse_printed(c.printed, c.unit) for c in claims]
    base = sorted({p.value * p.factor for p in values})
    ratio = base[-1] / base[0]
    by = (
        f"a factor {ratio:.3g}"
        if ratio > 1.5
        else f"{(base[-1] - base[0]) / values[0].factor:.3g} {values[0].unit.replace('%', 'points')}"
    )
    identity = f"two-values-{first.row}-{first.metric.replace('_', '-')}{'-gt' if 'gt2d' in first.protocol else ''}"
    cells = {c.id for c in claims}
    return Finding(
        id=identity,
        kind="contradiction",
        title=f"{first.label}: {' and '.join(dict.fromkeys(c.printed for c in claims))} for {_name(first)}",
        claimed="; ".join(
            f"{c.printed} {c.unit if c.unit not in c.printed else ''}".strip() + f" ({c.study}, {c.place})"
            for c in claims
        ),
        found="No single number rounds or truncates to all of them.",
        change=by,
        effect=ratio,
        head=("study", "where", "printed", "measured here, same convention"),
        rows=tuple((c.study, c.place, c.printed, _measured(c)) for c in claims),
        status=status(True),
        claims=tuple(c.id for c in claims),
        command=COMMAND.format(id=identity),
        reported=tuple(f"{r['text']} ({r['source']})" for r in material.ledger.reported if r["claim"] in cells),
    )


def _measured(claim: Claim) -> str:
    """Our own number, where it may be held against the printed one."""
    comparable = claim.measured is not None and claim.verdict in ("reproduced", "differs")
    return f"{claim.measured:.4g} {claim.unit}" if comparable else "–"


def _name(claim: Claim) -> str:
    names = {
        "params": "parameters",
        "macs_per_clip": "MACs",
        "macs_per_frame": "MACs a frame",
        "mpjpe": "P1",
        "p_mpjpe": "P2",
        "ap": "mAP",
    }
    return names.get(claim.metric, claim.metric) + (" with true 2D" if "gt2d" in claim.protocol else "")
