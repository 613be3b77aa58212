"""A query string becomes a search, or an error that names what is not understood."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.errors import BadRequestError, UnknownParameterError
from app.fhir.release import Release
from app.fhir.search.definitions import definitions
from app.fhir.search.expression import (
    Chained,
    Include,
    MissingValue,
    ReferenceValue,
    Referred,
    Search,
    Together,
    TokenValue,
)
from app.fhir.search.parse import MAXIMUM_PARAMETERS, MAXIMUM_VALUES, parse_query

NOW = datetime(2024, 1, 20, tzinfo=UTC)


def search(query: str, resource_type: str = "Observation", release: Release = Release.STU3, **options: Any) -> Search:
    return search_pairs(parse_qsl(query, keep_blank_values=True), resource_type, release, **options)


def search_pairs(
    pairs: Sequence[tuple[str, str]],
    resource_type: str = "Observation",
    release: Release = Release.STU3,
    **options: Any,
) -> Search:
    settings: dict[str, Any] = {"lenient": False, "page_size_default": None, "page_size_max": 500, "now": NOW} | options
    return parse_query(release, resource_type, pairs, time_zone=ZoneInfo("Europe/Amsterdam"), **settings)


def test_values_with_commas_are_or_and_repeated_parameters_are_and() -> None:
    found = search("code=http://loinc.org|8867-4,85354-9&date=ge2024-01-10&date=le2024-01-12")
    assert [(criterion.parameter.name, len(criterion.values)) for criterion in found.criteria] == [
        ("code", 2),
        ("date", 1),
        ("date", 1),
    ]
    assert found.criteria[0].values == (TokenValue("http://loinc.org", "8867-4"), TokenValue(None, "85354-9"))


def test_space_around_a_comma_is_not_part_of_a_value() -> None:
    assert search("category=a, b").criteria[0].values == (TokenValue(None, "a"), TokenValue(None, "b"))


def test_a_value_given_twice_counts_once() -> None:
    assert search("code=a,a").criteria[0].values == (TokenValue(None, "a"),)


def test_the_self_link_has_what_was_used_in_the_order_and_with_the_values_that_came() -> None:
    query = (
        "date=le2024-01-12&code=http://loinc.org|8867-4,x&_count=9999&date=ge2024-01-10&_include=Observation:subject"
    )
    pairs = parse_qsl(query)
    assert search(query).used == tuple(pairs)


@pytest.mark.parametrize(
    ("query", "expression"),
    [
        ("unheard=1", "http.unheard"),
        ("status:text=x", "http.status:text"),
        ("identifier:of-type=a|b|c", "http.identifier:of-type"),
        ("identifier:in=urn:x", "http.identifier:in"),
        ("identifier:below=a|x", "http.identifier:below"),
        ("code:=x", "http.code:"),
        ("code:exact=x", "http.code:exact"),
        ("date:not=2024", "http.date:not"),
        ("subject:Observation=1", "http.subject:Observation"),
        ("subject:Nonsense=1", "http.subject:Nonsense"),
        ("code.identifier=x", "http.code.identifier"),
        ("unheard.identifier=x", "http.unheard.identifier"),
        ("patient.unheard=x", "http.patient.unheard"),
        ("patient:Group.identifier=x", "http.patient:Group.identifier"),
        ("patient:Nonsense.identifier=x", "http.patient:Nonsense.identifier"),
        ("patient.=x", "http.patient."),
        ("_has=x", "http._has"),
        ("_has:Provenance=1", "http._has:Provenance"),
        ("_has:Provenance:target=1", "http._has:Provenance:target"),
        ("_has:Provenance:target:unheard=1", "http._has:Provenance:target:unheard"),
        ("_has:Provenance:recorded:agent=1", "http._has:Provenance:recorded:agent"),
        ("_has:Goal:patient:_id=1", "http._has:Goal:patient:_id"),
        ("code-value-quantity:missing=true", "http.code-value-quantity:missing"),
        ("_sort=code-value-quantity", "http._sort"),
        ("_id:missing=true", "http._id:missing"),
        ("_elements=unheard", "http._elements"),
        ("_elements=code,valueQuantity", "http._elements"),
        ("_summary:x=true", "http._summary:x"),
        ("_sort:asc=code", "http._sort:asc"),
        ("_sort=unheard", "http._sort"),
        ("_sort=-date,unheard", "http._sort"),
        ("_include=Nonsense:*", "http._include"),
        ("_revinclude=*", "http._revinclude"),
        ("_revinclude=Nonsense:*", "http._revinclude"),
        ("_revinclude=Coverage:*", "http._revinclude"),
        ("_revinclude=Provenance:recorded", "http._revinclude"),
        ("_include=Observation:code", "http._include"),
        ("_include=:medication", "http._include"),
        ("_include=Observation", "http._include"),
        ("_include:all=Observation:subject", "http._include:all"),
        ("_include=Observation:subject:Medication", "http._include"),
        ("_revinclude=Provenance", "http._revinclude"),
        ("_format:x=json", "http._format:x"),
        ("\u0000\n=1", "http.(unreadable name)"),
    ],
)
def test_what_is_not_supported_is_refused_by_name_and_left_out_if_the_caller_says_so(
    query: str, expression: str
) -> None:
    with pytest.raises(UnknownParameterError) as refusal:
        search(query)
    assert refusal.value.expression == expression
    lenient = search(f"{query}&code=a", lenient=True)
    assert [issue.expression for issue in lenient.ignored] == [expression]
    assert lenient.ignored[0].severity == "warning"
    assert len(lenient.criteria) == 1
    assert lenient.used == (("code", "a"),)
    assert lenient.sort == ()


def test_a_chain_goes_to_each_type_that_has_the_parameter() -> None:
    (chain,) = search("subject.name:exact=a&code=b").links
    assert isinstance(chain, Chained)
    assert chain.parameter.name == "subject"
    assert {target.resource_type: target.criteria[0].modifier for target in chain.targets} == {
        "Location": "exact",
        "Patient": "exact",
    }


def test_a_chain_goes_on_from_what_it_referred_to() -> None:
    (chain,) = search("subject:Patient.general-practitioner:Organization.partof.name=a").links
    types = []
    while isinstance(chain, Chained):
        (target,) = chain.targets
        types.append(target.resource_type)
        chain = target.links[0] if target.links else None  # type: ignore[assignment]
    assert types == ["Patient", "Organization", "Organization"]


def test_a_reverse_chain_asks_who_refers_here() -> None:
    (link,) = search("_has:Observation:subject:_has:Provenance:target:recorded=2024", "Patient").links
    assert isinstance(link, Referred)
    assert (link.parameter.resource_type, link.parameter.name) == ("Observation", "subject")
    (further,) = link.source.links
    assert isinstance(further, Referred)
    assert further.source.criteria[0].parameter.name == "recorded"


@pytest.mark.parametrize(
    ("query", "shown"),
    [
        ("", None),
        ("_summary=false", None),
        ("_summary=count", None),
        ("_summary=true", "true"),
        ("_summary=text", "text"),
        ("_summary=data", "data"),
        ("_elements=code, value", frozenset({"code", "value"})),
    ],
)
def test_the_part_that_is_shown(query: str, shown: object) -> None:
    assert search(query).shown == shown


def test_a_composite_value_has_a_criterion_for_each_part() -> None:
    (link,) = search("component-code-value-quantity=http://loinc.org|8480-6$gt140,a\\$b$5").links
    assert isinstance(link, Together)
    assert [[part.parameter.name for part in parts] for parts in link.alternatives] == [
        ["component-code", "component-value-quantity"]
    ] * 2
    assert link.alternatives[0][0].values == (TokenValue("http://loinc.org", "8480-6"),)
    assert link.alternatives[1][0].values == (TokenValue(None, "a$b"),)


@pytest.mark.parametrize("value", ["a", "a$", "$5", "a$5$6", "a$many", "a|b|c$5"])
def test_a_composite_value_that_can_not_be_read_is_refused(value: str) -> None:
    with pytest.raises(BadRequestError):
        search(f"code-value-quantity={value}")


@pytest.mark.parametrize(
    "pairs",
    [
        [("code-value-quantity", ",".join(["a$5"] * 9))],
        [("code-value-quantity", "a$5")] * 9,
        [("code:text", "a")] * 9,
        [("subject:Patient._has:Observation:patient:code:text", "a")] * 9,
    ],
)
def test_what_has_to_be_read_to_be_checked_is_bounded(pairs: list[tuple[str, str]]) -> None:
    with pytest.raises(BadRequestError, match="at most 8 values"):
        search_pairs(pairs)


def test_a_chain_has_an_end() -> None:
    for path in ("partof." * 6, "_has:Organization:partof:" * 6, "partof._has:Organization:partof:" * 3):
        with pytest.raises(BadRequestError, match="at most 5"):
            search(f"{path}name=a", "Organization")
    search(f"{'partof.' * 5}name=a", "Organization")
    with pytest.raises(BadRequestError, match="too many types"):
        search_pairs([("subject.identifier", "a")] * 60)


def test_an_empty_alternative_is_refused_and_left_out_if_the_caller_says_so() -> None:
    with pytest.raises(BadRequestError):
        search("code=a,,b")
    found = search("code=a,,b", lenient=True)
    assert found.criteria == ()
    assert len(found.ignored) == 1


@pytest.mark.parametrize("query", ["code=", "code=%20", "code:not=", "_count=", "_include=", "_sort=", "_filter="])
def test_a_parameter_without_a_value_is_no_error_and_says_nothing(query: str) -> None:
    found = search(f"{query}&status=final")
    assert [one.parameter.name for one in found.criteria] == ["status"]
    assert [one.code for one in found.ignored] == ["not-supported"]
    assert found.used == (("status", "final"),)


@pytest.mark.parametrize(
    "query",
    [
        "date=yesterday",
        "code=a|b|c",
        "_count=many",
        "_count=-1",
        "_count=1&_count=2",
        "_total=all",
        "_summary=all",
        "_summary=true&_elements=code",
        "_elements=code&_elements=status",
        "_summary=text&_include=Observation:subject",
    ],
)
def test_a_value_that_can_not_be_read_is_refused_also_leniently(query: str) -> None:
    for lenient in (False, True):
        with pytest.raises(BadRequestError):
            search(query, lenient=lenient)


def test_no_error_repeats_a_value() -> None:
    for query in (
        "date=Zonnestraal",
        "code=Zonnestraal|a|b",
        "_count=Zonnestraal",
        "_total=Zonnestraal",
        "_sort=Zonnestraal",
    ):
        with pytest.raises(BadRequestError) as refusal:
            search(query)
        assert "Zonnestraal" not in str(refusal.value)


def test_a_result_parameter_of_other_servers_is_ignored_with_a_warning_also_strictly() -> None:
    found = search("_totalMethod=count&code=a")
    assert [issue.expression for issue in found.ignored] == ["http._totalMethod"]
    assert found.used == (("code", "a"),)


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ("", None),
        ("_count=20", 20),
        ("_count=501", 500),
        ("_count=0", 0),
        ("_summary=count", 0),
        ("_summary=false", None),
    ],
)
def test_the_page_size_is_what_is_asked_and_allowed(query: str, count: int | None) -> None:
    assert search(query).count == count


def test_only_the_number_is_asked_whatever_the_order() -> None:
    assert search("_count=5&_summary=count").count == 0
    assert search("_summary=count&_count=5").count == 0


def test_the_default_page_size_is_the_servers() -> None:
    assert search("", page_size_default=50).count == 50


def test_the_order_is_by_each_key_in_turn() -> None:
    found = search("_sort=-date,_id, _lastUpdated")
    assert [(key.parameter.name, key.descending) for key in found.sort] == [
        ("date", True),
        ("_id", False),
        ("_lastUpdated", False),
    ]


def test_what_may_be_included_is_named_by_a_parameter_of_any_type() -> None:
    found = search(
        "_include=CarePlan:activity-outcomereference:Observation&_include:recurse=DeviceUseStatement:device:Device"
        "&_include=CarePlan:activity-goal&_include=CarePlan:activity-goal",
        "CarePlan",
    )
    care_plan, device_use = definitions(Release.STU3).of("CarePlan"), definitions(Release.STU3).of("DeviceUseStatement")
    assert found.includes == (
        Include("CarePlan", care_plan["activity-outcomereference"], "Observation", iterate=False),
        Include("DeviceUseStatement", device_use["device"], "Device", iterate=True),
        Include("CarePlan", care_plan["activity-goal"], None, iterate=False),
    )


def test_modifiers_are_kept_and_the_type_of_a_reference_goes_into_its_value() -> None:
    found = search("code:not=a&subject:Patient=1&code:missing=true&patient:identifier=urn:oid:1|2")
    assert [criterion.modifier for criterion in found.criteria] == ["not", None, "missing", "identifier"]
    assert found.criteria[1].values == (ReferenceValue("Patient", "1"),)
    assert found.criteria[2].values == (MissingValue(missing=True),)


def test_format_and_total_filter_nothing() -> None:
    found = search("_format=json&_pretty=true&_total=accurate")
    assert found.criteria == ()
    assert found.total == "accurate"


def test_a_query_beyond_any_use_is_refused() -> None:
    with pytest.raises(BadRequestError, match="at most"):
        search_pairs([("code", "a")] * (MAXIMUM_PARAMETERS + 1))
    with pytest.raises(BadRequestError, match="at most"):
        search_pairs([("code", ",".join(str(number) for number in range(MAXIMUM_VALUES + 1)))])


@pytest.mark.parametrize(
    ("release", "resource_type", "query"),
    [
        (
            Release.STU3,
            "Observation",
            "code=http://loinc.org|14760-3,http://loinc.org|14743-9&date=ge2024-01-10&date=le2024-01-10",
        ),
        (
            Release.STU3,
            "Observation",
            "code=https://referentiemodel.nhg.org/tabellen/nhg-tabel-45-diagnostische-bepalingen|",
        ),
        (
            Release.STU3,
            "Observation",
            "_include=Observation:related-target&_include=Observation:specimen&category=vital-signs",
        ),
        (Release.STU3, "MedicationRequest", "periodofuse=ge2024-01-10&category=http://snomed.info/sct|16076005"),
        (Release.STU3, "MedicationDispense", "requestdate=lt2024-01-10&_include=MedicationDispense:performer"),
        (Release.STU3, "Coverage", "_include=Coverage:payor:Patient&_include=Coverage:payor:Organization"),
        (Release.STU3, "CarePlan", "_include=CarePlan:activity-medicaldevice:DeviceUseStatement"),
        (Release.STU3, "Encounter", "episodeofcare=1,2&class=http://hl7.org/fhir/v3/ActCode|IMP"),
        (Release.STU3, "DocumentReference", "indexed=ge2024-01-10&status=current"),
        (
            Release.R4,
            "MedicationRequest",
            "_include=MedicationRequest:next-practitioner&_include:iterate=PractitionerRole:location",
        ),
        (Release.R4, "MedicationStatement", "period-of-use=lt2024-01-10&_include=MedicationStatement:author"),
        (
            Release.R4,
            "MedicationAdministration",
            "effective-time=ge2024-01-10&category=http://snomed.info/sct|18629005",
        ),
        (
            Release.R4,
            "Immunization",
            "_include=Immunization:patient&_include=Immunization:performer&_include=Immunization:location",
        ),
    ],
)
def test_the_queries_of_the_dutch_standards_are_understood(release: Release, resource_type: str, query: str) -> None:
    found = search(query, resource_type, release)
    assert found.ignored == ()
    assert len(found.used) == len(parse_qsl(query))


NAMES = st.sampled_from(
    ["code", "code:not", "date", "subject", "_count", "_sort", "_include", "_has", "value-quantity"]
)


@given(st.lists(st.tuples(NAMES | st.text(), st.text()), max_size=5))
def test_any_query_is_a_search_or_a_bad_request(pairs: list[tuple[str, str]]) -> None:
    try:
        found = search_pairs(pairs, lenient=True)
    except BadRequestError:
        return
    assert len(found.used) + len(found.ignored) == len(pairs)
