"""The first page: what waits and what is new, what the care plan asks, the last values, who may look and who looked."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import chain
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from app.access.categories import Category
from app.access.representation import Power
from app.audit.log import LogEntry
from app.identity.instants import from_us
from app.portal import careplan, news
from app.portal.activity import Look, entries, looks
from app.portal.appointments import coming
from app.portal.connections import accesses
from app.portal.interactions import LogPage
from app.portal.kinds import Measurement, by_kind
from app.portal.language import Language
from app.portal.log_filter import Filter
from app.portal.measurements import newest_measurements
from app.portal.measurements_shown import cards_of
from app.portal.measuring import FORMS
from app.portal.page import language_of, near, page
from app.portal.parts import Parts
from app.portal.session import SignedIn, maybe_in_record, with_form_cookie
from app.portal.type_measurement import may_add
from app.portal.view import reading_for
from app.portal.waiting import waiting_for

RECENT = timedelta(days=90)
NEWEST_READ = 30
"""Measurements of a kind that are read for the first page: as many as a plan asks in a week, and a small line shows."""

LOOKS_SHOWN, LOOKS_READ = 3, 200
"""Lines of who looked, and entries of the log that are read for them and for what is new: others' newest, and then only changes."""


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


def last_of_each(seen: list[Look]) -> list[Look]:
    """Return the last line of each who looked, and of each who was refused: one that looks much does not hide another."""
    last: dict[tuple[str, bool], Look] = {}
    for look in seen:
        last.setdefault((look.who, look.is_refused), look)
    return list(last.values())


def greeting(now: datetime, language: Language) -> str:
    """Return a greeting for the time of day."""
    if now.hour < 6 or now.hour >= 18:
        return language.gettext("Good evening")
    return language.gettext("Good morning") if now.hour < 12 else language.gettext("Good afternoon")


async def _changed_before(parts: Parts, request: Request, person: SignedIn, read: LogPage) -> tuple[LogEntry, ...]:
    """Return what others changed since the last visit and before what was ``read``: looks must not hide it."""
    since = person.seen_before
    if person.acting is not None or since is None or read.next is None:
        return ()
    if read.entries and from_us(read.entries[-1].event.instant) <= since:
        return ()
    changed = Filter("others", deed="changes")
    return (await entries(parts, request, person, changed, read.next, most=LOOKS_READ, after=since)).entries


def router(parts: Parts) -> APIRouter:
    """Return the route ``/``."""
    routes = APIRouter(include_in_schema=False)

    @routes.get("/")
    async def start(request: Request, person: Annotated[SignedIn | None, Depends(maybe_in_record)]) -> Response:
        if person is None:
            return with_form_cookie(request, page(request, "welcome.html", sign_up_open=parts.settings.sign_up_open))
        reading, language = reading_for(parts, request, person), language_of(request)
        sees_measurements = person.sees(Category.OWN_MEASUREMENTS)
        observations = await newest_measurements(reading, RECENT, NEWEST_READ) if sees_measurements else []
        goals, plans, *requested, tasks = (
            await reading.several("Goal", "CarePlan", *careplan.ASKED)
            if person.sees(Category.CARE_PLAN)
            else ([], [], [])
        )
        measured = by_kind(observations, reading.zone)
        activities = careplan.activities(plans, [*chain(*requested), *tasks], reading.today, language)
        others: tuple[LogEntry, ...] = ()
        older: tuple[LogEntry, ...] = ()
        firsts: frozenset[int] = frozenset()
        if person.may(Power.LOG):
            of_log = await entries(parts, request, person, Filter("others"), most=LOOKS_READ)
            others, firsts = of_log.entries, of_log.firsts
            older = await _changed_before(parts, request, person, of_log)
        given = await accesses(parts, request, person) if person.may(Power.GIVE) else []
        in_force = [one for one in given if one.state == "in-force"]
        is_own, since = person.acting is None, person.seen_before
        seen = looks(others, reading.zone, language, firsts, is_own=is_own)
        messages: list[news.Message] = []
        if is_own:
            messages += news.asked_by_practices(await waiting_for(parts, person.record_id, language), language)
            messages += news.waiting_for_yes(given, language)
            messages += news.corrections_answered(tasks, since, reading.zone, language)
            messages += news.standing_out(seen, since, language)
        if person.sees(Category.QUESTIONNAIRES):
            messages += news.questionnaires_waiting(tasks, language)
        cards = cards_of(measured, goals, language)
        asked = plan_tasks(activities, measured, reading.today)
        return page(
            request,
            "start.html",
            greeting=greeting(reading.now, language),
            now=reading.now,
            cards=cards,
            tasks=asked,
            tasks_done=sum(1 for one in asked if one.is_done),
            tasks_counted=sum(1 for one in asked if one.activity.kind),
            forms=FORMS if may_add(person) and sees_measurements else {},
            messages=messages,
            since=since.astimezone(reading.zone) if since and is_own else None,
            news=news.news_of(chain(others, older), since, reading.zone, language) if is_own else [],
            beginning=news.BEGINNING if is_own and not (cards or asked or given or others) else (),
            accesses=in_force,
            may_give=person.may(Power.GIVE),
            may_see_log=person.may(Power.LOG),
            looks=last_of_each(seen)[:LOOKS_SHOWN],
            appointments=await coming(reading) if person.sees(Category.APPOINTMENTS) else [],
            **near(request, reading.now),
        )

    return routes
