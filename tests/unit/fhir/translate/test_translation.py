"""What becomes of the elements that HL7 changed between STU3 and R4, one by one."""

from decimal import Decimal
from typing import Any

import pytest

from app.fhir.release import Release
from app.fhir.translate.tables import system_in_r4, system_in_stu3
from app.fhir.translate.translation import TRANSLATED_FROM, Translated, translate

KEPT = "http://hl7.org/fhir/3.0/StructureDefinition/extension-"


def to_r4(**members: Any) -> Translated:
    return translate(members, Release.STU3, Release.R4)


def to_stu3(**members: Any) -> Translated:
    return translate(members, Release.R4, Release.STU3)


def kept(translated: Translated) -> dict[str, Any]:
    return {one["url"]: one for one in translated.tree.get("extension", [])}


def test_what_was_translated_says_from_which_release() -> None:
    meta = to_r4(resourceType="Patient", meta={"versionId": "3", "tag": [{"code": "own"}]}).tree["meta"]
    assert meta == {"versionId": "3", "tag": [{"code": "own"}, {"system": TRANSLATED_FROM, "code": "stu3"}]}


def test_profiles_are_named_as_lost() -> None:
    translated = to_r4(resourceType="Patient", meta={"profile": ["https://regie.example/fhir/one"]})
    assert "profile" not in translated.tree["meta"]
    assert [loss.expression for loss in translated.losses] == ["Patient.meta.profile[0]"]


def test_a_type_that_is_not_translated_is_refused() -> None:
    with pytest.raises(ValueError, match="not translated"):
        to_r4(resourceType="Consent")


def test_a_question_begins_with_a_value_and_is_shown_by_a_comparison() -> None:
    when = [{"question": "1", "hasAnswer": True}, {"question": "2", "answerCoding": {"code": "ja"}}]
    option = [{"valueString": "Ja"}, {"valueString": "Nee"}]
    item = {"linkId": "3", "type": "choice", "initialString": "Ja", "enableWhen": when, "option": option}
    there = to_r4(resourceType="Questionnaire", status="active", item=[item]).tree
    assert there["item"] == [
        {
            "linkId": "3",
            "type": "choice",
            "initial": [{"valueString": "Ja"}],
            "enableBehavior": "any",
            "enableWhen": [
                {"question": "1", "operator": "exists", "answerBoolean": True},
                {"question": "2", "operator": "=", "answerCoding": {"code": "ja"}},
            ],
            "answerOption": option,
        }
    ]
    assert to_stu3(**there).tree["item"] == [item]


def test_a_comparison_that_stu3_lacks_is_not_taken_for_equal() -> None:
    when = [{"question": "1", "operator": ">", "answerInteger": 3}]
    item = {"linkId": "2", "type": "string", "enableWhen": when}
    there = to_stu3(resourceType="Questionnaire", status="active", item=[item]).tree
    (told,) = there["item"][0]["enableWhen"]
    assert told.keys() == {"question", "extension", "modifierExtension"}
    assert to_r4(**there).tree["item"] == [item]


def test_all_conditions_together_stay_a_condition_that_can_not_be_passed_over() -> None:
    when = [{"question": number, "operator": "exists", "answerBoolean": True} for number in "12"]
    item = {"linkId": "3", "type": "string", "enableWhen": when, "enableBehavior": "all"}
    there = to_stu3(resourceType="Questionnaire", status="active", item=[item]).tree
    assert there["item"][0]["modifierExtension"][0]["valueCode"] == "all"
    assert to_r4(**there).tree["item"] == [item]


def test_a_photo_is_an_image_and_its_time_when_it_was_made() -> None:
    photo = {"resourceType": "Media", "type": "photo", "occurrenceDateTime": "2026-03-01", "duration": 3}
    there = to_r4(**photo, content={"title": "Wond"}).tree
    assert there["type"]["coding"][0]["code"] == "image"
    assert (there["createdDateTime"], there["duration"], there["status"]) == ("2026-03-01", 3, "unknown")
    back = to_stu3(**there).tree
    assert {name: back[name] for name in photo} == photo


def test_who_asked_for_a_task_is_the_reference_itself() -> None:
    requester = {"agent": {"reference": "Practitioner/1"}}
    there = to_r4(
        resourceType="Task", status="requested", intent="order", requester=requester, reason={"text": "Pijn"}
    ).tree
    assert (there["requester"], there["reasonCode"]) == (requester["agent"], {"text": "Pijn"})
    assert to_stu3(**there).tree["requester"] == requester


def test_a_status_code_becomes_a_concept_of_its_code_system() -> None:
    tree = to_r4(resourceType="Condition", clinicalStatus="active", assertedDate="2026-03-01").tree
    system = "http://terminology.hl7.org/CodeSystem/condition-clinical"
    assert tree["clinicalStatus"] == {"coding": [{"system": system, "code": "active"}]}
    assert tree["recordedDate"] == "2026-03-01"
    assert to_stu3(**tree).tree["clinicalStatus"] == "active"


def test_a_concept_that_says_more_than_a_code_comes_back_whole() -> None:
    system = "http://terminology.hl7.org/CodeSystem/condition-clinical"
    status = {"coding": [{"system": system, "code": "active", "display": "Actief"}], "text": "Speelt nu"}
    there = to_stu3(resourceType="Condition", clinicalStatus=status, subject={"reference": "Patient/1"})
    assert there.tree["clinicalStatus"] == "active"
    assert to_r4(**there.tree).tree["clinicalStatus"] == status


def test_a_code_that_the_other_release_lacks_is_kept() -> None:
    translated = to_r4(resourceType="Condition", verificationStatus="unknown")
    assert "verificationStatus" not in translated.tree
    assert kept(translated)[f"{KEPT}Condition.verificationStatus"]["valueCode"] == "unknown"
    assert to_stu3(**translated.tree).tree["verificationStatus"] == "unknown"


def test_decimals_keep_their_digits() -> None:
    tree = to_r4(resourceType="Observation", status="final", valueQuantity={"value": Decimal("7.10")}).tree
    assert str(tree["valueQuantity"]["value"]) == "7.10"


def test_a_comment_becomes_a_note() -> None:
    tree = to_r4(resourceType="Observation", status="final", comment="After a walk").tree
    assert tree["note"] == [{"text": "After a walk"}]
    assert to_stu3(**tree).tree["comment"] == "After a walk"


def test_a_note_with_an_author_is_a_comment_and_comes_back_whole() -> None:
    note = [{"authorString": "Fenna", "text": "After a walk"}]
    there = to_stu3(resourceType="Observation", status="final", note=note).tree
    assert there["comment"] == "After a walk"
    assert to_r4(**there).tree["note"] == note


def test_related_observations_go_where_their_relation_says() -> None:
    related = [
        {"type": "has-member", "target": {"reference": "Observation/1"}},
        {"type": "derived-from", "target": {"reference": "Observation/2"}},
        {"type": "replaces", "target": {"reference": "Observation/3"}},
    ]
    translated = to_r4(resourceType="Observation", status="final", related=related)
    assert translated.tree["hasMember"] == [{"reference": "Observation/1"}]
    assert translated.tree["derivedFrom"] == [{"reference": "Observation/2"}]
    assert f"{KEPT}Observation.related" in kept(translated)
    assert sorted(to_stu3(**translated.tree).tree["related"], key=str) == sorted(related, key=str)


def test_an_attachment_as_value_is_kept() -> None:
    value = {"contentType": "text/plain", "data": "aGFsbG8="}
    translated = to_r4(resourceType="Observation", status="final", valueAttachment=value)
    assert kept(translated)[f"{KEPT}Observation.value"]["valueAttachment"] == value
    assert to_stu3(**translated.tree).tree["valueAttachment"] == value


def test_an_encounter_as_context_moves_and_an_episode_of_care_is_kept() -> None:
    encounter, episode = {"reference": "Encounter/1"}, {"reference": "EpisodeOfCare/1"}
    assert to_r4(resourceType="Observation", status="final", context=encounter).tree["encounter"] == encounter
    translated = to_r4(resourceType="Observation", status="final", context=episode)
    assert kept(translated)[f"{KEPT}Observation.context"]["valueReference"] == episode
    assert to_stu3(**translated.tree).tree["context"] == episode


@pytest.mark.parametrize(
    ("status", "taken", "in_r4"),
    [
        ("active", "y", "active"),
        ("active", "n", "not-taken"),
        ("stopped", "n", "not-taken"),
        ("intended", "unk", "intended"),
        ("active", "unk", "active"),
    ],
)
def test_medicine_that_is_not_taken_says_so_in_its_status(status: str, taken: str, in_r4: str) -> None:
    there = to_r4(resourceType="MedicationStatement", status=status, taken=taken).tree
    assert there["status"] == in_r4
    back = to_stu3(**there).tree
    assert (back["status"], back["taken"]) == (status, taken)


@pytest.mark.parametrize(
    ("resource_type", "flag", "status", "in_r4"),
    [
        ("Immunization", "notGiven", "completed", "not-done"),
        ("MedicationAdministration", "notGiven", "completed", "not-done"),
        ("MedicationDispense", "notDone", "completed", "declined"),
        ("Procedure", "notDone", "completed", "not-done"),
    ],
)
def test_what_was_not_done_says_so_in_its_status(resource_type: str, flag: str, status: str, in_r4: str) -> None:
    there = to_r4(resourceType=resource_type, status=status, **{flag: True}).tree
    assert there["status"] == in_r4
    back = to_stu3(**there).tree
    assert (back["status"], back[flag]) == (status, True)


@pytest.mark.parametrize("status", ["proposed", "in-progress", "on-target", "behind-target", "sustaining", "achieved"])
def test_a_goal_status_is_split_and_comes_back(status: str) -> None:
    there = to_r4(resourceType="Goal", status=status, subject={"reference": "Patient/1"}).tree
    assert there["lifecycleStatus"] in {"proposed", "active", "completed"}
    back = to_stu3(**there).tree
    assert back["status"] == status
    assert "extension" not in back


def test_a_dose_goes_into_the_amounts_of_a_dosage() -> None:
    dosage = {"text": "1 a day", "doseQuantity": {"value": 1}, "rateRatio": {"numerator": {"value": 2}}}
    tree = to_r4(resourceType="MedicationRequest", status="active", intent="plan", dosageInstruction=[dosage]).tree
    amounts = [{"doseQuantity": {"value": 1}, "rateRatio": {"numerator": {"value": 2}}}]
    assert tree["dosageInstruction"] == [{"text": "1 a day", "doseAndRate": amounts}]
    assert to_stu3(**tree).tree["dosageInstruction"] == [dosage]


def test_who_asks_for_a_medicine_is_no_longer_wrapped() -> None:
    requester = {"agent": {"reference": "Practitioner/1"}, "onBehalfOf": {"reference": "Organization/2"}}
    tree = to_r4(resourceType="MedicationRequest", status="active", intent="plan", requester=requester).tree
    assert tree["requester"]["reference"] == "Practitioner/1"
    assert to_stu3(**tree).tree["requester"] == requester


def test_a_plan_has_one_author_and_others_who_contributed() -> None:
    authors = [{"reference": "Practitioner/1"}, {"reference": "Patient/1"}]
    tree = to_r4(resourceType="CarePlan", status="suspended", intent="plan", author=authors).tree
    assert (tree["author"], tree["contributor"], tree["status"]) == (authors[0], authors[1:], "on-hold")
    back = to_stu3(**tree).tree
    assert (back["author"], back["status"]) == (authors, "suspended")


def test_a_questionnaire_is_named_by_its_url_when_it_has_one() -> None:
    url = "https://regie.example/fhir/Questionnaire/weekly"
    response = {"resourceType": "QuestionnaireResponse", "status": "completed"}
    assert to_r4(**response, questionnaire={"reference": url}).tree["questionnaire"] == url
    relative = to_r4(**response, questionnaire={"reference": "Questionnaire/1"})
    assert (
        kept(relative)[f"{KEPT}QuestionnaireResponse.questionnaire"]["valueReference"]["reference"] == "Questionnaire/1"
    )


def test_an_animal_is_told_as_hl7_tells_it() -> None:
    animal = {"species": {"text": "Cat"}}
    translated = to_r4(resourceType="Patient", animal=animal)
    (told,) = kept(translated).values()
    assert told["url"] == "http://hl7.org/fhir/StructureDefinition/patient-animal"
    assert to_stu3(**translated.tree).tree["animal"] == animal


def test_what_is_demanded_and_not_there_is_unknown_and_named() -> None:
    translated = to_r4(resourceType="Immunization", status="completed", notGiven=False, primarySource=True)
    assert "_occurrenceDateTime" in translated.tree
    assert any("occurrence" in loss.reason for loss in translated.losses)
    assert "_date" not in to_stu3(**translated.tree).tree


def test_a_reference_to_a_type_that_the_other_release_lacks_is_named_as_lost() -> None:
    based_on = [{"reference": "ProcedureRequest/1", "display": "Blood"}]
    translated = to_r4(resourceType="Observation", status="final", code={"text": "Blood"}, basedOn=based_on)
    assert "basedOn" not in translated.tree
    assert kept(translated)[f"{KEPT}Observation.basedOn"]["valueReference"] == {"display": "Blood"}
    assert [loss.expression for loss in translated.losses] == ["Observation.basedOn[0].reference"]


def test_what_is_contained_is_translated_or_named_as_lost() -> None:
    contained = [
        {"resourceType": "Medication", "id": "m", "isBrand": True},
        {"resourceType": "ProcedureRequest", "id": "p", "status": "active"},
    ]
    translated = to_r4(resourceType="MedicationRequest", status="active", intent="plan", contained=contained)
    (medication,) = translated.tree["contained"]
    assert medication["extension"][0]["url"] == f"{KEPT}Medication.isBrand"
    assert "MedicationRequest.contained[1]" in {loss.expression for loss in translated.losses}


@pytest.mark.parametrize(
    ("stu3", "r4"),
    [
        ("http://hl7.org/fhir/observation-category", "http://terminology.hl7.org/CodeSystem/observation-category"),
        ("http://hl7.org/fhir/v3/ActCode", "http://terminology.hl7.org/CodeSystem/v3-ActCode"),
        ("http://hl7.org/fhir/v2/0131", "http://terminology.hl7.org/CodeSystem/v2-0131"),
        ("http://loinc.org", "http://loinc.org"),
        ("http://hl7.org/fhir/administrative-gender", "http://hl7.org/fhir/administrative-gender"),
    ],
)
def test_code_systems_that_hl7_moved_are_named_as_each_release_does(stu3: str, r4: str) -> None:
    assert system_in_r4(stu3) == r4
    assert system_in_stu3(r4) == stu3
