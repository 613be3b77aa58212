"""What a rule of a translation is, and what it may ask of the walk.

A rule takes what it knows from the members of an object and returns the members that stand for it in the other release;
what it leaves goes the usual way.
"""

from collections.abc import Callable
from typing import Any, Protocol

Node = dict[str, Any]


class Tools(Protocol):
    """What a rule may ask of the walk through the object it is about."""

    def lose(self, name: str, reason: str) -> None:
        """Name a member that does not come along."""

    def told(self, kind: str, value: Any) -> Any:
        """Return a value of data type ``kind`` as the other release has it."""

    def reference(self, goal: str, value: Any) -> Any | None:
        """Return a Reference as the element ``goal`` has it there; None if it may not refer to that."""

    def keep(self, left: Node, name: str) -> None:
        """Take a member out of ``left`` into an extension, from which it comes back."""

    def is_kept(self, name: str) -> bool:
        """Return whether an extension brings the other release's element ``name`` back."""


Rule = Callable[[Tools, Node], Node]
