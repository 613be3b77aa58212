"""``python -m tests.support.train_dictionaries NUMBER...``: make dictionaries anew, from invented people and their log.

1 is for bodies of resources, 2 for entries of the audit log. What is in use is never made anew: give the new one the next
number, and add it to ``DICTIONARIES`` in ``tests/unit/db/test_packed.py``.
"""

import asyncio
import random
import sys
import tempfile
from datetime import date
from pathlib import Path
from uuid import UUID

import msgspec
from sqlalchemy import select
from zstandard import train_dictionary

from app.access.requester import Requester, RequesterKind
from app.access.smart_scope import SmartScopes
from app.audit.events import PURPOSES, Event, Trace
from app.db.migrate import migrate
from app.db.packed import LEVEL
from app.db.statements import hot
from app.demo.people import demo_people
from app.interactions.bundle import bundle
from app.interactions.people import ensure_record
from app.settings import Settings
from app.store.bodies import decode
from app.store.tables import change
from app.wiring import wire

FIRST_SEED = 90_000
"""Far from the seeds of the demo and of the benchmark: what is measured there was not learnt here."""

PEOPLE = 24
ENTRIES = 20_000
SIZES = {1: 65_536, 2: 4096}
_BODIES = hot(select(change.c.body))
_encode = msgspec.json.Encoder(decimal_format="number").encode


async def bodies(folder: Path) -> list[bytes]:
    """Return the bodies of invented people as they are kept, before they are packed."""
    url = f"sqlite:///{folder / 'regie.sqlite3'}"
    migrate(url)
    parts = wire(Settings(database_url=url, secret_file=folder / "secret", base_url="https://regie.example"))
    try:
        for seed in range(FIRST_SEED, FIRST_SEED + PEOPLE, 3):
            for number, person in enumerate(demo_people(date(2026, 3, 1), seed=seed)):
                record_id = random.Random(seed + number).getrandbits(48)
                await ensure_record(parts.context, record_id)
                who = Requester(
                    RequesterKind.PERSON, "person", "invented", SmartScopes.of("user/*.cruds"), record_id=record_id
                )
                for release, resources in person.resources.items():
                    entries = [
                        {"fullUrl": url, "resource": one, "request": {"method": "POST", "url": one["resourceType"]}}
                        for url, one in resources
                    ]
                    sent = _encode({"resourceType": "Bundle", "type": "transaction", "entry": entries})
                    await bundle(parts.context, who, Trace("training"), release, sent)
        return [decode(row[0]) for row in await parts.database.reader.all(_BODIES, {})]
    finally:
        parts.close()


def log_entries() -> list[bytes]:
    """Return entries of the log such as each kind of party leaves."""
    chance = random.Random(FIRST_SEED)
    types = ("Observation", "MedicationStatement", "MedicationRequest", "MedicationDispense", "Condition", "Patient")
    actions = ("read", "search-type", "create", "create", "update", "vread", "operation-everything", "batch", "login")
    grounds = {"person": "own record", "operator": "operator"}
    found = []
    for number in range(1, ENTRIES + 1):
        kind = chance.choice(("app", "app", "person", "practice", "representative", "operator"))
        party = str(UUID(int=chance.getrandbits(128), version=4))
        action = chance.choice(actions)
        is_write = action in ("create", "update")
        record_id = chance.getrandbits(48)
        event = Event(
            action,
            record_id=record_id,
            kind=kind,
            actor=f"{kind}:{party}" if kind != "operator" else kind,
            display=f"Naam {number}" if kind in ("app", "practice") else "",
            client=party if kind in ("app", "practice") else "",
            assurance="substantial" if kind == "representative" else "",
            purpose=PURPOSES[kind],
            ground=grounds.get(kind, f"grant {UUID(int=chance.getrandbits(128), version=4)}"),
            release=chance.choice(("stu3", "r4")),
            resource_type=chance.choice(types),
            resource_id=f"{chance.getrandbits(90):032x}" if is_write or action == "read" else "",
            seq=number if is_write else 0,
            count=chance.choice((1, 1, 20)),
            request_id=str(UUID(int=chance.getrandbits(128), version=4)),
            medmij_request_id=str(UUID(int=chance.getrandbits(128), version=4)) if kind == "app" else "",
            correlation_id=str(UUID(int=chance.getrandbits(128), version=4)) if kind == "app" else "",
            address=f"192.0.2.{chance.randrange(256)}",
            instant=1_790_000_000_000_000 + chance.getrandbits(44),
            own_number=number,
            own_previous=number * 7,
            own_hash=f"{chance.getrandbits(256):064x}",
        )
        found.append(msgspec.json.encode(event))
    return found


def main() -> None:
    """Make those that are named."""
    folder = Path(__file__).resolve().parents[2] / "app" / "db" / "dictionaries"
    for number in map(int, sys.argv[1:]):
        with tempfile.TemporaryDirectory() as scratch:
            samples = asyncio.run(bodies(Path(scratch))) if number % 2 else log_entries()
        random.Random(number).shuffle(samples)
        made = train_dictionary(SIZES[2 - number % 2], [*samples], dict_id=number, level=LEVEL)
        (folder / f"{number}.dictionary").write_bytes(made.as_bytes())


if __name__ == "__main__":
    main()
