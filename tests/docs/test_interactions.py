"""docs/api/interactions.md: its table names the routes, and each status in it can be provoked."""

import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from app.fhir.release import Release
from app.interactions.operations.export import STANDING_MAX
from app.rest.capabilities import statement_tree
from app.rest.routes import ROUTES
from tests.support.world import SHARED_UUID, Tree, World, bundle, entry, goal, never_made, weight, world_in

PAGE = Path(__file__).resolve().parents[2] / "docs" / "api" / "interactions.md"
R4 = Release.R4
UUID = "5a1ad000-0000-4000-8000-00000000dada"
LABELS: Tree = {"resourceType": "Parameters", "parameter": [{"name": "meta", "valueMeta": {"tag": [{"code": "a"}]}}]}
COMPLEX: Tree = {"resourceType": "Parameters", "parameter": [{"name": "_count", "valuePeriod": {"start": "2026"}}]}
VALUES = {"_type": "Goal", "mode": "create", "profile": "http://example.org/p", "_elements": "status", "_summary": "true",
          "_sort": "_id", "_include": "Observation:subject", "_revinclude": "Provenance:target",
          "_total": "none", "_since": "2026", "_at": "2026", "_release": "both", "start": "2026", "end": "2026",
          "code": "AAAA-AAAA", "category": "medication", "action": "read", "purpose": "COC", "until": "2027", "text": "a",
          "request": "urn:a", "practice": "nobody", "at": "2026"}  # fmt: skip
"""A value for each parameter that is no number."""


class Line(NamedTuple):
    """A line of the table."""

    requests: list[tuple[str, str]]
    parameters: list[str]
    statuses: set[int]


class Ask(NamedTuple):
    """A request that provokes a status of an interaction."""

    interaction: str
    status: int
    method: str
    url: str
    body: Tree | str | None = None
    headers: tuple[tuple[str, str], ...] = ()
    who: str = "zonnestraal"


def table() -> dict[str, Line]:
    """Return the lines of the table by interaction."""
    lines = {}
    for row in re.findall(r"^\| ([a-z-]+) \|(.+)\|$", PAGE.read_text(encoding="utf-8"), re.MULTILINE):
        requests, parameters, _, statuses = row[1].split("|")
        if "`" in requests:
            pairs = [tuple(one.split(" ")) for one in re.findall(r"`([^`]+)`", requests)]
            named = re.findall(r"`([^`]+)`", parameters)
            lines[row[0]] = Line([(method, path) for method, path in pairs], named, set(map(int, statuses.split())))
    return lines


def asks(world: World, number: str) -> Iterator[Ask]:
    """Yield what provokes each status, in an order in which it can be done; ``number`` is an entry of the log."""
    him, her = world.zonnestraal, world.maanlicht
    patient, never = him.patient(), never_made(him)
    seen, gone = him.url("weight"), him.url("goal")
    fresh = goal(R4, patient)
    never_goal = f"/Goal/{never}"
    yield Ask("delete", 204, "DELETE", gone)
    for name, tail in (("read", ""), ("vread", "/_history/1"), ("history-instance", "/_history")):
        yield Ask(name, 200, "GET", f"{seen}{tail}")
        yield Ask(name, 400, "GET", f"{seen}{tail}?colour=blue")
        yield Ask(name, 403, "GET", f"{seen}{tail}", who="no grant")
        yield Ask(name, 404, "GET", f"{never_goal}{tail}")
        yield Ask(name, 409, "GET", f"/Observation/{SHARED_UUID}{tail}", who="operator")
        if name != "history-instance":
            yield Ask(name, 304, "GET", f"{seen}{tail}", headers=(("If_None_Match", 'W/"1"'),))
            yield Ask(
                name, 304, "GET", f"{seen}{tail}", headers=(("If_Modified_Since", "Tue, 01 Jan 2999 00:00:00 GMT"),)
            )
    yield Ask("read", 410, "GET", gone)
    yield Ask("vread", 410, "GET", f"{gone}/_history/2")
    for name, url in (("history-type", "/Goal/_history"), ("history-system", "/_history")):
        yield Ask(name, 200, "GET", url)
        yield Ask(name, 400, "GET", url, who="operator")
        yield Ask(name, 403, "GET", url, who="no grant")
        yield Ask(name, 404, "GET", f"{url}?patient={her.patients[R4]}")
    yield Ask("search-type", 200, "GET", "/Goal")
    yield Ask("search-type", 200, "GET", f"/{patient}/Goal")
    yield Ask("search-type", 400, "GET", "/Goal?colour=blue")
    yield Ask("search-type", 403, "GET", f"/Goal?patient={her.patients[R4]}", who="no grant")
    yield Ask("search-type", 404, "GET", f"/{patient}/Organization")
    yield Ask("search-system", 200, "GET", "/?_type=Goal,Condition")
    yield Ask("search-system", 400, "GET", "/")
    yield Ask("search-system", 403, "GET", f"/?_type=Goal,Condition&patient={her.patients[R4]}", who="granted")
    yield Ask("search-system", 200, "GET", f"/{patient}/*")
    yield Ask("search-system", 404, "GET", f"/{patient}/*?_type=Organization")
    yield Ask("search-system", 415, "POST", "/_search", "{}")
    yield Ask("search-type", 415, "POST", "/Goal/_search", "{}")
    yield from _changes(world, fresh, never_goal, gone)
    yield from _bundles(world, fresh, never_goal)
    yield Ask("log", 200, "GET", "/AuditEvent?_count=1")
    yield Ask("log", 400, "GET", "/AuditEvent?date=soon")
    yield Ask("log", 403, "GET", "/AuditEvent", who="no grant")
    yield Ask("log", 404, "GET", "/AuditEvent/999999999")
    yield Ask("operation-receipt", 200, "GET", f"/AuditEvent/{number}/$receipt")
    yield Ask("operation-receipt", 400, "GET", f"/AuditEvent/{number}/$receipt?colour=blue")
    yield Ask("operation-receipt", 403, "GET", f"/AuditEvent/{number}/$receipt", who="no grant")
    yield Ask("operation-receipt", 404, "GET", "/AuditEvent/999999999/$receipt")
    yield from _operations(world, fresh, never_goal, gone)


def _changes(world: World, fresh: Tree, never_goal: str, gone: str) -> Iterator[Ask]:
    seen, patient = world.zonnestraal.url("weight"), world.zonnestraal.patient()
    kept = weight(R4, patient, id=world.zonnestraal.ids[R4, "weight"])
    chosen = weight(R4, patient, id=UUID)
    merge = (("Content_Type", "application/merge-patch+json"),)
    large = '{"resourceType":"Goal","a":"' + "a" * 6_000_000 + '"}'
    key = (("Idempotency_Key", "one"),)
    yield Ask("create", 201, "POST", "/Goal", fresh, key)
    yield Ask("create", 409, "POST", "/Observation", weight(R4, patient), key)
    yield Ask("create", 200, "POST", "/Goal", fresh, (("If_None_Exist", "lifecycle-status=active"),))
    yield Ask("create", 412, "POST", "/Observation", weight(R4, patient), (("If_None_Exist", "status=final"),))
    yield Ask("create", 403, "POST", "/Goal", fresh, who="no grant")
    yield Ask("create", 422, "POST", "/Goal", {"resourceType": "Goal"})
    yield Ask("update", 200, "PUT", seen, kept)
    yield Ask("update", 201, "PUT", f"/Observation/{UUID}", chosen)
    yield Ask("update", 403, "PUT", seen, kept, who="no grant")
    yield Ask("update", 405, "PUT", "/Goal/mine", fresh | {"id": "mine"})
    yield Ask("update", 409, "PUT", "/Observation?status=unknown", kept)
    yield Ask("update", 412, "PUT", seen, kept, (("If_Match", 'W/"1"'),))
    yield Ask("update", 422, "PUT", seen, kept | {"status": "klaar"})
    yield Ask("patch", 200, "PATCH", seen, '{"language":"nl"}', merge)
    yield Ask("patch", 403, "PATCH", seen, '{"language":"nl"}', merge, who="no grant")
    yield Ask("patch", 404, "PATCH", never_goal, '{"language":"nl"}', merge)
    yield Ask("patch", 409, "PATCH", seen, '{"language":"nl"}', (*merge, *key))
    yield Ask("patch", 410, "PATCH", gone, '{"language":"nl"}', merge)
    yield Ask("patch", 412, "PATCH", seen, '{"language":"nl"}', (*merge, ("If_Match", 'W/"1"')))
    yield Ask("patch", 422, "PATCH", seen, '{"status":"klaar"}', merge)
    yield Ask("patch", 413, "PATCH", seen, large, merge)
    for name, method, url in (("create", "POST", "/Goal"), ("update", "PUT", gone), ("patch", "PATCH", seen)):
        yield Ask(name, 400, method, url, "{")
        yield Ask(name, 415, method, url, "{}", (("Content_Type", "text/plain"),))
        yield Ask(name, 413, method, url, large)
    yield Ask("delete", 200, "DELETE", f"/Observation/{UUID}", headers=(("Prefer", "return=OperationOutcome"),))
    yield Ask("delete", 400, "DELETE", f"{seen}?colour=blue")
    yield Ask("delete", 403, "DELETE", seen, who="no grant")
    yield Ask("delete", 404, "DELETE", never_goal)
    yield Ask("delete", 405, "DELETE", f"/{patient}")
    yield Ask("delete", 409, "DELETE", seen, headers=key)
    yield Ask("delete", 412, "DELETE", seen, headers=(("If_Match", 'W/"1"'),))


def _bundles(world: World, fresh: Tree, never_goal: str) -> Iterator[Ask]:
    seen, patient = world.zonnestraal.url("weight")[1:], world.zonnestraal.patient()

    def transaction(status: int, *entries: Tree, who: str = "zonnestraal") -> Ask:
        return Ask("batch", status, "POST", "/", bundle("transaction", *entries), who=who)

    yield transaction(200, entry("POST", "Goal", fresh))
    yield transaction(403, entry("POST", "Goal", fresh), who="no grant")
    yield transaction(404, entry("GET", never_goal))
    yield transaction(405, entry("DELETE", patient))
    yield transaction(412, entry("DELETE", seen, ifMatch='W/"99"'))
    yield transaction(422, entry("POST", "Goal", {"resourceType": "Goal"}))
    yield transaction(413, *[entry("GET", seen)] * 101)
    yield Ask("batch", 400, "POST", "/", {"resourceType": "Bundle", "type": "collection"})
    yield Ask("batch", 409, "POST", "/", bundle("batch", entry("POST", "Goal", fresh)), (("Idempotency_Key", "one"),))
    yield Ask("batch", 415, "POST", "/", "{}", (("Content_Type", "text/plain"),))


def _operations(world: World, fresh: Tree, never_goal: str, gone: str) -> Iterator[Ask]:
    him, her = world.zonnestraal, world.maanlicht
    seen, text = him.url("weight"), (("Content_Type", "text/plain"),)
    for name, url in (
        ("operation-everything", "/Patient/$everything"),
        ("operation-lastn", "/Observation/$lastn"),
        ("operation-delta", "/$delta"),
        ("operation-summary", "/Patient/$summary"),
        ("operation-meta", "/Goal/$meta"),
    ):
        yield Ask(name, 200, "POST", url)
        yield Ask(name, 400, "GET", f"{url}?colour=blue")
        yield Ask(name, 403, "GET", url, who="no grant")
        yield Ask(name, 415, "POST", url, "{}", text)
        yield Ask(name, 422, "POST", url, COMPLEX)
        if name in {"operation-delta", "operation-meta"}:
            yield Ask(name, 404, "GET", f"{url}?patient={her.patients[R4]}")
    yield from _terminology()
    yield Ask("operation-everything", 404, "GET", f"/{her.patient()}/$everything")
    yield Ask("operation-summary", 404, "GET", f"/{her.patient()}/$summary")
    as_seen_by = f"/{him.patient()}/$as-seen-by?practice={world.made.practices['granted']}"
    yield Ask("operation-as-seen-by", 200, "GET", as_seen_by)
    yield Ask("operation-as-seen-by", 400, "GET", f"{as_seen_by}&at=2099")
    yield Ask("operation-as-seen-by", 403, "GET", as_seen_by, who="granted")
    yield Ask("operation-as-seen-by", 404, "GET", f"/{him.patient()}/$as-seen-by?practice=nobody")
    yield Ask("operation-as-seen-by", 415, "POST", as_seen_by, "{}", text)
    yield Ask("operation-as-seen-by", 422, "POST", as_seen_by, COMPLEX)
    yield from _requests(text)
    yield from _exports(world)
    yield Ask("operation-meta", 410, "GET", f"{gone}/$meta")
    yield Ask("operation-validate", 200, "POST", "/Goal/$validate", fresh)
    yield Ask("operation-validate", 400, "POST", "/Goal/$validate?mode=guess", fresh)
    yield Ask("operation-validate", 403, "POST", "/Goal/$validate", fresh, who="no grant")
    yield Ask("operation-validate", 404, "GET", f"{never_goal}/$validate")
    yield Ask("operation-validate", 410, "GET", f"{gone}/$validate")
    yield Ask("operation-validate", 415, "POST", "/Goal/$validate", "{}", text)
    for name in ("operation-meta-add", "operation-meta-delete"):
        url = f"{seen}/${name[10:]}"
        yield Ask(name, 200, "POST", url, LABELS)
        yield Ask(name, 400, "POST", url, {"resourceType": "Parameters"})
        yield Ask(name, 403, "POST", url, LABELS, who="no grant")
        yield Ask(name, 404, "POST", f"{never_goal}/${name[10:]}", LABELS)
        yield Ask(name, 409, "POST", url, LABELS, (("Idempotency_Key", "one"),))
        yield Ask(name, 410, "POST", f"{gone}/${name[10:]}", LABELS)
        yield Ask(name, 412, "POST", url, LABELS, (("If_Match", 'W/"99"'),))
        yield Ask(name, 415, "POST", url, "{}", text)
        yield Ask(name, 422, "POST", url, {"resourceType": "Parameters", "parameter": [{}]})


def _requests(text: tuple[tuple[str, str], ...]) -> Iterator[Ask]:
    name, url = "operation-request-access", "/Consent/$request-access"
    asked = f"{url}?code=AAAA-AAAA&category=medication&until=2027-06-01"
    yield Ask(name, 202, "POST", asked, who="no grant")
    yield Ask(name, 400, "POST", f"{url}?code=AAAA-AAAA", who="no grant")
    yield Ask(name, 403, "POST", asked)
    yield Ask(name, 415, "POST", url, "{}", text, who="no grant")
    yield Ask(name, 422, "POST", f"{url}?code=AAAA-AAAA&category=sensitive&until=2027-06-01", who="no grant")
    for _ in range(59):
        yield Ask(name, 202, "POST", asked, who="no grant")
    yield Ask(name, 429, "POST", asked, who="no grant")
    name, url = "operation-access-requests", "/Consent/$access-requests"
    yield Ask(name, 200, "GET", url, who="no grant")
    yield Ask(name, 400, "GET", f"{url}?colour=blue", who="no grant")
    yield Ask(name, 403, "GET", url)


def _exports(world: World) -> Iterator[Ask]:
    name, url, wanted = "operation-export", "/Patient/$export", (("Prefer", "respond-async"),)
    yield Ask(name, 400, "GET", url, who="operator")
    yield Ask(name, 403, "GET", url, headers=wanted)
    yield Ask(name, 415, "POST", url, "{}", (*wanted, ("Content_Type", "text/plain")), who="operator")
    yield Ask(name, 422, "POST", url, COMPLEX, wanted, who="operator")
    yield Ask(name, 404, "GET", f"/Group/{never_made()}/$export", headers=wanted, who="granted")
    for _ in range(STANDING_MAX):
        yield Ask(name, 202, "GET", f"/Group/{world.made.practices['granted']}/$export", headers=wanted, who="granted")
    yield Ask(name, 429, "GET", url, headers=wanted, who="granted")
    yield Ask(name, 200, "GET", "{begun}", who="granted")


def _terminology() -> Iterator[Ask]:
    gender, text = "http://hl7.org/fhir/administrative-gender", (("Content_Type", "text/plain"),)
    value_set = "url=http://hl7.org/fhir/ValueSet/administrative-gender"
    for name, path, query, unheard in (
        ("expand", "/ValueSet/$expand", value_set, "url=http://example.org/vs"),
        (
            "validate-code",
            "/ValueSet/$validate-code",
            f"{value_set}&code=male&system={gender}",
            "url=http://example.org/vs&code=a&system=b",
        ),
        ("lookup", "/CodeSystem/$lookup", f"system={gender}&code=male", f"system={gender}&code=unheard"),
        (
            "subsumes",
            "/CodeSystem/$subsumes",
            f"system={gender}&codeA=male&codeB=female",
            f"system={gender}&codeA=male&codeB=a",
        ),
    ):
        yield Ask(f"operation-{name}", 200, "GET", f"{path}?{query}")
        yield Ask(f"operation-{name}", 400, "GET", path)
        yield Ask(f"operation-{name}", 404, "GET", f"{path}?{unheard}")
        yield Ask(f"operation-{name}", 415, "POST", path, "{}", text)
        yield Ask(f"operation-{name}", 422, "POST", path, {"resourceType": "Parameters", "unheard": 1})


async def test_every_status_in_the_table_can_be_provoked(tmp_path: Path) -> None:
    provoked = defaultdict(set)
    async with world_in(tmp_path) as world:
        log = await world.caller("zonnestraal").get("/AuditEvent?_count=1")
        begun = ""
        for ask in asks(world, log["entry"][0]["resource"]["id"]):
            url = ask.url.replace("{begun}", begun)
            answer = await world.caller(ask.who)(ask.method, url, ask.body, **dict(ask.headers))
            begun = answer.headers.get("content-location", begun)
            assert answer.status_code == ask.status, (ask[:4], answer.text[:500])
            provoked[ask.interaction].add(ask.status)
    assert {name: line.statuses for name, line in table().items()} == provoked


def test_the_table_names_the_routes() -> None:
    routes = defaultdict(list)
    for route in ROUTES:
        if not route.open:
            routes[route.interaction].append((route.method, route.path))
    lines = table()
    assert {name: sorted(line.requests) for name, line in lines.items()} == {
        name: sorted(requests) for name, requests in routes.items()
    }


@pytest.mark.parametrize("release", Release)
def test_the_table_names_what_the_capability_statement_has(release: Release) -> None:
    (rest,) = statement_tree(release, "https://regie.example")["rest"]
    codes = {one["code"] for resource in [rest, *rest["resource"]] for one in resource.get("interaction", ())}
    assert codes - {"transaction"} == {name for name in table() if not name.startswith("operation-")} - {"log"}
    places = [rest, *rest["resource"]]
    operations = {f"operation-{one['name']}" for place in places for one in place.get("operation", ())}
    only_r4 = set() if release is Release.R4 else {"operation-summary"}
    assert {name for name in table() if name.startswith("operation-")} == operations | only_r4


@pytest.mark.parametrize("release", Release)
async def test_every_parameter_in_the_table_is_taken(tmp_path: Path, release: Release) -> None:
    async with world_in(tmp_path) as world:
        me, him = world.caller("zonnestraal", release), world.zonnestraal
        values = VALUES | {"patient": him.patients[release]}
        for name, line in table().items():
            if name == "operation-summary" and release is Release.STU3:
                continue
            for path in (path for method, path in line.requests if method == "GET" and "AuditEvent/" not in path):
                url = (
                    path.replace("{owner}", "Patient")
                    .replace("Patient/{id}", him.patient(release))
                    .replace("{type}/{id}", him.url("weight", release)[1:])
                )
                url = url.replace("{type}", "Observation").replace("{version}", "1")
                asker = world.caller("no grant", release) if name == "operation-access-requests" else me
                for parameter in line.parameters:
                    if parameter == "patient" and "{id}" in path:
                        continue
                    answer = await asker("GET", f"{url}?{parameter}={values.get(parameter, '1')}")
                    assert answer.status_code in (200, 400, 404), (name, url, parameter, answer.text)
                    assert "no other parameters" not in answer.text, (name, url, parameter)
                    assert "no parameters" not in answer.text, (name, url, parameter)
