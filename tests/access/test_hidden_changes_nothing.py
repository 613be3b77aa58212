"""What nobody let a requester see changes nothing of what they are answered, whatever they ask.

Somebody has the demonstration record, and with it the same things again that refer to what is not there. All is asked; then what
was referred to comes, outside of what was granted; and all is asked again. ``REGIE_TEST_EXAMPLES`` is how many searches are
asked of each release, other ones each time; there are some five thousand.
"""

import json
import os
import re
import uuid
from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from functools import cache
from itertools import product
from random import Random
from typing import Any

import httpx
import pytest

from app.access.categories import ALL_PARTS, Category
from app.access.grant import Grant, Grantee
from app.access.representation import NO_POWERS, Capacity
from app.access.requester import RequesterKind
from app.access.smart_scope import ALL_ACTIONS
from app.consent import grants
from app.consent.categorize import categorize
from app.db.database import Transaction
from app.demo.people import demo_people
from app.fhir.release import Release
from app.fhir.search.definitions import definitions
from app.oauth.tokens import Holder
from tests.access.test_pages import session
from tests.support.acting import browser_of, go_in, let_act, token_of
from tests.support.world import DAY, Caller, Tree, World, bundle, entry, restricted

EXAMPLES = int(os.environ.get("REGIE_TEST_EXAMPLES", "0"))
URN = re.compile("urn:uuid:[0-9a-f-]{36}")
OPENED = {
    "all but what is sensitive": ALL_PARTS,
    "the care plan": Category.CARE_PLAN,
    "the own measurements": Category.OWN_MEASUREMENTS,
    "the GP summary and the name": Category.GP_SUMMARY | Category.PERSONAL_DETAILS,
}
_OF_NOW = (
    (re.compile('"lastUpdated":"[^"]+"|_cursor=[A-Za-z0-9_-]+|urn:uuid:[0-9a-f-]+'), ""),
    (re.compile(f"{date.today().year}-[0-9]{{2}}-[0-9]{{2}}T[0-9:.]+"), "NOW"),
    (re.compile(r'value="([^"]{16,}|[0-9]+)"|\b[0-9]{1,2}:[0-9]{2}\b'), ""),
    (re.compile("[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f-]{22}"), ""),
)
"""What differs from one answer to the next."""


def every(who: Sequence[str], opened: Iterable[str]) -> list[tuple[str, str]]:
    """Return who asks with what opened to them: one of each, or all with all if it is to take long."""
    return list(product(dict.fromkeys(who), OPENED)) if EXAMPLES else list(zip(who, opened, strict=True))


@cache
def demonstration(release: Release) -> tuple[tuple[str, Tree], ...]:
    """Return what the first invented person has, two of what they have much of, each with the name that others have for it."""
    found: dict[str, Tree] = {}
    kinds: dict[str, int] = {}
    for name, tree in demo_people(date(2026, 11, 26))[0].resources[release]:
        text = json.dumps(tree, default=float)
        kind = f"{tree['resourceType']} {tree.get('code', tree.get('type'))}"
        kinds[kind] = kinds.get(kind, 0) + 1
        if kinds[kind] <= 2 and set(URN.findall(text)) <= found.keys():
            found[name] = json.loads(text)
    return tuple(found.items())


def told(release: Release, patient: str, salt: str, refers_to: str = "") -> list[Tree]:
    """Return these things under ids that follow from ``salt``, referring to those of ``refers_to``."""
    pairs = demonstration(release)
    types = {name: tree["resourceType"] for name, tree in pairs}

    def called(name: str, of: str) -> str:
        return str(uuid.uuid5(uuid.NAMESPACE_URL, f"{of} {name}"))

    def reference(found: re.Match[str]) -> str:
        kind = types[found[0]]
        return patient if kind == "Patient" else f"{kind}/{called(found[0], refers_to or salt)}"

    named = [
        json.loads(URN.sub(reference, json.dumps({**tree, "id": called(name, salt)})))
        for name, tree in pairs
        if tree["resourceType"] != "Patient"
    ]
    return [{member: value for member, value in tree.items() if member != "identifier"} for tree in named]


async def keep(me: Caller, trees: list[Tree]) -> None:
    """Put things into the record of a person."""
    puts = [entry("PUT", f"{tree['resourceType']}/{tree['id']}", tree) for tree in trees]
    if not puts:
        return
    answer = await me("POST", "/", bundle("transaction", *puts))
    assert answer.status_code == 200, answer.text


class Story:
    """A person's record before and after what is hidden comes."""

    def __init__(self, world: World, opened: Category) -> None:
        self.world, self.opened = world, opened
        self.hidden = {release: self._hidden(release) for release in Release}

    def sees(self, tree: Tree) -> bool:
        """Return whether a thing is in what was granted, as far as it is not sensitive."""
        return bool(categorize(tree["resourceType"], tree) & self.opened)

    def _hidden(self, release: Release) -> list[Tree]:
        trees = told(release, self.world.zonnestraal.patient(release), "hidden")
        if self.opened is ALL_PARTS:
            return [tree | {"meta": {**tree.get("meta", {}), **restricted()}} for tree in trees]
        return [tree for tree in trees if not self.sees(tree)]

    async def begin(self) -> None:
        """Keep what is there before."""
        for release in Release:
            me, patient = self.world.caller("zonnestraal", release), self.world.zonnestraal.patient(release)
            await keep(me, told(release, patient, "seen"))
            referring = [tree for tree in told(release, patient, "referring", "hidden") if self.sees(tree)]
            await keep(me, referring)

    async def hide(self) -> None:
        """Keep what is outside of what was granted."""
        for release in Release:
            await keep(self.world.caller("zonnestraal", release), self.hidden[release])

    async def grant(self, grantee: Grantee, grantee_id: str) -> Grant:
        """Return a new grant of all that is opened."""
        now, record_id = self.world.parts.clock(), self.world.zonnestraal.record_id

        async def job(transaction: Transaction) -> Grant:
            return await grants.give(
                transaction, record_id=record_id, grantee=grantee, grantee_id=grantee_id, categories=self.opened,
                actions=ALL_ACTIONS, until=now + DAY, purpose="treatment", now=now,
            )  # fmt: skip

        return await self.world.parts.database.write(job)

    async def token(self, who: str) -> str:
        """Return an access token of an app, a practice or a helper to whom this was granted."""
        world, him = self.world, self.world.zonnestraal
        if who == "helper":
            grant = await let_act(world, world.maanlicht, Capacity.CARER, categories=self.opened, powers=NO_POWERS)
            return await token_of(world, world.maanlicht, grant)
        if who == "practice":
            await self.grant(Grantee.PRACTICE, world.made.practices["no grant"])
            return world.made.tokens["no grant"]
        client_id = world.made.clients["app"]
        grant = await self.grant(Grantee.APP, client_id)
        holder = Holder(RequesterKind.APP, "app", client_id, record_id=him.record_id, grant_id=grant.grant_id)
        return await world.token(holder, "patient/*.cruds")


def searches(release: Release, patient: str, hidden: list[Tree]) -> Iterator[str]:
    """Yield what can be asked of each type: by each parameter, through each reference, and of what is hidden by its id."""
    known = definitions(release)
    ids: dict[str, list[str]] = {name: [] for name in ("Patient", "Observation", "Condition", "Goal")}
    for tree in hidden:
        ids.setdefault(tree["resourceType"], []).append(tree["id"])
    for name, of_type in ids.items():
        yield from (
            f"/{name}?{asked}" for asked in ("_total=accurate&_count=3", "_include=*", "_count=2&_sort=-_lastUpdated")
        )
        yield from (f"/{name}/_history", f"/{name}/$meta")
        for one in of_type[:2]:
            yield from (f"/{name}/{one}{what}" for what in ("", "/_history", "/_history/1", "/$validate", "/$meta"))
            yield from (f"/Encounter/{one}/Observation", f"/{name}?_id={one}")
        for parameter in known.supported(name).values():
            ways = [
                ":missing=true",
                ":missing=false",
                *{"date": ["=gt2000"], "quantity": ["=gt0"]}.get(parameter.kind, []),
            ]
            yield from (f"/{name}?{parameter.name}{way}&_summary=count" for way in ways)
            if parameter.kind != "composite":
                yield from (f"/{name}?_sort={sign}{parameter.name}&_count=5" for sign in ("", "-"))
            if parameter.kind != "reference":
                continue
            yield f"/{name}?_include={name}:{parameter.name}"
            for target in sorted((parameter.targets or ids.keys()) & ids.keys()):
                yield f"/{target}?_revinclude={name}:{parameter.name}"
                asked = ["_lastUpdated=gt2000", *(f"_id={one}" for one in of_type[:1])]
                yield from (f"/{target}?_has:{name}:{parameter.name}:{way}&_summary=count" for way in asked)
                through = f"/{name}?{parameter.name}:{target}"
                asked = [one for one in ("code", "status", "name", "category") if one in known.supported(target)]
                yield from (f"{through}.{way}:missing=true&_summary=count" for way in asked)
                yield f"{through}._lastUpdated=gt2000&_total=accurate"
                yield from (f"{through}._id={one}" for one in ids[target][:1])
    yield from ("/_history", "/$delta?since=0", "/Observation/$lastn?max=3", "/$meta", "/Condition?_release=both")
    yield from (f"/{patient}/{what}" for what in ("$everything", "$everything?_count=5", "$summary"))


def writes(tree: Tree, patient: str) -> Iterator[tuple[str, str, Any, dict[str, str]]]:
    """Yield method, address, body and headers of what could be done with something hidden, none of which changes anything."""
    name, one = tree["resourceType"], tree["id"]
    like = {member: value for member, value in tree.items() if member != "meta"}
    patch = json.dumps([{"op": "test", "path": "/resourceType", "value": name}])
    refused = entry("PUT", "Basic/refused", {"resourceType": "Basic", "id": "refused", "code": {"text": "-"}})
    refers: Tree = {"resourceType": "Basic", "code": {"text": "-"}, "subject": {"reference": patient}}
    refers["extension"] = [{"url": "https://example.test/about", "valueReference": {"reference": f"{name}?_id={one}"}}]
    new = {member: value for member, value in like.items() if member != "id"}
    for url in (f"/{name}/{one}", f"/{name}?_id={one}"):
        yield "DELETE", url, None, {"If_Match": 'W/"9"'}
        yield "DELETE", url, None, {}
        yield "PATCH", url, patch, {"Content_Type": "application/json-patch+json"}
    yield "PUT", f"/{name}/{one}", like, {"If_Match": 'W/"9"'}
    yield "PUT", f"/{name}/{one}", like, {"If_Match": 'W/"1"'}
    yield "GET", f"/{name}/{one}", None, {"If_None_Match": 'W/"1"'}
    yield "POST", f"/{name}/{one}/$validate", like, {}
    for asked in (
        entry("POST", name, new, ifNoneExist=f"_id={one}"), entry("PUT", f"{name}?_id={one}", new),
        entry("POST", "Basic", refers), entry("DELETE", f"{name}/{one}"),
    ):  # fmt: skip
        yield "POST", "/", bundle("transaction", asked, refused), {}


def plain(text: str) -> str:
    """Return a text without what differs from one answer to the next."""
    for pattern, instead in _OF_NOW:
        text = pattern.sub(instead, text)
    return text


async def answers(story: Story, token: str, seed: int, most: int) -> dict[str, tuple[int, str, str]]:
    """Return what is told of everything that is asked."""
    found = {}
    for release in Release:
        caller, hidden = Caller(story.world.http, token, release), story.hidden[release]
        patient = story.world.zonnestraal.patient(release)
        every = list(dict.fromkeys(searches(release, patient, hidden)))
        asked: list[tuple[str, str, Any, dict[str, str]]] = [
            ("GET", url, None, {}) for url in Random(seed).sample(every, min(most, len(every)))
        ]
        asked += [one for tree in Random(seed).sample(hidden, 5) for one in writes(tree, patient)]
        for number, (method, url, body, headers) in enumerate(asked):
            answer = await caller(method, url, body, **headers)
            told_of = answer.status_code, plain(answer.text), answer.headers.get("etag", "")
            found[f"{release.path} {number} {method} {url} {headers}"] = told_of
    return found


@pytest.mark.parametrize(("who", "opened"), every(("app", "practice", "helper", "app"), OPENED))
async def test_what_comes_outside_of_a_grant_changes_no_answer(world: World, who: str, opened: str) -> None:
    story = Story(world, OPENED[opened])
    await story.begin()
    token, seed = await story.token(who), Random().getrandbits(32) if EXAMPLES else 7
    before = await answers(story, token, seed, EXAMPLES or 100)
    await story.hide()
    owner = world.caller("zonnestraal")
    kept = await owner.changes()
    assert await answers(story, token, seed, EXAMPLES or 100) == before, seed
    assert await owner.changes() == kept
    assert sum(status == 200 for status, *_ in before.values()) > len(before) // 3


async def pages(browser: httpx.AsyncClient, first: str) -> dict[str, tuple[int, str]]:
    """Return every page that links lead to, without the log, which tells of looks."""
    found: dict[str, tuple[int, str]] = {}
    waiting = [first]
    while waiting:
        url = waiting.pop()
        if url in found or url.startswith(("/static", "/activity", "/login", "/language", "/access")):
            continue
        answer = await browser.get(url)
        found[url] = answer.status_code, plain(answer.text)
        waiting += [one.replace("&amp;", "&") for one in re.findall('href="(/[^"#]*)', answer.text)]
    return found


@pytest.mark.parametrize(("who", "opened"), every(("gp of no grant", "helper"), list(OPENED)[2:]))
async def test_what_comes_outside_of_a_grant_changes_no_page(world: World, who: str, opened: str) -> None:
    story = Story(world, OPENED[opened])
    await story.begin()
    if who == "helper":
        carer = Capacity.CARER
        grant = await let_act(world, world.maanlicht, carer, categories=story.opened, powers=NO_POWERS)
        browser = await browser_of(world, world.maanlicht)
        first = "/menu"
    else:
        grant = await story.grant(Grantee.PRACTICE, world.made.practices["no grant"])
        browser = await session(world, who)
        first = f"/practice/people/{grant.grant_id}"
    async with browser:
        if who == "helper":
            await go_in(browser, grant)
        before = await pages(browser, first)
        await story.hide()
        assert await pages(browser, first) == before
    assert sum(status == 200 for status, _ in before.values()) > 3
