"""The pages that are looked at in a browser, by who sees them: a new page adds a line here.

In a path ``{grant}`` is the grant that the first invented person gave to the first practice, ``{person}`` that person as the
practice's pages name them, ``{member}`` the account of a colleague there.
"""

NOBODY, PERSON, PRACTICE, WALKER = "nobody", "person", "practice", "walker"
"""The person is the first of the invented people, and changes nothing; the walker is the second."""

PLACES = {
    NOBODY: (
        "/",
        "/login",
        "/login/forgotten",
        "/sign-up",
        "/offline",
        "/nowhere",
    ),
    PERSON: (
        "/",
        "/measurements",
        "/measurements/blood-pressure",
        "/measurements/glucose",
        "/measurements/weight?period=month",
        "/measurements/height?period=month",
        "/measurements/add",
        "/measurements/add/blood-pressure",
        "/measurements/add/glucose",
        "/care-plan",
        "/care-plan/goals/add",
        "/care-plan/actions/add",
        "/medication",
        "/questionnaires",
        "/summary",
        "/access",
        "/access/new",
        "/access/code",
        "/access/{grant}/change",
        "/access/{grant}/seen",
        "/access/{grant}/withdraw",
        "/activity?who=all",
        "/activity/check",
        "/activity/misfits",
        "/apps",
        "/helpers",
        "/helpers/new",
        "/helping",
        "/my-data",
        "/my-data/archive",
        "/my-data/corrections",
        "/my-data/corrections/letter",
        "/my-data/erase",
        "/my-data/erase/now",
        "/my-data/import",
        "/settings",
        "/login-and-devices",
        "/login-and-devices/mail",
        "/login-and-devices/password",
        "/login-and-devices/phone",
        "/login-and-devices/recovery",
        "/login/again",
        "/menu",
        "/nowhere",
    ),
    PRACTICE: (
        "/practice",
        "/practice/attention",
        "/practice/people/{person}",
        "/practice/people/{person}/measurements",
        "/practice/people/{person}/measurements/blood-pressure",
        "/practice/people/{person}/care-plan",
        "/practice/people/{person}/medication",
        "/practice/people/{person}/summary",
        "/practice/requests",
        "/practice/staff",
        "/practice/staff/{member}",
        "/practice/systems",
        "/menu",
    ),
}

NOT_FOUND = "/nowhere"
"""The one place that answers 404."""

BESIDE = {
    "/measurements/{key}/{resource_id}": "needs a measurement that the person typed",
    "/care-plan/{what}/{resource_id}": "needs a goal or an action that the person wrote",
    "/questionnaires/{resource_id}": "needs a questionnaire of a practice",
    "/questionnaires/answers/{resource_id}": "needs answers to a questionnaire",
    "/access/requests/{request_id}": "needs the request of a practice",
    "/helpers/{grant_id}/agree": "needs an offer of help",
    "/practice/find": "is the answer to a form",
    "/practice/join": "needs an invitation",
    "/login/code": "is there between two steps of the login only",
    "/login/reset": "needs the link of a mail",
    "/login-and-devices/mail/code": "needs the code of a mail",
    "/authorize": "is walked through by the tests of clients",
    "/login/with/{key}": "leads to the page of another party",
    "/login/from/{key}": "comes from the page of another party",
    "/my-data/archive.zip": "is a file",
    "/my-data/summary.pdf": "is a file",
    "/activity/receipt/{number}": "is a file",
    "/activity/log.ndjson": "is a file",
    "/activity/log.csv": "is a file",
}
"""What a person can open too, and why it is not in the list."""
