"""The newest of each kind, whatever is learnt later about which kinds are one."""

import random
from typing import Any

import msgspec
import pytest

from app.access.categories import ALL_PARTS
from app.access.scope import RecordAccess
from app.db.database import Row
from app.db.statements import Statement
from app.fhir.release import Release
from app.interactions.operations import lastn
from app.interactions.operations.lastn import newest_of
from app.store.pages import BODY
from app.store.search.run import Match

OPEN = RecordAccess(1, ALL_PARTS, ALL_PARTS, None, "own record")


class Nothing:
    """A database in which nothing is found."""

    async def all(self, statement: Statement, parameters: dict[str, Any]) -> list[Row]:
        """Return no rows."""
        del statement, parameters
        return []

    async def one(self, statement: Statement, parameters: dict[str, Any]) -> Row | None:
        """Return no row."""
        del statement, parameters
        return None


def observation(seq: int, *codes: str, text: str = "") -> Match:
    """Return a match with these codings."""
    concept = {"coding": [{"system": "s", "code": code} for code in codes], "text": text}
    body = msgspec.json.encode({"resourceType": "Observation", "code": concept})
    row = (1, Release.R4.value, "Observation", str(seq), 1, seq, 0, "create", body, len(body))
    return Match(row, (seq,), OPEN, Nothing())


def expected(matches: list[Match], most: int) -> list[int]:
    """Return the numbers of the newest of each kind, found by joining all kinds first."""
    kinds: list[set[str]] = []
    of_match = []
    for match in matches:
        codes = {one["code"] for one in msgspec.json.decode(match.row[BODY])["code"]["coding"]}
        of_match.append(codes)
        joined = [kind for kind in kinds if kind & codes]
        kinds = [kind for kind in kinds if not kind & codes] + [codes.union(*joined)]
    counts = [0] * len(kinds)
    found = []
    for match, codes in zip(matches, of_match, strict=True):
        place = next(number for number, kind in enumerate(kinds) if kind & codes)
        counts[place] += 1
        if counts[place] <= most:
            found.append(match.seq)
    return found


@pytest.mark.parametrize("most", [1, 2, 5])
async def test_kinds_that_turn_out_to_be_one_late_are_counted_together(
    most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lastn, "_WALKED", 3)
    chance = random.Random(most)
    for _ in range(50):
        codes = "abcdefgh"
        matches = [observation(seq, *chance.sample(codes, chance.choice((1, 1, 1, 2)))) for seq in range(40)]
        assert [one.version.seq for one in await newest_of(Nothing(), matches, most)] == expected(matches, most)


async def test_what_has_no_coding_goes_by_its_text() -> None:
    matches = [observation(1, text="gewicht"), observation(2, text="lengte"), observation(3, text="gewicht")]
    assert [one.version.seq for one in await newest_of(Nothing(), matches, 1)] == [1, 2]
