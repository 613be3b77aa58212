"""How a page reads the record: always through the interactions, as the person, with one trace for the whole page."""

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, datetime
from zoneinfo import ZoneInfo

from app.access.requester import Requester
from app.audit.events import Trace
from app.fhir.elements import Tree, effective
from app.fhir.release import Release
from app.interactions.newest import Newest
from app.interactions.series import Choose, Sampled, Series
from app.portal.interactions import AuthoredVersion, Found, Interactions

ONE_RELEASE = {
    "ServiceRequest": (Release.R4,),
    "ProcedureRequest": (Release.STU3,),
    "ReferralRequest": (Release.STU3,),
}
"""Types that only one of the releases has."""

PAGES_MAX = 20
"""Pages of one search that a page of the portal takes in: 20,000 resources."""


class Reading:
    """The record during one page view. ``now`` is a local instant of the person's time zone."""

    def __init__(
        self, interactions: Interactions, requester: Requester, trace: Trace, now: datetime, zone: ZoneInfo
    ) -> None:
        self._interactions = interactions
        self._requester = requester
        self._trace = trace
        self.now = now
        self.zone = zone

    @property
    def today(self) -> date:
        """Return the date where the person lives."""
        return self.now.date()

    async def all(self, resource_type: str, *pairs: tuple[str, str]) -> list[Tree]:
        """Return every resource of a type that the search parameters match, of both releases."""
        return [one.tree() for one in await self.found(resource_type, *pairs)]

    async def found(self, resource_type: str, *pairs: tuple[str, str]) -> list[Found]:
        """Return what ``all`` does, with version and release."""
        releases = ONE_RELEASE.get(resource_type, tuple(Release))
        found = await asyncio.gather(*(self._of_release(release, resource_type, list(pairs)) for release in releases))
        return [one for several in found for one in several]

    async def known(self, release: str, resource_types: Iterable[str], resource_id: str) -> list[Found]:
        """Return what has an id in the release with the path ``release``, of any of the types: an id may be in both releases.

        An address of before has no release, and means the first.
        """
        return [
            one
            for resource_type in resource_types
            for wanted in ONE_RELEASE.get(resource_type, tuple(Release))
            if release in ("", wanted.path)
            for one in await self._of_release(wanted, resource_type, [("_id", resource_id)])
        ]

    async def newest(
        self, resource_type: str, searches: Sequence[list[tuple[str, str]]], most: int, since: date | None = None
    ) -> list[Tree]:
        """Return the ``most`` latest resources that each search matches, or all if they are few, of both releases in one look.

        With ``since``, what was measured on that day or after.
        """
        found = [one.tree() for matches in await self._newest(resource_type, searches, most, since) for one in matches]
        if since is None:
            return found
        return [one for one in found if (at := effective(one, self.zone)) and at.date() >= since]

    async def newest_found(
        self, resource_type: str, searches: Sequence[list[tuple[str, str]]], most: int
    ) -> list[Found]:
        """Return what ``newest`` does, with version and release."""
        return [one for matches in await self._newest(resource_type, searches, most) for one in matches]

    async def newest_and_more(
        self, resource_type: str, searches: Sequence[list[tuple[str, str]]], most: int
    ) -> tuple[list[Tree], bool]:
        """Return what ``newest`` does, and whether there are more of a search; ``most`` is more than are few."""
        found = await self._newest(resource_type, searches, most + 1)
        return [one.tree() for matches in found for one in matches], any(len(matches) > most for matches in found)

    async def _newest(
        self, resource_type: str, searches: Sequence[list[tuple[str, str]]], most: int, since: date | None = None
    ) -> list[Sequence[Found]]:
        """Return the latest that each search matches in each release."""
        found = await asyncio.gather(
            *(
                self._interactions.newest_of_each(
                    self._requester, self._trace, Newest(release, resource_type, searches, most, since)
                )
                for release in ONE_RELEASE.get(resource_type, tuple(Release))
            )
        )
        return [matches for searched in found for matches in searched]

    async def read(self, release: Release, resource_type: str, resource_id: str) -> Found:
        """Return one resource. Raises: NotFoundError, GoneError, AccessDeniedError."""
        return await self._interactions.read(self._requester, self._trace, release, resource_type, resource_id)

    async def latest(
        self, resource_type: str, most: int, by: Mapping[Release, str], *pairs: tuple[str, str]
    ) -> list[Found]:
        """Return the first ``most`` of each release that the search parameters match, sorted by a parameter of that release."""
        found = await asyncio.gather(
            *(
                self._of_release(release, resource_type, [*pairs, ("_sort", order), ("_count", str(most))], enough=most)
                for release, order in by.items()
            )
        )
        return [one for several in found for one in several[:most]]

    async def some(self, resource_type: str, most: int, *pairs: tuple[str, str]) -> tuple[list[Tree], bool]:
        """Return ``most`` of each release that the search parameters match, and whether there are more."""
        asked = [*pairs, ("_count", str(most))]
        releases = ONE_RELEASE.get(resource_type, tuple(Release))
        found = await asyncio.gather(
            *(self._interactions.search(self._requester, self._trace, one, resource_type, asked) for one in releases)
        )
        return [one.tree() for page in found for one in page.matches], any(page.next is not None for page in found)

    async def of_types(self, types: Callable[[Release], Sequence[str]], most: int) -> tuple[list[Tree], bool]:
        """Return what was changed last of the types of each release, ``most`` of each, and whether there is more."""
        order = [("_sort", "-_lastUpdated"), ("_count", str(most))]
        found = await asyncio.gather(
            *(
                self._interactions.search_of_types(
                    self._requester, self._trace, release, [("_type", ",".join(types(release))), *order]
                )
                for release in Release
            )
        )
        return [one.tree() for page in found for one in page.matches], any(page.next is not None for page in found)

    async def series(self, wanted: Callable[[Release, Sequence[Sampled]], Series], choose: Choose) -> list[Sampled]:
        """Return what each release has of some series of Observations; ``wanted`` is told what was found in the release before."""
        found: list[Sampled] = []
        for release in reversed(Release):
            asked = wanted(release, found)
            found.append(await self._interactions.series(self._requester, self._trace, asked, choose))
        return found[::-1]

    async def count(self, resource_type: str, *pairs: tuple[str, str]) -> int:
        """Return how many resources of a type the search parameters match, of both releases."""
        asked = [*pairs, ("_summary", "count")]
        found = await asyncio.gather(
            *(
                self._interactions.search(self._requester, self._trace, release, resource_type, asked)
                for release in ONE_RELEASE.get(resource_type, tuple(Release))
            )
        )
        return sum(page.total or 0 for page in found)

    async def history(self, resource_type: str, most: int) -> list[AuthoredVersion]:
        """Return the newest versions of a type, ``most`` of each release, with who wrote them."""
        found = await asyncio.gather(
            *(
                self._interactions.written_history(self._requester, self._trace, release, resource_type, most)
                for release in ONE_RELEASE.get(resource_type, tuple(Release))
            )
        )
        return [one for several in found for one in several]

    async def writers(self, found: Iterable[Found]) -> dict[int, str]:
        """Return who wrote what stands, by the number of its change, as the log calls them."""
        by_type: dict[tuple[Release, str], list[int]] = {}
        for one in found:
            by_type.setdefault((one.release, one.tree()["resourceType"]), []).append(one.seq)
        told: dict[int, str] = {}
        for (release, resource_type), seqs in by_type.items():
            told |= await self._interactions.writers(self._requester, self._trace, release, resource_type, seqs)
        return told

    async def several(self, *resource_types: str) -> list[list[Tree]]:
        """Return all resources of each type, in the order asked."""
        return list(await asyncio.gather(*(self.all(resource_type) for resource_type in resource_types)))

    async def _of_release(
        self, release: Release, resource_type: str, pairs: list[tuple[str, str]], enough: int | None = None
    ) -> list[Found]:
        several: list[Found] = []
        cursor: str | None = None
        for _ in range(PAGES_MAX):
            asked = [*pairs, ("_cursor", cursor)] if cursor else pairs
            page = await self._interactions.search(self._requester, self._trace, release, resource_type, asked)
            several += page.matches
            cursor = page.next
            if cursor is None or (enough is not None and len(several) >= enough):
                break
        return several
