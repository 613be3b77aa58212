"""Lines of FHIR as an operator imports them."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from io import BytesIO

from app.access.requester import Requester, RequesterKind
from app.access.smart_scope import SmartScopes
from app.audit.events import Trace
from app.fhir.release import Release
from app.interactions.import_lines import Line, lines_in
from app.interactions.record_import import Imported, Rejected, import_resources
from app.wiring import Parts

OPERATOR = Requester(RequesterKind.OPERATOR, "operator", "operator", SmartScopes.of("system/*.cruds"))
TRACE = Trace("test")


@dataclass
class Brought:
    """What became of the lines, and which were rejected, by number."""

    imported: Imported
    rejected: dict[int, Rejected] = field(default_factory=dict)

    @property
    def counts(self) -> tuple[int, int, int]:
        """How many were written, were in already, and were rejected."""
        return self.imported.written, self.imported.already, self.imported.rejected


def lines_of(bodies: Sequence[bytes], release: Release = Release.R4) -> list[Line]:
    """Return bodies as the lines of one file."""
    return list(lines_in(release, "lines", BytesIO(b"\n".join(bodies))))


async def imported(
    parts: Parts, bodies: Sequence[bytes], release: Release = Release.R4, *, processes: int = 1
) -> Brought:
    """Import the lines of one file."""
    brought = Brought(Imported())

    def told(rejected: Rejected) -> None:
        brought.rejected[rejected.place.number] = rejected

    lines = lines_of(bodies, release)
    context = parts.context
    brought.imported = await import_resources(context, OPERATOR, TRACE, release, lines, told, processes=processes)
    return brought
