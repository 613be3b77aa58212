"""A request on its way to its handler, and what a handler is."""

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from app.access.requester import Requester
from app.errors import BadRequestError, NotFoundError, NotSupportedError
from app.fhir.compartment import OWNERS
from app.fhir.dates import Interval, interval, with_plus
from app.fhir.release import Release
from app.fhir.releases.served import NOT_KEPT
from app.fhir.search.expression import Owner
from app.fhir.search.parse import parse_query
from app.fhir.search.subset import Shown
from app.fhir.validation.structure import is_resource_type
from app.interactions.context import Context
from app.interactions.translated import RELEASES, wants_both
from app.rest.request import FhirRequest
from app.rest.response import (
    FhirResponse,
    query_text,
)

PARTS = ("_summary", "_elements")
"""What asks for a part of a resource."""
_ID = re.compile(r"[A-Za-z0-9\-.]{1,64}")


@dataclass(slots=True)
class Call:
    """A request on its way to its handler: what came, who asks, and the named parts of the path.

    ``ask`` answers a further request of the same requester, such as an entry of a batch.
    """

    context: Context
    request: FhirRequest
    requester: Requester | None
    named: dict[str, str]
    smart_configuration: dict[str, object]
    ask: "Ask"

    @property
    def release(self) -> Release:
        """The release of the base."""
        return self.request.release

    @property
    def base(self) -> str:
        """The base URL."""
        return self.context.fhir_base(self.request.release)

    @property
    def who(self) -> Requester:
        """The requester; a route that is not open has one."""
        if self.requester is None:
            message = "This route was reached without a token."
            raise RuntimeError(message)
        return self.requester

    @property
    def resource_type(self) -> str:
        """The resource type in the path. Raises: NotSupportedError."""
        name = self.named["type"]
        if not is_resource_type(self.release, name) or name in NOT_KEPT:
            message = "This server does not have this resource type."
            raise NotSupportedError(message)
        return name

    @property
    def owner(self) -> Owner | None:
        """The owner of the compartment in the path, None without one. Raises: NotFoundError, for what has none."""
        if "owner" not in self.named:
            return None
        if self.named["owner"] not in OWNERS:
            message = "There is nothing at this address."
            raise NotFoundError(message)
        return Owner(self.named["owner"], self.id)

    @property
    def id(self) -> str:
        """The id in the path. Raises: NotFoundError, for what is no id at all."""
        resource_id = self.named["id"]
        if _ID.fullmatch(resource_id) is None:
            message = "This is not a resource id."
            raise NotFoundError(message)
        return resource_id

    @property
    def kept(self) -> str:
        """What links to further pages keep of the query: ``&_format=...``, or nothing."""
        return "".join(f"&{query_text([pair])}" for pair in self.request.pairs if pair[0] == "_format")

    def number(self, name: str, default: int, most: int) -> int:
        """Return a parameter that is a whole number from 0 to ``most``. Raises: BadRequestError."""
        given = [value for key, value in self.request.pairs if key == name]
        if not given:
            return default
        if len(given) > 1 or not re.fullmatch(r"[0-9]{1,18}", given[0]):
            message = f"{name} takes one whole number."
            raise BadRequestError(message)
        return min(int(given[0]), most)

    def one(self, name: str) -> str | None:
        """Return a parameter that may be given once, None if it is absent. Raises: BadRequestError."""
        given = [value for key, value in self.request.pairs if key == name]
        if len(given) > 1:
            message = f"{name} may be given once."
            raise BadRequestError(message)
        return given[0] if given else None

    def moment(self, name: str, zone: ZoneInfo | None = None) -> Interval | None:
        """Return the first and last microsecond of a parameter that is a date or time. Raises: BadRequestError.

        One that names no zone is of ``zone``, the server's own if none is given.
        """
        given = self.one(name)
        if given is None:
            return None
        try:
            return interval(with_plus(given), zone or self.context.time_zone)
        except ValueError as error:
            message = f"{name} takes a date or time, such as 2026-11-25 or 2026-11-25T09:30:00Z."
            raise BadRequestError(message) from error

    @property
    def shown(self) -> Shown | None:
        """The part of a resource that ``_summary`` or ``_elements`` asks for, as a search reads them; None is all.

        Raises: BadRequestError.
        """
        asked = [pair for pair in self.request.pairs if pair[0] in PARTS]
        if not asked:
            return None
        any_type = "Patient"  # a _summary of what is of several types is read the same way for each
        resource_type = self.resource_type if "type" in self.named else any_type
        parsed = parse_query(
            self.release, resource_type, asked, time_zone=self.context.time_zone, lenient=False,
            page_size_default=None, page_size_max=1, base_urls=(self.base,), now=self.context.clock(),
        )  # fmt: skip
        if parsed.count == 0:
            message = "_summary=count is for searches."
            raise BadRequestError(message)
        return parsed.shown

    @property
    def both_releases(self) -> bool:
        """Whether what is held in either release is asked for, by ``_release`` or by the client. Raises: BadRequestError."""
        return wants_both(self.who, self.release, [value for name, value in self.request.pairs if name == RELEASES])

    @property
    def page_size(self) -> int:
        """How many entries a page has: ``_count``, within the limits."""
        limits = self.context.limits
        return max(1, self.number("_count", limits.page_size_default, limits.page_size_max))

    @property
    def patient_id(self) -> str | None:
        """The id in the parameter ``patient``, None if it is absent."""
        given = self.one("patient")
        return None if given is None else given.removeprefix("Patient/")

    def only(self, *names: str) -> None:
        """Refuse parameters other than these. Raises: BadRequestError."""
        for name, _ in self.request.pairs:
            if name not in (*names, "_format", "_pretty") and not self.request.lenient:
                message = (
                    f"This takes no other parameters than {', '.join(names)}." if names else "This takes no parameters."
                )
                raise BadRequestError(message)

    @property
    def condition(self) -> str:
        """The query as the condition of a write, without what says how to answer."""
        return urlencode([pair for pair in self.request.pairs if pair[0] not in ("_format", "_pretty")])

    def nothing_asked(self) -> None:
        """Refuse parameters on a write: passed over, a condition would be one that nobody checked.

        Raises: BadRequestError.
        """
        if any(name not in ("_format", "_pretty") for name, _ in self.request.pairs):
            message = "This takes no parameters; the condition of a create goes into the header If-None-Exist."
            raise BadRequestError(message)


Handler = Callable[[Call], Awaitable[FhirResponse]]
Ask = Callable[[Context, FhirRequest, Requester | None], Awaitable[FhirResponse]]
