"""SMART scopes: what a token says. ``policy`` turns them into an ``AccessScope``.

A scope may name tokens that a resource has to have, ``patient/Observation.rs?category=system|code``: each ``system|code``
of a search parameter whose index answers it exactly. Scopes of one type add up.

Spec: https://hl7.org/fhir/smart-app-launch/STU2.2/scopes-and-launch-context.html
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntFlag
from functools import cache, lru_cache
from urllib.parse import parse_qsl

from app.fhir.release import Release
from app.fhir.search.definitions import core_definitions


class Action(IntFlag):
    """What is done with a resource; the letters are those of SMART v2 (``cruds``)."""

    CREATE = 1
    READ = 2
    UPDATE = 4
    DELETE = 8
    SEARCH = 16


LOOK = Action.READ | Action.SEARCH
CHANGE = Action.CREATE | Action.UPDATE | Action.DELETE
ALL_ACTIONS = LOOK | CHANGE
_V1 = {"read": LOOK, "write": CHANGE, "*": ALL_ACTIONS}
_V2 = dict(zip("cruds", Action, strict=True))
_RESOURCE_SCOPE = re.compile(r"(patient|user|system)/(\*|[A-Z][A-Za-z]+)\.(read|write|\*|c?r?u?d?s?)(?:\?(.+))?")
LAUNCH_SCOPES = frozenset({"launch", "launch/patient", "offline_access", "online_access", "openid", "fhirUser"})


TOKENS_MAX = 5
"""Tokens in one scope."""

KEPT_LENGTH_MAX = 2000
"""Characters of a text that is remembered with what it says: a caller may send any number of longer ones."""

_MADE_UP = frozenset({"AuditEvent", "Consent"})
"""Types that are also shown of what is no stored resource, and has no tokens in the index."""

Token = tuple[str, str, str]
"""A search parameter, a system and a code."""


@dataclass(frozen=True, slots=True)
class SmartScope:
    """One ``context/Type.actions?tokens``; ``resource_type`` None stands for ``*``, and ``tokens`` all have to be there."""

    context: str
    resource_type: str | None
    actions: Action
    tokens: frozenset[Token] = frozenset()


@dataclass(frozen=True, slots=True)
class Narrowed:
    """Resources of one type that have all of these tokens."""

    resource_type: str
    tokens: frozenset[Token]


def parse_scope(text: str) -> SmartScope | None:
    """Return the resource scope that ``text`` is, or None if it is none (``openid``, or nonsense)."""
    return _kept(text) if len(text) <= KEPT_LENGTH_MAX else _parsed(text)


def _parsed(text: str) -> SmartScope | None:
    found = _RESOURCE_SCOPE.fullmatch(text)
    if found is None or not found[3]:
        return None
    actions = _V1.get(found[3])
    tokens = frozenset() if found[4] is None else _tokens(found[2], found[4])
    if tokens is None or (found[4] is not None and actions is not None):
        return None
    if actions is None:
        actions = Action(0)
        for letter in found[3]:
            actions |= _V2[letter]
    return SmartScope(found[1], None if found[2] == "*" else found[2], actions, tokens)


_kept = lru_cache(maxsize=4096)(_parsed)


def _tokens(resource_type: str, query: str) -> frozenset[Token] | None:
    """Return what a scope asks of resources, None if it can't be held to that exactly."""
    found = []
    for name, value in parse_qsl(query, keep_blank_values=True):
        system, _, code = value.partition("|")
        plain = system and code and not any(mark in value for mark in "\\,$") and "|" not in code
        if not plain or name not in _exact_parameters(resource_type):
            return None
        found.append((name, system, code))
    return frozenset(found) if 0 < len(found) <= TOKENS_MAX else None


@cache
def _exact_parameters(resource_type: str) -> frozenset[str]:
    """Return the search parameters whose tokens, with their systems, stand in the index as they are."""
    if resource_type in _MADE_UP:
        return frozenset()
    known = [core_definitions(release).supported(resource_type).values() for release in Release]
    return frozenset(
        one.name
        for parameters in known
        for one in parameters
        if one.kind == "token" and one.has_system and one.stored_in == (one,) and not one.is_column
    )


def is_known_scope(text: str) -> bool:
    """Return whether a client may ask for this scope at all."""
    return text in LAUNCH_SCOPES or parse_scope(text) is not None


@dataclass(frozen=True, slots=True)
class SmartScopes:
    """The resource scopes of one token."""

    scopes: frozenset[SmartScope]

    @staticmethod
    def of(text: str) -> "SmartScopes":
        """Return the resource scopes in a space-separated ``scope`` string."""
        return _kept_scopes(text) if len(text) <= KEPT_LENGTH_MAX else _scopes(text)

    def types_for(self, action: Action) -> frozenset[str] | None:
        """Return the resource types on which all of ``action`` is allowed; None means every type."""
        whole, everywhere = self._whole()
        if action in everywhere:
            return None
        opened = {name for name, actions in whole.items() if action in actions | everywhere}
        return frozenset(opened.union(one.resource_type for one in self.narrowed_for(action)))

    def narrowed_for(self, action: Action) -> tuple[Narrowed, ...]:
        """Return what is open of the types that are not open as a whole, though ``types_for`` has them: any of it."""
        if not any(scope.tokens for scope in self.scopes):
            return ()
        whole, everywhere = self._whole()
        found = set()
        for scope in self.scopes:
            name = scope.resource_type
            if name is not None and scope.tokens:
                besides = whole.get(name, Action(0)) | everywhere
                if action not in besides and action in scope.actions | besides:
                    found.add(Narrowed(name, scope.tokens))
        return tuple(sorted(found, key=lambda one: (one.resource_type, sorted(one.tokens))))

    def _whole(self) -> tuple[dict[str, Action], Action]:
        """Return what is allowed on types as a whole: by name, and on every type."""
        named: dict[str, Action] = {}
        everywhere = Action(0)
        for scope in self.scopes:
            if scope.tokens:
                continue
            if scope.resource_type is None:
                everywhere |= scope.actions
            else:
                named[scope.resource_type] = named.get(scope.resource_type, Action(0)) | scope.actions
        return named, everywhere


def _scopes(text: str) -> SmartScopes:
    parsed = (parse_scope(part) for part in text.split())
    return SmartScopes(frozenset(scope for scope in parsed if scope is not None))


_kept_scopes = lru_cache(maxsize=4096)(_scopes)


def narrowed(asked: Iterable[str], allowed: Iterable[str]) -> list[str]:
    """Return those of ``asked`` that ``allowed`` covers, in the order asked; a wildcard covers its types, fewer tokens cover more."""
    ceiling = list(allowed)
    covering = [scope for scope in (parse_scope(text) for text in ceiling) if scope is not None]
    kept = []
    for text in asked:
        scope = parse_scope(text)
        if scope is None:
            if text in LAUNCH_SCOPES and text in ceiling:
                kept.append(text)
        elif any(
            over.context == scope.context
            and over.resource_type in (None, scope.resource_type)
            and scope.actions in over.actions
            and over.tokens <= scope.tokens
            for over in covering
        ):
            kept.append(text)
    return kept
