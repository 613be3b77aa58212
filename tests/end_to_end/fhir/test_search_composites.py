"""Composite parameters: the values stand in the same element, on both releases."""

import pytest

from app.fhir.release import Release
from tests.end_to_end.fhir.test_search import UCUM, named
from tests.support.world import Caller, Tree, World, identifier, ids_of, weight

LOINC = "http://loinc.org"
SYSTOLIC, DIASTOLIC = "8480-6", "8462-4"


def pressure(release: Release, patient: str, name: str, systolic: str, diastolic: str) -> Tree:
    """Return a blood pressure in mmHg."""
    tree = weight(release, patient, identifier=identifier(name))
    del tree["valueQuantity"]
    tree["code"] = {"coding": [{"system": LOINC, "code": "85354-9"}]}
    tree["component"] = [
        {
            "code": {"coding": [{"system": LOINC, "code": code}]},
            "valueQuantity": {"value": float(value), "unit": "mmHg", "system": UCUM, "code": "mm[Hg]"},
        }
        for code, value in ((SYSTOLIC, systolic), (DIASTOLIC, diastolic))
    ]
    return tree


async def measured(world: World, release: Release) -> Caller:
    """Return the person, after making three blood pressures and a weight."""
    me, patient = world.caller("maanlicht", release), world.maanlicht.patient(release)
    for name, systolic, diastolic in (("normal", "118", "78"), ("high", "152", "96"), ("odd", "96", "152")):
        await me.made(pressure(release, patient, name, systolic, diastolic))
    await me.made(weight(release, patient, "80", identifier=identifier("kilos")))
    return me


@pytest.mark.parametrize("release", Release)
@pytest.mark.parametrize(
    ("query", "found"),
    [
        (f"component-code-value-quantity={SYSTOLIC}$gt140", "high"),
        (f"component-code-value-quantity={LOINC}|{SYSTOLIC}$gt140|{UCUM}|mm[Hg]", "high"),
        (f"component-code-value-quantity={SYSTOLIC}$gt18|{UCUM}|kPa", "high"),
        (f"component-code-value-quantity={SYSTOLIC}$lt100", "odd"),
        (f"component-code-value-quantity={SYSTOLIC}$152", "high"),
        (f"component-code-value-quantity={DIASTOLIC}$152,{SYSTOLIC}$118", "normal odd"),
        (f"component-code-value-quantity={SYSTOLIC}$gt140&component-code-value-quantity={DIASTOLIC}$gt90", "high"),
        (f"component-code-value-quantity={LOINC}|$gt140", "high odd"),
        ("component-code-value-quantity=85354-9$gt140", ""),
        (f"combo-code-value-quantity={SYSTOLIC}$gt140", "high"),
        ("combo-code-value-quantity=29463-7$80", "kilos"),
        (f"combo-code-value-quantity=29463-7$80,{SYSTOLIC}$ne118", "high kilos odd"),
        ("code-value-quantity=29463-7$80", "kilos"),
        (f"code-value-quantity=29463-7$80000|{UCUM}|g", "kilos"),
        ("code-value-quantity=29463-7$80||g", ""),
        (f"code-value-quantity={SYSTOLIC}$gt140", ""),
        (f"component-code-value-quantity={SYSTOLIC}$gt90&date=ge2100", ""),
        (f"component-code-value-quantity={SYSTOLIC}$gt90&status=final&code=85354-9", "high normal odd"),
    ],
)
async def test_both_parts_are_of_the_same_element(world: World, release: Release, query: str, found: str) -> None:
    me = await measured(world, release)
    everything = "&identifier=normal,high,odd,kilos"
    asked = query.replace("|", "%7C").replace("[", "%5B").replace("]", "%5D")
    for order in ("", "&_sort=-date"):
        assert sorted(await named(me, asked + everything + order)) == found.split(), order
    assert (await me.get(f"/Observation?{asked}{everything}&_summary=count"))["total"] == len(found.split())


@pytest.mark.parametrize("release", Release)
async def test_parts_of_other_kinds(world: World, release: Release) -> None:
    me, patient = world.caller("maanlicht", release), world.maanlicht.patient(release)
    for name, value in (
        ("string", {"valueString": "Rustig"}),
        ("date", {"valueDateTime": "2026-03-01"}),
        ("concept", {"valueCodeableConcept": {"coding": [{"code": "calm"}]}}),
    ):
        tree = weight(release, patient, identifier=identifier(name), code={"coding": [{"code": f"of-{name}"}]}) | value
        del tree["valueQuantity"]
        await me.made(tree)
    for query, found in (
        ("code-value-string=of-string$rus", ["string"]),
        ("code-value-string=of-date$rus", []),
        ("code-value-date=of-date$ge2026-02", ["date"]),
        ("code-value-date=of-date$lt2026-02", []),
        ("code-value-concept=of-concept$calm", ["concept"]),
        ("combo-code-value-concept=of-concept$calm", ["concept"]),
        ("code-value-concept=of-string$calm", []),
    ):
        assert await named(me, query) == found, query
    kind = {"system": "https://regie.example/codes", "code": "diabetes"}
    group = {
        "resourceType": "Group", "type": "person", "actual": True, "member": [{"entity": {"reference": patient}}],
        "characteristic": [
            {"code": {"coding": [kind]}, "valueBoolean": True, "exclude": False},
            {"code": {"coding": [{"code": "other"}]}, "valueBoolean": False, "exclude": False},
        ],
    }  # fmt: skip
    made = await me.made(group)
    assert await me.found("/Group?characteristic-value=diabetes$true") == [made["id"]]
    assert await me.found("/Group?characteristic-value=diabetes$false") == []


async def test_a_composite_parameter_may_end_a_chain(world: World) -> None:
    me = await measured(world, Release.R4)
    for value, found in ((f"{SYSTOLIC}$gt140", [world.maanlicht.patients[Release.R4]]), (f"{SYSTOLIC}$gt160", [])):
        assert await me.found(f"/Patient?_has:Observation:patient:component-code-value-quantity={value}") == found


async def test_what_is_hidden_is_found_by_no_composite_parameter(world: World) -> None:
    patient = world.zonnestraal.patient()
    tree = pressure(Release.R4, patient, "secret-pressure", "152", "96")
    await world.caller("zonnestraal").made(tree | {"meta": {"security": [{
        "system": "http://terminology.hl7.org/CodeSystem/v3-Confidentiality", "code": "R"}]}})  # fmt: skip
    url = f"/Observation?component-code-value-quantity={SYSTOLIC}$gt140&_total=accurate"
    assert len(await world.caller("zonnestraal").found(url)) == 1
    for who in ("granted", "app of zonnestraal", "maanlicht"):
        page = await world.caller(who).get(url)
        assert (ids_of(page), page["total"]) == ([], 0), who
