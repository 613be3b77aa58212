"""The pages about the record: care plan, medicines, GP summary."""

import asyncio
from datetime import timedelta
from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import HTMLResponse

from app.fhir.elements import Tree, day_of, newest_first, person_name, words
from app.fhir.own_plan import is_own
from app.portal import background, careplan, medication, other_data, results, summary
from app.portal.document_pages import bases, newest_documents
from app.portal.documents import documents_in
from app.portal.kinds import BY_KEY, KINDS, by_kind
from app.portal.measurements import codes_of
from app.portal.own_plan import SAVED
from app.portal.page import language_of, near, page
from app.portal.parts import Parts
from app.portal.reading import Reading
from app.portal.session import LoggedIn, SignedIn, in_record, logged_in
from app.portal.type_measurement import may_add, may_change
from app.portal.view import reading_for
from app.portal.writers import Names, names_of, others_named

PARTS_OF_PLAN = ("Goal", "CarePlan", "CareTeam", *careplan.ASKED)
RESULTS_READ, CONTACTS_SHOWN, LIFE_READ, DONE_SHOWN, DOCUMENTS_SHOWN = 400, 50, 100, 30, 3


def last_of(observations: list[Tree], reading: Reading) -> dict[str, careplan.Last]:
    """Return the newest value of each series, by its code."""
    last: dict[str, careplan.Last] = {}
    for key, measured in by_kind(observations, reading.zone).items():
        kind = BY_KEY[key]
        for one in measured:
            for series, value in zip(kind.series, one.values, strict=True):
                if value is not None:
                    last[series.code] = (value, one.at.date())
    return last


async def newest_of_series(reading: Reading, back: timedelta) -> list[Tree]:
    """Return the newest measurements of each series since ``back`` ago."""
    codes = dict.fromkeys(code for kind in KINDS for code in codes_of(kind).split(","))
    return await reading.newest("Observation", [[("code", code)] for code in codes], 2, reading.today - back)


async def show_care_plan(request: Request, reading: Reading, names: Names, **frame: Any) -> HTMLResponse:
    """Return the page of the care plan; ``frame`` has what is around it.

    ``names`` gives who somebody is to who reads, by what the log calls them.
    """
    language = language_of(request)
    goals, plans, teams, *several = await asyncio.gather(*(reading.found(one) for one in PARTS_OF_PLAN))
    wishes, asked = [one.tree() for one in goals], [one for found in several for one in found]
    last = last_of(await newest_of_series(reading, timedelta(days=400)), reading)
    codes = careplan.result_codes(wishes)
    results = await reading.all("Observation", ("code", ",".join(codes))) if codes else []
    open_plans = [(one.release, tree) for one in plans if (tree := one.tree()).get("status") not in careplan.OVER]
    open_plans.sort(
        key=lambda one: str(one[1].get("created") or (one[1].get("period") or {}).get("start")), reverse=True
    )
    trees = [one.tree() for one in teams]
    own = [one for one in (*goals, *asked) if is_own(one.tree())]
    others = await others_named(reading, own, names)
    return page(
        request,
        "care_plan.html",
        writers={careplan.place_of(one.tree(), one.release): others[one.seq][1] for one in own if one.seq in others},
        **{"may_add": False, "may_change": False, "saved": "", **frame},
        plans=careplan.plan_views(open_plans, trees, language),
        goals=careplan.goal_views(
            wishes,
            last,
            newest_first(results, "effectiveDateTime"),
            language,
            [one.release for one in goals],
            open_plans if len(open_plans) > 1 else (),
        ),
        activities=careplan.activities(
            [plan for _, plan in open_plans],
            [one.tree() for one in asked],
            reading.today,
            language,
            [one.release for one in asked],
        ),
        members=careplan.members(trees),
        **near(request, reading.now),
    )


async def _medicines(request: Request, reading: Reading) -> dict[medication.State, list[medication.Medicine]]:
    language = language_of(request)
    requests, statements, dispenses, products = await reading.several(
        "MedicationRequest", "MedicationStatement", "MedicationDispense", "Medication"
    )
    names = {f"Medication/{product['id']}": words(product.get("code")) for product in products}
    resources = [*requests, *statements, *dispenses]
    found = [medication.agreement_of(resource, names, language) for resource in resources]
    return medication.overview([one for one in found if one], reading.today)


async def show_medication(request: Request, reading: Reading, **frame: Any) -> HTMLResponse:
    """Return the page of the medicines."""
    overview = await _medicines(request, reading)
    return page(
        request,
        "medication.html",
        now_used=overview[medication.State.NOW],
        planned=overview[medication.State.PLANNED],
        stopped=overview[medication.State.STOPPED],
        **near(request, reading.now),
        **frame,
    )


async def show_medication_list(request: Request, reading: Reading, **frame: Any) -> HTMLResponse:
    """Return the list of medicines to print and take along: whose it is, of which day, what is used and what will start."""
    overview = await _medicines(request, reading)
    patients, allergies = await reading.several("Patient", "AllergyIntolerance")
    born = next((day for one in patients if (day := day_of(one.get("birthDate")))), None)
    return page(
        request,
        "medication_list.html",
        now_used=overview[medication.State.NOW],
        planned=overview[medication.State.PLANNED],
        whose=next((name for one in patients if (name := person_name(one))), ""),
        born=born,
        allergies=summary.allergies(allergies),
        today=reading.today,
        **near(request, reading.now),
        **frame,
    )


async def show_summary(request: Request, reading: Reading, **frame: Any) -> HTMLResponse:
    """Return the page of the GP summary: what there is of each part, and the newest of what there may be much of."""
    language = language_of(request)
    conditions, episodes, allergies, vaccinations, procedures, flags, histories, uses = await reading.several(
        "Condition",
        "EpisodeOfCare",
        "AllergyIntolerance",
        "Immunization",
        "Procedure",
        "Flag",
        "FamilyMemberHistory",
        "DeviceUseStatement",
    )
    laboratory, more_results = await reading.newest_and_more(
        "Observation", [[("category", ",".join(results.LABORATORY))]], RESULTS_READ
    )
    compositions = await reading.newest("Composition", [[]], CONTACTS_SHOWN + 1)
    encounters = await reading.newest("Encounter", [[]], 2 * CONTACTS_SHOWN)
    lines = await reading.newest("Observation", [[("code", "E,P")]], 3 * CONTACTS_SHOWN)
    ways = [[("code", ",".join(background.LIFE))], [("category", ",".join(background.LIFE_CATEGORIES))]]
    life, more_life = await reading.newest_and_more("Observation", ways, LIFE_READ)
    products = await reading.all("Device", ("patient:missing", "false"))
    if used := background.used_of(uses):
        products += await reading.all("Device", ("_id", ",".join(used)))
    wishes = await reading.all("Consent", ("category", ",".join(background.WISHES)))
    names = summary.problem_names(conditions, episodes)
    contacts = summary.contacts(compositions, lines, encounters, names, CONTACTS_SHOWN + 1)
    done = summary.done(procedures, DONE_SHOWN + 1)
    return page(
        request,
        "summary.html",
        alerts=summary.alerts(flags),
        problems=summary.problems(conditions, episodes),
        allergies=summary.allergies(allergies),
        no_allergies=summary.says_no_allergies(allergies),
        results=results.results(laboratory, reading.zone, language),
        more_results=more_results,
        procedures=done[:DONE_SHOWN],
        more_procedures=len(done) > DONE_SHOWN,
        contacts=contacts[:CONTACTS_SHOWN],
        more_contacts=len(contacts) > CONTACTS_SHOWN,
        contacts_of=summary.by_problem(contacts[:CONTACTS_SHOWN]),
        vaccinations=summary.vaccinations(vaccinations),
        life=background.life(life, language),
        more_life=more_life,
        wishes=background.wishes(wishes, language),
        family=background.family(histories, language),
        devices=background.devices(uses, products),
        documents=documents_in(await newest_documents(reading, DOCUMENTS_SHOWN), bases(request))[:DOCUMENTS_SHOWN],
        **near(request, reading.now),
        **frame,
    )


def router(parts: Parts) -> APIRouter:
    """Return the routes ``/care-plan``, ``/medication``, ``/summary``, ``/other`` and ``/menu``."""
    routes = APIRouter(include_in_schema=False)

    @routes.get("/care-plan")
    async def care_plan(
        request: Request, person: Annotated[SignedIn, Depends(in_record)], saved: Annotated[str, Query()] = ""
    ) -> HTMLResponse:
        return await show_care_plan(
            request,
            reading_for(parts, request, person),
            partial(names_of, parts.database.reader, person=person, language=language_of(request)),
            may_add=may_add(person),
            may_change=may_change(person),
            saved=SAVED.get(saved, ""),
        )

    @routes.get("/medication")
    async def medicines(request: Request, person: Annotated[SignedIn, Depends(in_record)]) -> HTMLResponse:
        return await show_medication(request, reading_for(parts, request, person))

    @routes.get("/medication/list")
    async def medication_list(request: Request, person: Annotated[SignedIn, Depends(in_record)]) -> HTMLResponse:
        return await show_medication_list(request, reading_for(parts, request, person))

    @routes.get("/summary")
    async def gp_summary(request: Request, person: Annotated[SignedIn, Depends(in_record)]) -> HTMLResponse:
        return await show_summary(request, reading_for(parts, request, person))

    @routes.get(other_data.HERE)
    async def other(request: Request, person: Annotated[SignedIn, Depends(in_record)]) -> HTMLResponse:
        return await other_data.show_other(request, reading_for(parts, request, person))

    @routes.get("/menu")
    async def menu(request: Request, _: Annotated[LoggedIn, Depends(logged_in)]) -> HTMLResponse:
        return page(request, "menu.html")

    return routes
