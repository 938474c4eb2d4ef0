"""GLSMamba's study says what is printed: each cell is read again, from the notes or from the list of published rows."""

import re
from functools import cache
from itertools import pairwise

import pytest

from base.reading import ROOT, read_yaml
from studies.printed import agrees, parse_printed

ROWS = {
    "posetrack17": 8,
    "benchmarks": 3,
    "components": 3,
    "scans": 4,
    "resolution": 5,
    "peer-costs": 10,
    "published-posetrack17": 17,
    "published-posetrack17-test": 2,
    "published-posetrack18": 14,
    "published-posetrack18-test": 2,
    "published-posetrack21": 14,
    "published-jhmdb": 4,
    "box-settings": 10,
}
TITLES = ["posetrack17", "benchmarks", "components", "scans", "resolution"]
JOINTS = ["head", "shoulder", "elbow", "wrist", "hip", "knee", "ankle"]
PUBLISHED = {f"published-posetrack{name}": name for name in ("17", "17-test", "18", "18-test", "21")}
# The letters by which the list names its sources.
SOURCES = {"a": "posewarper", "b": "dcpose", "c": "diffusionpose", "d": "poseidon", "s": "glsmamba"}
# Rows whose printed mean is not the mean of 15 joints that its columns give: a slip in print.
ODD_MEANS = {
    ("published-posetrack17", "dcpose"): ["mean"],
    ("published-posetrack17", "kpm"): ["mean"],
    ("published-posetrack17", "diffusionpose"): ["mean7"],
    ("published-posetrack21", "dcpose"): ["mean"],
    ("published-posetrack21", "diffusionpose"): ["neither"],
}
# Trainable weights, by variant.
TRAINABLE = {
    "glsmamba-b-unified": 9_094_159,
    "glsmamba-b-no-stmm": 9_094_159,
    "glsmamba-b-spatial": 9_439_391,
    "glsmamba-b": 9_784_623,
}
# Columns of ours, where nothing is printed.
OURS = {"video", "video_gt", "memory", "trained", "all", "macs_of_peers", "shoulders"}
LATEX = {r"\(\frac{1}{4}\times T\)": "1/4 × T", r"\(\frac{1}{8}\times T\)": "1/8 × T"}
LATEX[r"\(\frac{1}{16}\times T\)"] = "1/16 × T"
MARKS = {"✓": "yes", "-": "no"}


# Read as YAML alone: whether a study is sound is for tests/studies/test_load.py.
@cache
def tables(study="glsmamba"):
    return {table["id"]: table for table in read_yaml(ROOT / f"studies/{study}.yaml")["tables"]}


def printed_cells(row):
    """Values of a row's cells, in the columns' order, without the blank that we put before a unit."""
    return [re.sub(r"(?<=\d) (?=[MG]$)", "", cell) for cell in row["cells"].values()]


@pytest.fixture
def notes(shared):
    """The notes on the paper: title -> rows below the header of the table that follows it."""
    listing = (shared / "papers/README.md").read_text(encoding="utf-8")
    name = next(line.split("|")[1].strip() for line in listing.splitlines() if "| GLSMamba (" in line)
    return (shared / "papers" / name).read_text(encoding="utf-8")


@pytest.fixture
def spec(shared):
    return (shared / "specs/glsmamba.md").read_text(encoding="utf-8")


def markdown_table(text, title):
    """Header and rows of the table below the line `title`, up to the first line that is none of its rows."""
    lines = text[text.index(f"\n{title}:\n") :].splitlines()[2:]
    table = lines[: next(i for i, line in enumerate(lines) if not line.startswith("|"))]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in table]
    header, _, *rows = [[LATEX.get(cell, cell) for cell in row] for row in cells]
    return header, rows


def published_rows(spec):
    """Published rows: table -> (method, seven joints or none, mean, letters of its sources, remark)."""
    found, table = {name: [] for name in PUBLISHED.values()}, None
    for line in spec[spec.index("### 3.6") : spec.index("## 4. Peers")].splitlines():
        if heading := re.match(r"PoseTrack(?:20)?(\d\d) (val|test)", line):
            table = heading[1] + "-test" * (heading[2] == "test")
            in_a_line = re.findall(r"(\w+) ([\d. ]+) \*\*([\d.]+)\*\* \((\w)\)", line)
            found[table] += [(name, joints.split(), mean, source, "") for name, joints, mean, source in in_a_line]
        elif row := re.fullmatch(r"\| (.+?) \| (.*?)\*\*(.+)\*\* ?(.*?) ?\| (.+) \|", line):
            joints = row[2].split() if row[2][:1].isdigit() else []
            named = zip(row[1].split(" / "), row[3].split(" / "), strict=True)  # several methods may share a row
            found[table] += [(name, joints, mean, letters(row[5]), row[4]) for name, mean in named]
    return found


def letters(sources):
    """`a,b,c` or `a–d` -> the letters."""
    first, last = sources[0], sources[-1]
    return "abcd"["abcd".index(first) : "abcd".index(last) + 1] if "–" in sources else sources.replace(",", "")


def flowing(text):
    return " ".join(text.split())


def test_every_row_is_there():
    assert {table_id: len(table["rows"]) for table_id, table in tables().items()} == ROWS


def test_every_row_fills_every_printed_column_and_every_footnote_is_used():
    for name, table in tables().items():
        if name == "peer-costs":  # ours, but for HRNet's printed costs
            continue
        printed = [column["id"] for column in table["columns"] if column["id"] not in OURS]
        for row in table["rows"]:
            assert list(row["cells"]) == printed, (name, row["id"])
        assert set(table.get("footnotes", {})) == {note for row in table["rows"] for note in row.get("notes", [])}


def test_our_own_study_prints_nothing():
    assert not any("cells" in row for table in tables("open-video").values() for row in table["rows"])


@pytest.mark.shared
def test_the_notes_have_no_other_table(notes):
    """Five titles, each before a table, and five tables in all."""
    assert sum(set(line) <= set("|-") and "|" in line for line in notes.splitlines()) == len(TITLES)
    assert [tables()[name]["title"] for name in TITLES] == re.findall(r"\n(.+):\n\|", notes)


@pytest.mark.shared
def test_main_results_against_the_notes(notes):
    table = tables()["posetrack17"]
    header, rows = markdown_table(notes, table["title"])
    assert header == ["Method", "Backbone", "Mean mAP"]
    assert [[row["label"], *printed_cells(row)] for row in table["rows"]] == rows


@pytest.mark.shared
def test_other_benchmarks_against_the_notes(notes):
    """The notes have a row a data set; we have a column. What they name behind a previous best is our footnote."""
    table = tables()["benchmarks"]
    header, rows = markdown_table(notes, table["title"])
    assert header == ["Dataset", *(row["label"] for row in table["rows"])]
    assert [row[0] for row in rows] == [column["label"] for column in table["columns"]]
    *ours, previous = zip(*rows, strict=True)
    assert ours[1:] == [tuple(printed_cells(row)) for row in table["rows"][:2]]
    assert [cell.split()[0] for cell in previous] == printed_cells(table["rows"][2])
    who = [f"{row[0]}: {cell.split()[1].strip('()')}" for row, cell in zip(rows, previous, strict=True)]
    assert "; ".join(who) == table["footnotes"]["previous"]


@pytest.mark.shared
def test_components_against_the_notes(notes):
    table = tables()["components"]
    header, rows = markdown_table(notes, table["title"])
    assert header == ["Setting", "GSM", "LRM", "mAP"]
    for (label, gsm, lrm, printed), row in zip(rows, table["rows"], strict=True):
        cells = row["cells"]
        assert (label, MARKS[gsm], MARKS[lrm]) == (row["label"], cells["gsm"], cells["lrm"])
        assert printed == cells["mean"] + (f" ({cells['gain']})" if cells["gain"] != "-" else "")


@pytest.mark.shared
@pytest.mark.parametrize("name", ["scans", "resolution"])
def test_efficiency_against_the_notes(notes, name):
    table = tables()[name]
    header, rows = markdown_table(notes, table["title"])
    assert header[1:] == [column["label"] for column in table["columns"] if column["id"] not in OURS]
    assert [[row["label"], *printed_cells(row)] for row in table["rows"]] == rows


@pytest.mark.parametrize("name", [*PUBLISHED, "published-jhmdb"])
def test_columns_of_joints_measure_their_joint(name):
    """A column's metric, data and split are what its label and its table say."""
    columns = [column for column in tables()[name]["columns"] if column["kind"] == "accuracy"]
    metric, benchmark = ("pck", "jhmdb") if "jhmdb" in name else ("ap", f"posetrack{PUBLISHED[name][:2]}")
    assert [column["label"].lower() for column in columns] == [column["id"] for column in columns] == [*JOINTS, "mean"]
    assert [column["metric"] for column in columns] == [*(f"{metric}_{joint}" for joint in JOINTS), metric]
    assert {column["benchmark"] for column in columns} == {benchmark}
    assert {column.get("split") for column in columns} == {"test" if name.endswith("-test") else None}


@pytest.mark.shared
def test_what_the_notes_claim_in_words(notes, spec):
    resolution, jhmdb = tables()["resolution"], tables()["published-jhmdb"]
    assert resolution["footnotes"]["claim"] in notes
    assert "single TITAN RTX GPU" in notes
    assert "one TITAN RTX (24 GB)" in spec
    assert resolution["device_memory"] == "24 GiB"
    cells = {row["id"]: row["cells"]["mean"] for row in jhmdb["rows"]}
    assert f"DeciWatch ({cells['deciwatch']} vs. {cells['glsmamba-b']})" in notes


def test_gains_and_tokens_add_up():
    """Gains are differences of the rows; tokens are those of five frames of 256 x 192 at the printed resolution."""
    means = [float(row["cells"]["mean"]) for row in tables()["components"]["rows"]]
    gains = [row["cells"]["gain"] for row in tables()["components"]["rows"][1:]]
    assert [f"{b - a:+.1f}" for a, b in pairwise(means)] == gains
    for row in tables()["resolution"]["rows"]:
        step = int(row["cells"]["resolution"].removesuffix(" × T").removeprefix("1/"))
        assert row["cells"]["tokens"] == f"{5 * (256 // step) * (192 // step):,}"


def test_printed_parameters_are_those_of_the_rows_variants():
    """A wrong variant on a row would show."""
    rows = [*tables()["scans"]["rows"], *tables()["resolution"]["rows"][:1]]
    assert {row["variant"] for row in rows} == set(TRAINABLE)
    for row in rows:
        assert agrees(parse_printed(row["cells"]["params"], "M"), TRAINABLE[row["variant"]]), row["id"]


@pytest.mark.shared
@pytest.mark.parametrize("name", PUBLISHED)
def test_published_rows_against_the_list(spec, name):
    table, listed = tables()[name], published_rows(spec)[PUBLISHED[name]]
    assert len(listed) == len(table["rows"])
    for row, (method, joints, mean, sources, _) in zip(table["rows"], listed, strict=True):
        boxes, *values = printed_cells(row)
        assert values == [*(joints or ["-"] * 7), mean], method
        assert boxes == ("ground truth" if "(ground-truth boxes)" in method else "not stated")
        short = method.removesuffix(" (ground-truth boxes)")
        family = {"w. ReID": "CorrTrack ", "-H": "GLSMamba"}.get(short, "")  # the list leaves the family out
        assert row["label"] == family + short
        assert [note for note in row["notes"] if note in SOURCES.values()] == [SOURCES[letter] for letter in sources]


@pytest.mark.shared
def test_remarks_on_published_rows(spec):
    """Each remark that the list makes on a row is a footnote of ours on that row, and only there."""
    remarked = {
        (name, row["id"]): remark
        for name, table in PUBLISHED.items()
        for row, (*_, remark) in zip(tables()[name]["rows"], published_rows(spec)[table], strict=True)
        if remark
    }
    assert remarked == {
        ("published-posetrack18", "dsta"): '(the seed says 83.5 for "TDMI/DSTA")',
        ("published-posetrack18", "jm-pose"): "(d prints the 2017 row's joints by mistake)",
    }
    rows = {row["id"]: row["notes"] for row in tables()["published-posetrack18"]["rows"]}
    assert [name for name, notes in rows.items() if {"dsta", "jm"} & set(notes)] == ["dsta", "jm-pose"]
    footnotes = tables()["published-posetrack18"]["footnotes"]
    assert "83.5 (TDMI/DSTA)" in footnotes["dsta"]
    assert "mistake" in footnotes["jm"]


@pytest.mark.parametrize("name", PUBLISHED)
def test_published_means_are_those_of_15_joints(name):
    """Head counts three joints, the others two each; rounding of all eight numbers moves the mean by 0.1 at most."""
    checked = 0
    for row in tables()[name]["rows"]:
        if row["cells"]["head"] == "-":
            continue
        head, *pairs = [float(row["cells"][joint]) for joint in JOINTS]
        mean = float(row["cells"]["mean"])
        odd = abs(mean - (3 * head + 2 * sum(pairs)) / 15) > 0.1 + 1e-9
        seven = abs(mean - (head + sum(pairs)) / 7) <= 0.1
        noted = [note for note in row["notes"] if note in ("mean", "mean7", "neither")]
        assert noted == ODD_MEANS.get((name, row["id"]), []), row["id"]
        assert odd == bool(noted), row["id"]
        assert "mean7" not in noted or seven, row["id"]
        checked += 1
    assert checked > 1


@pytest.mark.shared
def test_published_jhmdb_against_the_spec(spec):
    rows = {row["id"]: row["cells"] for row in tables()["published-jhmdb"]["rows"]}
    assert tables()["published-jhmdb"]["rows"][0]["label"] == "ResNet-50"
    found = re.search(r"ResNet-50 256×256 gets ([\d.]+) \(([\d. ]+)\) averaged over splits", spec)
    assert list(rows.pop("resnet-50").values()) == [*found[2].split(), found[1]]
    listed = re.search(r"\nSub-JHMDB mean: (.+) \(s\)\.", spec)[1]
    labels = {row["id"]: row["label"] for row in tables()["published-jhmdb"]["rows"]}
    assert ", ".join(f"{labels[name]} {cells['mean']}" for name, cells in rows.items()) == listed
    assert all(cells[joint] == "-" for cells in rows.values() for joint in JOINTS)


@pytest.mark.shared
def test_box_settings_against_the_spec(spec):
    """TAR-ViTPose's table as section 3.3 quotes it, and its rows of the other years at the end of 3.6."""
    section = flowing(spec[spec.index("### 3.3") : spec.index("## 4. Peers")])
    cells = {row["label"].lower(): row["cells"] for row in tables()["box-settings"]["rows"]}
    single = re.search(r"detector boxes, 384×288\): S ([\d.]+), B ([\d.]+), L ([\d.]+), H ([\d.]+)", section)
    video = re.search(r"TAR-ViTPose ([\d.]+) / ([\d.]+) / ([\d.]+) / ([\d.]+)\.", section)
    expected = {f"vitpose-{size}": {"posetrack17": value} for size, value in zip("sblh", single.groups(), strict=True)}
    for size, value in zip("sblh", video.groups(), strict=True):
        expected[f"tar-vitpose-{size}"] = {"posetrack17": value}
    years = r"([\d.]+) / ([\d.]+) on 2018 / 21 with detector boxes, ([\d.]+) / ([\d.]+) with ground-truth boxes"
    eighteen, twenty_one, eighteen_gt, twenty_one_gt = re.search(rf"TAR-ViTPose-H: {years}", section).groups()
    both = re.search(r"([\d.]+) with Faster R-CNN boxes and ([\d.]+) with ground-truth boxes", section)
    assert both[1] == video[4]
    expected["tar-vitpose-h"] |= {
        "posetrack17_gt": both[2],
        "posetrack18": eighteen,
        "posetrack18_gt": eighteen_gt,
        "posetrack21": twenty_one,
        "posetrack21_gt": twenty_one_gt,
    }
    placed = re.search(
        r"\*\*GLSMamba \(([\d.]+)\) and Poseidon \(([\d.]+)\) in the ground-truth-box group\*\*", section
    )
    poseidon = [
        next(row["cells"]["mean"] for row in tables()[f"published-posetrack{year}"]["rows"] if row["id"] == "poseidon")
        for year in (18, 21)
    ]
    expected["poseidon"] = dict(
        zip(["posetrack17_gt", "posetrack18_gt", "posetrack21_gt"], [placed[2], *poseidon], strict=True)
    )
    expected["glsmamba-h"] = {"posetrack17_gt": placed[1]}
    assert {name: {key: cell for key, cell in row.items() if cell != "-"} for name, row in cells.items()} == expected


@pytest.mark.shared
def test_numbers_in_our_footnotes_are_in_the_spec(spec):
    """PoseWarper's size behind a percentage of the note; the share is worked out here."""
    note = tables()["resolution"]["footnotes"]["posewarper"]
    assert "PoseWarper" in note
    assert "71.15M" in note
    assert "71.15M" in spec
    assert "86.2 %" in note
    assert round(100 * (1 - 9.8 / 71.15), 1) == 86.2
    assert "66 % less" in note
    posewarper = 438_849_826_560
    assert f"{posewarper / 2**30:.1f}" in note
    assert round(100 * (1 - 138.9 / (posewarper / 2**30))) == 66
    assert round(100 * (1 - 138.9 / (posewarper / 1e9))) == 68
    assert "68 % less" in note


@pytest.mark.parametrize("name", ROWS)
def test_printed_numbers_are_percentages_or_counts(name):
    for row in tables()[name]["rows"]:
        for column in tables()[name]["columns"]:
            if column["kind"] == "accuracy" and row["cells"].get(column["id"], "-") not in ("-", "OOM"):
                assert 50 < parse_printed(row["cells"][column["id"]], "%").value < 100, (row["id"], column["id"])


def test_no_column_mixes_boxes():
    """Every accuracy names whose boxes; the rendered video's columns come in both kinds, with true neighbours."""
    for name, table in tables().items():
        columns = [column for column in table["columns"] if column["kind"] == "accuracy"]
        assert all(column["boxes"] in ("detected", "gt", "unstated") for column in columns), name
        video = [column["boxes"] for column in columns if column["benchmark"] == "video"]
        assert video in ([], ["detected", "gt"]), name
        assert not any("neighbours" in column for column in columns), name


@pytest.mark.shared
def test_printed_costs_of_hrnet_are_in_units_of_2_to_30(shared):
    """As section 5 of the peers' specification quotes them; nothing else of that table is printed."""
    spec = (shared / "specs/peers_2d.md").read_text(encoding="utf-8")
    large, small = re.search(r"HRNet-W48 ([\d.]+) / ([\d.]+) GFLOPs", spec).groups()
    rows = {row["id"]: row["cells"] for row in tables()["peer-costs"]["rows"]}
    assert (rows["hrnet-w48"]["true_macs"], rows["hrnet-w48-256"]["true_macs"]) == (f"{large} Gi", f"{small} Gi")
    for row, macs in (("hrnet-w48", 35_306_606_592), ("hrnet-w48-256", 15_691_825_152)):
        assert agrees(parse_printed(rows[row]["true_macs"], "G"), macs)
        assert agrees(parse_printed(rows[row]["all"], "M"), 63_595_745)
    assert all(set(cells) == {"size"} for row, cells in rows.items() if not row.startswith("hrnet"))
