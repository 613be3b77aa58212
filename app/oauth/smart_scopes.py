"""Scopes on their way through an authorization: asked, allowed to the client, chosen by the person; pure.

What a scope means for access is ``access/smart_scope.py``.

Spec: https://hl7.org/fhir/smart-app-launch/STU2.2/scopes-and-launch-context.html
"""

from collections.abc import Container

from app.access.categories import Category
from app.access.smart_scope import ALL_ACTIONS, CHANGE, LOOK, Action, Narrowed, SmartScope, narrowed, parse_scope
from app.consent.categorize import possible

OFFLINE = "offline_access"
ONLINE = "online_access"
LAUNCH = frozenset({"launch", "launch/patient", "openid", "fhirUser", OFFLINE, ONLINE})
"""The scopes without a resource type that Regie does something for."""

PERSON_CONTEXTS = frozenset({"patient", "user"})
SYSTEM_CONTEXTS = frozenset({"system"})
_LETTERS = dict(zip(Action, "cruds", strict=True))


def granted(asked: str | None, allowed: str, contexts: frozenset[str]) -> str:
    """Return the part of ``asked`` that the client is ``allowed`` to have in these contexts; empty when nothing is left.

    A client that asks for nothing in particular gets all that it may have (RFC 6749 section 3.3).
    """
    parts = (asked or allowed).split()
    fitting = [part for part in parts if _fits(part, contexts)]
    return " ".join(dict.fromkeys(narrowed(fitting, allowed.split())))


def opens_anything(scope: str) -> bool:
    """Return whether a scope string names any resource."""
    return any(parse_scope(part) is not None for part in scope.split())


def is_online(scope: str) -> bool:
    """Return whether what is given for a scope string ends with the person's login (``online_access``)."""
    parts = scope.split()
    return ONLINE in parts and OFFLINE not in parts


def stays(scope: str) -> bool:
    """Return whether a scope string asks for refresh tokens."""
    return not {OFFLINE, ONLINE}.isdisjoint(scope.split())


def categories_of(scope: str) -> Category:
    """Return the categories that a scope string can touch, without ``SENSITIVE``."""
    mask = Category(0)
    for part in scope.split():
        smart = parse_scope(part)
        if smart is not None:
            mask |= possible(smart.resource_type)
    return mask


def actions_of(scope: str) -> Action:
    """Return all actions that a scope string names."""
    mask = Action(0)
    for part in scope.split():
        smart = parse_scope(part)
        if smart is not None:
            mask |= smart.actions
    return mask


def kinds_of(scope: str) -> dict[Narrowed, Action]:
    """Return the kinds of resources that only scopes with tokens open, in the order asked, each with its actions."""
    scopes = [smart for smart in map(parse_scope, scope.split()) if smart is not None]
    kinds: dict[Narrowed, Action] = {}
    for smart in scopes:
        kind = _kind(smart)
        if kind is not None and not any(_opens_whole(over, smart) for over in scopes):
            kinds[kind] = kinds.get(kind, Action(0)) | smart.actions
    return kinds


def reduced(scope: str, categories: Category, actions: Action, kinds: Container[Narrowed]) -> str:
    """Return what is left of ``scope`` when the person allows these categories, actions and kinds (``kinds_of``) only."""
    offered = kinds_of(scope)
    kept = []
    for part in scope.split():
        smart = parse_scope(part)
        if smart is None:
            kept.append(part)
            continue
        kind = _kind(smart)
        if kind in offered and kind not in kinds:
            continue
        left = smart.actions & actions
        if not left or not possible(smart.resource_type) & categories:
            continue
        kept.append(part if left == smart.actions else _written(part, left))
    return " ".join(kept)


def _fits(part: str, contexts: frozenset[str]) -> bool:
    smart = parse_scope(part)
    return part in LAUNCH if smart is None else smart.context in contexts


def _kind(smart: SmartScope) -> Narrowed | None:
    return Narrowed(smart.resource_type, smart.tokens) if smart.tokens and smart.resource_type is not None else None


def _opens_whole(over: SmartScope, smart: SmartScope) -> bool:
    return not over.tokens and over.resource_type in (None, smart.resource_type) and smart.actions in over.actions


def _written(part: str, actions: Action) -> str:
    """Return the scope with fewer actions, in version 1 where it was in version 1 and that has a word for them."""
    named, mark, query = part.partition("?")
    prefix, _, written = named.rpartition(".")
    words = {LOOK: "read", CHANGE: "write", ALL_ACTIONS: "*"}
    if written in words.values() and actions in words:
        return f"{prefix}.{words[actions]}"
    return f"{prefix}.{''.join(letter for action, letter in _LETTERS.items() if action in actions)}{mark}{query}"
