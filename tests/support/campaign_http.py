"""What the clients of a campaign share: the server, the people, what was answered, and who follows by ``$delta``."""

import asyncio
import contextlib
import itertools
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

import httpx
import msgspec

from app.fhir.release import Release
from app.store.ids import record_in
from tests.support.running import Program
from tests.support.soundness import Soundness


class Unanswered(Exception):  # noqa: N818 - nothing went wrong: the server was killed
    """The server was gone before it answered."""


class Refused(Unanswered):
    """The server said that it can't now, and that nothing was changed."""


@dataclass(frozen=True, slots=True)
class Person:
    """One person: a token, the record, and the Patient of each release."""

    token: str
    record_id: int
    patients: dict[Release, str]


@dataclass
class Server:
    """A server over HTTP; ``answered`` has the ids of all requests that were answered with success.

    A server that is stopping answers 503; ``shows_503`` is for tests that want to see that. ``is_ended`` says that
    it was killed, also to those whose connection did not notice.
    """

    url: str
    http: httpx.AsyncClient
    shows_503: bool = False
    is_ended: bool = False
    answered: set[str] = field(default_factory=set)
    _numbers: "itertools.count[int]" = field(default_factory=lambda: itertools.count(1))

    async def send(
        self,
        person: Person,
        release: Release,
        method: str,
        path: str,
        body: bytes = b"",
        headers: dict[str, str] | None = None,
    ) -> httpx.Response:
        """Return the answer, a 503 only if it ``shows_503``. Raises: Refused; Unanswered, also if the server can't tell what was done."""
        request_id = f"campaign-{next(self._numbers)}"
        content_type = {"Content-Type": "application/fhir+json"} if body else {}
        given = {
            "Authorization": f"Bearer {person.token}",
            "X-Request-ID": request_id,
            **content_type,
            **(headers or {}),
        }
        try:
            url = f"{self.url}/fhir/{release.path}/{path}"
            answer = await self.http.request(method, url, content=body, headers=given)
        except httpx.TransportError as error:
            raise Unanswered from error
        if answer.status_code == 503 and not self.shows_503:
            raise Unanswered if "look whether" in answer.text else Refused
        if answer.is_success:
            self.answered.add(request_id)
        return answer

    async def search(self, person: Person, release: Release, resource_type: str, form: dict[str, str]) -> list[bytes]:
        """Return the bodies of all matches, byte for byte."""
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        answer = await self.send(person, release, "POST", f"{resource_type}/_search", urlencode(form).encode(), headers)
        assert answer.status_code == 200, answer.text
        return [bytes(entry.resource) for entry in msgspec.json.decode(answer.content, type=_Searchset).entry]


class _Match(msgspec.Struct):
    resource: msgspec.Raw


class _Searchset(msgspec.Struct):
    entry: list[_Match] = []


class _DeltaEntry(msgspec.Struct):
    fullUrl: str  # noqa: N815 - FHIR's name
    request: dict[str, Any]
    resource: msgspec.Raw = msgspec.Raw(b"")


class _Delta(msgspec.Struct):
    link: list[dict[str, str]]
    entry: list[_DeltaEntry] = []


@dataclass
class Follower:
    """An app that keeps a copy of a record by ``$delta`` and asks only after the highest number that it has."""

    server: Server
    person: Person
    release: Release
    count: int = 20
    since: int = 0
    seqs: list[int] = field(default_factory=list)
    copy: dict[str, bytes] = field(default_factory=dict)

    async def step(self) -> bool:
        """Ask for the next page and apply it; return whether there is more already. Raises: Unanswered."""
        path = f"$delta?since={self.since}&_count={self.count}"
        answer = await self.server.send(self.person, self.release, "GET", path)
        assert answer.status_code == 200, answer.text
        page = msgspec.json.decode(answer.content, type=_Delta)
        for entry in page.entry:
            seq = int(entry.request["extension"][0]["valueString"])
            assert seq > (self.seqs[-1] if self.seqs else 0), "the numbers do not rise"
            assert seq > self.since, "a change before the one that was asked after"
            self.seqs.append(seq)
            reference = "/".join(entry.fullUrl.split("/")[-2:])
            if entry.request["method"] == "DELETE":
                del self.copy[reference]
            else:
                self.copy[reference] = bytes(entry.resource)
        until = int(answer.headers["Regie-Seq"])
        assert until >= self.since
        self.since = until
        return any(link["relation"] == "next" for link in page.link)

    async def catch_up(self) -> None:
        """Read until there is no more."""
        while await self.step():
            pass

    async def follow(self) -> None:
        """Read on and on, until the server is gone."""
        with contextlib.suppress(Unanswered):
            while not self.server.is_ended:
                if not await self.step():
                    await asyncio.sleep(0.005)

    async def check(self, soundness: Soundness) -> None:
        """Assert, when nobody writes any more, that it saw every number of its release once and has what stands."""
        await self.catch_up()
        changes = [one for one in soundness.changes(self.person.record_id) if one.release == self.release.value]
        assert self.seqs == [one.seq for one in changes]
        standing = {f"{change.resource_type}/{change.id}": change.body for change in changes}
        assert self.copy == {reference: body for reference, body in standing.items() if body}


async def new_people(program: Program, server: Server, count: int) -> list[Person]:
    """Return people with a Patient in both releases and a token each."""
    operator = Person(await asyncio.to_thread(program.run, "token", "issue", "--operator"), 0, {})
    people = []
    for number in range(count):
        names = [{"family": f"Zonnestraal-Testpersoon-{number}"}]
        body = msgspec.json.encode({"resourceType": "Patient", "name": names})
        made = await server.send(operator, Release.R4, "POST", "Patient", body)
        assert made.status_code == 201, made.text
        patient_id = str(made.json()["id"])
        token = await asyncio.to_thread(program.run, "token", "issue", "--patient", patient_id)
        person = Person(token, record_in(patient_id) or 0, {Release.R4: patient_id})
        made = await server.send(person, Release.STU3, "POST", "Patient", body)
        assert made.status_code == 201, made.text
        person.patients[Release.STU3] = str(made.json()["id"])
        people.append(person)
    return people
