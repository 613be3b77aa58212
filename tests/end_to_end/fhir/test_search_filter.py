"""``_filter``: what it finds, by the operators of each kind of parameter."""

import pytest

from app.fhir.release import Release
from tests.end_to_end.fhir.test_search import make
from tests.support.world import World, identifier, ids_of, link

R4 = Release.R4
LOINC = "http://loinc.org|29463-7"


async def make_three(world: World, release: Release) -> None:
    """Make weights a, b and c; only c has a performer and a method."""
    me, patient = world.caller("maanlicht", release), world.maanlicht.patient(release)
    await make(me, release, patient, "a", value="70", effectiveDateTime="2026-03-01T08:00:00Z")
    await make(me, release, patient, "b", value="80", status="amended", effectiveDateTime="2026-03-02")
    await make(
        me, release, patient, "c", value="90", effectiveDateTime="2026-03", performer=[{"reference": patient}],
        method={"coding": [{"code": "m"}]},
    )  # fmt: skip


@pytest.mark.parametrize("release", Release)
async def test_a_filter_finds_what_its_tests_say(world: World, release: Release) -> None:
    await make_three(world, release)
    me, patient = world.caller("maanlicht", release), world.maanlicht.patient(release)
    family = world.maanlicht.family
    for text, found in (
        ("status eq amended", "b"),
        ("status ne amended", "a c"),
        ("not (status eq amended)", "a c"),
        ("method ne x", "c"),
        ("code eq loinc|29463-7", "a b c"),
        (f"code eq {LOINC} and value-quantity gt 75", "b c"),
        ("value-quantity lt 75 or value-quantity gt 85 and status eq final", "a c"),
        ("value-quantity lt 75 or (value-quantity gt 85 and status eq amended)", "a"),
        ("value-quantity ge 80|http://unitsofmeasure.org|kg", "b c"),
        ("date eq 2026-03-02", "b"),
        ("date po 2026-03-02", "b c"),
        ("date co 2026-03-02T12:00:00Z", "b c"),
        ("date sa 2026-03-01", "b"),
        ("method pr true", "c"),
        ("method pr false", "a b"),
        (f"performer re {patient}", "c"),
        (f"performer re http://127.0.0.1:8000/fhir/{release.path}/{patient}", "c"),
        (f'subject.name co "{family[2:9].upper()}"', "a b c"),
        (f'performer:Patient.family eq "{family}"', "c"),
        ("performer:Patient.family pr false", "a b"),
        (f'performer:Patient[family sw "{family[:4]}"].family pr true', "c"),
        ('performer:Patient[family sw "niemand"].family pr true', ""),
        ("_lastUpdated gt 2020-01-01 and not(_id eq 1)", "a b c"),
        ("_id ne 1 and status eq amended", "b"),
        ("combo-code-value-quantity eq 29463-7$gt85" if release is R4 else "code-value-quantity eq 29463-7$gt85", "c"),
    ):
        page = await me("GET", f"/Observation?_sort=identifier&identifier=a,b,c&_filter={text.replace('$', '%24')}")
        assert page.status_code == 200, (text, page.text)
        names = [one["resource"]["identifier"][-1]["value"] for one in page.json().get("entry", [])]
        assert " ".join(names) == found, text


@pytest.mark.parametrize("release", Release)
async def test_a_filter_compares_strings_without_case_and_accents(world: World, release: Release) -> None:
    me = world.caller("operator", release)
    for name in ("Anémoon-Test", "Boterbloem-Test", "50% a_b\\c-Test"):
        await me.made({"resourceType": "Organization", "name": name, "identifier": identifier("filtered")})
    for text, found in (
        ('name eq "ANEMOON-test"', 1),
        ('name eq "Anemoon"', 0),
        ('name ne "anemoon-test"', 2),
        ('name sw "anemoon"', 1),
        ('name ew "-test"', 3),
        ('name ew "-tes"', 0),
        ('name co "TERBL"', 1),
        ('name co "%25 a_b"', 1),
        ('name co "a%25b"', 0),
        ('name co "b\\\\c"', 1),
        ('name gt "anemoon-test"', 1),
        ('name ge "anemoon-test"', 2),
        ('name lt "anemoon-test"', 1),
        ('name le "anemoon-test"', 2),
        ('name co ","', 0),
    ):
        page = await me.get(f"/Organization?identifier=filtered&_filter={text}")
        assert len(ids_of(page)) == found, text


@pytest.mark.parametrize(
    "text",
    [
        "status eq",
        "status gt a",
        "unheard eq 1",
        "subject.unheard eq 1",
        "date ge notadate",
        "date ge ge2014",
        "date pr maybe",
        "value-quantity co 7",
        "subject eq Patient/1",
        "subject[name eq a] re Patient/1",
        "code-value-quantity pr true",
        "_text eq a",
        'value-string eq " "',
        "code.name eq 1",
        " and ".join(["status eq a"] * 51),
        "focus.focus.focus.focus.focus.focus.status eq a",
    ],
)
async def test_what_a_filter_can_not_ask_is_refused_in_its_place(world: World, text: str) -> None:
    answer = await world.caller("zonnestraal")("GET", f"/Observation?_filter={text}")
    assert answer.status_code == 400, answer.text
    assert answer.json()["issue"][0]["expression"] == ["http._filter"]


async def test_a_filter_finds_nothing_that_is_hidden(world: World) -> None:
    hidden = world.zonnestraal.ids[R4, "secret"]
    for text in (f"_id eq {hidden}", f"not (_id ne {hidden})"):
        assert await world.caller("zonnestraal").found(f"/Condition?_filter={text}") == [hidden]
        assert await world.caller("granted").found(f"/Condition?_filter={text}") == []
    everything = await world.caller("granted").get("/Condition?_filter=not (_id eq 1)&_total=accurate")
    assert hidden not in ids_of(everything)
    assert everything["total"] == len(ids_of(everything))


async def test_filters_go_with_pages_and_chains(world: World) -> None:
    await make_three(world, R4)
    me = world.caller("maanlicht")
    page = await me.get("/Observation?_filter=status eq final or status eq amended&_sort=status&_count=1")
    found = ids_of(page)
    while following := link(page, "next"):
        page = await me.get(following)
        found += ids_of(page)
    assert found == await me.found("/Observation?status=final,amended&_sort=status")
    assert await me.found("/Patient?_has:Observation:subject:_filter=status eq amended") == [
        world.maanlicht.patient().removeprefix("Patient/")
    ]
