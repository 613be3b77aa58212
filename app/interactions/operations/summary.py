"""``Patient/$summary``: the International Patient Summary of one person, from what the requester may see of the record.

It is made anew each time and not kept. What the requester may not see looks the same in it as what is not known.

Spec: https://hl7.org/fhir/uv/ips/STU1.1/OperationDefinition-summary.html
"""

from collections.abc import Hashable, Sequence

from app.access.policy import DIRECTORY_TYPES, Wish
from app.access.requester import Requester
from app.access.scope import DIRECTORY, AccessScope, RecordAccess
from app.access.smart_scope import Action
from app.audit.events import Trace
from app.errors import AccessDeniedError, BadRequestError, NotFoundError
from app.fhir.elements import Tree, codes, listed
from app.fhir.release import Release
from app.fhir.search.parse import parse_query
from app.fhir.summary.document import SUPPORTING, Source, chosen, document, referred_to
from app.fhir.summary.sections import TYPES, finding_of, last_of_each_kind
from app.fhir.translate.translation import is_translated, translate
from app.interactions.beside import beside
from app.interactions.context import Context
from app.interactions.gate import Deed, Touched
from app.interactions.operations.everything import EVERYTHING_MAX, person
from app.interactions.search import narrow
from app.store.everything import read_everything
from app.store.resources import Stored, read_current
from app.store.search.run import Run

_STEPS_MAX = 3
_TOLD_BY_CODE = frozenset({"Condition", "AllergyIntolerance"})
"""Types of which two with the same code, place in the body and first day tell of the same thing."""


async def summary(
    context: Context, requester: Requester, trace: Trace, patient_id: str | None, identifier: str | None = None
) -> Tree:
    """Return the document. The person is named by id, by ``identifier`` (``system|value``), or is the only one there can be.

    Raises: NotFoundError, BadRequestError (nobody named, or no single one), AccessDeniedError (the Patient itself may not
    be seen: a summary without a name could be anybody's).
    """

    async def action(scope: AccessScope) -> tuple[Tree, Sequence[Touched]]:
        named = patient_id
        if identifier is not None:
            named = await _with_identifier(context, requester, scope, identifier)
        access = await _person(context, scope, named)
        made, count = await document_of(context, scope, access)
        return made, (Touched(access.record_id, access.reason, count),)

    deed = Deed("operation-summary", Release.R4, "Patient", patient_id or "")
    return await context.gate.look(requester, trace, Wish(Action.READ), deed, action)


async def _person(context: Context, scope: AccessScope, patient_id: str | None) -> RecordAccess:
    """Return the access to the record of one person, whose Patient may be of either release."""
    try:
        return await person(context, scope, Release.R4, patient_id)
    except NotFoundError:
        return await person(context, scope, Release.STU3, patient_id)


async def _with_identifier(context: Context, requester: Requester, scope: AccessScope, identifier: str) -> str:
    parsed = parse_query(
        Release.R4, "Patient", [("identifier", identifier)], time_zone=context.time_zone, lenient=False,
        page_size_default=2, page_size_max=2, base_urls=(context.fhir_base(Release.R4),), now=context.clock(),
    )  # fmt: skip
    narrowed = await narrow(context, requester, Release.R4, scope, parsed)
    run = Run(context.index_key, Release.R4, parsed, repeats=False)
    found = await run.page(context.database.reader, AccessScope(narrowed.personal), None, 2)
    if not found:
        message = "No patient with this identifier is known."
        raise NotFoundError(message)
    if len(found) > 1:
        message = "More than one patient has this identifier: name one as Patient/[id]/$summary."
        raise BadRequestError(message)
    return found[0].id


async def document_of(context: Context, scope: AccessScope, access: RecordAccess) -> tuple[Tree, int]:
    """Return the document about one record, and how many resources of the record it has. Raises: AccessDeniedError, as above."""
    versions = await _versions(context, access)
    sources, aliases = await beside(lambda: _once(context, versions))
    patient = next((one for one in sources.values() if one.tree["resourceType"] == "Patient"), None)
    if patient is None:
        message = "A summary needs the person's own details, which are not there for you."
        raise AccessDeniedError(message, about=(access.record_id,))
    sections = chosen(sources.values(), context.clock())
    from_directory = await _from_directory(context, scope, [one for every in sections.values() for one in every])
    made = document(patient, sections, {**from_directory, **sources}, aliases, context.clock())
    return made, sum(entry["fullUrl"] in sources for entry in made["entry"])


async def _versions(context: Context, access: RecordAccess) -> list[Stored]:
    """Return what the record has now, in R4 first: of what it has twice that is shown."""
    return [
        version
        for release in (Release.R4, Release.STU3)
        async for version in read_everything(context.database.reader, access, release, after=0, limit=EVERYTHING_MAX)
        if version.resource_type in TYPES | SUPPORTING
    ]


def _once(context: Context, versions: Sequence[Stored]) -> tuple[dict[str, Source], dict[str, str]]:
    """Return the resources in R4, each once, by URL; and the URLs of those left out with that of the one that is shown.

    Two are the same if they are Patients of the one record, share a business identifier, or tell of the same problem. Of
    observations only the newest of each kind are there: a record has thousands of those.
    """
    # Of a tree of each of thousands of observations no more is kept than when and what it found.
    observed = ((finding_of(version.tree()), version.seq) for version in versions if _is_observation(version))
    newest = frozenset(last_of_each_kind(observed))
    sources: dict[str, Source] = {}
    aliases: dict[str, str] = {}
    known: dict[Hashable, str] = {}
    for version in versions:
        if _is_observation(version) and version.seq not in newest:
            continue
        source = _source(context, version, version.tree())
        if source is None:
            continue
        keys = _keys(source.tree)
        if shown := next((known[key] for key in keys if key in known), None):
            aliases[source.url] = shown
            continue
        sources[source.url] = source
        known |= dict.fromkeys(keys, source.url)
    return sources, aliases


def _is_observation(version: Stored) -> bool:
    return version.resource_type == "Observation"


def _source(context: Context, version: Stored, tree: Tree) -> Source | None:
    """Return a version in R4; None if it is of a type that is not translated."""
    url = f"{context.fhir_base(version.release)}/{version.reference}"
    if version.release is Release.R4:
        return Source(url, tree)
    if not is_translated(version.resource_type):
        return None
    return Source(url, translate(tree, version.release, Release.R4).tree)


def _keys(tree: Tree) -> list[Hashable]:
    kind = tree["resourceType"]
    if kind == "Patient":
        return [kind]
    identifiers = listed(tree.get("identifier"))
    keys: list[Hashable] = [(kind, one.get("system", ""), one["value"]) for one in identifiers if one.get("value")]
    if kind in _TOLD_BY_CODE and (coded := codes(tree.get("code"))):
        begun, part = tree.get("onsetDateTime", "")[:10], listed(tree.get("bodySite"))
        keys.append((kind, coded, begun, frozenset().union(*map(codes, part))))
    return keys


async def _from_directory(context: Context, scope: AccessScope, shown: Sequence[Source]) -> dict[str, Source]:
    """Return what the shown resources refer to in the shared directory, and what that refers to, by URL."""
    access = scope.of(DIRECTORY)
    found: dict[str, Source] = {}
    last: list[Source] = list(shown) if access is not None else []
    for _ in range(_STEPS_MAX):
        urls = sorted(set(referred_to(last)) - found.keys())
        last = []
        for url in urls:
            read = await _directory_entry(context, access, url) if access is not None else None
            if read is not None:
                found[url] = read
                last.append(read)
    return found


async def _directory_entry(context: Context, access: RecordAccess, url: str) -> Source | None:
    for release in Release:
        local = context.local(release, url)
        if local is not None and local.resource_type in DIRECTORY_TYPES:
            version = await read_current(context.database.reader, access, release, local.resource_type, local.id)
            return _source(context, version, version.tree()) if version is not None and not version.deleted else None
    return None
