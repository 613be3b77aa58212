"""The demo people: valid in their release, the same each time, invented beyond doubt, and believable."""

import json
import re
from collections import Counter
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import cache
from statistics import mean
from typing import Any

import pytest
from fhir.resources import R4B, STU3

from app.demo.elements import BSN, Entry, Json
from app.demo.people import DemoPerson, demo_people
from app.demo.practices import demo_app, demo_practices
from app.fhir.release import Release

TODAY = date(2026, 11, 25)
# A leap day, the days on which the clock changes, and the turn of a year.
DAYS = [TODAY, date(2028, 2, 29), date(2026, 3, 29), date(2026, 10, 25), date(2027, 1, 1)]
MODELS = {Release.STU3: STU3, Release.R4: R4B}

NAMES = {
    "Zonnestraal-Testpersoon",
    "Windvaan-Testpersoon",
    "Regenboog-Testpersoon",
    "Meetlat-Testarts",
    "Polsslag-Testverpleegkundige",
    "Luchtkasteel-Testverpleegkundige",
    "Suikerspin-Testverpleegkundige",
    "Hartenvrouw-Testverpleegkundige",
}
PLACES = {
    "Huisartsenpraktijk De Regenton",
    "Ketenzorg Het Kompas",
    "Apotheek De Zandloper",
}
LIMITS = {
    "8480-6": (85, 185),
    "8462-4": (45, 110),
    "29463-7": (60, 96),
    "8302-2": (160, 178),
    "8310-5": (36, 39.6),
    "8867-4": (48, 118),
    "59408-5": (84, 99),
    "9279-1": (11, 29),
    "14770-2": (4.0, 15.0),
    "14760-3": (4.0, 17.0),
    "14743-9": (3.3, 15.0),
}
# Elements in which a day of the future is right: what is planned, and until when.
PLANNED = {
    ("Appointment", "start"),
    ("Appointment", "end"),
    ("Goal", "dueDate"),
    ("Task", "end"),
    ("MedicationRequest", "start"),
    ("MedicationRequest", "end"),
    ("MedicationDispense", "start"),
    ("MedicationDispense", "end"),
    ("MedicationStatement", "end"),
}


@cache
def made(today: date, seed: int = 7) -> list[DemoPerson]:
    """Return the demo people, made once."""
    return demo_people(today, seed)


@pytest.fixture
def people() -> list[DemoPerson]:
    return made(TODAY)


def walk(value: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """Yield each value in a resource with the name of its element."""
    yield name, value
    if isinstance(value, dict):
        for key, part in value.items():
            yield from walk(part, key)
    elif isinstance(value, list):
        for part in value:
            yield from walk(part, name)


def of_type(pairs: list[Entry], *resource_types: str) -> list[Json]:
    """Return the resources of these types."""
    return [resource for _, resource in pairs if resource["resourceType"] in resource_types]


def values(person: DemoPerson, code: str) -> list[tuple[datetime, float]]:
    """Return what was measured under a code of LOINC, in time."""
    found = []
    for resource in of_type(person.resources[Release.STU3], "Observation"):
        for part in (resource, *resource.get("component", [])):
            codes = {coding["code"] for coding in part["code"]["coding"]}
            if code in codes and "valueQuantity" in part:
                at = datetime.fromisoformat(resource["effectiveDateTime"])
                found.append((at, float(part["valueQuantity"]["value"])))
    return sorted(found)


def days_ago(at: datetime) -> int:
    return (TODAY - at.date()).days


def between(measured: list[tuple[datetime, float]], first: int, last: int) -> list[float]:
    """Return the values from ``first`` to ``last`` days ago."""
    return [value for at, value in measured if last <= days_ago(at) <= first]


def named(people: list[DemoPerson], login: str) -> DemoPerson:
    return next(person for person in people if person.login == f"{login}@example.test")


@pytest.mark.parametrize("release", list(Release))
@pytest.mark.parametrize("login", ["sterre", "wout", "ada"])
def test_every_resource_is_valid_in_its_release(people: list[DemoPerson], login: str, release: Release) -> None:
    for _, resource in named(people, login).resources[release]:
        model = MODELS[release].get_fhir_model_class(resource["resourceType"])
        model.model_validate(resource)


@pytest.mark.parametrize("release", list(Release))
def test_the_practices_are_valid_and_refer_to_each_other(release: Release) -> None:
    practices = demo_practices()
    assert [practice.name for practice in practices] == ["Huisartsenpraktijk De Regenton", "Ketenzorg Het Kompas"]
    for practice in practices:
        for _, resource in practice.resources[release]:
            MODELS[release].get_fhir_model_class(resource["resourceType"]).model_validate(resource)
        assert practice.organization(release)["name"] == practice.name
        assert {resource["resourceType"] for resource in practice.staff(release)} == {
            "Practitioner",
            "PractitionerRole",
        }
        assert_references_point_back(practice.resources[release])


def test_the_app_comes_back_to_the_machine_of_who_tries_it() -> None:
    assert demo_app().redirect_uri.startswith("http://127.0.0.1:")


def test_the_same_day_and_seed_give_the_same_people(people: list[DemoPerson]) -> None:
    assert demo_people(TODAY) == people


def test_another_seed_gives_other_measurements_of_the_same_people(people: list[DemoPerson]) -> None:
    others = made(TODAY, 8)
    assert [person.name for person in others] == [person.name for person in people]
    assert all(values(other, "29463-7") != values(one, "29463-7") for other, one in zip(others, people, strict=True))


def test_each_person_has_a_year_that_loads_in_seconds(people: list[DemoPerson]) -> None:
    for person in people:
        assert 700 <= sum(map(len, person.resources.values())) <= 1300


@pytest.mark.parametrize("today", DAYS)
@pytest.mark.parametrize("seed", [1, 7])
def test_full_urls_are_unique_and_references_point_to_earlier_resources(today: date, seed: int) -> None:
    for person in made(today, seed):
        for pairs in person.resources.values():
            assert_references_point_back(pairs)


def assert_references_point_back(pairs: list[Entry]) -> None:
    known: set[str] = set()
    for full_url, resource in pairs:
        referred = {value for name, value in walk(resource) if name == "reference" and isinstance(value, str)}
        assert referred <= known, resource["resourceType"]
        assert full_url not in known
        known.add(full_url)


def test_everything_carries_what_medmij_asks_for(people: list[DemoPerson]) -> None:
    for person in people:
        for pairs in person.resources.values():
            for _, resource in pairs:
                assert resource["meta"]["profile"]
                assert "id" not in resource
                for _, value in walk(resource):
                    if not isinstance(value, dict):
                        continue
                    if isinstance(value.get("reference"), str):
                        assert value["display"]
                    for coding in value.get("coding", []):
                        assert coding["system"]
                        assert coding["code"]
                        assert coding["display"]


def test_no_resource_has_a_bsn(people: list[DemoPerson]) -> None:
    masked = 0
    for person in people:
        for pairs in person.resources.values():
            for _, resource in pairs:
                for name, value in walk(resource):
                    if name in {"identifier", "valueIdentifier"} and isinstance(value, dict):
                        assert not re.fullmatch(r"\d{8,9}", str(value.get("value")))
                        if value.get("system") == BSN:
                            assert "value" not in value
                            masked += 1
    assert masked == 6


def test_nobody_has_a_name_that_could_be_real(people: list[DemoPerson]) -> None:
    sets = [pairs for person in people for pairs in person.resources.values()]
    sets += [pairs for practice in demo_practices() for pairs in practice.resources.values()]
    for pairs in sets:
        for resource in of_type(pairs, "Patient", "Practitioner"):
            assert {name["family"] for name in resource["name"]} <= NAMES
        for resource in of_type(pairs, "Organization"):
            assert resource["name"] in PLACES
    assert {person.name.split(" ", 1)[1] for person in people} <= NAMES
    assert all(person.login.endswith("@example.test") for person in people)


@pytest.mark.parametrize("today", DAYS)
def test_only_plans_lie_in_the_future(today: date) -> None:
    planned = set()
    for person in made(today):
        for release, pairs in person.resources.items():
            for _, resource in pairs:
                for name, value in walk(resource):
                    if isinstance(value, str) and re.match(r"\d{4}-\d\d-\d\d", value) and value[:10] >= str(today):
                        is_plan = release is Release.R4 or resource["resourceType"] == "Task"
                        assert is_plan, (resource["resourceType"], name)
                        planned.add((resource["resourceType"], name))
    assert planned <= PLANNED
    assert ("Appointment", "start") in planned


@pytest.mark.parametrize("seed", range(1, 6))
@pytest.mark.parametrize("code", sorted(LIMITS))
def test_measurements_are_within_what_a_body_does(seed: int, code: str) -> None:
    low, high = LIMITS[code]
    measured = [value for person in made(TODAY, seed) for _, value in values(person, code)]
    assert measured
    assert low <= min(measured)
    assert max(measured) <= high


def test_the_upper_pressure_is_above_the_lower_one(people: list[DemoPerson]) -> None:
    for person in people:
        for resource in of_type(person.resources[Release.STU3], "Observation"):
            if resource["code"]["coding"][0]["code"] == "85354-9":
                top, bottom = (part["valueQuantity"]["value"] for part in resource["component"][:2])
                assert top - bottom >= 25


def test_numbers_keep_their_decimals(people: list[DemoPerson]) -> None:
    weights = [
        resource["valueQuantity"]["value"]
        for resource in of_type(people[0].resources[Release.STU3], "Observation")
        if resource["code"]["coding"][0]["code"] == "29463-7"
    ]
    assert weights
    assert {type(weight) for weight in weights} == {Decimal}
    assert {weight.as_tuple().exponent for weight in weights} == {-1}


def test_some_days_are_missed_and_some_weeks_follow_the_protocol(people: list[DemoPerson]) -> None:
    for person in people:
        per_day = Counter(at.date() for at, _ in values(person, "8480-6"))
        doubles = {day for day, count in per_day.items() if count >= 4}
        assert any(all(day + timedelta(days=later) in doubles for later in range(7)) for day in doubles)
        weighed = {at.date() for at, _ in values(person, "29463-7")}
        assert len(weighed) < 340


def test_fasting_glucose_falls_rises_at_illness_and_after_meals(people: list[DemoPerson]) -> None:
    fasting = values(named(people, "sterre"), "14770-2")
    assert mean(between(fasting, 60, 1)) < mean(between(fasting, 365, 300)) - 1.5
    assert mean(between(fasting, 127, 121)) > mean(between(fasting, 118, 90)) + 1
    after_meal = values(named(people, "sterre"), "14760-3")
    before_meal = values(named(people, "sterre"), "14743-9")
    assert mean(value for _, value in after_meal) > mean(value for _, value in before_meal) + 1.5
    assert mean(value for _, value in fasting) > mean(value for _, value in before_meal)


def test_copd_shows_an_exacerbation_and_recovery(people: list[DemoPerson]) -> None:
    wout = named(people, "wout")
    saturation, breathing = values(wout, "59408-5"), values(wout, "9279-1")
    assert mean(between(saturation, 118, 113)) < 91 < mean(between(saturation, 180, 125))
    assert mean(between(saturation, 40, 1)) > 92.5
    assert mean(between(breathing, 118, 113)) > mean(between(breathing, 40, 1)) + 5
    assert max(between(values(wout, "8310-5"), 119, 112)) > 38.3


def test_heart_failure_shows_fluid_that_comes_and_goes(people: list[DemoPerson]) -> None:
    weight = values(named(people, "ada"), "29463-7")
    dry, wet = mean(between(weight, 75, 63)), mean(between(weight, 53, 51))
    assert wet - dry > 2
    assert abs(mean(between(weight, 39, 30)) - dry) < 0.8
    systolic = values(named(people, "ada"), "8480-6")
    assert mean(between(systolic, 365, 300)) > mean(between(systolic, 39, 1)) + 10


@pytest.mark.parametrize("login", ["sterre", "wout", "ada"])
def test_targets_have_measurements_to_go_with_them(people: list[DemoPerson], login: str) -> None:
    person = named(people, login)
    targets = [
        target
        for goal in of_type(person.resources[Release.R4], "Goal")
        for target in goal["target"]
        if "measure" in target
    ]
    assert len(targets) >= 3
    for target in targets:
        code = target["measure"]["coding"][0]["code"]
        assert values(person, code), code
        units = {bound["code"] for bound in target["detailRange"].values()}
        assert len(units) == 1
        assert target["detailRange"]["low"]["value"] < target["detailRange"]["high"]["value"]


@pytest.mark.parametrize("login", ["sterre", "wout", "ada"])
def test_medication_is_current_planned_and_stopped(people: list[DemoPerson], login: str) -> None:
    kinds = set()
    for request in of_type(named(people, login).resources[Release.R4], "MedicationRequest"):
        if request["category"][0]["coding"][0]["code"] != "33633005":
            continue
        period = next(part["valuePeriod"] for part in request["extension"] if "valuePeriod" in part)
        planned = period["start"][:10] > str(TODAY)
        kinds.add("planned" if planned else request["status"])
        dosage = request["dosageInstruction"][0]
        assert dosage["text"]
        assert dosage["timing"]["repeat"]["frequency"] >= 1
    assert {"active", "planned", "stopped", "completed"} <= kinds


def test_a_report_for_the_person_has_no_lines_s_and_o(people: list[DemoPerson]) -> None:
    for person in people:
        reports = of_type(person.resources[Release.STU3], "Composition")
        assert len(reports) >= 5
        for report in reports:
            assert [section["code"]["coding"][0]["code"] for section in report["section"]] == ["E", "P"]


def test_laboratory_results_say_what_is_normal_and_what_is_not(people: list[DemoPerson]) -> None:
    for person in people:
        results = [
            resource for resource in of_type(person.resources[Release.STU3], "Observation") if "specimen" in resource
        ]
        assert len(results) >= 12
        assert all("referenceRange" in result for result in results)
        flagged = [result for result in results if "interpretation" in result]
        assert flagged
        for result in flagged:
            code, bounds = result["interpretation"]["coding"][0]["code"], result["referenceRange"][0]
            value = result["valueQuantity"]["value"]
            assert value > bounds["high"]["value"] if code == "H" else value < bounds["low"]["value"]


def test_the_care_plan_holds_goals_team_schedules_and_tasks(people: list[DemoPerson]) -> None:
    for person in people:
        pairs = person.resources[Release.R4]
        (plan,) = of_type(pairs, "CarePlan")
        assert plan["goal"]
        assert plan["careTeam"]
        referred = {activity["reference"]["reference"] for activity in plan["activity"] if "reference" in activity}
        by_url = dict(pairs)
        assert {by_url[url]["resourceType"] for url in referred} == {"ServiceRequest", "Task"}
        for request in of_type(pairs, "ServiceRequest"):
            assert request["occurrenceTiming"]["repeat"]["frequency"] >= 1
            assert request["patientInstruction"]


def test_a_person_becomes_a_bundle_of_a_few_megabytes(people: list[DemoPerson]) -> None:
    for person in people:
        size_bytes = len(json.dumps(list(person.resources.values()), default=float))
        assert size_bytes < 4_000_000
