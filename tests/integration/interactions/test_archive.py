"""A record as a signed archive: made at one server, brought in at another, and made there again."""

import asyncio
import hashlib
import io
import json
import random
import struct
import subprocess
import sys
import zipfile
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from app.access.categories import Category
from app.access.grant import Grantee
from app.access.requester import Requester, RequesterKind
from app.access.smart_scope import LOOK, SmartScopes
from app.audit.events import Trace
from app.audit.keys import AuditKeys, base64url
from app.consent import grants
from app.db.database import Transaction
from app.errors import AccessDeniedError, ConflictError, RegieError, UnprocessableError
from app.fhir.release import Release
from app.interactions import archive_reading
from app.interactions.archive import PIECE, archive
from app.interactions.archive_format import MANIFEST, SIGNATURE, signed_text
from app.interactions.archive_import import bring_in_archive
from app.interactions.archive_reading import UnknownServerError
from app.interactions.closing import index_anew
from app.interactions.people import new_person
from app.interactions.restore import Brought
from app.interactions.transfer import export
from app.portal.language import language
from app.portal.printed import summary_in
from app.store.reindex import ALONE
from tests.support.in_process import Inside, inside

OPERATOR = Requester(RequesterKind.OPERATOR, "operator", "operator", SmartScopes.of("system/*.cruds"))
TRACE = Trace("test")
LOG_SCRIPT = Path("examples/verify_log.py")


async def archived(person: Inside, record_id: int | None = None, requester: Requester = OPERATOR) -> bytes:
    paper = summary_in(language("en"))
    made = archive(person.parts.context, requester, TRACE, record_id or person.record_id, paper)
    return b"".join([piece async for piece in made])


def files_of(data: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(data)) as packed:
        return {name: packed.read(name) for name in packed.namelist()}


def kid_of(data: bytes) -> str:
    return str(json.loads(files_of(data)[SIGNATURE])["kid"])


async def brought(person: Inside, data: bytes, requester: Requester = OPERATOR, *trusted: str) -> Brought:
    found = await bring_in_archive(person.parts.context, requester, TRACE, io.BytesIO(data), trusted or (kid_of(data),))
    await index_anew(person.parts.context, found.record_id, ALONE)
    return found


@asynccontextmanager
async def server(folder: Path) -> AsyncIterator[Inside]:
    await asyncio.to_thread(folder.mkdir)
    async with inside(folder) as made:
        yield made


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[Inside]:
    """A server with a person whose record has versions, a delete, a changed grant and line breaks."""
    async with server(tmp_path / "here") as person:
        await fill(person, random.Random(7))
        yield person


@pytest.fixture
async def there(tmp_path: Path) -> AsyncIterator[Inside]:
    async with server(tmp_path / "there") as person:
        person.clock.move(hours=12)
        yield person


async def fill(person: Inside, dice: random.Random) -> None:
    """Write at random, and give and change a grant."""
    ids: list[str] = []
    for number in range(25):
        body = person.observation(f"mark {number}", kg=f"{dice.randint(500, 900) / 10:.2f}")
        if ids and dice.random() < 0.3:
            chosen = dice.choice(ids)
            named = json.dumps({**json.loads(body), "id": chosen}, indent=dice.choice([None, 1])).encode()
            answer = await person.http.put(f"/Observation/{chosen}", content=named, headers=person.headers)
        elif ids and dice.random() < 0.2:
            answer = await person.http.delete(f"/Observation/{dice.choice(ids)}", headers=person.headers)
        else:
            answer = await person.create(body)
            ids.append(answer.json()["id"])
        assert answer.status_code in (200, 201, 204), answer.text
        person.clock.move(seconds=dice.randint(0, 600))

    async def job(transaction: Transaction) -> None:
        given = await grants.give(
            transaction, record_id=person.record_id, grantee=Grantee.PRACTICE, grantee_id="practice-not-known-there",
            categories=Category.OWN_MEASUREMENTS | Category.MEDICATION, actions=LOOK, purpose="treatment",
            until=person.clock.now + timedelta(days=100), now=person.clock.now,
        )  # fmt: skip
        later = person.clock.now + timedelta(minutes=1)
        await grants.change(
            transaction, person.record_id, given.grant_id, categories=Category.MEDICATION, actions=LOOK,
            until=given.until, now=later,
        )  # fmt: skip

    await person.parts.database.write(job)
    person.clock.move(minutes=5)


def of_record(files: dict[str, bytes]) -> list[dict[str, Any]]:
    """What record.ndjson says of the record itself; a grant that the import ended is told of as the one it was."""
    lines = [json.loads(line) for line in files["record.ndjson"].splitlines()]
    kept = [line for line in lines if line["line"] in ("export", "change", "grant")]
    return [{name: value for name, value in line.items() if name not in ("exported_at", "entries")} for line in kept]


def verified(tmp_path: Path, name: str, log: bytes, *arguments: str) -> None:
    file = tmp_path / name
    file.write_bytes(log)
    told = subprocess.run([sys.executable, LOG_SCRIPT, file, *arguments], capture_output=True, text=True, check=False)
    assert told.returncode == 0, told.stdout + told.stderr


# ----------------------------------------------------------------------------------------------------------- without loss


async def test_an_archive_has_everything_in_forms_that_others_read(here: Inside) -> None:
    files = files_of(await archived(here))
    manifest = json.loads(files[MANIFEST])
    current = [json.loads(line) for line in files["fhir/r4-current.ndjson"].splitlines()]
    versions = [json.loads(line) for line in files["fhir/r4-versions.ndjson"].splitlines()]
    assert manifest["counts"]["resources"] == len(current) < len(versions) < manifest["counts"]["changes"]
    assert {(one["resourceType"], one["id"]) for one in current} < {
        (one["resourceType"], one["id"]) for one in versions
    }
    consents = [json.loads(line) for line in files["consents/r4.ndjson"].splitlines()]
    assert [(one["meta"]["versionId"], one["status"]) for one in consents] == [("1", "active"), ("2", "active")]
    assert json.loads(files["summary.json"])["type"] == "document"
    assert files["summary.pdf"].startswith(b"%PDF-")
    assert files["log.csv"].splitlines()[-1].count(b"export") == 1
    assert (manifest["person"], manifest["record_id"]) == ("Zonnestraal-Testpersoon", here.record_id)
    for line in manifest["files"]:
        assert (line["size"], line["sha256"]) == (
            len(files[line["name"]]),
            hashlib.sha256(files[line["name"]]).hexdigest(),
        )


async def test_a_record_goes_to_another_server_and_from_there_again_without_loss(
    here: Inside, there: Inside, tmp_path: Path
) -> None:
    first = await archived(here)
    there.clock.now = here.clock.now + timedelta(hours=1)
    found = await brought(there, first)
    assert found == Brought(here.record_id, {Release.R4: here.patient_id}, found.changes, is_new=True)
    second = files_of(await archived(there, here.record_id))
    before, after = of_record(files_of(first)), of_record(second)
    for line in after:
        if line["line"] == "grant" and line["version"] == 2:
            assert line["withdrawn_at"] is not None, "the import ended it"
            line["withdrawn_at"] = None
    assert after == before
    for name in ("fhir/r4-current.ndjson", "fhir/r4-versions.ndjson", "fhir/stu3-current.ndjson"):
        assert second[name] == files_of(first)[name], name
    verified(tmp_path, "first.ndjson", files_of(first)["record.ndjson"], f"--key={kid_of(first)}")
    verified(tmp_path, "earlier.ndjson", second["earlier-logs/1.ndjson"], f"--key={kid_of(first)}")
    verified(tmp_path, "second.ndjson", second["record.ndjson"])
    await asyncio.to_thread(there.soundness.check)


async def test_the_record_goes_on_where_it_was_brought_in(here: Inside, there: Inside) -> None:
    await brought(there, await archived(here))
    there.clock.now = here.clock.now + timedelta(days=1)
    last = here.soundness.changes(here.record_id)[-1]
    moved = replace(there, record_id=here.record_id, patient_id=here.patient_id, headers=dict(there.headers))

    async def job(transaction: Transaction) -> str:
        from app.oauth import tokens

        return await tokens.issue_for_patient(
            transaction, record_id=here.record_id, display="Zonnestraal-Testpersoon", scope="patient/*.cruds",
            lifetime=timedelta(hours=1), now=there.clock.now,
        )  # fmt: skip

    moved.headers["Authorization"] = f"Bearer {await there.parts.database.write(job)}"
    assert (await moved.create(moved.observation("written there"))).status_code == 201
    assert len(await moved.found("written there")) == 1
    old = (await moved.http.get("/Observation?_count=1", headers=moved.headers)).json()["entry"][0]["resource"]
    answer = await moved.http.put(f"/Observation/{old['id']}", content=json.dumps(old), headers=moved.headers)
    assert answer.status_code == 200, answer.text
    assert there.soundness.changes(here.record_id)[last.seq].seq == last.seq + 1
    await asyncio.to_thread(there.soundness.check)


async def test_an_import_gives_nobody_access(here: Inside, there: Inside) -> None:
    await brought(there, await archived(here))
    kept = await grants.of_record(there.parts.database.reader, here.record_id)
    assert [grant.version for grant in kept] == [2, 1]
    assert all(grant.withdrawn_at is not None for grant in kept)
    practice = "practice-not-known-there"
    assert await grants.of_practice(there.parts.database.reader, practice, there.clock.now) == []


async def test_an_import_under_a_clock_that_is_ahead_gives_nobody_access_when_it_is_set_right(
    here: Inside, there: Inside
) -> None:
    data = await archived(here)
    there.clock.move(days=3650)
    await brought(there, data)
    there.clock.move(days=-3650)
    kept = await grants.of_record(there.parts.database.reader, here.record_id)
    assert [grant.is_in_force(there.clock.now) for grant in kept] == [False, False]


async def test_an_import_puts_no_grant_in_the_place_of_anothers(here: Inside, there: Inside) -> None:
    (given, _) = await grants.of_record(here.parts.database.reader, here.record_id)

    async def job(transaction: Transaction) -> None:
        await grants.give(
            transaction, record_id=there.record_id, grantee=given.grantee, grantee_id=given.grantee_id,
            grant_id=given.grant_id, categories=given.categories, actions=LOOK, purpose="treatment",
            until=there.clock.now + timedelta(days=9), now=there.clock.now,
        )  # fmt: skip

    await there.parts.database.write(job)
    with pytest.raises(ConflictError, match="the id of another"):
        await brought(there, await archived(here))
    assert there.soundness.changes(here.record_id) == []


# ------------------------------------------------------------------------------------------------------- by the person


async def signed_up(there: Inside, name: str) -> tuple[Requester, int]:
    """Return somebody with an account and an empty record, as a requester."""
    made: dict[str, int] = {}
    password_hash = await there.parts.accounts.hash_password("geen-echt-wachtwoord")

    async def job(transaction: Transaction) -> None:
        made["record"] = await new_person(there.parts.context, transaction, name)
        await there.parts.accounts.create(
            transaction, login=name, password_hash=password_hash, name=name, record_id=made["record"],
            totp_secret="JBSWY3DPEHPK3PXP", now=there.clock.now,
        )  # fmt: skip

    await there.parts.database.write(job)
    scopes = SmartScopes.of("user/*.cruds")
    return Requester(RequesterKind.PERSON, "person", name, scopes, record_id=made["record"]), made["record"]


async def test_a_person_brings_a_record_in_place_of_their_empty_one(
    here: Inside, there: Inside, tmp_path: Path
) -> None:
    there.clock.now = here.clock.now
    requester, empty = await signed_up(there, "Z. Zonnestraal-Testpersoon")
    found = await brought(there, await archived(here), requester)
    assert (found.record_id, found.is_new) == (here.record_id, True)
    account = await there.parts.accounts.by_login(there.parts.database.reader, "Z. Zonnestraal-Testpersoon")
    assert account is not None
    assert account.record_id == here.record_id
    assert there.soundness.changes(empty) == []
    own = replace(requester, record_id=here.record_id)
    files = files_of(await archived(there, here.record_id, own))
    verified(tmp_path, "own.ndjson", files["earlier-logs/2.ndjson"])
    assert b'"create"' in files["earlier-logs/2.ndjson"], "what was done to the empty record"
    assert await brought(there, await archived(here), own) == replace(found, is_new=False)
    await asyncio.to_thread(there.soundness.check)


async def test_a_person_brings_in_nothing_of_somebody_else_nor_over_what_they_have(here: Inside, there: Inside) -> None:
    data = await archived(here)
    there.clock.now = here.clock.now
    other, _ = await signed_up(there, "Maanlicht Iemand-Anders")
    with pytest.raises(UnprocessableError, match="another person"):
        await brought(there, data, other)
    owner = replace(other, record_id=there.record_id)
    await there.create(there.observation("mine"))
    with pytest.raises(ConflictError, match="not empty"):
        await brought(there, data, owner)
    assert there.soundness.changes(here.record_id) == []


@pytest.mark.parametrize("kind", [RequesterKind.APP, RequesterKind.PRACTICE, RequesterKind.REPRESENTATIVE])
async def test_nobody_else_brings_in_a_record_or_takes_one_along(
    here: Inside, there: Inside, kind: RequesterKind
) -> None:
    data = await archived(here)
    requester = replace(OPERATOR, kind=kind, actor="x", client_id="x", practice_id="x", record_id=there.record_id)
    with pytest.raises(AccessDeniedError):
        await brought(there, data, requester)
    with pytest.raises(AccessDeniedError):
        await archived(here, None, replace(requester, record_id=here.record_id))


async def test_somebody_who_acts_for_another_brings_in_nothing(here: Inside, there: Inside) -> None:
    requester, _ = await signed_up(there, "Zonnestraal-Testpersoon")
    with pytest.raises(AccessDeniedError):
        await brought(there, await archived(here), replace(requester, on_behalf_of="Zonnestraal-Testpersoon"))


# ------------------------------------------------------------------------------------------------------------- hostile


async def test_a_server_that_is_not_known_is_named_and_needs_a_yes(here: Inside, there: Inside) -> None:
    data = await archived(here)
    with pytest.raises(UnknownServerError) as caught:
        await brought(there, data, OPERATOR, "another key")
    assert (caught.value.kid, caught.value.server) == (kid_of(data), "http://127.0.0.1:8000")
    assert there.soundness.changes(here.record_id) == []
    assert (await brought(there, data)).is_new


@dataclass
class Forger:
    """Makes archives that are sound but for one thing; it has a key of its own."""

    files: dict[str, bytes]
    keys = AuditKeys(b"f" * 32)

    def signed(self, **changes: Any) -> dict[str, bytes]:
        """Return the files with a manifest that fits them, changed as asked, and signed."""
        names = [name for name in self.files if name not in (MANIFEST, SIGNATURE)]
        told = [
            {"name": name, "size": len(self.files[name]), "sha256": hashlib.sha256(self.files[name]).hexdigest()}
            for name in names
        ]
        manifest = msgspec.json.encode({**json.loads(self.files[MANIFEST]), "files": told, **changes})
        first = self.keys.first()
        signature = base64url(self.keys.private(1).sign(signed_text(1, manifest)))
        made = {"instant": 1, "kid": first.thumbprint, "signature": signature, "keys": [first.as_jwk()]}
        return {**{name: self.files[name] for name in names}, MANIFEST: manifest, SIGNATURE: msgspec.json.encode(made)}


def packed(files: dict[str, bytes], change: Callable[[zipfile.ZipInfo], None] = lambda _: None) -> bytes:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as made:
        for name, content in files.items():
            info = zipfile.ZipInfo(name)
            info.compress_type = zipfile.ZIP_DEFLATED
            change(info)
            made.writestr(info, content)
    return data.getvalue()


async def test_an_archive_that_is_not_as_regie_makes_it_is_refused_with_the_place(
    here: Inside, there: Inside, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = files_of(await archived(here))
    good = packed(files)
    forger, record = Forger(files), files["record.ndjson"]

    def with_(**content: bytes) -> dict[str, bytes]:
        return Forger(
            {**files, **{name.replace("__", "/").replace("_", "."): text for name, text in content.items()}}
        ).signed()

    def mode(bits: int) -> Callable[[zipfile.ZipInfo], None]:
        def change(info: zipfile.ZipInfo) -> None:
            info.external_attr = bits << 16

        return change

    end = struct.Struct("<4s4H2LH")
    many = list(end.unpack(good[-22:]))
    many[3] = many[4] = 65_535
    bomb = packed(with_(record_ndjson=record + b"\n" * 30_000_000))
    odd: dict[str, tuple[bytes, str]] = {
        "nothing": (b"", "cut off"),
        "no zip": (b"x" * 1000, "cut off"),
        "cut off": (good[: len(good) // 2], "cut off"),
        "something behind": (good + b"more", "cut off"),
        "something before": (b"#!/bin/sh\n" + good, "not as Regie writes"),
        "a directory that claims much": (good[:-22] + end.pack(*many), "not as Regie writes"),
        "a comment": (good[:-2] + b"\x05\x00hello", "cut off"),
        "bomb": (bomb, "far larger"),
        "path upwards": (packed({"../record.ndjson": b"", **files}), "name that no file"),
        "path from the root": (packed({"/etc/passwd.txt": b"", **files}), "name that no file"),
        "path of Windows": (packed({"fhir\\x.txt": b"", **files}), "name that no file"),
        "deep path": (packed({"a/b/c.txt": b"", **files}), "name that no file"),
        "links": (packed(files, mode(0o120777)), "a link"),
        "devices": (packed(files, mode(0o020666)), "a link"),
        "twice": (packed({**files, "RECORD.ndjson": record}).replace(b"RECORD.ndjson", b"record.ndjson"), "twice"),
        "more files": (packed({**files, "more.txt": b""}), "other files"),
        "fewer files": (packed({name: text for name, text in files.items() if name != "log.csv"}), "other files"),
        "no manifest": (packed({name: text for name, text in files.items() if name != MANIFEST}), "no manifest.json"),
        "no signature": (packed({name: text for name, text in files.items() if name != SIGNATURE}), "no manifest.sig"),
        "altered file": (packed({**files, "log.csv": b"nobody looked"}), "log.csv is not as"),
        "altered manifest": (packed({**files, MANIFEST: files[MANIFEST].replace(b"Zonne", b"Maan-")}), "altered, or"),
        "signature of nonsense": (packed({**files, SIGNATURE: b"\xff{"}), "can't be read"),
        "signature of another": (packed({**files, SIGNATURE: forger.signed()[SIGNATURE]}), "altered, or"),
        "key of another": (packed({**files, SIGNATURE: _renamed(files[SIGNATURE])}), "altered, or"),
        "another form": (packed(forger.signed(format=2)), "form 2"),
        "manifest of nonsense": (packed(forger.signed(files=[{"name": "../x"}])), "can't be read"),
        "another record": (packed(forger.signed(record_id=5)), "not the record"),
        "no record": (packed(Forger({k: v for k, v in files.items() if k != "record.ndjson"}).signed()), "no record"),
        "a log that is none": (packed(with_(**{"earlier-logs__1_ndjson": b'{"line":"grant"}\n'})), "no entry of a log"),
        "logs out of order": (packed(with_(**{"earlier-logs__2_ndjson": b""})), "numbered from 1"),
        "the record altered": (packed(with_(record_ndjson=record.replace(b'"final"', b'"amended"', 1))), "was altered"),
        "the record cut off": (packed(with_(record_ndjson=record[: len(record) // 2])), "not sound"),
        "nested": (packed(with_(record_ndjson=good)), "not the record"),
    }
    encrypted = bytearray(good)
    at = good.index(b"PK\x01\x02")
    encrypted[at + 8] |= 1
    odd["encrypted"] = (bytes(encrypted), "encrypted")
    damaged = bytearray(good)
    damaged[200] ^= 255
    odd["damaged"] = (bytes(damaged), "damaged|not as the manifest")
    method = bytearray(good)
    method[at + 10] = 12
    odd["another packing"] = (bytes(method), "packed in a way")
    overlap = bytearray(good)
    second = good.index(b"PK\x01\x02", at + 4)
    overlap[second + 42 : second + 46] = struct.pack("<L", 5)
    odd["one over another"] = (bytes(overlap), "over another|damaged")
    kids = (kid_of(good), forger.keys.first().thumbprint)
    unnoticed = {}
    for what, (data, why) in odd.items():
        try:
            await brought(there, data, OPERATOR, *kids)
        except RegieError as error:
            if not any(part in str(error) for part in why.split("|")):
                unnoticed[what] = str(error)
        else:
            unnoticed[what] = "taken"
    assert unnoticed == {}
    assert there.soundness.changes(here.record_id) == []
    monkeypatch.setattr(archive_reading, "UNPACKED_MAX", len(record))
    with pytest.raises(UnprocessableError, match="too large when"):
        await brought(there, good)
    monkeypatch.setattr(archive_reading, "PACKED_MAX", len(good) - 1)
    with pytest.raises(UnprocessableError, match="at most"):
        await brought(there, good)


def _renamed(signature: bytes) -> bytes:
    found = json.loads(signature)
    return json.dumps({**found, "kid": "A" * 43}).encode()


async def test_any_damage_to_an_archive_is_refused_and_nothing_else_happens(here: Inside, there: Inside) -> None:
    """Bytes are altered, cut out and doubled at random."""
    good, dice = await archived(here), random.Random(11)
    for _ in range(150):
        data = bytearray(good)
        at, length = dice.randrange(len(data)), dice.randint(1, 40)
        match dice.randrange(3):
            case 0:
                data[at] ^= dice.randint(1, 255)
            case 1:
                del data[at : at + length]
            case _:
                data[at:at] = data[at : at + length]
        try:
            await bring_in_archive(there.parts.context, OPERATOR, TRACE, io.BytesIO(data), [kid_of(good)])
        except (ConflictError, UnprocessableError):
            continue
        else:
            kept = [change.body for change in there.soundness.changes(here.record_id)]
            assert kept == [change.body for change in here.soundness.changes(here.record_id)]


async def test_the_lines_of_an_archive_are_those_of_an_export(here: Inside) -> None:
    lines = [line async for line in export(here.parts.context, OPERATOR, TRACE, here.record_id)]
    archived_lines = files_of(await archived(here))["record.ndjson"].splitlines(keepends=True)
    changes = [line for line in lines if line.startswith(b'{"line":"change"')]
    assert changes == [line for line in archived_lines if line.startswith(b'{"line":"change"')]


async def test_a_record_that_is_little_but_one_sign_over_and_over_moves_too(there: Inside, tmp_path: Path) -> None:
    async with server(tmp_path / "with-empty-pages") as person:
        for number in range(5):
            assert (await person.create(person.observation(f"empty {number}", padding=900_000))).status_code == 201
        data = await archived(person)
        assert (await brought(there, data)).is_new


async def test_a_line_of_megabytes_is_packed_in_small_pieces_so_that_others_have_their_turn(here: Inside) -> None:
    body = json.loads(here.observation("large"))
    body["note"] = [{"text": random.Random(7).randbytes(400_000).hex()}]
    assert (await here.create(json.dumps(body).encode())).status_code == 201
    made = archive(here.parts.context, OPERATOR, TRACE, here.record_id, summary_in(language("en")))
    assert max([len(piece) async for piece in made]) < 2 * PIECE
