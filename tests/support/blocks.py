"""The blocks of code on the pages of `docs/`, by the heading that they stand under."""

import re

from tests.support.running import ROOT

BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks(page: str, heading: str) -> list[tuple[str, str]]:
    """Return the kind and text of each block under a heading, up to the next heading."""
    text = (ROOT / "docs" / page).read_text(encoding="utf-8")
    section = text.partition(f"\n{heading}\n")[2]
    return BLOCK.findall(re.split(r"^#+ ", section, flags=re.MULTILINE)[0])
