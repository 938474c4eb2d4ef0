"""Tables of poses in video: benchmarks that are not here, rendered videos by box setting, and out of memory."""

from dataclasses import replace

import pandas as pd
import pytest
from demo_results import by_place, judged

from reports.measurements import Choice
from reports.tables.cell import count_verdicts
from reports.tables.layout import make_view
from reports.tables.writers import markdown
from studies.measurements import COLUMNS
from studies.types import Row, Study, Table, VideoColumn

AP = {"label": "mAP", "metric": "ap", "protocol": "poseval", "unit": "%"}
THEIRS, OURS = {"benchmark": "posetrack17", "about": "posetrack17"}, {"benchmark": "video", "about": "posetrack17"}
TABLE = Table(
    id="main",
    number=None,
    title="Comparison",
    benchmark=None,
    device_memory="24 GiB",
    columns=(
        VideoColumn(id="mean", boxes="unstated", **THEIRS, **AP),
        VideoColumn(id="gt", boxes="gt", **THEIRS, **AP),
        VideoColumn(id="video", boxes="detected", **OURS, **AP),
        VideoColumn(id="video_gt", boxes="gt", **OURS, **AP),
        VideoColumn(id="copies", boxes="gt", neighbours="copies", **OURS, **AP),
    ),
    rows=(
        Row(id="peer", label="Peer", cells={"mean": "81.2"}),
        Row(id="ours", label="Ours", variant="mlp", recipe="video", cells={"mean": "86.9"}),
        Row(id="large", label="Large", variant="mean-pose", cells={"mean": "OOM"}),
    ),
)
STUDY = Study(name="paper", title="A paper", venue="", link="", tables=(TABLE,))
OPTIONS = {"scale": "quick", "motion": "synthetic", "selection": "last"}


def row(convention, value, metric="ap", **others):
    known = {"scale": "quick", "dataset": "video-synthetic", "variant": "mlp", "recipe": "video", "seed": 0}
    known |= {"metric": metric, "convention": convention, "value": value, "unit": "%", "device": "cpu", "run": "r"}
    return dict.fromkeys(COLUMNS, "") | known | others


def measured(*rows):
    return pd.DataFrame(list(rows), columns=COLUMNS)


def cells(*rows, **options):
    table = judged(STUDY, TABLE, measured(*rows), **OPTIONS | options)
    return table, by_place(table)


def verdict_of(cell):
    return cell.verdict, cell.why


VIDEO = [
    row("poseval+detected-boxes/val/last", 60.0),
    row("poseval+gt-boxes/val/last", 70.0),
    row("poseval+gt-boxes+copies/val/last", 50.0),
]


def memory(mebibytes):
    return row("predicted", mebibytes, "training_memory", scale="paper", variant="mean-pose", unit="MiB")


def test_a_benchmark_that_is_not_here_needs_registration():
    _, cell = cells(*VIDEO)
    assert verdict_of(cell["ours", "mean"]) == ("not run", "data needs registration")
    assert verdict_of(cell["peer", "mean"]) == ("not run", "no implementation yet")
    assert cell["ours", "mean"].measured is cell["ours", "gt"].measured is None


def test_box_settings_and_neighbours_are_never_mixed():
    table, cell = cells(*VIDEO)
    assert [cell["ours", column].measured for column in ("video", "video_gt", "copies")] == [60, 70, 50]
    assert {cell["ours", column].verdict for column in ("video", "video_gt", "copies")} == {"not comparable"}
    details = [heading.detail for heading in make_view(STUDY, TABLE, table, Choice(**OPTIONS)).headings]
    assert details == [
        "%, poseval, PoseTrack2017, boxes not stated",
        "%, poseval, PoseTrack2017, true boxes",
        "%, poseval, quick, video-synthetic, detector boxes",
        "%, poseval, quick, video-synthetic, true boxes",
        "%, poseval, quick, video-synthetic, true boxes, neighbours: copies",
    ]


def test_where_the_data_are_there_the_box_setting_decides():
    """A number for boxes that the paper does not state is compared with none."""
    own = {"scale": "paper", "dataset": "video-posetrack17"}
    _, cell = cells(row("poseval+gt-boxes/val/last", 87.0, **own), scale="paper")
    assert cell["ours", "gt"].measured == 87
    assert cell["ours", "mean"].verdict == "not comparable"
    assert cell["ours", "mean"].why == "boxes not stated by the paper: 87.0 with true boxes"
    stated = replace(TABLE, columns=(replace(TABLE.columns[0], boxes="gt"),))
    numbers = measured(row("poseval+gt-boxes/val/last", 87.0, **own))
    table = judged(STUDY, stated, numbers, **OPTIONS | {"scale": "paper"})
    assert [cell.verdict for cell in table] == ["not run", "reproduced", "not run"]


@pytest.mark.parametrize(
    ("mebibytes", "verdict", "why"),
    [
        (24.5 * 1024, "reproduced", "predicted 24.5 GiB > 24 GiB"),
        (97 * 1024, "reproduced", "predicted 97.0 GiB > 24 GiB"),
        (24576, "differs", "predicted 24.0 GiB, which fits into 24 GiB"),
    ],
)
def test_out_of_memory_is_judged_by_the_prediction(mebibytes, verdict, why):
    table, cell = cells(*VIDEO, memory(mebibytes))
    assert verdict_of(cell["large", "mean"]) == (verdict, why)
    assert count_verdicts(table)[verdict] == 1
    page = markdown(make_view(STUDY, TABLE, table, Choice(**OPTIONS)))
    assert "OOM" in page
    assert why.replace(">", r"\>") in page
    assert cell["large", "video"].why.startswith("not trained: the paper reports out of memory")


def test_out_of_memory_without_a_prediction_is_not_run():
    table, cell = cells(*VIDEO)
    assert verdict_of(cell["large", "mean"]) == ("not run", "training_memory not predicted")
    assert count_verdicts(table) == {"reproduced": 0, "differs": 0, "not comparable": 0, "not run": 3}


def test_no_lifting_baselines_stand_in_a_table_of_videos():
    table, _ = cells(*VIDEO)
    assert list(dict.fromkeys(cell.row for cell in table)) == ["peer", "ours", "large"]


def test_a_table_of_printed_numbers_alone_names_no_scale():
    """Nothing of it was measured here, at whatever scale."""
    table = replace(TABLE, columns=TABLE.columns[:2])
    view = make_view(STUDY, table, judged(STUDY, table, measured(*VIDEO), **OPTIONS), Choice(**OPTIONS))
    assert (view.notice, "scale" in view.caption) == ("", False)
    assert "the data are not here" in view.caption
