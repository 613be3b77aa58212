"""What people and systems wrote stands apart on a page: letters from right to left, and signs that turn letters round, move nothing around them.

A template's values are marked where they are put in, and the marks become ``<bdi>`` in the page; a form's fields, attributes
and what can hold no element keep the text as it is. Only what may turn something is marked, so that other pages have none.

Spec: https://html.spec.whatwg.org/multipage/text-level-semantics.html#the-bdi-element, https://www.unicode.org/reports/tr9/
"""

import re
from typing import Any

from markupsafe import Markup

_BEGIN, _END = "\ue000", "\ue001"
"""Of the private use area, so that nobody's text means anything by them; where one has them, they are taken out."""

_MARKS = re.compile(f"[{_BEGIN}{_END}]")
_TURNS = re.compile(
    "[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc\U00010800-\U00010fff\U0001e800-\U0001efff"  # letters from right to left
    f"\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069{_BEGIN}{_END}]"  # signs that turn
)
_PLAIN = re.compile(r"<(textarea|title|option|text)\b.*?</\1>|<[^>]*>", re.DOTALL)


def apart(value: Any) -> Any:
    """Return a value of a template as it is, a text that may turn what is around it between marks."""
    if not isinstance(value, str) or value.isascii() or isinstance(value, Markup) or not _TURNS.search(value):
        return value
    return f"{_BEGIN}{_MARKS.sub('', value)}{_END}"


def with_elements(page: str) -> str:
    """Return a page with elements instead of marks."""
    if _BEGIN not in page:
        return page
    plain = _PLAIN.sub(lambda found: _MARKS.sub("", found[0]), page)
    return plain.replace(_BEGIN, "<bdi>").replace(_END, "</bdi>")
