"""How the text of ``_filter`` is read."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.errors import BadRequestError
from app.fhir.search.filter import (
    MAXIMUM_DEPTH,
    OPERATORS,
    Comparison,
    Logical,
    Node,
    Step,
    comparisons_in,
    read_filter,
)


def simple(name: str, operator: str, value: str) -> Comparison:
    return Comparison((Step(name, None),), operator, value)


A, B, C = (simple(name, "eq", name) for name in "abc")


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("a eq a", A),
        (" a  eq\ta ", A),
        ('a eq "a"', A),
        ('a co "b) ] \\"c\\u00e9"', simple("a", "co", 'b) ] "cé')),
        ("date ge 2014-10-10", simple("date", "ge", "2014-10-10")),
        ("code eq http://loinc.org|1234-5", simple("code", "eq", "http://loinc.org|1234-5")),
        ("not eq a", simple("not", "eq", "a")),
        ("a eq a and b eq b", Logical("and", (A, B))),
        ("a eq a or b eq b and c eq c", Logical("and", (Logical("or", (A, B)), C))),
        ("a eq a or (b eq b and c eq c)", Logical("or", (A, Logical("and", (B, C))))),
        ("not (a eq a or b eq b)", Logical("not", (Logical("or", (A, B)),))),
        ("not(a eq a)and not(b eq b)", Logical("and", (Logical("not", (A,)), Logical("not", (B,))))),
        ("subject.name eq x", Comparison((Step("subject", None), Step("name", None)), "eq", "x")),
        ("subject:Patient[a eq a].b eq b", Comparison((Step("subject:Patient", A), Step("b", None)), "eq", "b")),
    ],
)
def test_a_filter_is_read_from_left_to_right(text: str, wanted: Node) -> None:
    assert read_filter(text) == wanted


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("", 1),
        ("a", 2),
        ("a is b", 3),
        ("a eq", 5),
        ('a eq "b', 6),
        ('a eq "\\x"', 6),
        ('a eq "\\ud800"', 6),
        ("(a eq a", 8),
        ("a eq a)", 7),
        ("a eq a b eq b", 8),
        ("a eq a and", 11),
        ("not (a eq a", 12),
        ("a[b eq b", 9),
        ("a.", 3),
        ("1 eq 1", 1),
        ("a[] eq 1", 3),
    ],
)
def test_what_can_not_be_read_is_refused_with_its_place(text: str, place: int) -> None:
    with pytest.raises(BadRequestError, match=rf"^_filter can't be read at character {place}: ") as refused:
        read_filter(text)
    assert refused.value.expression == "http._filter"


def test_a_filter_has_an_end() -> None:
    assert read_filter("(" * MAXIMUM_DEPTH + "a eq a" + ")" * MAXIMUM_DEPTH) == A
    with pytest.raises(BadRequestError, match="deep"):
        read_filter("(" * (MAXIMUM_DEPTH + 1) + "a eq a" + ")" * (MAXIMUM_DEPTH + 1))
    with pytest.raises(BadRequestError, match="deep"):
        read_filter("a[" * 5000)
    assert comparisons_in(read_filter(" and ".join(["a[b eq b].c eq c"] * 300))) == 600


texts = st.text(st.sampled_from('ab.[]()" \\:|eqnot,1-and'), max_size=40)


@given(texts)
def test_any_text_is_a_filter_or_a_bad_request(text: str) -> None:
    with contextlib.suppress(BadRequestError):
        assert comparisons_in(read_filter(text)) > 0


values = st.text(max_size=10).filter(lambda text: text.isprintable())
tests = st.builds(simple, st.sampled_from(["a", "_id", "value-quantity"]), st.sampled_from(sorted(OPERATORS)), values)
nodes = st.recursive(
    tests,
    lambda inner: st.one_of(
        st.builds(
            lambda operator, one, other: Logical(operator, (one, other)), st.sampled_from(["and", "or"]), inner, inner
        ),
        inner.map(lambda one: Logical("not", (one,))),
    ),
    max_leaves=6,
)


def written(node: Node) -> str:
    if isinstance(node, Comparison):
        value = node.value.replace("\\", "\\\\").replace('"', '\\"')
        return f'{node.path[0].name} {node.operator} "{value}"'
    if node.operator == "not":
        return f"not ({written(node.parts[0])})"
    return f"({written(node.parts[0])} {node.operator} {written(node.parts[1])})"


@given(nodes)
def test_what_is_written_is_what_is_read(node: Node) -> None:
    assert read_filter(written(node)) == node
