"""What an operator imports, one resource after the other: lines of files, of those in folders, and what Bundles hold.

A file is lines of JSON (NDJSON, a resource in each), as bulk exports write them, or one resource if its name ends in ``.json``;
``.gz`` is read too. A ``collection`` or ``searchset`` is its resources, which may call each other by ``fullUrl``; a ``batch`` or
``transaction`` stays whole, since what its entries ask is done together.

Sources: https://github.com/ndjson/ndjson-spec, https://hl7.org/fhir/R4/bundle.html, https://hl7.org/fhir/STU3/bundle.html
"""

import gzip
import zlib
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any, BinaryIO, TypedDict

import msgspec
from msgspec.structs import replace

from app.errors import UnprocessableError
from app.fhir.compartment import patient_members
from app.fhir.release import Release
from app.fhir.validation.primitives import is_valid
from app.interactions.bundle_names import with_links
from app.interactions.sound import Local, named_patients

LINE_MAX = 64 * 1024 * 1024
"""Bytes of a line, and of a file that is one resource."""

_ENDINGS = (".ndjson", ".ndjson.gz", ".json", ".json.gz")
_URN = "urn:uuid:"


class Place(msgspec.Struct, frozen=True, array_like=True):
    """Where a resource came from: the file, the number of the line, from 1, and its own in a Bundle, from 0."""

    file: str
    number: int
    entry: int | None = None


class Line(msgspec.Struct, frozen=True):
    """A resource on its way in.

    ``id`` is the id it gets where it has none itself, ``fault`` what is wrong with the line, which has no body then.
    """

    place: Place
    body: bytes
    id: str | None = None
    fault: str = ""


class Named(msgspec.Struct):
    """What a line says about itself."""

    resource_type: str = msgspec.field(name="resourceType")
    id: str | None = None
    type: msgspec.Raw = msgspec.Raw(b"null")


class _Entry(msgspec.Struct):
    resource: msgspec.Raw = msgspec.Raw(b"")
    full_url: str = msgspec.field(default="", name="fullUrl")


class _Collection(msgspec.Struct):
    entry: list[_Entry] = []


NAMELESS = Named("")
"""What is no resource; why not, its reading tells."""

UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""What a line raises that is no JSON in UTF-8, or nested a thousand deep."""

_named = msgspec.json.Decoder(Named)
_collection = msgspec.json.Decoder(_Collection)


def named(body: bytes | msgspec.Raw) -> Named:
    """Return what a line says about itself, ``NAMELESS`` if it is no resource."""
    try:
        return _named.decode(body)
    except UNREADABLE:
        return NAMELESS


def patients_named(local: Local, release: Release, resource_type: str, body: bytes) -> set[str]:
    """Return what ``named_patients`` does, of a line; nothing for one that is no resource: its reading says what is wrong."""
    try:
        return named_patients(local, release, resource_type, _naming(release, resource_type).decode(body))
    except (*UNREADABLE, AttributeError, TypeError):
        return set()


@cache
def _naming(release: Release, resource_type: str) -> msgspec.json.Decoder[dict[str, Any]]:
    """Return what reads those members of a resource that tell whose it is."""
    members = dict.fromkeys(patient_members(release, resource_type), Any)
    return msgspec.json.Decoder(TypedDict("Naming", members, total=False))  # type: ignore[operator] # made of data


def is_together(about: Named) -> bool:
    """Return whether it is a batch or transaction."""
    return about.resource_type == "Bundle" and bytes(about.type) in (b'"batch"', b'"transaction"')


def files_in(paths: Iterable[Path]) -> list[Path]:
    """Return the files, and those in the folders, in the order of their names. Raises: UnprocessableError."""
    found: list[Path] = []
    for path in paths:
        inside = sorted(one for one in path.rglob("*") if one.is_file() and one.name.endswith(_ENDINGS))
        found += inside if path.is_dir() else [path]
        if path.is_dir() and not inside:
            message = f"{path} has no file that ends in {', '.join(_ENDINGS)}."
            raise UnprocessableError(message)
    return found


def lines_of_files(release: Release, paths: Iterable[Path]) -> Iterator[Line]:
    """Yield the resources of files one after the other. Raises: UnprocessableError, for one that can't be read."""
    for path in paths:
        try:
            with gzip.open(path, "rb") if path.name.endswith(".gz") else path.open("rb") as file:
                if path.name.removesuffix(".gz").endswith(".json"):
                    yield from _resources(release, _whole(str(path), file))
                else:
                    yield from lines_in(release, str(path), file)
        except (OSError, EOFError, zlib.error) as error:
            message = f"{path} can't be read."
            raise UnprocessableError(message) from error


def lines_in(release: Release, name: str, file: BinaryIO | gzip.GzipFile) -> Iterator[Line]:
    """Yield the resources of an NDJSON file."""
    number = 0
    while line := file.readline(LINE_MAX + 1):
        number += 1
        if len(line) > LINE_MAX:
            while line and not line.endswith(b"\n"):
                line = file.readline(LINE_MAX)
            yield _too_long(name, number)
        elif body := line.strip():
            yield from _resources(release, Line(Place(name, number), body))


def _whole(name: str, file: BinaryIO | gzip.GzipFile) -> Line:
    body = file.read(LINE_MAX + 1)
    return Line(Place(name, 1), body) if len(body) <= LINE_MAX else _too_long(name, 1)


def _too_long(name: str, number: int) -> Line:
    return Line(Place(name, number), b"", fault=f"A resource, or a Bundle, may have {LINE_MAX} bytes.")


def _resources(release: Release, line: Line) -> Iterator[Line]:
    """Yield the resource of a line, or those of the collection in it."""
    about = named(line.body)
    if about.resource_type != "Bundle" or bytes(about.type) not in (b'"collection"', b'"searchset"'):
        yield line
        return
    try:
        entries = _collection.decode(line.body).entry
    except UNREADABLE:
        yield replace(line, fault="This Bundle is not FHIR.")
        return
    links = {}
    for entry in entries:
        chosen = _id_of(entry)
        if chosen is not None and entry.full_url.startswith("urn:"):
            links[entry.full_url] = f"{named(entry.resource).resource_type}/{chosen}"
    for index, entry in enumerate(entries):
        if body := bytes(entry.resource):
            place = replace(line.place, entry=index)
            yield Line(place, _linked(release, body, links), _id_of(entry))


def _linked(release: Release, body: bytes, links: Mapping[str, str]) -> bytes:
    """Return a resource that calls the others as they are called here; one that is not in UTF-8 as it is, its reading tells."""
    try:
        return with_links(release, body, links)
    except UnicodeDecodeError:
        return body


def _id_of(entry: _Entry) -> str | None:
    """Return the id that an entry's resource has, or gets by what the others call it."""
    about = named(entry.resource)
    if about.id is not None or not entry.full_url.startswith(_URN):
        return about.id
    return entry.full_url.removeprefix(_URN) if is_valid("uuid", entry.full_url) else None
