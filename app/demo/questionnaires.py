"""Questionnaires that the practice asks a person to fill in, one that waits and one that was sent, in STU3.

The questions are invented for the demo: they are no questionnaire that is in use, and measure nothing.
"""

from app.demo.diary import Diary
from app.demo.elements import HL7, Json, Link
from app.demo.identity import Cast

SCALE = ("Heel goed", "Goed", "Gaat wel", "Niet goed", "Slecht")


def _item(link_id: str, kind: str, text: str, **more: object) -> Json:
    return {"linkId": link_id, "type": kind, "text": text, **more}


def _choices(*texts: str) -> list[Json]:
    return [{"valueString": text} for text in texts]


HOW_ARE_YOU = (
    _item("1", "choice", "Hoe ging het de afgelopen week met u?", option=_choices(*SCALE), required=True),
    _item("2", "choice", "Hoe sliep u de afgelopen week?", option=_choices(*SCALE)),
    _item("3", "boolean", "Maakt u zich zorgen over uw gezondheid?"),
    _item("4", "text", "Waarover maakt u zich zorgen?", enableWhen=[{"question": "3", "answerBoolean": True}]),
)
"""A short questionnaire, that everybody filled in before."""

BEFORE_VISIT = (
    _item("1", "boolean", "Rookt u?", required=True),
    _item(
        "2",
        "integer",
        "Hoeveel sigaretten rookt u op een dag?",
        enableWhen=[{"question": "1", "answerBoolean": True}],
    ),
    _item("3", "decimal", "Hoeveel weegt u nu, in kilo?"),
    _item(
        "4",
        "choice",
        "Hoe vaak beweegt u een half uur?",
        option=_choices("Elke dag", "Een paar keer per week", "Bijna nooit"),
    ),
    _item(
        "5",
        "group",
        "Middelen die u zelf koopt",
        repeats=True,
        item=[
            _item("5.1", "string", "Wat is de naam van het middel?"),
            _item("5.2", "string", "Hoe vaak gebruikt u het?"),
        ],
    ),
    _item("6", "text", "Wat wilt u bespreken?"),
)
"""What the practice asks before a check-up: it waits."""


def add_questionnaires(cast: Cast, diary: Diary, answers: tuple[str, str, bool, str], worker: str = "polsslag") -> None:
    """Add both questionnaires, the task that asks for the second, and the ``answers`` to the first of three months ago."""
    asked = _add_questionnaire(cast, "hoe-gaat-het", "Hoe gaat het met u?", "Vier korte vragen.", HOW_ARE_YOU)
    _add_answers(cast, diary, asked, answers)
    waits = _add_questionnaire(
        cast, "voor-de-controle", "Vragen voor uw controle", "Vul dit in voordat u naar de praktijk komt.", BEFORE_VISIT
    )
    person = cast.staff.workers[worker]
    cast.entries.add(
        "Task",
        HL7 + "Task",
        "vragenlijst",
        "Vragen voor uw controle",
        {
            "status": "requested",
            "intent": "order",
            "description": "Vragen voor uw controle",
            "focus": waits.reference(),
            "for": cast.patient.reference(),
            "authoredOn": diary.at(3, 9, 30),
            "requester": {"agent": person.reference()},
            "restriction": {"period": {"end": diary.day(-7).isoformat()}},
        },
    )


def _add_questionnaire(cast: Cast, key: str, title: str, about: str, items: tuple[Json, ...]) -> Link:
    return cast.entries.add(
        "Questionnaire",
        HL7 + "Questionnaire",
        key,
        title,
        {
            "status": "active",
            "title": title,
            "description": about,
            "publisher": cast.practice.display,
            "subjectType": ["Patient"],
            "item": list(items),
        },
    )


def _add_answers(cast: Cast, diary: Diary, asked: Link, answers: tuple[str, str, bool, str]) -> None:
    week, sleep, is_worried, worry = answers
    given: list[tuple[Json, Json]] = [
        (HOW_ARE_YOU[0], {"valueString": week}),
        (HOW_ARE_YOU[1], {"valueString": sleep}),
        (HOW_ARE_YOU[2], {"valueBoolean": is_worried}),
        *([(HOW_ARE_YOU[3], {"valueString": worry})] if is_worried else []),
    ]
    at = diary.at(92, 20, 5)
    cast.entries.add(
        "QuestionnaireResponse",
        HL7 + "QuestionnaireResponse",
        f"hoe-gaat-het/{at}",
        "Hoe gaat het met u?",
        {
            "identifier": None,
            "questionnaire": asked.reference(),
            "status": "completed",
            "subject": cast.patient.reference(),
            "authored": at,
            "author": cast.patient.reference(),
            "source": cast.patient.reference(),
            "item": [{"linkId": item["linkId"], "text": item["text"], "answer": [value]} for item, value in given],
        },
    )
