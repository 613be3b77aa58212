"""The newest of each kind, whatever is learnt later about which kinds are one."""

import random

import msgspec
import pytest

from app.access.categories import ALL_PARTS
from app.access.scope import RecordAccess
from app.fhir.release import Release
from app.interactions.operations import lastn
from app.interactions.operations.lastn import newest_of
from app.store.resources import Stored
from app.store.search.run import Found

OPEN = RecordAccess(1, ALL_PARTS, ALL_PARTS, None, "own record")


def observation(seq: int, *codes: str, text: str = "") -> Found:
    """Return a match with these codings."""
    concept = {"coding": [{"system": "s", "code": code} for code in codes], "text": text}
    body = msgspec.json.encode({"resourceType": "Observation", "code": concept})
    return Found(Stored(1, Release.R4, "Observation", str(seq), 1, seq, 0, "create", body), (seq,), OPEN)


def expected(matches: list[Found], most: int) -> list[int]:
    """Return the numbers of the newest of each kind, found by joining all kinds first."""
    kinds: list[set[str]] = []
    of_match = []
    for match in matches:
        codes = {one["code"] for one in msgspec.json.decode(match.version.body)["code"]["coding"]}
        of_match.append(codes)
        joined = [kind for kind in kinds if kind & codes]
        kinds = [kind for kind in kinds if not kind & codes] + [codes.union(*joined)]
    counts = [0] * len(kinds)
    found = []
    for match, codes in zip(matches, of_match, strict=True):
        place = next(number for number, kind in enumerate(kinds) if kind & codes)
        counts[place] += 1
        if counts[place] <= most:
            found.append(match.version.seq)
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
        assert [one.version.seq for one in await newest_of(matches, most)] == expected(matches, most)


async def test_what_has_no_coding_goes_by_its_text() -> None:
    matches = [observation(1, text="gewicht"), observation(2, text="lengte"), observation(3, text="gewicht")]
    assert [one.version.seq for one in await newest_of(matches, 1)] == [1, 2]
