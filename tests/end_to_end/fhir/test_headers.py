"""What a request may say in its headers and beside its parameters, on every route that has them."""

import pytest

from app.access.requester import RequesterKind
from app.fhir.release import Release
from app.oauth.tokens import Holder
from app.rest.routes import ROUTES
from tests.support.world import Caller, Tree, World, goal, identifier, tree_of, weight

R4 = Release.R4
UUID = "5a1ad000-0000-4000-8000-00000000face"
LOOKS = [route.path for route in ROUTES if route.method == "GET"]
ACTS = {path for path in LOOKS if path.endswith("/$export")}
"""What a GET begins; a HEAD does not (tests/access/test_exports.py)."""


def address(world: World, path: str, release: Release = R4) -> str:
    """Return a URL for a route, about something that is there."""
    path = path.replace("{owner}", "Patient")
    ids = (
        world.zonnestraal.patients[release] if path.startswith("/Patient") else world.zonnestraal.ids[release, "weight"]
    )
    return path.replace("{type}", "Observation").replace("{id}", ids).replace("{version}", "1")


@pytest.mark.parametrize("path", [path for path in LOOKS if path not in ACTS and path != "/AuditEvent/{id}"])
async def test_head_is_get_without_the_body(world: World, me: Caller, path: str) -> None:
    url = address(world, path)
    whole, head = await me("GET", url), await me("HEAD", url)
    assert (head.status_code, head.content) == (whole.status_code, b"")
    for name in ("content-type", "etag", "last-modified"):
        assert head.headers.get(name) == whole.headers.get(name)
    if "AuditEvent" not in path:  # which has grown meanwhile
        assert head.headers["content-length"] == whole.headers["content-length"]


@pytest.mark.parametrize("release", Release)
async def test_head_of_an_entry_of_the_log_is_get_without_the_body(world: World, release: Release) -> None:
    me = world.caller("zonnestraal", release)
    (entry,) = (await me.get("/AuditEvent?_count=1"))["entry"]
    url = f"/AuditEvent/{entry['resource']['id']}"
    whole, head = await me("GET", url), await me("HEAD", url)
    assert (whole.status_code, head.status_code, head.content) == (200, 200, b"")
    for name in ("content-type", "content-length"):
        assert head.headers[name] == whole.headers[name]
    assert (await world.caller("maanlicht", release)("HEAD", url)).status_code == 404


async def test_head_says_what_is_wrong_without_a_body(me: Caller) -> None:
    for url, status in ((f"/Goal/{UUID}", 404), ("/Goal?colour=blue", 400), ("/Observatie", 404), ("/Goal/$fly", 400)):
        answer = await me("HEAD", url)
        assert (answer.status_code, answer.content) == (status, b"")


@pytest.mark.parametrize("release", Release)
async def test_a_part_of_what_is_read_is_shown(world: World, release: Release) -> None:
    me = world.caller("zonnestraal", release)
    url = world.zonnestraal.url("weight", release)
    for path in (url, f"{url}/_history/1"):
        answer = await me("GET", f"{path}?_elements=status")
        tree = tree_of(answer)
        assert answer.headers["etag"] == 'W/"1"'
        assert tree["meta"]["tag"][-1]["code"] == "SUBSETTED"
        assert "status" in tree
        assert "valueQuantity" not in tree
        assert "valueQuantity" in await me.get(f"{path}?_summary=false")
        assert "valueQuantity" in await me.get(f"{path}?_summary=true")
    for path in (f"{url}/_history", "/Observation/_history"):
        entries = (await me.get(f"{path}?_elements=status"))["entry"]
        assert all("valueQuantity" not in entry["resource"] for entry in entries)


@pytest.mark.parametrize(
    "query",
    ["_summary=count", "_summary=all", "_elements=colour", "_summary=true&_elements=status", "_count=1"],
)
async def test_a_part_that_there_is_not_is_refused(world: World, me: Caller, query: str) -> None:
    url = world.zonnestraal.url("weight")
    assert (await me("GET", f"{url}?{query}")).status_code == 400
    assert (await me("GET", f"{url}/_history/1?{query}")).status_code == 400


async def test_a_version_that_the_caller_has_is_not_sent_again(world: World, me: Caller) -> None:
    url = f"{world.zonnestraal.url('weight')}/_history/1"
    for names, status in (('"1"', 304), ('W/"1"', 304), ('W/"0", W/"1"', 304), ("*", 304), ('W/"2"', 200)):
        answer = await me("GET", url, If_None_Match=names)
        assert (answer.status_code, bool(answer.content)) == (status, status == 200)
        assert answer.headers["etag"] == 'W/"1"'


@pytest.mark.parametrize(
    ("header", "value", "status"),
    [
        ("If_Match", 'W/"1"', 200),
        ("If_Match", '"1"', 200),
        ("If_Match", 'W/"7", W/"1"', 200),
        ("If_Match", "*", 200),
        ("If_Match", 'W/"7"', 412),
        ("If_Match", 'W/"7", W/"8"', 412),
        ("If_Match", "1", 400),
        ("If_Match", "", 400),
        ("If_Match", 'W/"1', 400),
        ("If_Match", 'w/"1"', 400),
        ("If_None_Match", "*", 412),
        ("If_None_Match", 'W/"1"', 412),
        ("If_None_Match", 'W/"7"', 200),
        ("If_None_Match", "1", 400),
    ],
)
async def test_a_write_holds_to_its_condition(me: Caller, patient: str, header: str, value: str, status: int) -> None:
    made = await me.made(weight(R4, patient))
    url = f"/Observation/{made['id']}"
    answer = await me("PUT", url, weight(R4, patient, id=made["id"], status="amended"), **{header: value})
    assert answer.status_code == status, answer.text
    assert (await me.get(url))["status"] == ("amended" if status == 200 else "final")
    answer = await me("DELETE", url, **{header: value.replace("1", "2") if status == 200 else value})
    assert answer.status_code == (204 if status == 200 else status)


async def test_nothing_that_stands_is_replaced_by_a_create_under_a_chosen_id(me: Caller, patient: str) -> None:
    tree = weight(R4, patient, id=UUID)
    url = f"/Observation/{UUID}"
    assert (await me("PUT", url, tree, If_Match="*")).status_code == 412
    assert (await me("PUT", url, tree, If_None_Match="*")).status_code == 201
    assert (await me("PUT", url, tree, If_None_Match="*")).status_code == 412
    await me("DELETE", url)
    assert (await me("PUT", url, tree, If_Match="*")).status_code == 412
    assert (await me("PUT", url, tree, If_None_Match="*")).status_code == 201


@pytest.mark.parametrize(("scope", "status"), [("patient/Goal.ru", 403), ("patient/Goal.cru", 201)])
async def test_what_was_deleted_is_brought_back_by_those_who_may_create(
    world: World, me: Caller, patient: str, scope: str, status: int
) -> None:
    made = await me.made(goal(R4, patient))
    url = f"/Goal/{made['id']}"
    await me("DELETE", url)
    before = await me.changes()
    holder = Holder(RequesterKind.PERSON, "person", record_id=world.zonnestraal.record_id)
    app = Caller(world.http, await world.token(holder, scope))
    answer = await app("PUT", url, goal(R4, patient, id=made["id"]))
    assert answer.status_code == status, answer.text
    assert len(await me.changes()) == len(before) + (status == 201)
    never = await app("PUT", f"/Goal/{UUID}", goal(R4, patient, id=UUID))
    assert never.status_code == status


@pytest.mark.parametrize("url", ["/$meta", "/Observation/$meta", "{weight}/$meta"])
async def test_labels_are_told_by_post_too(world: World, me: Caller, url: str) -> None:
    url = url.format(weight=world.zonnestraal.url("weight"))
    empty: Tree = {"resourceType": "Parameters"}
    assert tree_of(await me("POST", url, empty)) == await me.get(url)
    assert tree_of(await me("POST", url, "")) == await me.get(url)


@pytest.mark.parametrize(
    ("wanted", "has_body"),
    [
        ("return=minimal", False),
        ("return=representation", True),
        ("return=OperationOutcome", True),
        ("respond-async, return=minimal", False),
        ('return="minimal"', False),
        ("return=everything", True),
        (";;,=", True),
    ],
)
async def test_a_preference_that_is_odd_does_no_harm(me: Caller, patient: str, wanted: str, has_body: bool) -> None:
    answer = await me("POST", "/Observation", weight(R4, patient, identifier=identifier(wanted)), Prefer=wanted)
    assert answer.status_code == 201
    assert bool(answer.content) is has_body
    assert answer.headers["location"].endswith("/_history/1")


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        ("application/fhir+xml", "xml"),
        ("application/fhir+json;q=0.1, application/fhir+xml", "xml"),
        ("text/html, */*;q=0.1", "json"),
        ("application/*", "json"),
        (",,;q=1,*/*", "json"),
        ("application/fhir+json; fhirVersion=4.0", "json"),
        ("application/fhir+json; fhirVersion=3.0", ""),
        ("text/html", ""),
        ("*/*;q=0", ""),
    ],
)
async def test_what_a_caller_accepts_may_be_said_in_odd_ways(world: World, me: Caller, accept: str, kind: str) -> None:
    answer = await me("GET", world.zonnestraal.url("weight"), Accept=accept)
    assert answer.status_code == (200 if kind else 406)
    assert answer.headers["content-type"] == f"application/fhir+{kind or 'json'};charset=utf-8"
