"""Measurements that are typed in the portal: kept once, asked about, corrected, taken back; by who may, and by nobody else."""

import asyncio
import json
import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.access.categories import ALL_PARTS, EVERYTHING, Category
from app.access.requester import Requester, RequesterKind
from app.access.smart_scope import Action
from app.audit.events import Trace
from app.errors import DuplicateError
from app.fhir.release import Release
from app.fhir.self_measured import Measured
from app.interactions.self_measured import add_measurements
from app.portal import measurements
from app.portal.session import SCOPES
from tests.access.test_pages import form_token, session
from tests.support.acting import browser_of, go_in, let_act, send
from tests.support.in_process import inside
from tests.support.world import World, weight

DUTCH = {"accept-language": "nl"}
ADD = "/measurements/add/weight"
AT = datetime.now(UTC) - timedelta(hours=6)
"""The same for all forms of this process: what is sent twice says the same minute."""
READS = Action.READ | Action.SEARCH


def typed(**other: str) -> dict[str, str]:
    """Return the fields of a weight of some hours ago."""
    return {"value": "72,5", "day": str(AT.date()), "clock": f"{AT:%H:%M}", "note": "", "key": "first"} | other


async def post(world: World, path: str, who: str = "zonnestraal", **fields: str) -> httpx.Response:
    async with await session(world, who) as browser:
        token = await form_token(browser)
        return await browser.post(path, data={"csrf_token": token, **fields}, headers=DUTCH)


async def observations(world: World, release: Release = Release.STU3) -> list[dict[str, Any]]:
    """Return the newest Observations that are typed, as an app of the person reads them."""
    bundle = await world.caller("zonnestraal", release).get("/Observation?_sort=-_lastUpdated&_count=100")
    found = [one["resource"] for one in bundle.get("entry", [])]
    return [one for one in found if "measurement-entry" in str(one.get("extension"))]


async def page(world: World, path: str, who: str = "zonnestraal") -> httpx.Response:
    async with await session(world, who) as browser:
        return await browser.get(path, headers=DUTCH)


async def test_a_form_that_is_sent_twice_is_kept_once(world: World) -> None:
    for _ in range(2):
        answer = await post(world, ADD, **typed())
        assert answer.status_code == 303
        assert answer.headers["location"] == "/measurements/weight?saved=added"
    (kept,) = await observations(world)
    assert kept["valueQuantity"] == {"value": 72.5, "unit": "kg", "system": "http://unitsofmeasure.org", "code": "kg"}
    assert kept["performer"] == [kept["subject"]]
    assert "https://regie.example/fhir/StructureDefinition/body-weight" in kept["meta"]["profile"]
    assert "72,5" in (await page(world, "/measurements/weight?saved=added")).text


async def test_the_log_tells_that_it_was_typed_and_that_the_same_form_came_again(world: World) -> None:
    for _ in range(2):
        await post(world, ADD, **typed())
    async with await session(world, "zonnestraal") as browser:
        lines = (await browser.get("/activity/log.ndjson")).content.splitlines()
    events = [json.loads(line)["event"] for line in lines[:-1]]
    own = [one for one in events if one.get("resource_type") == "Observation" and one.get("seq")][-2:]
    assert [(one["action"], one["release"]) for one in own] == [("create", "stu3"), ("read", "stu3")]


async def test_the_same_form_with_other_values_is_asked_about_and_keeps_nothing(world: World) -> None:
    await post(world, ADD, **typed())
    answer = await post(world, ADD, **typed(value="73"))
    assert answer.status_code == 422
    assert "al bewaard, met andere waarden" in answer.text
    assert 'value="73"' in answer.text
    assert len(await observations(world)) == 1
    again = re.search(r'name="key" value="([^"]+)"', answer.text)
    assert again is not None
    assert (await post(world, ADD, **typed(value="73", key=again[1]))).status_code == 303
    assert len(await observations(world)) == 2


async def test_a_blood_pressure_and_its_pulse_are_kept_together(world: World) -> None:
    fields = typed(upper="128", lower="76", pulse="64", note="na het eten")
    assert (await post(world, "/measurements/add/blood-pressure", **fields)).status_code == 303
    kept = {one["code"]["coding"][0]["code"]: one for one in await observations(world)}
    assert set(kept) == {"85354-9", "8893-0"}
    assert [part["valueQuantity"]["value"] for part in kept["85354-9"]["component"]] == [128, 76]
    assert kept["85354-9"]["comment"] == "na het eten"
    assert kept["8893-0"]["valueQuantity"]["value"] == 64
    assert kept["8893-0"]["effectiveDateTime"] == kept["85354-9"]["effectiveDateTime"]


async def test_steps_are_of_a_day_and_have_no_time(world: World) -> None:
    assert (await post(world, "/measurements/add/steps", **typed(value="10.000"))).status_code == 303
    for path in ("/", "/measurements"):
        shown = (await page(world, path)).text
        assert "10.000" in shown
        assert "om 00:00" not in shown


async def test_what_is_very_high_is_asked_about_once(world: World) -> None:
    answer = await post(world, ADD, **typed(value="320"))
    assert answer.status_code == 422
    assert "320" in answer.text
    assert "is heel hoog" in answer.text
    assert await observations(world) == []
    sure = re.search(r'name="sure" value="([^"]+)"', answer.text)
    assert sure is not None
    other = await post(world, ADD, **typed(value="340", sure=sure[1]))
    assert other.status_code == 422, "sure of one value is not sure of another"
    assert (await post(world, ADD, **typed(value="320", sure=sure[1]))).status_code == 303
    assert len(await observations(world)) == 1


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"value": "7200"}, "Dit kan niet kloppen"),
        ({"value": "zeventig"}, "Schrijf een getal"),
        ({"value": "-3"}, "Schrijf alleen het getal: 3."),
        ({"value": "72,5,1"}, "Schrijf hier één getal."),
        ({"value": "٧٢"}, "Schrijf een getal"),
        ({"value": ""}, "Vul dit getal in"),
        ({"day": "2999-01-01"}, "moet nog komen"),
        ({"day": "31-02-2026"}, "Kies een dag"),
        ({"day": "0001-01-01"}, "Kies een dag"),
        ({"clock": "25:00"}, "Schrijf een tijd"),
        ({"note": "x" * 501}, "te lang"),
    ],
)
async def test_what_can_not_be_right_comes_back_with_its_place(world: World, fields: dict[str, str], said: str) -> None:
    answer = await post(world, ADD, **typed(**fields))
    assert answer.status_code == 422
    assert said in answer.text
    assert 'aria-invalid="true"' in answer.text
    assert await observations(world) == []


async def test_a_record_in_both_releases_gets_it_in_stu3_and_its_own_only(world: World) -> None:
    assert (await post(world, ADD, "maanlicht", **typed(value="71,9"))).status_code == 303
    found = await world.caller("maanlicht", Release.STU3).get("/Observation?code=29463-7")
    assert 71.9 in [one["resource"]["valueQuantity"]["value"] for one in found["entry"]]
    assert await observations(world) == []


async def test_a_record_in_r4_alone_gets_it_in_r4(tmp_path: Path) -> None:
    measured = Measured("blood-glucose", (Decimal("6.8"),), datetime(2026, 3, 1, 8, tzinfo=UTC), "ACM", "nuchter")
    async with inside(tmp_path) as made:
        person = Requester(RequesterKind.PERSON, "person", "Zonnestraal", SCOPES, record_id=made.record_id)
        for _ in range(2):
            await add_measurements(made.parts.context, person, Trace.EMPTY, [measured], "typed once")
        with pytest.raises(DuplicateError):
            await add_measurements(made.parts.context, person, Trace.EMPTY, [measured] * 2, "typed once")
        answer = await made.http.get("/Observation?code=14770-2", headers=made.headers)
    (entry,) = answer.json()["entry"]
    assert entry["resource"]["note"] == [{"text": "nuchter"}]
    assert entry["resource"]["subject"] == {"reference": f"Patient/{made.patient_id}"}


async def test_the_person_corrects_a_value_and_the_old_one_stays_in_its_history(world: World) -> None:
    await post(world, ADD, **typed(note="voor het ontbijt"))
    (kept,) = await observations(world)
    path = f"/measurements/weight/stu3/{kept['id']}"
    form = (await page(world, path)).text
    assert 'value="72,5"' in form
    assert "voor het ontbijt" in form
    right = typed(value="75.2", version="1", note="na het ontbijt")
    for answer in [
        *await asyncio.gather(*(post(world, path, **right) for _ in range(3))),
        await post(world, path, **right),
    ]:
        assert answer.headers.get("location") == "/measurements/weight?saved=corrected", "sent twice it is told once"
    late = await post(world, path, **typed(value="76.2", version="1"))
    assert (late.status_code, 'value="75,2"' in late.text) == (422, True)
    (corrected,) = await observations(world)
    assert corrected["status"] == "amended"
    assert corrected["valueQuantity"]["value"] == 75.2
    assert corrected["comment"] == "na het ontbijt"
    history = await world.caller("zonnestraal", Release.STU3).get(f"/Observation/{kept['id']}/_history")
    assert [one["resource"]["valueQuantity"]["value"] for one in history["entry"]] == [75.2, 72.5]


async def seen_by(world: World, who: str) -> set[str]:
    """Return the ids of the Observations that somebody finds in her record."""
    bundle = await world.caller(who, Release.STU3).get("/Observation?_count=100")
    return {one["resource"]["id"] for one in bundle.get("entry", [])}


@pytest.mark.parametrize(
    ("kind", "values"),
    [("weight", {"value": "72,5"}), ("blood-pressure", {"upper": "128", "lower": "76", "pulse": "70"})],
)
async def test_what_is_marked_as_sensitive_is_seen_by_those_only_who_were_given_that_too(
    world: World, kind: str, values: dict[str, str]
) -> None:
    await world.give("no grant", world.zonnestraal, EVERYTHING)
    fields = typed(**values, sensitive="on")
    assert (await post(world, f"/measurements/add/{kind}", **fields)).status_code == 303
    marked = {one["id"] for one in await observations(world)}
    assert not marked & await seen_by(world, "granted")
    assert marked <= await seen_by(world, "no grant")
    assert "Gevoelig" in (await page(world, f"/measurements/{kind}")).text
    one = next(one for one in await observations(world) if "pulse-rate" not in str(one["meta"]))
    path = f"/measurements/{kind}/stu3/{one['id']}"
    assert 'name="sensitive" checked' in (await page(world, path)).text
    await post(world, path, **fields, version="1")
    assert one["id"] not in await seen_by(world, "granted"), "a correction leaves it so"
    await post(world, path, **typed(**values), version="2")
    assert one["id"] in await seen_by(world, "granted")


@pytest.mark.parametrize("sees", [True, False])
async def test_a_helper_marks_as_sensitive_only_what_they_go_on_to_see(world: World, *, sees: bool) -> None:
    categories = EVERYTHING if sees else EVERYTHING & ~Category.SENSITIVE
    grant = await let_act(world, world.maanlicht, categories=categories, actions=READS | Action.CREATE | Action.UPDATE)
    async with await browser_of(world, world.maanlicht) as browser:
        await go_in(browser, grant)
        assert ('name="sensitive"' in (await browser.get(ADD)).text) is sees


async def test_a_value_that_is_taken_back_counts_no_more(world: World) -> None:
    await post(world, ADD, **typed(value="111"))
    (kept,) = await observations(world)
    path = f"/measurements/weight/stu3/{kept['id']}"
    at_once = await asyncio.gather(*(post(world, path, do="take-back", version="1") for _ in range(3)))
    assert {one.headers.get("location") for one in at_once} == {"/measurements/weight?saved=taken-back"}
    (stays,) = await observations(world)
    assert stays["status"] == "entered-in-error"
    assert stays["valueQuantity"]["value"] == 111
    shown = await page(world, "/measurements/weight?saved=taken-back")
    assert "111" not in shown.text
    assert (await page(world, path)).status_code == 404
    again = await post(world, path, do="take-back", version="1")  # a second press that came late
    assert again.headers["location"] == "/measurements/weight?saved=taken-back"
    assert (await observations(world)) == [stays]


async def test_a_second_tab_does_not_write_over_the_first(world: World) -> None:
    await post(world, ADD, **typed())
    (kept,) = await observations(world)
    path = f"/measurements/weight/stu3/{kept['id']}"
    assert (await post(world, path, **typed(value="74", version="1"))).status_code == 303
    late = await post(world, path, **typed(value="75", version="1"))
    assert late.status_code == 422
    assert "intussen veranderd" in late.text
    assert 'value="74"' in late.text
    (stands,) = await observations(world)
    assert stands["valueQuantity"]["value"] == 74


async def test_what_somebody_else_measured_is_not_corrected_here(world: World) -> None:
    practice = world.zonnestraal
    made = await world.caller("operator", Release.STU3).made(
        {
            "resourceType": "Observation",
            "status": "final",
            "category": [{"coding": [{"system": "http://hl7.org/fhir/observation-category", "code": "vital-signs"}]}],
            "code": {"coding": [{"system": "http://loinc.org", "code": "29463-7"}]},
            "subject": {"reference": practice.patient(Release.STU3)},
            "performer": [{"display": "Praktijkverpleegkundige"}],
            "effectiveDateTime": datetime.now(UTC).isoformat(timespec="seconds"),
            "valueQuantity": {"value": 80.1, "unit": "kg", "system": "http://unitsofmeasure.org", "code": "kg"},
        }
    )
    path = f"/measurements/weight/stu3/{made['id']}"
    assert (await page(world, path)).status_code == 404
    assert (await post(world, path, **typed(value="81", version="1"))).status_code == 404
    assert (
        f"/my-data/corrections?about=stu3/Observation/{made['id']}" in (await page(world, "/measurements/weight")).text
    )


async def test_a_measurement_with_the_same_id_in_both_releases_is_corrected_in_its_own(world: World) -> None:
    chosen, at = "5a1ad000-0000-4000-8000-00000000feed", datetime.now(UTC) - timedelta(hours=3)
    values = {Release.STU3: ("70", "70,5"), Release.R4: ("90", "90,5")}
    for release, (value, _) in values.items():
        patient = {"reference": world.zonnestraal.patient(release)}
        quantity = {"value": int(value), "unit": "kg", "system": "http://unitsofmeasure.org", "code": "kg"}
        tree = {
            "resourceType": "Observation",
            "id": chosen,
            "status": "final",
            "code": {"coding": [{"system": "http://loinc.org", "code": "29463-7"}]},
            "subject": patient,
            "performer": [patient],
            "effectiveDateTime": at.isoformat(timespec="seconds"),
            "valueQuantity": quantity,
        }
        made = await world.caller("zonnestraal", release)("PUT", f"/Observation/{chosen}", tree)
        assert made.status_code == 201, made.text
    shown = (await page(world, "/measurements/weight")).text
    for release, (value, other) in values.items():
        path = f"/measurements/weight/{release.path}/{chosen}"
        assert path in shown
        assert f'value="{value}"' in (await page(world, path)).text
        answer = await post(world, path, **typed(value=other, version="1"))
        assert answer.headers.get("location") == "/measurements/weight?saved=corrected", answer.text
        kept = await world.caller("zonnestraal", release).get(f"/Observation/{chosen}")
        assert str(kept["valueQuantity"]["value"]).replace(".", ",") == other
    assert (await post(world, f"/measurements/weight/r4/{chosen}", do="take-back", version="2")).status_code == 303
    assert (await page(world, f"/measurements/weight/r4/{chosen}")).status_code == 404
    before = await page(world, f"/measurements/weight/{chosen}")
    assert f'action="/measurements/weight/stu3/{chosen}"' in before.text
    answer = await post(world, f"/measurements/weight/{chosen}", **typed(value="71", version="2"))
    assert answer.headers.get("location") == "/measurements/weight?saved=corrected", "an open form is kept too"
    assert (await world.caller("zonnestraal", Release.STU3).get(f"/Observation/{chosen}"))["valueQuantity"][
        "value"
    ] == 71


async def test_half_a_blood_pressure_has_no_form_and_can_be_asked_about(world: World) -> None:
    patient = {"reference": world.zonnestraal.patient(Release.STU3)}
    made = await world.caller("zonnestraal", Release.STU3).made(
        {
            "resourceType": "Observation",
            "status": "final",
            "code": {"coding": [{"system": "http://loinc.org", "code": "8480-6"}]},
            "subject": patient,
            "performer": [patient],
            "effectiveDateTime": datetime.now(UTC).isoformat(timespec="seconds"),
            "valueQuantity": {"value": 131, "unit": "mmHg", "system": "http://unitsofmeasure.org", "code": "mm[Hg]"},
        }
    )
    path = f"/measurements/blood-pressure/stu3/{made['id']}"
    assert (await page(world, path)).status_code == 404
    assert (await post(world, path, **typed(upper="128", lower="76", version="1"))).status_code == 404
    shown = (await page(world, "/measurements/blood-pressure")).text
    assert path not in shown
    assert f"/my-data/corrections?about=stu3/Observation/{made['id']}" in shown


async def test_nobody_corrects_a_measurement_of_another(world: World) -> None:
    await post(world, ADD, **typed())
    (kept,) = await observations(world)
    path = f"/measurements/weight/stu3/{kept['id']}"
    for answer in (
        await page(world, path, "maanlicht"),
        await post(world, path, "maanlicht", **typed(value="90", version="1")),
        await post(world, path, "maanlicht", do="take-back", version="1"),
    ):
        assert answer.status_code == 404
    assert await observations(world) == [kept]


@pytest.mark.parametrize("actions", [READS, READS | Action.UPDATE])
async def test_a_helper_who_may_not_add_is_shown_no_form_and_adds_nothing(world: World, actions: Action) -> None:
    grant = await let_act(world, world.maanlicht, actions=actions)
    async with await browser_of(world, world.maanlicht) as browser:
        await go_in(browser, grant)
        for path in ("/measurements", "/measurements/weight", "/"):
            assert "/measurements/add" not in (await browser.get(path)).text
        assert (await browser.get(ADD)).status_code == 403
        assert (await send(browser, ADD, **typed())).status_code == 403
    assert await observations(world) == []


@pytest.mark.parametrize("actions", [READS, READS | Action.CREATE])
async def test_a_helper_who_may_not_change_corrects_and_takes_back_nothing(world: World, actions: Action) -> None:
    await post(world, ADD, **typed())
    (kept,) = await observations(world)
    place = f"/measurements/weight/stu3/{kept['id']}"
    grant = await let_act(world, world.maanlicht, actions=actions)
    async with await browser_of(world, world.maanlicht) as browser:
        await go_in(browser, grant)
        assert place not in (await browser.get("/measurements/weight")).text
        assert (await browser.get(place)).status_code == 403
        version = kept["meta"]["versionId"]
        assert (await send(browser, place, **typed(value="80", version=version))).status_code == 403
        assert (await send(browser, place, do="take-back", version=version)).status_code == 403
    assert await observations(world) == [kept]


@pytest.mark.parametrize("actions", [READS, READS | Action.CREATE])
async def test_what_the_care_plan_asks_has_a_way_to_its_form_for_who_may_add(world: World, actions: Action) -> None:
    patient = {"reference": world.zonnestraal.patient(Release.R4)}
    asked = {
        "status": "in-progress",
        "code": {"coding": [{"system": "http://loinc.org", "code": "29463-7"}], "text": "Wegen"},
        "scheduledTiming": {"repeat": {"frequency": 1, "period": 1, "periodUnit": "d"}},
    }
    plan = {"status": "active", "intent": "plan", "subject": patient, "activity": [{"detail": asked}]}
    await world.caller("zonnestraal").made({"resourceType": "CarePlan", **plan})
    assert f'href="{ADD}"' in (await page(world, "/")).text
    grant = await let_act(world, world.maanlicht, actions=actions)
    async with await browser_of(world, world.maanlicht) as browser:
        await go_in(browser, grant)
        shown = (await browser.get("/")).text
        assert "Wegen" in shown
        assert (f'href="{ADD}"' in shown) == bool(actions & Action.CREATE)


async def test_a_helper_who_may_do_both_adds_and_corrects(world: World) -> None:
    grant = await let_act(world, world.maanlicht, actions=READS | Action.CREATE | Action.UPDATE)
    async with await browser_of(world, world.maanlicht) as browser:
        await go_in(browser, grant)
        assert (await send(browser, ADD, **typed())).status_code == 303
        (kept,) = await observations(world)
        place = f"/measurements/weight/stu3/{kept['id']}"
        assert (await send(browser, place, **typed(value="80", version=kept["meta"]["versionId"]))).status_code == 303
    (kept,) = await observations(world)
    assert kept["valueQuantity"]["value"] == 80


async def test_who_does_not_see_what_is_sensitive_marks_nothing_so_whatever_they_send(world: World) -> None:
    grant = await let_act(
        world,
        world.maanlicht,
        categories=ALL_PARTS,
        actions=READS | Action.CREATE | Action.UPDATE,
    )
    async with await browser_of(world, world.maanlicht) as browser:
        await go_in(browser, grant)
        assert 'name="sensitive"' not in (await browser.get(ADD)).text
        assert (await send(browser, ADD, **typed())).status_code == 303
        (kept,) = await observations(world)
        place, version = f"/measurements/weight/stu3/{kept['id']}", kept["meta"]["versionId"]
        forms: dict[str, dict[str, str]] = {
            ADD: typed(value="81", key="marked"),
            place: typed(value="82", version=version),
            "/diary/add": {
                "kind": "remark",
                "text": "Moe",
                "day": str(AT.date()),
                "clock": f"{AT:%H:%M}",
                "key": "line",
            },
            "/care-plan/goals/add": {"text": "Wandelen", "key": "goal"},
        }
        for path, fields in forms.items():
            answer = await send(browser, path, **fields, sensitive="on")
            assert answer.status_code == 403, (path, answer.text)
    assert await observations(world) == [kept]


async def test_what_was_typed_is_kept_when_the_login_ended(world: World) -> None:
    async with await session(world, "zonnestraal") as browser:
        form = (await browser.get(ADD, headers=DUTCH)).text
        fields = dict(re.findall(r'name="(csrf_token|whose|key)" value="([^"]+)"', form))
        cookie = browser.cookies["regie-session"]
        browser.cookies = httpx.Cookies({"regie-session": "over"})
        answer = await browser.post(ADD, data=typed(value="72,9", note="geheim") | fields)
        assert answer.status_code == 303
        assert answer.headers["location"] == f"/login?next={ADD}"
        assert "Daarna ziet u weer wat u typte." in (await browser.get(f"/login?next={ADD}", headers=DUTCH)).text
        kept = browser.cookies["regie-typed"]
        assert "geheim" not in kept
        assert await observations(world) == []
        browser.cookies.set("regie-session", cookie, domain="127.0.0.1", path="/")
        del browser.cookies["regie-session"]
        browser.cookies = httpx.Cookies({"regie-session": cookie, "regie-typed": kept})
        back = await browser.get(ADD, headers=DUTCH)
        assert 'value="72,9"' in back.text
        assert "geheim" in back.text
        assert "regie-typed" in back.headers["set-cookie"], "the browser forgets it"
    async with await session(world, "maanlicht") as other:
        other.cookies.set("regie-typed", kept)
        assert "geheim" not in (await other.get(ADD, headers=DUTCH)).text, "it is shown to who typed it only"


async def test_a_form_of_an_older_login_comes_back_with_what_was_typed(world: World) -> None:
    async with await session(world, "zonnestraal") as browser:
        form = (await browser.get(ADD, headers=DUTCH)).text
        fields = dict(re.findall(r'name="(whose|key)" value="([^"]+)"', form))
        answer = await browser.post(ADD, data=typed(value="72,9") | fields | {"csrf_token": "of an older login"})
        assert answer.headers["location"] == ADD
        assert 'value="72,9"' in (await browser.get(ADD, headers=DUTCH)).text
    assert await observations(world) == []


async def test_a_form_that_is_not_of_this_person_is_refused(world: World) -> None:
    async with await session(world, "zonnestraal") as browser:
        for other in ({}, {"csrf_token": "0" * 64}):
            answer = await browser.post(ADD, data=typed() | other)
            assert answer.status_code == 403
    assert await observations(world) == []


@pytest.mark.parametrize("sealed", ["", "x", "AAAA", "A" * 400, "é"])
async def test_a_cookie_that_is_not_ours_is_no_typing(world: World, sealed: str) -> None:
    async with await session(world, "zonnestraal") as browser:
        cookie = f"regie-session={browser.cookies['regie-session']}; regie-typed={sealed}"
        answer = await browser.get(ADD, headers=[(b"cookie", cookie.encode())])
    assert answer.status_code == 200


async def test_how_much_there_is_now_does_not_shorten_a_window_in_the_past(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(measurements, "DENSE", 3)
    me, now = world.caller("zonnestraal"), datetime.now(UTC)
    for days in (1, 2, 3, 4, 4000):
        day = str((now - timedelta(days=days)).date())
        await me.made(weight(Release.R4, world.zonnestraal.patient(), effectiveDateTime=day))
    chosen = re.compile(r'period=(\w+)" aria-current')
    past = str((now - timedelta(days=3990)).date())
    shown = [(await page(world, f"/measurements/weight{query}")).text for query in (f"?until={past}", "")]
    assert [chosen.findall(text) for text in shown] == [[measurements.USUAL], [measurements.PERIODS[0].key]]


async def test_values_of_which_none_is_within_the_target_are_told_so_in_words(world: World) -> None:
    person, subject = world.caller("zonnestraal"), {"reference": world.zonnestraal.patient()}
    kilograms = {"unit": "kg", "system": "http://unitsofmeasure.org", "code": "kg"}
    target = {
        "measure": {"coding": [{"system": "http://loinc.org", "code": "29463-7"}]},
        "detailRange": {"low": {"value": 70, **kilograms}, "high": {"value": 71, **kilograms}},
    }
    goal = {"resourceType": "Goal", "lifecycleStatus": "active", "description": {"text": "Gewicht"}, "target": [target]}
    await person.made(goal | {"subject": subject})
    for hours, value, told, style in (
        (1, "72.5", "niet, die ene keer", 1),
        (2, "72", "geen van de 2 keer", 1),
        (3, "70.5", "1 van de 3 keer", 0),
    ):
        at = (datetime.now(UTC) - timedelta(hours=hours)).isoformat(timespec="seconds")
        await person.made(weight(Release.R4, world.zonnestraal.patient(), value, effectiveDateTime=at))
        shown = (await page(world, "/measurements/weight?period=month")).text
        facts = shown.partition('id="short"')[2].partition("</section>")[0]
        assert f"<dt>Binnen doel</dt><dd>{told}</dd>" in re.sub(r"</?span[^>]*>", "", facts)
        assert facts.count('class="state beyond"') == style
