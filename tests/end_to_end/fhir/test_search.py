"""Search over HTTP: each kind of parameter, sorting, includes, and pages that add up."""

from typing import Any
from urllib.parse import quote

import pytest

from app.fhir.release import Release
from tests.support.world import (
    Caller,
    Tree,
    World,
    condition,
    encounter_of,
    goal,
    identifier,
    ids_of,
    link,
    never_made,
    tree_of,
    weight,
)

R4 = Release.R4
UCUM = "http://unitsofmeasure.org"


async def named(me: Caller, query: str, resource_type: str = "Observation") -> list[str]:
    """Return the names (values of the last identifier) of what a query finds, in order."""
    page = await me.get(f"/{resource_type}?{query}")
    matches = [one["resource"] for one in page.get("entry", []) if one["search"]["mode"] == "match"]
    return [resource["identifier"][-1]["value"] for resource in matches]


async def make(me: Caller, release: Release, patient: str, name: str, **members: Any) -> Tree:
    """Return a new weight with a name."""
    return await me.made(weight(release, patient, identifier=identifier(name), **members))


@pytest.mark.parametrize("release", Release)
@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("code=http://loinc.org|3141-9", "a"),
        ("code=3141-9", "a"),
        ("code=http://loinc.org|", "a ab"),
        ("code=|own", "b"),
        ("code=own", "ab b"),
        ("code=http://loinc.org|own", "ab"),
        ("code=3141-9,own", "a ab b"),
        ("code=3141-9&code=own", ""),
        ("code:not=own", "a"),
        ("status=amended", "b"),
        ("status=final,amended", "a ab b"),
        ("identifier=https://regie.example/test|ab", "ab"),
        ("identifier=ab", "ab"),
        ("method:missing=false", "b"),
        ("method:missing=true", "a ab"),
    ],
)
async def test_token(world: World, release: Release, query: str, found: str) -> None:
    me, patient = world.caller("maanlicht", release), world.maanlicht.patient(release)
    loinc = "http://loinc.org"
    await make(me, release, patient, "a", code={"coding": [{"system": loinc, "code": "3141-9"}]})
    await make(me, release, patient, "ab", code={"coding": [{"system": loinc, "code": "own"}]})
    await make(
        me, release, patient, "b", code={"coding": [{"code": "own"}]}, status="amended",
        method={"coding": [{"code": "scale"}]},
    )  # fmt: skip
    ids = "a,ab,b"
    assert sorted(await named(me, f"{query}&identifier={ids}")) == found.split()


@pytest.mark.parametrize("release", Release)
@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("date=2026", "day hour instant"),
        ("date=2026-03", "day hour instant"),
        ("date=2026-03-01", "day hour"),
        ("date=2026-03-02", "instant"),
        ("date=eq2026-03-01T08:00:00%2B01:00", "hour"),
        ("date=2026-03-01T07:00:00Z", "hour"),
        ("date=ne2026-03-01", "instant old"),
        ("date=gt2026-03-01", "instant"),
        ("date=ge2026-03-01", "day hour instant"),
        ("date=lt2026-03-01", "old"),
        ("date=le2026-03-01", "day hour old"),
        ("date=sa2026-03-01", "instant"),
        ("date=eb2026-03-01", "old"),
        ("date=ge2026-03-01&date=lt2026-03-02", "day hour"),
        ("date=2025-12-31,2026-03-02", "instant old"),
    ],
)
async def test_date(world: World, release: Release, query: str, found: str) -> None:
    me, patient = world.caller("maanlicht", release), world.maanlicht.patient(release)
    for name, when in (
        ("old", "2025-12-31"),
        ("day", "2026-03-01"),
        ("hour", "2026-03-01T08:00:00+01:00"),
        ("instant", "2026-03-02T10:00:00.5Z"),
    ):
        await make(me, release, patient, name, effectiveDateTime=when)
    ids = "old,day,hour,instant"
    assert sorted(await named(me, f"{query}&identifier={ids}")) == found.split()


@pytest.mark.parametrize("release", Release)
@pytest.mark.parametrize(
    ("query", "found"),
    [
        (f"value-quantity=72.5|{UCUM}|kg", "kilograms"),
        (f"value-quantity=72|{UCUM}|kg", "grams"),
        (f"value-quantity=73|{UCUM}|kg", "kilograms rounded"),  # from 72.5 up to 73.5
        (f"value-quantity=gt72.5|{UCUM}|kg", "rounded"),
        (f"value-quantity=ge72.5|{UCUM}|kg", "kilograms rounded"),
        (f"value-quantity=lt72.5|{UCUM}|kg", "grams"),
        (f"value-quantity=72000|{UCUM}|g", "grams"),
        (f"value-quantity=le72|{UCUM}|kg", "grams"),
        (f"value-quantity=ne73|{UCUM}|kg", "grams"),
        (f"value-quantity=73.0|{UCUM}|kg", "rounded"),
        ("value-quantity=73", "kilograms rounded"),
        ("value-quantity=gt0", "grams kilograms mercury rounded"),
        ("value-quantity=gt0||mm[Hg]", "mercury"),
        ("value-quantity=gt0||g", "grams"),
        (f"value-quantity=ap72|{UCUM}|kg", "grams kilograms rounded"),
    ],
)
async def test_quantity(world: World, release: Release, query: str, found: str) -> None:
    me, patient = world.caller("maanlicht", release), world.maanlicht.patient(release)
    for name, value, code in (
        ("kilograms", 72.5, "kg"),
        ("rounded", 73, "kg"),
        ("grams", 72000, "g"),
        ("mercury", 120, "mm[Hg]"),
    ):
        unit = {"kg": "kg", "g": "gram", "mm[Hg]": "mmHg"}[code]
        quantity = {"value": value, "unit": unit, "system": UCUM, "code": code}
        await make(me, release, patient, name, valueQuantity=quantity)
    ids = "kilograms,rounded,grams,mercury"
    assert sorted(await named(me, f"{query}&identifier={ids}")) == found.split()


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("name=klap", ["Klaproos-Test"]),
        ("name=KLAPROOS", ["Klaproos-Test"]),
        ("name=roos", []),
        ("name:contains=proos", ["Klaproos-Test", "Praktijk De Klaproos-Test"]),
        ("name:exact=Klaproos-Test", ["Klaproos-Test"]),
        ("name:exact=klaproos-test", []),
        ("name=zoë", ["Zoë's Tuin-Test"]),
        ("name=zoe", ["Zoë's Tuin-Test"]),
        ("name=klap,zoe", ["Klaproos-Test", "Zoë's Tuin-Test"]),
        ("name:contains=%25", ["100% Test"]),
        ("name:contains=_", []),
        ("name=100%25 t", ["100% Test"]),
    ],
)
async def test_string(world: World, query: str, found: list[str]) -> None:
    me = world.caller("zonnestraal")
    for name in ("Klaproos-Test", "Zoë's Tuin-Test", "100% Test"):
        await me.made({"resourceType": "Organization", "name": name})
    page = await me.get(f"/Organization?{query}")
    assert sorted(one["resource"]["name"] for one in page.get("entry", [])) == found


async def test_uri(me: Caller) -> None:
    for url in ("https://regie.example/lijst", "https://regie.example/lijst/2"):
        await me.made({"resourceType": "Questionnaire", "status": "active", "url": url, "identifier": identifier(url)})
    assert await named(me, "url=https://regie.example/lijst", "Questionnaire") == ["https://regie.example/lijst"]
    assert await named(me, "url=https://regie.example/lijs", "Questionnaire") == []
    both = "url=https://regie.example/lijst,https://regie.example/lijst/2"
    assert len(await named(me, both, "Questionnaire")) == 2


@pytest.mark.parametrize(("query", "found"), [("gt0.5", ["high"]), ("0.2", ["low"]), ("le0.9", ["high", "low"])])
async def test_number(me: Caller, patient: str, query: str, found: list[str]) -> None:
    for name, probability in (("low", 0.2), ("high", 0.9)):
        prediction = [{"outcome": {"text": "val"}, "probabilityDecimal": probability}]
        tree = {"resourceType": "RiskAssessment", "status": "final", "subject": {"reference": patient}}
        await me.made(tree | {"identifier": identifier(name), "prediction": prediction})
    assert sorted(await named(me, f"probability={query}", "RiskAssessment")) == found


@pytest.mark.parametrize("release", Release)
async def test_reference_in_all_its_spellings(world: World, release: Release) -> None:
    me, person = world.caller("zonnestraal", release), world.zonnestraal
    patient_id = person.patients[release]
    base = f"http://127.0.0.1:8000/fhir/{release.path}"
    for query in (
        f"patient={patient_id}",
        f"patient=Patient/{patient_id}",
        f"subject=Patient/{patient_id}",
        f"subject:Patient={patient_id}",
        f"subject={base}/Patient/{patient_id}",
        f"patient={patient_id},{never_made()}",
    ):
        assert len(await me.found(f"/Observation?{query}")) == 2, query
    absolute = await me.made(weight(release, f"{base}/Patient/{patient_id}", identifier=identifier("absolute")))
    assert absolute["id"] in await me.found(f"/Observation?patient={patient_id}")
    assert await me.found(f"/Observation?subject=Group/{patient_id}") == []
    assert await me.found("/Observation?performer:identifier=https://regie.example/test|nobody") == []
    by_number = {"identifier": {"system": "https://regie.example/test", "value": "nurse"}}
    made = await make(me, release, person.patient(release), "by-number", performer=[by_number])
    for asked in ("https://regie.example/test|nurse", "nurse", "https://regie.example/test|"):
        assert await me.found(f"/Observation?performer:identifier={asked}") == [made["id"]], asked
    for asked in ("|nurse", "https://regie.example/|", "https://regie.example/test|Nurse"):
        assert await me.found(f"/Observation?performer:identifier={asked}") == [], asked


async def test_id_and_last_updated(world: World, me: Caller, patient: str) -> None:
    before = [world.zonnestraal.ids[R4, thing] for thing in ("weight", "chosen")]
    made = [(await make(me, R4, patient, name))["id"] for name in "ab"]
    assert await me.found(f"/Observation?_id={made[0]}") == [made[0]]
    assert sorted(await me.found(f"/Observation?_id={made[0]},{made[1]},{never_made()}")) == sorted(made)
    assert sorted(await me.found(f"/Observation?_id:not={made[0]}")) == sorted([*before, made[1]])
    instant = (await me.get(f"/Observation/{made[0]}"))["meta"]["lastUpdated"]
    assert made[0] in await me.found(f"/Observation?_lastUpdated={quote(instant)}")
    assert set(made) <= set(await me.found(f"/Observation?_lastUpdated=ge{quote(instant)}"))
    assert made[0] not in await me.found(f"/Observation?_lastUpdated=gt{quote(instant)}")
    assert await me.found(f"/Observation?_lastUpdated=lt{quote(instant)}&_sort=_lastUpdated") == before


async def test_an_updated_resource_is_found_by_what_it_says_now(me: Caller, patient: str) -> None:
    made = await make(me, R4, patient, "one", status="preliminary")
    changed = weight(R4, patient, "99", id=made["id"], status="final", effectiveDateTime="2020-01-01")
    assert (await me("PUT", f"/Observation/{made['id']}", changed)).status_code == 200
    for query in ("status=preliminary", "identifier=one", "value-quantity=72.5", "date=2026-03-01"):
        assert made["id"] not in await me.found(f"/Observation?{query}"), query
    for query in ("status=final", "value-quantity=99", "date=2020-01-01", "_lastUpdated=ge2020"):
        assert made["id"] in await me.found(f"/Observation?{query}"), query
    assert (await me("DELETE", f"/Observation/{made['id']}")).status_code == 204
    for query in ("status=final", "value-quantity=99", "date=2020-01-01", "_lastUpdated=ge2020", f"_id={made['id']}"):
        assert made["id"] not in await me.found(f"/Observation?{query}"), query


# --------------------------------------------------------------------------------------------------------------- sort


@pytest.mark.parametrize(
    ("sort", "order"),
    [
        ("date", "old middle new undated"),
        ("-date", "new middle old undated"),
        ("value-quantity", "middle old new undated"),
        ("-value-quantity", "new old middle undated"),
        ("_lastUpdated", "new old undated middle"),
        ("-_lastUpdated", "middle undated old new"),
        ("-value-quantity,date", "new old middle undated"),
    ],
)
async def test_sort_with_missing_values_last(me: Caller, patient: str, sort: str, order: str) -> None:
    for name, when, value in (
        ("new", "2026-03-03", 90),
        ("old", "2026-03-01", 80),
        ("undated", None, None),
        ("middle", "2026-03-02", 70),
    ):
        tree = weight(R4, patient, str(value or 0), identifier=identifier(name), effectiveDateTime=when)
        for member, value_of in (("effectiveDateTime", when), ("valueQuantity", value)):
            if value_of is None:
                del tree[member]
        await me.made(tree)
    assert await named(me, f"identifier=new,old,undated,middle&_sort={sort}") == order.split()
    for count in (1, 2, 3):
        paged = []
        url: str | None = f"/Observation?identifier=new,old,undated,middle&_sort={sort}&_count={count}"
        while url is not None:
            page = await me.get(url)
            paged += [one["resource"]["identifier"][-1]["value"] for one in page["entry"]]
            url = link(page, "next")
        assert paged == order.split(), count


async def test_a_second_sort_key_decides_where_the_first_is_equal(me: Caller, patient: str) -> None:
    for name, when, value in (("a", "2026-03-01", "2"), ("b", "2026-03-02", "1"), ("c", "2026-03-01", "1")):
        quantity = {"value": int(value), "unit": "kg", "system": UCUM, "code": "kg"}
        await make(me, R4, patient, name, effectiveDateTime=when, valueQuantity=quantity)
    ids = "identifier=a,b,c"
    assert await named(me, f"{ids}&_sort=date,value-quantity") == ["c", "a", "b"]
    assert await named(me, f"{ids}&_sort=-date,value-quantity") == ["b", "c", "a"]
    assert await named(me, f"{ids}&_sort=value-quantity,-date") == ["b", "c", "a"]
    assert await named(me, f"{ids}&_sort=date,-value-quantity&_count=2") == ["a", "c"]


async def test_sort_by_text(me: Caller) -> None:
    for name in ("zeeduin-Test", "Ärmelkanaal-Test", "berm-Test"):
        await me.made({"resourceType": "Organization", "name": name})
    page = await me.get("/Organization?_sort=name&name:contains=-test")
    names = [one["resource"]["name"] for one in page["entry"]]
    assert names == ["Ärmelkanaal-Test", "berm-Test", "zeeduin-Test"] or "Praktijk" in names[2]
    assert names.index("Ärmelkanaal-Test") < names.index("berm-Test") < names.index("zeeduin-Test")


# ------------------------------------------------------------------------------------------------------------ include


@pytest.mark.parametrize("release", Release)
async def test_an_include_comes_once_and_is_marked(world: World, release: Release) -> None:
    me, person = world.caller("zonnestraal", release), world.zonnestraal
    encounter = person.ids[release, "hidden-encounter"]
    for _ in range(2):
        context = encounter_of(release, f"Encounter/{encounter}")
        await me.made(weight(release, person.patient(release), **context))
    page = await me.get("/Observation?_include=Observation:encounter&_include=Observation:subject:Patient")
    assert sorted(ids_of(page, "include")) == sorted([encounter, person.patients[release]])
    assert len(ids_of(page)) == 4
    assert all(one["fullUrl"].endswith(one["resource"]["id"]) for one in page["entry"])


async def test_an_include_goes_on_where_it_iterates(me: Caller, patient: str) -> None:
    place = await me.made({"resourceType": "Location", "name": "Kamer-Test"})
    encounter = await me.made(
        {
            "resourceType": "Encounter",
            "status": "finished",
            "class": {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "AMB"},
            "subject": {"reference": patient},
            "location": [{"location": {"reference": f"Location/{place['id']}"}}],
        }
    )
    made = await me.made(weight(R4, patient, **encounter_of(R4, f"Encounter/{encounter['id']}")))
    url = f"/Observation?_id={made['id']}&_include=Observation:encounter"
    assert ids_of(await me.get(f"{url}&_include=Encounter:location"), "include") == [encounter["id"]]
    both = ids_of(await me.get(f"{url}&_include:iterate=Encounter:location"), "include")
    assert sorted(both) == sorted([encounter["id"], place["id"]])


async def test_an_include_reaches_the_directory(world: World, me: Caller, patient: str) -> None:
    organization = world.made.organization[R4]
    made = await me.made(weight(R4, patient, performer=[{"reference": f"Organization/{organization}"}]))
    page = await me.get(f"/Observation?_id={made['id']}&_include=Observation:performer")
    assert ids_of(page, "include") == [organization]


async def test_what_an_include_names_and_was_deleted_is_left_out(world: World, me: Caller) -> None:
    assert (await me("DELETE", world.zonnestraal.url("hidden-encounter"))).status_code == 204
    page = await me.get("/Observation?_include=Observation:encounter")
    assert ids_of(page, "include") == []


# -------------------------------------------------------------------------------------------------------------- pages


@pytest.mark.parametrize("sort", ["", "&_sort=date", "&_sort=-date", "&_sort=-value-quantity,date", "&_sort=_id"])
@pytest.mark.parametrize("count", [1, 3, 7])
async def test_all_pages_together_are_all_and_nothing_twice(me: Caller, patient: str, sort: str, count: int) -> None:
    for number in range(12):
        when = f"2026-03-{1 + number % 4:02}"  # several have the same place in the order
        await make(me, R4, patient, f"n{number}", effectiveDateTime=when)
    whole = await me.found(f"/Observation?status=final{sort}")
    paged: list[str] = []
    url: str | None = f"/Observation?status=final{sort}&_count={count}"
    while url is not None:
        page = await me.get(url)
        assert 0 < len(ids_of(page)) <= count
        paged += ids_of(page)
        url = link(page, "next")
    assert paged == whole
    assert len(set(whole)) == 14


@pytest.mark.parametrize("sort", ["", "&_sort=date", "&_sort=-date"])
async def test_what_stays_is_on_exactly_one_page_while_others_come_and_go(me: Caller, patient: str, sort: str) -> None:
    values = iter(range(100, 1000))

    async def put(day: int) -> str:
        """Return the id of a new weight that differs from all others."""
        tree = weight(R4, patient, str(next(values)), identifier=identifier("stays"))
        return str((await me.made(tree | {"effectiveDateTime": f"2026-03-{day:02}"}))["id"])

    stays = [await put(day) for day in range(2, 9)]
    goes = [await put(day) for day in range(2, 9)]
    paged: list[str] = []
    url: str | None = f"/Observation?identifier=stays{sort}&_count=2"
    while url is not None:
        page = await me.get(url)
        paged += ids_of(page)
        url = link(page, "next")
        await put(1)
        await put(9)
        if goes:
            assert (await me("DELETE", f"/Observation/{goes.pop()}")).status_code == 204
        assert len(paged) < 60
    assert len(paged) == len(set(paged))
    assert set(stays) <= set(paged)


async def test_the_self_link_says_what_was_used_and_finds_the_same(me: Caller, patient: str) -> None:
    await make(me, R4, patient, "a")
    for query in (
        "status=final",
        "code=http://loinc.org|29463-7&date=ge2026-01-01&_sort=-date&_count=2",
        "date=ge2026-01-01T00:00:00%2B01:00",
        "identifier=a,b&_include=Observation:subject",
        f"patient={patient}",
    ):
        page = await me.get(f"/Observation?{query}")
        own = link(page, "self")
        assert own is not None
        assert await me.get(own) == page, query
    page = await me.get("/Observation?code=http://loinc.org|29463-7&date=ge2026-01-01")
    own = link(page, "self")
    assert own == "http://127.0.0.1:8000/fhir/r4/Observation?code=http://loinc.org%7C29463-7&date=ge2026-01-01"


async def test_counts(me: Caller, patient: str) -> None:
    for number in range(5):
        await make(me, R4, patient, f"n{number}")
    for query in ("_summary=count", "_count=0", "_summary=count&_count=3"):
        page = await me.get(f"/Observation?identifier:missing=false&{query}")
        assert page["total"] == 7, query
        assert "entry" not in page
        assert link(page, "next") is None
    page = await me.get("/Observation?_total=accurate&_count=2")
    assert (page["total"], len(page["entry"])) == (7, 2)
    assert "total" not in await me.get("/Observation?_count=2")
    assert "entry" not in await me.get("/Observation?status=amended")


async def test_a_search_by_post_is_the_same_search(me: Caller, patient: str) -> None:
    await make(me, R4, patient, "a")
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    query = "identifier=a&_include=Observation:subject&_sort=-date"
    posted = await me("POST", "/Observation/_search", query, **form)
    assert tree_of(posted) == await me.get(f"/Observation?{query}")
    mixed = await me("POST", "/Observation/_search?identifier=a", "_include=Observation:subject&_sort=-date", **form)
    assert tree_of(mixed) == tree_of(posted)


async def test_both_releases_stand_side_by_side(world: World) -> None:
    for thing in ("weight", "condition", "goal"):
        for release, other in ((Release.STU3, Release.R4), (Release.R4, Release.STU3)):
            url = world.zonnestraal.url(thing, release)
            assert (await world.caller("zonnestraal", release)("GET", url)).status_code == 200
            assert (await world.caller("zonnestraal", other)("GET", url)).status_code == 404
            assert (await world.caller("zonnestraal", other)("DELETE", url)).status_code == 404
            found = await world.caller("zonnestraal", other).found(url.rsplit("/", 1)[0])
            assert url.rsplit("/", 1)[1] not in found


async def test_other_types_are_searched_as_well(me: Caller, patient: str) -> None:
    made = await me.made(condition(R4, patient, recordedDate="2026-02-01", identifier=identifier("c")))
    assert await me.found("/Condition?recorded-date=2026-02-01") == [made["id"]]
    assert made["id"] in await me.found("/Condition?clinical-status=active&code=38341003")
    aim = await me.made(goal(R4, patient, startDate="2026-02-02", identifier=identifier("g")))
    assert await me.found("/Goal?start-date=2026-02-02&lifecycle-status=active") == [aim["id"]]
