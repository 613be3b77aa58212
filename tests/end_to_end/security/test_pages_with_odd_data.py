"""Whatever an app writes, the person's pages stand, and show it as text."""

import json
from collections.abc import Iterator

import pytest

from app.fhir.release import Release
from app.portal.kinds import KINDS
from tests.support.world import Tree, World, condition, goal, weight

EVIL = '"><script>alert(1)</script><img src=x onerror=alert(1)>{{7*7}}'
CODES = ("29463-7", "85354-9", "8867-4", "59408-5", "14743-9", "8302-2", "8310-5")
NUMBERS = ("1e300", "-1e300", "1e-300", "0", "-5", "1E+2", "999999999", "-999999999", f"0.{'1' * 59}", "9" * 60)
WHEN: tuple[Tree, ...] = (
    {"effectiveDateTime": "0001"},
    {"effectiveDateTime": "0001-01-01T00:00:00+14:00"},
    {"effectiveDateTime": "9999-12-31"},
    {"effectiveDateTime": "9999-12-31T23:59:59-14:00"},
    {"effectiveDateTime": "2026-11"},
    {"effectiveDateTime": "2016-12-31T23:59:60Z"},
    {"effectiveDateTime": "2026-11-25T08:00:00.123456789012345Z"},
    {"effectivePeriod": {"end": "2026-11-30"}},
    {},
)
PAGES = (
    "/",
    "/measurements",
    "/care-plan",
    "/medication",
    "/summary",
    "/access",
    "/activity",
    "/activity/check",
    "/activity/misfits",
)


def _observations(release: Release, patient: str) -> Iterator[bytes]:
    for code in CODES:
        tree = weight(release, patient)
        tree["code"] = {"coding": [{"system": "http://loinc.org", "code": code, "display": EVIL}], "text": EVIL}
        for number in NUMBERS:
            tree["valueQuantity"] = {"value": "@", "unit": EVIL, "system": "http://unitsofmeasure.org", "code": "kg"}
            yield json.dumps(tree).replace('"@"', number).encode()
        tree["valueQuantity"] = {"value": 5, "comparator": "<"}
        for when in WHEN:
            yield json.dumps({name: tree[name] for name in tree if name != "effectiveDateTime"} | when).encode()
        del tree["valueQuantity"]
        yield json.dumps(tree | {"valueString": EVIL}).encode()
        yield json.dumps(tree | {"component": [{"code": tree["code"], "valueString": EVIL}]}).encode()


def _others(release: Release, patient: str) -> Iterator[bytes]:
    is_stu3, subject = release is Release.STU3, {"subject": {"reference": patient}}
    measure = {"coding": [{"system": "http://loinc.org", "code": "29463-7"}]}
    for detail in (
        {"detailRange": {"low": {"value": 90}, "high": {"value": 60}}, "dueDate": "9999-12-31"},
        {"detailQuantity": {"value": 1e200}},
    ):
        target = {"measure": measure, **detail}
        yield json.dumps(goal(release, patient, target=target if is_stu3 else [target])).encode()
    yield json.dumps(goal(release, patient, description={"text": EVIL})).encode()
    yield json.dumps(condition(release, patient, code={"text": EVIL})).encode()
    repeats: tuple[Tree, ...] = (
        {"frequency": 2**31 - 1, "period": 1e-200, "periodUnit": "d", "dayOfWeek": ["mon"]},
        {"frequency": 1, "period": 0, "periodUnit": "d"},
        {"frequency": 1, "period": 1e300, "periodUnit": "a", "boundsPeriod": {"start": "2020-01-01"}},
        {"timeOfDay": ["23:59:60"], "boundsPeriod": {"start": "0001-01-01", "end": "9999-12-31"}},
    )
    details = [{"status": "in-progress", "scheduledTiming": {"repeat": repeat}} for repeat in repeats]
    activity = [{"detail": detail} for detail in [*details, {"status": "in-progress", "scheduledString": EVIL}]]
    plan = {"resourceType": "CarePlan", "status": "active", "intent": "plan", "title": EVIL, "activity": activity}
    yield json.dumps(plan | subject).encode()
    dose = {"value": 1e300, "unit": EVIL}
    dosage = {"timing": {"repeat": repeats[0]}} | (
        {"doseQuantity": dose} if is_stu3 else {"doseAndRate": [{"doseQuantity": dose}]}
    )
    used = {"resourceType": "MedicationStatement", "status": "active", "medicationCodeableConcept": {"text": EVIL}}
    yield json.dumps(used | subject | {"dosage": [dosage]} | ({"taken": "y"} if is_stu3 else {})).encode()
    team = {
        "resourceType": "CareTeam",
        "status": "active",
        "name": EVIL,
        "participant": [{"member": {"display": EVIL}}],
    }
    yield json.dumps(team | subject).encode()


@pytest.mark.parametrize("release", list(Release))
async def test_whatever_was_written_is_shown_as_text_and_breaks_no_page(world: World, release: Release) -> None:
    # An operator's import keeps what breaks a rule of FHIR, and no page may break for that.
    operator, patient = world.caller("operator", release), world.zonnestraal.patient(release)
    for body in [*_observations(release, patient), *_others(release, patient)]:
        answer = await operator("POST", f"/{json.loads(body)['resourceType']}", body)
        assert answer.status_code == 201, answer.text
    kinds = [f"/measurements/{kind.key}?period={period}" for kind in KINDS for period in ("month", "year")]
    cookie = f"regie-session={world.made.cookies['zonnestraal']}"
    shown = ""
    for path in (*PAGES, *kinds):
        answer = await world.http.get(path, headers={"Cookie": cookie})
        assert answer.status_code == 200, path
        assert "<script>alert" not in answer.text
        assert "<img src=x" not in answer.text
        shown += answer.text
    assert "&lt;script&gt;alert(1)" in shown
    assert "{{7*7}}" in shown


@pytest.mark.parametrize("path", ["/login/", "/static", "/access/"])
async def test_no_redirect_is_built_of_the_host_that_the_caller_names(world: World, path: str) -> None:
    answer = await world.http.get(path, headers={"Host": "elsewhere.example"})
    assert "elsewhere.example" not in answer.headers.get("location", "")
