"""The RO-Crate of a report: read back by the library, every file there, papers and revisions named."""

from pathlib import Path

import pytest
from demo_results import DEMO, OPTIONS
from demo_site import write_report
from rocrate.rocrate import ROCrate

from base.errors import InputError
from reports.crate import write_crate
from reports.measurements import Choice

CHOICE = Choice(**OPTIONS)


def test_the_crate_names_files_papers_settings_and_revisions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    report = write_report(tmp_path)
    path = write_crate([DEMO], report, CHOICE)
    written = path.read_bytes()
    crate = ROCrate(report)
    files = {entity.id for entity in crate.data_entities}
    assert {"measurements.csv", "comparisons.csv", "orders.csv", "audit/claims.csv", "tables/demo-table1.json"} <= files
    assert all((report / name).is_file() for name in files)
    assert [paper["url"] for paper in crate.root_dataset["about"]] == ["https://example.org/demo"]
    action = crate.dereference("#run")
    assert {entity["name"]: entity["value"] for entity in action["object"]}["scale"] == "quick"
    assert action["instrument"]["softwareVersion"]
    assert {entity.id for entity in action["result"]} == files
    assert write_crate([DEMO], report, CHOICE).read_bytes() == written


def test_a_folder_without_measurements_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"measurements\.csv: no such file"):
        write_crate([], tmp_path, CHOICE)
    assert not list(tmp_path.iterdir())
