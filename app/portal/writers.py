"""Who wrote something, by what the log calls them, in words.

A practice reads who it was by name of its own people only, and who acts for the person without leave to see who looked by no
name but theirs and the person's: who else has access is not theirs to know.
"""

from collections.abc import Awaitable, Callable, Iterable

from app.access.representation import Power
from app.access.requester import RequesterKind
from app.db.database import Reader
from app.identity import practices
from app.identity.accounts import name_of
from app.oauth import clients
from app.portal.interactions import Found
from app.portal.language import Language
from app.portal.reading import Reading
from app.portal.session import AtWork, SignedIn

Names = Callable[[set[str]], Awaitable[dict[str, str]]]
"""Gives who somebody is to who reads, by what the log calls them."""


async def others_named(reading: Reading, found: Iterable[Found], names: Names) -> dict[int, tuple[bool, str]]:
    """Return who wrote what stands in the person's name, where it was not they, by its change's number: an app of theirs too.

    First comes whether it was somebody who acts for them, then who it was, in words.
    """
    told = {
        one: actor
        for one, actor in (await reading.writers(found)).items()
        if _kind(actor) != RequesterKind.PERSON.value
    }
    called = await names(set(told.values())) if told else {}
    helper = RequesterKind.REPRESENTATIVE.value
    return {one: (_kind(actor) == helper, called[actor]) for one, actor in told.items() if actor in called}


def _kind(actor: str) -> str:
    return actor.partition(":")[0]


async def names_of(reader: Reader, actors: set[str], person: SignedIn, language: Language) -> dict[str, str]:
    """Return who somebody is, by what the log calls them: a practice, an app, or a person by name."""
    if not person.may(Power.LOG):
        return {actor: _without_names(actor, person, language) for actor in actors}
    split = [actor.split(":", 1) for actor in actors]
    of_practices = (rest[0].partition(":")[0] for kind, *rest in split if kind == RequesterKind.PRACTICE.value)
    known = await practices.of(reader, of_practices)
    apps = await clients.names(reader, (rest[0] for kind, *rest in split if kind == RequesterKind.APP.value))
    found = {}
    for actor in actors:
        kind, _, number = actor.partition(":")
        match kind:
            case RequesterKind.PERSON.value:
                acting = person.acting.mandate if person.acting else None
                found[actor] = acting.represented if acting else language.gettext("You")
            case RequesterKind.REPRESENTATIVE.value:
                found[actor] = (
                    language.gettext("You")
                    if number == person.account_id
                    else await name_of(reader, number) or language.gettext("A person")
                )
            case RequesterKind.PRACTICE.value:
                practice_id, _, staff_id = number.partition(":")
                practice = known[practice_id].name if practice_id in known else language.gettext("A practice")
                name = await name_of(reader, staff_id) if staff_id else None
                found[actor] = f"{name}, {practice}" if name else practice
            case RequesterKind.APP.value:
                found[actor] = apps.get(number, language.gettext("An app"))
            case _:
                found[actor] = language.gettext("Who runs this website")
    return found


def _without_names(actor: str, person: SignedIn, language: Language) -> str:
    """Return who somebody is to who acts for the person and may not see who looked."""
    if actor == person.requester().actor:
        return language.gettext("You")
    represented = person.acting.mandate.represented if person.acting and person.acting.mandate else ""
    kinds = {
        RequesterKind.PERSON.value: represented,
        RequesterKind.REPRESENTATIVE.value: language.gettext("A person"),
        RequesterKind.PRACTICE.value: language.gettext("A practice"),
        RequesterKind.APP.value: language.gettext("An app"),
    }
    return kinds.get(actor.partition(":")[0], language.gettext("Who runs this website"))


async def names_at_work(reader: Reader, actors: set[str], who: AtWork, language: Language) -> dict[str, str]:
    """Return who somebody is to the people of a practice, by what the log calls them."""
    others = {
        RequesterKind.PERSON.value: language.gettext("The person"),
        RequesterKind.REPRESENTATIVE.value: language.gettext("Somebody who helps this person"),
        RequesterKind.PRACTICE.value: language.gettext("Another practice"),
        RequesterKind.APP.value: language.gettext("An app of this person"),
    }
    found = {}
    for actor in actors:
        kind, _, number = actor.partition(":")
        practice_id, _, staff_id = number.partition(":")
        if kind == RequesterKind.PRACTICE.value and practice_id == who.practice.practice_id:
            name = await name_of(reader, staff_id) if staff_id else None
            is_self = staff_id == who.account_id
            found[actor] = language.gettext("You") if is_self else name or language.gettext("A system of your practice")
        else:
            found[actor] = others.get(kind, language.gettext("Who runs this website"))
    return found
