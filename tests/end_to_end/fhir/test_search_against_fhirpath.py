"""Random resources of several types: what is found, and in which order, is what FHIRPath and the specification say.

A FHIRPath engine reads the values from the resources by the published expressions; they are compared here, in the plainest way.
Nothing of how the server reads, indexes or compares is used.

Spec: https://hl7.org/fhir/R4/search.html, https://hl7.org/fhir/STU3/search.html
"""

import asyncio
import re
import tempfile
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from app.fhir.release import Release
from app.fhir.search.definitions import SearchParameter, definitions
from tests.end_to_end.fhir.test_search_against_a_model import TARGETS, dates, span
from tests.support.world import Caller, Tree, ids_of, link, world_in
from tests.unit.fhir.test_path import evaluated

STU3 = Release.STU3
SYSTEMS = ("https://regie.example/c", "https://regie.example/d")
CODES = ("a", "b", "B")
WORDS = ("Appel", "Âppèl taart", "appeltaart 50%_", "Peer-Test")
PROFILES = ("https://regie.example/p/1", "https://regie.example/p/2")
ORGANIZATIONS = tuple(f"Organization/{target}" for target in TARGETS)
EVER = (datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC))
KINDS = frozenset({"token", "date", "string", "reference", "uri"})
LEFT_TO_THE_SERVER = frozenset({"email", "phone", "telecom", "phonetic"})

# ---------------------------------------------------------------------------------------------------------- resources

codings = st.fixed_dictionaries(
    {"code": st.sampled_from(CODES)},
    optional={"system": st.sampled_from(SYSTEMS), "display": st.sampled_from(WORDS)},
)
concepts = st.one_of(
    st.fixed_dictionaries(
        {"coding": st.lists(codings, min_size=1, max_size=2)}, optional={"text": st.sampled_from(WORDS)}
    ),
    st.fixed_dictionaries({"text": st.sampled_from(WORDS)}),
)
references = st.sampled_from(ORGANIZATIONS).map(lambda text: {"reference": text})
words = st.sampled_from(WORDS)
periods = st.one_of(
    st.fixed_dictionaries(
        {"start": st.sampled_from(("2026-03-01", "2026-03-02T10:00:00Z"))}, optional={"end": st.just("2026-03-09")}
    ),
    st.just({"end": "2026-03-05"}),
)
labels = st.fixed_dictionaries(
    {"profile": st.lists(st.sampled_from(PROFILES), min_size=1, max_size=2, unique=True)},
    optional={"tag": st.lists(codings, min_size=1, max_size=2)},
)


def several(one: st.SearchStrategy[Any]) -> st.SearchStrategy[list[Any]]:
    """Return lists of one or two."""
    return st.lists(one, min_size=1, max_size=2)


def condition_of(release: Release) -> tuple[Tree, dict[str, st.SearchStrategy[Any]]]:
    """Return what each Condition has, and what it may have."""
    may = {
        "code": concepts,
        "severity": concepts,
        "bodySite": several(concepts),
        "onsetDateTime": dates,
        "evidence": several(st.fixed_dictionaries({"code": several(concepts)})),
    }
    if release is STU3:
        return {"subject": {}, "clinicalStatus": "active"}, may | {"assertedDate": dates}
    return {"subject": {}}, may | {"recordedDate": dates}


def procedure_of(release: Release) -> tuple[Tree, dict[str, st.SearchStrategy[Any]]]:
    """Return what each Procedure has, and what it may have."""
    del release
    actor = st.fixed_dictionaries({"actor": references})
    may = {"code": concepts, "category": concepts, "performedPeriod": periods, "performer": several(actor)}
    return {"subject": {}, "status": "completed"}, may


def encounter_of(release: Release) -> tuple[Tree, dict[str, st.SearchStrategy[Any]]]:
    """Return what each Encounter has, and what it may have."""
    must = {"subject": {}, "status": "finished", "class": {"code": "AMB"}}
    may = {"type": several(concepts), "period": periods, "serviceProvider": references}
    return must, may | {"reason" if release is STU3 else "reasonCode": several(concepts)}


def practitioner_of(release: Release) -> tuple[Tree, dict[str, st.SearchStrategy[Any]]]:
    """Return what each Practitioner has, and what it may have."""
    del release
    names = st.fixed_dictionaries({"family": words}, optional={"given": several(words), "text": words})
    addresses = st.fixed_dictionaries({"city": words}, optional={"line": several(words), "use": st.just("home")})
    may = {"name": several(names), "address": several(addresses), "active": st.booleans()}
    return {}, may | {"gender": st.sampled_from(("male", "female"))}


MAKERS = {
    "Condition": condition_of,
    "Encounter": encounter_of,
    "Practitioner": practitioner_of,
    "Procedure": procedure_of,
}


def resources_of(release: Release, resource_type: str) -> st.SearchStrategy[Tree]:
    """Return resources of a type, without their person."""
    must, may = MAKERS[resource_type](release)
    fixed = {name: st.just(value) for name, value in must.items()}
    return st.fixed_dictionaries({"resourceType": st.just(resource_type), **fixed}, optional={**may, "meta": labels})


# -------------------------------------------------------------------------------------------------------------- values


def parameters_of(release: Release, resource_type: str) -> list[SearchParameter]:
    """Return the parameters that are compared here."""
    return [
        parameter
        for parameter in definitions(release).supported(resource_type).values()
        if parameter.kind in KINDS
        and not parameter.name.startswith("_lastUpdated")
        and parameter.name not in LEFT_TO_THE_SERVER
        and not parameter.expression.startswith("computed:")
    ]


def values_of(parameter: SearchParameter, tree: Tree) -> list[Any]:
    """Return what a FHIRPath engine finds."""
    return evaluated(parameter.expression, tree, parameter.release)


def plain(text: str) -> str:
    """Return a text without case and accents."""
    return "".join(one for one in unicodedata.normalize("NFD", text.lower()) if not unicodedata.combining(one))


def codes_of(value: Any) -> list[tuple[str, str]]:
    """Return the (system, code) pairs of a value."""
    if isinstance(value, bool):
        return [("", str(value).lower())]
    if isinstance(value, str):
        return [("", value)]
    return [(one.get("system", ""), one["code"]) for one in value.get("coding", [value]) if "code" in one]


def texts_of(value: Any) -> list[str]:
    """Return the strings in a value, of a name or an address each part."""
    if isinstance(value, str):
        return [value]
    parts = [part for name, part in value.items() if name not in ("use", "type", "period")]
    return [text for part in parts for text in (part if isinstance(part, list) else [part])]


def called(value: Any) -> list[str]:
    """Return what the codes of a value are called."""
    if not isinstance(value, dict):
        return []
    return [text for one in (value, *value.get("coding", [])) for text in (one.get("text"), one.get("display")) if text]


def span_of(value: Any) -> tuple[datetime, datetime]:
    """Return the first instant of a date or period and the first one after it."""
    if isinstance(value, dict):
        start = span(value["start"])[0] if "start" in value else EVER[0]
        return start, span(value["end"])[1] if "end" in value else EVER[1]
    return span(str(value))


def stands(prefix: str, own: tuple[datetime, datetime], asked: tuple[datetime, datetime]) -> bool:
    """Return how two spans, ends excluded, stand to each other: the table of decision 5."""
    within = asked[0] <= own[0] and own[1] <= asked[1]
    return {
        "": within,
        "eq": within,
        "ne": not within,
        "gt": own[1] > asked[1],
        "lt": own[0] < asked[0],
        "ge": own[1] > asked[0],
        "le": own[0] < asked[1],
        "sa": own[0] >= asked[1],
        "eb": own[1] <= asked[0],
    }[prefix]


# ------------------------------------------------------------------------------------------------------------- queries


@dataclass(frozen=True)
class Query:
    """One parameter of a query string, and what it means."""

    text: str
    holds: Callable[[Tree], bool]


def is_token(parameter: SearchParameter, asked: tuple[str | None, str | None]) -> Callable[[Tree], bool]:
    """Return whether a resource has a token; None is any system or any code, an empty system none."""
    system, code = asked
    has_system = not {"code", "boolean", "string", "id", "uri"}.issuperset(parameter.types)

    def one(found: tuple[str, str]) -> bool:
        return (not has_system or system in (None, found[0])) and code in (None, found[1])

    return lambda tree: any(one(found) for value in values_of(parameter, tree) for found in codes_of(value))


@st.composite
def queries(draw: Any, release: Release, resource_type: str) -> Query:
    """Return a query on one parameter, with any of its modifiers."""
    parameter = draw(st.sampled_from(parameters_of(release, resource_type)))
    name = parameter.name
    if not parameter.is_column and draw(st.integers(0, 7)) == 0:
        missing = draw(st.booleans())
        return Query(f"{name}:missing={str(missing).lower()}", lambda tree: bool(values_of(parameter, tree)) != missing)
    match parameter.kind:
        case "token":
            query: Query = draw(token_queries(parameter))
            return query
        case "string":
            asked: str = draw(st.sampled_from((*WORDS, "APP", "taart", "50%", "_", "test")))
            modifier = draw(st.sampled_from(("", ":exact", ":contains")))

            def has(text: str) -> bool:
                if modifier == ":exact":
                    return text == asked
                return plain(asked) in plain(text) if modifier else plain(text).startswith(plain(asked))

            return Query(
                f"{name}{modifier}={quote(asked)}",
                lambda tree: any(has(text) for value in values_of(parameter, tree) for text in texts_of(value)),
            )
        case "date":
            prefix, day = draw(st.sampled_from(("", "eq", "ne", "gt", "lt", "ge", "le", "sa", "eb"))), draw(dates)
            return Query(
                f"{name}={prefix}{quote(day)}",
                lambda tree: any(stands(prefix, span_of(value), span(day)) for value in values_of(parameter, tree)),
            )
        case "reference":
            target = draw(st.sampled_from(ORGANIZATIONS))
            return Query(
                f"{name}={target}",
                lambda tree: any(value.get("reference") == target for value in values_of(parameter, tree)),
            )
        case _:
            uri = draw(st.sampled_from(PROFILES))
            return Query(f"{name}={quote(uri)}", lambda tree: uri in values_of(parameter, tree))


@st.composite
def token_queries(draw: Any, parameter: SearchParameter) -> Query:
    """Return a query on a token."""
    system = draw(st.sampled_from((*SYSTEMS, "", None)))
    code = draw(st.sampled_from((*CODES, "finished", "true", "male")))
    if system and parameter.has_system and draw(st.booleans()):
        code = None
    text = code if system is None else f"{system}|{code or ''}"
    holds = is_token(parameter, (system, code))
    if {"CodeableConcept", "Coding"} & set(parameter.types) and draw(st.integers(0, 3)) == 0:
        asked = draw(st.sampled_from((*WORDS, "APP", "taart")))
        return Query(
            f"{parameter.name}:text={quote(asked)}",
            lambda tree: any(
                plain(one).startswith(plain(asked)) for value in values_of(parameter, tree) for one in called(value)
            ),
        )
    if draw(st.integers(0, 3)) == 0:
        return Query(f"{parameter.name}:not={quote(text)}", lambda tree: not holds(tree))
    return Query(f"{parameter.name}={quote(text)}", holds)


def words_in(node: Any) -> Iterator[str]:
    """Yield the words of all texts."""
    if isinstance(node, str):
        yield from re.findall(r"\w+", plain(node))
    elif isinstance(node, dict | list):
        for item in node.values() if isinstance(node, dict) else node:
            yield from words_in(item)


contents = st.sampled_from(("app", "TAART", "peer", "50", "example", "x")).map(
    lambda word: Query(f"_content={word}", lambda tree: any(one.startswith(plain(word)) for one in words_in(tree)))
)


@dataclass(frozen=True)
class Key:
    """One key of ``_sort``."""

    parameter: SearchParameter
    descending: bool

    def of(self, tree: Tree) -> Any:
        """Return the value that counts, None if there is none."""
        values = values_of(self.parameter, tree)
        match self.parameter.kind:
            case "token":
                found: list[Any] = [code for value in values for _, code in codes_of(value)]
            case "string":
                found = [plain(text) for value in values for text in texts_of(value)]
            case "date":
                found = [span_of(value)[0] for value in values]
            case "reference":
                found = [value["reference"] for value in values]
            case _:
                found = values
        return None if not found else max(found) if self.descending else min(found)


def in_order(trees: list[Tree], keys: list[Key]) -> list[Tree]:
    """Return resources, given newest first, in the order of the keys; what has no value comes last."""
    for key in reversed(keys):
        having = [tree for tree in trees if key.of(tree) is not None]
        having.sort(key=key.of, reverse=key.descending)
        trees = having + [tree for tree in trees if key.of(tree) is None]
    return trees


@dataclass(frozen=True)
class Case:
    """Resources of a type, and what is asked of them."""

    release: Release
    resources: list[Tree]
    asked: list[tuple[list[Query], list[Key]]]


@st.composite
def cases(draw: Any) -> Case:
    """Return what one example is made of."""
    release, resource_type = draw(st.sampled_from(Release)), draw(st.sampled_from(sorted(MAKERS)))
    resources = draw(st.lists(resources_of(release, resource_type), min_size=4, max_size=9))
    keys = st.builds(Key, st.sampled_from(parameters_of(release, resource_type)), st.booleans())
    query = st.one_of(queries(release, resource_type), queries(release, resource_type), contents)
    asked = st.tuples(st.lists(query, max_size=2), st.lists(keys, max_size=2, unique_by=lambda key: key.parameter.name))
    return Case(release, resources, draw(st.lists(asked, min_size=10, max_size=25)))


async def all_pages(me: Caller, url: str) -> list[str]:
    """Return the ids on all pages."""
    page = await me.get(url)
    found = ids_of(page)
    while following := link(page, "next"):
        page = await me.get(following)
        found += ids_of(page)
    return found


async def check(case: Case) -> None:
    """Make the resources, and hold each query against the plain reading."""
    with tempfile.TemporaryDirectory() as folder:
        async with world_in(Path(folder)) as world:
            me, person = world.caller("maanlicht", case.release), world.maanlicht
            for thing in ("condition", "secret", "hidden-encounter"):
                assert (await me("DELETE", person.url(thing, case.release))).status_code == 204
            for reference in ORGANIZATIONS:
                await me(
                    "PUT", f"/{reference}", {"resourceType": "Organization", "id": reference.split("/")[1], "name": "x"}
                )
            made: list[Tree] = []
            for drawn in case.resources:
                subject = {"subject": {"reference": person.patient(case.release)}} if "subject" in drawn else {}
                made.insert(0, await me.made(drawn | subject))
            for query, keys in case.asked:
                text = "&".join(one.text for one in query)
                order = ",".join(f"{'-' if key.descending else ''}{key.parameter.name}" for key in keys)
                url = f"/{case.resources[0]['resourceType']}?{text}&" + (f"_sort={order}" if order else "")
                wanted = in_order([tree for tree in made if all(one.holds(tree) for one in query)], keys)
                ids = [tree["id"] for tree in wanted]
                assert await all_pages(me, url.rstrip("&?")) == ids, url
                assert await all_pages(me, f"{url}&_count=2".replace("?&", "?")) == ids, url


# Not made smaller when it fails: each try takes a world of its own, and all tries together minutes.
@settings(max_examples=30, derandomize=True, database=None, phases=(Phase.explicit, Phase.generate))
@given(cases())
def test_what_is_found_and_in_which_order_is_what_fhirpath_says(case: Case) -> None:
    asyncio.run(check(case))
