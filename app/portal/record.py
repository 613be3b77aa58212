"""The first page and the pages about the record: care plan, medicines, GP summary."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from fastapi.responses import HTMLResponse
from starlette.responses import Response

from app.access.categories import Category
from app.access.representation import Power
from app.audit.log import LogEntry
from app.fhir.elements import Tree, named, newest_first, words
from app.portal import careplan, medication, summary
from app.portal.activity import entries, looks
from app.portal.connections import accesses
from app.portal.kinds import KINDS, Measurement, measurements_of
from app.portal.language import Language
from app.portal.log_filter import Filter
from app.portal.measurements import codes_of, newest_measurements
from app.portal.measurements_shown import cards_of
from app.portal.measuring import FORMS
from app.portal.page import language_of, near, page
from app.portal.parts import Parts
from app.portal.reading import Reading
from app.portal.session import LoggedIn, SignedIn, in_record, logged_in, maybe_in_record, with_form_cookie
from app.portal.type_measurement import may_add
from app.portal.view import reading_for
from app.portal.waiting import waiting_for

RECENT = timedelta(days=90)
NEWEST_READ = 30
"""Measurements of a kind that are read for the first page: as many as a plan asks in a week, and a small line shows."""

LOOKS_SHOWN, LOOKS_READ = 3, 40


@dataclass(frozen=True, slots=True)
class PlanTask:
    """Something that the care plan asks; ``done`` of ``asked`` times, today or (``is_week``) in this week."""

    activity: careplan.Activity
    asked: int
    done: int
    is_week: bool

    @property
    def is_done(self) -> bool:
        """Return whether it was done as often as asked."""
        return self.done >= self.asked


def plan_tasks(
    activities: list[careplan.Activity], measured: dict[str, list[Measurement]], today: date
) -> list[PlanTask]:
    """Return what is asked for today, and this week without naming a day; with how often the person measured it already.

    What was done comes last. A week begins on Monday. What is no measurement can't be ticked, and is shown for a day only.
    """
    found = []
    for activity in activities:
        asked, is_week = (activity.due, False) if activity.due else (activity.due_week if activity.kind else 0, True)
        if asked:
            first = today - timedelta(days=today.weekday()) if is_week else today
            own = measured.get(activity.kind.key, []) if activity.kind else []
            done = sum(1 for one in own if first <= one.at.date() <= today and not one.by)
            found.append(PlanTask(activity, asked, min(done, asked), is_week))
    return sorted(found, key=lambda task: (task.is_done, task.activity.kind is None, task.is_week))


def last_of(observations: list[Tree], reading: Reading) -> dict[str, careplan.Last]:
    """Return the newest value of each series, by its code."""
    last: dict[str, careplan.Last] = {}
    for kind in KINDS:
        for one in measurements_of(kind, observations, reading.zone):
            for series, value in zip(kind.series, one.values, strict=True):
                if value is not None:
                    last[series.code] = (value, one.at.date())
    return last


def greeting(now: datetime, language: Language) -> str:
    """Return a greeting for the time of day."""
    if now.hour < 6 or now.hour >= 18:
        return language.gettext("Good evening")
    return language.gettext("Good morning") if now.hour < 12 else language.gettext("Good afternoon")


async def newest_of_series(reading: Reading, back: timedelta) -> list[Tree]:
    """Return the newest measurements of each series since ``back`` ago."""
    since = ("date", f"ge{reading.today - back}")
    codes = dict.fromkeys(code for kind in KINDS for code in codes_of(kind).split(","))
    return await reading.newest("Observation", [[("code", code), since] for code in codes], 2)


async def show_care_plan(request: Request, reading: Reading, **frame: Any) -> HTMLResponse:
    """Return the page of the care plan; ``frame`` has what is around it."""
    language = language_of(request)
    goals, plans, teams, requests, tasks = await reading.several(
        "Goal", "CarePlan", "CareTeam", "ServiceRequest", "Task"
    )
    last = last_of(await newest_of_series(reading, timedelta(days=400)), reading)
    codes = careplan.result_codes(goals)
    results = await reading.all("Observation", ("code", ",".join(codes))) if codes else []
    shown = [plan for plan in newest_first(plans, "created", "period") if plan.get("status") not in careplan.OVER]
    about = dict.fromkeys(named([one]) for plan in shown for one in plan.get("addresses", []))
    return page(
        request,
        "care_plan.html",
        titles=[(plan.get("title") or words(plan.get("category")), plan.get("description", "")) for plan in shown],
        about=[name for name in about if name],
        goals=careplan.goal_views(goals, last, newest_first(results, "effectiveDateTime"), language),
        activities=careplan.activities(plans, [*requests, *tasks], reading.today, language),
        members=careplan.members(teams),
        **near(request, reading.now),
        **frame,
    )


async def show_medication(request: Request, reading: Reading, **frame: Any) -> HTMLResponse:
    """Return the page of the medicines."""
    language = language_of(request)
    requests, statements, dispenses, products = await reading.several(
        "MedicationRequest", "MedicationStatement", "MedicationDispense", "Medication"
    )
    names = {f"Medication/{product['id']}": words(product.get("code")) for product in products}
    resources = [*requests, *statements, *dispenses]
    found = [medication.agreement_of(resource, names, language) for resource in resources]
    overview = medication.overview([one for one in found if one], reading.today)
    return page(
        request,
        "medication.html",
        now_used=overview[medication.State.NOW],
        planned=overview[medication.State.PLANNED],
        stopped=overview[medication.State.STOPPED],
        **near(request, reading.now),
        **frame,
    )


async def show_summary(request: Request, reading: Reading, **frame: Any) -> HTMLResponse:
    """Return the page of the GP summary."""
    language = language_of(request)
    conditions, episodes, allergies, compositions, vaccinations = await reading.several(
        "Condition", "EpisodeOfCare", "AllergyIntolerance", "Composition", "Immunization"
    )
    results = await reading.all("Observation", ("category", ",".join(summary.LABORATORY)))
    lines = await reading.all("Observation", ("code", "E,P"))
    return page(
        request,
        "summary.html",
        problems=summary.problems(conditions, episodes),
        allergies=summary.allergies(allergies),
        results=summary.results(results, reading.zone, language),
        contacts=summary.contacts(compositions, lines),
        vaccinations=summary.vaccinations(vaccinations),
        **near(request, reading.now),
        **frame,
    )


def router(parts: Parts) -> APIRouter:
    """Return the routes ``/``, ``/care-plan``, ``/medication``, ``/summary`` and ``/menu``."""
    routes = APIRouter(include_in_schema=False)

    @routes.get("/")
    async def start(request: Request, person: Annotated[SignedIn | None, Depends(maybe_in_record)]) -> Response:
        if person is None:
            return with_form_cookie(request, page(request, "welcome.html", sign_up_open=parts.settings.sign_up_open))
        reading, language = reading_for(parts, request, person), language_of(request)
        sees_measurements = person.sees(Category.OWN_MEASUREMENTS)
        observations = await newest_measurements(reading, RECENT, NEWEST_READ) if sees_measurements else []
        goals, plans, requests, tasks = (
            await reading.several("Goal", "CarePlan", "ServiceRequest", "Task")
            if person.sees(Category.CARE_PLAN)
            else ([], [], [], [])
        )
        measured = {kind.key: measurements_of(kind, observations, reading.zone) for kind in KINDS}
        activities = careplan.activities(plans, [*requests, *tasks], reading.today, language)
        others: list[LogEntry] = []
        if person.may(Power.LOG):
            page_of_log = await entries(parts, request, person, Filter("others"), most=LOOKS_READ)
            others = list(page_of_log.entries)
        given = await accesses(parts, request, person) if person.may(Power.GIVE) else []
        return page(
            request,
            "start.html",
            greeting=greeting(reading.now, language),
            now=reading.now,
            cards=cards_of(observations, goals, reading.zone, language),
            tasks=plan_tasks(activities, measured, reading.today),
            forms=FORMS if may_add(person) and sees_measurements else {},
            waiting=await waiting_for(parts, person.record_id, language) if person.acting is None else [],
            accesses=[one for one in given if one.state == "in-force"],
            may_give=person.may(Power.GIVE),
            may_see_log=person.may(Power.LOG),
            looks=looks(others, reading.zone, language, is_own=person.acting is None)[:LOOKS_SHOWN],
            **near(request, reading.now),
        )

    @routes.get("/care-plan")
    async def care_plan(request: Request, person: Annotated[SignedIn, Depends(in_record)]) -> HTMLResponse:
        return await show_care_plan(request, reading_for(parts, request, person))

    @routes.get("/medication")
    async def medicines(request: Request, person: Annotated[SignedIn, Depends(in_record)]) -> HTMLResponse:
        return await show_medication(request, reading_for(parts, request, person))

    @routes.get("/summary")
    async def gp_summary(request: Request, person: Annotated[SignedIn, Depends(in_record)]) -> HTMLResponse:
        return await show_summary(request, reading_for(parts, request, person))

    @routes.get("/menu")
    async def menu(request: Request, _: Annotated[LoggedIn, Depends(logged_in)]) -> HTMLResponse:
        return page(request, "menu.html")

    return routes
