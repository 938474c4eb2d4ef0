"""The audit: the ledger, what each finding flags, and the rules that keep it fair to whom it accuses."""

import json
import re
from dataclasses import asdict, replace
from pathlib import Path

import pandas as pd
import pytest

from base.errors import InputError
from base.files import write_csv
from base.reading import read_yaml
from reports.audit.checks.printed import conflicts
from reports.audit.finding import CHECKS, CITED, NEEDS, STANDS, Material, ShownFinding
from reports.audit.ledger import Claim, Ledger, make_ledger
from reports.audit.write import Audit, flags, gather, write_audit
from reports.measurements import COLUMNS, Choice
from reports.site.build import audit_body
from reports.tables.cell import read_cells
from reports.tables.judge import judge
from studies.claims import Peer, read_claims
from studies.findings import EFFECTS, KINDS, read_findings
from studies.load import FINDINGS, study_names
from workflow.measuring.counts import counts_of, kept_counts
from workflow.measuring.evidence import EXPERIMENTS
from workflow.measuring.evidence import gather as run_experiments

CHOICE = Choice("quick", "synthetic")
COUNTED = ("posemamba-s", "posemamba-b", "posemamba-l", "posemamba-x", "sasmamba", "sasmamba-large")
COUNTED += ("hrnet-w48", "hrnet-w48-256", "posewarper", "dsta-vit-h")
PEERS = tuple(peer.variant for peer in read_claims().peers.values() if peer.variant)
FOUND = read_findings()
TABLE1, MAIN = "posemamba/table1", "sasmamba/main"


def cells(text: str) -> set[str]:
    """Ids of cells from lines `study/table column [column ...]: row row ...`."""
    lines = [line.strip().partition(": ") for line in text.strip().splitlines()]
    places = [(*place.split(" "), rows.split(" ")) for place, _, rows in lines]
    return {f"{table}/{row}/{column}" for table, *columns, rows in places for column in columns for row in rows}


# Every cell that a finding flags: those of which its sentence is true. A finding that is not here flags none.
FLAGGED = {
    "one-frame-out": """
        posemamba/table1 macs_frame: mhformer p-stmo stridedformer einfalt stcformer stcformer-l poseformerv2 gla-gcn
        sasmamba/main macs_frame: p-stmo stcformer gla-gcn""",
    "evaluated-more-than-once": """
        posemamba/table1 macs_frame: stcformer stcformer-l hdformer
        sasmamba/main macs_frame: stcformer hdformer""",
    "refined-rows": """
        posemamba/table1 p1: stridedformer einfalt
        posemamba/table1 p1_gt: stridedformer stcformer""",
    "poseformerv2-two-settings": "posemamba/table1 macs macs_frame: poseformerv2",
    "poseformerv2-two-costs": """
        posemamba/table1 macs macs_frame: poseformerv2
        sasmamba/main macs: poseformerv2""",
    "halved-macs": "sasmamba/main macs: ktpformer sasmamba",
    "p-stmo-three-settings": """
        posemamba/table1 macs macs_frame: p-stmo
        sasmamba/main macs macs_frame: p-stmo""",
    "hstformer-cost": "posemamba/table1 macs macs_frame: hstformer",
    "motionagformer-l-true-2d": "sasmamba/main p1_gt: motionagformer-l",
    "boxes-of-hrnet": "glsmamba/published-posetrack17 mean: hrnet posewarper",
    "units-of-hrnet": "glsmamba/peer-costs true_macs: hrnet-w48 hrnet-w48-256",
    "previous-best": "glsmamba/benchmarks posetrack18: previous",
    "mean-of-joints": "glsmamba/published-posetrack21 mean: diffusionpose",
    "hidden-operations": """
        posemamba/table1 macs: posemamba-s posemamba-b posemamba-l posemamba-x
        posemamba/table2 macs: posemamba-s posemamba-b posemamba-l posemamba-x
        sasmamba/main macs: posemamba-s posemamba-b posemamba-l""",
    "hidden-weights": """
        posemamba/table1 params: posemamba-s posemamba-b posemamba-l posemamba-x
        posemamba/table2 params: posemamba-s posemamba-b posemamba-l posemamba-x
        sasmamba/main params: posemamba-s posemamba-b posemamba-l sasmamba-large""",
    "weights-of-peers": """
        posemamba/table1 params: mhformer mixste p-stmo stridedformer motionbert
        sasmamba/main params: p-stmo mixste motionbert ktpformer""",
    "attention-left-out": """
        posemamba/table1 macs: mixste stcformer stcformer-l motionbert motionagformer-l
        sasmamba/main macs: stcformer motionagformer-xs motionagformer-s motionagformer-b motionagformer-l
        sasmamba/main macs: mixste motionbert""",
    "depth-only": """
        posemamba/table1 p1_gt: motionbert posemamba-s posemamba-b posemamba-l posemamba-x
        sasmamba/main p1_gt: motionbert posemamba-s posemamba-b posemamba-l sasmamba sasmamba-large""",
    "scale-term": "posemamba/table5 p1 p2: mpjpe-2d ours",
    "mhformer-detector": "posemamba/table1 p1 p2: mhformer",
    "scan-paths-without-cost": "glsmamba/scans params macs: no-stmm",
}
# GLSMamba's paper was not to be had: a finding about it says so, or is about tables of others.
ABOUT_THE_NOTE = re.compile(r"\bnote\b|TAR-ViTPose|quoted from other papers")


def write_report(measurements: pd.DataFrame, folder: Path) -> None:
    """measurements.csv, and the cells of all studies."""
    csv = write_csv(folder / "measurements.csv", measurements)
    judge(study_names(), csv, "", folder / "cells.csv", CHOICE)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """measurements.csv with real counts, and evidence.json from the real experiments."""
    folder = tmp_path_factory.mktemp("audit")
    counts, _ = counts_of(list(dict.fromkeys((*COUNTED, *PEERS))), [], kept_counts())
    write_report(counts.numbers.drop(columns="key").astype({"value": float}), folder)
    (folder / "evidence.json").write_text(json.dumps(run_experiments()), encoding="utf-8")
    return folder / "measurements.csv", folder / "evidence.json"


def experiments(files: tuple[Path, Path]) -> dict[str, dict]:
    """What the real experiments gave."""
    return json.loads(files[1].read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def audit(files: tuple[Path, Path]) -> Audit:
    return gather(study_names(), files[0].parent, experiments(files), CHOICE)


@pytest.mark.slow
def test_an_experiment_of_another_form_is_one_line(files: tuple[Path, Path]) -> None:
    changed = experiments(files) | {"limb-gradient": {"none": 1}}
    with pytest.raises(InputError, match=r"^experiment limb-gradient: is not what .*and run `make audit`$"):
        gather(study_names(), files[0].parent, changed, CHOICE)


@pytest.mark.slow
def test_every_finding_still_reproduces(audit: Audit) -> None:
    shown = {finding.id: finding for finding in audit.findings}
    assert set(shown) == {finding.id for finding in FOUND.stand} - {"two-numbers"}  # of which there is none
    assert {name: f.status for name, f in shown.items() if f.status not in (STANDS, CITED)} == {}
    for finding in shown.values():
        assert all(getattr(finding, key) for key in ("claimed", "found", "changes", "means", "command")), finding.id
        assert {len(row) for row in finding.rows} <= {len(finding.head)}, finding.id


@pytest.mark.slow
def test_what_thop_does_not_see_has_its_cost_part_by_part(audit: Audit) -> None:
    rows = next(finding.rows for finding in audit.findings if finding.id == "uncounted")
    assert ("posemamba-s", "x_proj", "+1,522,851,840", "+368,640") in rows
    assert ("posemamba-s", "norms", "-106,811,136", "+0") in rows
    assert ("sasmamba", "A_log", "+0", "+81,920") in rows


@pytest.mark.slow
def test_printed_costs_are_counted_by_cause(audit: Audit) -> None:
    own = audit.claims[~audit.claims["quoted"]]
    assert sum(audit.plain()["counts"]["causes"].values()) == (own["cause"] != "").sum()
    assert set(audit.claims.loc[audit.claims["cause"] == "exact", "verdict"]) == {"reproduced"}


@pytest.mark.slow
def test_a_finding_flags_the_cells_of_which_it_is_true_and_no_others(audit: Audit) -> None:
    flagged = {finding.id: set(finding.cells) for finding in audit.findings if finding.cells}
    assert flagged == {name: cells(text) for name, text in FLAGGED.items()}
    claims = audit.claims.set_index("id")
    assert {name for names in flagged.values() for name in names} <= set(claims.index)
    assert claims.loc[f"{TABLE1}/mhformer/p1", "findings"] == "mhformer-detector"
    assert claims.loc[f"{TABLE1}/mixste/p1", "findings"] == ""


@pytest.mark.slow
def test_no_cell_with_an_excusing_footnote_is_flagged(audit: Audit) -> None:
    """But by the finding that is about the footnote itself, and by those about another column of its row."""
    for claim in audit.claims.itertuples():
        if "reproduced" in claim.notes.lower():
            assert claim.findings in ("", "depth-only"), claim.id  # how it was measured, not what came out
        if "HRNet" in claim.notes and claim.protocol:
            assert claim.findings in ("", "mhformer-detector"), claim.id


@pytest.mark.slow
def test_the_ledger_holds_every_printed_number_once(audit: Audit) -> None:
    claims, counts = audit.claims, audit.plain()["counts"]
    verdicts, own = counts["verdicts"], claims[~claims["quoted"]]
    assert claims["id"].is_unique
    assert verdicts == own["verdict"].value_counts().to_dict() | {k: 0 for k, v in verdicts.items() if not v}
    assert (counts["tables"], counts["text"], counts["quoted"]) == (349, 17, 354)
    assert sum(verdicts.values()) == 349 + 17
    texts = claims[claims["convention"] == "arithmetic"].set_index("row")["verdict"]
    unknown = ["share-of-posewarper", "speed", "gpu-memory"]
    assert (texts[unknown] == "not run").all()
    assert (texts.drop(unknown) == "reproduced").all()


def test_every_check_and_experiment_belongs_to_a_finding() -> None:
    ids = {finding.id for finding in FOUND.stand}
    assert set(CHECKS) <= ids
    assert set(EXPERIMENTS) <= ids
    assert len(ids) == len(FOUND.stand)
    assert not ids & {finding.id for finding in FOUND.withdrawn}


@pytest.mark.parametrize("finding", FOUND.stand, ids=lambda finding: finding.id)
def test_a_finding_is_worded_by_the_rules(finding) -> None:
    """Shown by a check or by cited lines; GLSMamba known through a note; fault, convention and slip kept apart."""
    assert finding.id in CHECKS or finding.code
    assert finding.kind in KINDS
    assert finding.affects in EFFECTS
    assert set(finding.about) <= set(study_names())
    told = " ".join([finding.title, finding.found, finding.means, finding.changes])
    if finding.kind == "departure":
        assert finding.code, "a finding about code names its lines"
    if "glsmamba" in finding.about and len(finding.about) == 1:
        assert ABOUT_THE_NOTE.search(" ".join([told, *(quote.where for quote in finding.claimed)]))
    if finding.kind == "convention":
        assert not re.search(r"\b(wrong|fault|error of|contradict)", told)
    for said in finding.said:
        assert said.link, f"{said.source}: give the thread, as in owner/name#1"


@pytest.mark.slow
def test_no_number_of_a_run_stands_in_a_finding(audit: Audit, files: tuple[Path, Path], tmp_path: Path) -> None:
    """The findings are the same beside runs of any accuracy."""
    counts = pd.read_csv(files[0], dtype=str, keep_default_na=False)
    known = {"scale": "quick", "dataset": "synthetic-gt", "variant": "posemamba-s", "recipe": "posemamba", "unit": "mm"}
    run = known | {"seed": "0", "metric": "mpjpe", "device": "CPU", "run": "runs/p/seed0", "revision": "0"}
    rows = [
        run | {"convention": f"human36m{p}/test/{s}", "value": "77.7"}
        for p in ("", "-gt2d")
        for s in ("last", "best_test")
    ]
    with_runs = pd.concat([counts, pd.DataFrame(rows)]).reindex(columns=list(COLUMNS)).fillna("")
    write_report(with_runs, tmp_path)
    assert gather(study_names(), tmp_path, experiments(files), CHOICE).findings == audit.findings


@pytest.mark.slow
def test_what_needs_counts_says_so_without_them(files: tuple[Path, Path], tmp_path: Path) -> None:
    write_report(pd.DataFrame(columns=COLUMNS), tmp_path)
    shown = gather(study_names(), tmp_path, experiments(files), CHOICE).findings
    by_id = {finding.id: finding for finding in shown}
    assert by_id["hidden-weights"].status == NEEDS
    assert "make efficiency" in by_id["hidden-weights"].needs
    assert by_id["hidden-weights"].found == ""
    assert by_id["macs-a-frame"].status == STANDS  # print against print
    assert shown[-1].status == NEEDS  # last


@pytest.mark.slow
def test_files_and_page_escape_what_data_say(files: tuple[Path, Path], audit: Audit) -> None:
    measurements, evidence = files
    write_audit(study_names(), measurements.parent, evidence, CHOICE)
    folder = measurements.with_name("audit")
    assert {path.name for path in folder.iterdir()} == {"audit.json", "claims.csv", "findings.csv"}
    assert len(pd.read_csv(folder / "claims.csv")) == len(audit.claims)
    bad = replace(audit.findings[0], title="<script>alert(1)</script>", head=("a",), rows=(("<b>",),))
    page = audit_body(replace(audit, findings=(bad,)).plain(), [])
    assert "<script>" not in page
    assert "&lt;b&gt;" in page
    assert "Withdrawn" in page
    assert all(finding.why[:40].replace("'", "&#39;") in page for finding in FOUND.withdrawn)


def test_only_findings_that_stand_flag() -> None:
    none = {"true_of": {}, "command": ""}
    stands = ShownFinding(**vars(FOUND.stand[0]) | {"id": "a"}, status=STANDS, cells=("x", "y"), **none)
    assert flags([stands, replace(stands, id="b", status="does not reproduce", cells=("x",))]) == {
        "x": ["a"],
        "y": ["a"],
    }


def claim(printed: str, study: str, **changes) -> Claim:
    place = f"{study}, row"
    made = Claim(
        f"{study}/t/row/c", study, place, "row", "Row", "mpjpe", "human36m", "c", printed, 0.0, "mm", None, "", ""
    )
    return replace(made, **changes)


def material(*claims: Claim, peers: dict | None = None) -> Material:
    return Material(Ledger({c.id: c for c in claims}, peers or {}), pd.DataFrame())


@pytest.mark.parametrize(
    ("one", "other", "conflict"),
    [
        ("20.0", "22.0", True),
        ("17.3", "17.4", True),  # no number rounds to both
        ("41.8", "41.80", False),
        ("41.8", "41.85", False),
        ("41.8", "41.9", True),
        ("41.8", "-", False),
    ],
)
def test_two_numbers_conflict_where_no_number_is_printed_as_both(one: str, other: str, conflict: bool) -> None:
    assert bool(list(conflicts(material(claim(one, "a"), claim(other, "b"))))) == conflict


def test_counts_may_be_cut_as_well_as_rounded() -> None:
    count = {"metric": "params", "protocol": "", "unit": "M"}
    assert not list(conflicts(material(claim("4.7", "a", **count), claim("4.8", "b", **count))))  # 4.75, or 4.799
    assert list(conflicts(material(claim("4.7", "a", **count), claim("4.9", "b", **count))))


def test_a_cell_with_a_footnote_is_not_compared_with_one_without() -> None:
    """A reproduced number, another detector, post-processing: two settings are no contradiction."""
    marked = claim("22.0*", "b", notes=("* reproduced results",))
    assert not list(conflicts(material(claim("20.0", "a"), marked)))
    assert list(conflicts(material(marked, replace(marked, id="c/t/row/c", printed="23.0*"))))
    settings = {"row": Peer(frames=1, evaluated="all", emits="all", row="row", prints={"c": ["22.0", "21.3"]})}
    assert not list(conflicts(material(claim("22.0", "a"), claim("21.3", "b"), peers=settings)))
    assert list(conflicts(material(claim("22.0", "a"), claim("21.4", "b"), peers=settings)))


def test_the_papers_own_footnotes_reach_their_cells(files: tuple[Path, Path]) -> None:
    ledger = make_ledger(["posemamba", "sasmamba"], read_cells(files[0].with_name("cells.csv")))
    assert ledger.claims[f"{MAIN}/posemamba-s/p1_gt"].notes == ("* reproduced results",)
    assert ledger.claims[f"{MAIN}/posemamba-s/p1"].notes == ()  # has no mark
    assert ledger.claims[f"{MAIN}/sasmamba/macs"].notes == ()  # ours
    assert "HRNet" in ledger.claims[f"{TABLE1}/mhformer/p1"].notes[0]


def test_addresses_are_whole() -> None:
    """And no released code is named that no finding cites."""
    cited = {code.repository for finding in FOUND.stand for code in finding.code}
    assert {entry["repository"] for entry in read_yaml(FINDINGS)["released"].values()} == cited
    for finding in FOUND.stand:
        for code in finding.code:
            assert re.fullmatch(r"https://github\.com/[\w.-]+/[\w.-]+/blob/[0-9a-f]{40}/\S+#L\d+(-L\d+)?", code.link)
    linked = [asdict(said) | {"link": said.link} for finding in FOUND.stand for said in finding.said]
    assert all(said["link"].startswith("https://github.com/") for said in linked)


def test_missing_files_end_in_one_line(tmp_path: Path) -> None:
    write_report(pd.DataFrame(columns=COLUMNS), tmp_path)
    with pytest.raises(InputError, match=r"evidence\.json: no such file"):
        write_audit(["posemamba"], tmp_path, tmp_path / "evidence.json", CHOICE)
