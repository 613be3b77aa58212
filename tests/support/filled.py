"""A person of whom there is something in every table that can have it, and where anything of somebody is left."""

import json
from contextlib import closing
from datetime import timedelta

from app.access.categories import Category
from app.access.grant import Grantee
from app.access.requester import RequesterKind
from app.access.smart_scope import ALL_ACTIONS, LOOK
from app.audit import alerts, earlier
from app.consent import codes as access_codes
from app.consent import grants, requests
from app.db.database import Transaction
from app.db.metadata import metadata
from app.fhir.release import Release
from app.identity import challenges, identities, known_devices, resets, sessions, staff_looks, tries
from app.identity.challenges import Purpose
from app.identity.mail_addresses import MailAddresses
from app.identity.openid import Identity
from app.identity.passkeys import Passkeys
from app.identity.recovery import RecoveryCodes
from app.jobs import outbox
from app.oauth import codes, launches, tokens
from tests.support.database import beside
from tests.support.importing import imported
from tests.support.in_process import Inside
from tests.support.passkey import Device

APP_ID = "app-of-the-test"
CHOSEN = "0c3f8a7e-5b1d-4e7a-9f52-6d1c2b3a4f50"
MAIL = "zonnestraal@example.test"


async def _fill_logins(person: Inside, transaction: Transaction, account_id: str) -> None:
    """Put something in every table about how the person logs in."""
    now, key = person.clock.now, b"k" * 32
    await challenges.begin(transaction, Purpose.LOGIN, "browser", now)
    challenge = await challenges.begin(transaction, Purpose.REGISTRATION, "browser", now, account_id)
    keys = Passkeys("https://regie.example")
    options = await keys.registration(transaction, challenge, account_id, "zonnestraal", "Zonnestraal-Testpersoon")
    credential = Device("https://regie.example", "regie.example").made(json.loads(options))
    await keys.add(transaction, credential, challenge, account_id, "Telefoon", now)
    identity = Identity("https://login.example", "zonnestraal", "substantial")
    await identities.link(transaction, account_id, identity, now)
    await known_devices.remember(transaction, account_id, "browser", now)
    await RecoveryCodes(key).renew(transaction, account_id)
    addresses = MailAddresses(key)
    code = await addresses.begin(transaction, account_id, MAIL, now)
    await addresses.confirm(transaction, account_id, code, now)
    await addresses.begin(transaction, account_id, MAIL, now)
    await resets.begin(transaction, "zonnestraal", now)
    await launches.keep(transaction, launches.Launch(APP_ID, person.record_id, "session"), now)


async def fill(person: Inside) -> None:
    """Put something of the person in every table that can have it."""
    parts, now, record_id = person.parts, person.clock.now, person.record_id
    created = await person.create(person.observation("with-a-key"), **{"Idempotency-Key": "first"})
    assert created.status_code == 201, created.text
    line = person.observation("by-the-operator", id_="chosen-by-the-operator")
    line = line[:-1] + b',"dataAbsentReason":{"text":"Not measured"}}'  # kept with what it breaks
    assert (await imported(parts, [line])).counts == (1, 0, 0)
    password_hash = await parts.accounts.hash_password("geen-echt-wachtwoord")

    async def job(transaction: Transaction) -> None:
        account_id = await parts.accounts.create(
            transaction, login="zonnestraal", password_hash=password_hash, name="Zonnestraal-Testpersoon",
            record_id=record_id, totp_secret="JBSWY3DPEHPK3PXP", now=now,
        )  # fmt: skip
        await sessions.begin_half(transaction, account_id, now)
        await _fill_logins(person, transaction, account_id)
        await alerts.switch(transaction, record_id, frozenset())
        await earlier.keep(transaction, record_id, [b"{}\n"])
        await staff_looks.saw(transaction, record_id, "somebody-at-work", staff_looks.StaffLook(1, now))
        await access_codes.make(transaction, b"k" * 32, record_id, now)
        wanted = requests.Wanted(Category.MEDICATION, LOOK, "treatment", now + timedelta(days=30), "with-words")
        await requests.put(transaction, record_id, "practice-of-the-test", "Praktijk", wanted, now)
        await tries.begin(transaction, tries.of_code(account_id), now)
        grant = await grants.give(
            transaction, record_id=record_id, grantee=Grantee.APP, grantee_id=APP_ID, actions=ALL_ACTIONS,
            categories=Category.OWN_MEASUREMENTS | Category.MEDICATION, until=now + timedelta(days=30), purpose="",
            now=now,
        )  # fmt: skip
        holder = tokens.Holder(RequesterKind.APP, "app", APP_ID, record_id, None, grant.grant_id)
        await tokens.issue(transaction, holder, scope="patient/*.rs", lifetime=timedelta(hours=1), now=now)
        await codes.keep(
            transaction,
            codes.AuthorizationCode(
                tokens.hashed("code"), tokens.new_family(), APP_ID, record_id, grant.grant_id, "https://app.example/done",
                "patient/*.rs", "challenge", Release.R4, 2**60,
            ),
        )  # fmt: skip
        await outbox.put(transaction, record_id=record_id, kind="notice", body={"about": "access"}, now_us=0)

    await parts.database.write(job)


def traces(url: str, *of: int | str) -> dict[str, int]:
    """Return how many rows of each table, but for the audit log, hold one of these values in any way."""
    texts = [str(value).encode() for value in of]
    found = {}
    with closing(beside(url)) as connection:
        for name in sorted(set(metadata.tables) - {"audit"}):
            rows = connection.execute(f"SELECT * FROM {name}").fetchall()  # noqa: S608 - our own names
            held = sum(any(text in _written(value) for text in texts for value in row) for row in rows)
            if held:
                found[name] = held
    return found


def _written(value: object) -> bytes:
    return value if isinstance(value, bytes) else str(value).encode()


def of_person(person: Inside) -> tuple[int | str, ...]:
    """Return what names a filled person in any table."""
    with person.soundness.opened() as connection:
        accounts = [row[0] for row in connection.execute("SELECT account_id FROM account")]
    buckets = [bucket.name for account in accounts for bucket in tries.of_code(account)]
    return (
        person.record_id,
        person.patient_id,
        CHOSEN,
        "chosen-by-the-operator",
        "zonnestraal",
        *buckets,
        *accounts,
        "with-words",
    )


def counted(person: Inside) -> dict[str, int]:
    """Return how many rows each table has."""
    with person.soundness.opened() as connection:
        return {
            name: int(connection.execute(f"SELECT count(*) FROM {name}").fetchone()[0])  # noqa: S608 - our own names
            for name in metadata.tables
        }
