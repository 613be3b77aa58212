"""People as lines of FHIR, as another system would hand them over: with ids of its own, the staff of the practice once."""

import json
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec

from app.fhir.release import Release
from tests.benchmarks.routine import Invented

_STAFF = ("Organization", "Practitioner", "PractitionerRole")
_encode = msgspec.json.Encoder(decimal_format="number").encode
_FULL_URL = re.compile(rb'"urn:uuid:([0-9a-f-]{36})"')


def write_lines(path: Path, release: Release, people: Iterable[Invented]) -> int:
    """Return how many resources of one release were written to a file, one per line."""
    count = 0
    staff: set[bytes] = set()
    with path.open("wb") as file:
        for person in people:
            for line in _lines(person, release):
                if line.startswith(b'{"id":"staff'):
                    if line in staff:
                        continue
                    staff.add(line)
                file.write(line + b"\n")
                count += 1
    return count


def _lines(person: Invented, release: Release) -> Iterator[bytes]:
    pairs = person.resources.get(release, [])
    ids = {}
    for full_url, resource in pairs:
        name = "staff" if resource["resourceType"] in _STAFF else f"person{person.number}"
        ids[full_url] = f"{name}-{full_url.removeprefix('urn:uuid:')}"
    places = {full_url: f"{resource['resourceType']}/{ids[full_url]}" for full_url, resource in pairs}

    def place(match: re.Match[bytes]) -> bytes:
        return json.dumps(places[f"urn:uuid:{match[1].decode()}"]).encode()

    for full_url, resource in pairs:
        yield _FULL_URL.sub(place, _encode({"id": ids[full_url], **resource}))
