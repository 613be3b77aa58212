"""What is asked of the server, as plain HTTP requests without end, spread over all people."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random
from typing import Any

from tests.benchmarks.population import Person, Population
from tests.benchmarks.routine import RELEASE

BASE = f"/fhir/{RELEASE.path}"
_CODES = ("85354-9", "29463-7", "8867-4")
"""Blood pressure, weight and heart rate: everybody has measured each of them more than twenty times."""

_NEW_FROM = datetime(2026, 3, 2, 7, 0)  # noqa: DTZ001 - the offset is written behind it


@dataclass(frozen=True, slots=True)
class Call:
    """One request."""

    method: str
    path: str
    token: str
    body: bytes = b""
    key: str = ""

    def headers(self) -> dict[str, str]:
        """Return the headers that are not about the connection."""
        found = {"Authorization": f"Bearer {self.token}", "Accept": "application/fhir+json"}
        if self.body:
            found["Content-Type"] = "application/fhir+json"
        if self.key:
            found["Idempotency-Key"] = self.key
        return found

    def raw(self, host: str) -> bytes:
        """Return the bytes of the request, as HTTP/1.1."""
        lines = [f"{self.method} {self.path} HTTP/1.1", f"Host: {host}"]
        lines += [f"{name}: {value}" for name, value in self.headers().items()]
        if self.body:
            lines.append(f"Content-Length: {len(self.body)}")
        return "\r\n".join([*lines, "", ""]).encode() + self.body


Maker = Callable[[Population, Random, int], Call]


@dataclass(frozen=True, slots=True)
class Workload:
    """One kind of request: how it is made, what is expected back, and how much is recorded for its limit.

    ``make`` is given a number that is never used twice. ``writes`` is how many changes a request makes, ``rate_max`` how many
    such requests a server does in a second at most: so many are made beforehand; ``entries`` how
    many entries the Bundle in the answer has (None: any number).
    """

    name: str
    about: str
    make: Maker
    status: int = 200
    writes: int = 0
    entries: int | None = None
    recorded: int = 1500
    rate_max: int = 0

    def calls(self, population: Population, numbers: Iterator[int]) -> Iterator[Call]:
        """Yield requests without end; the same population and numbers give the same requests."""
        for number in numbers:
            yield self.make(population, Random(f"{self.name}/{number}"), number)


def _anybody(population: Population, number: int) -> Person:
    return population.people[number % len(population.people)]


def _read(population: Population, chance: Random, number: int) -> Call:
    person = _anybody(population, number)
    return Call("GET", f"{BASE}/Observation/{chance.choice(person.observations)}", person.token)


def _search(population: Population, _: Random, number: int) -> Call:
    person = _anybody(population, number)
    code = _CODES[number // len(population.people) % len(_CODES)]
    query = f"patient={person.patient_id}&code=http://loinc.org|{code}&_sort=-date&_count=20"
    return Call("GET", f"{BASE}/Observation?{query}", person.token)


def _search_since(population: Population, _: Random, number: int) -> Call:
    person = _anybody(population, number)
    code = _CODES[number // len(population.people) % len(_CODES)]
    query = f"patient={person.patient_id}&code=http://loinc.org|{code}&date=ge2024-05-01&_sort=-date&_count=20"
    return Call("GET", f"{BASE}/Observation?{query}", person.token)


def _lastn(population: Population, _: Random, number: int) -> Call:
    person = _anybody(population, number)
    query = f"patient={person.patient_id}&category=vital-signs"
    return Call("GET", f"{BASE}/Observation/$lastn?{query}", person.token)


def _everything(population: Population, _: Random, number: int) -> Call:
    person = population.long[number % len(population.long)]
    return Call("GET", f"{BASE}/Patient/{person.patient_id}/$everything", person.token)


def _measurement(population: Population, person: Person, chance: Random, number: int) -> dict[str, Any]:
    """Return a new measurement of a person, at an instant of its own."""
    found = dict(chance.choice(population.measurements))
    reference = {"reference": f"Patient/{person.patient_id}"}
    at = _NEW_FROM + timedelta(seconds=number % 20_000_000)
    found["identifier"] = [{"system": "urn:oid:2.16.840.1.113883.2.4.3.11.999.90.2", "value": f"measured-{number}"}]
    return {**found, "subject": reference, "performer": [reference], "effectiveDateTime": f"{at.isoformat()}+01:00"}


def _create(population: Population, chance: Random, number: int) -> Call:
    person = _anybody(population, number)
    body = json.dumps(_measurement(population, person, chance, number), separators=(",", ":"), ensure_ascii=False)
    return Call("POST", f"{BASE}/Observation", person.token, body.encode())


def _sync(population: Population, chance: Random, number: int) -> Call:
    person = _anybody(population, number)
    entries = [
        {
            "resource": _measurement(population, person, chance, number * 10 + place),
            "request": {"method": "POST", "url": "Observation"},
        }
        for place in range(10)
    ]
    bundle = {"resourceType": "Bundle", "type": "batch", "entry": entries}
    body = json.dumps(bundle, separators=(",", ":"), ensure_ascii=False).encode()
    return Call("POST", BASE, person.token, body, key=f"sync-{number}")


WORKLOADS = (
    Workload("W1", "read by id", _read, recorded=2000),
    Workload("W2", "$everything of 1,000 resources", _everything, recorded=60),
    Workload("W3", "person + code + newest 20", _search, entries=20),
    Workload("W3-date", "person + code + date, 20 results", _search_since, entries=20),
    Workload("W3-lastn", "$lastn of the vital signs", _lastn, recorded=200),
    Workload("W4", "sync of 10 measurements", _sync, writes=10, entries=10, recorded=300, rate_max=800),
    Workload("W4b", "one create", _create, status=201, writes=1, recorded=1500, rate_max=5000),
)
