"""``$validate``: would this resource be accepted, and does it keep its profiles; nothing is changed.

The structure is checked first, then the rules of FHIR and the profiles: those that the resource claims and that are asked for, as
far as their packages are loaded. What only a write can tell (whether all that it refers to is in the record) is left to the write.

Spec: https://hl7.org/fhir/R4/resource-operation-validate.html, https://hl7.org/fhir/STU3/resource-operations.html#validate
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from app.access.policy import Wish
from app.access.requester import Requester
from app.access.scope import AccessScope
from app.access.smart_scope import Action
from app.audit.events import Trace
from app.errors import BadRequestError, InvalidResourceError, MalformedError
from app.fhir.issues import Issue
from app.fhir.release import Release
from app.fhir.tree import encode_tree
from app.fhir.validation.invariants import broken_rules
from app.fhir.validation.structure import Parsed, decode, parse
from app.interactions.beside import beside_if_large
from app.interactions.context import Context, find
from app.interactions.gate import Deed, Touched
from app.interactions.terminology_server import asked_first
from app.store.changes import patients_of

_ACTIONS = {"create": Action.CREATE, "update": Action.UPDATE, "delete": Action.DELETE, "profile": Action.READ}
ALL_OK = Issue("information", "informational", "No issues were found.")


@dataclass(frozen=True, slots=True)
class Question:
    """What is to be validated: ``body`` None is the resource as it stands; ``mode`` is that of the specification, or None."""

    body: bytes | None
    location: str
    mode: str | None
    profiles: tuple[str, ...]


def read_question(body: bytes | None, pairs: Sequence[tuple[str, str]]) -> Question:
    """Return what a body and the query's parameters ask: the body is the resource, or Parameters that hold it.

    Raises: MalformedError, BadRequestError.
    """
    asked = [(name, value) for name, value in pairs if name in ("mode", "profile")]
    resource, location = body, ""
    tree = decode(body) if body is not None else {}
    if tree.get("resourceType") == "Parameters":
        resource, parameters = None, tree.get("parameter")
        for number, parameter in enumerate(parameters if isinstance(parameters, list) else ()):
            if not isinstance(parameter, dict):
                continue
            name = parameter.get("name")
            if name == "resource" and isinstance(parameter.get("resource"), dict):
                resource, location = encode_tree(parameter["resource"]), f"Parameters.parameter[{number}].resource"
            elif name in ("mode", "profile"):
                asked += [(str(name), str(value)) for key, value in parameter.items() if key.startswith("value")]
    modes = [value for name, value in asked if name == "mode"]
    if len(modes) > 1 or not set(modes) <= _ACTIONS.keys():
        message = f"mode takes one of {', '.join(_ACTIONS)}."
        raise BadRequestError(message)
    profiles = tuple(value for name, value in asked if name == "profile")
    return Question(resource, location, modes[0] if modes else None, profiles)


async def validate(
    context: Context,
    requester: Requester,
    trace: Trace,
    release: Release,
    resource_type: str,
    resource_id: str | None,
    question: Question,
) -> tuple[Issue, ...]:
    """Return what is wrong, at least one issue: ``ALL_OK`` if nothing is.

    The requester has to be allowed to do what the mode names; without one to create, or to update what has an id.
    Raises: NotFoundError, GoneError, AccessDeniedError, MalformedError, BadRequestError.
    """
    if question.body is None and (resource_id is None or question.mode in ("create", "update")):
        message = "This needs the resource: as the body, or as the parameter resource."
        raise BadRequestError(message)
    by_default = Action.READ if question.body is None else Action.CREATE if resource_id is None else Action.UPDATE
    action = by_default if question.mode is None else _ACTIONS[question.mode]

    async def act(scope: AccessScope) -> tuple[tuple[Issue, ...], Sequence[Touched]]:
        issues: list[Issue] = []
        touched: tuple[Touched, ...] = ()
        body = question.body
        if resource_id is not None:
            found, access = await find(context.database.reader, scope, release, resource_type, resource_id)
            touched = (Touched(found.record_id, access.reason, 1),)
            if question.mode == "delete":
                if (await patients_of(context.database.reader, found.record_id)).get(release) == resource_id:
                    message = "The Patient that a record is about can't be deleted."
                    issues.append(Issue("error", "business-rule", message, resource_type))
                body = None
            elif body is None:
                body = found.body
        if body is not None:
            location = question.location or resource_type
            parsed, faults = await _parsed(context, release, resource_type, body, location)
            issues += faults
            if parsed is not None:
                if action is Action.UPDATE and parsed.id != resource_id:
                    message = "The id in the resource and the id in the URL have to be the same."
                    issues.append(Issue("error", "invalid", message, f"{location}.id"))
                issues += broken_rules(release, parsed, location)
                issues += await _held_against_profiles(context, release, parsed.tree, location, question.profiles)
        return tuple(issues) or (ALL_OK,), touched

    deed = Deed("operation-validate", release, resource_type, resource_id or "")
    return await context.gate.look(requester, trace, Wish(action, resource_type), deed, act)


async def _parsed(
    context: Context, release: Release, resource_type: str, body: bytes, location: str
) -> tuple[Parsed | None, Sequence[Issue]]:
    """Return the resource, or what is wrong with its structure. Raises: MalformedError, for what is no such resource."""

    def read() -> Parsed:
        depth = context.limits.body_depth_max
        return parse(release, body, expected_type=resource_type, location=location, maximum_depth=depth)

    try:
        return await beside_if_large(len(body), read), ()
    except MalformedError:
        raise
    except InvalidResourceError as error:
        return None, [Issue(one.severity, one.code, one.diagnostics, one.expression) for one in error.issues]


async def _held_against_profiles(
    context: Context, release: Release, tree: dict[str, Any], location: str, asked: tuple[str, ...]
) -> list[Issue]:
    """Return what breaks the profiles that the resource claims, those of its type, and those that are asked for."""
    if release not in context.conformance.profiles:
        message = "This profile is not loaded here, so it was not looked at."
        return [Issue("warning", "not-supported", message, location) for _ in asked]
    check = partial(context.conformance.issues, release, tree, asked)
    found, is_answered = await asked_first(context.terminology_server, check)
    length = len(tree["resourceType"])
    placed = [replace(one, expression=location + (one.expression or "")[length:]) for one in found]
    if not is_answered:
        message = "The terminology server did not tell of all codes, so that these were not looked at."
        placed.append(Issue("warning", "transient", message, location))
    return placed
