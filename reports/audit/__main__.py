"""`python -m reports.audit [ID ...]`: findings with their evidence in the terminal, from the last `make audit`."""

import sys
from pathlib import Path

from reports.audit.write import gather
from studies.errors import InputError
from studies.load import study_names
from studies.reading import nearest

REPORT = Path("results/quick/synthetic")
OPTIONS = {"scale": "quick", "dataset": "synthetic"}


def main(wanted: list[str]) -> None:
    """Run every check again on what was measured and print the wanted findings; all titles where none is named."""
    audit = gather(study_names(), REPORT / "measurements.csv", "results/efficiency/evidence.json", **OPTIONS)
    shown = {finding["id"]: _text(finding) for finding in audit["findings"]}
    withdrawn = {f["id"]: f"{f['title']}\n  withdrawn: {f['why']}" for f in audit["withdrawn"]}
    for name in wanted:
        if name not in shown | withdrawn:
            raise InputError(f"no finding {name!r}{nearest(name, shown | withdrawn)}")
        print((shown | withdrawn)[name])
    if not wanted:
        print("\n".join(f"{f['status']:20} {f['kind']:14} {f['id']:28} {f['title']}" for f in audit["findings"]))


def _text(finding: dict) -> str:
    """A finding as plain text, its evidence as aligned columns."""
    lines = [finding["title"], f"  {finding['kind']}, {finding['status']}"]
    lines += [f"  claimed: {q['where']}" + (f": “{q['words']}”" if q["words"] else "") for q in finding["claimed"]]
    lines += [f"  {key}: {finding[key]}" for key in ("found", "changes", "means", "needs", "changed") if finding[key]]
    lines += [f"  code: {c['does']}\n        {c['link']}" for c in finding["code"]]
    lines += [f"  said: {s['by']} ({s['source']}): {s['words']}" for s in finding["said"]]
    lines += [f"  true of: {', '.join(cells)} ({table})" for table, cells in finding["true_of"].items()]
    rows = [finding["head"], *finding["rows"]]
    widths = [max(len(str(row[i])) for row in rows) for i in range(len(finding["head"]))]
    lines += ["  " + "  ".join(str(cell).ljust(width) for cell, width in zip(row, widths, strict=True)) for row in rows]
    return "\n".join(line.rstrip() for line in lines)


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except InputError as error:
        sys.exit(f"error: {error}")
