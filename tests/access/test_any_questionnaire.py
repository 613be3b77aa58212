"""Each kind of question in the portal, of both releases: shown, answered, kept, read back; begun on one device, sent from another."""

import re
from typing import Any

import pytest

from app.fhir.release import Release
from tests.access.test_questionnaires import hidden, page, post, responses, seen
from tests.support.world import World

RELEASES = pytest.mark.parametrize("release", list(Release))
HIDDEN = {"url": "http://hl7.org/fhir/StructureDefinition/questionnaire-hidden", "valueBoolean": True}
EVERY = {
    "boolean": ("true", {"valueBoolean": True}, "Ja"),
    "decimal": ("7,25", {"valueDecimal": 7.25}, "7,25"),
    "integer": ("12", {"valueInteger": 12}, "12"),
    "date": ("1-4-1935", {"valueDate": "1935-04-01"}, "1\u00a0april\u00a01935"),
    "dateTime": ("1-4-1935", {"valueDateTime": "1935-04-01"}, "1\u00a0april\u00a01935"),
    "time": ("8:05", {"valueTime": "08:05:00"}, "08:05"),
    "string": ("Nogal\x07 moe", {"valueString": "Nogal moe"}, "Nogal moe"),
    "text": ("Moe.\r\nErg.", {"valueString": "Moe.\nErg."}, "Moe.\nErg."),
    "url": ("https://example.org", {"valueUri": "https://example.org"}, "https://example.org"),
    "quantity": ("70,5", {"valueQuantity": {"value": 70.5}}, "70,5"),
    "choice": ("1", {"valueString": "Soms"}, "Soms"),
}
"""What is typed for each type, what is kept of it, and how it is read back."""


async def made(world: World, release: Release, items: list[dict[str, Any]]) -> str:
    """Return the path of a questionnaire with these items in the first person's record."""
    url = {"url": "https://regie.example/fhir/Questionnaire/any"} if release is Release.R4 else {}
    tree = {"resourceType": "Questionnaire", "status": "active", "item": items} | url
    return f"/questionnaires/{release.path}/{(await world.caller('zonnestraal', release).made(tree))['id']}"


def options(release: Release) -> dict[str, Any]:
    """Return two options of a choice, as the release has them."""
    name = "answerOption" if release is Release.R4 else "option"
    return {name: [{"valueString": text} for text in ("Nooit", "Soms")]}


@RELEASES
async def test_each_kind_is_answered_on_one_device_and_sent_from_another(world: World, release: Release) -> None:
    inner: dict[str, Any] = {"linkId": "deep", "type": "string", "text": "Diep"}
    for depth in range(5):
        inner = {"linkId": f"g{depth}", "type": "group", "item": [inner]}
    simple = [{"linkId": kind, "type": kind, "text": f"Vraag {kind}"} for kind in EVERY if kind != "choice"]
    chosen = {"linkId": "choice", "type": "choice", "text": "Vraag choice", **options(release)}
    path = await made(world, release, [*simple, chosen, inner])
    typed: dict[str, Any] = {kind: text for kind, (text, _, _) in EVERY.items()} | {"deep": "In de kern"}
    first = await page(world, path)
    assert (await post(world, path, first, do="later", **typed)).status_code == 303
    (draft,) = await responses(world, release)
    again = await page(world, path)
    sent: dict[str, Any] = {kind: (hidden(again.text, f"a-{kind}") or [text])[0] for kind, text in typed.items()}
    sent |= {"boolean": "true", "choice": "1", "text": "Moe.\r\nErg."}
    assert "Moe.\nErg.</textarea>" in again.text
    assert (await post(world, path, again, **sent)).status_code == 303
    (kept,) = await responses(world, release)
    answers = {item["linkId"]: item["answer"][0] for item in kept["item"] if "answer" in item}
    assert (kept["id"], kept["status"]) == (draft["id"], "completed")
    assert answers == {kind: value for kind, (_, value, _) in EVERY.items()}
    shown = (await page(world, f"/questionnaires/answers/{kept['id']}")).text
    for words in [words for _, _, words in EVERY.values()] + ["In de kern"]:
        assert f"<dd>{words}</dd>" in shown


@RELEASES
@pytest.mark.parametrize("kind", ["decimal", "integer", "date", "dateTime", "time", "url", "quantity", "choice"])
async def test_a_wrong_answer_is_told_at_its_place_and_nothing_else_is_lost(
    world: World, release: Release, kind: str
) -> None:
    more = options(release) if kind == "choice" else {}
    wrong = {"linkId": "wrong", "type": kind, "text": "Fout?", **more}
    path = await made(world, release, [{"linkId": "good", "type": "string", "text": "Goed?"}, wrong])
    answer = await post(world, path, await page(world, path), good="Blijft staan", wrong="x\x07")
    assert answer.status_code == 422
    assert 'href="#q1">Fout?</a>' in answer.text
    assert 'id="q1-error"' in answer.text
    assert 'value="Blijft staan"' in answer.text
    assert await responses(world, release) == []


@RELEASES
async def test_an_open_choice_of_a_value_set_that_is_not_known_is_answered_in_own_words(
    world: World, release: Release
) -> None:
    url = "https://regie.example/fhir/ValueSet/not-known"
    unknown = {"answerValueSet": url} if release is Release.R4 else {"options": {"reference": url}}
    path = await made(world, release, [{"linkId": "how", "type": "open-choice", "text": "Hoe?", **unknown}])
    form = await page(world, path)
    assert hidden(form.text, "a-how-other") == [""]
    answers: dict[str, Any] = {"how-other": "Zo"}
    assert (await post(world, path, form, **answers)).status_code == 303
    (kept,) = await responses(world, release)
    assert kept["item"][0]["answer"] == [{"valueString": "Zo"}]


async def test_what_an_app_began_and_the_page_can_not_change_stays_in_the_answers(world: World) -> None:
    me = world.caller("zonnestraal", Release.R4)
    items: list[dict[str, Any]] = [
        {"linkId": "photo", "type": "attachment", "text": "Foto"},
        {"linkId": "told", "type": "string", "text": "Ingevuld", "readOnly": True},
        {"linkId": "own", "type": "string", "text": "Zelf"},
    ]
    path = await made(world, Release.R4, items)
    photo = {"valueAttachment": {"contentType": "image/png", "title": "Mijn voet"}}
    begun = [{"linkId": "photo", "answer": [photo]}, {"linkId": "told", "answer": [{"valueString": "Door de app"}]}]
    patient = {"reference": world.zonnestraal.patient(Release.R4)}
    response = {"resourceType": "QuestionnaireResponse", "status": "in-progress", "subject": patient, "item": begun}
    await me.made(response | {"questionnaire": "https://regie.example/fhir/Questionnaire/any"})
    form = await page(world, path)
    assert "Mijn voet" in form.text
    assert "Door de app" in form.text
    assert (await post(world, path, form, own="Van mij")).status_code == 303
    (kept,) = await responses(world, Release.R4)
    assert [item["answer"][0] for item in kept["item"]] == [
        photo,
        {"valueString": "Door de app"},
        {"valueString": "Van mij"},
    ]


async def test_a_form_without_an_answer_is_kept_for_later_but_not_sent(world: World) -> None:
    inner = {"linkId": "unseen", "type": "string", "text": "Nooit te zien", "required": True}
    group = {"linkId": "group", "type": "group", "extension": [HIDDEN], "item": [inner]}
    path = await made(world, Release.R4, [{"linkId": "a", "type": "string"}, group])
    form = await page(world, path)
    assert "Nooit te zien" not in form.text
    refused = await post(world, path, form)
    assert refused.status_code == 422
    assert "Beantwoord eerst een vraag" in refused.text
    assert await responses(world, Release.R4) == []
    assert (await post(world, path, refused, do="later")).status_code == 303
    assert [one["status"] for one in await responses(world, Release.R4)] == ["in-progress"]


async def test_a_long_questionnaire_says_how_far_one_is_and_is_kept_after_each_part(world: World) -> None:
    parts = [
        {
            "linkId": f"part-{part}",
            "type": "group",
            "text": f"Onderdeel {part}",
            "item": [
                {"linkId": f"{part}-{place}", "type": "choice", "text": f"Vraag {place}", **options(Release.R4)}
                for place in range(10)
            ],
        }
        for part in range(8)
    ]
    path = await made(world, Release.R4, parts)
    form = await page(world, path)
    assert "80 vragen, in 8 delen." in form.text
    assert [f"Dit was deel {part} van 8." in seen(form.text) for part in range(1, 9)] == [True] * 7 + [False]
    assert len(re.findall(r'name="do" value="later"', form.text)) == 8
    assert form.text.index('value="send"') < form.text.index('value="later"'), "the key Enter sends"
    assert len(form.content) < 100_000
    good: dict[str, Any] = {"0-0": "1", "3-4": "0"}
    assert (await post(world, path, form, do="later", **good)).status_code == 303
    again = await page(world, path)
    assert "U hebt er 2 beantwoord." in again.text
    assert (await post(world, path, again, **good | {"0-0": "9"})).status_code == 422
    assert (await post(world, path, again, **good)).status_code == 303


@RELEASES
async def test_all_of_a_long_list_is_offered_and_a_longer_one_is_not_cut(world: World, release: Release) -> None:
    def listed(count: int) -> dict[str, Any]:
        name = "answerOption" if release is Release.R4 else "option"
        return {name: [{"valueString": f"Woord {place}"} for place in range(count)]}

    items: list[dict[str, Any]] = [
        {"linkId": "long", "type": "choice", "text": "Welk woord?", **listed(400)},
        {"linkId": "longer", "type": "choice", "text": "Te veel?", **listed(1001)},
        {"linkId": "own", "type": "open-choice", "text": "Eigen?", **listed(1001)},
    ]
    path = await made(world, release, items)
    form = await page(world, path)
    assert form.text.count("<option value=") == 401
    assert "Deze vraag kunt u hier niet beantwoorden" in form.text
    assert "De lijst met antwoorden kan hier niet staan." in form.text
    answers: dict[str, Any] = {"long": "399", "own-other": "Iets"}
    assert (await post(world, path, form, **answers)).status_code == 303
    (kept,) = await responses(world, release)
    assert [item["answer"] for item in kept["item"]] == [[{"valueString": "Woord 399"}], [{"valueString": "Iets"}]]


def filled(text: str, name: str) -> list[str]:
    """Return what stands in the fields with a name."""
    return re.findall(rf'name="{name}"[^>]*? value="([^"]*)"', text)


@RELEASES
async def test_a_question_that_repeats_gets_another_field_and_keeps_each_answer(world: World, release: Release) -> None:
    items = [{"linkId": kind, "type": kind, "text": kind, "repeats": True} for kind in ("date", "quantity", "dateTime")]
    path = await made(world, release, items)
    form = await page(world, path)
    first: dict[str, Any] = {"date": "2024-05-01", "quantity": "2", "quantity-unit": "koppen"}
    longer = await post(world, path, form, do="more quantity", **first)
    assert filled(longer.text, "a-quantity-unit") == ["koppen", ""]
    assert filled(longer.text, "a-date") == ["2024-05-01"]
    assert 'value="fewer quantity"' in longer.text
    answers: dict[str, Any] = {
        "date": ["2024", "05-2024"],
        "quantity": ["2", "3,5"],
        "quantity-unit": ["koppen", "glazen"],
        "dateTime": ["2024-05-01", "2024-06-01"],
        "dateTime-clock": ["", "10:00"],
    }
    assert (await post(world, path, longer, do="later", **answers)).status_code == 303
    again = await page(world, path)
    assert re.findall(r'type="(\w+)" id="[^"]*" name="a-date" value="([^"]*)"', again.text) == [
        ("text", "2024"),
        ("text", "05-2024"),
    ]
    assert filled(again.text, "a-dateTime-clock") == ["", "10:00"]
    assert (await post(world, path, again, **answers)).status_code == 303
    (kept,) = await responses(world, release)
    assert {item["linkId"]: [next(iter(one.values())) for one in item["answer"]] for item in kept["item"]} == {
        "date": ["2024", "2024-05"],
        "quantity": [{"value": 2, "unit": "koppen"}, {"value": 3.5, "unit": "glazen"}],
        "dateTime": ["2024-05-01", "2024-06-01T10:00:00+02:00"],
    }


async def test_a_question_that_comes_later_begins_with_its_own_answer(world: World) -> None:
    when = [{"question": "smokes", "operator": "=", "answerBoolean": True}]
    items: list[dict[str, Any]] = [
        {"linkId": "smokes", "type": "boolean", "text": "Rookt u?"},
        {"linkId": "much", "type": "integer", "text": "Hoeveel?", "enableWhen": when, "initial": [{"valueInteger": 5}]},
    ]
    path = await made(world, Release.R4, items)
    longer = await post(world, path, await page(world, path), smokes="true")
    assert filled(seen(longer.text), "a-much") == ["5"]


async def test_a_day_that_is_typed_otherwise_than_asked_is_told_how_to_write_it(world: World) -> None:
    entry = {"url": "http://hl7.org/fhir/StructureDefinition/entryFormat", "valueString": "MM-JJJJ"}
    path = await made(world, Release.R4, [{"linkId": "since", "type": "date", "text": "Sinds?", "extension": [entry]}])
    answer = await post(world, path, await page(world, path), since="13-2019")
    assert answer.status_code == 422
    assert '<span class="error" id="q0-error">Schrijf het zo: MM-JJJJ</span>' in answer.text


async def test_how_to_write_an_answer_is_said_of_its_field(world: World) -> None:
    item: dict[str, Any] = {"linkId": "pills", "type": "string", "text": "Wat?", "repeats": True, "maxLength": 20}
    path = await made(world, Release.R4, [item])
    form = await page(world, path)
    said = "Schrijf elk antwoord op een eigen regel. Hoogstens 20 tekens."
    assert f'<p class="hint" id="q0-hint">{said}</p>' in form.text
    assert 'name="a-pills" aria-describedby="q0-hint"' in form.text
    refused = await post(world, path, form, pills="x" * 21)
    assert 'name="a-pills" aria-invalid="true" aria-describedby="q0-error q0-hint"' in refused.text


async def test_the_button_of_a_part_says_of_which_part_it_makes_another(world: World) -> None:
    fall = {"linkId": "fall", "type": "date", "text": "Wanneer?", "repeats": True}
    part = {"linkId": "part", "type": "group", "text": "Een operatie", "repeats": True, "item": [fall]}
    path = await made(world, Release.R4, [part])
    times: dict[str, Any] = {"part": "1"}
    longer = await post(world, path, await page(world, path), do="more part", times=times)
    assert len(re.findall("Nog een toevoegen: Een operatie</button>", longer.text)) == 1
    assert "De laatste weghalen: Een operatie</button>" in longer.text


async def test_a_part_for_which_there_is_no_room_is_told_and_what_was_typed_stays(world: World) -> None:
    many = [{"linkId": f"i{place}", "type": "string", "text": f"Vraag {place}"} for place in range(110)]
    path = await made(world, Release.R4, [{"linkId": "part", "type": "group", "repeats": True, "item": many}])
    times: dict[str, Any] = {"part": "1"}
    answer = await post(world, path, await page(world, path), do="more part", times=times, i3="Blijft staan")
    assert answer.status_code == 422
    assert "In deze vragenlijst past er niet nog een bij." in answer.text
    assert filled(answer.text, "a-i3") == ["Blijft staan"]
    assert filled(answer.text, "times-part") == ["1"]


@RELEASES
async def test_own_words_beside_what_a_draft_has_are_kept(world: World, release: Release) -> None:
    item = {"linkId": "pets", "type": "open-choice", "text": "Welke?", "repeats": True, **options(release)}
    path = await made(world, release, [item])
    assert (await post(world, path, await page(world, path), do="later", pets="0")).status_code == 303
    answers: dict[str, Any] = {"pets": "0", "pets-other": "Een egel"}
    assert (await post(world, path, await page(world, path), **answers)).status_code == 303
    (kept,) = await responses(world, release)
    assert kept["item"][0]["answer"] == [{"valueString": "Nooit"}, {"valueString": "Een egel"}]
