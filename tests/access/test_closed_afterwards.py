"""What an older program kept as open, and is sensitive by the rules of this one."""

import asyncio

import pytest

from app.access.categories import Category
from app.consent.categorize import categorize
from app.db.database import Transaction
from app.fhir.release import Release
from app.interactions import closing, sound
from app.interactions.closing import index_anew, write_closed
from app.store.changes import Author, RecordWriter
from app.store.reindex import ALONE, Pace
from app.store.resources import Stored
from app.store.rules import SENSITIVITY, Rules, current_rules, mark
from tests.support.soundness import Soundness
from tests.support.world import BASE_URL, Tree, World, restricted, tree_of


async def _before(world: World, release: Release, monkeypatch: pytest.MonkeyPatch) -> tuple[list[str], str]:
    """Return the addresses of what an older program left open though it is sensitive, and that of a file that is not.

    There are two letters with a label and the file that the first names.
    """
    her, kept = world.caller("zonnestraal", release), []
    member = "content" if release is Release.STU3 else "data"
    await world.give("no grant", world.zonnestraal, Category.DOCUMENTS)
    with monkeypatch.context() as older:
        older.setattr(sound, "categorize", lambda name, tree: categorize(name, tree) & ~Category.SENSITIVE)
        files = [
            await her.made({"resourceType": "Binary", "contentType": "text/plain", member: "c3RpbA=="})
            for _ in range(2)
        ]
        for attachment in ({"url": f"Binary/{files[0]['id']}"}, {"data": "c3RpbA=="}):
            letter: Tree = {
                "resourceType": "DocumentReference",
                "status": "current",
                "subject": {"reference": world.zonnestraal.patient(release)},
                "type": {"text": "Verzonnen brief"},
                "content": [{"attachment": {"contentType": "text/plain", **attachment}}],
                "securityLabel": [{"coding": restricted()["security"]}],
                **({"indexed": "2026-03-01T08:00:00Z"} if release is Release.STU3 else {}),
            }
            kept.append(f"/DocumentReference/{(await her.made(letter))['id']}")

    async def job(transaction: Transaction) -> None:
        theirs = Rules.made_of(current_rules().of - {SENSITIVITY})
        await mark(transaction, world.zonnestraal.record_id, theirs, 0)

    await world.parts.database.write(job)
    return [*kept, f"/Binary/{files[0]['id']}"], f"/Binary/{files[1]['id']}"


async def _are_open(world: World, release: Release, urls: list[str]) -> list[bool]:
    """Return which of these a practice that may see documents gets, each looked for in every way."""
    practice = world.caller("no grant", release)
    found = []
    for url in urls:
        ways = (url, f"{url}/_history", f"{url}/_history/1")
        answers = {(await practice("GET", way)).status_code for way in ways}
        assert answers in ({200}, {404}), (url, answers)
        found.append(answers == {200})
    return found


async def _shown(world: World, release: Release, url: str) -> Tree:
    """Return what the person gets, a Binary as a resource."""
    answer = await world.caller("zonnestraal", release)("GET", url, Accept="application/fhir+json")
    assert answer.status_code == 200, answer.text
    return tree_of(answer)


def _said(tree: Tree) -> Tree:
    return {name: value for name, value in tree.items() if name != "meta"}


@pytest.mark.parametrize("release", Release)
async def test_what_was_open_before_is_closed_with_its_files_once(
    world: World, release: Release, monkeypatch: pytest.MonkeyPatch
) -> None:
    her, record_id = world.caller("zonnestraal", release), world.zonnestraal.record_id
    sensitive, other = await _before(world, release, monkeypatch)
    assert await _are_open(world, release, [*sensitive, other]) == [True] * 4
    before = [await _shown(world, release, url) for url in sensitive]
    await index_anew(world.parts.context, record_id, ALONE)
    assert await _are_open(world, release, [*sensitive, other]) == [False, False, False, True]
    after = [await _shown(world, release, url) for url in sensitive]
    assert [one["meta"]["versionId"] for one in after] == ["2"] * 3
    assert list(map(_said, after)) == list(map(_said, before))
    assert await her.get(f"{sensitive[0]}/_history/1") == before[0]
    assert len(await her.found(f"/DocumentReference?patient={world.zonnestraal.patients[release]}")) == 2
    changes = await her.changes()
    for everything in (False, True):
        await index_anew(world.parts.context, record_id, ALONE, everything=everything)
    assert await her.changes() == changes
    settings = world.parts.settings
    await asyncio.to_thread(Soundness(settings.database_url, settings.secret_file, BASE_URL).check)
    log = tree_of(await her("GET", "/AuditEvent?_count=50"))["entry"]
    told = [one["resource"] for one in log if '"regie"' in str(one).replace("'", '"')]
    assert len(told) == 3, "the person is told of each"


async def test_closing_that_was_stopped_goes_on(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    sensitive, other = await _before(world, Release.R4, monkeypatch)
    times = iter(range(3))

    async def dies(writer: RecordWriter, before: Stored, categories: int, author: Author) -> Stored:
        if next(times) == 2:
            raise RuntimeError("killed")
        return await write_closed(writer, before, categories, author)

    monkeypatch.setattr(closing, "write_closed", dies)
    with pytest.raises(RuntimeError, match="killed"):
        await index_anew(world.parts.context, world.zonnestraal.record_id, Pace(1, 0.0))
    assert await _are_open(world, Release.R4, sensitive) == [False, True, False]
    monkeypatch.undo()
    await index_anew(world.parts.context, world.zonnestraal.record_id, ALONE)
    assert await _are_open(world, Release.R4, [*sensitive, other]) == [False, False, False, True]
    assert [(await _shown(world, Release.R4, url))["meta"]["versionId"] for url in sensitive] == ["2"] * 3
