"""Which resources have which words."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.fhir.search.expression import Worded
from app.fhir.search.strings import words
from app.fhir.search.wording import may_say, says


def worded(*alternatives: str, in_narrative: bool = False) -> Worded:
    return Worded(in_narrative, tuple(tuple(words(one)) for one in alternatives))


@pytest.mark.parametrize(
    ("asked", "tree", "wanted"),
    [
        ("zon", {"note": [{"text": "De Zonnestraal"}]}, True),
        ("straal", {"note": [{"text": "De Zonnestraal"}]}, False),
        ("creme", {"note": [{"text": "Crème"}]}, True),
        ("crème", {"note": [{"text": "CREME"}]}, True),
        ("de zon", {"a": "zon", "b": {"c": ["de"]}}, True),
        ("note", {"note": "x"}, False),
        ("x", {"content": [{"data": "x"}]}, False),
        ("div", {"text": {"div": "<div>a</div>"}}, False),
        ("title", {"text": {"div": '<div title="b">a</div>'}}, False),
        ("ge", {"text": {"div": "<div>g&eacute;</div>"}}, True),
    ],
)
def test_a_word_is_found_by_its_beginning_in_any_text(asked: str, tree: dict[str, Any], wanted: bool) -> None:
    assert says(worded(asked), tree) == wanted


def test_the_narrative_alone_is_looked_at_where_that_is_asked() -> None:
    tree = {"text": {"status": "generated", "div": "<div>hier</div>"}, "note": "daar"}
    assert says(worded("hier", in_narrative=True), tree)
    assert not says(worded("daar", in_narrative=True), tree)
    assert not says(worded("hier", in_narrative=True), {"note": "hier"})


letters = st.text(st.sampled_from('aAbBéÉßK &;"\\/<>1-'), max_size=8)
trees = st.dictionaries(
    st.sampled_from(["note", "code"]), st.one_of(letters, st.lists(letters, max_size=2)), min_size=1
)


@given(st.lists(letters.filter(words), min_size=1, max_size=2), trees, st.booleans())
def test_no_body_is_passed_over_that_has_the_words(asked: list[str], tree: dict[str, Any], ensure_ascii: bool) -> None:
    wanted = worded(*asked)
    if says(wanted, tree):
        assert may_say(wanted, json.dumps(tree, ensure_ascii=ensure_ascii).encode())


def test_a_body_without_the_words_is_passed_over() -> None:
    assert not may_say(worded("zon"), b'{"note": "maan"}')
    assert may_say(worded("zon", "maan"), b'{"note": "Maan"}')
