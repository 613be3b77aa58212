"""What was exported in bulk, imported into an empty server: the same resources."""

import json
from pathlib import Path
from typing import Any

import pytest

from app.audit.events import Trace
from app.fhir.release import Release
from app.interactions import record_import
from app.interactions.operations import export
from app.interactions.operations.export_asked import Asked, Level
from app.wiring import Parts
from tests.integration.interactions.test_import import some_people
from tests.support.importing import OPERATOR, imported
from tests.support.in_process import inside

TRACE = Trace("test")


async def exported(parts: Parts) -> list[bytes]:
    """Return the lines of all files."""
    context = parts.context
    job = await export.begin(context, OPERATOR, TRACE, Release.R4, Asked(Level.SYSTEM, "test"))
    while not (found := await export.progress(context, OPERATOR, TRACE, Release.R4, job)).is_ready:
        pass
    lines: list[bytes] = []
    for number in range(len(found.parts)):
        async for some in export.lines(context, OPERATOR, TRACE, Release.R4, job, number):
            lines += some.splitlines()
    return lines


def without_versions(lines: list[bytes]) -> dict[str, Any]:
    """Return the resources by Type/id, without what the server says of their version."""
    found = {}
    for tree in map(json.loads, lines):
        tree["meta"] = {name: value for name, value in tree["meta"].items() if name not in ("versionId", "lastUpdated")}
        found[f"{tree['resourceType']}/{tree['id']}"] = tree
    assert len(found) == len(lines)
    return found


async def test_what_was_exported_comes_in_elsewhere_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(export, "PAGE", 3)
    monkeypatch.setattr(export, "RECORDS_AT_ONCE", 2)
    monkeypatch.setattr(export, "PART_MAX", 4)
    monkeypatch.setattr(record_import, "CHUNK", 7)
    (tmp_path / "one").mkdir()
    (tmp_path / "other").mkdir()
    async with inside(tmp_path / "one") as person:
        await imported(person.parts, some_people(4))
        for name in ("first", "second"):
            assert (await person.create(person.observation(name))).status_code == 201
        person.clock.move(seconds=1)
        lines = await exported(person.parts)
    async with inside(tmp_path / "other") as other:
        before = await exported(other.parts)
        brought = await imported(other.parts, lines)
        assert brought.counts == (len(lines), 0, 0), brought.rejected
        other.clock.move(seconds=1)
        assert without_versions(await exported(other.parts)) == without_versions([*before, *lines])
