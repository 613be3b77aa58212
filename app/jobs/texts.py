"""The words of notices, in Dutch at language level B1 and in English.

A mail may be read by others than the person: it says nothing about health, names nobody but the practice or app, and
has no link that logs in.
"""

from email.headerregistry import Address
from email.message import EmailMessage
from enum import StrEnum
from typing import NamedTuple


class NoticeKind(StrEnum):
    """What happened that a person should know of, also when it was not they who did it."""

    ACCESS_ASKED = "access-asked"
    ACCESS_GIVEN = "access-given"
    ACCESS_CHANGED = "access-changed"
    ACCESS_WITHDRAWN = "access-withdrawn"
    ACCESS_ENDS_SOON = "access-ends-soon"
    ACCESS_ENDED = "access-ended"
    KEY_REUSED = "key-reused"
    NEW_DEVICE = "new-device"
    LOGIN_CHANGED = "login-changed"
    UNUSUAL = "unusual"
    TASK_WAITS = "task-waits"
    PLAN_CHANGED = "plan-changed"
    MESSAGE = "message"
    MAY_AGREE = "may-agree"
    DECIDES_ALONE = "decides-alone"
    CHILD_OLDER = "child-older"


class _Text(NamedTuple):
    """The words of one notice: ``{about}`` stands for the practice or app, ``{page}`` for the URL of a page."""

    subject: str
    happened: str
    advice: str


_TEXTS: dict[str, dict[NoticeKind, _Text]] = {
    "nl": {
        NoticeKind.ACCESS_ASKED: _Text(
            "Iemand vraagt u om toegang",
            "U gaf iemand een code. Daarmee is nu gevraagd of zij in uw dossier mogen kijken.",
            "U beslist zelf. Wie het vraagt, ziet u op deze pagina, als u bent ingelogd:\n{page}",
        ),
        NoticeKind.ACCESS_GIVEN: _Text(
            "Iemand kan nu in uw dossier kijken",
            "U gaf toegang tot een deel van uw dossier. Wie dat is, ziet u als u bent ingelogd.",
            "Klopt dit niet? Stop dan de toegang. Dat kan op deze pagina, als u bent ingelogd:\n{page}",
        ),
        NoticeKind.ACCESS_CHANGED: _Text(
            "U veranderde een toegang tot uw dossier",
            "U veranderde wat iemand in uw dossier mag. Wat het was en wat het nu is, ziet u als u bent ingelogd.",
            "Klopt dit niet? Stop dan de toegang. Dat kan op deze pagina, als u bent ingelogd:\n{page}",
        ),
        NoticeKind.ACCESS_WITHDRAWN: _Text(
            "U stopte een toegang tot uw dossier",
            "U stopte de toegang tot uw dossier. Die toegang is nu voorbij.",
            "Klopt dit niet? Kijk dan wie nu toegang heeft. Dat kan op deze pagina, als u bent ingelogd:\n{page}",
        ),
        NoticeKind.ACCESS_ENDS_SOON: _Text(
            "Over twee weken stopt een toegang tot uw dossier",
            "U gaf iemand toegang tot een deel van uw dossier. Over twee weken stopt die toegang vanzelf.",
            "Wilt u dat het langer duurt? Verander dan de toegang. Dat kan op deze pagina, als u bent ingelogd:\n{page}",
        ),
        NoticeKind.ACCESS_ENDED: _Text(
            "Een toegang tot uw dossier is gestopt",
            "U gaf iemand toegang tot een deel van uw dossier. Die tijd is voorbij, en de toegang is gestopt.",
            "Wilt u opnieuw toegang geven? Dat kan op deze pagina, als u bent ingelogd:\n{page}",
        ),
        NoticeKind.KEY_REUSED: _Text(
            "Wij sloten een verbinding met uw dossier",
            "Een app meldt zich bij ons met een sleutel. Iemand gebruikte een oude sleutel van een app van u.\n"
            "Misschien heeft een ander die sleutel. Daarom sloten wij de verbinding met deze app.",
            "Wilt u de app weer gebruiken? Open dan de app en verbind opnieuw.\n"
            "Wie in uw dossier keek, ziet u op deze pagina, als u bent ingelogd:\n{page}",
        ),
        NoticeKind.NEW_DEVICE: _Text(
            "Er is ingelogd op een nieuw apparaat",
            "Iemand logde in met uw inlog. Dat was op een apparaat dat wij nog niet kennen.",
            "Was u dat niet? Log dan in en kijk waar u bent ingelogd. U kunt daar overal uitloggen:\n{page}",
        ),
        NoticeKind.LOGIN_CHANGED: _Text(
            "Uw manier van inloggen is veranderd",
            "Er is iets veranderd aan hoe u inlogt. Wat het was, ziet u als u bent ingelogd.",
            "Deed u dat niet zelf? Log dan meteen in en kijk op deze pagina:\n{page}",
        ),
        NoticeKind.UNUSUAL: _Text(
            "Er is iets opvallends in uw dossier",
            "Er staat iets opvallends in de lijst van wie in uw dossier keek. Misschien klopt het gewoon.",
            "Kijk wat het was. Dat kan op deze pagina, als u bent ingelogd:\n{page}",
        ),
        NoticeKind.TASK_WAITS: _Text(
            "Er staat iets voor u klaar",
            "Een praktijk zette iets voor u klaar, zoals een vragenlijst.",
            "Wat het is, ziet u op deze pagina, als u bent ingelogd:\n{page}",
        ),
        NoticeKind.PLAN_CHANGED: _Text(
            "Een praktijk veranderde iets in uw dossier",
            "Een praktijk veranderde iets dat bij uw afspraken hoort.",
            "Wat er nieuw is, ziet u op deze pagina, als u bent ingelogd:\n{page}",
        ),
        NoticeKind.MESSAGE: _Text(
            "Er is een bericht voor u",
            "Een praktijk zette een bericht voor u in uw dossier.",
            "Wat er nieuw is, ziet u op deze pagina, als u bent ingelogd:\n{page}",
        ),
        NoticeKind.MAY_AGREE: _Text(
            "U beslist nu mee over uw dossier",
            "Een ouder mocht in uw dossier kijken. Vanaf nu mag dat alleen als u ja zegt.",
            "Ja zeggen of niet: dat kan op deze pagina, als u bent ingelogd:\n{page}",
        ),
        NoticeKind.DECIDES_ALONE: _Text(
            "U beslist nu zelf over uw dossier",
            "Een ouder mocht in uw dossier kijken. Dat is nu gestopt, want u beslist nu alleen.",
            "Wilt u dat iemand u helpt? Dat kan op deze pagina, als u bent ingelogd:\n{page}",
        ),
        NoticeKind.CHILD_OLDER: _Text(
            "Het dossier van een kind is nu dicht voor u",
            "U mocht als ouder in het dossier van een kind. Dat stopte, want het kind is nu ouder.\n"
            "Is het kind nog geen 16? Dan kan het kind er zelf ja op zeggen.",
            "In welke dossiers u mag, ziet u op deze pagina, als u bent ingelogd:\n{page}",
        ),
    },
    "en": {
        NoticeKind.ACCESS_ASKED: _Text(
            "Someone asks you for access",
            "You gave someone a code. With it they now ask whether they may look in your record.",
            "You decide. You see who asks on this page, after logging in:\n{page}",
        ),
        NoticeKind.ACCESS_GIVEN: _Text(
            "Someone can now look in your record",
            "You gave access to a part of your record. You see to whom after logging in.",
            "Is this not right? Then stop the access. You can do that on this page, after logging in:\n{page}",
        ),
        NoticeKind.ACCESS_CHANGED: _Text(
            "You changed an access to your record",
            "You changed what someone may do in your record. You see what it was and what it is after logging in.",
            "Is this not right? Then stop the access. You can do that on this page, after logging in:\n{page}",
        ),
        NoticeKind.ACCESS_WITHDRAWN: _Text(
            "You stopped an access to your record",
            "You stopped access to your record. That access is over now.",
            "Is this not right? Then look who has access now. You can do that on this page, after logging in:\n{page}",
        ),
        NoticeKind.ACCESS_ENDS_SOON: _Text(
            "In two weeks an access to your record ends",
            "You gave someone access to a part of your record. In two weeks that access ends by itself.",
            "Do you want it to last longer? Then change the access. You can do that on this page, after logging in:\n{page}",
        ),
        NoticeKind.ACCESS_ENDED: _Text(
            "An access to your record has ended",
            "You gave someone access to a part of your record. That time is over, and the access has ended.",
            "Do you want to give access again? You can do that on this page, after logging in:\n{page}",
        ),
        NoticeKind.KEY_REUSED: _Text(
            "We closed a connection with your record",
            "An app shows us a key. Someone used an old key of one of your apps.\n"
            "Perhaps somebody else has that key. So we closed the connection with this app.",
            "Do you want to use the app again? Then open the app and connect it anew.\n"
            "You see who looked in your record on this page, after logging in:\n{page}",
        ),
        NoticeKind.NEW_DEVICE: _Text(
            "Someone logged in on a new device",
            "Someone logged in with your login. It was on a device that we do not know yet.",
            "Was it not you? Then log in and look where you are logged in. You can log out everywhere there:\n{page}",
        ),
        NoticeKind.LOGIN_CHANGED: _Text(
            "How you log in was changed",
            "Something was changed about how you log in. You see what it was after logging in.",
            "Was it not you? Then log in at once and look at this page:\n{page}",
        ),
        NoticeKind.UNUSUAL: _Text(
            "Something stands out in your record",
            "Something stands out in the list of who looked in your record. Perhaps it is quite all right.",
            "See what it was. You can do that on this page, after logging in:\n{page}",
        ),
        NoticeKind.TASK_WAITS: _Text(
            "Something is ready for you",
            "A practice put something ready for you, such as a questionnaire.",
            "You see what it is on this page, after logging in:\n{page}",
        ),
        NoticeKind.PLAN_CHANGED: _Text(
            "A practice changed something in your record",
            "A practice changed something that belongs to what you agreed.",
            "You see what is new on this page, after logging in:\n{page}",
        ),
        NoticeKind.MESSAGE: _Text(
            "There is a message for you",
            "A practice put a message for you in your record.",
            "You see what is new on this page, after logging in:\n{page}",
        ),
        NoticeKind.MAY_AGREE: _Text(
            "You now have a say about your record",
            "A parent could look in your record. From now on that takes your yes.",
            "You can say yes, or not, on this page, after logging in:\n{page}",
        ),
        NoticeKind.DECIDES_ALONE: _Text(
            "You now decide about your record",
            "A parent could look in your record. That has ended now, for you decide alone.",
            "Do you want someone to help you? You can do that on this page, after logging in:\n{page}",
        ),
        NoticeKind.CHILD_OLDER: _Text(
            "A child's record is now closed to you",
            "As a parent you could use the record of a child. That ended, for the child is older now.\n"
            "Is the child not 16 yet? Then the child can say yes to it.",
            "You see which records you can use on this page, after logging in:\n{page}",
        ),
    },
}
_CLOSING = {
    "nl": "Dit bericht is automatisch gemaakt. U kunt er niet op antwoorden.\n"
    "Wij vragen nooit per mail om uw wachtwoord of code.",
    "en": "This message was made automatically. You can't answer it.\nWe never ask for your password or code by mail.",
}
_PAGES = {
    NoticeKind.ACCESS_ASKED: "/access",
    NoticeKind.ACCESS_GIVEN: "/access",
    NoticeKind.ACCESS_CHANGED: "/access",
    NoticeKind.ACCESS_WITHDRAWN: "/access",
    NoticeKind.ACCESS_ENDS_SOON: "/access",
    NoticeKind.ACCESS_ENDED: "/access",
    NoticeKind.KEY_REUSED: "/activity",
    NoticeKind.NEW_DEVICE: "/login-and-devices",
    NoticeKind.LOGIN_CHANGED: "/login-and-devices",
    NoticeKind.UNUSUAL: "/activity",
    NoticeKind.TASK_WAITS: "/",
    NoticeKind.PLAN_CHANGED: "/",
    NoticeKind.MESSAGE: "/",
    NoticeKind.MAY_AGREE: "/helpers",
    NoticeKind.DECIDES_ALONE: "/helpers",
    NoticeKind.CHILD_OLDER: "/helping",
}
CAN_STOP = frozenset(
    (NoticeKind.ACCESS_ASKED, NoticeKind.UNUSUAL, NoticeKind.TASK_WAITS, NoticeKind.PLAN_CHANGED, NoticeKind.MESSAGE)
)
"""What a person can do without: it opens nothing that was closed, and the pages tell of it too."""

_STOPS = "/settings/mails"
_TO_STOP = {
    "nl": "Wilt u zulke mails niet meer? Zet ze uit op deze pagina, als u bent ingelogd:\n{page}",
    "en": "Do you want no more of these mails? Switch them off on this page, after logging in:\n{page}",
}
LANGUAGES = tuple(_TEXTS)
"""The languages of notices; the first one is used for a language that is not here."""


def notice(kind: NoticeKind, *, to: str, language: str, base_url: str) -> EmailMessage:
    """Return the message to one address, still without From, Date and Message-ID.

    It names no practice and no app: mail is read on the way and may reach a stranger, and the name of a clinic tells much.
    ``base_url`` has no slash at its end.
    Raises: ValueError or another of ``email.errors``, if ``to`` is not an address.
    """
    spoken = language if language in _TEXTS else LANGUAGES[0]
    subject, happened, advice = _TEXTS[spoken][kind]
    paragraphs = (happened, advice.format(page=f"{base_url}{_PAGES[kind]}"))
    if kind not in CAN_STOP:
        return written(to, subject, paragraphs, spoken)
    stops = f"{base_url}{_STOPS}"
    message = written(to, subject, (*paragraphs, _TO_STOP[spoken].format(page=stops)), spoken)
    message["List-Unsubscribe"] = f"<{stops}>"  # RFC 2369: a page to do it on; it asks who is there
    return message


def written(to: str, subject: str, paragraphs: tuple[str, ...], language: str) -> EmailMessage:
    """Return a message with the closing of all our mail, still without From, Date and Message-ID.

    ``language`` is one of ``LANGUAGES``.
    Raises: ValueError or another of ``email.errors``, if ``to`` is not an address.
    """
    message = EmailMessage()
    message["To"] = Address(addr_spec=to)
    message["Subject"] = subject
    message["Auto-Submitted"] = "auto-generated"  # RFC 3834: no answering machine answers it
    message.set_content("\n\n".join((*paragraphs, _CLOSING[language])) + "\n", cte="quoted-printable")
    message["Content-Language"] = language  # after the content, which begins the headers about it anew
    return message
