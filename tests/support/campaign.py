"""Clients that load a server at random and know what it has to hold afterwards, whenever it is killed.

A ``Client`` owns what it writes, so that for each thing it knows what stands: what was answered stands, what was not
answered is there wholly or not at all. ``settle`` finds out which, after a restart, and sends again what may come twice.
"""

import asyncio
import contextlib
import itertools
import random
import uuid
from dataclasses import dataclass, field
from typing import Any, Literal

import httpx
import msgspec

from app.fhir.release import Release
from tests.support.campaign_http import Person, Refused, Server, Unanswered

IDENTIFIERS = "https://regie.example/campaign"
Operation = Literal["create", "update", "delete", "refused"]


@dataclass(slots=True)
class Thing:
    """A resource as the client knows it: the version that stands and its bytes, None once deleted."""

    mark: str
    resource_type: str
    id: str
    version: int
    body: bytes | None


@dataclass(frozen=True, slots=True)
class Effect:
    """What a request does to the thing with this mark; ``core`` are bytes that only this request puts into it."""

    mark: str
    resource_type: str
    operation: Operation
    core: bytes = b""


@dataclass(slots=True)
class Sent:
    """One request, its effects in the order of a Bundle's entries, and whether it may safely come twice."""

    method: str
    path: str
    body: bytes
    headers: dict[str, str]
    effects: tuple[Effect, ...]
    is_repeatable: bool
    was_refused: bool = False
    """Whether the server said that it was stopping: then nothing of it may have been done."""

    @property
    def is_bundle(self) -> bool:
        """Whether it is a batch or transaction."""
        return not self.path


@dataclass
class Client:
    """One app of one person, on one release; everything that it writes carries a mark of its own."""

    name: str
    server: Server
    person: Person
    release: Release
    random: random.Random
    things: dict[str, Thing] = field(default_factory=dict)
    unanswered: list[Sent] = field(default_factory=list)
    touched: set[str] = field(default_factory=set)
    _numbers: "itertools.count[int]" = field(default_factory=lambda: itertools.count(1))

    async def load(self) -> None:
        """Send one request after the other until the server is gone."""
        with contextlib.suppress(Unanswered):
            while not self.server.is_ended:
                await self.something()

    async def settle(self) -> int:
        """Return how many unanswered requests had been done; send again those that may come twice."""
        done = 0
        waiting, self.unanswered = self.unanswered, []
        for sent in waiting:
            found = await self.found({effect.mark for effect in sent.effects})
            happened = {
                self._happened(effect, found[effect.mark]) for effect in sent.effects if effect.operation != "refused"
            }
            assert len(happened) == 1, f"half of a request was done: {sent}"
            assert not (sent.was_refused and True in happened), f"refused, and done: {sent}"
            done += True in happened
            if sent.is_repeatable:
                answer = await self._answer_to(sent)
                self._apply(sent, answer)
                again = await self.found({effect.mark for effect in sent.effects})
                if True in happened:
                    assert again == found, f"a request that came twice was done twice: {sent}"
                for effect in sent.effects:
                    if effect.operation == "create":
                        assert len(again[effect.mark]) == 1, f"there twice: {sent}"
            elif True in happened:
                self._adopt(sent, found)
        return done

    async def check(self, marks: set[str] | None = None) -> None:
        """Assert that a search by identifier finds of each thing (by default those touched since) what stands, byte for byte."""
        wanted = self.touched if marks is None else marks
        found = await self.found(wanted)
        for mark in wanted:
            thing = self.things.get(mark)
            standing = [thing.body] if thing is not None and thing.body is not None else []
            assert found[mark] == standing, f"{mark}: {found[mark]} instead of {standing}"
        if marks is None:
            self.touched = set()

    async def found(self, marks: set[str]) -> dict[str, list[bytes]]:
        """Return the bodies that a search by identifier finds for each mark."""
        bodies: dict[str, list[bytes]] = {mark: [] for mark in marks}
        for resource_type in ("Observation", "DiagnosticReport"):
            asked = sorted(mark for mark in marks if mark.startswith(resource_type))
            for chunk in _chunks(asked, 60):
                for body in await self.server.search(
                    self.person, self.release, resource_type, {"identifier": ",".join(chunk)}
                ):
                    bodies[_mark_of(body)].append(body)
        return bodies

    # What it sends ---------------------------------------------------------------------------------------------------

    async def something(self) -> None:
        """Send a request of a kind that chance chooses. Raises: Unanswered."""
        kinds = ("create", "update", "delete", "transaction", "batch", "read")
        kind = self.random.choices(kinds, (5, 3, 1, 3, 2, 2))[0]
        alive = [
            thing for thing in self.things.values() if thing.body is not None and thing.resource_type == "Observation"
        ]
        self.random.shuffle(alive)
        if kind in ("transaction", "batch"):
            await self._send(self._bundle(kind, alive))
        elif kind == "create" or len(alive) < 5:
            await self._send(self._create())
        elif kind == "update":
            await self._send(self._update(alive[0]))
        elif kind == "delete":
            await self._send(self._delete(alive[0]))
        else:
            answer = await self.server.send(self.person, self.release, "GET", f"Observation/{alive[0].id}")
            assert (answer.status_code, answer.content) == (200, alive[0].body)

    async def _send(self, sent: Sent) -> None:
        """Send it, now and then twice at once; what is answered is known from then on, what is not is kept to settle."""
        copies = 2 if "Idempotency-Key" in sent.headers and self.random.random() < 0.2 else 1
        self.unanswered.append(sent)
        self.touched |= {effect.mark for effect in sent.effects}
        answers = await asyncio.gather(*(self._answer_to(sent) for _ in range(copies)), return_exceptions=True)
        sent.was_refused = all(isinstance(answer, Refused) for answer in answers)
        received = [answer for answer in answers if isinstance(answer, httpx.Response)]
        for answer in received:
            self._apply(sent, answer)
            assert answer.content == received[0].content, "the same request was answered in two ways"
        if received:
            self.unanswered.remove(sent)
        for failure in answers:
            if isinstance(failure, BaseException):
                raise failure

    async def _answer_to(self, sent: Sent) -> httpx.Response:
        return await self.server.send(self.person, self.release, sent.method, sent.path, sent.body, sent.headers)

    def _create(self) -> Sent:
        how = self.random.choice(("key", "if-none-exist", "identifier", "chosen-id", "none"))
        chosen_id = str(uuid.UUID(int=self.random.getrandbits(128), version=4)) if how == "chosen-id" else ""
        mark, body, core = self._observation("", chosen_id, with_system=how == "identifier")
        headers = self._key() if how in ("key", "chosen-id") else {}
        if how == "if-none-exist":
            headers = {"If-None-Exist": f"identifier={mark}"}
        effect = Effect(mark, "Observation", "create", core)
        method, path = ("PUT", f"Observation/{chosen_id}") if chosen_id else ("POST", "Observation")
        return Sent(method, path, body, headers, (effect,), how != "none")

    def _update(self, thing: Thing) -> Sent:
        _, body, core = self._observation(thing.mark, thing.id)
        keyed = self.random.random() < 0.5
        headers = {"If-Match": f'W/"{thing.version}"', **(self._key() if keyed else {})}
        effect = Effect(thing.mark, "Observation", "update", core)
        return Sent("PUT", f"Observation/{thing.id}", body, headers, (effect,), keyed)

    def _delete(self, thing: Thing) -> Sent:
        return Sent("DELETE", f"Observation/{thing.id}", b"", {}, (Effect(thing.mark, "Observation", "delete"),), True)

    def _bundle(self, kind: str, alive: list[Thing]) -> Sent:
        """Return a Bundle of 5 to 10 entries."""
        how = self.random.choice(("key", "if-none-exist", "none"))
        effects, entries, names = [], [], []
        for _ in range(self.random.randint(4, 6)):
            mark, body, core = self._observation()
            effects.append(Effect(mark, "Observation", "create", core))
            condition = {"ifNoneExist": f"identifier={mark}"} if how == "if-none-exist" else {}
            names.append(f"urn:uuid:{uuid.UUID(int=self.random.getrandbits(128), version=4)}")
            entries.append(_entry("POST", "Observation", body, names[-1], condition))
        mark, body, core = self._report(names if kind == "transaction" else [])
        effects.append(Effect(mark, "DiagnosticReport", "create", core))
        condition = {"ifNoneExist": f"identifier={mark}"} if how == "if-none-exist" else {}
        entries.insert(0, _entry("POST", "DiagnosticReport", body, "", condition))
        effects.insert(0, effects.pop())
        if how != "if-none-exist" and len(alive) >= 3:
            _, body, core = self._observation(alive[0].mark, alive[0].id)
            effects.append(Effect(alive[0].mark, "Observation", "update", core))
            condition = {"ifMatch": f'W/"{alive[0].version}"'}
            entries.append(_entry("PUT", f"Observation/{alive[0].id}", body, "", condition))
            effects.append(Effect(alive[1].mark, "Observation", "delete"))
            entries.append(_entry("DELETE", f"Observation/{alive[1].id}", b"", "", {}))
            if kind == "batch":  # and one that is refused, and takes nothing along
                _, body, core = self._observation(alive[2].mark, alive[2].id)
                effects.append(Effect(alive[2].mark, "Observation", "refused", core))
                condition = {"ifMatch": f'W/"{alive[2].version + 1}"'}
                entries.append(_entry("PUT", f"Observation/{alive[2].id}", body, "", condition))
        text = f'{{"resourceType":"Bundle","type":"{kind}","entry":['.encode() + b",".join(entries) + b"]}"
        headers = {"Prefer": "return=representation", **(self._key() if how == "key" else {})}
        return Sent("POST", "", text, headers, tuple(effects), how != "none")

    def _key(self) -> dict[str, str]:
        return {"Idempotency-Key": f'"{self.name}-{next(self._numbers)}"'}

    def _observation(self, mark: str = "", id_: str = "", *, with_system: bool = False) -> tuple[str, bytes, bytes]:
        """Return (mark, body, core) of a weight; with an id it is the next version of that thing."""
        number = next(self._numbers)
        mark = mark or f"Observation-{self.name}-{number}"
        own_id = f'"id":"{id_}",' if id_ else ""
        system = f'"system":"{IDENTIFIERS}",' if with_system else ""
        core = f'"valueQuantity":{{"value":{number}.50,"unit":"kg","system":"http://unitsofmeasure.org","code":"kg"}}'
        body = (
            f'{{"resourceType":"Observation",{own_id}"identifier":[{{{system}"value":"{mark}"}}],"status":"final",'
            '"code":{"coding":[{"system":"http://loinc.org","code":"29463-7"}]},'
            f'"subject":{{"reference":"Patient/{self.person.patients[self.release]}"}},'
            f'"effectiveDateTime":"2026-03-{number % 28 + 1:02d}T08:00:00+01:00",{core}}}'
        )
        return mark, body.encode(), core.encode()

    def _report(self, results: list[str]) -> tuple[str, bytes, bytes]:
        """Return (mark, body, core) of a report on other entries of a Bundle."""
        number = next(self._numbers)
        mark = f"DiagnosticReport-{self.name}-{number}"
        core = f'"code":{{"text":"Weging {number}"}}'
        references = ",".join(f'{{"reference":"{result}"}}' for result in results)
        tail = f',"result":[{references}]' if results else ""
        body = (
            f'{{"resourceType":"DiagnosticReport","identifier":[{{"value":"{mark}"}}],"status":"final",{core},'
            f'"subject":{{"reference":"Patient/{self.person.patients[self.release]}"}}{tail}}}'
        )
        return mark, body.encode(), core.encode()

    # What it knows ---------------------------------------------------------------------------------------------------

    def _apply(self, sent: Sent, answer: httpx.Response) -> None:
        """Remember what an answer says that stands now."""
        assert answer.is_success, f"{answer.status_code} {answer.text} to {sent}"
        if not sent.is_bundle:
            self._stands(sent.effects[0], answer.content)
            return
        entries = msgspec.json.decode(answer.content, type=_Answer).entry
        for effect, entry in zip(sent.effects, entries, strict=True):
            status = str(entry.response["status"])
            if effect.operation == "refused":
                assert status.startswith("412"), status
                continue
            assert status[:1] == "2", f"{entry.response} to {effect} {sent.body!r}"
            self._stands(effect, bytes(entry.resource))
        report = bytes(entries[0].resource).decode()
        if '"result"' in report:
            for entry in entries[1:]:
                created = str(entry.response["status"]).startswith("201")
                assert not created or msgspec.json.decode(entry.resource)["id"] in report

    def _stands(self, effect: Effect, body: bytes) -> None:
        if effect.operation == "delete":
            thing = self.things[effect.mark]
            self.things[effect.mark] = Thing(effect.mark, thing.resource_type, thing.id, thing.version + 1, None)
            return
        assert effect.core in body
        tree = msgspec.json.decode(body)
        version = int(tree["meta"]["versionId"])
        self.things[effect.mark] = Thing(effect.mark, effect.resource_type, tree["id"], version, body)

    def _adopt(self, sent: Sent, found: dict[str, list[bytes]]) -> None:
        """Remember what turned out to have been done, although nobody answered."""
        for effect in sent.effects:
            if effect.operation != "refused":
                self._stands(effect, found[effect.mark][0] if effect.operation != "delete" else b"")

    @staticmethod
    def _happened(effect: Effect, found: list[bytes]) -> bool:
        assert len(found) <= 1, f"there twice: {effect}"
        if effect.operation == "delete":
            return not found
        return bool(found) and effect.core in found[0]


class _AnswerEntry(msgspec.Struct):
    response: dict[str, Any]
    resource: msgspec.Raw = msgspec.Raw(b"{}")


class _Answer(msgspec.Struct):
    entry: list[_AnswerEntry]


def _chunks(items: list[str], size: int) -> list[list[str]]:
    return [items[start : start + size] for start in range(0, len(items), size)]


def _entry(method: str, url: str, body: bytes, full_url: str, conditions: dict[str, str]) -> bytes:
    request = msgspec.json.encode({"method": method, "url": url, **conditions})
    name = f'"fullUrl":"{full_url}",'.encode() if full_url else b""
    resource = b'"resource":' + body + b"," if body else b""
    return b"{" + name + resource + b'"request":' + request + b"}"


def _mark_of(body: bytes) -> str:
    return str(msgspec.json.decode(body)["identifier"][0]["value"])
