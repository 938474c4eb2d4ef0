"""How accuracy was measured: which epoch, which keypoints, which boxes, which space; checked on our own runs."""

import pandas as pd

from reports.audit.finding import Finding, Material, status
from reports.measurements import pick, summarise

COMMAND = ".venv/bin/python -m reports.audit {id}"


def best_on_test(material: Material) -> list[Finding]:
    """The papers choose the epoch on the test set: what that is worth on our own runs."""
    rows, gains = [], []
    mine = pick(material.measurements, scale=material.choice.scale, metric="mpjpe")
    for data in sorted(set(mine["dataset"])):
        p1 = {s: _by_run(mine, data, f"human36m/test/{s}") for s in ("last", "best_val", "best_test")}
        against = {s: (p1[s] - p1["best_test"]).dropna() for s in ("last", "best_val")}
        if against["last"].empty:
            continue
        gains.append(float(against["last"].max()))
        rows.append((data, str(len(p1["last"])), *(_spread(against[s]) for s in ("last", "best_val"))))
    known = bool(rows) and any(float(row[2].split()[0]) >= 0 for row in rows)
    return [
        Finding(
            id="best-on-test",
            kind="protocol",
            title="The epoch is chosen on the test set",
            claimed="One number a network. The released training scripts of PoseMamba and SasMamba keep the epoch with the "
            "lowest test error.",
            found="On our own runs the epoch that is best on the test set is better there than the last one, and than the one "
            "that a validation set chooses, by what the table says; it can never be worse." if known else "",
            change=f"up to {max(gains):.1f} mm here" if gains else "",
            head=("data", "runs", "last less best on test, mm", "best on validation less best on test, mm"),
            rows=tuple(rows),
            status=status((max(gains) > 0) if gains else None),
            needs="" if gains else "runs of several epochs; `make`",
            command=COMMAND.format(id="best-on-test"),
            reported=tuple(f"{r['text']} ({r['source']})" for r in material.ledger.reported if r["id"] == "posemamba-s"),
        )
    ]  # fmt: skip


def overwritten(material: Material) -> list[Finding]:
    """The column with true 2D measures depth only: the same predictions with x and y overwritten, and not."""
    mine = pick(material.measurements, scale=material.choice.scale, metric="mpjpe")
    data = next((d for d in sorted(set(mine["dataset"])) if d.endswith("-gt")), "")
    whole, depth = (_by_run(mine, data, f"{p}/test/last") for p in ("human36m", "human36m-gt2d"))
    share = (depth / whole).dropna()
    rows = [
        (variant, f"{whole[part.index].mean():.1f}", f"{depth[part.index].mean():.1f}", f"{part.mean():.2f}")
        for variant, part in share.groupby(level="variant")
    ]
    return [
        Finding(
            id="depth-only",
            kind="protocol",
            title="The column with true 2D keypoints measures depth only",
            claimed="P1†: P1 with ground-truth 2D pose as input.",
            found="In the published evaluation the predicted x and y are overwritten with the input's before the error is "
            f"taken. The same predictions of our own runs score {share.mean():.2f} times as high with it." if rows else "",
            change=f"{100 * (1 - share.mean()):.0f} % of the error on our runs" if rows else "",
            head=("variant (ours)", "P1, all of the pose, mm", "P1†, x and y overwritten, mm", "share"),
            rows=tuple(rows),
            status=status(bool((share < 1).all()) if rows else None),
            needs="" if rows else "runs on ground-truth keypoints; `make`",
            claims=tuple(c.id for c in material.ledger.claims.values() if "gt2d" in c.protocol),
            command=COMMAND.format(id="depth-only"),
        )
    ]  # fmt: skip


def boxes(material: Material) -> list[Finding]:
    """Ground-truth boxes against a detector's: published pairs, and our own runs scored both ways."""
    printed = []
    claims = material.ledger.claims
    for claim in claims.values():
        other = claims.get(f"{claim.id}_gt")
        if claim.id.startswith("glsmamba/box-settings/") and other is not None:
            printed.append(
                (
                    claim.label,
                    claim.place.split(", ")[-1],
                    claim.printed,
                    other.printed,
                    f"{other.value - claim.value:+.1f}",
                )
            )
    mine = pick(material.measurements, scale=material.choice.scale, metric="ap")
    ours = {
        kind: _by_run(mine, f"video-{material.choice.dataset}", f"poseval+{kind}-boxes/val/last")
        for kind in ("detected", "gt")
    }
    gain = (ours["gt"] - ours["detected"]).dropna()
    rows = printed + [
        (
            f"{variant} (ours)",
            "rendered video",
            f"{ours['detected'][part.index].mean():.1f}",
            f"{ours['gt'][part.index].mean():.1f}",
            f"{part.mean():+.1f}",
        )
        for variant, part in gain.groupby(level="variant")
    ]
    unstated = [c for c in claims.values() if "unstated" in c.protocol]
    return [
        Finding(
            id="whose-boxes",
            kind="protocol",
            title="Whose boxes: worth more than most methods, and not stated",
            claimed="; ".join(f"{c.printed} ({c.place})" for c in unstated[:4]) + " and others, without a word on the boxes.",
            found=(f"On our own runs true boxes are worth {gain.mean():+.1f} AP. " if len(gain) else "")
            + (f"The published pair of one method differs by {printed[0][4]} mAP; a later paper's table puts GLSMamba's number "
               "in its group with true boxes." if printed else ""),
            change=f"{printed[0][4]} mAP for one published network" if printed else f"{gain.mean():+.1f} AP" if len(gain) else "",
            head=("network", "data", "detector's boxes", "true boxes", "difference"),
            rows=tuple(rows),
            status=status(bool((gain > 0).mean() > 0.5) if len(gain) else bool(printed) or None),
            needs="" if len(rows) else "runs on video; `make`",
            claims=tuple(c.id for c in unstated),
            command=COMMAND.format(id="whose-boxes"),
        )
    ]  # fmt: skip


def families(material: Material) -> list[Finding]:
    """One column, two protocols: networks of the CPN family and those of MotionBERT's."""
    words = {
        "cpn": "CPN detections, metres, camera space",
        "sh": "stacked-hourglass detections with confidence, 2.5D image space scaled by the true factor of each frame, three "
        "takes left out",
        "gt": "ground-truth detections",
    }
    rows, seen = [], {}
    for name, peer in material.ledger.peers.items():
        if "input" in peer and any(
            c.row == peer.get("row") and c.metric == "mpjpe" for c in material.ledger.claims.values()
        ):
            seen.setdefault(peer["input"], []).append(name)
    for family, names in seen.items():
        rows.append((words[family], str(len(names)), ", ".join(names)))
    return [
        Finding(
            id="two-protocols",
            kind="protocol",
            title="One P1 column holds two protocols",
            claimed="P1 and P1† columns of both tables compare all rows.",
            found="The rows come from two families of code that differ in their 2D input and in the space in which the error "
            "is taken; P1† is a depth error in one and not in the other.",
            change="not a number: the two must not be subtracted",
            head=("input and space", "rows", "networks"),
            rows=tuple(rows),
            status=status(len(seen) > 1 if rows else None),
            needs="" if rows else "the studies posemamba and sasmamba",
            command=COMMAND.format(id="two-protocols"),
        )
    ]


def refined(material: Material) -> list[Finding]:
    """Rows with a refinement step beside rows without, and a mark that names the wrong detector."""
    rows = [
        (name, c.printed, "refined or post-processed in its own paper")
        for name, peer in material.ledger.peers.items()
        for c in material.ledger.claims.values()
        if peer.get("refined") and c.row == peer.get("row") and c.metric == "mpjpe" and "gt2d" not in c.protocol
    ]
    mhformer = material.ledger.claims.get("posemamba/table1/mhformer/p1")
    if mhformer:
        rows.append(
            ("mhformer", mhformer.printed, "marked as HRNet; its 2D poses are CPN's (HRNet is in its demo only)")
        )
    return [
        Finding(
            id="refined-rows",
            kind="protocol",
            title="Refined rows beside plain ones, and a wrong mark",
            claimed="PoseMamba, Table 1, P1, with a footnote that MHFormer uses HRNet.",
            found="Two rows include a refinement or post-processing step that others do not; the footnote names another "
            "detector than the row's.",
            change="not known here",
            head=("row", "printed P1", "what differs (recorded)"),
            rows=tuple(rows),
            status=status(bool(rows) or None),
            needs="" if rows else "the study posemamba",
            command=COMMAND.format(id="refined-rows"),
        )
    ]


def marks(material: Material) -> list[Finding]:
    """Seq2seq and centre-frame marks against what networks emit and evaluations keep."""
    rows = []
    for name, peer in material.ledger.peers.items():
        if peer.get("row") and (peer["emits"] == "all") != (peer["evaluated"] == "all"):
            emits = "all frames" if peer["emits"] == "all" else "one frame"
            rows.append((name, emits, "the centre one" if peer["evaluated"] == "centre" else "a mean of windows"))
    return [
        Finding(
            id="sequence-marks",
            kind="protocol",
            title="Marks “CE” and “Seq2Seq” follow neither what networks emit nor what is evaluated throughout",
            claimed="CE (PoseMamba, Table 1) and Seq2Seq (SasMamba).",
            found=f"{len(rows)} networks emit more than their released evaluation keeps. StridedTransformer emits a sequence "
            "as well, for training only.",
            change="decides which MACs/frame is fair",
            head=("network", "emits", "its evaluation keeps"),
            rows=tuple(rows),
            status=status(bool(rows)),
            command=COMMAND.format(id="sequence-marks"),
        )
    ]


def _by_run(rows: pd.DataFrame, data: str, convention: str) -> pd.Series:
    """Values of a data set and convention by variant, recipe and seed."""
    found = pick(rows, dataset=data, convention=convention)
    return found.set_index(["variant", "recipe", "seed"])["value"]


def _spread(differences: pd.Series) -> str:
    summary = summarise(differences)
    half = "" if summary.low is None else f" ± {(summary.high - summary.low) / 2:.2f}"
    return f"{summary.mean:.2f}{half} (up to {differences.max():.1f})"
