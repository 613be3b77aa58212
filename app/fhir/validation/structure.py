"""From bytes to a resource: is this JSON, is it FHIR, and where not.

A resource that is accepted has closed content, the right cardinalities and primitive forms, one value per choice, codes
from required bindings and references to the right types, in contained resources and Bundle entries too. Profiles,
terminology beyond required bindings, and whether references resolve are for others.

Spec: https://hl7.org/fhir/R4/json.html, https://hl7.org/fhir/STU3/json.html
"""

import json
import re
from collections import Counter
from decimal import Decimal
from typing import Any

import msgspec

from app.errors import InvalidResourceError, MalformedError
from app.fhir.issues import Issue
from app.fhir.release import Release
from app.fhir.releases.definitions import served
from app.fhir.validation.acceptance import accepts
from app.fhir.validation.issues import find_issues
from app.fhir.validation.primitives import DECIMAL_DIGITS_MAX, FORMS, STRING_LENGTH_MAX, is_number
from app.fhir.validation.references import links_of, ways_to_links

DEPTH_MAX = 40
_MEMBERS = msgspec.json.Decoder(dict[str, msgspec.Raw])
_ENCODER = msgspec.json.Encoder()
_WHITE_SPACE = b" \t\r\n"
_BRACES_AS_BRACKETS = bytes.maketrans(b"{}", b"[]")
_BLOCK = STRING_LENGTH_MAX // 2
# An escaped ASCII character, a control character, a character that XML does not have, or white space at the start of a
# string, which may be blank.
_TELLING_ESCAPE = re.compile(rb'\\u(?:00[0-7]|[fF]{3}[eEfF])|\\[bf]|" *\\[nrt]')
# What all of them have: most bodies have none, which is found out ten times as quickly.
_ESCAPE = re.compile(rb"\\[ubfnrt]")
_NOT_IN_XML = b"\xef\xbf\xbe", b"\xef\xbf\xbf"  # U+FFFE and U+FFFF
_SAFE_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}")


class _UnboundedNumberError(Exception):
    """A decimal with so many digits, or so large an exponent, that computing with it could take any time."""


class Parsed(msgspec.Struct, frozen=True):
    """A valid resource. ``tree`` has decimals as Decimal; ``members`` the exact bytes of each member, in order.

    ``references`` and ``addresses`` are as ``references.py`` finds them.
    ``has_extensions`` is false where there surely are none, in it or in what it contains, ``has_fragments`` where no text
    begins with ``#``, ``has_other_types`` where every reference begins with the type that is said beside.
    """

    resource_type: str
    id: str | None
    tree: dict[str, Any]
    members: dict[str, msgspec.Raw]
    references: list[tuple[str, str]]
    addresses: list[str]
    has_extensions: bool
    has_fragments: bool
    has_other_types: bool


def is_resource_type(release: Release, name: str) -> bool:
    """Return whether Regie serves the resource type ``name`` in ``release``."""
    return name in served(release)


def resource_types(release: Release) -> frozenset[str]:
    """Return the resource types that Regie serves in ``release``."""
    return served(release)


def parse(
    release: Release,
    body: bytes,
    *,
    expected_type: str | None = None,
    location: str | None = None,
    maximum_depth: int = DEPTH_MAX,
    plain_tree: dict[str, Any] | None = None,
) -> Parsed:
    """Return the resource in ``body``, valid in ``release``; ``plain_tree`` is it decoded, where it is known to be plain.

    ``location`` is where the resource stands, such as ``Bundle.entry[3].resource``; expressions start with it.
    ``expected_type`` is the type that the URL names. ``maximum_depth`` counts nested objects and arrays.
    Raises: MalformedError (not JSON, or not one of the resources served), InvalidResourceError (with all issues).
    """
    tree = decode(body, location=location) if plain_tree is None else plain_tree
    resource_type = _served_type(release, tree, location)
    if expected_type is not None and resource_type != expected_type:
        raise _malformed(f"The resourceType must be {expected_type}, as in the URL.", "invalid", location)
    check(release, body, tree, location=location, maximum_depth=maximum_depth, is_plain=plain_tree is not None)
    members = members_of(body)
    # Of bytes, rfind takes half the time of "in".
    is_spelled_out = body.rfind(b"\\u") < 0  # else a name may be there that is written otherwise
    has_extensions = not is_spelled_out or body.rfind(b"xtension") >= 0
    links = links_of(tree, None if has_extensions else ways_to_links(release)[resource_type])
    return Parsed(
        resource_type,
        tree.get("id"),
        tree,
        members,
        links.references,
        links.addresses,
        has_extensions=has_extensions,
        has_fragments=not is_spelled_out or body.rfind(b'"#') >= 0,
        has_other_types=links.has_other_types,
    )


def members_of(body: bytes) -> dict[str, msgspec.Raw]:
    """Return the exact bytes of each member of a JSON object, in order. Raises: msgspec.DecodeError."""
    return _MEMBERS.decode(body)


def decode(body: bytes, *, location: str | None = None) -> dict[str, Any]:
    """Return the JSON object in ``body``, decimals as Decimal.

    Raises: MalformedError, if it is not JSON in UTF-8 or not an object.
    """
    try:
        tree = _DECODER.decode(body)
    except RecursionError as error:
        raise _malformed("Objects and arrays are nested too deep.", "structure", location) from error
    except _UnboundedNumberError as error:
        raise _malformed(f"A number must be {FORMS['decimal']}.", "value", location) from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        place = re.search(r" \(byte \d+\)", str(error))
        raise _malformed(f"The body is not JSON in UTF-8{place[0] if place else ''}.", "structure", location) from error
    if not isinstance(tree, dict):
        raise _malformed("The body must be a JSON object.", "structure", location)
    return tree


def check(
    release: Release,
    body: bytes,
    tree: dict[str, Any],
    *,
    location: str | None = None,
    maximum_depth: int = DEPTH_MAX,
    skip_entry_resources: bool = False,
    is_plain: bool = False,
) -> bool:
    """Return only if ``tree``, which is ``body`` decoded and has a known resourceType, is valid: whether ``body`` is plain.

    So are the objects in it then. ``is_plain`` says that it is known to be.

    Raises: MalformedError (a name occurs twice, nested too deep), InvalidResourceError.
    """
    is_plain = is_plain or _is_plain(body, tree)
    if is_plain and accepts(release, body, tree, maximum_depth, skip_entry_resources=skip_entry_resources):
        return True
    if not is_plain:
        _refuse_repeated_names(body, location)
    found = find_issues(
        release, tree, location=location, maximum_depth=maximum_depth, skip_entry_resources=skip_entry_resources
    )
    if found:
        raise InvalidResourceError(found)
    return is_plain


def _is_plain(body: bytes, tree: dict[str, Any]) -> bool:
    r"""Return whether the bytes alone exclude a number of faults, as they do for nearly every body.

    These are: empty objects, arrays and strings, blank and too long strings, control characters, and names that occur twice in an
    object. For the last, colons in the body are counted against those in the tree, encoded anew, where each name occurs
    once. Colons in strings are equally many on both sides, or more in the body where a value was overwritten; so equal
    counts mean that no name was lost. An escaped colon would count on one side only: a body with ``\u`` is not plain,
    unless it only escapes characters beyond ASCII.
    """
    if b"\\" in body and _ESCAPE.search(body) and _TELLING_ESCAPE.search(body):
        return False
    if not body.isascii() and (_NOT_IN_XML[0] in body or _NOT_IN_XML[1] in body):
        return False
    # A text longer than two blocks covers one of them.
    if len(body) > _BLOCK and any(
        body.find(b'"', start, start + _BLOCK) < 0 for start in range(0, len(body) - _BLOCK, _BLOCK)
    ):
        return False
    dense = body.translate(_BRACES_AS_BRACKETS, _WHITE_SPACE)
    return dense.rfind(b"[]") < 0 and dense.rfind(b'""') < 0 and body.count(b":") == _ENCODER.encode(tree).count(b":")


def _decimal(text: str) -> Decimal:
    """Return the number with all its digits. Raises: _UnboundedNumberError, if using it could take any time."""
    number = Decimal(text)
    is_small = len(text) <= DECIMAL_DIGITS_MAX and "e" not in text and "E" not in text
    if not is_small and not is_number(number):
        raise _UnboundedNumberError
    return number


def _refuse_repeated_names(body: bytes, location: str | None) -> None:
    """Raise MalformedError if an object in ``body`` has two members of one name; JSON parsers differ in what they see."""

    def gather(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        members = dict(pairs)
        if len(members) < len(pairs):
            repeated = Counter(name for name, _ in pairs).most_common(1)[0][0]
            what = f"The name {repeated}" if _SAFE_NAME.fullmatch(repeated) else "A name"
            raise _malformed(f"{what} occurs twice in one object.", "structure", location)
        return members

    try:
        json.loads(body, object_pairs_hook=gather, parse_float=str, parse_int=str)
    except RecursionError as error:
        raise _malformed("Objects and arrays are nested too deep.", "structure", location) from error


def _served_type(release: Release, tree: dict[str, Any], location: str | None) -> str:
    """Return the resource type. Raises: MalformedError, if there is none or it is not served."""
    name = tree.get("resourceType")
    if not isinstance(name, str):
        raise _malformed("The body must have a resourceType.", "structure", location)
    if name not in served(release):
        raise _malformed("The resourceType is not one that this server has.", "not-supported", location)
    return name


def _malformed(diagnostics: str, code: str, location: str | None) -> MalformedError:
    return MalformedError([Issue("error", code, diagnostics, location)])


_DECODER = msgspec.json.Decoder(float_hook=_decimal)
