"""Tables of poses in video: benchmarks that are not here, rendered videos by box setting, and out of memory."""

from dataclasses import replace

import pandas as pd
import pytest

from reports.layout import count_verdicts, make_view
from reports.measurements import Choice
from reports.tables import build_table
from reports.writers import markdown
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
OPTIONS = {"scale": "quick", "dataset": "synthetic", "selection": "last"}


def row(convention, value, metric="ap", **others):
    known = {"scale": "quick", "dataset": "video-synthetic", "variant": "mlp", "recipe": "video", "seed": 0}
    known |= {"metric": metric, "convention": convention, "value": value, "unit": "%", "device": "cpu", "run": "r"}
    return dict.fromkeys(COLUMNS, "") | known | others


def measured(*rows):
    return pd.DataFrame(list(rows), columns=COLUMNS)


def cells(*rows, **options):
    table = build_table(STUDY, TABLE, measured(*rows), **OPTIONS | options)
    return table, table.set_index(["row", "column"])


VIDEO = [
    row("poseval+detected-boxes/val/last", 60.0),
    row("poseval+gt-boxes/val/last", 70.0),
    row("poseval+gt-boxes+copies/val/last", 50.0),
]


def memory(mebibytes):
    return row("predicted", mebibytes, "training_memory", scale="paper", variant="mean-pose", unit="MiB")


def test_a_benchmark_that_is_not_here_needs_registration():
    _, cell = cells(*VIDEO)
    assert tuple(cell.loc[("ours", "mean"), ["verdict", "why"]]) == ("not run", "data needs registration")
    assert tuple(cell.loc[("peer", "mean"), ["verdict", "why"]]) == ("not run", "no implementation yet")
    assert cell["measured"].loc[[("ours", "mean"), ("ours", "gt")]].isna().all()


def test_box_settings_and_neighbours_are_never_mixed():
    table, cell = cells(*VIDEO)
    assert list(cell.loc["ours"].loc[["video", "video_gt", "copies"], "measured"]) == [60, 70, 50]
    assert set(cell.loc["ours"].loc[["video", "video_gt", "copies"], "verdict"]) == {"not comparable"}
    details = [heading.detail for heading in make_view(STUDY, TABLE, table, Choice(**OPTIONS)).headings]
    assert details == [
        "%, PoseTrack2017, boxes not stated",
        "%, PoseTrack2017, true boxes",
        "%, quick, video-synthetic, detector boxes",
        "%, quick, video-synthetic, true boxes",
        "%, quick, video-synthetic, true boxes, neighbours: copies",
    ]


def test_where_the_data_are_there_the_box_setting_decides():
    """A number for boxes that the paper does not state is compared with none."""
    own = {"scale": "paper", "dataset": "video-posetrack17"}
    _, cell = cells(row("poseval+gt-boxes/val/last", 87.0, **own), scale="paper")
    assert cell.loc[("ours", "gt"), "measured"] == 87
    assert cell.loc[("ours", "mean"), "verdict"] == "not comparable"
    assert cell.loc[("ours", "mean"), "why"] == "which boxes is not stated: 87.0 with true boxes"
    stated = replace(TABLE, columns=(replace(TABLE.columns[0], boxes="gt"),))
    numbers = measured(row("poseval+gt-boxes/val/last", 87.0, **own))
    table = build_table(STUDY, stated, numbers, **OPTIONS | {"scale": "paper"})
    assert list(table["verdict"]) == ["not run", "reproduced", "not run"]


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
    assert tuple(cell.loc[("large", "mean"), ["verdict", "why"]]) == (verdict, why)
    assert count_verdicts(table)[verdict] == 1
    page = markdown(make_view(STUDY, TABLE, table, Choice(**OPTIONS)))
    assert "OOM" in page
    assert why.replace(">", r"\>") in page
    assert cell.loc[("large", "video"), "why"].startswith("not trained: the paper prints out of memory")


def test_out_of_memory_without_a_prediction_is_not_run():
    table, cell = cells(*VIDEO)
    assert tuple(cell.loc[("large", "mean"), ["verdict", "why"]]) == ("not run", "training_memory not predicted")
    assert count_verdicts(table) == {"reproduced": 0, "differs": 0, "not comparable": 0, "not run": 3}


def test_no_lifting_baselines_stand_in_a_table_of_videos():
    table, _ = cells(*VIDEO)
    assert list(dict.fromkeys(table["row"])) == ["peer", "ours", "large"]


def test_a_table_of_printed_numbers_alone_names_no_scale():
    """Nothing of it was measured here, at whatever scale."""
    table = replace(TABLE, columns=TABLE.columns[:2])
    view = make_view(STUDY, table, build_table(STUDY, table, measured(*VIDEO), **OPTIONS), Choice(**OPTIONS))
    assert (view.notice, "scale" in view.caption) == ("", False)
    assert "the data are not here" in view.caption
