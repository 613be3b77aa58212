"""A world for tests of access and of the FHIR API: the whole application, two people with records, and all who may ask.

``world_in(folder)`` gives the application on a new database. What is in it is made once per process, by the same functions
that the program uses, and copied for every world after that: tests may change theirs as they like.

Of Zonnestraal's things each shows another side of access; ``THINGS`` says which category each has.
"""

import atexit
import json
import shutil
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pyotp
from sqlalchemy import bindparam, update

from app.access.categories import ALL_PARTS, EVERYTHING, Category
from app.access.grant import Grant, Grantee
from app.access.requester import RequesterKind
from app.access.smart_scope import ALL_ACTIONS, LOOK, Action
from app.access.staff import StaffRole
from app.consent import codes, grants
from app.db.database import Transaction
from app.db.statements import hot
from app.fhir.release import Release
from app.identity import practices, sessions, staff
from app.identity.instants import to_us
from app.identity.staff import Described
from app.identity.tables import portal_session
from app.interactions.people import ensure_record
from app.main import Regie, create_app
from app.oauth import clients, tokens
from app.oauth.tokens import Holder
from app.settings import Settings
from app.store.ids import new_id, new_record_id
from app.wiring import Parts
from tests.support.database import copied, kind, migrated, taken_away
from tests.support.passwords import HASHED

BASE_URL = "http://127.0.0.1:8000"
SYSTEM = "https://regie.example/test"
SHARED_UUID = "5a1ad000-0000-4000-8000-00000000abcd"
"""The id that both people chose for an Observation."""

DAY = timedelta(days=1)
"""How long the template's tokens and sessions last: longer than the tests of a slow machine."""
UNTIL = (datetime.now(UTC) + 200 * DAY).date()
"""The last day that is asked for, where somebody asks for access."""

APP_SCOPE = "patient/Observation.cruds patient/Patient.r patient/Condition.rs"
CATEGORY_SYSTEM = {
    Release.STU3: "http://hl7.org/fhir/observation-category",
    Release.R4: "http://terminology.hl7.org/CodeSystem/observation-category",
}
NARROW_SCOPE = " ".join(
    [
        "patient/Patient.r",
        *(f"patient/Observation.cruds?category={one}|vital-signs" for one in CATEGORY_SYSTEM.values()),
    ]
)
"""A scope that names a token: of the observations only those of one category."""
PERSON_SCOPE = "patient/*.cruds"
SYSTEM_SCOPE = "system/*.cruds"

THINGS: dict[str, tuple[str, Category]] = {
    "patient": ("Patient", Category.PERSONAL_DETAILS),
    "hidden-encounter": ("Encounter", Category.GP_SUMMARY | Category.SENSITIVE),
    "weight": ("Observation", Category.OWN_MEASUREMENTS),
    "chosen": ("Observation", Category.OWN_MEASUREMENTS),
    "condition": ("Condition", Category.GP_SUMMARY),
    "secret": ("Condition", Category.GP_SUMMARY | Category.SENSITIVE),
    "goal": ("Goal", Category.CARE_PLAN),
}
"""What each person has in each release: the type, and the category that it falls in."""

Tree = dict[str, Any]


@dataclass
class Person:
    """Somebody with a record; ``ids`` by release and thing."""

    name: str
    family: str
    record_id: int
    bsn: str
    patients: dict[Release, str] = field(default_factory=dict)
    ids: dict[tuple[Release, str], str] = field(default_factory=dict)

    def marker(self, thing: str) -> str:
        """Return the text that is in this thing and nowhere else."""
        return f"{self.name}-{thing}"

    def patient(self, release: Release = Release.R4) -> str:
        """Return the reference to the person's Patient."""
        return f"Patient/{self.patients[release]}"

    def url(self, thing: str, release: Release = Release.R4) -> str:
        """Return ``/Type/id`` of a thing."""
        return f"/{THINGS[thing][0]}/{self.ids[release, thing]}"


@dataclass
class Made:
    """What the first world made, to be found again in the copies: the people, the tokens and who holds them."""

    folder: Path
    url: str
    people: dict[str, Person] = field(default_factory=dict)
    tokens: dict[str, str] = field(default_factory=dict)
    practices: dict[str, str] = field(default_factory=dict)
    grants: dict[str, Grant] = field(default_factory=dict)
    cookies: dict[str, str] = field(default_factory=dict)
    codes: dict[str, str] = field(default_factory=dict)
    clients: dict[str, str] = field(default_factory=dict)
    organization: dict[Release, str] = field(default_factory=dict)


@dataclass
class Caller:
    """One who asks, with a token or (None) without."""

    http: httpx.AsyncClient
    token: str | None
    release: Release = Release.R4

    def __post_init__(self) -> None:
        """Work out the base of the release."""
        self.base = f"/fhir/{self.release.path}"

    async def __call__(
        self, method: str, url: str, body: Tree | bytes | str | None = None, **headers: str
    ) -> httpx.Response:
        """Return the answer; ``url`` starts below the base. A header ``If_Match`` is written ``If-Match``."""
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        if self.token is not None:
            sent.setdefault("Authorization", f"Bearer {self.token}")
        content = (
            body if isinstance(body, bytes | str) or body is None else json.dumps(body, ensure_ascii=False).encode()
        )
        if content is not None:
            sent.setdefault("Content-Type", "application/fhir+json")
        address = url if url.startswith("http") else f"{self.base}{url}"
        return await self.http.request(method, address, content=content, headers=sent)

    def of(self, release: Release) -> "Caller":
        """Return the same caller at the base of another release."""
        return Caller(self.http, self.token, release)

    async def get(self, url: str) -> Tree:
        """Return what is there. Raises: AssertionError, when the answer is not 200."""
        answer = await self("GET", url)
        assert answer.status_code == 200, (url, answer.text)
        return tree_of(answer)

    async def made(self, resource: Tree, **headers: str) -> Tree:
        """Return the new resource. Raises: AssertionError, when the answer is not 201."""
        answer = await self("POST", f"/{resource['resourceType']}", resource, **headers)
        assert answer.status_code == 201, answer.text
        return tree_of(answer)

    async def found(self, url: str) -> list[str]:
        """Return the ids of the matches on a page, in order."""
        return ids_of(await self.get(url))

    async def changes(self) -> list[tuple[str, str]]:
        """Return (operation, version) of all changes that ``$delta`` tells: equal before and after means no change."""
        entries = (await self.get("/$delta?since=0&_count=1000")).get("entry", [])
        requests = [(entry["fullUrl"], entry["request"]) for entry in entries]
        return [(asked["method"], f"{url} {asked['extension'][0]['valueString']}") for url, asked in requests]


@dataclass
class World:
    """A running application and those who ask it."""

    application: Regie
    http: httpx.AsyncClient
    made: Made

    @property
    def parts(self) -> Parts:
        """The parts of the application."""
        assert self.application.parts is not None
        return self.application.parts

    @property
    def zonnestraal(self) -> Person:
        """The person whose things are asked for."""
        return self.made.people["zonnestraal"]

    @property
    def maanlicht(self) -> Person:
        """The other person."""
        return self.made.people["maanlicht"]

    def caller(self, name: str | None, release: Release = Release.R4) -> Caller:
        """Return one of those who have a token, by name; None is somebody without."""
        return Caller(self.http, None if name is None else self.made.tokens[name], release)

    async def give(self, practice: str, person: Person, categories: Category, actions: Action = LOOK) -> Grant:
        """Return a new grant to a practice, in force now."""
        now = self.parts.clock()

        async def job(transaction: Transaction) -> Grant:
            return await _give(
                transaction, person, Grantee.PRACTICE, self.made.practices[practice], categories, actions, now
            )

        return await self.parts.database.write(job)

    async def withdraw(self, grant: Grant) -> None:
        """Withdraw a grant, as its person does."""
        now = self.parts.clock()

        async def job(transaction: Transaction) -> None:
            await grants.withdraw(transaction, grant.record_id, grant.grant_id, now)

        await self.parts.database.write(job)

    async def token(self, holder: Holder, scope: str) -> str:
        """Return a new access token."""
        now = self.parts.clock()

        async def job(transaction: Transaction) -> str:
            return await tokens.issue(transaction, holder, scope=scope, lifetime=DAY, now=now)

        return await self.parts.database.write(job)


def tree_of(answer: httpx.Response) -> Tree:
    """Return the body as a JSON tree."""
    tree = json.loads(answer.content)
    assert isinstance(tree, dict)
    return tree


def ids_of(bundle: Tree, mode: str = "match") -> list[str]:
    """Return the ids of the entries with this search mode, in order."""
    return [entry["resource"]["id"] for entry in bundle.get("entry", []) if entry["search"]["mode"] == mode]


def link(bundle: Tree, relation: str) -> str | None:
    """Return the URL of a link, None if the Bundle has none of that relation."""
    return next((one["url"] for one in bundle["link"] if one["relation"] == relation), None)


def never_made(person: Person | None = None) -> str:
    """Return an id of the form that the server makes, which it never made: of the person's record, or of none."""
    return new_id(person.record_id if person else new_record_id(), to_us(datetime.now(UTC)))


def identifier(value: str) -> list[Tree]:
    """Return an identifier by which a thing can be searched for."""
    return [{"system": SYSTEM, "value": value}]


def weight(release: Release, patient: str | None, value: str = "72.5", **members: Any) -> Tree:
    """Return an Observation of a body weight; ``value`` in kilograms."""
    tree: Tree = {
        "resourceType": "Observation",
        "status": "final",
        "code": {"coding": [{"system": "http://loinc.org", "code": "29463-7", "display": "Body weight"}]},
        "effectiveDateTime": "2026-03-01T08:00:00+01:00",
        "valueQuantity": {"value": float(value), "unit": "kg", "system": "http://unitsofmeasure.org", "code": "kg"},
    }
    del release  # the same in both
    if patient is not None:
        tree["subject"] = {"reference": patient}
    return tree | members


def vital_signs(release: Release) -> list[Tree]:
    """Return the category of an Observation that a scope may name."""
    return [{"coding": [{"system": CATEGORY_SYSTEM[release], "code": "vital-signs"}]}]


def encounter_of(release: Release, reference: str) -> Tree:
    """Return the member of an Observation that says at which Encounter it was made."""
    return {"context" if release is Release.STU3 else "encounter": {"reference": reference}}


def condition(release: Release, patient: str, **members: Any) -> Tree:
    """Return a Condition."""
    status: Any = "active"
    if release is Release.R4:
        system = "http://terminology.hl7.org/CodeSystem/condition-clinical"
        status = {"coding": [{"system": system, "code": "active"}]}
    code = {"coding": [{"system": "http://snomed.info/sct", "code": "38341003", "display": "Hypertension"}]}
    tree = {"resourceType": "Condition", "clinicalStatus": status, "code": code, "subject": {"reference": patient}}
    return tree | members


def goal(release: Release, patient: str, **members: Any) -> Tree:
    """Return a Goal."""
    state = {"status": "in-progress"} if release is Release.STU3 else {"lifecycleStatus": "active"}
    text = {"description": {"text": "Minder zout eten"}, "subject": {"reference": patient}}
    return {"resourceType": "Goal", **state, **text} | members


def restricted() -> Tree:
    """Return the meta of a resource that is sensitive."""
    return {"security": [{"system": "http://terminology.hl7.org/CodeSystem/v3-Confidentiality", "code": "R"}]}


def bundle(kind: str, *entries: Tree) -> Tree:
    """Return a batch or transaction."""
    return {"resourceType": "Bundle", "type": kind, "entry": list(entries)}


def entry(method: str, url: str, resource: Tree | None = None, full_url: str | None = None, **request: str) -> Tree:
    """Return an entry of a batch or transaction; ``request`` has ``ifMatch`` and the like."""
    made: Tree = {"request": {"method": method, "url": url, **request}}
    if resource is not None:
        made["resource"] = resource
    return ({"fullUrl": full_url} if full_url else {}) | made


_templates: dict[str, Made] = {}
"""The first world of each kind of database."""

_AFRESH = hot(
    update(portal_session)
    .where(portal_session.c.second_factor.is_(True))
    .values(
        created_at=bindparam("now"),
        last_seen_at=bindparam("now"),
        proven_at=bindparam("now"),
        expires_at=bindparam("until"),
    )
)


@asynccontextmanager
async def world_in(folder: Path, **settings: Any) -> AsyncIterator[World]:
    """Yield a running application in ``folder`` with everything above in it; ``settings`` differ from the usual."""
    if kind() not in _templates:
        _templates[kind()] = await _template()
    made = _templates[kind()]
    shutil.copy(made.folder / "secret", folder / "secret")
    url = copied(made.url, folder)
    try:
        async with _running(folder, url, made, settings) as world:
            await world.parts.database.write(_logged_in_now)
            yield world
    finally:
        taken_away(url)


async def _logged_in_now(transaction: Transaction) -> None:
    """Let the sessions of a copy be as new as it is: the first world may have been made long ago."""
    now = datetime.now(UTC)
    until = to_us(now + timedelta(minutes=30))
    await transaction.run(_AFRESH, {"now": to_us(now), "until": until})


@asynccontextmanager
async def _running(folder: Path, url: str, made: Made, settings: Mapping[str, Any]) -> AsyncIterator[World]:
    usual = {
        "database_url": url,
        "secret_file": folder / "secret",
        "base_url": BASE_URL,
        "mail_url": f"file:{folder / 'mail'}",
    }
    application = create_app(Settings(**{**usual, **settings}))
    application.open()
    try:
        transport = httpx.ASGITransport(app=application)
        async with httpx.AsyncClient(transport=transport, base_url=application.settings.base_url) as http:
            yield World(application, http, made)
    finally:
        application.close()


async def _template() -> Made:
    folder = Path(tempfile.mkdtemp(prefix="regie-world-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    made = Made(folder, migrated(folder))
    async with _running(folder, made.url, made, {}) as world:
        made.tokens["operator"] = await world.token(Holder(RequesterKind.OPERATOR, "operator"), SYSTEM_SCOPE)
        for name, family, bsn in (
            ("zonnestraal", "Zonnestraal-Testpersoon", "999900006"),
            ("maanlicht", "Maanlicht-Testpersoon", "999900018"),
        ):
            made.people[name] = Person(name, family, new_record_id(), bsn)
            await _fill_record(world, made.people[name])
            await _add_account(world, made.people[name])
        await _fill_directory(world)
        await _add_apps(world)
        await _add_practices(world)
        await _add_staff(world)
        await _add_bad_tokens(world)
    return made


async def _fill_record(world: World, person: Person) -> None:
    await ensure_record(world.parts.context, person.record_id)
    holder = Holder(RequesterKind.PERSON, person.family, record_id=person.record_id)
    world.made.tokens[person.name] = await world.token(holder, PERSON_SCOPE)
    for release in Release:
        me = world.caller(person.name, release)
        patient = {
            "resourceType": "Patient",
            "identifier": [
                {"system": "http://fhir.nl/fhir/NamingSystem/bsn", "value": person.bsn},
                *identifier(person.marker("patient")),
            ],
            "name": [{"family": person.family}],
        }
        person.patients[release] = person.ids[release, "patient"] = (await me.made(patient))["id"]
        for thing in THINGS:
            if thing != "patient":
                resource = _thing(person, release, thing)
                if thing == "chosen":
                    answer = await me("PUT", f"/Observation/{SHARED_UUID}", resource | {"id": SHARED_UUID})
                    assert answer.status_code == 201, answer.text
                    person.ids[release, thing] = SHARED_UUID
                else:
                    person.ids[release, thing] = (await me.made(resource))["id"]


def _thing(person: Person, release: Release, thing: str) -> Tree:
    subject = person.patient(release)
    named = {"identifier": identifier(person.marker(thing))}
    if thing == "hidden-encounter":
        ambulatory = {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "AMB"}
        tree = {"resourceType": "Encounter", "status": "finished", "class": ambulatory, "meta": restricted()}
        return tree | {"subject": {"reference": subject}} | named
    if thing == "weight":
        visit = encounter_of(release, person.url("hidden-encounter", release)[1:])
        return weight(release, subject, category=vital_signs(release)) | visit | named
    if thing == "chosen":
        return weight(release, subject, "80.1") | named
    if thing == "goal":
        return goal(release, subject) | named
    return condition(release, subject) | named | ({"meta": restricted()} if thing == "secret" else {})


async def _add_account(world: World, person: Person) -> None:
    """Make an account, and a session that has passed both factors."""
    now = world.parts.clock()

    async def job(transaction: Transaction) -> str:
        account_id = await world.parts.accounts.create(
            transaction, login=person.name, password_hash=HASHED, name=person.family, record_id=person.record_id,
            totp_secret=pyotp.random_base32(), now=now,
        )  # fmt: skip
        made = await codes.make(transaction, world.parts.context.cursor_key, person.record_id, now)
        world.made.codes[person.name] = made
        half = await sessions.begin_half(transaction, account_id, now)
        return await sessions.make_whole(transaction, half, account_id, now, DAY)

    world.made.cookies[person.name] = await world.parts.database.write(job)


STAFF = {
    "gp of granted": ("granted", StaffRole.GP, False),
    "nurse of granted": ("granted", StaffRole.PRACTICE_NURSE, False),
    "assistant of granted": ("granted", StaffRole.ASSISTANT, False),
    "administrator of granted": ("granted", StaffRole.NONE, True),
    "gp of no grant": ("no grant", StaffRole.GP, True),
    "gp of expired": ("expired", StaffRole.GP, True),
    "gp of not yet": ("not yet", StaffRole.GP, True),
    "gp of withdrawn": ("withdrawn", StaffRole.GP, True),
    "gp of sensitive": ("sensitive", StaffRole.GP, True),
    "nurse of sensitive": ("sensitive", StaffRole.PRACTICE_NURSE, False),
    "gp of both": ("both", StaffRole.GP, True),
    "assistant of both": ("both", StaffRole.ASSISTANT, False),
    "left granted": ("granted", StaffRole.GP, False),
}
"""People who log in for work, by practice, role, and whether they administer it; the last one left."""


def staff_name(who: str) -> str:
    """Return the name of somebody of a practice."""
    return f"{who.title()}-Testmedewerker"


async def _add_staff(world: World) -> None:
    """Let people log in for work, each with a session that has passed both factors."""
    now = world.parts.clock()
    for who, (practice, role, administers) in STAFF.items():
        described = Described(staff_name(who), role, administers)

        async def job(
            transaction: Transaction, who: str = who, practice: str = practice, described: Described = described
        ) -> str:
            practice_id = world.made.practices[practice]
            account_id = await world.parts.accounts.create(
                transaction, login=who, password_hash=HASHED, name=described.name, record_id=None,
                totp_secret=pyotp.random_base32(), now=now,
            )  # fmt: skip
            token = await staff.invite(transaction, practice_id, described, "operator", now)
            await staff.join(transaction, token, account_id, now)
            half = await sessions.begin_half(transaction, account_id, now)
            cookie = await sessions.make_whole(transaction, half, account_id, now, DAY)
            if who.startswith("left"):
                await staff.end(transaction, practice_id, account_id, now)
            return cookie

        world.made.cookies[who] = await world.parts.database.write(job)


async def _fill_directory(world: World) -> None:
    for release in Release:
        answer = await world.caller("operator", release).made(
            {"resourceType": "Organization", "name": "Praktijk De Klaproos-Test", "active": True}
        )
        world.made.organization[release] = answer["id"]


async def _add_apps(world: World) -> None:
    """Each person uses the same app; it may see measurements only, and its scope is narrower than ``patient/*``.

    Of Zonnestraal's there are two more: one with a scope that names a token, and one whose time is over.
    """
    now = world.parts.clock()

    async def job(transaction: Transaction) -> str:
        return await clients.add(
            transaction, name="Meetmaatje-Test", scope=APP_SCOPE, redirect_uris=["https://app.example/done"],
            public=True, now=now,
        )  # fmt: skip

    client_id = world.made.clients["app"] = await world.parts.database.write(job)
    zonnestraal, maanlicht = world.made.people["zonnestraal"], world.made.people["maanlicht"]
    for name, person, scope, until in (
        ("app of zonnestraal", zonnestraal, APP_SCOPE, now + DAY),
        ("app of maanlicht", maanlicht, APP_SCOPE, now + DAY),
        ("narrowed app", zonnestraal, NARROW_SCOPE, now + DAY),
        ("ended app", zonnestraal, APP_SCOPE, now - DAY),
    ):
        begun = min(now, until - DAY)

        async def give(
            transaction: Transaction, person: Person = person, begun: datetime = begun, until: datetime = until
        ) -> Grant:
            return await _give(
                transaction, person, Grantee.APP, client_id, Category.OWN_MEASUREMENTS, ALL_ACTIONS, begun, until
            )

        key = name if name.startswith("app of") else f"{name} of {person.name}"
        grant = world.made.grants[key] = await world.parts.database.write(give)
        holder = Holder(
            RequesterKind.APP, "Meetmaatje-Test", client_id, record_id=person.record_id, grant_id=grant.grant_id
        )
        world.made.tokens[name] = await world.token(holder, scope)


async def _add_practices(world: World) -> None:
    """Each practice shows another state of a grant; all are of Zonnestraal, but that ``both`` has one of each person."""
    now = world.parts.clock()
    changing = LOOK | Action.CREATE | Action.UPDATE
    shown = Category.OWN_MEASUREMENTS | Category.GP_SUMMARY | Category.PERSONAL_DETAILS
    zonnestraal, maanlicht = world.made.people["zonnestraal"], world.made.people["maanlicht"]
    states: dict[str, list[tuple[Person, Category, Action, datetime, datetime]]] = {
        "no grant": [],
        "granted": [(zonnestraal, shown, changing, now, now + DAY)],
        "expired": [(zonnestraal, ALL_PARTS, ALL_ACTIONS, now - 2 * DAY, now - DAY)],
        "not yet": [(zonnestraal, ALL_PARTS, ALL_ACTIONS, now + DAY, now + 2 * DAY)],
        "withdrawn": [(zonnestraal, ALL_PARTS, ALL_ACTIONS, now - DAY, now + DAY)],
        "sensitive": [(zonnestraal, Category.GP_SUMMARY | Category.SENSITIVE, LOOK, now, now + DAY)],
        "partial": [
            (zonnestraal, EVERYTHING, ALL_ACTIONS, now - 2 * DAY, now - DAY),
            (zonnestraal, Category.GP_SUMMARY, Action.READ, now, now + DAY),
        ],
        "both": [(person, ALL_PARTS, ALL_ACTIONS, now, now + DAY) for person in (zonnestraal, maanlicht)],
    }
    for name, given in states.items():

        async def add(transaction: Transaction, name: str = name) -> str:
            return await practices.add(transaction, name=f"Praktijk {name.title()}-Test", city="Testdam", now=now)

        practice_id = world.made.practices[name] = await world.parts.database.write(add)
        for person, categories, actions, starts_at, until in given:

            async def give(
                transaction: Transaction,
                person: Person = person,
                categories: Category = categories,
                actions: Action = actions,
                starts_at: datetime = starts_at,
                until: datetime = until,
                practice_id: str = practice_id,
            ) -> Grant:
                return await _give(
                    transaction, person, Grantee.PRACTICE, practice_id, categories, actions,
                    min(starts_at, now), until, starts_at,
                )  # fmt: skip

            key = f"{name} of {person.name}"
            key = f"past {key}" if name == "partial" and until < now else key
            world.made.grants[key] = await world.parts.database.write(give)
        holder = Holder(RequesterKind.PRACTICE, f"Praktijk {name.title()}-Test", practice_id=practice_id)
        world.made.tokens[name] = await world.token(holder, SYSTEM_SCOPE)
    await world.withdraw(world.made.grants["withdrawn of zonnestraal"])


async def _add_bad_tokens(world: World) -> None:
    """Make tokens of Zonnestraal that are no good any more, or not for this."""
    now = world.parts.clock()
    holder = Holder(RequesterKind.PERSON, "Zonnestraal-Testpersoon", record_id=world.zonnestraal.record_id)

    async def job(transaction: Transaction) -> dict[str, str]:
        async def issue(**changed: Any) -> str:
            asked = {"scope": PERSON_SCOPE, "lifetime": timedelta(minutes=15), "now": now, **changed}
            return await tokens.issue(transaction, holder, **asked)

        made = {
            "unknown token": tokens.new_value(),
            "expired token": await issue(now=now - timedelta(minutes=16)),
            "revoked token": await issue(family_id="revoked"),
            "refresh token": await issue(is_refresh=True),
        }
        await tokens.revoke_family(transaction, "revoked", to_us(now))
        return made

    world.made.tokens |= await world.parts.database.write(job)


async def _give(
    transaction: Transaction,
    person: Person,
    grantee: Grantee,
    grantee_id: str,
    categories: Category,
    actions: Action,
    now: datetime,
    until: datetime | None = None,
    starts_at: datetime | None = None,
) -> Grant:
    return await grants.give(
        transaction, record_id=person.record_id, grantee=grantee, grantee_id=grantee_id, categories=categories,
        actions=actions, until=until or now + DAY, purpose="treatment", now=now, starts_at=starts_at,
    )  # fmt: skip
