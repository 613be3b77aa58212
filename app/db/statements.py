"""SQLAlchemy writes the SQL, the bare driver runs it: a statement is compiled to text once and kept."""

from dataclasses import dataclass, field
from typing import Any

from sqlalchemy.dialects.sqlite import dialect as sqlite_dialect
from sqlalchemy.sql.elements import CompilerElement

_SQLITE = sqlite_dialect(paramstyle="named")


@dataclass(frozen=True, slots=True)
class Statement:
    """SQL text with named parameters (``:name``), and the values of those that the statement itself fixes."""

    text: str
    fixed: dict[str, Any] = field(default_factory=dict)

    def parameters(self, given: dict[str, Any]) -> dict[str, Any]:
        """Return ``given`` with the fixed values added."""
        return {**self.fixed, **given} if self.fixed else given


def hot(element: CompilerElement) -> Statement:
    """Return ``element`` as text for the database; call it once, at import.

    Every value that changes from call to call is a ``bindparam("name")``; insert statements name their columns by
    ``insert(table).values(column=bindparam("column"), ...)`` or take all of them with ``insert(table)``.
    """
    compiled = element.compile(dialect=_SQLITE)
    fixed = {name: value for name, value in compiled.params.items() if value is not None}
    return Statement(str(compiled), fixed)
