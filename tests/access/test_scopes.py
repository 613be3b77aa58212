"""What a token's SMART scope and a grant's actions leave open, and searches over several people at once."""

import pytest

from app.access.categories import ALL_PARTS, Category
from app.access.grant import Grant
from app.access.requester import RequesterKind
from app.access.smart_scope import ALL_ACTIONS, LOOK, Action
from app.fhir.release import Release
from app.oauth.tokens import Holder
from tests.support.world import (
    SYSTEM,
    Caller,
    Person,
    World,
    bundle,
    condition,
    entry,
    goal,
    identifier,
    link,
    tree_of,
    weight,
)

R4 = Release.R4


async def with_scope(world: World, scope: str, who: str = "zonnestraal") -> Caller:
    """Return somebody with a token of this scope: a person, a practice by its name, or the operator."""
    if who in world.made.people:
        holder = Holder(RequesterKind.PERSON, "person", record_id=world.made.people[who].record_id)
    elif who == "operator":
        holder = Holder(RequesterKind.OPERATOR, "operator")
    else:
        holder = Holder(RequesterKind.PRACTICE, who, practice_id=world.made.practices[who])
    return Caller(world.http, await world.token(holder, scope))


@pytest.mark.parametrize(("who", "context"), [("zonnestraal", "patient"), ("both", "system"), ("operator", "system")])
async def test_who_asks_for_more_than_the_scope_is_told_that_it_is_the_scope(
    world: World, who: str, context: str
) -> None:
    """RFC 6750 section 3.1; what a grant does not cover is not told so, since no other scope would open it."""
    him = world.zonnestraal
    caller = await with_scope(world, f"{context}/Observation.rs", who)
    for method, url in (("GET", "/Condition"), ("GET", him.url("condition")), ("DELETE", him.url("weight"))):
        answer = await caller(method, url)
        assert answer.status_code == 403, url
        assert answer.headers.get_list("www-authenticate") == [
            'Bearer realm="http://127.0.0.1:8000/fhir/r4", error="insufficient_scope"',
            'DPoP algs="ES256 PS256", error="insufficient_scope"',
        ]
    withdrawn = await world.caller("withdrawn")("GET", "/Condition")
    assert (withdrawn.status_code, "www-authenticate" in withdrawn.headers) == (403, False)


NEEDED = {
    "history": "r",
    "history of the type": "s",
    "update by a condition": "us",
    "patch": "ru",
    "labels": "ru",
    "patch by a condition": "rus",
    "validation of a delete": "d",
    "delete by a condition": "ds",
}
"""Which letters each of these needs."""


@pytest.mark.parametrize(("who", "context"), [("zonnestraal", "patient"), ("both", "system"), ("operator", "system")])
@pytest.mark.parametrize("letters", ["r", "s", "u", "us", "ru", "rus", "d", "ds", "rs", "c"])
async def test_history_conditions_and_patches_need_what_they_do(
    world: World, who: str, context: str, letters: str
) -> None:
    him = world.zonnestraal
    caller = await with_scope(world, f"{context}/Observation.{letters}", who)
    url, found = him.url("weight"), "/Observation?identifier=zonnestraal-weight"
    own = weight(R4, him.patient(), identifier=identifier("zonnestraal-weight"))
    merge = {"Content_Type": "application/merge-patch+json"}
    labels = {"parameter": [{"name": "meta", "valueMeta": {"tag": [{"code": "a"}]}}], "resourceType": "Parameters"}
    tries = {
        "history": await caller("GET", f"{url}/_history"),
        "history of the type": await caller("GET", f"/Observation/_history?patient={him.patients[R4]}"),
        "update by a condition": await caller("PUT", found, own),
        "patch": await caller("PATCH", url, {"language": "nl"}, **merge),
        "labels": await caller("POST", f"{url}/$meta-add", labels),
        "patch by a condition": await caller("PATCH", found, {"language": "en"}, **merge),
        "validation of a delete": await caller("GET", f"{url}/$validate?mode=delete"),
        "delete by a condition": await caller("DELETE", found),
    }
    allowed = {name for name, needed in NEEDED.items() if set(needed) <= set(letters)}
    assert {name for name, answer in tries.items() if answer.is_success} == allowed
    assert {answer.status_code for answer in tries.values() if not answer.is_success} <= {403}


@pytest.mark.parametrize(("who", "context"), [("zonnestraal", "patient"), ("both", "system"), ("operator", "system")])
@pytest.mark.parametrize(
    ("letters", "allowed"),
    [("r", "read"), ("s", "search"), ("c", "create"), ("u", "update"), ("d", "delete"), ("rs", "read search")],
)
async def test_a_scope_opens_the_actions_that_it_names(
    world: World, who: str, context: str, letters: str, allowed: str
) -> None:
    him = world.zonnestraal
    caller = await with_scope(world, f"{context}/Observation.{letters}", who)
    url, own = him.url("weight"), weight(R4, him.patient())
    tries = {
        "read": await caller("GET", url),
        "search": await caller("GET", f"/Observation?patient={him.patients[R4]}"),
        "create": await caller("POST", "/Observation", own),
        "update": await caller("PUT", url, own | {"id": him.ids[R4, "weight"]}),
        "delete": await caller("DELETE", url),
    }
    assert {name for name, answer in tries.items() if answer.is_success} == set(allowed.split())
    assert {answer.status_code for answer in tries.values() if not answer.is_success} <= {403}


@pytest.mark.parametrize("scope", ["", "launch/patient", "openid", "patient/Goal.cruds", "patient/Observation.x"])
async def test_a_scope_that_does_not_name_the_type_opens_nothing_of_it(world: World, scope: str) -> None:
    caller, him = await with_scope(world, scope), world.zonnestraal
    for way in (him.url("weight"), f"{him.url('weight')}/_history", f"{him.url('weight')}/_history/1", "/Observation"):
        answer = await caller("GET", way)
        assert answer.status_code == 403, way
        assert him.marker("weight") not in answer.text


async def test_the_ways_to_see_everything_show_the_types_of_the_scope_only(world: World) -> None:
    caller = await with_scope(world, "patient/Observation.rs patient/Goal.r")
    him = world.zonnestraal
    for way in ("/Patient/$everything", f"{him.url('patient')}/$everything", "/$delta"):
        types = {one["resource"]["resourceType"] for one in (await caller.get(way))["entry"]}
        assert types == {"Observation", "Goal"}, way
    page = await caller.get("/Observation?_include=Observation:subject&_include=Observation:encounter")
    assert {one["resource"]["resourceType"] for one in page["entry"]} == {"Observation"}


async def test_a_bundle_asks_the_scope_for_each_entry(world: World) -> None:
    caller, him = await with_scope(world, "patient/Observation.cr"), world.zonnestraal
    entries = [
        entry("POST", "Observation", weight(R4, him.patient())),
        entry("POST", "Goal", goal(R4, him.patient())),
        entry("GET", him.url("weight")[1:]),
        entry("GET", "Observation?status=final"),
        entry("DELETE", him.url("weight")[1:]),
    ]
    answer = tree_of(await caller("POST", "/", bundle("batch", *entries)))
    assert [one["response"]["status"][:3] for one in answer["entry"]] == ["201", "403", "200", "403", "403"]
    before = await world.caller("zonnestraal").changes()
    assert (await caller("POST", "/", bundle("transaction", *entries[:2]))).status_code == 403
    assert await world.caller("zonnestraal").changes() == before


async def test_a_scope_never_opens_more_than_the_grant(world: World) -> None:
    him = world.zonnestraal
    caller = await with_scope(world, "system/*.cruds", "sensitive")
    assert (await caller("GET", him.url("weight"))).status_code == 404
    assert (await caller("POST", "/Condition", condition(R4, him.patient()))).status_code == 403


async def granted(world: World, person: Person, categories: Category, actions: Action) -> Grant:
    """Return a grant to the practice that has none yet."""
    return await world.give("no grant", person, categories, actions)


async def test_who_may_only_add_does_not_see_what_is_there(world: World) -> None:
    him, practice = world.zonnestraal, world.caller("no grant")
    await granted(world, him, ALL_PARTS, Action.CREATE)
    assert (await practice("POST", "/Observation", weight(R4, him.patient()))).status_code == 201
    for way in (him.url("weight"), "/Observation", f"/$delta?patient={him.patients[R4]}"):
        assert (await practice("GET", way)).status_code == 403, way
    asked = f"identifier={SYSTEM}|{him.marker('weight')}"
    for condition_ in (asked, f"identifier={SYSTEM}|nothing-has-this"):
        answer = await practice("POST", "/Observation", weight(R4, him.patient()), If_None_Exist=condition_)
        assert answer.status_code == 403
    bundled = bundle("batch", entry("POST", "Observation", weight(R4, him.patient()), ifNoneExist=asked))
    batch = tree_of(await practice("POST", "/", bundled))
    assert batch["entry"][0]["response"]["status"] == "403"
    assert him.ids[R4, "weight"] not in str(batch)


async def test_leave_to_look_at_one_person_is_none_to_look_at_another(world: World) -> None:
    him, her, practice = world.zonnestraal, world.maanlicht, world.caller("no grant")
    await granted(world, him, ALL_PARTS, Action.CREATE)
    await granted(world, her, ALL_PARTS, LOOK)
    assert (await practice("GET", him.url("weight"))).status_code == 404
    assert (await practice("GET", her.url("weight"))).status_code == 200
    asked = f"identifier={SYSTEM}|{him.marker('weight')}"
    answer = await practice("POST", "/Observation", weight(R4, him.patient()), If_None_Exist=asked)
    assert him.ids[R4, "weight"] not in answer.text
    assert (await practice("POST", "/Observation", weight(R4, her.patient()))).status_code == 403


@pytest.mark.parametrize("sort", ["", "&_sort=date", "&_sort=-date", "&_sort=-_lastUpdated", "&_sort=value-quantity"])
@pytest.mark.parametrize("count", [1, 3, 4])
async def test_pages_over_several_people_add_up(world: World, sort: str, count: int) -> None:
    practice = world.caller("both")
    for number in range(4):
        for person in world.made.people.values():
            when = f"2026-03-{1 + number % 3:02}"
            tree = weight(R4, person.patient(), str(60 + number), effectiveDateTime=when)
            await world.caller(person.name).made(tree)
    whole = [(one["fullUrl"], one["resource"]["subject"]["reference"])
             for one in (await practice.get(f"/Observation?status=final{sort}"))["entry"]]  # fmt: skip
    paged = []
    url: str | None = f"/Observation?status=final{sort}&_count={count}"
    while url is not None:
        page = await practice.get(url)
        paged += [(one["fullUrl"], one["resource"]["subject"]["reference"]) for one in page["entry"]]
        url = link(page, "next")
    assert paged == whole
    assert len(set(whole)) == 12
    assert (await practice.get("/Observation?_summary=count"))["total"] == 12


@pytest.mark.parametrize("sort", ["", "&_sort=date"])
async def test_a_withdrawal_between_two_pages_closes_that_person_only(world: World, sort: str) -> None:
    practice = world.caller("both")
    for person in world.made.people.values():
        for number in range(3):
            tree = weight(R4, person.patient(), str(60 + number), identifier=identifier(f"page-{number}"))
            await world.caller(person.name).made(tree)
    first = await practice.get(f"/Observation?status=final{sort}&_count=1")
    await world.withdraw(world.made.grants["both of zonnestraal"])
    seen = []
    url = link(first, "next")
    while url is not None:
        page = await practice.get(url)
        seen += [one["resource"]["subject"]["reference"] for one in page.get("entry", [])]
        url = link(page, "next")
    assert world.zonnestraal.patient() not in seen
    assert 4 <= seen.count(world.maanlicht.patient()) <= 5


@pytest.mark.parametrize("sort", ["", "&_sort=date", "&_sort=-date"])
async def test_a_grant_between_two_pages_repeats_and_skips_nothing(world: World, sort: str) -> None:
    him, practice = world.zonnestraal, world.caller("granted")
    for number in range(5):
        tree = weight(R4, him.patient(), str(60 + number), effectiveDateTime=f"2026-03-0{1 + number % 2}")
        await world.caller("zonnestraal").made(tree)
    whole = await practice.found(f"/Observation?status=final{sort}")
    page = await practice.get(f"/Observation?status=final{sort}&_count=2")
    await world.give("granted", world.maanlicht, Category.OWN_MEASUREMENTS)
    seen = [one["resource"] for one in page["entry"]]
    while (url := link(page, "next")) is not None:
        page = await practice.get(url)
        seen += [one["resource"] for one in page.get("entry", [])]
    his = [one["id"] for one in seen if one["subject"]["reference"] == him.patient()]
    assert his == whole


async def test_an_app_loses_what_its_person_takes_back(world: World) -> None:
    app, url = world.caller("app of zonnestraal"), world.zonnestraal.url("weight")
    following = link(await app.get("/Observation?_count=1"), "next")
    assert following is not None
    await world.withdraw(world.made.grants["app of zonnestraal"])
    for way in (url, "/Observation", following, "/$delta", "/Patient/$everything"):
        answer = await app("GET", way)
        assert answer.status_code in (401, 403), way
        assert world.zonnestraal.marker("weight") not in answer.text
    refused = await app("POST", "/Observation", weight(R4, world.zonnestraal.patient()))
    assert refused.status_code in (401, 403)


async def test_an_app_does_not_profit_from_another_grant_to_the_same_app(world: World) -> None:
    """A token rests on the grant it was given with; a second grant is for a second token."""
    from app.access.grant import Grantee
    from app.consent import grants
    from app.db.database import Transaction

    now = world.parts.clock()

    async def job(transaction: Transaction) -> None:
        await grants.give(
            transaction, record_id=world.zonnestraal.record_id, grantee=Grantee.APP,
            grantee_id=world.made.clients["app"], categories=ALL_PARTS, actions=ALL_ACTIONS,
            until=world.made.grants["app of zonnestraal"].until, purpose="treatment", now=now,
        )  # fmt: skip

    await world.parts.database.write(job)
    assert (await world.caller("app of zonnestraal")("GET", world.zonnestraal.url("condition"))).status_code == 404
