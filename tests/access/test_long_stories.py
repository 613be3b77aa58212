"""Long stories of two people, a practice with its staff, an app and a helper: nobody ever sees a mark that is not theirs to see.

After each look all that came back, headers too, is searched for the marks of all versions that there ever were. Links to
further pages are kept, and followed later by whoever. ``REGIE_TEST_EXAMPLES`` makes it longer.
"""

import asyncio
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from app.access.categories import Category, from_codes
from app.access.grant import Grant
from app.access.representation import Capacity
from app.access.smart_scope import LOOK, Action
from app.consent import grants
from app.db.database import Transaction
from app.fhir.release import Release
from tests.access.test_against_a_naive_policy import EXAMPLES, LETTERS, MARK, given_actions, given_names
from tests.access.test_pages import session
from tests.support.acting import browser_of, go_in, let_act, token_of
from tests.support.kinds import HARMLESS, KINDS, LABELS, made_of, tokens_of
from tests.support.naive_policy import Asker, Given, Thing, Version
from tests.support.world import APP_SCOPE, Caller, Tree, World, bundle, entry, link, tree_of, world_in

OWNERS = ("zonnestraal", "maanlicht")
PRACTICE = "no grant"
BY_TOKEN = (*OWNERS, "practice", "app", "helper")
IN_A_BROWSER = ("zonnestraal here", "maanlicht here", "helper here", "gp")
WAYS = (
    "/Condition?patient={patient}",
    "/Observation?_count=1",
    "/Observation?_count=1&_sort=-_lastUpdated",
    "/?_type=Condition,Goal,Observation,Communication&patient={patient}&_count=1",
    "/Patient/{patient}/$everything?_count=2",
    "/Patient/{patient}/$everything?_release=both",
    "/Patient/{patient}/*?_count=2",
    "/Patient/{patient}/$summary",
    "/Patient/{patient}/$as-seen-by?practice={practice}",
    "/$delta?patient={patient}&_count=2",
    "/_history?patient={patient}&_count=2",
    "/$meta?patient={patient}",
    "/Observation/$lastn?patient={patient}",
    "/Condition?_release=both&patient={patient}&_total=accurate",
    "/Patient?_id={patient}&_revinclude=Condition:subject&_revinclude=Observation:subject&_revinclude=Goal:subject",
    "/Observation?_include=Observation:subject&_tag={mark}",
    "/Patient?_has:Observation:subject:_tag={mark}",
    "{thing}",
    "{thing}/_history",
    "{thing}/_history/1",
    "{thing}/_history/2",
    "{thing}/$validate",
    "/AuditEvent?_count=20",
    "/Consent",
)
PAGES = (
    "/", "/measurements", "/care-plan", "/medication", "/summary", "/access", "/activity", "/activity/log.csv", "/activity/log.ndjson",
    "/my-data", "/my-data/summary.pdf", "/helping", "/practice", "{shared}", "{shared}/summary", "{shared}/care-plan", "{shared}/medication",
    "{shared}/measurements",
)  # fmt: skip

owner = st.sampled_from(OWNERS)
which, label = st.integers(0, 30), st.sampled_from(list(LABELS))
kind = st.sampled_from(list(KINDS))
steps = st.one_of(
    st.tuples(st.just("write"), owner, kind, label),
    st.tuples(st.just("change"), which, kind, label),
    st.tuples(st.just("delete"), which),
    st.tuples(st.just("give"), owner, given_names, given_actions),
    st.tuples(st.just("narrow"), which, given_names),
    st.tuples(st.just("withdraw"), which),
    st.tuples(st.just("let help"), given_names),
    st.tuples(st.just("app"), given_names, given_actions),
    st.tuples(st.just("post"), owner, kind, label),
    st.just(("post again",)),
    st.tuples(st.just("follow"), st.sampled_from(BY_TOKEN), which),
    *[st.tuples(st.just("ask"), st.sampled_from(BY_TOKEN), st.sampled_from(WAYS), owner, which)] * 4,
    *[st.tuples(st.just("open"), st.sampled_from(IN_A_BROWSER), st.sampled_from(PAGES), which)] * 3,
)


@dataclass
class Story:
    """What is told so far: who is there, what there is, and what was looked at."""

    world: World
    things: list[Thing] = field(default_factory=list)
    given: list[tuple[Grant, Given]] = field(default_factory=list)
    app: Given | None = None
    helper: tuple[Grant, Given] | None = None
    browsers: dict[str, httpx.AsyncClient] = field(default_factory=dict)
    links: list[str] = field(default_factory=list)
    posted: tuple[Tree, str, Release] | None = None
    marks: int = 0
    looks: int = 0

    def mark(self) -> str:
        """Return a mark that is nowhere yet."""
        self.marks += 1
        return f"mark{self.marks}x"

    def version(self, kind: str, release: Release, label: str) -> Version:
        """Return a new version of a thing."""
        return Version(KINDS[kind][1], label not in HARMLESS, self.mark(), tokens_of(kind, release))

    def thing(self, number: int) -> Thing | None:
        """Return one of the things, None while there is none."""
        return self.things[number % len(self.things)] if self.things else None

    def asker(self, who: str) -> Asker:
        """Return what is known of somebody who asks: by which scope, and on which grants."""
        name = who.removesuffix(" here")
        of_practice = [given for _, given in self.given]
        if name in OWNERS:
            return Asker(name, "patient/*.cruds", owner=name)
        if name == "app":
            return Asker(name, APP_SCOPE, grants=[] if self.app is None else [self.app])
        if name == "helper":
            return Asker(name, "patient/*.cruds", grants=[] if self.helper is None else [self.helper[1]])
        return Asker(name, "system/*.cruds", grants=of_practice)

    def may_show(self, who: str) -> set[str]:
        """Return the marks that somebody may be shown; a helper has a record of their own, too."""
        now, askers = self.world.parts.clock(), [self.asker(who)]
        if who == "helper here":
            askers.append(self.asker("maanlicht"))
        return {
            version.marker
            for one in askers
            for thing in self.things
            for version in thing.versions
            if any(one.sees(action, thing, version, now) for action in "rs")
        }

    def look(self, who: str, what: str, answer: httpx.Response, known: str = "") -> None:
        """Search an answer for what is not for this reader; ``known`` is what they sent themselves."""
        self.looks += 1
        assert answer.status_code < 500, (who, what, answer.text)
        text = answer.content.decode("utf-8", "replace") + str(answer.headers)
        extra = set(MARK.findall(text)) - set(MARK.findall(f"{what} {known}")) - self.may_show(who)
        assert not extra, (who, what, extra, self.asker(who))


async def told(steps_of_story: list[tuple[Any, ...]]) -> int:
    """Return how often somebody looked."""
    with tempfile.TemporaryDirectory() as folder:
        async with world_in(Path(folder)) as world:
            story = Story(world)
            for person in world.made.people.values():
                story.browsers[f"{person.name} here"] = await browser_of(world, person)
            story.browsers["helper here"] = await browser_of(world, world.maanlicht)
            story.browsers["gp"] = await session(world, f"gp of {PRACTICE}")
            await _app(story, frozenset({"own-measurements"}), "cruds")
            for what, *told_of_it in steps_of_story:
                await STEPS[what](story, *told_of_it)
            for browser in story.browsers.values():
                await browser.aclose()
            return story.looks


def _caller(story: Story, who: str, release: Release = Release.R4) -> Caller:
    names = {"practice": PRACTICE, "app": "app of zonnestraal", "helper": "representative"}
    return story.world.caller(names.get(who, who), release)


async def _write(story: Story, owner: str, kind: str, label: str) -> None:
    release = Release.STU3 if story.marks % 3 == 2 else Release.R4
    version = story.version(kind, release, label)
    patient = story.world.made.people[owner].patient(release)
    made = await _caller(story, owner, release).made(made_of(kind, release, patient, version.marker, label))
    story.things.append(Thing(owner, release.path, KINDS[kind][0], made["id"], [version]))


async def _change(story: Story, number: int, kind: str, label: str) -> None:
    thing = story.thing(number)
    if thing is None:
        return
    release = Release.STU3 if thing.release == "stu3" else Release.R4
    own = kind if KINDS[kind][0] == thing.type else next(name for name, one in KINDS.items() if one[0] == thing.type)
    version = story.version(own, release, label)
    patient = story.world.made.people[thing.owner].patient(release)
    tree = made_of(own, release, patient, version.marker, label) | {"id": thing.id}
    answer = await _caller(story, thing.owner, release)("PUT", f"/{thing.type}/{thing.id}", tree)
    assert answer.is_success, answer.text
    thing.versions.append(version)


async def _delete(story: Story, number: int) -> None:
    thing = story.thing(number)
    if thing is None or thing.newest.is_deletion:
        return
    release = Release.STU3 if thing.release == "stu3" else Release.R4
    assert (await _caller(story, thing.owner, release)("DELETE", f"/{thing.type}/{thing.id}")).status_code == 204
    last = thing.newest
    thing.versions.append(Version(last.parts, last.is_sensitive, "", last.tokens, is_deletion=True))


def _as_given(owner: str, grant: Grant, names: frozenset[str], letters: str) -> Given:
    return Given(owner, names, letters, grant.starts_at, grant.until)


async def _give(story: Story, owner: str, names: frozenset[str], letters: str) -> None:
    categories, actions = from_codes(sorted(names)), Action(sum(LETTERS[letter] for letter in letters))
    grant = await story.world.give(PRACTICE, story.world.made.people[owner], categories, actions)
    story.given.append((grant, _as_given(owner, grant, names, letters)))


async def _changed(story: Story, grant: Grant, categories: Category, actions: Action) -> Grant:
    async def job(transaction: Transaction) -> Grant:
        return await grants.change(
            transaction, grant.record_id, grant.grant_id, categories=categories, actions=actions, until=grant.until,
            now=story.world.parts.clock(),
        )  # fmt: skip

    return await story.world.parts.database.write(job)


async def _narrow(story: Story, number: int, names: frozenset[str]) -> None:
    if story.given:
        grant, given = story.given[number % len(story.given)]
        new = await _changed(story, grant, from_codes(sorted(names)), LOOK)
        story.given[number % len(story.given)] = (new, _as_given(given.owner, new, names, "rs"))


async def _withdraw(story: Story, number: int) -> None:
    if story.helper is not None and number % 3 == 0:
        await story.world.withdraw(story.helper[0])
        story.helper = None
    elif story.given:
        await story.world.withdraw(story.given.pop(number % len(story.given))[0])


async def _let_help(story: Story, names: frozenset[str]) -> None:
    """Let Maanlicht help Zonnestraal, in place of what was allowed before."""
    if story.helper is not None:
        await story.world.withdraw(story.helper[0])
    her = story.world.maanlicht
    grant = await let_act(story.world, her, Capacity.CARER, categories=from_codes(sorted(names)), actions=LOOK)
    await token_of(story.world, her, grant)
    story.helper = (grant, _as_given("zonnestraal", grant, names, "rs"))
    await go_in(story.browsers["helper here"], grant)


async def _app(story: Story, names: frozenset[str], letters: str) -> None:
    grant = story.world.made.grants["app of zonnestraal"]
    actions = Action(sum(LETTERS[letter] for letter in letters))
    new = await _changed(story, grant, from_codes(sorted(names)), actions)
    story.app = _as_given("zonnestraal", new, names, letters)


async def _post(story: Story, owner: str, kind: str, label: str) -> None:
    """Let the practice write, with a key that makes the same request good once."""
    release = Release.R4
    version = story.version(kind, release, label)
    tree = made_of(kind, release, story.world.made.people[owner].patient(release), version.marker, label)
    answer = await _caller(story, "practice")("POST", f"/{KINDS[kind][0]}", tree, Idempotency_Key=version.marker)
    story.look("practice", "POST", answer, version.marker)
    new = Thing(owner, release.path, KINDS[kind][0], "", [version])
    is_allowed = story.asker("practice").may("c", new, version, story.world.parts.clock())
    assert (answer.status_code == 201) == is_allowed, answer.text
    if is_allowed:
        new.id = tree_of(answer)["id"]
        story.things.append(new)
        story.posted = (tree, version.marker, release)


async def _post_again(story: Story) -> None:
    if story.posted is not None:
        tree, key, release = story.posted
        answer = await _caller(story, "practice", release)(
            "POST", f"/{tree['resourceType']}", tree, Idempotency_Key=key
        )
        story.look("practice", "POST again", answer, key)


async def _ask(story: Story, who: str, way: str, owner: str, number: int) -> None:
    if who == "helper" and "representative" not in story.world.made.tokens:
        return
    thing = story.thing(number)
    release = Release.STU3 if number % 4 == 3 else Release.R4
    if thing is not None and "{thing}" in way:
        release = Release.STU3 if thing.release == "stu3" else Release.R4
    url = way.format(
        patient=story.world.made.people[owner].patients[release],
        practice=story.world.made.practices[PRACTICE],
        mark=thing.newest.marker if thing else "none",
        thing=f"/{thing.type}/{thing.id}" if thing else "/Condition/none",
    )
    caller = _caller(story, who, release)
    answer = await caller("GET", url)
    story.look(who, url, answer)
    following = link(tree_of(answer), "next") if answer.status_code == 200 and '"link"' in answer.text else None
    story.links += [] if following is None else [following]
    asked = bundle("batch", entry("GET", url[1:]))
    if number % 5 == 0:
        story.look(who, f"batch {url}", await caller("POST", "/", asked))


async def _follow(story: Story, who: str, number: int) -> None:
    """Follow a link that somebody was given, whoever that was."""
    if story.links and (who != "helper" or "representative" in story.world.made.tokens):
        url = story.links[number % len(story.links)]
        answer = await _caller(story, who)("GET", url)
        story.look(who, url, answer)
        following = link(tree_of(answer), "next") if answer.status_code == 200 else None
        story.links += [] if following is None else [following]


async def _open(story: Story, who: str, page: str, number: int) -> None:
    shared = "/practice"
    if story.given:
        shared = f"/practice/people/{story.given[number % len(story.given)][0].grant_id}"
    url = page.format(shared=shared)
    answer = await story.browsers[who].get(url)
    story.look(who, url, answer)


STEPS: dict[str, Callable[..., Any]] = {
    "write": _write, "change": _change, "delete": _delete, "give": _give, "narrow": _narrow, "withdraw": _withdraw,
    "let help": _let_help, "app": _app, "post": _post, "post again": _post_again, "ask": _ask, "follow": _follow, "open": _open,
}  # fmt: skip
LOOKS: list[int] = []


@settings(
    max_examples=EXAMPLES or 6,
    derandomize=not EXAMPLES,
    database=None,
    suppress_health_check=list(HealthCheck),
    phases=(Phase.generate,),  # each story takes seconds: one that fails is told as it is
)
@given(st.lists(steps, min_size=30, max_size=80))
def test_nobody_ever_sees_what_is_not_theirs_to_see(story: list[tuple[Any, ...]]) -> None:
    LOOKS.append(asyncio.run(told(story)))
    print(f"{len(LOOKS)} stories, {sum(LOOKS)} looks")  # noqa: T201 - said by the long form
