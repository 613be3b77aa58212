"""The summary on paper: what it says is what is stored, whatever is stored."""

import io
import logging
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from pypdf import PdfReader

from app.access.categories import Category
from app.access.grant import Grant, Grantee
from app.access.smart_scope import LOOK
from app.fhir.tree import decode_tree
from app.interactions.archive import About
from app.portal.language import language
from app.portal.printed import LINES_MAX, VALUES_KEPT, PrintedSummary

ZONE = ZoneInfo("Europe/Amsterdam")
NOW = datetime(2026, 11, 25, 9, 30, tzinfo=UTC)


def read(
    trees: list[dict[str, Any]], code: str = "nl", grants: list[Grant] | None = None, person: str = ""
) -> PdfReader:
    summary = PrintedSummary(language(code), ZONE)
    for tree in trees:
        summary.add(tree)
    about = About(person, grants or [], {"p1": "Praktijk Zonnestraal-Test"}, NOW, ZONE, "https://regie.example")
    return PdfReader(io.BytesIO(summary.pages(about)))


def text_of(reader: PdfReader) -> str:
    return " ".join(" ".join(page.extract_text() for page in reader.pages).split())


def weight(value: str, on: str, unit: str = "kg", **more: Any) -> dict[str, Any]:
    body = (
        '{"resourceType":"Observation","id":"x","status":"final","code":{"coding":[{"system":"http://loinc.org","code":"29463-7"}]},'
        f'"effectiveDateTime":"{on}","valueQuantity":{{"value":{value},"unit":"{unit}","code":"{unit}"}}}}'
    )
    return {**decode_tree(body.encode()), **more}


def named(resource_type: str, text: str, **more: Any) -> dict[str, Any]:
    return {"resourceType": resource_type, "id": "x", "code": {"text": text}, **more}


def test_values_have_the_digits_and_the_unit_that_they_were_stored_with() -> None:
    found = text_of(
        read([weight("72.50", "2026-11-24"), weight("159.8", "2026-11-23", "[lb_av]"), weight("0.10", "2026-11-22")])
    )
    for shown in ("72,50 kg", "159,8 [lb_av]", "0,10 kg", "24 november 2026", "23 november 2026"):
        assert shown in found, (shown, found)
    assert "72.50 kg" in text_of(read([weight("72.50", "2026-11-24")], "en"))


def test_the_newest_values_are_shown_and_a_wrong_one_never_is() -> None:
    trees = [weight(f"{60 + day}", f"2026-10-{day:02}") for day in range(1, 31)]
    found = text_of(read([*trees, weight("99", "2026-11-20", status="entered-in-error")]))
    for day in range(1, 31):
        assert (f"{60 + day} kg" in found) is (day > 30 - VALUES_KEPT), day
    assert "99 kg" not in found


def test_both_values_of_a_blood_pressure_are_there_with_their_names() -> None:
    parts = [
        {"code": {"text": name}, "valueQuantity": {"value": value, "code": "mm[Hg]"}}
        for name, value in (("Systolisch", 128), ("Diastolisch", 79))
    ]
    code = {"coding": [{"system": "http://loinc.org", "code": "85354-9"}]}
    tree = {"resourceType": "Observation", "id": "x", "status": "final", "code": code, "component": parts}
    found = text_of(read([{**tree, "effectiveDateTime": "2026-11-24T07:15:00+01:00"}]))
    assert "24 november 2026 07:15 Systolisch 128 mmHg; Diastolisch 79 mmHg" in found


def test_it_has_what_matters_and_who_may_see_what() -> None:
    grant = Grant(
        "g", 1, Grantee.PRACTICE, "p1", Category.OWN_MEASUREMENTS, LOOK, NOW - timedelta(days=1), NOW + timedelta(days=9),
        "treatment", NOW,
    )  # fmt: skip
    over = Grant(
        "h", 1, Grantee.APP, "a1", Category.MEDICATION, LOOK, NOW - timedelta(days=9), NOW - timedelta(days=1), "app",
        NOW - timedelta(days=9),
    )  # fmt: skip
    trees = [
        {
            "resourceType": "Patient",
            "id": "x",
            "name": [{"text": "Zon Zonnestraal-Testpersoon"}],
            "birthDate": "1961-04-09",
        },
        named("Condition", "Diabetes mellitus type 2", onsetDateTime="2019-05-02"),
        named("AllergyIntolerance", "Penicilline", criticality="high"),
        {
            "resourceType": "MedicationStatement",
            "id": "x",
            "status": "active",
            "medicationCodeableConcept": {"text": "Metformine 500 mg"},
        },
        {
            "resourceType": "Immunization",
            "id": "x",
            "status": "completed",
            "vaccineCode": {"text": "Griepprik"},
            "date": "2025-10-20",
        },
    ]
    found = text_of(read(trees, "en", [grant, over], "Zon Zonnestraal-Testpersoon"))
    for shown in (
        "Summary of the record of Zon Zonnestraal-Testpersoon", "Born on: 9 April 1961", "Diabetes mellitus type 2",
        "Since 2 May 2019", "Penicilline (dangerous)", "Metformine 500 mg", "Griepprik", "Praktijk Zonnestraal-Test",
        "Ends on 4 December 2026",
    ):  # fmt: skip
        assert shown in found, (shown, found)
    assert "An app" not in found, "what is over opens nothing"


@pytest.mark.parametrize("code", ["nl", "en"])
def test_a_reader_is_told_the_title_and_the_language_and_gets_an_outline(code: str) -> None:
    reader = read([named("Condition", "Astma")], code, person="Zonnestraal-Testpersoon")
    assert reader.metadata is not None
    assert "Zonnestraal-Testpersoon" in str(reader.metadata.title)
    assert str(reader.root_object["/Lang"]) == code
    assert "'/DisplayDocTitle': True" in str(reader.root_object["/ViewerPreferences"])
    titles = [item.title for item in reader.outline if not isinstance(item, list)]
    assert len(titles) >= 6
    assert ("Klachten" in " ".join(map(str, titles))) or ("Problems" in titles)


def test_an_empty_record_has_a_summary_that_says_so() -> None:
    found = text_of(read([], "en"))
    for shown in ("No problems are known.", "No allergies are known.", "Nobody but you."):
        assert shown in found


ODD = [
    "عربي نص طويل مع أرقام 123",
    "טקסט בעברית 45 ועוד",
    "Ελληνικά και кириллица и Ǆ ǅ",
    "漢字かな交じり文",
    "\N{PILE OF POO}\N{ZERO WIDTH JOINER}\N{FAMILY}",
    "\N{RIGHT-TO-LEFT OVERRIDE}gnp.exe",
    "a\N{COMBINING GRAVE ACCENT}" * 50,
    "x" * 9000,
    "word " * 3000,
    "line\nline\r\nline\ttab\x00\x1b[31m",
    "\\( ) <script> %PDF (\\",
    " ",
    "** __bold__ --strike--",
]


@pytest.mark.parametrize("text", ODD, ids=range(len(ODD)))
def test_text_of_any_kind_and_length_is_shown_without_a_fault(text: str, caplog: pytest.LogCaptureFixture) -> None:
    trees = [
        named("Condition", text, note=[{"text": text}]),
        named("AllergyIntolerance", text, reaction=[{"manifestation": [{"text": text}]}]),
        weight("72.50", "2026-11-24", code={"text": text}),
        weight("72.50", "2026-11-23", valueQuantity={"value": 1, "unit": text}),
        {"resourceType": "Patient", "id": "x", "name": [{"text": text}], "address": [{"line": [text], "city": text}]},
    ]
    with caplog.at_level(logging.WARNING):
        reader = read(trees, person=text)
    assert len(reader.pages) >= 1
    assert "72,50 kg" in text_of(reader)
    assert caplog.text == "", "no word of a record goes into the log of the program"


def test_a_sign_that_is_not_in_the_font_is_a_box_and_what_steers_the_layout_is_left_out() -> None:
    found = text_of(read([named("Condition", "a\N{RIGHT-TO-LEFT OVERRIDE}b 漢 c")]))
    assert "ab \N{WHITE SQUARE} c" in found


def test_a_section_with_very_much_says_how_much_more_there_is() -> None:
    found = text_of(read([named("Condition", f"Klacht {number}") for number in range(LINES_MAX + 3)]))
    assert "En nog 3." in found


def test_hundreds_of_kinds_of_values_make_a_summary_of_bounded_length() -> None:
    trees = [weight("1", "2026-11-24", code={"text": f"Bepaling {number}"}) for number in range(2000)]
    assert len(read(trees).pages) < 30
