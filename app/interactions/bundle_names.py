"""What the entries of a Bundle call each other by, and how the ids that they get are put in its place.

A ``fullUrl`` is replaced wherever a resource links to it: in references, in elements that are a uri, url, oid or uuid, and in
the links of the narrative (its images come with the resource, see ``narrative.py``). What merely looks alike, such as an Identifier,
stays.

Spec: https://hl7.org/fhir/R4/http.html#trules, https://hl7.org/fhir/STU3/http.html#2.21.0.17.2
"""

import re
from collections.abc import Mapping
from functools import cache
from typing import Any

import msgspec

from app.errors import InvalidResourceError
from app.fhir.issues import Issue
from app.fhir.release import Release
from app.fhir.releases.definitions import definitions
from app.fhir.validation.structure import Parsed, parse

_LINK_TYPES = frozenset({"uri", "url", "oid", "uuid"})
_TEXT_TYPES = frozenset({"string", "markdown", "code", "id"})
_STRING = rb'"(?:[^"\\]|\\.)*"'
_TEXT = re.compile(_STRING)
_LINK_IN_NARRATIVE = re.compile(rb"""(\bhref\s*=\s*(\\"|'))([^"'\\]+)(?=\2)""")


@cache
def _links(release: Release) -> re.Pattern[bytes]:
    """Return what finds the members that link to something: the name, and the text or the list of texts."""
    known = definitions(release)
    members = [member for name in known.names for member in known[name].members.values()]
    texts = {member.name for member in members if member.type in _TEXT_TYPES}
    links = {member.name for member in members if member.type in _LINK_TYPES} - texts | {"reference", "url", "div"}
    names = "|".join(sorted(links)).encode()
    return re.compile(rb'("(?:' + names + rb')"\s*:\s*)(' + _STRING + rb"|\[[^\[\]{}]*\])")


def renamed(
    release: Release, parsed: Parsed, body: bytes, names: Mapping[str, str], *, location: str, maximum_depth: int
) -> Parsed:
    """Return a resource with its links to other entries replaced by what ``names`` has for them; the rest stays byte for byte.

    Raises: InvalidResourceError, for a reference to a ``urn:`` that no entry has.
    """
    replaced = with_links(release, body, names)
    if replaced != body:
        expected = parsed.resource_type
        parsed = parse(release, replaced, expected_type=expected, location=location, maximum_depth=maximum_depth)
    strange = [place for place, text in parsed.references if text.startswith(("urn:uuid:", "urn:oid:"))]
    _refuse(parsed, strange, location, "This names an entry that the Bundle does not have.")
    return parsed


def refuse_lost(parsed: Parsed, lost: set[str], location: str) -> None:
    """Refuse a resource that links to an entry of a batch that was not done; ``lost`` are what those are called.

    Raises: InvalidResourceError.
    """
    if not lost:
        return
    places = [place for place, text in parsed.references if text in lost]
    if not lost.isdisjoint(parsed.addresses):
        places.append(parsed.resource_type)  # where in it is not kept
    _refuse(parsed, places, location, "This names an entry that could not be done.")


def _refuse(parsed: Parsed, places: list[str], location: str, message: str) -> None:
    issues = [Issue("error", "not-found", message, f"{location}{one[len(parsed.resource_type) :]}") for one in places]
    if issues:
        raise InvalidResourceError(issues)


def with_links(release: Release, body: bytes, names: Mapping[str, str]) -> bytes:
    """Return a resource with its links to what ``names`` has replaced by what that is called here; the rest stays byte for byte."""
    return _links(release).sub(lambda found: found[1] + _value(found[1], found[2], names), body) if names else body


def _value(name: bytes, value: bytes, names: Mapping[str, str]) -> bytes:
    if name.startswith(b'"div"'):
        return _LINK_IN_NARRATIVE.sub(
            lambda found: found[1] + names.get(found[3].decode(), found[3].decode()).encode(), value
        )
    return _TEXT.sub(lambda found: _text(found[0], names), value)


def _text(text: bytes, names: Mapping[str, str]) -> bytes:
    name = names.get(msgspec.json.decode(text, type=str))
    return text if name is None else msgspec.json.encode(name)


def with_names(node: Any, names: Mapping[str, str]) -> Any:
    """Return a tree with the references that have a name here replaced."""
    if isinstance(node, list):
        return [with_names(item, names) for item in node]
    if not isinstance(node, dict):
        return node
    return {
        name: names.get(value, value) if name == "reference" and isinstance(value, str) else with_names(value, names)
        for name, value in node.items()
    }
