"""Make docs/site.jpg from a site: .venv/bin/python tests/reports/picture.py results/quick/synthetic/site docs/site.jpg

Four of its pages, one frame per page: the overview, the claims, where costs go, the player of poses.
"""

import sys
from pathlib import Path

import cv2
import numpy as np
from browser import browser
from playwright.sync_api import Page

SIZE, SHOWN = {"width": 1280, "height": 880}, (732, 503)  # of a window, of its picture
GAP, GROUND, QUALITY = 16, 230, 85
PATIENCE = 120_000  # milliseconds that a page may take on a busy machine
# A page of the site with its anchor, and what must be there before the picture is taken.
PAGES = {
    "index.html": "table.gaps, svg.gap",
    "claims.html#kind=order": "td.outcome",
    "costs.html": "svg.share",
    "poses.html": ".viewer .chart .main-svg, .viewer .chart canvas",
}


def main(site: Path, picture: Path) -> None:
    """Write the picture of a site's four pages."""
    with browser() as running:
        page = running.new_page(viewport=SIZE)
        page.set_default_timeout(PATIENCE)
        shots = [_shot(page, site, *each) for each in PAGES.items()]
    rows = [np.hstack([shots[i], _gap(SHOWN[1], GAP), shots[i + 1]]) for i in (0, 2)]
    whole = np.vstack([rows[0], _gap(GAP, rows[0].shape[1]), rows[1]])
    if not cv2.imwrite(str(picture), whole, [cv2.IMWRITE_JPEG_QUALITY, QUALITY]):
        sys.exit(f"error: {picture}: cannot be written; check the folder")


def _shot(page: Page, site: Path, name: str, there: str) -> np.ndarray:
    file, _, anchor = name.partition("#")
    if not (site / file).is_file():
        sys.exit(f"error: {site / file}: no such page; run `make` first")
    page.goto((site / file).resolve().as_uri() + (f"#{anchor}" if anchor else ""))
    page.wait_for_selector("html[data-ready=true]")
    page.wait_for_selector(there)
    page.wait_for_timeout(2000)  # WebGL draws after it is there
    shot = cv2.imdecode(np.frombuffer(page.screenshot(), np.uint8), cv2.IMREAD_COLOR)
    return cv2.resize(shot, SHOWN, interpolation=cv2.INTER_AREA)


def _gap(height: int, width: int) -> np.ndarray:
    return np.full((height, width, 3), GROUND, np.uint8)


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit("error: say the site's folder and the picture to write")
    main(Path(sys.argv[1]), Path(sys.argv[2]))
