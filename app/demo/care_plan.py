"""An individual care plan in R4: problems, goals with target ranges, team, measuring schedules, agreements, tasks.

Profiles: nl-core-Problem, nl-core-Alert; the rest is of the base specification: there is no nl-core care plan,
nl-core-TreatmentObjective allows no LOINC measures, nl-core-CareTeam only one professional. A target's measure has the code of the Observations, so that a chart can draw its band.
Spec: https://hl7.org/fhir/R4/careplan.html, https://hl7.org/fhir/R4/goal.html
"""

from dataclasses import dataclass
from datetime import date

from app.demo.diary import Diary
from app.demo.elements import HL7, ICPC, NICTIZ, Json, Link, coding, concept, decimal, quantity, snomed
from app.demo.gp_summary import Problem
from app.demo.identity import Cast

TERMINOLOGY = "http://terminology.hl7.org/CodeSystem/"


@dataclass(frozen=True, slots=True)
class Target:
    """The band in which a measurement should be; a bound that is None is open."""

    measure: Json
    unit: str
    low: float | None = None
    high: float | None = None
    digits: int = 0
    ucum: str | None = None


@dataclass(frozen=True, slots=True)
class Aim:
    """A goal in words of the person, why (key of a problem), since and until when (days ago), and how it stands."""

    key: str
    text: str
    problem: str
    targets: tuple[Target, ...]
    since: int
    due: int
    achievement: str = "in-progress"
    lifecycle: str = "active"
    note: str | None = None


@dataclass(frozen=True, slots=True)
class Schedule:
    """How often something is done: ``frequency`` times per ``period`` ``unit``, at the events ``when``."""

    text: str
    frequency: int
    period: int
    unit: str
    when: tuple[str, ...] = ()

    def timing(self, start: date) -> Json:
        """Return the Timing, from ``start`` on."""
        repeat: Json = {
            "boundsPeriod": {"start": start.isoformat()},
            "frequency": self.frequency,
            "period": self.period,
            "periodUnit": self.unit,
        }
        if self.when:
            repeat["when"] = list(self.when)
        return {"repeat": repeat, "code": {"text": self.text}}


@dataclass(frozen=True, slots=True)
class Measuring:
    """Something the person measures at home: what is done, the measurement that comes of it, how often, and how.

    ``procedure`` is the code of SNOMED CT for ``action``, where there is one.
    """

    key: str
    action: str
    procedure: Json | None
    measurement: Json
    schedule: Schedule
    aims: tuple[str, ...]
    instruction: str


@dataclass(frozen=True, slots=True)
class Habit:
    """Something the person does or gets, as agreed; ``procedure`` as for Measuring."""

    action: str
    procedure: Json | None
    description: str
    aims: tuple[str, ...]
    schedule: Schedule | None = None
    status: str = "in-progress"


@dataclass(frozen=True, slots=True)
class Assignment:
    """A task for the person, to be done before ``due`` (days ago); ``done`` where it was."""

    key: str
    text: str
    since: int
    due: int
    done: int | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """A care plan as the team and the person made it."""

    title: str
    summary: str
    since: int
    coordinator: str
    team: tuple[str, ...]
    problems: tuple[Problem, ...]
    aims: tuple[Aim, ...]
    measurings: tuple[Measuring, ...]
    habits: tuple[Habit, ...]
    assignments: tuple[Assignment, ...] = ()
    note: str | None = None


def add_plan(cast: Cast, diary: Diary, plan: Plan) -> Link:
    """Add the plan with all it refers to; return the link to the CarePlan."""
    author = cast.staff.workers[plan.coordinator]
    problems = {problem.key: _add_problem(cast, problem) for problem in plan.problems}
    team = _add_team(cast, diary, plan, problems)
    aims = {aim.key: _add_aim(cast, diary, aim, problems[aim.problem], author) for aim in plan.aims}
    start = diary.day(plan.since)
    activities: list[Json] = []
    for measuring in plan.measurings:
        request = _add_measuring(cast, start, measuring, author, list(problems.values()))
        activities.append({"reference": request.reference()})
    activities += [_habit(cast, start, habit, aims) for habit in plan.habits]
    for assignment in plan.assignments:
        task = _add_assignment(cast, diary, assignment, author)
        activities.append({"reference": task.reference()})
    return cast.entries.add(
        "CarePlan",
        HL7 + "CarePlan",
        plan.title,
        plan.title,
        {
            "status": "active",
            "intent": "plan",
            "category": [concept(snomed("734163000", "zorgplan"), text="Individueel zorgplan")],
            "title": plan.title,
            "description": plan.summary,
            "subject": cast.patient.reference(),
            "period": {"start": start.isoformat()},
            "created": start.isoformat(),
            "author": author.reference(),
            "careTeam": [team.reference()],
            "addresses": [problem.reference() for problem in problems.values()],
            "goal": [aim.reference() for aim in aims.values()],
            "activity": activities,
            "note": [{"text": plan.note}] if plan.note else None,
        },
    )


def _add_problem(cast: Cast, problem: Problem) -> Link:
    return cast.entries.add(
        "Condition",
        NICTIZ + "nl-core-Problem",
        problem.key,
        problem.name,
        {
            "clinicalStatus": concept(coding(TERMINOLOGY + "condition-clinical", "active", "Actief")),
            "verificationStatus": concept(
                coding(TERMINOLOGY + "condition-ver-status", "confirmed", "Bevestigd"),
                snomed("410605003", "aanwezigheid bevestigd"),
            ),
            "category": [concept(snomed("282291009", "diagnose"))],
            "code": concept(snomed(problem.snomed, problem.name), coding(ICPC, problem.icpc, problem.name)),
            "subject": cast.patient.reference(),
            "onsetDateTime": problem.since.isoformat(),
        },
    )


def _add_team(cast: Cast, diary: Diary, plan: Plan, problems: dict[str, Link]) -> Link:
    members = [cast.patient, *(cast.staff.workers[key] for key in plan.team)]
    return cast.entries.add(
        "CareTeam",
        HL7 + "CareTeam",
        plan.title,
        "Mijn zorgteam",
        {
            "status": "active",
            "name": "Mijn zorgteam",
            "subject": cast.patient.reference(),
            "period": {"start": diary.day(plan.since).isoformat()},
            "participant": [{"member": member.reference()} for member in members],
            "reasonReference": [problem.reference() for problem in problems.values()],
        },
    )


def _add_aim(cast: Cast, diary: Diary, aim: Aim, problem: Link, author: Link) -> Link:
    due = diary.day(aim.due).isoformat()
    status = {
        "achieved": "Gehaald",
        "in-progress": "Mee bezig",
        "improving": "Gaat vooruit",
        "no-progress": "Nog geen vooruitgang",
    }[aim.achievement]
    return cast.entries.add(
        "Goal",
        HL7 + "Goal",
        aim.key,
        aim.text,
        {
            "lifecycleStatus": aim.lifecycle,
            "achievementStatus": concept(coding(TERMINOLOGY + "goal-achievement", aim.achievement, status)),
            "description": {"text": aim.text},
            "subject": cast.patient.reference(),
            "startDate": diary.day(aim.since).isoformat(),
            "target": [_target(target, due) for target in aim.targets] or [{"dueDate": due}],
            "expressedBy": author.reference(),
            "addresses": [problem.reference()],
            "note": [{"text": aim.note}] if aim.note else None,
        },
    )


def _target(target: Target, due: str) -> Json:
    bounds = {
        name: quantity(decimal(bound, target.digits), target.unit, target.ucum)
        for name, bound in (("low", target.low), ("high", target.high))
        if bound is not None
    }
    return {"measure": concept(target.measure), "detailRange": bounds, "dueDate": due}


def _add_measuring(cast: Cast, start: date, measuring: Measuring, author: Link, problems: list[Link]) -> Link:
    codes = [code for code in (measuring.procedure, measuring.measurement) if code is not None]
    return cast.entries.add(
        "ServiceRequest",
        HL7 + "ServiceRequest",
        measuring.key,
        f"{measuring.action.capitalize()}, {measuring.schedule.text}",
        {
            "status": "active",
            "intent": "plan",
            "category": [concept(snomed("103693007", "diagnostische verrichting"), text="Zelf meten")],
            "code": concept(*codes, text=measuring.action.capitalize()),
            "subject": cast.patient.reference(),
            "occurrenceTiming": measuring.schedule.timing(start),
            "authoredOn": start.isoformat(),
            "requester": author.reference(),
            "performer": [cast.patient.reference()],
            "reasonReference": [problem.reference() for problem in problems],
            "patientInstruction": measuring.instruction,
        },
    )


def _habit(cast: Cast, start: date, habit: Habit, aims: dict[str, Link]) -> Json:
    detail: Json = {
        "kind": "Task",
        "code": concept(*([habit.procedure] if habit.procedure else []), text=habit.action.capitalize()),
        "goal": [aims[key].reference() for key in habit.aims],
        "status": habit.status,
        "performer": [cast.patient.reference()],
        "description": habit.description,
    }
    if habit.schedule is not None:
        detail["scheduledTiming"] = habit.schedule.timing(start)
    return {"detail": detail}


def _add_assignment(cast: Cast, diary: Diary, assignment: Assignment, author: Link) -> Link:
    since, done = diary.at(assignment.since, 9), assignment.done
    return cast.entries.add(
        "Task",
        HL7 + "Task",
        assignment.key,
        assignment.text,
        {
            "status": "requested" if done is None else "completed",
            "intent": "plan",
            "description": assignment.text,
            "for": cast.patient.reference(),
            "executionPeriod": None if done is None else {"start": since, "end": diary.at(done, 19, 30)},
            "authoredOn": since,
            "lastModified": since if done is None else diary.at(done, 19, 30),
            "requester": author.reference(),
            "owner": cast.patient.reference(),
            "restriction": {"period": {"end": diary.day(assignment.due).isoformat()}},
        },
    )


def add_alert(cast: Cast, diary: Diary, since: int, code: Json, text: str) -> None:
    """Add something that everybody who helps should know at once, as a Flag."""
    cast.entries.add(
        "Flag",
        NICTIZ + "nl-core-Alert",
        code["code"],
        text,
        {
            "status": "active",
            "category": [concept(coding("http://loinc.org", "75323-6", "aandoening"))],
            "code": concept(code, text=text),
            "subject": cast.patient.reference(),
            "period": {"start": diary.day(since).isoformat()},
            "author": cast.doctor.reference(),
        },
    )


def add_appointment(cast: Cast, diary: Diary, in_days: int, worker: str, text: str) -> None:
    """Add a check-up that is planned, ``in_days`` days from now."""
    cast.entries.add(
        "Appointment",
        HL7 + "Appointment",
        f"{worker}/{in_days}",
        text,
        {
            "status": "booked",
            "description": text,
            "start": diary.at(-in_days, 10, 20),
            "end": diary.at(-in_days, 10, 40),
            "participant": [
                {"actor": actor.reference(), "status": "accepted"}
                for actor in (cast.patient, cast.staff.workers[worker])
            ],
        },
    )
