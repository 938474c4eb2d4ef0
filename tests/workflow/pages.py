"""The code blocks of a page of docs/, as a reader who follows it would take them."""

import re
from pathlib import Path

BLOCK = re.compile(r"^[^`\n]*`([^`\n]+)`[^\n]*:\n\n```\w+\n(.*?)```", re.MULTILINE | re.DOTALL)


def blocks(page: Path) -> list[tuple[str, str]]:
    """(the file that the line above names, code) of each block that is meant for a file."""
    return BLOCK.findall(page.read_text(encoding="utf-8"))
