"""What the entries of a batch or transaction may look at: all that has a route, as if it had come alone."""

import json

import pytest

from app.fhir.release import Release
from app.fhir.xml.read import to_json
from app.interactions import bundle as bundles
from app.rest.routes import ROUTES
from tests.support.world import Caller, Tree, World, bundle, entry, goal, identifier, restricted, tree_of, weight

R4 = Release.R4
KINDS = ("batch", "transaction")
UUID = "5a1ad000-0000-4000-8000-00000000beef"
OPEN = {"/.well-known/smart-configuration"}
"""What can be looked at by everybody, and is no FHIR."""


def entries(answer: object) -> list[Tree]:
    """Return the entries of an answer."""
    tree = tree_of(answer)  # type: ignore[arg-type]
    assert "entry" in tree, tree
    return list(tree["entry"])


def kinds(bundle_: Tree) -> list[str]:
    """Return the types of the resources in a Bundle, in order."""
    return [one["resource"]["resourceType"] for one in bundle_["entry"]]


def addresses(world: World) -> list[str]:
    """Return an address for each route that is asked with GET."""
    weight_id = world.zonnestraal.ids[R4, "weight"]
    found = []
    for route in ROUTES:
        if route.method != "GET" or route.path in OPEN or "AuditEvent/" in route.path:
            continue
        if "$export" in route.path:  # asked for alone: tests/access/test_exports.py
            continue
        of_patient = route.path.startswith("/Patient/{id}")
        resource_id = world.zonnestraal.patients[R4] if of_patient else weight_id
        url = route.path[1:].replace("{type}", "Observation").replace("{id}", resource_id).replace("{version}", "1")
        found.append(url or "?_type=Observation,Condition")
    return found


@pytest.mark.parametrize("kind", KINDS)
async def test_all_that_can_be_looked_at_can_be_an_entry(world: World, me: Caller, kind: str) -> None:
    for url in addresses(world):
        alone, answer = await me("GET", f"/{url}"), await me("POST", "/", bundle(kind, entry("GET", url)))
        if alone.status_code != 200:  # an operation that needs parameters
            assert (
                tree_of(answer)["entry"][0]["response"]["status"] if kind == "batch" else str(answer.status_code)
            ) == str(alone.status_code)
            continue
        (shown,) = entries(answer)
        assert shown["response"]["status"] == "200 OK", (url, shown)
        one, other = shown["resource"], tree_of(alone)
        assert one["resourceType"] == other["resourceType"], url
        if one["resourceType"] == "Bundle" and "AuditEvent" not in url:
            assert kinds(one) == kinds(other), url
        elif one["resourceType"] != "Bundle":
            assert one == other, url
        (headed,) = entries(await me("POST", "/", bundle(kind, entry("HEAD", url))))
        assert headed["response"]["status"] == "200 OK"
        assert "resource" not in headed


@pytest.mark.parametrize("kind", KINDS)
async def test_an_operation_is_called_with_its_parameters(world: World, me: Caller, patient: str, kind: str) -> None:
    most: Tree = {"resourceType": "Parameters", "parameter": [{"name": "max", "valueInteger": 1}]}
    labels: Tree = {
        "resourceType": "Parameters", "parameter": [{"name": "meta", "valueMeta": {"tag": [{"code": "seen"}]}}],
    }  # fmt: skip
    url = world.zonnestraal.url("weight")[1:]
    newest, checked, found, labelled = entries(
        await me(
            "POST",
            "/",
            bundle(
                kind,
                entry("POST", "Observation/$lastn", most),
                entry("POST", "Observation/$validate", weight(R4, patient, status="klaar")),
                entry("POST", "Observation/_search?code=29463-7&_summary=count"),
                entry("POST", f"{url}/$meta-add", labels),
            ),
        )
    )
    assert len(newest["resource"]["entry"]) == 1
    assert checked["resource"]["issue"][0]["severity"] == "error"
    assert found["resource"]["total"] == 2
    assert labelled["resource"]["parameter"][0]["valueMeta"]["tag"] == [{"code": "seen"}]
    assert (await me.get(f"/{url}"))["meta"]["tag"] == [{"code": "seen"}]


async def test_a_transaction_shows_what_it_changed(me: Caller, patient: str) -> None:
    tree = weight(R4, patient, id=UUID, identifier=identifier("fresh"))
    asked = bundle(
        "transaction",
        entry("GET", f"Observation/{UUID}"),
        entry("GET", f"Observation/{UUID}/_history"),
        entry("GET", "Observation?identifier=fresh"),
        entry("GET", f"{patient}/$everything?_type=Observation"),
        entry("PUT", f"Observation/{UUID}", tree),
    )
    read, history, search, everything, made = entries(await me("POST", "/", asked))
    assert made["response"]["status"] == "201 Created"
    assert (read["resource"]["id"], read["response"]["etag"]) == (UUID, 'W/"1"')
    assert read["response"]["location"] == f"Observation/{UUID}/_history/1"
    assert [one["resource"]["id"] for one in history["resource"]["entry"]] == [UUID]
    assert [one["resource"]["id"] for one in search["resource"]["entry"]] == [UUID]
    assert UUID in {one["resource"]["id"] for one in everything["resource"]["entry"]}


@pytest.mark.parametrize(
    ("url", "status"),
    [
        (f"Observation/{UUID}", 404),
        ("Observation?colour=blue", 400),
        ("Observation/$fly", 400),
        ("Observatie", 404),
        ("/", 400),
        ("Goal/a/b", 404),
        ("metadata?_format=xml", 406),
        (".well-known/smart-configuration", 406),
        ("Observation/a/b/c/d", 404),
        ("Observation?_count=%ff", 400),
        ("https://elsewhere.example/fhir/Observation/1", 404),
    ],
)
async def test_what_can_not_be_looked_at_fails_a_transaction_and_not_a_batch(
    me: Caller, patient: str, url: str, status: int
) -> None:
    before = await me.changes()
    new = entry("POST", "Goal", goal(R4, patient))
    answer = await me("POST", "/", bundle("transaction", new, entry("GET", url)))
    assert answer.status_code == status, answer.text
    assert tree_of(answer)["issue"][0].get("expression") is not None
    assert await me.changes() == before
    answer = await me("POST", "/", bundle("batch", new, entry("GET", url)))
    assert [one["response"]["status"][:3] for one in entries(answer)] == ["201", str(status)]


@pytest.mark.parametrize("kind", KINDS)
async def test_a_bundle_is_of_one_format(world: World, me: Caller, kind: str) -> None:
    asked = bundle(
        kind, entry("GET", f"{world.zonnestraal.url('weight')[1:]}?_format=xml"), entry("GET", "Goal?_format=xml")
    )
    for form in ("json", "xml"):
        answer = await me("POST", f"/?_format={form}", asked)
        assert answer.headers["content-type"] == f"application/fhir+{form};charset=utf-8"
        tree = tree_of(answer) if form == "json" else json.loads(to_json(R4, answer.content))
        assert [one["resource"]["resourceType"] for one in tree["entry"]] == ["Observation", "Bundle"]


async def test_the_look_of_a_failed_transaction_is_not_in_the_log(world: World, me: Caller) -> None:
    asked = bundle("transaction", entry("GET", world.zonnestraal.url("goal")[1:]), entry("GET", f"Goal/{UUID}"))
    assert (await me("POST", "/", asked)).status_code == 404
    newest = (await me.get("/AuditEvent?_count=1"))["entry"][0]["resource"]
    assert (newest["subtype"][0]["code"], newest["outcome"]) == ("transaction", "4")


async def test_a_transaction_looks_no_more_often_than_others_can_wait_for(me: Caller) -> None:
    looks = [entry("GET", "Goal?_summary=count")] * 101
    assert (await me("POST", "/", bundle("transaction", *looks))).status_code == 413
    assert len(entries(await me("POST", "/", bundle("transaction", *looks[1:])))) == 100
    assert len(entries(await me("POST", "/", bundle("batch", *looks)))) == 101


async def test_a_transaction_looks_no_longer_than_others_can_wait_for(
    me: Caller, patient: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = await me.changes()
    monkeypatch.setattr(bundles, "LOOKS_SECONDS", -1.0)
    asked = [entry("POST", "Goal", goal(R4, patient)), entry("GET", "Goal")]
    answer = await me("POST", "/", bundle("transaction", *asked))
    assert (answer.status_code, tree_of(answer)["issue"][0]["code"]) == (422, "too-costly")
    assert await me.changes() == before
    assert (await me("POST", "/", bundle("transaction", asked[0]))).status_code == 200
    assert len(entries(await me("POST", "/", bundle("batch", *asked)))) == 2


async def test_one_look_of_a_transaction_ends_in_time_too(
    me: Caller, patient: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await me("POST", "/", bundle("batch", *[entry("POST", "Observation", weight(R4, patient))] * 400))
    look = entry("GET", "Observation?" + "&".join(["_content=body"] * 8))
    monkeypatch.setattr(bundles, "LOOKS_SECONDS", 0.01)
    answer = await me("POST", "/", bundle("transaction", look))
    assert (answer.status_code, tree_of(answer)["issue"][0]["code"]) == (422, "too-costly")
    assert len(entries(await me("POST", "/", bundle("batch", look)))) == 1


@pytest.mark.parametrize("kind", KINDS)
async def test_what_the_caller_has_is_not_sent_again(world: World, me: Caller, kind: str) -> None:
    url = world.zonnestraal.url("weight")[1:]
    written = (await me.get(f"/{url}"))["meta"]["lastUpdated"]
    asked = bundle(
        kind,
        entry("GET", url, ifNoneMatch='W/"7", W/"1"'),
        entry("GET", url, ifNoneMatch='W/"7"'),
        entry("GET", url, ifModifiedSince=written),
        entry("GET", url, ifModifiedSince="2020-01-01T00:00:00Z"),
    )
    shown = entries(await me("POST", "/", asked))
    assert [one["response"]["status"] for one in shown] == ["304 Not Modified", "200 OK"] * 2
    assert ["resource" in one for one in shown] == [False, True] * 2
    assert {one["response"]["etag"] for one in shown} == {'W/"1"'}


@pytest.mark.parametrize("kind", KINDS)
async def test_a_look_in_a_bundle_shows_no_more_than_alone(world: World, kind: str) -> None:
    secret = world.zonnestraal.url("secret")[1:]
    for who in ("granted", "maanlicht", "app of zonnestraal", "no grant"):
        for url in (
            secret,
            f"{secret}/_history",
            f"{secret}/_history/1",
            "Condition",
            "_history",
            "Patient/$everything",
        ):
            answer = await world.caller(who)("POST", "/", bundle(kind, entry("GET", url)))
            assert world.zonnestraal.marker("secret") not in answer.text


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("release", Release)
async def test_links_of_every_kind_become_what_the_other_entry_is(world: World, release: Release, kind: str) -> None:
    me, patient = world.caller("zonnestraal", release), world.zonnestraal.patient(release)
    urn = "urn:uuid:5a1ad000-0000-4000-8000-0000000000{:02}"
    div = f'<div xmlns="http://www.w3.org/1999/xhtml">{urn.format(2)} <a href="{urn.format(2)}">doel</a> <img src=\'#x\'/></div>'
    tree = weight(
        release,
        patient,
        text={"status": "additional", "div": div},
        identifier=[{"system": urn.format(2), "value": urn.format(2)}],
        extension=[
            {"url": "https://regie.example/fhir/link", "valueUri": urn.format(2)},
            {"url": "https://regie.example/fhir/link", "valueString": urn.format(2)},
            {"url": "https://regie.example/fhir/link", "valueAttachment": {"url": urn.format(2)}},
        ],
    )
    made = entries(
        await me(
            "POST",
            "/",
            bundle(
                kind,
                entry("POST", "Observation", tree, urn.format(1)),
                entry("POST", "Goal", goal(release, patient), urn.format(2)),
            ),
        )
    )
    names = [one["response"]["location"].partition("/_history")[0] for one in made]
    stored = await me.get(f"/{names[0]}")
    assert stored["text"]["div"] == div.replace(f'"{urn.format(2)}"', f'"{names[1]}"')
    assert stored["identifier"] == [{"system": urn.format(2), "value": urn.format(2)}]
    assert [
        one[name] for one, name in zip(stored["extension"], ("valueUri", "valueString", "valueAttachment"), strict=True)
    ] == [
        names[1],
        urn.format(2),
        {"url": names[1]},
    ]


async def test_a_label_in_a_transaction_stands_or_falls_with_it(world: World, me: Caller) -> None:
    url = world.zonnestraal.url("weight")[1:]
    before = await me.changes()
    labels: Tree = {"resourceType": "Parameters", "parameter": [{"name": "meta", "valueMeta": restricted()}]}
    asked = bundle("transaction", entry("POST", f"{url}/$meta-add", labels), entry("GET", f"Goal/{UUID}"))
    assert (await me("POST", "/", asked)).status_code == 404
    assert await me.changes() == before


@pytest.mark.parametrize("kind", KINDS)
async def test_an_operation_in_a_bundle_that_comes_again_changes_nothing_again(
    world: World, me: Caller, patient: str, kind: str
) -> None:
    url = world.zonnestraal.url("weight")[1:]
    labels: Tree = {
        "resourceType": "Parameters",
        "parameter": [{"name": "meta", "valueMeta": {"tag": [{"code": "a"}]}}],
    }
    asked = bundle(kind, entry("POST", "Goal", goal(R4, patient)), entry("POST", f"{url}/$meta-add", labels))
    first = await me("POST", "/", asked, Idempotency_Key="again")
    after = await me.changes()
    second = await me("POST", "/", asked, Idempotency_Key="again")
    assert second.headers["idempotency-replayed"] == "true"
    assert [one["response"]["status"] for one in entries(second)] == [
        one["response"]["status"] for one in entries(first)
    ]
    assert await me.changes() == after
