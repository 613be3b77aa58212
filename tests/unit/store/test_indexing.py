"""What a resource says is what it is found by."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import HealthCheck, given, reject, settings
from hypothesis import strategies as st

from app.errors import InvalidResourceError, UnprocessableError
from app.fhir.dates import MAX_US, MIN_US, interval
from app.fhir.release import Release
from app.fhir.search.definitions import SearchParameter, definitions
from app.fhir.search.expression import DateValue, NumberValue, QuantityValue, StringValue, TokenValue
from app.fhir.search.intervals import meets
from app.fhir.search.parse import parse_query
from app.fhir.search.values import escape
from app.fhir.validation.structure import parse
from app.store.hashes import exact_hash, unit_hash, wanted_hashes
from app.store.index_values import ROWS_MAX
from app.store.indexing import IndexRows, index_rows, reference_values
from tests.support.examples import published_examples

KEY = b"a key for tests"
AMSTERDAM = ZoneInfo("Europe/Amsterdam")
OURS = ("https://regie.example/fhir",)
UCUM = "http://unitsofmeasure.org"


def rows_of(tree: dict[str, Any], release: Release = Release.R4) -> IndexRows:
    return index_rows(release, tree["resourceType"], tree, time_zone=AMSTERDAM, key=KEY, base_urls=OURS)


def parameter(tree: dict[str, Any], name: str, release: Release = Release.R4) -> SearchParameter:
    return definitions(release).of(tree["resourceType"])[name]


def finds(
    tree: dict[str, Any], name: str, text: str, release: Release = Release.R4, rows: IndexRows | None = None
) -> bool:
    """Return whether ``name=text`` finds the resource, by its rows alone."""
    rows = rows_of(tree, release) if rows is None else rows
    (criterion,) = parse_query(
        release, tree["resourceType"], [(name, text)],
        time_zone=AMSTERDAM, lenient=False, page_size_default=None, page_size_max=500, base_urls=OURS,
    ).criteria  # fmt: skip
    stored_in = criterion.parameter.stored_in
    return any(_value_is_met(one, criterion.modifier, value, rows) for value in criterion.values for one in stored_in)


def _value_is_met(stored_in: SearchParameter, modifier: str | None, value: Any, rows: IndexRows) -> bool:
    number = stored_in.number
    if isinstance(value, DateValue):
        return any(meets(value.prefix, (value.low, value.high), row[1:]) for row in rows.dates if row[0] == number)
    if isinstance(value, NumberValue | QuantityValue):
        ours = [row for row in rows.quantities if row[0] == number and _unit_is_met(value, row)]
        return any(meets(value.prefix, (value.low, value.high), row[1:3]) for row in ours)
    if isinstance(value, StringValue) and modifier != "exact":
        texts = [text for param, text in rows.texts if param == number]
        return any(value.folded in text if modifier == "contains" else text.startswith(value.folded) for text in texts)
    return any(
        param == number and wanted.value in (None, found) and wanted.system in (None, system)
        for wanted in wanted_hashes(KEY, stored_in, value)
        for param, found, system in rows.exact
    )


def _unit_is_met(value: NumberValue | QuantityValue, row: tuple[int, float, float, int, int]) -> bool:
    column, wanted = unit_hash(KEY, value) if isinstance(value, QuantityValue) else ("any", None)
    return row[3] != 0 if column == "any" else row[{"code": 3, "system": 4}[column]] == wanted


def weight(value: str, code: str = "kg", **more: Any) -> dict[str, Any]:
    quantity = {"value": Decimal(value), "unit": code, "system": UCUM, "code": code, **more}
    return {"resourceType": "Observation", "status": "final", "valueQuantity": quantity}


def test_a_token_is_found_by_each_of_the_forms_that_fit_and_by_no_other() -> None:
    coding = [
        {"system": "http://loinc.org", "code": "8867-4"},
        {"code": "pols"},
        {"system": "urn:oid:1.2", "display": "x"},
    ]
    tree = {"resourceType": "Observation", "status": "final", "code": {"coding": coding, "text": "hartslag"}}
    for text in ("8867-4", "http://loinc.org|8867-4", "http://loinc.org|", "pols", "|pols", "urn:oid:1.2|"):
        assert finds(tree, "code", text), text
    for text in (
        "8867",
        "|8867-4",
        "http://snomed.info/sct|8867-4",
        "loinc.org|8867-4",
        "POLS",
        "hartslag",
        "http://loinc.org|pols",
    ):
        assert not finds(tree, "code", text), text
    assert finds(tree, "status", "final")
    assert finds(tree, "status", "http://hl7.org/fhir/observation-status|final")
    assert not finds(tree, "status", "fina")


def test_identifiers_booleans_and_contact_points_are_tokens() -> None:
    tree = {
        "resourceType": "Patient",
        "identifier": [{"system": "http://fhir.nl/fhir/NamingSystem/bsn", "value": "999900006"}, {"value": "abc"}],
        "active": True,
        "telecom": [
            {"system": "email", "value": "z@voorbeeld.example", "use": "home"},
            {"system": "phone", "value": "0612"},
        ],
    }
    for name, text in (
        ("identifier", "http://fhir.nl/fhir/NamingSystem/bsn|999900006"),
        ("identifier", "|abc"),
        ("active", "true"),
        ("email", "z@voorbeeld.example"),
        ("telecom", "home|z@voorbeeld.example"),
        ("phone", "0612"),
        ("deceased", "false"),
    ):
        assert finds(tree, name, text), (name, text)
    assert not finds(tree, "active", "false")
    assert not finds(tree, "phone", "z@voorbeeld.example")
    assert not finds(tree, "deceased", "true")


def test_a_token_that_is_a_plain_string_is_found_without_case() -> None:
    tree = {"resourceType": "Medication", "batch": {"lotNumber": "Ab-12"}, "identifier": [{"value": "Ab-12"}]}
    for text in ("Ab-12", "AB-12", "ab-12", "|ab-12"):
        assert finds(tree, "lot-number", text, Release.R4), text
    assert not finds(tree, "lot-number", "ab", Release.R4)
    assert not finds(tree, "identifier", "ab-12", Release.R4)


def test_a_reference_is_found_by_id_by_type_and_id_and_by_url() -> None:
    tree = {"resourceType": "Observation", "subject": {"reference": "https://regie.example/fhir/Patient/1/_history/4"}}
    for text in ("1", "Patient/1", "https://regie.example/fhir/Patient/1"):
        assert finds(tree, "subject", text), text
        assert finds(tree, "patient", text), text
    assert finds(tree, "subject:Patient", "1")
    assert not finds(tree, "subject:Group", "1")
    assert not finds(tree, "subject", "Group/1")
    assert not finds(tree, "subject", "https://elders.example/fhir/Patient/1")


def test_a_reference_to_another_server_is_found_by_its_url_only() -> None:
    tree = {"resourceType": "Observation", "subject": {"reference": "https://elders.example/fhir/Patient/1"}}
    assert finds(tree, "subject", "https://elders.example/fhir/Patient/1")
    assert not finds(tree, "subject", "Patient/1")


def test_patient_leaves_out_what_is_about_something_else_than_a_patient() -> None:
    for release in Release:
        tree = {"resourceType": "Observation", "subject": {"reference": "Group/1"}}
        assert finds(tree, "subject", "Group/1", release)
        rows = rows_of(tree, release)
        assert all(number != parameter(tree, "patient", release).number for number, *_ in rows.exact)


def test_the_identifier_of_a_reference_is_found_with_the_modifier_only() -> None:
    tree = {"resourceType": "Observation", "subject": {"identifier": {"system": "urn:oid:1.2", "value": "3"}}}
    assert finds(tree, "subject:identifier", "urn:oid:1.2|3")
    assert finds(tree, "subject:identifier", "3")
    assert not finds(tree, "subject:identifier", "|3")
    assert not finds(tree, "subject", "3")


def test_an_include_follows_the_references_that_its_parameter_may_point_at() -> None:
    tree = {
        "resourceType": "Observation",
        "subject": {"reference": "Group/1"},
        "performer": [{"reference": "Patient/1"}, {"display": "iemand"}, {"reference": "urn:uuid:1"}],
    }
    assert reference_values(parameter(tree, "subject"), tree) == ["Group/1"]
    assert reference_values(parameter(tree, "patient"), tree) == []
    assert reference_values(parameter(tree, "performer"), tree) == ["Patient/1", "urn:uuid:1"]


def test_a_canonical_is_found_with_and_without_its_version() -> None:
    tree = {"resourceType": "QuestionnaireResponse", "questionnaire": "http://x.example/Questionnaire/q|2.0"}
    assert finds(tree, "questionnaire", "http://x.example/Questionnaire/q")
    assert finds(tree, "questionnaire", "http://x.example/Questionnaire/q|2.0")
    assert not finds(tree, "questionnaire", "http://x.example/Questionnaire/q|1.0")
    profiled = {"resourceType": "Observation", "meta": {"profile": ["http://x.example/p|1"], "tag": [{"code": "t"}]}}
    assert finds(profiled, "_profile", "http://x.example/p")
    assert finds(profiled, "_tag", "t")


def test_each_part_of_a_name_and_an_address_is_found_without_case_and_accents() -> None:
    tree = {
        "resourceType": "Patient",
        "name": [
            {
                "family": "van Zonnestraal-Testpersoon",
                "given": ["Zoë", None, "Mei"],
                "_given": [None, {"id": "x"}, None],
            }
        ],
        "address": [{"line": ["Verzinselweg 12"], "city": "Nergenshuizen", "postalCode": "0000 AA"}],
    }
    for name, text in (
        ("name", "zoe"),
        ("name", "VAN ZONNE"),
        ("given", "Mei"),
        ("family", "van"),
        ("family:contains", "testpersoon"),
        ("given:exact", "Zoë"),
        ("address", "verzinsel"),
        ("address-city", "nergens"),
        ("address-postalcode", "0000"),
    ):
        assert finds(tree, name, text), (name, text)
    for name, text in (
        ("given:exact", "Zoe"),
        ("family", "testpersoon"),
        ("given", "van"),
        ("address-city", "verzinsel"),
    ):
        assert not finds(tree, name, text), (name, text)


@pytest.mark.parametrize(
    ("effective", "query", "wanted"),
    [
        ({"effectiveDateTime": "2024-01-10T07:35:00+01:00"}, "2024-01-10", True),
        ({"effectiveDateTime": "2024-01-09T23:30:00Z"}, "2024-01-10", True),
        ({"effectiveDateTime": "2024-01-10"}, "ge2024-01-10", True),
        ({"effectiveDateTime": "2024-01-10"}, "gt2024-01-10", False),
        ({"effectiveDateTime": "2024-01"}, "2024-01-10", False),
        ({"effectiveDateTime": "2024-01"}, "2024", True),
        ({"effectivePeriod": {"start": "2024-01-01"}}, "ge2030", True),
        ({"effectivePeriod": {"start": "2024-01-01"}}, "le2023", False),
        ({"effectivePeriod": {"start": "2024-01-01", "end": "2024-01-10"}}, "ge2024-01-10", True),
        ({"effectivePeriod": {"end": "2024-01-10"}}, "lt2000", True),
        ({"effectiveInstant": "2024-01-10T07:35:00.123Z"}, "2024-01-10T07:35:00Z", True),
        ({"effectiveTiming": {"event": ["2024-01-10", "2024-01-12"]}}, "gt2024-01-11", True),
    ],
)
def test_a_date_is_found_by_what_it_covers(effective: dict[str, Any], query: str, *, wanted: bool) -> None:
    assert finds({"resourceType": "Observation", **effective}, "date", query) == wanted


def test_a_period_without_ends_says_so_in_its_row() -> None:
    tree = {"resourceType": "Encounter", "period": {"start": "2024-01-01"}}
    ((_, low, high),) = rows_of(tree).dates
    assert MIN_US < low < high == MAX_US


@pytest.mark.parametrize(
    ("tree", "query", "wanted"),
    [
        (weight("72.50"), "72.5", True),
        (weight("72.50"), "72.5|http://unitsofmeasure.org|kg", True),
        (weight("72.50"), "72500|http://unitsofmeasure.org|g", True),
        (weight("72.50"), "72.5||kg", True),
        (weight("72.50"), "72.5||g", False),
        (weight("72.50"), "72.4", False),
        (weight("72.50"), "gt72.5", False),
        (weight("72.50"), "ge72.5", True),
        (weight("72.50"), "72", False),
        (weight("72.49"), "72", True),
        (weight("500", "mg"), "500", True),
        (weight("500", "mg"), "0.0005", False),
        (weight("500", "mg"), "0.0005|http://unitsofmeasure.org|kg", True),
        (weight("16", "kPa"), "gt119|http://unitsofmeasure.org|mm[Hg]", True),
        (weight("37.2"), "ap40", True),
        (weight("5", comparator="<"), "lt5", True),
        (weight("5", comparator="<"), "gt5", False),
        (weight("5", comparator=">="), "gt1000", True),
        (weight("3", "florps"), "3|http://unitsofmeasure.org|florps", True),
        (weight("3", "florps"), "3|http://unitsofmeasure.org|kg", False),
        (weight("3", system="http://x.example"), "3|http://unitsofmeasure.org|kg", False),
        (weight("3", system="http://x.example"), "3|http://x.example|kg", True),
        ({"resourceType": "Observation", "valueQuantity": {"value": 3, "unit": "stuks"}}, "3||stuks", True),
        (weight("140", "mm[Hg]", unit="mmHg"), "140||mmHg", True),
        (weight("140", "mm[Hg]", unit="mmHg"), "140||mm[Hg]", True),
        (weight("140", "mm[Hg]", unit="mmHg"), "gt139", True),
        (weight("140", "mm[Hg]", unit="mmHg"), "140|http://unitsofmeasure.org|mmHg", False),
        (weight("140", "mm[Hg]", unit="mmHg"), "ne140||mmHg", False),
        ({"resourceType": "Observation", "valueQuantity": {"value": Decimal("1e99999"), "code": "kg"}}, "gt0", False),
    ],
)
def test_a_quantity_is_found_by_its_value_in_its_own_unit_or_a_comparable_one(
    tree: dict[str, Any], query: str, *, wanted: bool
) -> None:
    assert finds(tree, "value-quantity", query) == wanted


def test_a_quantity_has_a_row_in_its_own_unit_in_the_canonical_one_and_by_what_people_call_it() -> None:
    def rows(tree: dict[str, Any]) -> list[tuple[int, float, float, int, int]]:
        return [row for row in rows_of(tree).quantities if row[0] == parameter(tree, "value-quantity").number]

    assert len(rows(weight("72.50"))) == 1
    assert [row[3] == 0 for row in rows(weight("500", "mg"))] == [False, True]
    assert [row[4] == 0 for row in rows(weight("140", "mm[Hg]", unit="mmHg"))] == [False, True]


def test_the_period_of_use_is_found_although_it_is_computed() -> None:
    nictiz = "http://nictiz.nl/fhir/StructureDefinition/"
    tree = {
        "resourceType": "MedicationRequest",
        "extension": [
            {"url": f"{nictiz}zib-Medication-PeriodOfUse", "valuePeriod": {"start": "2024-01-01"}},
            {"url": f"{nictiz}zib-MedicationUse-Duration", "valueDuration": {"value": Decimal(9), "code": "d"}},
            {
                "url": f"{nictiz}zib-Medication-MedicationTreatment",
                "valueIdentifier": {"system": "urn:oid:1", "value": "m"},
            },
        ],
    }
    assert finds(tree, "periodofuse", "ge2024-01-10", Release.STU3)
    assert not finds(tree, "periodofuse", "ge2024-01-11", Release.STU3)
    assert finds(tree, "medicationtreatment", "urn:oid:1|m", Release.STU3)


@pytest.mark.parametrize(
    ("tree", "name"),
    [
        ({"resourceType": "Observation", "code": {"text": "hartslag"}}, "code"),
        ({"resourceType": "Observation", "subject": {"display": "iemand"}}, "subject"),
        ({"resourceType": "Observation", "subject": {"reference": "#p"}}, "subject"),
        ({"resourceType": "Observation", "effectiveTiming": {"repeat": {"frequency": 1}}}, "date"),
        ({"resourceType": "Observation", "valueQuantity": {"unit": "kg"}}, "value-quantity"),
        ({"resourceType": "Observation", "valueSampledData": {"dimensions": 1}}, "value-quantity"),
        ({"resourceType": "Procedure", "performedString": "vorig jaar"}, "date"),
        ({"resourceType": "CarePlan", "activity": [{"detail": {"scheduledString": "daags"}}]}, "activity-date"),
        ({"resourceType": "Patient", "name": [{"use": "usual"}]}, "name"),
    ],
)
def test_a_value_that_nothing_can_find_still_counts_as_present(tree: dict[str, Any], name: str) -> None:
    assert (parameter(tree, name).number, exact_hash(KEY, "p"), 0) in rows_of(tree).exact


def test_the_forms_of_hashes_can_not_meet() -> None:
    assert exact_hash(KEY, "m", "a", "b") != exact_hash(KEY, "m", "", "a|b")
    assert exact_hash(KEY, "m", "1:a", "b") != exact_hash(KEY, "m", "1", "a1:b")
    assert exact_hash(KEY, "c", "b") != exact_hash(KEY, "s", "b")
    assert exact_hash(KEY, "c", "b") != exact_hash(b"another key", "c", "b")


@given(st.lists(st.text()), st.lists(st.text()))
def test_different_parts_have_different_hashes(one: list[str], other: list[str]) -> None:
    assert (exact_hash(KEY, *one) == exact_hash(KEY, *other)) == (one == other)
    assert -(2**63) <= exact_hash(KEY, *one) < 2**63


def tokens(tree: dict[str, Any], member: str) -> Iterator[TokenValue]:
    """Yield the codings of ``code`` or the identifiers of ``identifier``."""
    if member == "code":
        for coding in tree["code"].get("coding", ()):
            yield TokenValue(coding.get("system"), coding.get("code"))
    else:
        identifiers = tree["identifier"]
        for identifier in identifiers if isinstance(identifiers, list) else [identifiers]:
            yield TokenValue(identifier.get("system"), identifier.get("value"))


@pytest.mark.parametrize("release", Release)
def test_every_published_example_is_found_by_each_token_of_its_code_and_identifier(release: Release) -> None:
    found = 0
    known = definitions(release)
    for name, tree in published_examples(release):
        parameters = known.supported(tree["resourceType"])
        for member in ("code", "identifier"):
            wanted = parameters.get(member)
            if wanted is None or wanted.expression != f"{tree['resourceType']}.{member}" or member not in tree:
                continue
            rows = rows_of(tree, release)
            for token in tokens(tree, member):
                if token.code is not None:
                    text = f"{escape(token.system or '')}|{escape(token.code)}"
                    assert finds(tree, member, text, release, rows), (name, member, text)
                    found += 1
    assert found > 30


@pytest.mark.parametrize("release", Release)
def test_every_published_example_has_the_same_rows_each_time_and_no_row_twice(release: Release) -> None:
    known = definitions(release).resource_types
    for _, tree in published_examples(release):
        if tree["resourceType"] in known:
            rows = rows_of(tree, release)
            assert rows == rows_of(tree, release)
            for table in rows:
                assert len(table) == len(set(table))


def members(tree: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the path of every member and item below ``tree``."""
    if isinstance(tree, dict | list):
        for place, item in tree.items() if isinstance(tree, dict) else enumerate(tree):
            yield (*path, place)
            yield from members(item, (*path, place))


EXAMPLES = [
    (release, msgspec.json.encode(tree))
    for release in Release
    for _, tree in published_examples(release)
    if tree["resourceType"] in definitions(release).resource_types
]
ODD_VALUES: list[Any] = [
    None,
    "",
    "x",
    0,
    True,
    [],
    {},
    "2024-02-29",
    "9999-12-31T23:59:60-12:00",
    "0001",
    {"id": "x"},
    {"reference": "#"},
]


@settings(suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])
@given(st.sampled_from(EXAMPLES), st.data())
def test_whatever_is_valid_can_be_indexed(example: tuple[Release, bytes], data: st.DataObject) -> None:
    release, body = example
    tree = msgspec.json.decode(body)
    *above, last = data.draw(st.sampled_from([path for path in members(tree) if "text" not in path[:1]]))
    parent = tree
    for place in above:
        parent = parent[place]
    if data.draw(st.booleans()):
        parent[last] = data.draw(st.sampled_from(ODD_VALUES))
    else:
        del parent[last]
    try:
        parsed = parse(release, msgspec.json.encode(tree))
    except InvalidResourceError:
        reject()
    rows = index_rows(release, parsed.resource_type, parsed.tree, time_zone=AMSTERDAM, key=KEY, base_urls=OURS)
    assert all(number > 0 for table in rows for number, *_ in table)


@given(st.from_regex(r"[0-9]{4}(-(0[1-9]|1[0-2])(-(0[1-9]|[12][0-9]|3[01]))?)?", fullmatch=True))
def test_every_valid_date_can_be_indexed(date: str) -> None:
    body = msgspec.json.encode({"resourceType": "Patient", "birthDate": date})
    try:
        tree = parse(Release.R4, body).tree
    except InvalidResourceError:
        with pytest.raises(ValueError, match=r"\w"):
            interval(date, AMSTERDAM)
    else:
        assert finds(tree, "birthdate", date)


def test_a_parameter_that_is_a_union_of_others_needs_no_rows_of_its_own() -> None:
    tree = {
        "resourceType": "Observation",
        "code": {"coding": [{"system": "http://loinc.org", "code": "85354-9"}]},
        "component": [{"code": {"coding": [{"system": "http://loinc.org", "code": "8480-6"}]}}],
    }
    union = parameter(tree, "combo-code")
    assert [stored.name for stored in union.stored_in] == ["code", "component-code"]
    assert union.number not in {number for number, *_ in rows_of(tree).exact}
    for code in ("85354-9", "8480-6"):
        assert finds(tree, "combo-code", f"http://loinc.org|{code}")
    assert not finds(tree, "combo-code", "http://loinc.org|8462-4")


@pytest.mark.parametrize("release", Release)
def test_a_union_of_parameters_that_are_unions_themselves_needs_no_rows_either(release: Release) -> None:
    tree = {"resourceType": "Observation", "component": [{"valueQuantity": {"value": Decimal(140), "unit": "mmHg"}}]}
    union, part = (parameter(tree, name, release) for name in ("combo-value-quantity", "component-value-quantity"))
    assert [row[0] for row in rows_of(tree, release).quantities] == [part.number]
    assert part in union.stored_in
    assert finds(tree, "combo-value-quantity", "140||mmHg", release)


@pytest.mark.parametrize("release", Release)
def test_what_a_subject_tells_of_a_patient_is_kept_once(release: Release) -> None:
    tree = {"resourceType": "Observation", "subject": {"reference": "Patient/1"}}
    assert [stored.name for stored in parameter(tree, "subject", release).stored_in] == ["patient", "subject"]
    numbers = [number for number, *_ in rows_of(tree, release).exact]
    assert numbers == [parameter(tree, "patient", release).number]
    for name in ("patient", "subject"):
        assert finds(tree, name, "Patient/1", release)
    assert not finds(tree, "subject", "Group/1", release)


@pytest.mark.parametrize("release", Release)
def test_a_subject_that_is_no_patient_is_found_as_subject_only(release: Release) -> None:
    tree = {"resourceType": "Observation", "subject": {"reference": "Group/1"}}
    assert finds(tree, "subject", "Group/1", release)
    assert parameter(tree, "patient", release).number not in {number for number, *_ in rows_of(tree, release).exact}


@pytest.mark.parametrize(
    "many",
    [
        {"code": {"coding": [{"code": str(number)} for number in range(ROWS_MAX + 1)]}},
        {"identifier": [{"value": str(number)} for number in range(ROWS_MAX + 1)]},
        {"component": [{"code": {"coding": [{"code": str(number)}]}} for number in range(ROWS_MAX + 1)]},
    ],
    ids=lambda many: next(iter(many)),
)
def test_a_resource_with_more_values_than_it_can_be_found_by_is_refused(many: dict[str, Any]) -> None:
    with pytest.raises(UnprocessableError, match="values of one kind"):
        rows_of({"resourceType": "Observation", **many})
