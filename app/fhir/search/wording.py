"""``_text`` and ``_content``: the words of a resource, of its narrative alone or of all its texts.

A value is one or more words, each of which has to be the beginning of a word of the resource, without case and accents. There
is no index of words: they are read from what the other parameters of a search find.

Spec: https://hl7.org/fhir/R4/search.html#content, https://hl7.org/fhir/STU3/search.html#content
"""

from collections.abc import Iterator
from html.parser import HTMLParser
from typing import Any

from app.fhir.search.expression import Worded
from app.fhir.search.strings import words

_NOT_WORDS = frozenset({"data"})
"""Members that hold base64: what is in an attachment is not looked into."""


def says(worded: Worded, tree: dict[str, Any]) -> bool:
    """Return whether a resource has the words that are asked."""
    texts = _texts(tree.get("text") if worded.in_narrative else tree)
    there = " " + " ".join(words(" ".join(texts)))
    return any(all(f" {word}" in there for word in alternative) for alternative in worded.alternatives)


def may_say(worded: Worded, body: bytes) -> bool:
    """Return False if a body can't have the words; most can be passed over so, without being read as a resource.

    Where letters may be written in another way than as themselves, nothing is ruled out.
    """
    if not body.isascii() or b"\\" in body or b"&" in body:
        return True
    lower = body.lower()
    return any(all(word.encode() in lower for word in alternative) for alternative in worded.alternatives)


def _texts(node: Any) -> Iterator[str]:
    if isinstance(node, str):
        yield node
    elif isinstance(node, list):
        for item in node:
            yield from _texts(item)
    elif isinstance(node, dict):
        for member, value in node.items():
            if member == "div" and isinstance(value, str):
                yield _plain(value)
            elif member not in _NOT_WORDS:
                yield from _texts(value)


class _Narrative(HTMLParser):
    """The text between the tags."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.found: list[str] = []

    def handle_data(self, data: str) -> None:
        self.found.append(data)


def _plain(div: str) -> str:
    narrative = _Narrative()
    narrative.feed(div)
    narrative.close()
    return " ".join(narrative.found)
