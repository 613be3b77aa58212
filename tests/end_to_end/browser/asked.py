"""A questionnaire that a practice asks somebody to fill in, as its own system does."""

import json
from typing import Any
from uuid import UUID, uuid5

from tests.support.running import Program

HOW_ARE_YOU = {
    "resourceType": "Questionnaire",
    "status": "active",
    "title": "Hoe gaat het met u?",
    "item": [
        {"linkId": "sleep", "text": "Slaapt u goed?", "type": "boolean", "required": True},
        {
            "linkId": "tired",
            "text": "Hoe vaak was u deze week moe?",
            "type": "choice",
            "answerOption": [{"valueString": often} for often in ("Nooit", "Soms", "Elke dag")],
        },
        {
            "linkId": "why",
            "text": "Waardoor was u elke dag moe?",
            "type": "string",
            "enableWhen": [{"question": "tired", "operator": "=", "answerString": "Elke dag"}],
        },
        {"linkId": "more", "text": "Wat wilt u nog zeggen?", "type": "text"},
    ],
}


def ask(program: Program, patient: str, key: str, title: str = str(HOW_ARE_YOU["title"]), **other: Any) -> None:
    """Ask a person to fill in the questionnaire, by a Task; ``key`` is a UUID that is not used for another one.

    ``other`` stands in the Questionnaire for what it has there.
    """
    asked_as = f"urn:uuid:{key}"
    task = {
        "resourceType": "Task",
        "status": "requested",
        "intent": "order",
        "code": {"coding": [{"system": "http://loinc.org", "code": "74468-0"}]},
        "for": {"reference": f"Patient/{patient}"},
        "input": [{"type": {"text": "Questionnaire"}, "valueReference": {"reference": asked_as}}],
    }
    entries = [
        {"fullUrl": asked_as, "resource": {**HOW_ARE_YOU, "title": title, **other}},
        {"fullUrl": uuid5(UUID(key), "task").urn, "resource": task},
    ]
    file = program.folder / "asked.json"
    file.write_text(json.dumps({"resourceType": "Bundle", "type": "collection", "entry": entries}), encoding="utf-8")
    program.run("record", "import", str(file), "--release", "r4", "--as-operator")
