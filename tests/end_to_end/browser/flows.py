"""What can be done on the pages, and which walk does it in a browser: a new form adds a line here, or to ``UNPRESSED``.

A walk is a test in a module ``test_flows_of_...py`` beside this one. It is held to its lines here: it fails when it did not press
the forms, and open the pages, that they name.
"""

import re
from typing import NamedTuple


class Flow(NamedTuple):
    """Something that is done on ``page`` by the test ``walk``, which goes through ``routes``: each a method and a path."""

    page: str
    what: str
    walk: str
    routes: tuple[str, ...] = ()


FLOWS = (
    Flow(
        "login",
        "start a record with a password and a phone, leave, come back with two factors",
        "test_somebody_starts_a_record_leaves_and_comes_back_with_two_factors",
        ("POST /sign-up", "POST /sign-up/code", "POST /login", "POST /login/code", "GET /login/code", "POST /logout"),
    ),
    Flow(
        "login",
        "make recovery codes",
        "test_somebody_starts_a_record_leaves_and_comes_back_with_two_factors",
        ("POST /login-and-devices/recovery",),
    ),
    Flow(
        "measurements",
        "add a value with range checks that ask before they refuse",
        "test_a_person_types_a_measurement_corrects_it_and_takes_it_back",
        ("POST /measurements/add/{key}",),
    ),
    Flow(
        "measurements",
        "correct a value, take it back",
        "test_a_person_types_a_measurement_corrects_it_and_takes_it_back",
        ("GET /measurements/{key}/{release}/{resource_id}", "POST /measurements/{key}/{release}/{resource_id}"),
    ),
    Flow(
        "measurements",
        "keep a value on the phone without a network",
        "test_a_measurement_without_a_network_waits_and_is_kept_once",
        ("POST /measurements/waiting",),
    ),
    Flow(
        "diary",
        "write, correct, take back",
        "test_a_person_keeps_a_diary_corrects_it_and_takes_it_back",
        ("POST /diary/add", "GET /diary/{release}/{resource_id}", "POST /diary/{release}/{resource_id}"),
    ),
    Flow(
        "care plan",
        "add own goals and actions, end them",
        "test_a_person_adds_a_goal_and_an_action_and_ends_them",
        (
            "POST /care-plan/{what}/add",
            "GET /care-plan/{what}/{release}/{resource_id}",
            "POST /care-plan/{what}/{release}/{resource_id}",
        ),
    ),
    Flow(
        "medication, documents",
        "a printable list; a letter in the viewer",
        "test_a_person_reads_a_letter_and_prints_the_list_of_medicines",
        ("GET /documents/{release}/{resource_id}/file",),
    ),
    Flow(
        "questionnaires",
        "any form, kept for later, sent",
        "test_a_person_answers_a_questionnaire_in_two_goes",
        ("GET /questionnaires/{release}/{resource_id}", "POST /questionnaires/{release}/{resource_id}"),
    ),
    Flow(
        "questionnaires",
        "a question that follows from an answer",
        "test_a_question_that_follows_from_an_answer_comes_and_goes",
        ("POST /questionnaires/{release}/{resource_id}",),
    ),
    Flow(
        "GP summary",
        "all that is known, and what has no page of its own",
        "test_a_person_reads_the_whole_of_what_is_known",
        ("GET /other",),
    ),
    Flow(
        "prepare my visit",
        "choose what to discuss, for the practice to see; change it, withdraw it",
        "test_a_person_prepares_a_visit_and_the_practice_sees_it",
        ("POST /visit/new", "GET /visit/{release}/{resource_id}/change", "POST /visit/{release}/{resource_id}/change"),
    ),
    Flow(
        "who may see what",
        "grant, preview, change, withdraw",
        "test_a_person_gives_access_sees_what_is_seen_changes_it_and_stops_it",
        ("POST /access/new", "POST /access/{grant_id}/change", "POST /access/{grant_id}/withdraw"),
    ),
    Flow(
        "who may see what",
        "stop all that a practice has at once",
        "test_a_person_stops_all_that_a_practice_has_at_once",
        ("POST /access/{grant_id}/stop-all",),
    ),
    Flow(
        "who may see what",
        "let a practice ask, give a part of it",
        "test_a_practice_asks_for_access_and_the_person_gives_a_part_of_it",
        ("POST /access/code", "GET /access/requests/{request_id}", "POST /access/requests/{request_id}"),
    ),
    Flow(
        "who may see what",
        "people who help me: ask, accept, look along, stop",
        "test_a_person_lets_somebody_help_who_looks_along_until_it_is_stopped",
        ("POST /helpers/new", "POST /helping/code", "POST /helping/accept", "POST /helping/{grant_id}/start"),
    ),
    Flow(
        "who may see what",
        "stop to act for another",
        "test_a_person_lets_somebody_help_who_looks_along_until_it_is_stopped",
        ("POST /helping/stop",),
    ),
    Flow(
        "who looked",
        "plain words, filter, receipt, verify",
        "test_a_person_sees_who_looked_and_that_the_log_is_whole",
        ("GET /activity/receipt/{number}",),
    ),
    Flow(
        "my data",
        "take along",
        "test_a_person_takes_the_record_along",
        ("GET /my-data/archive.zip", "GET /my-data/summary.pdf"),
    ),
    Flow(
        "my data",
        "ask for a correction",
        "test_a_person_asks_a_practice_for_a_correction",
        ("POST /my-data/corrections",),
    ),
    Flow("my data", "bring in", "test_a_person_brings_in_what_they_took_along", ("POST /my-data/import",)),
    Flow("my data", "erase", "test_a_person_erases_the_record_and_keeps_the_proof", ("POST /my-data/erase/now",)),
    Flow(
        "settings",
        "language, large print, contrast",
        "test_a_person_sets_the_pages_to_their_liking",
        ("POST /settings",),
    ),
    Flow(
        "practice",
        "invite a colleague, who joins with two factors",
        "test_a_colleague_joins_finds_a_person_and_looks_at_what_is_shared",
        ("POST /practice/staff/invite", "GET /practice/join", "POST /practice/join", "POST /practice/join/code"),
    ),
    Flow(
        "practice",
        "search by name and birth date, look at the shared part",
        "test_a_colleague_joins_finds_a_person_and_looks_at_what_is_shared",
        ("POST /practice/find",),
    ),
    Flow(
        "practice",
        "ask for access",
        "test_a_practice_asks_for_access_and_the_person_gives_a_part_of_it",
        ("POST /practice/requests",),
    ),
    Flow(
        "practice",
        "edit the care plan",
        "test_a_practice_writes_a_goal_into_the_care_plan_and_the_person_sees_it",
        (
            "POST /practice/people/{grant_id}/care-plan/{what}/add",
            "GET /practice/people/{grant_id}/care-plan/{what}/{release}/{resource_id}",
            "POST /practice/people/{grant_id}/care-plan/{what}/{release}/{resource_id}",
        ),
    ),
    Flow(
        "login",
        "choose a language before a login",
        "test_who_is_not_logged_in_chooses_a_language",
        ("POST /language",),
    ),
    Flow(
        "settings",
        "another password, another phone",
        "test_a_person_changes_password_and_phone",
        ("POST /login-and-devices/password", "POST /login-and-devices/phone"),
    ),
    Flow(
        "settings",
        "a mail address, confirmed by a code",
        "test_a_person_who_forgot_the_password_chooses_another_by_mail_and_phone",
        ("POST /login-and-devices/mail", "GET /login-and-devices/mail/code", "POST /login-and-devices/mail/code"),
    ),
    Flow(
        "login",
        "come back with a forgotten password",
        "test_a_person_who_forgot_the_password_chooses_another_by_mail_and_phone",
        ("POST /login/forgotten", "GET /login/reset", "POST /login/reset"),
    ),
    Flow(
        "settings",
        "end what is logged in elsewhere; a recovery code",
        "test_a_person_ends_what_is_logged_in_elsewhere_with_a_recovery_code",
        (
            "POST /login/again",
            "POST /login-and-devices/session/{session_id}/end",
            "POST /login-and-devices/others/end",
        ),
    ),
    Flow(
        "login",
        "start with a passkey, log in with it",
        "test_somebody_starts_with_a_passkey_and_changes_it_for_another",
        (
            "POST /sign-up/passkey/options",
            "POST /sign-up/passkey",
            "POST /login/passkey/options",
            "POST /login/passkey",
        ),
    ),
    Flow(
        "settings",
        "make another passkey, remove one",
        "test_somebody_starts_with_a_passkey_and_changes_it_for_another",
        (
            "POST /login-and-devices/passkey/options",
            "POST /login-and-devices/passkey",
            "POST /login-and-devices/passkey/{credential_id}/remove",
        ),
    ),
    Flow("settings", "notifications", "test_a_person_chooses_which_mails_come", ("POST /settings/mails",)),
    Flow(
        "who may see what",
        "apps: open, refuse, give, stop",
        "test_a_person_opens_an_app_says_no_then_yes_and_stops_it",
        ("POST /apps/{client_id}/open", "GET /authorize", "POST /authorize"),
    ),
    Flow(
        "who may see what",
        "people who help me: take a code back",
        "test_a_person_takes_back_a_code_for_somebody_who_was_to_help",
        ("POST /helpers/invitation/{invitation_id}/withdraw",),
    ),
    Flow(
        "who may see what",
        "people who help me: a child from twelve on decides along",
        "test_a_child_of_thirteen_chooses_what_a_parent_sees",
        ("GET /helpers/{grant_id}/agree", "POST /helpers/{grant_id}/agree"),
    ),
    Flow(
        "who may see what",
        "say no to a practice, let it ask again",
        "test_a_person_says_no_to_a_practice_and_lets_it_ask_again",
        ("POST /access/code/reopen",),
    ),
    Flow(
        "prepare my visit",
        "print it",
        "test_a_person_prepares_a_visit_and_the_practice_sees_it",
        ("GET /visit/{release}/{resource_id}",),
    ),
    Flow(
        "care plan",
        "history of the plan; what a practice agreed on",
        "test_a_practice_begins_a_care_plan_with_a_proposal_and_asks_to_measure",
        ("GET /care-plan/history",),
    ),
    Flow(
        "practice",
        "schedule and goals from templates",
        "test_a_practice_begins_a_care_plan_with_a_proposal_and_asks_to_measure",
        (
            "GET /practice/people/{grant_id}/care-plan/proposals",
            "GET /practice/people/{grant_id}/care-plan/{what}/add",
        ),
    ),
    Flow(
        "practice",
        "what changed since last time, who needs attention",
        "test_a_practice_sees_what_is_new_and_notes_that_it_saw",
        ("GET /practice/attention", "POST /practice/people/{grant_id}/seen"),
    ),
    Flow(
        "questionnaires",
        "a practice asks, the person answers, the practice reads",
        "test_a_practice_asks_to_fill_in_a_questionnaire_and_reads_the_answers",
        (
            "POST /practice/people/{grant_id}/questionnaires",
            "POST /practice/people/{grant_id}/questionnaires/{release}/{resource_id}/withdraw",
            "GET /questionnaires/answers/{release}/{resource_id}",
            "GET /practice/people/{grant_id}/questionnaires/answers/{release}/{resource_id}",
        ),
    ),
    Flow(
        "practice",
        "change and end the login of a colleague",
        "test_an_administrator_changes_and_ends_the_login_of_a_colleague",
        ("POST /practice/staff/{account_id}/change", "POST /practice/staff/{account_id}/end"),
    ),
    Flow(
        "practice",
        "take an invitation back",
        "test_an_administrator_takes_an_invitation_back",
        ("POST /practice/staff/invitation/{key}/withdraw",),
    ),
    Flow(
        "practice",
        "keys of its systems",
        "test_an_administrator_changes_the_key_of_a_system",
        (
            "POST /practice/systems/{client_id}/add",
            "POST /practice/systems/{client_id}/retire",
            "POST /practice/systems/{client_id}/address",
        ),
    ),
)

UNPRESSED = {
    "POST /login-and-devices/provider/{key}": "leads to the page of another party",
    "POST /login-and-devices/provider/{key}/remove": "needs a login with another party",
    "POST /measurements/{key}/{resource_id}": "is an address of before",
    "POST /questionnaires/{resource_id}": "is an address of before",
    "POST /visit/{resource_id}/change": "is an address of before",
    "POST /practice/people/{grant_id}/questionnaires/{resource_id}/withdraw": "is an address of before",
    "POST /token": "is sent by a program",
    "POST /revoke": "is sent by a program",
    "POST /introspect": "is sent by a program",
    "POST /par": "is sent by a program",
    "POST /register": "is sent by a program",
    "POST /userinfo": "is sent by a program",
}
"""Forms that no walk presses, and why."""


def route_of(method: str, path: str) -> str | None:
    """Return the line of the list that a request went through: of those that fit, the one with the most fixed words."""
    routes = sorted({route for flow in FLOWS for route in flow.routes}, key=lambda route: route.count("{"))
    return next((route for route in routes if _like(route).fullmatch(f"{method} {path}")), None)


def not_gone_through(walk: str, gone: list[str]) -> list[str]:
    """Return the routes that the list names of a walk, and that it did not go through."""
    return [route for flow in FLOWS if flow.walk == walk for route in flow.routes if route not in gone]


def _like(route: str) -> re.Pattern[str]:
    return re.compile(re.sub(r"\\{\w+\\}", "[^/]+", re.escape(route)))
