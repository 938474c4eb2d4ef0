"""Open the site that was made last: `python -m workflow open`. Prints where it is, for machines without a browser."""

import webbrowser
from pathlib import Path

from base.errors import InputError


def main(_: list[str]) -> None:
    """Raises InputError where no site was made yet."""
    pages = sorted(Path("results").glob("*/*/site/index.html"), key=lambda page: page.stat().st_mtime)
    if not pages:
        raise InputError("results: holds no site; run `make` first")
    print(pages[-1])
    webbrowser.open(pages[-1].resolve().as_uri())
