"""The log of a record in plain words."""

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import msgspec
import pytest

from app.audit.events import Event
from app.audit.log import LogEntry
from app.audit.unusual import Unusual
from app.identity.instants import from_us
from app.portal.activity import looks
from app.portal.language import language
from app.portal.log_filter import Filter, deed_of
from app.portal.news import standing_out

DUTCH = language("nl")
AMSTERDAM = ZoneInfo("Europe/Amsterdam")
AT = int(datetime(2026, 11, 25, 9, 30, tzinfo=UTC).timestamp()) * 1_000_000
PRACTICE = Event(
    "search-type",
    record_id=1,
    kind="practice",
    actor="practice:p1",
    display="Praktijk De Proef",
    ground="grant g1",
    resource_type="Observation",
    request_id="r1",
    count=1,
    instant=AT,
)
FAILED_LOGIN = Event("login", record_id=1, kind="person", actor="person", outcome="refused", status=401, instant=AT)


def event(base: Event = PRACTICE, **more: object) -> Event:
    return msgspec.structs.replace(base, **more)


def said(*events: Event) -> list[str]:
    entries = [LogEntry(100 - index, one) for index, one in enumerate(events)]
    return [f"{look.who} {look.what}" for look in looks(entries, AMSTERDAM, DUTCH)]


def test_what_one_request_looked_at_is_one_line() -> None:
    assert said(event(resource_type="CarePlan"), event(resource_type="Goal"), event()) == [
        "Praktijk De Proef heeft gekeken naar metingen en het zorgplan"
    ]


def test_a_search_that_showed_nothing_is_not_said_to_be_a_look_at_it() -> None:
    nothing = event(resource_type="MedicationRequest", count=0)
    assert said(nothing) == ["Praktijk De Proef heeft gezocht naar medicijnen, maar kreeg niets te zien"]
    assert said(nothing, event()) == ["Praktijk De Proef heeft gekeken naar metingen"]
    several = [nothing, event(nothing, resource_type="CarePlan")]
    assert said(*several) == [
        "Praktijk De Proef heeft gezocht naar het zorgplan en medicijnen, maar kreeg niets te zien"
    ]
    assert said(event(nothing, action="read")) == ["Praktijk De Proef heeft gekeken naar medicijnen"]


def test_an_import_that_added_nothing_is_not_said_to_have_added_something() -> None:
    brought = event(kind="operator", actor="operator", display="operator", action="import-resources", ground="operator")
    who = "De beheerder van deze website heeft"
    assert said(brought) == [f"{who} gegevens uit een bestand toegevoegd"]
    assert said(event(brought, count=0)) == [f"{who} een bestand met het dossier vergeleken, en niets toegevoegd"]
    assert said(event(brought, count=0), brought) == [f"{who} gegevens uit een bestand toegevoegd"]


def test_a_deed_and_what_its_request_looked_at_do_not_hide_each_other() -> None:
    look, deed = event(resource_type="Consent"), event(action="withdraw", resource_type="Consent", count=0)
    assert said(look, look, deed, look) == [
        "Praktijk De Proef heeft gekeken naar wie wat mag zien",
        "Praktijk De Proef heeft toegang gestopt",
        "Praktijk De Proef heeft gekeken naar wie wat mag zien",
    ]
    assert len(said(event(action="log"), event())) == 1


def test_another_request_is_another_line() -> None:
    assert len(said(event(), event(request_id="r2"))) == 2


def test_a_caller_that_uses_one_request_id_again_does_not_hide_how_often_it_looked() -> None:
    hour = 3_600_000_000
    assert len(said(event(), event(instant=AT - hour), event(instant=AT - 2 * hour))) == 3


def test_entries_without_a_request_are_not_thrown_together() -> None:
    assert len(said(event(request_id=""), event(request_id=""))) == 2


@pytest.mark.parametrize(
    ("one", "expected"),
    [
        (
            event(action="transaction", kind="app", display="Meetmaatje"),
            "Meetmaatje heeft gegevens gestuurd: metingen",
        ),
        (
            event(action="create", resource_type="Substance"),
            "Praktijk De Proef heeft gegevens toegevoegd: andere delen van het dossier",
        ),
        (event(action="read", resource_type=""), "Praktijk De Proef heeft gekeken naar het dossier"),
        (event(outcome="refused", status=403), "Praktijk De Proef vroeg om metingen, maar dat mocht niet"),
        (event(action="grant", kind="person", display="Sterre"), "U heeft toegang gegeven"),
        (FAILED_LOGIN, "Een onbekende probeerde in te loggen, maar dat lukte niet"),
    ],
)
def test_a_deed_is_said_in_plain_words(one: Event, expected: str) -> None:
    assert said(one) == [expected]


def test_a_line_has_the_local_time_and_the_ground() -> None:
    (look,) = looks([LogEntry(7, PRACTICE)], AMSTERDAM, DUTCH)
    assert (look.at.hour, look.at.minute, look.ground, look.numbers) == (10, 30, "U gaf toegang", (7,))


DAY = date(2026, 11, 25)
OWN = event(kind="person", actor="person", display="Sterre")


@pytest.mark.parametrize(
    ("who", "shown"),
    [
        ("all", [PRACTICE, OWN, FAILED_LOGIN]),
        ("others", [PRACTICE, FAILED_LOGIN]),
        ("practice", [PRACTICE]),
        ("app", []),
        ("person", [OWN]),
        ("refused", [FAILED_LOGIN]),
    ],
)
def test_a_reader_chooses_whom_to_see(who: str, shown: list[Event]) -> None:
    assert [one for one in (PRACTICE, OWN, FAILED_LOGIN) if Filter(who).takes(one, DAY)] == shown
    assert not any(Filter(who).leaves_out(one) for one in shown)


def test_a_reader_chooses_a_period_both_days_included() -> None:
    wanted = Filter("all", date(2026, 11, 24), date(2026, 11, 25))
    assert [wanted.takes(PRACTICE, date(2026, 11, day)) for day in (23, 24, 25, 26)] == [False, True, True, False]


NIGHT = int(datetime(2026, 11, 25, 1, 30, tzinfo=UTC).timestamp()) * 1_000_000


def test_what_stands_out_is_said_beside_the_line() -> None:
    one = event(instant=NIGHT, count=120)
    (look,) = looks([LogEntry(8, one), LogEntry(7, one)], AMSTERDAM, DUTCH, {7})
    assert look.signs == ("Eerste keer", "Veel tegelijk", "In de nacht")
    (look,) = looks([LogEntry(7, PRACTICE)], AMSTERDAM, DUTCH)
    assert look.signs == ()


def test_what_stood_out_more_than_once_is_told_once_on_the_first_page() -> None:
    much = [event(count=500, request_id=f"r{number}", instant=AT + number) for number in range(3)]
    lines = looks([LogEntry(100 - index, one) for index, one in enumerate(much)], AMSTERDAM, DUTCH, {98})
    told = standing_out(lines, from_us(AT - 1), DUTCH)
    assert [one.text for one in told] == [
        "Praktijk De Proef keek in uw dossier: veel tegelijk.",
        "Praktijk De Proef keek in uw dossier: eerste keer.",
    ]
    assert standing_out(lines, from_us(AT + 9), DUTCH) == []


def test_a_reader_chooses_to_see_only_what_stands_out() -> None:
    assert Filter("unusual").takes(PRACTICE, DAY, (Unusual.NIGHT,))
    assert not Filter("unusual").takes(PRACTICE, DAY, ())


def test_who_acts_for_an_organisation_or_for_somebody_is_said_with_both_names() -> None:
    staff = event(display="A. Duinroos-Testpersoon", organisation="Praktijk De Proef")
    parent = event(kind="person", display="B. Duinroos-Testpersoon", on_behalf_of="C. Duinroos-Testpersoon")
    assert said(staff)[0].startswith("A. Duinroos-Testpersoon (Praktijk De Proef) heeft")
    assert said(parent)[0].startswith("B. Duinroos-Testpersoon, namens C. Duinroos-Testpersoon, heeft")


@pytest.mark.parametrize(
    ("action", "deed"),
    [
        ("read", "looks"),
        ("operation-everything", "looks"),
        ("history-instance", "looks"),
        ("create", "changes"),
        ("operation-meta-add", "changes"),
        ("grant", "access"),
        ("operation-request-access", "access"),
        ("login", "login"),
        ("time-zone", ""),
    ],
)
def test_what_was_done_is_of_one_kind(action: str, deed: str) -> None:
    assert deed_of(action) == deed


def test_a_party_is_a_practice_with_all_its_people() -> None:
    wanted = Filter("others", party="practice:p1")
    acts = [
        Event("read", kind="practice", actor=actor) for actor in ("practice:p1", "practice:p1:anna", "practice:p10")
    ]
    assert [wanted.takes(one, DAY) for one in acts] == [True, True, False]


def test_who_acts_for_somebody_is_not_told_that_what_the_person_did_was_theirs() -> None:
    entry = LogEntry(7, Event("login", kind="person", actor="person", display="Fenna Maanlicht", ground="own record"))
    (own,), (other,) = (looks([entry], AMSTERDAM, DUTCH, is_own=is_own) for is_own in (True, False))
    assert (own.who, other.who) == ("U", "Fenna Maanlicht")
    assert other.ground == ""
