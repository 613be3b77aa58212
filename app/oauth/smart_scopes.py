"""Scopes on their way through an authorization: asked, allowed to the client, chosen by the person; pure.

What a scope means for access is ``access/smart_scope.py``.

Spec: https://hl7.org/fhir/smart-app-launch/STU2.2/scopes-and-launch-context.html
"""

from app.access.categories import Category
from app.access.smart_scope import ALL_ACTIONS, CHANGE, LOOK, Action, narrowed, parse_scope
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


def reduced(scope: str, categories: Category, actions: Action) -> str:
    """Return what is left of ``scope`` when the person allows these categories and actions only."""
    kept = []
    for part in scope.split():
        smart = parse_scope(part)
        if smart is None:
            kept.append(part)
            continue
        left = smart.actions & actions
        if not left or not possible(smart.resource_type) & categories:
            continue
        kept.append(part if left == smart.actions else _written(part, left))
    return " ".join(kept)


def _fits(part: str, contexts: frozenset[str]) -> bool:
    smart = parse_scope(part)
    return part in LAUNCH if smart is None else smart.context in contexts


def _written(part: str, actions: Action) -> str:
    """Return the scope with fewer actions, in version 1 where it was in version 1 and that has a word for them."""
    named, mark, query = part.partition("?")
    prefix, _, written = named.rpartition(".")
    words = {LOOK: "read", CHANGE: "write", ALL_ACTIONS: "*"}
    if written in words.values() and actions in words:
        return f"{prefix}.{words[actions]}"
    return f"{prefix}.{''.join(letter for action, letter in _LETTERS.items() if action in actions)}{mark}{query}"
