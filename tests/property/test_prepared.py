"""A search that is run as one of somebody else was asks the database for what it would have asked by itself."""

import asyncio
import gc
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.access.categories import ALL_PARTS
from app.access.scope import RecordAccess
from app.errors import RegieError
from app.fhir.release import Release
from app.interactions.context import Context
from app.interactions.prepared import KEPT_MAX, STAND_IN, Ready, parsed_search, ready, sorts_by_repeating
from app.store.search.run import Run
from app.store.search.statement import statement
from tests.support.in_process import inside

_ASKED = {
    "code": ["http://loinc.org|8867-4", "8867-4,29463-7", "http://loinc.org|", "|x", "a|b|c", " "],
    "status:in": ["http://hl7.org/fhir/ValueSet/observation-status"],
    "code:not": ["8867-4"],
    "code:text": ["heart"],
    "date": ["2026", "ge2026-01-01", "lt2026-02-01", "ap2026-01-01", "ge2026-01-01T10:00:00Z", "soon"],
    "value-quantity": ["gt72|http://unitsofmeasure.org|kg", "72.5"],
    "code-value-quantity": ["8867-4$gt60"],
    "_lastUpdated": ["ge2026-01-01"],
    "_id": ["a,b"],
    "encounter": ["Encounter/7", STAND_IN],
    "performer": ["Practitioner/7"],
    "performer.name": ["Jansen-Testpersoon"],
    "_has:Provenance:target:agent": ["Practitioner/7"],
    "_filter": ["code eq 8867-4"],
    "_text": ["pulse"],
    "_sort": ["-date", "date", "code,-date", "_lastUpdated", "-_id", "value-quantity", "nothing"],
    "_count": ["20", "0", "many"],
    "_total": ["accurate"],
    "_summary": ["true", "count"],
    "_elements": ["code"],
    "_include": ["Observation:patient"],
    "subject:missing": ["false"],
    "subject:Patient": ["p1"],
    "unknown": ["1"],
}
_IDS = ["p1", "000009ngv101m8b15f80mtdbzme4y4f7", "Patient/p1", "Patient/p-2", STAND_IN, f"Patient/{STAND_IN}"]
_WHOM = [*_IDS, "Group/p1", "p1,p2", "#p1", "http://elsewhere.example/Patient/p1", "no id", ""]
_PAIRS = st.one_of(
    st.tuples(st.sampled_from(["patient", "subject"]), st.sampled_from(_WHOM)),
    st.sampled_from([(name, text) for name, texts in _ASKED.items() for text in texts]),
)
_TYPES = ["Observation", "Condition", "Consent", "Patient"]


@pytest.fixture(scope="module")
def context(tmp_path_factory: pytest.TempPathFactory) -> Context:
    """What interactions are given, of a server with one person."""

    async def made(folder: Path) -> Context:
        async with inside(folder) as person:
            return person.parts.context

    return asyncio.run(made(tmp_path_factory.mktemp("prepared")))


def _by_itself(context: Context, release: Release, type_: str, pairs: list[tuple[str, str]], *, lenient: bool) -> Ready:
    parsed = parsed_search(context, release, type_, pairs, lenient=lenient)
    repeats = type_ == "Consent" or sorts_by_repeating(parsed)
    return Ready(parsed, Run(context.index_key, release, parsed, repeats=repeats))


def _asked(find: Callable[[], Ready]) -> list[Any]:
    """Return all that the database is asked, or what is wrong."""
    try:
        found = find()
    except RegieError as error:
        return [type(error), str(error), getattr(error, "expression", None)]
    run, access = found.run, RecordAccess(1, ALL_PARTS, ALL_PARTS, None, "own record")
    shapes = ["gather", "count", *(["walk", "undated"] if run.can_walk else [])]
    statements = [run._statement(shape, access, begin) for shape in shapes for begin in ("start", "key")]
    texts = [(one.sqlite.text, one.postgresql.text) for one in statements]
    return [found.parsed, run.plan.values | run.values, run.plan.local, run.keys, run.can_walk, run.is_read, texts]


@settings(max_examples=400)
@given(
    release=st.sampled_from(list(Release)),
    type_=st.sampled_from(_TYPES),
    pairs=st.lists(_PAIRS, max_size=5),
    others=st.lists(st.sampled_from(_IDS), min_size=5, max_size=5),
    lenient=st.booleans(),
)
def test_a_search_that_was_asked_before_of_somebody_else_asks_what_it_would_by_itself(
    context: Context, release: Release, type_: str, pairs: list[tuple[str, str]], others: list[str], lenient: bool
) -> None:
    of_another = [(name, other if text in _IDS else text) for (name, text), other in zip(pairs, others, strict=False)]
    for asked in (pairs, of_another, pairs):
        kept = _asked(lambda asked=asked: ready(context, release, type_, asked, lenient=lenient))  # type: ignore[misc]
        alone = _asked(lambda asked=asked: _by_itself(context, release, type_, asked, lenient=lenient))  # type: ignore[misc]
        assert kept == alone


def test_what_is_kept_names_nobody_and_has_a_bound(context: Context) -> None:
    for number in range(KEPT_MAX + 20):
        pairs = [("patient", f"Patient/somebody-{number}"), ("_count", str(number))]
        ready(context, Release.R4, "Observation", pairs, lenient=False)
    assert len(context.prepared) == KEPT_MAX
    assert "somebody" not in repr(context.prepared)


def test_what_depends_on_the_moment_is_read_anew(context: Context) -> None:
    for name, text in (
        ("date", "ap2026-01-01"),
        ("status:in", "http://hl7.org/fhir/ValueSet/observation-status"),
    ):
        ready(context, Release.R4, "Observation", [(name, text)], lenient=False)
        assert context.prepared[Release.R4, "Observation", False, (name, text)] is None


def test_a_statement_takes_some_kilobytes_of_memory(context: Context) -> None:
    forms = []
    for number in range(1, 11):
        pairs = [("code", "a"), ("date", "2026"), ("value-quantity", "5"), *[("performer", "Practitioner/1")] * number]
        pairs += [("code", f"a{place}") for place in range(10)]
        forms.append(
            _by_itself(context, Release.R4, "Observation", pairs, lenient=False).run._form("gather", False, "start")
        )
    statement(forms.pop())
    tracemalloc.start()
    assert all(statement(form).sqlite.text for form in forms)
    gc.collect()  # what SQLAlchemy made of it refers to itself
    size, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert size / len(forms) < 60_000, "2,048 are kept, whoever asks for them"
