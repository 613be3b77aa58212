"""The matrix: who asks x under which grant x by which way, and what the answer is.

All rows ask for something of Zonnestraal. A row names the route it takes, so that a route without a row is found. Its cells
are the expected statuses in the order of ``WHO``. ``{thing}`` in a URL is ``/Type/id`` of one of Zonnestraal's things,
``{patient}`` the id of Zonnestraal's Patient.
"""

from collections.abc import Callable
from dataclasses import dataclass

from app.fhir.release import Release
from tests.support.world import (
    SYSTEM,
    UNTIL,
    Tree,
    World,
    bundle,
    condition,
    encounter_of,
    entry,
    identifier,
    restricted,
    weight,
)

WHO = (
    "zonnestraal",
    "maanlicht",
    "app of zonnestraal",
    "app of maanlicht",
    "no grant",
    "granted",
    "expired",
    "not yet",
    "withdrawn",
    "sensitive",
    "operator",
    "narrowed app",
    "ended app",
    "partial",
)
"""The person, somebody else, their apps, practices by the state of their grant, who runs the server; then an app of the
person whose scope names a token, one whose grant is over, and a practice with a wide grant that is past and a small one."""

BAD = (None, "unknown token", "expired token", "revoked token", "refresh token")
"""Those whom nobody knows: no token, or one that is no good."""

VISIBLE: dict[str, frozenset[str]] = {
    "zonnestraal": frozenset({"patient", "hidden-encounter", "weight", "chosen", "condition", "secret", "goal"}),
    "app of zonnestraal": frozenset({"weight", "chosen"}),
    "granted": frozenset({"patient", "weight", "chosen", "condition"}),
    "sensitive": frozenset({"condition", "secret", "hidden-encounter"}),
    "narrowed app": frozenset({"weight"}),
    "partial": frozenset({"condition"}),
    "operator": frozenset({"patient", "hidden-encounter", "weight", "chosen", "condition", "secret", "goal"}),
}
"""Which of Zonnestraal's things each may see; who isn't here sees none."""

IN_FORCE = frozenset(
    {"zonnestraal", "app of zonnestraal", "granted", "sensitive", "operator", "narrowed app", "partial"}
)
"""Those who may know that Zonnestraal has a record at all."""

WRITES = frozenset(
    {
        "create",
        "update",
        "update with If-Match",
        "conditional update",
        "$meta-add",
        "$meta-delete",
        "JSON patch",
        "patch of a secret",
        "conditional patch",
        "delete",
        "conditional delete",
        "conditional delete of a secret",
        "transaction",
        "conditional create",
        "conditional create of a secret",
        "conditional update of a secret",
        "update of a secret",
        "delete of a secret",
        "transaction with mixed rights",
        "transaction with a conditional reference",
    }
)
"""Names of the rows that change the record."""

ASYNC = (("Prefer", "respond-async"),)
"""What an export is asked for with."""

Body = Callable[[World, Release, str], Tree | str]
"""What is sent, given the world, the release and the id of the Patient it is about."""


@dataclass(frozen=True)
class Row:
    """One way in, and what each of ``WHO`` gets."""

    name: str
    method: str
    route: str
    url: str
    cells: str
    thing: str = ""
    body: Body | None = None
    headers: tuple[tuple[str, str], ...] = ()
    releases: tuple[Release, ...] = tuple(Release)

    @property
    def writes(self) -> bool:
        """Return whether it changes the record where it is allowed."""
        return self.name in WRITES

    @property
    def expected(self) -> dict[str, int]:
        """Return the status for each who asks."""
        return dict(zip(WHO, (int(cell) for cell in self.cells.split()), strict=True))


def _weight_about(world: World, release: Release, patient: str) -> Tree:
    del world
    return weight(release, f"Patient/{patient}")


def _named_weight(world: World, release: Release, patient: str) -> Tree:
    return weight(release, f"Patient/{patient}", identifier=identifier(world.zonnestraal.marker("weight")))


def _labels(world: World, release: Release, patient: str) -> Tree:
    del world, release, patient
    labels = {"tag": [{"system": SYSTEM, "code": "spring"}]}
    return {"resourceType": "Parameters", "parameter": [{"name": "meta", "valueMeta": labels}]}


def _merge(world: World, release: Release, patient: str) -> Tree:
    del world, release, patient
    return {"language": "nl"}


def _fhirpath_patch(world: World, release: Release, patient: str) -> Tree:
    del world, release, patient
    parts = [
        {"name": "type", "valueCode": "add"},
        {"name": "path", "valueString": "Observation"},
        {"name": "name", "valueString": "language"},
        {"name": "value", "valueCode": "nl"},
    ]
    return {"resourceType": "Parameters", "parameter": [{"name": "operation", "part": parts}]}


def _weight_over(thing: str) -> Body:
    def body(world: World, release: Release, patient: str) -> Tree:
        return weight(release, f"Patient/{patient}", id=world.zonnestraal.ids[release, thing])

    return body


def _transaction(world: World, release: Release, patient: str) -> Tree:
    del world
    return bundle("transaction", entry("POST", "Observation", weight(release, f"Patient/{patient}")))


def _batch(world: World, release: Release, patient: str) -> Tree:
    del world
    return bundle("batch", entry("GET", f"Observation?patient={patient}"))


def _batch_with(thing: str) -> Body:
    def body(world: World, release: Release, patient: str) -> Tree:
        del patient
        return bundle("batch", entry("GET", world.zonnestraal.url(thing, release)[1:]))

    return body


def _named_secret(world: World, release: Release, patient: str) -> Tree:
    named = identifier(world.zonnestraal.marker("secret"))
    return condition(release, f"Patient/{patient}", identifier=named)


def _over_the_secret(world: World, release: Release, patient: str) -> Tree:
    return condition(release, f"Patient/{patient}", id=world.zonnestraal.ids[release, "secret"])


def _mixed(world: World, release: Release, patient: str) -> Tree:
    about = f"Patient/{patient}"
    return bundle(
        "transaction",
        entry("POST", "Observation", weight(release, about)),
        entry("POST", "Condition", condition(release, about, meta=restricted())),
    )


def _conditional_reference(world: World, release: Release, patient: str) -> Tree:
    visit = encounter_of(release, f"Encounter?identifier={world.zonnestraal.marker('hidden-encounter')}")
    return bundle("transaction", entry("POST", "Observation", weight(release, f"Patient/{patient}", **visit)))


def _request(world: World, release: Release, patient: str) -> Tree:
    """Return a request with a code that is no good, or with Zonnestraal's: what is answered is the same."""
    code = world.made.codes["zonnestraal"] if patient == world.zonnestraal.patients[release] else "AAAA-AAAA"
    values = {"valueString": code}, {"valueCode": "medication"}, {"valueDateTime": str(UNTIL)}
    names = ("code", "category", "until")
    named = [{"name": name, **value} for name, value in zip(names, values, strict=True)]
    return {"resourceType": "Parameters", "parameter": named}


def _form_of_types(world: World, release: Release, patient: str) -> str:
    return f"_type=Observation,Condition&{_form(world, release, patient)}"


def _form(world: World, release: Release, patient: str) -> str:
    del world, release
    return f"patient={patient}"


def _parameters(world: World, release: Release, patient: str) -> Tree:
    del world, release
    return {"resourceType": "Parameters", "parameter": [{"name": "patient", "valueString": patient}]}


def _about_patient(world: World, release: Release, patient: str) -> Tree:
    del world, release
    named = {"name": "patient", "valueReference": {"reference": f"Patient/{patient}"}}
    return {"resourceType": "Parameters", "parameter": [named, {"name": "_type", "valueString": "Observation"}]}


def _no_parameters(world: World, release: Release, patient: str) -> Tree:
    del world, release, patient
    return {"resourceType": "Parameters"}


_MINIMAL = ("Prefer", "return=minimal")
"""So that what was sent does not come back."""

_FORM = (("Content-Type", "application/x-www-form-urlencoded"),)

# The columns, as in WHO:
#   person, other, app, other's app | no grant, granted, expired, not yet, withdrawn, sensitive | operator |
#   narrowed app, ended app, partial
ROWS = (
    Row("metadata", "GET", "/metadata", "/metadata", "200 200 200 200  200 200 200 200 200 200  200  200 200 200"),
    Row(
        "smart-configuration",
        "GET",
        "/.well-known/smart-configuration",
        "/.well-known/smart-configuration",
        "200 200 200 200  200 200 200 200 200 200  200  200 200 200",
    ),
    Row(
        "read", "GET", "/{type}/{id}", "{thing}", "200 404 200 404  403 200 403 403 403 404  200  200 403 404", "weight"
    ),
    Row(
        "head",
        "HEAD",
        "/{type}/{id}",
        "{thing}",
        "200 404 200 404  403 200 403 403 403 404  200  200 403 404",
        "weight",
    ),
    Row(
        "read Patient",
        "GET",
        "/{type}/{id}",
        "{thing}",
        "200 404 404 404  403 200 403 403 403 404  200  404 403 404",
        "patient",
    ),
    Row(
        "read GP",
        "GET",
        "/{type}/{id}",
        "{thing}",
        "200 404 404 404  403 200 403 403 403 200  200  403 403 200",
        "condition",
    ),
    Row(
        "read secret",
        "GET",
        "/{type}/{id}",
        "{thing}",
        "200 404 404 404  403 404 403 403 403 200  200  403 403 404",
        "secret",
    ),
    Row(
        "read Goal",
        "GET",
        "/{type}/{id}",
        "{thing}",
        "200 404 403 403  403 404 403 403 403 404  200  403 403 404",
        "goal",
    ),
    Row(
        "vread",
        "GET",
        "/{type}/{id}/_history/{version}",
        "{thing}/_history/1",
        "200 404 200 404  403 200 403 403 403 404  200  200 403 404",
        "weight",
    ),
    Row(
        "vread secret",
        "GET",
        "/{type}/{id}/_history/{version}",
        "{thing}/_history/1",
        "200 404 404 404  403 404 403 403 403 200  200  403 403 404",
        "secret",
    ),
    Row(
        "history",
        "GET",
        "/{type}/{id}/_history",
        "{thing}/_history",
        "200 404 200 404  403 200 403 403 403 404  200  200 403 404",
        "weight",
    ),
    Row(
        "history secret",
        "GET",
        "/{type}/{id}/_history",
        "{thing}/_history",
        "200 404 404 404  403 404 403 403 403 200  200  403 403 404",
        "secret",
    ),
    Row(
        "history of a type",
        "GET",
        "/{type}/_history",
        "/Condition/_history?patient={patient}",
        "200 404 200 404  403 200 403 403 403 200  200  403 403 403",
    ),
    Row(
        "history of everything",
        "GET",
        "/_history",
        "/_history?patient={patient}",
        "200 404 200 404  403 200 403 403 403 200  200  200 403 403",
    ),
    Row(
        "history of everything at a moment",
        "GET",
        "/_history",
        "/_history?_at=2099&_since=2026",
        "200 200 200 200  403 200 403 403 403 200  400  200 403 403",
    ),
    Row(
        "search",
        "GET",
        "/{type}",
        "/Observation?patient={patient}",
        "200 200 200 200  403 200 403 403 403 200  200  200 403 403",
    ),
    Row(
        "search with include",
        "GET",
        "/{type}",
        "/Observation?patient={patient}&_include=Observation:encounter&_include=Observation:subject",
        "200 200 200 200  403 200 403 403 403 200  200  200 403 403",
    ),
    Row(
        "count",
        "GET",
        "/{type}",
        "/Observation?patient={patient}&_summary=count",
        "200 200 200 200  403 200 403 403 403 200  200  200 403 403",
    ),
    Row(
        "search GP",
        "GET",
        "/{type}",
        "/Condition?patient={patient}&_total=accurate",
        "200 200 200 200  403 200 403 403 403 200  200  403 403 403",
    ),
    Row(
        "search by value set",
        "GET",
        "/{type}",
        "/Condition?patient={patient}&code:not-in=http://hl7.org/fhir/ValueSet/observation-status",
        "200 200 200 200  403 200 403 403 403 200  200  403 403 403",
    ),
    Row(
        "search by identifier",
        "GET",
        "/{type}",
        "/Condition?identifier=zonnestraal-secret",
        "200 200 200 200  403 200 403 403 403 200  200  403 403 403",
    ),
    Row(
        "search by post",
        "POST",
        "/{type}/_search",
        "/Observation/_search",
        "200 200 200 200  403 200 403 403 403 200  200  200 403 403",
        body=_form,
        headers=_FORM,
    ),
    Row(
        "search of several types",
        "GET",
        "/",
        "?_type=Observation,Condition&patient={patient}",
        "200 200 200 200  403 200 403 403 403 200  200  200 403 403",
    ),
    Row(
        "search of several types by post",
        "POST",
        "/_search",
        "/_search",
        "200 200 200 200  403 200 403 403 403 200  200  200 403 403",
        body=_form_of_types,
        headers=_FORM,
    ),
    Row(
        "search of a whole compartment",
        "GET",
        "/{owner}/{id}/*",
        "/Patient/{patient}/*",
        "200 200 200 200  403 200 403 403 403 200  200  200 403 403",
    ),
    Row(
        "search of a whole compartment by post",
        "POST",
        "/{owner}/{id}/*/_search",
        "/Patient/{patient}/*/_search",
        "200 200 200 200  403 200 403 403 403 200  200  200 403 403",
        body=_form_of_types,
        headers=_FORM,
    ),
    Row(
        "search in a compartment",
        "GET",
        "/{owner}/{id}/{type}",
        "/Patient/{patient}/Condition?_total=accurate",
        "200 200 200 200  403 200 403 403 403 200  200  403 403 403",
    ),
    Row(
        "search in a compartment by post",
        "POST",
        "/{owner}/{id}/{type}/_search",
        "/Patient/{patient}/Observation/_search",
        "200 200 200 200  403 200 403 403 403 200  200  200 403 403",
        body=_form,
        headers=_FORM,
    ),
    Row(
        "$lastn",
        "GET",
        "/Observation/$lastn",
        "/Observation/$lastn?patient={patient}",
        "200 200 200 200  403 200 403 403 403 200  200  200 403 403",
    ),
    Row(
        "$everything",
        "GET",
        "/Patient/{id}/$everything",
        "/Patient/{patient}/$everything",
        "200 404 200 404  403 200 403 403 403 200  200  200 403 200",
    ),
    Row(
        "part of $everything",
        "GET",
        "/Patient/{id}/$everything",
        "/Patient/{patient}/$everything?_type=Condition,Observation&start=2000&_since=2000",
        "200 404 200 404  403 200 403 403 403 200  200  200 403 200",
    ),
    Row(
        "$everything of the one record",
        "GET",
        "/Patient/$everything",
        "/Patient/$everything",
        "200 200 200 200  403 200 403 403 403 200  400  200 403 200",
    ),
    Row(
        "export of everything",
        "GET",
        "/$export",
        "/$export",
        "403 403 403 403  403 403 403 403 403 403  202  403 403 403",
        headers=ASYNC,
    ),
    Row(
        "export of patients",
        "GET",
        "/Patient/$export",
        "/Patient/$export?_type=Observation",
        "403 403 403 403  403 202 403 403 403 202  202  403 403 403",
        headers=ASYNC,
    ),
    Row(
        "export of a group",
        "GET",
        "/Group/{id}/$export",
        "/Group/{practice}/$export",
        "403 403 403 403  404 202 404 404 404 404  404  403 403 404",
        headers=ASYNC,
    ),
    Row(
        "export of everything by POST",
        "POST",
        "/$export",
        "/$export",
        "403 403 403 403  403 403 403 403 403 403  202  403 403 403",
        body=_no_parameters,
        headers=ASYNC,
    ),
    Row(
        "export of one patient",
        "POST",
        "/Patient/$export",
        "/Patient/$export",
        "403 403 403 403  403 202 403 403 403 202  202  403 403 403",
        body=_about_patient,
        headers=ASYNC,
    ),
    Row(
        "export of one patient of a group",
        "POST",
        "/Group/{id}/$export",
        "/Group/{practice}/$export",
        "403 403 403 403  404 202 404 404 404 404  404  403 403 404",
        body=_about_patient,
        headers=ASYNC,
    ),
    Row(
        "export of somebody",
        "GET",
        "/$export/{id}",
        "/$export/somebody",
        "404 404 404 404  404 404 404 404 404 404  404  404 404 404",
    ),
    Row(
        "end of an export",
        "DELETE",
        "/$export/{id}",
        "/$export/somebody",
        "404 404 404 404  404 404 404 404 404 404  404  404 404 404",
    ),
    Row(
        "file of an export",
        "GET",
        "/$export/{id}/{name}",
        "/$export/somebody/0.ndjson",
        "404 404 404 404  404 404 404 404 404 404  404  404 404 404",
    ),
    Row(
        "$as-seen-by",
        "GET",
        "/Patient/{id}/$as-seen-by",
        "/Patient/{patient}/$as-seen-by?practice={practice}",
        "200 404 403 404  403 403 403 403 403 403  403  403 403 403",
    ),
    Row(
        "$as-seen-by by post",
        "POST",
        "/Patient/{id}/$as-seen-by",
        "/Patient/{patient}/$as-seen-by?practice={practice}",
        "200 404 403 404  403 403 403 403 403 403  403  403 403 403",
        body=_no_parameters,
    ),
    Row(
        "$request-access",
        "POST",
        "/Consent/$request-access",
        "/Consent/$request-access",
        "403 403 403 403  202 202 202 202 202 202  403  403 403 202",
        body=_request,
    ),
    Row(
        "$access-requests",
        "GET",
        "/Consent/$access-requests",
        "/Consent/$access-requests?request=urn:uuid:5a1ad000-0000-4000-8000-0000000000aa",
        "403 403 403 403  200 200 200 200 200 200  403  403 403 200",
    ),
    Row(
        "$summary",
        "GET",
        "/Patient/{id}/$summary",
        "/Patient/{patient}/$summary",
        "200 404 403 404  403 200 403 403 403 403  200  403 403 403",
        releases=(Release.R4,),
    ),
    Row(
        "$summary of the one record",
        "GET",
        "/Patient/$summary",
        "/Patient/$summary",
        "200 200 403 403  403 200 403 403 403 403  400  403 403 403",
        releases=(Release.R4,),
    ),
    Row(
        "$summary by post",
        "POST",
        "/Patient/{id}/$summary",
        "/Patient/{patient}/$summary",
        "200 404 403 404  403 200 403 403 403 403  200  403 403 403",
        body=_no_parameters,
        releases=(Release.R4,),
    ),
    Row(
        "$summary of the one record by post",
        "POST",
        "/Patient/$summary",
        "/Patient/$summary",
        "200 200 403 403  403 200 403 403 403 403  400  403 403 403",
        body=_no_parameters,
        releases=(Release.R4,),
    ),
    Row(
        "$delta",
        "GET",
        "/$delta",
        "/$delta?patient={patient}",
        "200 404 200 404  403 200 403 403 403 200  200  200 403 200",
    ),
    Row(
        "$delta of the one record",
        "GET",
        "/$delta",
        "/$delta",
        "200 200 200 200  403 200 403 403 403 200  400  200 403 200",
    ),
    Row(
        "$lastn by post",
        "POST",
        "/Observation/$lastn",
        "/Observation/$lastn",
        "200 200 200 200  403 200 403 403 403 200  200  200 403 403",
        body=_parameters,
    ),
    Row(
        "$everything by post",
        "POST",
        "/Patient/{id}/$everything",
        "/Patient/{patient}/$everything",
        "200 404 200 404  403 200 403 403 403 200  200  200 403 200",
        body=_no_parameters,
    ),
    Row(
        "$everything of the one record by post",
        "POST",
        "/Patient/$everything",
        "/Patient/$everything",
        "200 200 200 200  403 200 403 403 403 200  400  200 403 200",
        body=_no_parameters,
    ),
    Row(
        "$delta by post",
        "POST",
        "/$delta",
        "/$delta",
        "200 404 200 404  403 200 403 403 403 200  200  200 403 200",
        body=_parameters,
    ),
    Row(
        "$validate",
        "POST",
        "/{type}/$validate",
        "/Observation/$validate",
        "200 200 200 200  403 200 403 403 403 403  200  200 403 403",
        body=_weight_about,
    ),
    Row(
        "$validate of what stands",
        "GET",
        "/{type}/{id}/$validate",
        "{thing}/$validate",
        "200 404 200 404  403 200 403 403 403 404  200  200 403 404",
        "weight",
    ),
    Row(
        "$validate of a secret",
        "GET",
        "/{type}/{id}/$validate",
        "{thing}/$validate",
        "200 404 404 404  403 404 403 403 403 200  200  403 403 404",
        "secret",
    ),
    Row(
        "$validate of a change",
        "POST",
        "/{type}/{id}/$validate",
        "{thing}/$validate",
        "200 404 200 404  403 200 403 403 403 403  200  200 403 403",
        "weight",
        _weight_over("weight"),
    ),
    Row(
        "$meta",
        "GET",
        "/{type}/{id}/$meta",
        "{thing}/$meta",
        "200 404 200 404  403 200 403 403 403 404  200  200 403 404",
        "weight",
    ),
    Row(
        "$meta of a secret",
        "GET",
        "/{type}/{id}/$meta",
        "{thing}/$meta",
        "200 404 404 404  403 404 403 403 403 200  200  403 403 404",
        "secret",
    ),
    Row(
        "$meta of a type",
        "GET",
        "/{type}/$meta",
        "/Condition/$meta?patient={patient}",
        "200 404 200 404  403 200 403 403 403 200  200  403 403 403",
    ),
    Row(
        "$meta of everything",
        "GET",
        "/$meta",
        "/$meta?patient={patient}",
        "200 404 200 404  403 200 403 403 403 200  200  200 403 403",
    ),
    Row(
        "$meta by POST",
        "POST",
        "/{type}/{id}/$meta",
        "{thing}/$meta",
        "200 404 200 404  403 200 403 403 403 404  200  200 403 404",
        "weight",
    ),
    Row(
        "$meta of a type by POST",
        "POST",
        "/{type}/$meta",
        "/Condition/$meta?patient={patient}",
        "200 404 200 404  403 200 403 403 403 200  200  403 403 403",
    ),
    Row(
        "$meta of everything by POST",
        "POST",
        "/$meta",
        "/$meta?patient={patient}",
        "200 404 200 404  403 200 403 403 403 200  200  200 403 403",
    ),
    Row(
        "summary of a read",
        "GET",
        "/{type}/{id}",
        "{thing}?_summary=true",
        "200 404 404 404  403 404 403 403 403 200  200  403 403 404",
        "secret",
    ),
    Row(
        "$meta-add",
        "POST",
        "/{type}/{id}/$meta-add",
        "{thing}/$meta-add",
        "200 404 200 404  403 200 403 403 403 403  200  200 403 403",
        "weight",
        _labels,
    ),
    Row(
        "$meta-delete",
        "POST",
        "/{type}/{id}/$meta-delete",
        "{thing}/$meta-delete",
        "200 404 403 403  403 404 403 403 403 403  200  403 403 403",
        "secret",
        _labels,
    ),
    Row(
        "receipt",
        "GET",
        "/AuditEvent/{id}/$receipt",
        "/AuditEvent/{audit}/$receipt",
        "200 404 403 403  403 403 403 403 403 403  403  403 403 403",
    ),
    Row(
        "log of a party",
        "GET",
        "/AuditEvent",
        "/AuditEvent?agent-name=Praktijk",
        "200 200 403 403  403 403 403 403 403 403  403  403 403 403",
    ),
    Row(
        "log by post",
        "POST",
        "/AuditEvent/_search",
        "/AuditEvent/_search",
        "200 200 403 403  403 403 403 403 403 403  403  403 403 403",
        body=lambda *_: "agent-name=Praktijk",
        headers=_FORM,
    ),
    Row("log", "GET", "/AuditEvent", "/AuditEvent", "200 200 403 403  403 403 403 403 403 403  403  403 403 403"),
    Row(
        "log entry",
        "GET",
        "/AuditEvent/{id}",
        "/AuditEvent/{audit}",
        "200 404 403 403  403 403 403 403 403 403  403  403 403 403",
    ),
    Row(
        "create",
        "POST",
        "/{type}",
        "/Observation",
        "201 422 201 422  403 201 403 403 403 403  201  403 403 403",
        body=_weight_about,
    ),
    Row(
        "update",
        "PUT",
        "/{type}/{id}",
        "{thing}",
        "200 405 200 405  403 200 403 403 403 403  200  403 403 403",
        "weight",
        _weight_over("weight"),
    ),
    Row(
        "update with If-Match",
        "PUT",
        "/{type}/{id}",
        "{thing}",
        "200 412 200 412  403 200 403 403 403 403  200  403 403 403",
        "weight",
        _weight_over("weight"),
        (("If-Match", 'W/"1"'),),
    ),
    Row(
        "conditional update",
        "PUT",
        "/{type}",
        "/Observation?identifier=zonnestraal-weight",
        "200 422 200 422  403 200 403 403 403 403  200  403 403 403",
        body=_named_weight,
    ),
    Row(
        "JSON patch",
        "PATCH",
        "/{type}/{id}",
        "{thing}",
        "200 404 200 404  403 200 403 403 403 403  200  200 403 403",
        "weight",
        _merge,
        (("Content-Type", "application/merge-patch+json"),),
    ),
    Row(
        "patch of a secret",
        "PATCH",
        "/{type}/{id}",
        "{thing}",
        "200 404 403 403  403 404 403 403 403 403  200  403 403 403",
        "secret",
        _merge,
        (("Content-Type", "application/merge-patch+json"),),
    ),
    Row(
        "conditional patch",
        "PATCH",
        "/{type}",
        "/Observation?identifier=zonnestraal-weight",
        "200 404 200 404  403 200 403 403 403 403  200  200 403 403",
        body=_fhirpath_patch,
    ),
    Row(
        "conditional delete",
        "DELETE",
        "/{type}",
        "/Observation?identifier=zonnestraal-weight",
        "204 404 204 404  403 403 403 403 403 403  204  204 403 403",
    ),
    Row(
        "conditional delete of a secret",
        "DELETE",
        "/{type}",
        "/Condition?identifier=zonnestraal-secret",
        "204 404 403 403  403 403 403 403 403 403  204  403 403 403",
    ),
    Row(
        "delete",
        "DELETE",
        "/{type}/{id}",
        "{thing}",
        "204 404 204 404  403 403 403 403 403 403  204  204 403 403",
        "weight",
    ),
    Row(
        "transaction",
        "POST",
        "/",
        "/",
        "200 422 200 422  403 200 403 403 403 403  200  403 403 403",
        body=_transaction,
    ),
    Row(
        "HEAD of a search",
        "HEAD",
        "/{type}",
        "/Observation?patient={patient}",
        "200 200 200 200  403 200 403 403 403 200  200  200 403 403",
    ),
    Row(
        "search with revinclude",
        "GET",
        "/{type}",
        "/Patient?_id={patient}&_revinclude=Condition:subject&_revinclude=Observation:subject",
        "200 200 403 403  403 200 403 403 403 200  200  403 403 403",
    ),
    Row(
        "search with a chain",
        "GET",
        "/{type}",
        "/Observation?subject:Patient.identifier=zonnestraal-patient",
        "200 200 200 200  403 200 403 403 403 200  200  200 403 403",
    ),
    Row(
        "search with a chain to a secret",
        "GET",
        "/{type}",
        "/Observation?{encounter}:Encounter.identifier=zonnestraal-hidden-encounter&_total=accurate",
        "200 200 200 200  403 200 403 403 403 200  200  200 403 403",
    ),
    Row(
        "search with a reverse chain to a secret",
        "GET",
        "/{type}",
        "/Patient?_has:Condition:patient:identifier=zonnestraal-secret&_total=accurate",
        "200 200 403 403  403 200 403 403 403 200  200  403 403 403",
    ),
    Row(
        "search with a filter",
        "GET",
        "/{type}",
        "/Condition?_filter=identifier eq zonnestraal-secret or code eq 38341003",
        "200 200 200 200  403 200 403 403 403 200  200  403 403 403",
    ),
    Row(
        "search of a current list",
        "GET",
        "/{type}",
        "/Condition?patient={patient}&_list=$current-problems",
        "200 200 200 200  403 200 403 403 403 200  200  403 403 403",
    ),
    Row(
        "search in an order",
        "GET",
        "/{type}",
        "/Condition?patient={patient}&_sort=-_lastUpdated&_elements=identifier,meta",
        "200 200 200 200  403 200 403 403 403 200  200  403 403 403",
    ),
    Row(
        "search of a hidden label",
        "GET",
        "/{type}",
        "/Condition?_security=R&_summary=count",
        "200 200 200 200  403 200 403 403 403 200  200  403 403 403",
    ),
    Row(
        "search by what is missing",
        "GET",
        "/{type}",
        "/Condition?patient={patient}&_security:missing=false&_summary=count",
        "200 200 200 200  403 200 403 403 403 200  200  403 403 403",
    ),
    Row(
        "conditional create",
        "POST",
        "/{type}",
        "/Observation",
        "200 422 200 422  403 200 403 403 403 403  200  200 403 403",
        body=_named_weight,
        headers=(("If-None-Exist", "identifier=zonnestraal-weight"), _MINIMAL),
    ),
    Row(
        "conditional create of a secret",
        "POST",
        "/{type}",
        "/Condition",
        "200 422 403 403  403 201 403 403 403 403  200  403 403 403",
        body=_named_secret,
        headers=(("If-None-Exist", "identifier=zonnestraal-secret"), _MINIMAL),
    ),
    Row(
        "conditional update of a secret",
        "PUT",
        "/{type}",
        "/Condition?identifier=zonnestraal-secret",
        "200 422 403 403  403 201 403 403 403 403  200  403 403 403",
        body=_named_secret,
        headers=(_MINIMAL,),
    ),
    Row(
        "update of a secret",
        "PUT",
        "/{type}/{id}",
        "{thing}",
        "200 405 403 403  403 405 403 403 403 403  200  403 403 403",
        "secret",
        _over_the_secret,
    ),
    Row(
        "delete of a secret",
        "DELETE",
        "/{type}/{id}",
        "{thing}",
        "204 404 403 403  403 403 403 403 403 403  204  403 403 403",
        "secret",
    ),
    Row(
        "$validate of a delete",
        "GET",
        "/{type}/{id}/$validate",
        "{thing}/$validate?mode=delete",
        "200 404 403 403  403 403 403 403 403 403  200  403 403 403",
        "secret",
    ),
    Row(
        "batch with a read of a secret",
        "POST",
        "/",
        "/",
        "200 200 200 200  200 200 200 200 200 200  200  200 200 200",
        body=_batch_with("secret"),
    ),
    Row(
        "transaction with mixed rights",
        "POST",
        "/",
        "/",
        "200 422 403 422  403 403 403 403 403 403  200  403 403 403",
        body=_mixed,
    ),
    Row(
        "transaction with a conditional reference",
        "POST",
        "/",
        "/",
        "200 412 403 403  403 412 403 403 403 403  200  403 403 403",
        body=_conditional_reference,
    ),
    Row(
        "$expand of a ValueSet",
        "GET",
        "/ValueSet/$expand",
        "/ValueSet/$expand?url=http://hl7.org/fhir/ValueSet/administrative-gender",
        "200 200 200 200  200 200 200 200 200 200  200  200 200 200",
    ),
    Row(
        "$expand of a ValueSet by POST",
        "POST",
        "/ValueSet/$expand",
        "/ValueSet/$expand?url=http://hl7.org/fhir/ValueSet/administrative-gender",
        "200 200 200 200  200 200 200 200 200 200  200  200 200 200",
    ),
    Row(
        "$validate-code of a ValueSet",
        "GET",
        "/ValueSet/$validate-code",
        "/ValueSet/$validate-code?url=http://hl7.org/fhir/ValueSet/administrative-gender"
        "&system=http://hl7.org/fhir/administrative-gender"
        "&code=male",
        "200 200 200 200  200 200 200 200 200 200  200  200 200 200",
    ),
    Row(
        "$validate-code of a ValueSet by POST",
        "POST",
        "/ValueSet/$validate-code",
        "/ValueSet/$validate-code?url=http://hl7.org/fhir/ValueSet/administrative-gender"
        "&system=http://hl7.org/fhir/administrative-gender"
        "&code=male",
        "200 200 200 200  200 200 200 200 200 200  200  200 200 200",
    ),
    Row(
        "$validate-code of a CodeSystem",
        "GET",
        "/CodeSystem/$validate-code",
        "/CodeSystem/$validate-code?url=http://hl7.org/fhir/administrative-gender&code=male",
        "200 200 200 200  200 200 200 200 200 200  200  200 200 200",
    ),
    Row(
        "$validate-code of a CodeSystem by POST",
        "POST",
        "/CodeSystem/$validate-code",
        "/CodeSystem/$validate-code?url=http://hl7.org/fhir/administrative-gender&code=male",
        "200 200 200 200  200 200 200 200 200 200  200  200 200 200",
    ),
    Row(
        "$lookup of a CodeSystem",
        "GET",
        "/CodeSystem/$lookup",
        "/CodeSystem/$lookup?system=http://hl7.org/fhir/administrative-gender&code=male",
        "200 200 200 200  200 200 200 200 200 200  200  200 200 200",
    ),
    Row(
        "$lookup of a CodeSystem by POST",
        "POST",
        "/CodeSystem/$lookup",
        "/CodeSystem/$lookup?system=http://hl7.org/fhir/administrative-gender&code=male",
        "200 200 200 200  200 200 200 200 200 200  200  200 200 200",
    ),
    Row(
        "$subsumes of a CodeSystem",
        "GET",
        "/CodeSystem/$subsumes",
        "/CodeSystem/$subsumes?system=http://hl7.org/fhir/administrative-gender&codeA=male&codeB=female",
        "200 200 200 200  200 200 200 200 200 200  200  200 200 200",
    ),
    Row(
        "$subsumes of a CodeSystem by POST",
        "POST",
        "/CodeSystem/$subsumes",
        "/CodeSystem/$subsumes?system=http://hl7.org/fhir/administrative-gender&codeA=male&codeB=female",
        "200 200 200 200  200 200 200 200 200 200  200  200 200 200",
    ),
    Row(
        "batch with a search",
        "POST",
        "/",
        "/",
        "200 200 200 200  200 200 200 200 200 200  200  200 200 200",
        body=_batch,
    ),
)
