"""SMART scopes: what a token says. ``policy`` turns them into an ``AccessScope``.

Spec: https://hl7.org/fhir/smart-app-launch/STU2.2/scopes-and-launch-context.html
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntFlag
from functools import lru_cache


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
_RESOURCE_SCOPE = re.compile(r"(patient|user|system)/(\*|[A-Z][A-Za-z]+)\.(read|write|\*|c?r?u?d?s?)")
LAUNCH_SCOPES = frozenset({"launch", "launch/patient", "offline_access", "online_access", "openid", "fhirUser"})


@dataclass(frozen=True, slots=True)
class SmartScope:
    """One ``context/Type.actions``; ``resource_type`` None stands for ``*``."""

    context: str
    resource_type: str | None
    actions: Action


@lru_cache(maxsize=4096)
def parse_scope(text: str) -> SmartScope | None:
    """Return the resource scope that ``text`` is, or None if it is none (``openid``, or nonsense)."""
    found = _RESOURCE_SCOPE.fullmatch(text)
    if found is None or not found[3]:
        return None
    actions = _V1.get(found[3])
    if actions is None:
        actions = Action(0)
        for letter in found[3]:
            actions |= _V2[letter]
    return SmartScope(found[1], None if found[2] == "*" else found[2], actions)


def is_known_scope(text: str) -> bool:
    """Return whether a client may ask for this scope at all."""
    return text in LAUNCH_SCOPES or parse_scope(text) is not None


@dataclass(frozen=True, slots=True)
class SmartScopes:
    """The resource scopes of one token."""

    scopes: frozenset[SmartScope]

    @classmethod
    @lru_cache(maxsize=4096)
    def of(cls, text: str) -> "SmartScopes":
        """Return the resource scopes in a space-separated ``scope`` string."""
        parsed = (parse_scope(part) for part in text.split())
        return cls(frozenset(scope for scope in parsed if scope is not None))

    def types_for(self, action: Action) -> frozenset[str] | None:
        """Return the resource types on which all of ``action`` is allowed; None means every type."""
        named: dict[str, Action] = {}
        everywhere = Action(0)
        for scope in self.scopes:
            if scope.resource_type is None:
                everywhere |= scope.actions
            else:
                named[scope.resource_type] = named.get(scope.resource_type, Action(0)) | scope.actions
        if action in everywhere:
            return None
        return frozenset(name for name, actions in named.items() if action in actions | everywhere)


def narrowed(asked: Iterable[str], allowed: Iterable[str]) -> list[str]:
    """Return those of ``asked`` that ``allowed`` covers, in the order asked; a wildcard covers its types."""
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
            for over in covering
        ):
            kept.append(text)
    return kept
