"""Who may see what, told once more as docs/api/access.md tells it, slowly and simply: what answers are held against.

Nothing of the application is used here: what both had wrong in the same way would not be found.
"""

from dataclasses import dataclass, field
from datetime import datetime

PARTS = (
    "own-measurements medication gp-summary care-plan laboratory questionnaires documents allergies vaccinations appointments "
    "messages personal-details"
).split()


@dataclass
class Version:
    """One version of a resource: what part it is of, whether a label closes it, its tokens, and the text that only it has."""

    parts: frozenset[str]
    is_sensitive: bool
    marker: str
    tokens: frozenset[str] = frozenset()
    is_deletion: bool = False


@dataclass
class Thing:
    """A resource of somebody, with all its versions, the oldest first."""

    owner: str
    release: str
    type: str
    id: str
    versions: list[Version] = field(default_factory=list)

    @property
    def newest(self) -> Version:
        """The version that counts."""
        return self.versions[-1]


@dataclass
class Given:
    """What a person allowed; ``actions`` are letters of ``cruds``."""

    owner: str
    names: frozenset[str]
    actions: str
    starts_at: datetime
    until: datetime
    is_withdrawn: bool = False

    def opens(self, action: str, version: Version, now: datetime) -> bool:
        """Return whether this allows the action on the version."""
        if self.is_withdrawn or not self.starts_at <= now < self.until or action not in self.actions:
            return False
        return bool(self.names & version.parts) and ("sensitive" in self.names or not version.is_sensitive)


@dataclass
class Asker:
    """One who asks: the person themselves (``owner`` and no grants), or a party with grants; ``scope`` is the token's."""

    name: str
    scope: str
    owner: str | None = None
    grants: list[Given] = field(default_factory=list)

    def scope_opens(self, action: str, thing: Thing, version: Version) -> bool:
        """Return whether the token's scope allows the action on this version."""
        for one in self.scope.split():
            head, _, query = one.partition("?")
            name, letters = head.partition("/")[2].split(".")
            if action not in letters or name not in ("*", thing.type):
                continue
            wanted = frozenset(query.split("&")) if query else frozenset()
            if not wanted:
                return True
            if version is thing.newest and not version.is_deletion and wanted <= version.tokens:
                return True
        return False

    def may(self, action: str, thing: Thing, version: Version, now: datetime) -> bool:
        """Return whether they may do this with a version of a thing."""
        if not self.scope_opens(action, thing, version):
            return False
        if self.owner is not None:
            return self.owner == thing.owner
        return any(one.owner == thing.owner and one.opens(action, version, now) for one in self.grants)

    def sees(self, action: str, thing: Thing, version: Version, now: datetime) -> bool:
        """Return whether a version is shown: what is hidden now is hidden in all its versions."""
        return self.may(action, thing, version, now) and self.may(action, thing, thing.newest, now)

    def has_a_way_to(self, owner: str, action: str, now: datetime) -> bool:
        """Return whether a person's record is open to them at all for this action, whatever is in it."""
        if self.owner is not None:
            return self.owner == owner
        return any(
            one.owner == owner and not one.is_withdrawn and one.starts_at <= now < one.until and action in one.actions
            for one in self.grants
        )
