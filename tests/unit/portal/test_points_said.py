"""What is said on pointing at a chart, and how the page gives it to the program that says it."""

from datetime import date
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from app.portal.chart import Chart
from app.portal.day_profile import Stretch
from app.portal.kinds import BY_KEY, Target, measurements_of
from app.portal.language import language
from app.portal.measurements_shown import Period, draw, stretches_said
from app.portal.page import environment

DUTCH = language("nl")
AMSTERDAM = ZoneInfo("Europe/Amsterdam")
TODAY = date(2026, 3, 20)
MONTH = Period("month", "30 days", 30, 1)
AIMS = (Target(None, Decimal(135), ""), Target(None, Decimal(85), ""))


def pressure(at: str, upper: str, lower: str) -> dict[str, Any]:
    parts = [
        {
            "code": {"coding": [{"system": "http://loinc.org", "code": code}]},
            "valueQuantity": {"value": Decimal(value), "system": "http://unitsofmeasure.org", "code": "mm[Hg]"},
        }
        for code, value in (("8480-6", upper), ("8462-4", lower))
    ]
    coded = {"coding": [{"system": "http://loinc.org", "code": "85354-9"}]}
    return {"status": "final", "code": coded, "effectiveDateTime": at, "component": parts}


def drawing() -> Chart:
    kind = BY_KEY["blood-pressure"]
    found = [
        pressure("2026-03-02T07:00:00+01:00", "128", "76"),
        pressure("2026-03-20T08:15:00+01:00", "131", "92"),
    ]
    return draw(kind, measurements_of(kind, found, AMSTERDAM), AIMS, MONTH, TODAY, TODAY, DUTCH)


def test_both_dots_of_a_blood_pressure_say_the_whole_measurement_and_how_it_lies_to_the_target() -> None:
    upper, lower = drawing().lines
    said = ["2\u00a0maart om 07:00: 128/76\u00a0mmHg", "Vandaag om 08:15: 131/92\u00a0mmHg. Boven doel."]
    assert [dot.label for dot in upper.dots] == [dot.label for dot in lower.dots] == said
    assert [dot.beyond for dot in (*upper.dots, *lower.dots)] == [False, False, False, True]


def test_a_stretch_of_the_day_says_its_middle_and_most_values() -> None:
    stretch = Stretch(6, 9, Decimal("4.5"), Decimal("6.2"), Decimal("9.0"), 12)
    assert stretches_said(BY_KEY["glucose"], [stretch], DUTCH) == [
        "06:00 tot 09:00: middelste waarde 6,2\u00a0mmol/l, de meeste waarden 4,5 tot 9,0"
    ]


def test_the_line_below_a_chart_is_there_from_the_first_moment_and_each_dot_has_its_words() -> None:
    pieces: Any = environment("nl").get_template("pieces.html").module
    shown = str(pieces.plot(drawing(), "time", "Bloeddruk", "In woorden", "Eén voor één", "Wijs een punt aan."))
    assert '<div class="read" data-points="Eén voor één">' in shown
    assert shown.rstrip().endswith('<p class="at-point soft with-program">Wijs een punt aan.</p>')
    assert shown.count("<title>2\u00a0maart om 07:00: 128/76\u00a0mmHg</title></circle>") == 2
