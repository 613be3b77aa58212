"""JSON Patch and JSON Merge Patch, by the examples of their RFCs and beyond."""

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.errors import BadRequestError, UnprocessableError
from app.fhir.patch import json_patch, merge_patch
from app.fhir.tree import decode_tree, encode_tree

Operation = dict[str, Any]


def patched(tree: Any, *operations: Operation) -> Any:
    """Return the tree as the operations make it."""
    return json_patch.read(json.dumps(operations).encode())(tree)


@pytest.mark.parametrize(
    ("before", "operations", "after"),
    [
        ({"a": "b"}, [{"op": "add", "path": "/c", "value": "d"}], {"a": "b", "c": "d"}),
        ({"a": [1, 3]}, [{"op": "add", "path": "/a/1", "value": 2}], {"a": [1, 2, 3]}),
        ({"a": [1]}, [{"op": "add", "path": "/a/-", "value": [2]}], {"a": [1, [2]]}),
        ({"a": 1, "b": 2}, [{"op": "remove", "path": "/a"}], {"b": 2}),
        ({"a": [1, 2, 3]}, [{"op": "remove", "path": "/a/1"}], {"a": [1, 3]}),
        ({"a": 1}, [{"op": "replace", "path": "/a", "value": {"b": 2}}], {"a": {"b": 2}}),
        ({"a": [1, 2]}, [{"op": "replace", "path": "/a/0", "value": 9}], {"a": [9, 2]}),
        ({"a": {"b": 1}, "c": {}}, [{"op": "move", "from": "/a/b", "path": "/c/d"}], {"a": {}, "c": {"d": 1}}),
        ({"a": [1, 2, 3]}, [{"op": "move", "from": "/a/0", "path": "/a/2"}], {"a": [2, 3, 1]}),
        ({"a": [1, 2]}, [{"op": "copy", "from": "/a/1", "path": "/b"}], {"a": [1, 2], "b": 2}),
        (
            {"a/b": 1, "m~n": 2},
            [{"op": "remove", "path": "/a~1b"}, {"op": "test", "path": "/m~0n", "value": 2}],
            {"m~n": 2},
        ),
        ({"a": 1}, [{"op": "add", "path": "", "value": {"b": 2}}], {"b": 2}),
        ({"a": 10}, [{"op": "test", "path": "/a", "value": 10.0}], {"a": 10}),
        ({"": 1}, [{"op": "replace", "path": "/", "value": 2}], {"": 2}),
    ],
)
def test_an_operation_does_what_the_rfc_says(before: Any, operations: list[Operation], after: Any) -> None:
    assert patched(before, *operations) == after


@pytest.mark.parametrize(
    "operation",
    [
        {"op": "remove", "path": "/b"},
        {"op": "replace", "path": "/b", "value": 1},
        {"op": "add", "path": "/b/c", "value": 1},
        {"op": "add", "path": "/a/3", "value": 1},
        {"op": "add", "path": "/a/01", "value": 1},
        {"op": "replace", "path": "/a/-", "value": 1},
        {"op": "remove", "path": "/a/2"},
        {"op": "remove", "path": "/a/0/x"},
        {"op": "copy", "from": "/b", "path": "/c"},
        {"op": "move", "from": "/a", "path": "/a/0"},
        {"op": "test", "path": "/a/0", "value": True},
        {"op": "test", "path": "/a", "value": [1]},
        {"op": "remove", "path": ""},
        {"op": "replace", "path": "", "value": 3},
    ],
)
def test_an_operation_that_does_not_fit_is_told_so(operation: Operation) -> None:
    with pytest.raises(UnprocessableError):
        patched({"a": [1, 2]}, operation)


@pytest.mark.parametrize(
    "body",
    [
        b"", b"{}", b"[1]", b"[{}]", b'[{"op":"add"}]', b'[{"op":"add","path":"/a"}]', b'[{"op":"move","path":"/a"}]',
        b'[{"op":"unheard","path":"/a"}]', b'[{"op":"remove","path":"a"}]', b'[{"op":"remove","path":"/~2"}]',
        b'[{"op":["add"],"path":"/a"}]', b'[{"op":"copy","path":"/a","from":1}]', b"[" * 100_000,
        b"[" + b",".join([b'{"op":"test","path":"","value":1}'] * 1001) + b"]", b'[{"op":"remove","path":"/\xff"}]',
    ],
    ids=lambda body: body[:30],
)  # fmt: skip
def test_what_is_no_patch_is_refused(body: bytes) -> None:
    with pytest.raises(BadRequestError):
        json_patch.read(body)


def test_copies_can_not_fill_the_memory() -> None:
    doubling = [{"op": "copy", "from": "/a", "path": f"/a/{number}"} for number in range(60)]
    with pytest.raises(UnprocessableError):
        patched({"a": {"b": 1}}, *doubling)
    wide = [{"op": "copy", "from": "/a", "path": "/a/-"} for _ in range(40)]
    with pytest.raises(UnprocessableError):
        patched({"a": [1] * 1000}, *wide)


def test_a_patch_may_be_applied_twice_to_the_same_tree() -> None:
    patch = json_patch.read(b'[{"op":"add","path":"/a","value":{"b":[]}},{"op":"add","path":"/a/b/-","value":1}]')
    assert patch({}) == patch({}) == {"a": {"b": [1]}}


@pytest.mark.parametrize(
    ("before", "patch", "after"),
    [
        ({"a": "b"}, {"a": "c"}, {"a": "c"}),
        ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
        ({"a": "b"}, {"a": None}, {}),
        ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
        ({"a": {"b": "c", "d": 1}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d", "d": 1}}),
        ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
        ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
        ({"a": "foo"}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
    ],
)
def test_a_merge_patch_does_what_the_rfc_says(before: Any, patch: Any, after: Any) -> None:
    assert merge_patch.read(json.dumps(patch).encode())(before) == after


@pytest.mark.parametrize("body", [b"", b"[]", b"1", b'{"a":' * 50 + b"1" + b"}" * 50])
def test_what_is_no_merge_patch_is_refused(body: bytes) -> None:
    with pytest.raises(BadRequestError):
        merge_patch.read(body)


@given(st.decimals(allow_nan=False, allow_infinity=False, places=9) | st.decimals(-(10**9), 10**9, places=2))
def test_a_decimal_keeps_its_digits_when_it_is_written(value: Decimal) -> None:
    written = format(value, "f").encode()
    assert encode_tree(decode_tree(b'{"a":' + written + b"}")) == b'{"a":' + written + b"}"


_POINTERS = st.lists(st.sampled_from(["a", "b", "0", "1", "-", "", "~1"]), max_size=4).map(
    lambda parts: "".join(f"/{part}" for part in parts)
)
_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text("ab", max_size=2),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("ab"), inner, max_size=2),
    max_leaves=6,
)
_OPERATIONS = st.lists(
    st.fixed_dictionaries(
        {"op": st.sampled_from(["add", "remove", "replace", "move", "copy", "test"]), "path": _POINTERS},
        optional={"value": _VALUES, "from": _POINTERS},
    ),
    max_size=6,
)


@given(_OPERATIONS, st.dictionaries(st.sampled_from("ab"), _VALUES, max_size=2))
def test_a_patch_gives_an_object_or_is_refused(operations: list[Operation], tree: Any) -> None:
    try:
        after = patched(tree, *operations)
    except (BadRequestError, UnprocessableError):
        return
    assert isinstance(after, dict)
    assert decode_tree(encode_tree(after)) == after


@given(_VALUES, _VALUES)
def test_a_value_is_the_same_as_itself_only(one: Any, other: Any) -> None:
    assert json_patch.same(one, one)
    assert json_patch.same(one, other) == (json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True))
