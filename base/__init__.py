"""Ground that every room stands on; it imports nothing of the project."""

from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent  # of the checkout
