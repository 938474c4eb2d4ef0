"""The tables of a benchmark run, in Markdown: python tests/benchmarks/table.py <pytest-benchmark's JSON> <out.md>."""

import json
import statistics
import sys
from collections.abc import Iterator
from pathlib import Path

from base.files import write_text


def tables(record: dict) -> Iterator[str]:
    """What was measured where, then a table a comparison, each time beside its ratio to the first contestant's."""
    stated = record["machine_info"]["stated"] | {"date": record["datetime"][:10]}
    yield "\n".join(f"- {name}: {text}" for name, text in stated.items())
    for benchmark in record["benchmarks"]:
        yield f"### {benchmark['group']}\n\n" + "\n".join(comparison(benchmark))


def comparison(benchmark: dict) -> Iterator[str]:
    """Lines of one table: fastest and median time of each contestant in ms, each over the first contestant's."""
    info, own = benchmark["extra_info"], benchmark["stats"]["data"]
    yield "| contestant | fastest, ms | median, ms | ratio of fastest | ratio of medians | runs |"
    yield "|---|--:|--:|--:|--:|--:|"
    for name, seconds in {info["first"]: own, **info["others"]}.items():
        times = [min(seconds), statistics.median(seconds)]
        ratios = [times[0] / min(own), times[1] / statistics.median(own)]
        cells = [name, *(digits(1e3 * t) for t in times), *(digits(r) for r in ratios), str(len(seconds))]
        yield f"| {' | '.join(cells)} |"


def digits(value: float) -> str:
    """Three significant digits, never in powers of ten."""
    text = f"{value:.3g}"
    return f"{value:.0f}" if "e" in text else text


def main(source: str, target: str) -> None:
    record = json.loads(Path(source).read_text(encoding="utf-8"))
    text = "\n\n".join(tables(record)) + "\n"
    write_text(Path(target), text)
    print(text)


if __name__ == "__main__":
    main(*sys.argv[1:])
