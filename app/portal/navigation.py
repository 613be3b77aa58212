"""The navigation: its lines and groups, and which of them somebody sees in the record of another; pure."""

from dataclasses import dataclass
from itertools import groupby
from operator import attrgetter

from app.access.categories import ALL_PARTS, EVERYTHING, Category
from app.access.grant import Grant
from app.access.representation import NO_POWERS, Power
from app.access.smart_scope import LOOK
from app.portal.language import marked


@dataclass(frozen=True, slots=True)
class Entry:
    """A line of the navigation; ``short`` is for the bar on a phone, ``about`` for the menu page.

    Lines of one ``group`` stand together under its name. Those that are a tab come first in the bar on a phone.
    """

    path: str
    name: str
    short: str
    icon: str
    about: str
    group: str = ""
    is_tab: bool = False


HEALTH, WHO, MINE = marked("Your health"), marked("Who looks in your record"), marked("Data and settings")

NAVIGATION = (
    Entry(
        "/",
        marked("Today"),
        marked("Today"),
        "home",
        marked("Your last measurements and what is planned."),
        HEALTH,
        is_tab=True,
    ),
    Entry(
        "/measurements",
        marked("Measurements"),
        marked("Measured"),
        "chart",
        marked("Charts and tables of what was measured."),
        HEALTH,
        is_tab=True,
    ),
    Entry("/diary", marked("Diary"), marked("Diary"), "book", marked("Complaints and remarks, by day."), HEALTH),
    Entry(
        "/care-plan",
        marked("Care plan"),
        marked("Plan"),
        "plan",
        marked("Your goals, and what was agreed."),
        HEALTH,
        is_tab=True,
    ),
    Entry(
        "/medication",
        marked("Medicines"),
        marked("Medicines"),
        "pill",
        marked("What you use now, and what you used."),
        HEALTH,
        is_tab=True,
    ),
    Entry(
        "/visit",
        marked("Prepare a visit"),
        marked("Visit"),
        "talk",
        marked("Choose what you want to discuss."),
        HEALTH,
    ),
    Entry(
        "/questionnaires",
        marked("Questionnaires"),
        marked("Questions"),
        "list",
        marked("Questions of your practice, and your answers."),
        HEALTH,
    ),
    Entry(
        "/summary",
        marked("GP summary"),
        marked("Summary"),
        "file",
        marked("Problems, allergies and test results."),
        HEALTH,
    ),
    Entry(
        "/documents",
        marked("Documents"),
        marked("Documents"),
        "letter",
        marked("Letters, reports and pictures."),
        HEALTH,
    ),
    Entry("/access", marked("Who may see what"), marked("Access"), "key", marked("Give access, or stop it."), WHO),
    Entry("/activity", marked("Who looked"), marked("Looks"), "eye", marked("Every look at your record."), WHO),
    Entry(
        "/helpers",
        marked("People who help me"),
        marked("Helpers"),
        "person",
        marked("Who acts for you, and for whom you act."),
        WHO,
    ),
    Entry("/my-data", marked("My data"), marked("My data"), "folder", marked("Take your record along."), MINE),
    Entry(
        "/other", marked("Other data"), marked("Other"), "file", marked("What does not stand on another page."), MINE
    ),
)
"""The navigation of a person, in the order of the page; a group's lines follow each other."""

PRACTICE_NAVIGATION = (
    Entry("/practice", marked("People"), marked("People"), "people", marked("Who gave your practice access.")),
    Entry(
        "/practice/requests",
        marked("Ask for access"),
        marked("Ask"),
        "key",
        marked("By the code that somebody told you."),
    ),
    Entry(
        "/practice/staff",
        marked("Colleagues"),
        marked("Colleagues"),
        "person",
        marked("For the administrator: logins and roles."),
    ),
    Entry(
        "/practice/systems",
        marked("Systems"),
        marked("Systems"),
        "lock",
        marked("For the administrator: the keys of your systems."),
    ),
)
"""The navigation of a login for work."""

MENU = Entry("/menu", marked("Menu"), marked("Menu"), "menu", "")
TABS_BESIDE_MENU = 4


PAGES_OF_PARTS = {
    "/measurements": Category.OWN_MEASUREMENTS,
    "/diary": Category.OWN_MEASUREMENTS,
    "/care-plan": Category.CARE_PLAN,
    "/medication": Category.MEDICATION,
    "/visit": Category.MESSAGES,
    "/questionnaires": Category.QUESTIONNAIRES,
    "/summary": Category.GP_SUMMARY | Category.ALLERGIES | Category.LABORATORY | Category.VACCINATIONS,
    "/documents": Category.DOCUMENTS,
    "/other": ALL_PARTS,
}
"""The pages of a record that somebody else may see in part, each with the parts of which one has to be open."""

_NEEDS = {"/access": Power.GIVE, "/activity": Power.LOG, "/helpers": None, "/my-data": None}


def seen_by(acting: Grant | None) -> Category:
    """Return the parts of the record in view that pages show: all of one's own, or those of the grant on which somebody acts."""
    if acting is None:
        return EVERYTHING
    return acting.categories if LOOK in acting.actions else Category(0)


def navigation_of_another(powers: Power, opens: Category, *, is_whole: bool = False) -> tuple[Entry, ...]:
    """Return the lines of the navigation in the record of another, for who has these powers and sees these parts there.

    ``is_whole``: they decide about all of it.
    """
    needs = _NEEDS | ({"/my-data": NO_POWERS} if is_whole else {})
    needed = [(entry, needs.get(entry.path, NO_POWERS)) for entry in NAVIGATION]
    return tuple(
        entry
        for entry, power in needed
        if power is not None and power in powers and PAGES_OF_PARTS.get(entry.path, opens) & opens
    )


def grouped(navigation: tuple[Entry, ...]) -> list[tuple[str, list[Entry]]]:
    """Return the lines of a navigation by the name of their group, empty for lines without one."""
    return [(group, list(entries)) for group, entries in groupby(navigation, key=attrgetter("group"))]


def tabs(navigation: tuple[Entry, ...]) -> tuple[Entry, ...]:
    """Return the bar at the bottom of a phone: the lines that people use most, and the menu with all of them."""
    return (*sorted(navigation, key=lambda entry: not entry.is_tab)[:TABS_BESIDE_MENU], MENU)
