"""Parts of a page of docs/ that a program writes: what stands between ``<!-- NAME -->`` and ``<!-- end of NAME -->``."""

from collections.abc import Sequence
from pathlib import Path


def write_between(page: Path, name: str, text: str) -> None:
    """Put ``text`` between the two marks of this name.

    Raises: LookupError, if the page does not have each of the marks once, in order.
    """
    start, end = f"<!-- {name} -->\n", f"<!-- end of {name} -->"
    content = page.read_text(encoding="utf-8")
    before, *middle = content.split(start)
    if len(middle) != 1 or middle[0].count(end) != 1:
        raise LookupError(f"{page.name} has no part between {start.strip()} and {end}.")
    after = middle[0].partition(end)[2]
    page.write_text(f"{before}{start}\n{text.strip()}\n\n{end}{after}", encoding="utf-8")


def table(header: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    """Return a table in Markdown."""
    lines = [header, tuple("---" for _ in header), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
