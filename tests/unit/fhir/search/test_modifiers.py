"""Each modifier and special parameter of the specification: taken, or refused by name.

Spec: https://hl7.org/fhir/R4/search.html#modifiers, https://hl7.org/fhir/STU3/search.html#modifiers
"""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from app.errors import UnknownParameterError
from app.fhir.release import Release
from app.fhir.search.parse import parse_query

MODIFIERS = "missing exact contains text not above below in not-in of-type identifier Patient iterate".split()
OF_TERMINOLOGY = {"above", "below", "in", "not-in"}
"""Whether a token may have these depends on the code systems at hand."""

VALUES = {
    "token": ("identifier", "a"),
    "string": ("value-string", "a"),
    "reference": ("subject", "1"),
    "uri": ("_profile", "https://regie.example/a"),
    "date": ("date", "2026"),
    "number": ("probability", "1"),
    "quantity": ("value-quantity", "1"),
    "composite": ("code-value-quantity", "a$1"),
}
TAKEN = {
    "token": {"missing", "text", "not", "of-type"},
    "string": {"missing", "exact", "contains"},
    "reference": {"missing", "identifier", "Patient"},
    "uri": {"missing", "above", "below"},
    "date": {"missing"},
    "number": {"missing"},
    "quantity": {"missing"},
    "composite": set[str](),
}
OF_R4 = {"of-type"}
MODIFIER_VALUES = {"missing": "true", "of-type": "https://regie.example/t|MR|1", "in": "https://regie.example/v"}


def understood(release: Release, resource_type: str, name: str, value: str) -> bool:
    """Return whether a parameter is taken; one that isn't has to be refused by its name."""
    try:
        parse_query(
            release, resource_type, [(name, value)], time_zone=ZoneInfo("Europe/Amsterdam"), lenient=False,
            page_size_default=None, page_size_max=10, now=datetime(2026, 1, 1, tzinfo=UTC),
        )  # fmt: skip
    except UnknownParameterError as refused:
        assert refused.expression in (f"http.{name}", f"http.{name.partition(':')[0]}")  # noqa: PT017
        return False
    return True


@pytest.mark.parametrize("release", Release)
@pytest.mark.parametrize(
    ("kind", "modifier"),
    [(kind, one) for kind in VALUES for one in MODIFIERS if kind != "token" or one not in OF_TERMINOLOGY],
)
def test_each_modifier_is_taken_or_refused(release: Release, kind: str, modifier: str) -> None:
    name, value = VALUES[kind]
    resource_type = "RiskAssessment" if kind == "number" else "Observation"
    wanted = modifier in TAKEN[kind] and not (modifier in OF_R4 and release is Release.STU3)
    assert understood(release, resource_type, f"{name}:{modifier}", MODIFIER_VALUES.get(modifier, value)) == wanted


@pytest.mark.parametrize("release", Release)
@pytest.mark.parametrize(
    ("query", "wanted"),
    [
        ("_id=1", True),
        ("_lastUpdated=2026", True),
        ("_tag=a", True),
        ("_profile=https://regie.example/a", True),
        ("_security=a", True),
        ("_text=a", True),
        ("_content=a", True),
        ("_list=1", True),
        ("_has:Provenance:target:_id=1", True),
        ("_filter=status eq final", True),
        ("_contained=false", True),
        ("_contained=true", False),
        ("_contained=both", False),
        ("_containedType=contained", False),
        ("_query=current-high-risk", False),
        ("_score=1", False),
        ("_sort=_score", False),
        ("_type=Observation", False),
        ("near=1|2", False),
    ],
)
def test_each_parameter_of_all_types_is_taken_or_refused(release: Release, query: str, *, wanted: bool) -> None:
    name, _, value = query.partition("=")
    assert understood(release, "Observation", name, value) == wanted


@pytest.mark.parametrize("release", Release)
def test_where_a_resource_came_from_is_asked_in_r4(release: Release) -> None:
    assert understood(release, "Observation", "_source", "https://regie.example/a") == (release is Release.R4)
