"""Open the site that was made last: `python -m reports.site`. Prints where it is, for machines without a browser."""

import sys
import webbrowser
from pathlib import Path

if __name__ == "__main__":
    pages = sorted(Path("results").glob("*/*/site/index.html"), key=lambda page: page.stat().st_mtime)
    if not pages:
        sys.exit("error: results: holds no site; run `make` first")
    print(pages[-1])
    webbrowser.open(pages[-1].resolve().as_uri())
