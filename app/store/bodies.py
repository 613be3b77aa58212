"""Bodies as they are kept: bytes ready to send, with the server's ``id`` and ``meta`` put in.

Everything else stays as it came, digit for digit and in its order. A row has the body packed: ``encode`` and ``decode`` are
for whoever writes or reads rows, and the rest of the program knows plain bodies only. Hashes are over what is plain.
"""

from collections.abc import Mapping
from functools import lru_cache
from typing import NamedTuple

import msgspec

from app.db.packed import Packed
from app.fhir.instants import instant_text

_members = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_quoted = msgspec.json.Encoder().encode
_packed = Packed(1)
encode = _packed.pack
"""Return a body as its row has it."""

decode = _packed.unpack
"""Return the body of a row."""

decode_all = _packed.unpack_all
"""Return the bodies of many rows."""

decode_together = _packed.unpack_together
"""Return the bodies of a hundred rows and more, to be copied from; None where that has to be done one by one."""


@lru_cache(maxsize=1024)
def _named(name: str) -> bytes:
    """Return what stands before a member that is not the first."""
    return b"," + _quoted(name) + b":"


class Content(NamedTuple):
    """What a sender said, as bytes: the type as it is written, and all of the body that comes after ``meta.lastUpdated``."""

    resource_type: bytes
    rest: bytes


def content_in(members: Mapping[str, msgspec.Raw]) -> Content:
    """Return what ``members`` say besides an id and what the server tells of a version: as they came, in their order."""
    parts: list[bytes | msgspec.Raw] = []
    given = members.get("meta")
    if given is not None:
        for name, value in _members(given).items():
            if name not in ("versionId", "lastUpdated"):
                parts += (_named(name), value)
    parts.append(b"}")
    for name, value in members.items():
        if name not in ("resourceType", "id", "meta"):
            parts += (_named(name), value)
    parts.append(b"}")
    return Content(bytes(members["resourceType"]), b"".join(parts))


def with_identity(content: Content, resource_id: str, version: int, instant_us: int) -> bytes:
    """Return the body: the content with this id, ``meta.versionId`` and ``meta.lastUpdated``."""
    identity = f',"id":"{resource_id}","meta":{{"versionId":"{version}","lastUpdated":"{instant_text(instant_us)}"'
    return b"".join((b'{"resourceType":', content.resource_type, identity.encode(), content.rest))


def content_kept(body: bytes) -> Content:
    """Return what a body that is kept says besides its identity, for another version that says the same."""
    return content_in(_members(body))


def content_of(body: bytes) -> bytes:
    """Return what a sender said: the body without id, versionId and lastUpdated, to compare two of them."""
    members = _members(body)
    members.pop("id", None)
    given = members.pop("meta", None)
    meta = {} if given is None else _members(given)
    meta.pop("versionId", None)
    meta.pop("lastUpdated", None)
    parts = [_quoted(name) + b":" + bytes(value) for name, value in members.items()]
    parts += [b"meta." + _quoted(name) + b":" + bytes(value) for name, value in meta.items()]
    return b",".join(parts)
