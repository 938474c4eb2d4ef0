"""The benchmarks' tables, from a made-up record."""

import json
from pathlib import Path

import pytest
import table

RECORD = {
    "machine_info": {"stated": {"processor": "some CPU", "instruction set": "AVX2"}},
    "datetime": "2026-01-02T03:04:05",
    "benchmarks": [
        {
            "group": "Scan, forward: L=7",
            "stats": {"data": [0.004, 0.002, 0.003]},
            "extra_info": {"first": "cpu", "others": {"other": [0.5, 0.3, 0.31]}},
        }
    ],
}


def test_each_contestant_has_its_times_and_its_ratios_to_the_first(
    tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    (tmp_path / "record.json").write_text(json.dumps(RECORD), encoding="utf-8")
    table.main(str(tmp_path / "record.json"), str(tmp_path / "out.md"))
    text = (tmp_path / "out.md").read_text(encoding="utf-8")
    assert text.splitlines() == [
        *("- processor: some CPU", "- instruction set: AVX2", "- date: 2026-01-02", ""),
        *("### Scan, forward: L=7", ""),
        "| contestant | fastest, ms | median, ms | ratio of fastest | ratio of medians | runs |",
        "|---|--:|--:|--:|--:|--:|",
        "| cpu | 2 | 3 | 1 | 1 | 3 |",
        "| other | 300 | 310 | 150 | 103 | 3 |",
    ]
    assert capsys.readouterr().out.strip() == text.strip()


@pytest.mark.parametrize(("value", "text"), [(0.01234, "0.0123"), (1.0, "1"), (99.96, "100"), (123456.0, "123456")])
def test_numbers_have_three_digits_and_no_powers(value: float, text: str) -> None:
    assert table.digits(value) == text
