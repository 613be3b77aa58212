"""Every answer to everybody, over random grants, scopes, labels and data, is what a naive telling of the policy says.

``REGIE_TEST_EXAMPLES`` makes it longer: that many stories, other ones each time.
"""

import asyncio
import os
import re
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from app.access.categories import Category, from_codes
from app.access.grant import Grantee
from app.access.requester import RequesterKind
from app.access.smart_scope import Action
from app.consent import grants
from app.db.database import Transaction
from app.fhir.release import Release
from app.interactions.people import ensure_record
from app.oauth.tokens import Holder
from app.store.ids import new_record_id
from tests.support.kinds import HARMLESS, KINDS, LABELS, made_of, tokens_of
from tests.support.naive_policy import PARTS, Asker, Given, Thing, Version
from tests.support.world import (
    CATEGORY_SYSTEM,
    SYSTEM,
    Caller,
    Tree,
    World,
    bundle,
    entry,
    link,
    tree_of,
    world_in,
)

EXAMPLES = int(os.environ.get("REGIE_TEST_EXAMPLES", "0"))
OWNERS = ("regenboog", "dageraad")
DAY = timedelta(days=1)
MARK = re.compile("mark[0-9]+x")
NOT_SHOWN = frozenset({403, 404})
LETTERS = dict(zip("cruds", Action, strict=True))
STATES = ("in force", "in force", "in force", "past", "to come", "withdrawn", "narrowed", "widened")
VITAL = f"category={CATEGORY_SYSTEM[Release.R4]}|vital-signs"
SCOPES = (
    "@/*.cruds",
    "@/*.cruds",
    "@/*.rs",
    "@/*.r @/Observation.s",
    "@/*.s @/Condition.r",
    "@/Observation.rs @/Patient.rs",
    "@/Observation.cruds @/Goal.rs @/Communication.r @/Patient.r",
    f"@/Observation.cruds?{VITAL} @/Patient.rs @/Condition.rs",
    f"@/Observation.rs?category={CATEGORY_SYSTEM[Release.STU3]}|laboratory @/*.s",
    "@/Patient.rs @/Encounter.s @/RelatedPerson.cruds",
)
_OBSERVATIONS = [name for name, (kind, _) in KINDS.items() if kind == "Observation"]

owners = st.sampled_from((*OWNERS, OWNERS[0], OWNERS[0]))
"""More of the first, so that things and grants of several kinds meet in one record."""
names = st.frozensets(st.sampled_from(PARTS), min_size=1, max_size=5)
given_names = st.tuples(st.one_of(names, st.just(frozenset(PARTS))), st.booleans()).map(
    lambda drawn: drawn[0] | ({"sensitive"} if drawn[1] else frozenset())
)
given_actions = st.sampled_from(("rs", "rs", "r", "crs", "cruds", "cru"))
stories = st.fixed_dictionaries(
    {
        "things": st.lists(
            st.tuples(
                owners,
                st.sampled_from(list(Release)),
                st.sampled_from(list(KINDS)),
                st.lists(
                    st.tuples(st.sampled_from(_OBSERVATIONS), st.sampled_from(list(LABELS))), min_size=1, max_size=3
                ),
                st.booleans(),
            ),
            min_size=3,
            max_size=9,
        ),
        "grants": st.lists(
            st.tuples(owners, given_names, given_actions, st.sampled_from(STATES)),
            min_size=2,
            max_size=5,
        ),
        "app": st.tuples(given_names, given_actions, st.sampled_from(STATES)),
        "scopes": st.tuples(*[st.sampled_from(SCOPES)] * 3),
        "writes": st.lists(
            st.tuples(
                st.sampled_from(["create", "update", "delete"]),
                st.integers(0, 2),
                st.integers(0, 8),
                st.sampled_from(list(KINDS)),
                st.sampled_from(list(LABELS)),
            ),
            max_size=5,
        ),
    }
)


@dataclass
class Telling:
    """One story: the world, who asks, what is there, and how many answers were compared."""

    world: World
    askers: dict[str, Asker] = field(default_factory=dict)
    callers: dict[str, Caller] = field(default_factory=dict)
    things: list[Thing] = field(default_factory=list)
    records: dict[str, int] = field(default_factory=dict)
    patients: dict[tuple[str, str], str] = field(default_factory=dict)
    marks: int = 0
    compared: int = 0

    def mark(self) -> str:
        """Return a text that is nowhere yet."""
        self.marks += 1
        return f"mark{self.marks}x"

    def marks_shown(self, who: Asker) -> set[str]:
        """Return the marks of all versions that somebody may see in any way."""
        now = self.world.parts.clock()
        return {
            version.marker
            for thing in self.things
            for version in thing.versions
            if not version.is_deletion and any(who.sees(action, thing, version, now) for action in "rs")
        }


async def story_told(story: dict[str, Any]) -> int:
    """Return how many answers were compared in this story."""
    with tempfile.TemporaryDirectory() as folder:
        async with world_in(Path(folder)) as world:
            telling = Telling(world)
            for owner in OWNERS:
                await _open_record(telling, owner)
            for owner, release, kind, versions, is_deleted in story["things"]:
                await _write(telling, owner, release, kind, versions, is_deleted=is_deleted)
            await _give(telling, story)
            for name in telling.askers:
                await _look(telling, name)
            for step in story["writes"]:
                await _change(telling, *step)
            for name in telling.askers:
                for thing in telling.things:
                    await _compare_thing(telling, name, thing)
            return telling.compared


async def _open_record(telling: Telling, owner: str) -> None:
    world, record_id = telling.world, new_record_id()
    await ensure_record(world.parts.context, record_id)
    telling.records[owner] = record_id
    holder = Holder(RequesterKind.PERSON, owner, record_id=record_id)
    telling.callers[f"owner {owner}"] = Caller(world.http, await world.token(holder, "patient/*.cruds"))
    for release in Release:
        mark = telling.mark()
        patient = {"resourceType": "Patient", "meta": {"tag": [{"system": SYSTEM, "code": mark}]}}
        made = await telling.callers[f"owner {owner}"].of(release).made(patient)
        telling.patients[owner, release.path] = made["id"]
        version = Version(frozenset({"personal-details"}), False, mark)
        telling.things.append(Thing(owner, release.path, "Patient", made["id"], [version]))


def _version(telling: Telling, kind: str, release: Release, label: str) -> Version:
    return Version(KINDS[kind][1], label not in HARMLESS, telling.mark(), tokens_of(kind, release))


async def _write(
    telling: Telling, owner: str, release: Release, kind: str, versions: list[tuple[str, str]], *, is_deleted: bool
) -> None:
    me, patient = telling.callers[f"owner {owner}"].of(release), f"Patient/{telling.patients[owner, release.path]}"
    thing: Thing | None = None
    for other_kind, label in versions:
        own = other_kind if KINDS[kind][0] == "Observation" else kind
        version = _version(telling, own, release, label)
        tree = made_of(own, release, patient, version.marker, label)
        if thing is None:
            thing = Thing(owner, release.path, KINDS[kind][0], (await me.made(tree))["id"])
        else:
            answer = await me("PUT", f"/{thing.type}/{thing.id}", tree | {"id": thing.id})
            assert answer.status_code == 200, answer.text
        thing.versions.append(version)
    assert thing is not None
    if is_deleted:
        assert (await me("DELETE", f"/{thing.type}/{thing.id}")).status_code == 204
        _delete(thing)
    telling.things.append(thing)


def _delete(thing: Thing) -> None:
    last = thing.newest
    thing.versions.append(Version(last.parts, last.is_sensitive, "", last.tokens, is_deletion=True))


async def _give(telling: Telling, story: dict[str, Any]) -> None:
    """Give what the story says to the practice and to the app, and make the tokens of all who ask."""
    world = telling.world
    practice, app = world.made.practices["no grant"], world.made.clients["app"]
    person_scope, practice_scope, app_scope = story["scopes"]
    of_practice = [
        (await _given(telling, owner, Grantee.PRACTICE, practice, named, actions, state))[0]
        for owner, named, actions, state in story["grants"]
    ]
    named, actions, state = story["app"]
    of_app, grant_id = await _given(telling, OWNERS[0], Grantee.APP, app, named, actions, state)
    record_id = telling.records[OWNERS[0]]
    holders = {
        "person": (Holder(RequesterKind.PERSON, "person", record_id=record_id), person_scope, "patient"),
        "other": (Holder(RequesterKind.PERSON, "other", record_id=telling.records[OWNERS[1]]), SCOPES[0], "patient"),
        "practice": (Holder(RequesterKind.PRACTICE, "practice", practice_id=practice), practice_scope, "system"),
        "app": (Holder(RequesterKind.APP, "app", app, record_id=record_id, grant_id=grant_id), app_scope, "patient"),
    }
    owned: dict[str, str] = {"person": OWNERS[0], "other": OWNERS[1]}
    allowed = {"practice": of_practice, "app": [of_app]}
    for name, (holder, scope, context) in holders.items():
        text = scope.replace("@", context)
        telling.callers[name] = Caller(world.http, await world.token(holder, text))
        telling.askers[name] = Asker(name, text, owned.get(name), allowed.get(name, []))


async def _given(
    telling: Telling, owner: str, grantee: Grantee, grantee_id: str, named: frozenset[str], letters: str, state: str
) -> tuple[Given, str]:
    """Return a grant as it is in the end, and its id."""
    now, record_id = telling.world.parts.clock(), telling.records[owner]
    starts_at = now - 2 * DAY if state == "past" else now + DAY if state == "to come" else now - DAY
    until = starts_at + DAY if state == "past" else now + 2 * DAY
    categories, actions = from_codes(sorted(named)), Action(sum(LETTERS[letter] for letter in letters))
    first = {"narrowed": Category(8191), "widened": Category.MESSAGES}.get(state, categories)

    async def job(transaction: Transaction) -> str:
        grant = await grants.give(
            transaction, record_id=record_id, grantee=grantee, grantee_id=grantee_id, categories=first, actions=actions,
            until=until, purpose="treatment", now=min(starts_at, now), starts_at=starts_at,
        )  # fmt: skip
        if first != categories:
            await grants.change(
                transaction, record_id, grant.grant_id, categories=categories, actions=actions, until=until, now=now
            )
        if state == "withdrawn":
            await grants.withdraw(transaction, record_id, grant.grant_id, now)
        return grant.grant_id

    grant_id = await telling.world.parts.database.write(job)
    return Given(owner, named, letters, starts_at, until, is_withdrawn=state == "withdrawn"), grant_id


# ----------------------------------------------------------------------------------------------------------- to compare


async def _asked(telling: Telling, name: str, release: str, method: str, url: str, body: Any = None) -> Any:
    """Return the status and the tree of an answer, in which nothing hidden may be; a page's headers count too."""
    caller = telling.callers[name].of(Release.R4 if release == "r4" else Release.STU3)
    sent = {"Content_Type": "application/x-www-form-urlencoded"} if isinstance(body, str) else {}
    answer = await caller(method, url, body, **sent)
    telling.compared += 1
    text = answer.text + str(answer.headers)
    asked = set(MARK.findall(url)) | set(MARK.findall(str(body)))
    extra = set(MARK.findall(text)) - asked - telling.marks_shown(telling.askers[name])
    assert not extra, (telling.askers[name], method, url, extra)
    assert answer.status_code < 500, (method, url, answer.text)
    has_tree = method != "HEAD" and answer.content.startswith(b"{")
    return answer.status_code, tree_of(answer) if has_tree else {}


def _expected(telling: Telling, name: str, release: str, action: str, types: Iterable[str] | None = None) -> set[str]:
    """Return the URLs of what lives, and may be seen."""
    now, asker = telling.world.parts.clock(), telling.askers[name]
    return {
        f"{thing.type}/{thing.id}"
        for thing in telling.things
        if thing.release == release and (types is None or thing.type in types)
        and not thing.newest.is_deletion and asker.may(action, thing, thing.newest, now)
    }  # fmt: skip


def _urls(tree: Tree, mode: str | None = None) -> list[str]:
    """Return type and id of what an answer has, apart from the grants, which stand beside what is stored."""
    return [
        "/".join(one["fullUrl"].split("/")[-2:])
        for one in tree.get("entry", [])
        if (mode is None or one.get("search", {}).get("mode") == mode) and "/Consent/" not in one["fullUrl"]
    ]


def _told_as(number: int, version: Version) -> str:
    """Return how a history names a version; STU3 has no number for a deletion."""
    return "deletion" if version.is_deletion else str(number)


def _number(entry_of_history: Tree) -> str:
    resource = entry_of_history.get("resource")
    return str(resource["meta"]["versionId"]) if resource else "deletion"


async def _look(telling: Telling, name: str) -> None:
    for thing in telling.things:
        await _compare_thing(telling, name, thing)
    for release in ("stu3", "r4"):
        types = sorted({thing.type for thing in telling.things if thing.release == release})
        for one in types:
            await _compare_type(telling, name, release, one)
        await _compare_system(telling, name, release, types)
        for owner in OWNERS:
            await _compare_record(telling, name, release, owner)


async def _compare_thing(telling: Telling, name: str, thing: Thing) -> None:
    """Compare a read, each version, the history and what else there is about one resource."""
    asker, now = telling.askers[name], telling.world.parts.clock()
    url = f"/{thing.type}/{thing.id}"
    shown = asker.may("r", thing, thing.newest, now)
    expected = ({410} if thing.newest.is_deletion else {200}) if shown else NOT_SHOWN
    for method, way in (("GET", ""), ("HEAD", ""), ("GET", "?_summary=true"), ("GET", "?_elements=id")):
        status, _ = await _asked(telling, name, thing.release, method, url + way)
        assert status in expected, (asker, thing, way, status)
    for way in ("/$meta", "/$validate"):
        status, _ = await _asked(telling, name, thing.release, "GET", url + way)
        assert status in expected, (asker, thing, way, status)
    answer = await _asked(telling, name, thing.release, "POST", "/", bundle("batch", entry("GET", url[1:])))
    assert answer[0] == 200
    assert int(answer[1]["entry"][0]["response"]["status"][:3]) in expected, (asker, thing)
    versions = set()
    for number, version in enumerate(thing.versions, 1):
        status, _ = await _asked(telling, name, thing.release, "GET", f"{url}/_history/{number}")
        is_shown = asker.sees("r", thing, version, now)
        versions |= {_told_as(number, version)} if is_shown else set()
        wanted = ({410} if version.is_deletion else {200}) if is_shown else NOT_SHOWN
        assert status in wanted, (asker, thing, number, status)
    status, tree = await _asked(telling, name, thing.release, "GET", f"{url}/_history")
    assert (status == 200) == bool(versions), (asker, thing, status)
    found = {_number(one) for one in tree.get("entry", [])} if status == 200 else set()
    assert found == versions, (asker, thing, found)


async def _pages(telling: Telling, name: str, release: str, url: str) -> list[str]:
    """Return the URLs of the matches on all pages; none of a refusal."""
    found: list[str] = []
    following: str | None = url
    while following is not None:
        status, tree = await _asked(telling, name, release, "GET", following)
        assert status in (200, 403), (telling.askers[name], following, tree)
        if status == 403:
            return found
        found += _urls(tree, "match")
        following = link(tree, "next")
    return found


async def _compare_type(telling: Telling, name: str, release: str, resource_type: str) -> None:
    """Compare searches for one type: of every shape, and counted."""
    asker = telling.askers[name]
    expected = _expected(telling, name, release, "s", {resource_type})
    of_type = [thing for thing in telling.things if thing.release == release and thing.type == resource_type]
    ids = ",".join(thing.id for thing in of_type)
    for query in (
        "",
        "?_count=2",
        "?_sort=-_lastUpdated&_count=1",
        f"?_id={ids}",
        "?_sort=_id&_count=2",
        f"?_tag={SYSTEM}|",
    ):
        found = await _pages(telling, name, release, f"/{resource_type}{query}")
        assert sorted(found) == sorted(expected), (asker, resource_type, query)
    for query in ("_summary=count", "_total=accurate", "_count=0"):
        status, tree = await _asked(telling, name, release, "GET", f"/{resource_type}?{query}")
        assert (tree["total"] if status == 200 else 0) == len(expected), (asker, resource_type, query)
    status, tree = await _asked(telling, name, release, "POST", f"/{resource_type}/_search", f"_id={ids}")
    assert set(_urls(tree) if status == 200 else ()) == expected, (asker, resource_type)
    for thing in of_type:
        for version in thing.versions:
            if version.marker:
                found = await _pages(telling, name, release, f"/{resource_type}?_tag={version.marker}")
                url = f"{thing.type}/{thing.id}"
                assert found == ([url] if version is thing.newest and url in expected else []), (asker, thing, version)
    if resource_type != "Patient":
        await _compare_links(telling, name, release, resource_type, expected)
    refused = resource_type if resource_type != "Patient" else "Observation"
    both = await _pages(telling, name, release, f"/{refused}?_release=both")
    anywhere = expected if refused == resource_type else _expected(telling, name, release, "s", {refused})
    other = "r4" if release == "stu3" else "stu3"
    assert set(both) <= anywhere | _expected(telling, name, other, "s", {refused}), (asker, refused)


async def _compare_links(telling: Telling, name: str, release: str, resource_type: str, expected: set[str]) -> None:
    """Compare what is found, and included, over the reference to the patient."""
    asker = telling.askers[name]
    people = _expected(telling, name, release, "s", {"Patient"})
    owners = {f"{thing.type}/{thing.id}": thing.owner for thing in telling.things}
    reached = {url for url in expected if f"Patient/{telling.patients[owners[url], release]}" in people}
    for owner in OWNERS:
        patient = f"Patient/{telling.patients[owner, release]}"
        own = {url for url in expected if owners[url] == owner}
        found = await _pages(telling, name, release, f"/{patient}/{resource_type}")
        assert set(found) == own, (asker, resource_type, owner)
        mark = next(one.newest.marker for one in telling.things if one.id == telling.patients[owner, release])
        found = await _pages(telling, name, release, f"/{resource_type}?patient._tag={mark}")
        assert set(found) == own & reached, (asker, resource_type, owner)
    status, tree = await _asked(telling, name, release, "GET", f"/{resource_type}?_include={resource_type}:patient")
    included = set(_urls(tree, "include")) if status == 200 else set()
    assert included == {f"Patient/{telling.patients[owners[url], release]}" for url in reached}, (asker, resource_type)
    status, tree = await _asked(telling, name, release, "GET", f"/Patient?_revinclude={resource_type}:patient")
    included = set(_urls(tree, "include")) if status == 200 else set()
    assert included == reached, (asker, resource_type)
    for thing in telling.things:
        if (thing.release, thing.type) == (release, resource_type) and thing.newest.marker:
            query = f"/Patient?_has:{resource_type}:patient:_tag={thing.newest.marker}"
            found = await _pages(telling, name, release, query)
            is_reached = f"{thing.type}/{thing.id}" in reached
            assert found == ([f"Patient/{telling.patients[thing.owner, release]}"] if is_reached else []), (
                asker,
                thing,
            )


async def _compare_system(telling: Telling, name: str, release: str, types: list[str]) -> None:
    """Compare a search of several types."""
    found = await _pages(telling, name, release, f"/?_type={','.join(types)}&_count=3")
    assert sorted(found) == sorted(_expected(telling, name, release, "s", types)), (telling.askers[name], release)


async def _compare_record(telling: Telling, name: str, release: str, owner: str) -> None:
    """Compare the ways to ask for all of one person."""
    asker, now, patient = telling.askers[name], telling.world.parts.clock(), telling.patients[owner, release]
    own = [thing for thing in telling.things if (thing.owner, thing.release) == (owner, release)]
    found = await _pages(telling, name, release, f"/Patient/{patient}/*?_count=4")
    wanted = _expected(telling, name, release, "s") & {
        f"{thing.type}/{thing.id}" for thing in own if thing.type != "Patient"
    }
    assert set(found) == wanted, (asker, owner)
    status, tree = await _asked(telling, name, release, "GET", f"/Patient/{patient}/$everything")
    wanted = _expected(telling, name, release, "r") & {f"{thing.type}/{thing.id}" for thing in own}
    assert (status == 200) or not wanted, (asker, owner, status)
    assert set(_urls(tree) if status == 200 else ()) == wanted, (asker, owner)
    for action, url in (
        ("r", f"/$delta?patient={patient}"),
        ("s", f"/_history?patient={patient}"),
        ("s", f"/Observation/_history?patient={patient}"),
    ):
        status, tree = await _asked(telling, name, release, "GET", url)
        versions = {
            (f"{thing.type}/{thing.id}", _told_as(number, version))
            for thing in own
            for number, version in enumerate(thing.versions, 1)
            if asker.sees(action, thing, version, now) and (thing.type == "Observation" or "Observation" not in url)
        }
        entries = [one for one in tree.get("entry", []) if "/Consent/" not in one["fullUrl"]] if status == 200 else []
        told = {("/".join(one["fullUrl"].split("/")[-2:]), _number(one)) for one in entries}
        assert told == versions, (asker, owner, url, status)


# ------------------------------------------------------------------------------------------------------------ to change


async def _change(telling: Telling, what: str, who: int, which: int, kind: str, label: str) -> None:
    """Let somebody write: it works if both what was there and what it becomes may be written by them."""
    name = list(telling.askers)[who + 1 if who else 0]
    asker, now = telling.askers[name], telling.world.parts.clock()
    thing = telling.things[which % len(telling.things)]
    if thing.type == "Patient" or thing.newest.is_deletion:
        return
    release = Release.R4 if thing.release == "r4" else Release.STU3
    patient = f"Patient/{telling.patients[thing.owner, thing.release]}"
    url = f"/{thing.type}/{thing.id}"
    if what == "delete":
        expected = asker.may("d", thing, thing.newest, now)
        status, _ = await _asked(telling, name, thing.release, "DELETE", url)
        assert (status == 204) == expected, (asker, thing, status)
        if expected:
            _delete(thing)
        return
    if what == "create":
        version = _version(telling, kind, release, label)
        new = Thing(thing.owner, thing.release, KINDS[kind][0], "", [version])
        expected = asker.may("c", new, version, now)
        tree = made_of(kind, release, patient, version.marker, label)
        status, made = await _asked(telling, name, thing.release, "POST", f"/{new.type}", tree)
        assert (status == 201) == expected, (asker, new, status, made)
        if expected:
            new.id = made["id"]
            telling.things.append(new)
        return
    own = kind if KINDS[kind][0] == thing.type else next(name for name, one in KINDS.items() if one[0] == thing.type)
    version = _version(telling, own, release, label)
    after = Thing(thing.owner, thing.release, thing.type, thing.id, [version])
    unlocks = thing.newest.is_sensitive and not version.is_sensitive and asker.name == "practice"
    expected = asker.may("u", thing, thing.newest, now) and asker.may("u", after, version, now) and not unlocks
    tree = made_of(own, release, patient, version.marker, label) | {"id": thing.id}
    status, told = await _asked(telling, name, thing.release, "PUT", url, tree)
    assert (status == 200) == expected, (asker, thing, version, status, told)
    if expected:
        thing.versions.append(version)


COMPARED: list[int] = []


@settings(
    max_examples=EXAMPLES or 5,
    derandomize=not EXAMPLES,
    database=None,
    suppress_health_check=list(HealthCheck),
    phases=(Phase.generate,),  # each story takes seconds: one that fails is told as it is
)
@given(stories)
def test_every_answer_is_what_the_policy_says(story: dict[str, Any]) -> None:
    compared = asyncio.run(story_told(story))
    assert compared > 100
    COMPARED.append(compared)
    print(f"{len(COMPARED)} stories, {sum(COMPARED)} answers compared")  # noqa: T201 - said by the long form
