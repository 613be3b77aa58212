"""Modifiers that ask what a value says beyond its code."""

import pytest

from app.fhir.release import Release
from tests.end_to_end.fhir.test_search import named
from tests.support.world import World, identifier, weight

R4 = Release.R4
ROLE = "http://terminology.hl7.org/CodeSystem/v2-0203"


@pytest.mark.parametrize("release", Release)
async def test_text_is_the_beginning_of_what_a_code_is_called(world: World, release: Release) -> None:
    me, patient = world.caller("maanlicht", release), world.maanlicht.patient(release)
    for name, code in (
        ("text", {"text": "Gewicht thuis"}),
        ("display", {"coding": [{"code": "w", "display": "Gewicht, naakt"}]}),
        ("other", {"text": "Lengte", "coding": [{"code": "gewicht"}]}),
    ):
        await me.made(weight(release, patient, identifier=identifier(name), code=code))
    everything = "&identifier=text,display,other"
    for query, found in (
        ("code:text=GEWICHT", ["display", "text"]),
        ("code:text=gewicht thuis", ["text"]),
        ("code:text=thuis", []),
        ("code:text=lengte,gewicht%5C,", ["display", "other"]),
        ("code:text=gewicht&code:text=lengte", []),
        ("code:text=gewicht&date=ge2100", []),
    ):
        for order in ("", "&_sort=-date"):
            assert sorted(await named(me, query + everything + order)) == found, query
        assert (await me.get(f"/Observation?{query}{everything}&_summary=count"))["total"] == len(found)


SPECIAL = {
    Release.STU3: "http://hl7.org/fhir/special-values",
    Release.R4: "http://terminology.hl7.org/CodeSystem/special-values",
}


@pytest.mark.parametrize("release", Release)
async def test_a_code_is_of_the_system_that_its_element_is_bound_to_and_of_no_other(
    world: World, release: Release
) -> None:
    me, patient = world.caller("maanlicht", release), world.maanlicht.patient(release).removeprefix("Patient/")
    await me.made(weight(release, f"Patient/{patient}", identifier=identifier("one"), status="amended"))
    gender, special = "http://hl7.org/fhir/administrative-gender", SPECIAL[release]
    own = await me.get(f"/Patient/{patient}")
    assert (await me("PUT", f"/Patient/{patient}", own | {"gender": "female"})).status_code == 200
    for query, is_found in (
        ("gender=female", True),
        ("gender=%7Cfemale", True),
        (f"gender={gender}%7Cfemale", True),
        (f"gender={gender}%7Cother", False),
        ("gender=http://wrong%7Cfemale", False),
        (f"gender=http://wrong%7Cfemale,{gender}%7Cfemale", True),
        ("gender:not=http://wrong%7Cfemale", True),
        (f"gender:not={gender}%7Cfemale", False),
        (f"active:not={special}%7Cfalse", True),
        (f"active=http://wrong%7Ctrue,{special}%7Cfalse", False),
    ):
        assert await me.found(f"/Patient?{query}") == ([patient] if is_found else []), query
    for system, found in (("http://hl7.org/fhir/observation-status", ["one"]), ("http://loinc.org", [])):
        assert await named(me, f"status={system}%7Camended&identifier=one") == found


async def test_an_identifier_is_found_by_its_type_and_value_together(world: World) -> None:
    me, patient = world.caller("maanlicht"), world.maanlicht.patient()
    typed = [
        {"type": {"coding": [{"system": ROLE, "code": code}]}, "value": value, "system": "https://regie.example/test"}
        for code, value in (("MR", "1"), ("PLAC", "2"))
    ]
    made = await me.made(weight(R4, patient, identifier=typed))
    assert await me.found(f"/Observation?identifier:of-type={ROLE}%7CMR%7C1") == [made["id"]]
    assert await me.found(f"/Observation?identifier:of-type={ROLE}%7CMR%7C2") == []
    assert await me.found(f"/Observation?identifier:of-type={ROLE}%7CMR%7C2,{ROLE}%7CPLAC%7C2") == [made["id"]]


@pytest.mark.parametrize("release", Release)
async def test_a_uri_is_found_by_what_is_above_and_below_it(world: World, release: Release) -> None:
    me, patient = world.caller("maanlicht", release), world.maanlicht.patient(release)
    profiles = {
        "one": "https://regie.example/a/b",
        "two": "https://regie.example/a",
        "three": "https://regie.example/ab",
    }
    for name, profile in profiles.items():
        await me.made(weight(release, patient, identifier=identifier(name), meta={"profile": [profile]}))
    for query, found in (
        ("_profile:below=https://regie.example/a", ["one", "two"]),
        ("_profile:below=https://regie.example/", ["one", "three", "two"]),
        ("_profile:above=https://regie.example/a/b/c", ["one", "two"]),
        ("_profile:above=https://regie.example/x", []),
    ):
        assert sorted(await named(me, f"{query}&identifier=one,two,three")) == found, query


async def test_what_is_below_a_canonical_has_any_version_of_it(world: World) -> None:
    me, patient = world.caller("maanlicht"), world.maanlicht.patient()
    url = "https://regie.example/Questionnaire/week"
    for name, canonical in (
        ("bare", url),
        ("first", f"{url}|1.0"),
        ("second", f"{url}|2.0"),
        ("other", f"{url}ly|1.0"),
    ):
        await me.made(weight(R4, patient, identifier=identifier(name), meta={"profile": [canonical]}))
        answers = {"resourceType": "QuestionnaireResponse", "status": "completed", "subject": {"reference": patient}}
        await me.made(answers | {"questionnaire": canonical, "identifier": identifier(name)[0]})
    any_version = ["bare", "first", "second"]
    for query, found in (
        (f"={url}", any_version),
        (f":below={url}", any_version),
        (f":below={url}%5C|1.0", ["first"]),
        (f":below={url}%7C1.0", ["first"]),
        (":below=https://regie.example/Questionnaire", [*any_version[:2], "other", "second"]),
        (":below=https://regie.example/Quest", []),
    ):
        assert sorted(await named(me, f"_profile{query}&identifier=bare,first,second,other")) == found, query
        bundle = await me.get(f"/QuestionnaireResponse?questionnaire{query}")
        assert sorted(one["resource"]["identifier"]["value"] for one in bundle.get("entry", [])) == found, query
    assert sorted(await named(me, f"_profile:above={url}/1&identifier=bare,first,second,other")) == any_version
    refused = await me("GET", f"/QuestionnaireResponse?questionnaire:above={url}")
    assert (refused.status_code, refused.json()["issue"][0]["code"]) == (400, "not-supported")


async def test_what_is_hidden_is_found_by_no_text(world: World) -> None:
    url = "/Condition?code:text={}&_total=accurate"
    mine = (await world.caller("zonnestraal").get("/Condition?identifier=zonnestraal-secret"))["entry"][0]["resource"]
    text = mine["code"].get("text") or mine["code"]["coding"][0]["display"]
    everything = await world.caller("zonnestraal").get(url.format(text))
    granted = await world.caller("granted").get(url.format(text))
    assert granted["total"] == everything["total"] - 1
    assert world.zonnestraal.marker("secret") in str(everything)
    assert world.zonnestraal.marker("secret") not in str(granted)
