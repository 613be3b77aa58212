"""Ada: heart failure with high blood pressure and atrial fibrillation, weighed every day.

The year: medication stepped up in spring; two months ago three kilos of fluid in nine days (days 62 to 52 ago), seen in
the weights, a double dose of furosemide, and dry again in ten days. Salt and water are on the plan since.

It is long, as all that happened to one person stands in one place.
"""

from datetime import date
from decimal import Decimal

from app.demo.background import ALCOHOL, DOES_NOT_WANT, DRINKS, NEVER_SMOKED, TOBACCO, Background, Relative
from app.demo.care_plan import (
    Aim,
    Assignment,
    Habit,
    Measuring,
    Plan,
    Schedule,
    Target,
    add_alert,
    add_appointment,
    add_plan,
)
from app.demo.diary import Diary, course
from app.demo.elements import ATC, coding, concept, snomed
from app.demo.gp_summary import Contact, GpSummary, Problem
from app.demo.identity import Cast, Identity
from app.demo.laboratory import (
    CREATININE,
    EGFR,
    FERRITIN,
    HEMOGLOBIN,
    LDL,
    NT_PRO_BNP,
    POTASSIUM,
    SODIUM,
    LaboratoryTest,
    add_panel,
)
from app.demo.letters import LETTER, add_letter
from app.demo.measurements import BLOOD_PRESSURE, DIASTOLIC, HEART_RATE, SYSTOLIC, WEIGHT, SelfMeasurements
from app.demo.medication import Agreement, Dose, MedicationOverview, Product, Treatment
from app.demo.routines import Circulation, measure_blood_pressure, measure_saturation, measure_weight

WHO = Identity("ada", "Ada", "A.", "Regenboog-Testpersoon", "female", date(1947, 10, 3), "Molenwiek", "31")
ABOUT = "Hartfalen en hoge bloeddruk: elke dag wegen, vocht vasthouden op tijd gezien."
ANSWERS = ("Goed", "Goed", False, "")

HEART_FAILURE = Problem("heart-failure", "Hartfalen", "84114007", "K77", date(2021, 5, 27), note="LVEF 38%.")
HYPERTENSION = Problem("hypertension", "Hoge bloeddruk (hypertensie)", "38341003", "K86", date(2006, 10, 9))
FIBRILLATION = Problem("fibrillation", "Boezemfibrilleren", "49436004", "K78", date(2020, 11, 18))
ANAEMIA = Problem(
    "anaemia",
    "Bloedarmoede door ijzertekort",
    "87522002",
    "B80",
    date(2023, 3, 1),
    date(2023, 10, 12),
    "IJzer gekregen.",
)
FLUID = range(40, 63)
FAMILY_VISIT = range(210, 217)


def weight(days_ago: float) -> float:
    """Return the weight in kilograms: three kilos of fluid within nine days, and off again."""
    trend = course(days_ago, (365, 71.6), (200, 71.0), (63, 71.2), (0, 70.6))
    return trend + course(days_ago, (62, 0), (56, 1.7), (52, 3.1), (48, 2.2), (44, 0.8), (40, 0))


def add_measurements(cast: Cast, diary: Diary) -> None:
    """Add the home measurements of a year."""
    measurements = SelfMeasurements(cast)
    away = (FAMILY_VISIT,)
    fluid = ((62, 0), (53, 1), (46, 0.4), (40, 0))
    circulation = Circulation(
        systolic=lambda days_ago: (
            course(days_ago, (365, 150), (300, 147), (230, 139), (120, 132), (0, 128)) + 8 * course(days_ago, *fluid)
        ),
        diastolic=lambda days_ago: course(days_ago, (365, 84), (300, 83), (230, 79), (120, 76), (0, 74)),
        heart_rate=lambda days_ago: (
            course(days_ago, (365, 84), (300, 82), (240, 73), (0, 69)) + 14 * course(days_ago, *fluid)
        ),
        irregular=0.3,
    )
    measure_blood_pressure(measurements, diary, circulation, 2.8, (310, 180, 30), away)
    measure_weight(measurements, diary, weight, 6.4, away)
    days = [(days_ago, 10) for days_ago in diary.kept("saturation", 1.0, (*away, FLUID))]
    days += [(days_ago, 10) for days_ago in range(60, 41, -2)]
    measure_saturation(
        measurements,
        diary,
        sorted(days, reverse=True),
        lambda days_ago: 96.3 - 3.2 * course(days_ago, *fluid),
        lambda days_ago: 15.5 + 6 * course(days_ago, *fluid),
    )
    measurements.height(diary.at(358, 9, 30), 163)
    for days_ago, celsius in ((147, 37.8), (146, 38.2), (145, 37.9), (144, 37.2)):
        measurements.temperature(diary.at(days_ago, 9, 25), celsius)


def add_gp_summary(cast: Cast, diary: Diary) -> None:
    """Add what the practice shares: problems, check-ups, the days with fluid, laboratory, vaccinations."""
    summary = GpSummary(cast, diary)
    for problem in (HEART_FAILURE, HYPERTENSION, FIBRILLATION, ANAEMIA):
        summary.problem(problem)
    enalapril, cough = (
        snomed("372658000", "enalapril"),
        concept(coding("http://hl7.org/fhir/v3/NullFlavor", "OTH", "Overig"), text="prikkelhoest"),
    )
    summary.allergy(enalapril, cough, date(2009, 4, 6), severe=False, text="Prikkelhoest van enalapril.")
    sulfa, swelling = snomed("387406002", "sulfamethoxazol"), concept(snomed("41291007", "angio-oedeem (zwelling)"))
    summary.allergy(sulfa, swelling, date(1996, 8, 19), severe=True, text="Zwelling in het gezicht na een sulfa-kuur.")
    for contact, systolic, diastolic, kilograms in (
        (
            Contact(
                357,
                "consult",
                "meetlat",
                "heart-failure",
                "Jaarcontrole hartfalen. Bloeddruk te hoog, hart klopt te snel. Kortademig bij de trap.",
                "Metoprolol omhoog. Spironolacton erbij. Over 2 weken bloed prikken.",
            ),
            156,
            88,
            71.9,
        ),
        (
            Contact(
                241,
                "consult",
                "polsslag",
                "heart-failure",
                "Voelt zich beter. Bloeddruk daalt, hartslag 72.",
                "Zo doorgaan. Elke dag wegen, lijstje bij de hand.",
            ),
            140,
            80,
            71.1,
        ),
        (
            Contact(
                120,
                "consult",
                "polsslag",
                "heart-failure",
                "Stabiel. Wandelt elke dag een blokje. Geen dikke enkels.",
                "Medicijnen blijven gelijk. Zorgplan bijgewerkt.",
            ),
            134,
            76,
            71.0,
        ),
        (
            Contact(
                38,
                "consult",
                "polsslag",
                "heart-failure",
                "Vocht is weg, weer op het oude gewicht. Nieren iets minder goed, kalium 5,1.",
                "Plastablet terug naar 1 per dag. Over 3 weken opnieuw prikken. Minder zout besproken.",
            ),
            128,
            74,
            71.0,
        ),
    ):
        summary.check_up(contact, systolic, diastolic, kilograms)
    for contact in (
        Contact(
            145,
            "phone",
            "meetlat",
            "heart-failure",
            "Verkouden met wat koorts. Gewicht gelijk, niet benauwd.",
            "Uitzieken. Bellen als het gewicht stijgt of bij benauwdheid.",
        ),
        Contact(
            53,
            "phone",
            "polsslag",
            "heart-failure",
            "Alarm uit de thuismetingen: 3 kilo zwaarder in 9 dagen. Dikke enkels, slaapt met 2 kussens.",
            "Vandaag visite door de huisarts.",
        ),
        Contact(
            52,
            "home visit",
            "meetlat",
            "heart-failure",
            "Vocht vastgehouden bij hartfalen. Zuurstof 93. Had op een feest veel zout gegeten.",
            "Furosemide 2 keer per dag. Om de dag zuurstof meten. Over 4 dagen bellen en bloed prikken.",
        ),
        Contact(
            48,
            "phone",
            "polsslag",
            "heart-failure",
            "Al 1 kilo vocht kwijt, slaapt weer plat.",
            "Zo doorgaan tot het oude gewicht.",
        ),
        Contact(
            21,
            "phone",
            "polsslag",
            "hypertension",
            "Week thuismeten besproken: bovendruk en onderdruk zijn goed.",
            "Bloeddruk is goed.",
        ),
    ):
        summary.contact(contact)
    diagnostic = snomed("103693007", "diagnostische verrichting")
    nurse = cast.staff.workers["hartenvrouw"]
    for code, days_ago, outcome in (
        (snomed("40701008", "echo van het hart"), 330, "Pompkracht 38%, gelijk aan vorig jaar."),
        (snomed("29303009", "hartfilmpje (ECG)"), 357, "Boezemfibrilleren, 84 per minuut."),
        (snomed("29303009", "hartfilmpje (ECG)"), 38, "Boezemfibrilleren, 70 per minuut."),
    ):
        on = diary.day(days_ago)
        summary.procedure(code, diagnostic, on, "heart-failure", worker=nurse, outcome=outcome)
    summary.vaccination(coding(ATC, "J07BB02", "Griepprik"), diary.day(36))
    summary.vaccination(coding(ATC, "J07AL02", "Prik tegen pneumokokken"), diary.day(310))
    add_laboratory(cast, diary)
    known = Background(cast, diary, 241)
    known.life(TOBACCO, NEVER_SMOKED)
    known.life(ALCOHOL, DRINKS, "Op verjaardagen een glas.")
    known.functional(snomed("282097004", "kunnen lopen"), concept(text="Loopt met een rollator"))
    known.wish(snomed("89666000", "reanimatie"), DOES_NOT_WANT, "Besproken met de huisarts en haar dochter.")
    known.relative(Relative("brother", snomed("70924004", "broer"), snomed("22298006", "hartinfarct")))
    known.device(snomed("266731002", "rollator"), "Van de thuiszorgwinkel.")
    known.contact("Bezoek aan de cardioloog", summary.known["heart-failure"].condition)


def add_documents(cast: Cast, diary: Diary) -> None:
    """Add the letters that came to the record."""
    add_letter(
        cast, diary, 50, cast.staff.workers["hartenvrouw"], LETTER, "Brief over uw opname",
        (
            "U hield vocht vast. Met een hogere dosis plastabletten is dat in een paar dagen weggegaan.",
            "Weeg u elke ochtend. Komt er in 3 dagen 2 kilo bij? Bel ons dezelfde dag.",
            "Met vriendelijke groet, H. Hartenvrouw-Testverpleegkundige. Dit is een verzonnen brief.",
        ),
    )  # fmt: skip


def add_laboratory(cast: Cast, diary: Diary) -> None:
    """Add the blood tests: kidneys and potassium follow each change of medication."""
    panels: list[tuple[int, str, tuple[float, float, float, float], list[tuple[LaboratoryTest, float]]]] = [
        (
            360,
            "Jaarcontrole hartfalen",
            (4.2, 139, 92, 54),
            [(NT_PRO_BNP, 1850), (HEMOGLOBIN, 7.9), (FERRITIN, 48.0), (LDL, 2.4)],
        ),
        (341, "Na start spironolacton", (4.6, 138, 96, 51), []),
        (245, "Controle hartfalen", (4.7, 139, 95, 52), [(NT_PRO_BNP, 1390)]),
        (123, "Controle hartfalen", (4.6, 140, 94, 52), [(NT_PRO_BNP, 1210), (HEMOGLOBIN, 8.0)]),
        (52, "Vocht vasthouden", (4.5, 134, 101, 48), [(NT_PRO_BNP, 2940), (HEMOGLOBIN, 7.6)]),
        (48, "Controle nierfunctie", (4.8, 136, 108, 44), []),
        (39, "Controle nierfunctie", (5.1, 137, 110, 43), [(NT_PRO_BNP, 1480)]),
        (17, "Controle nierfunctie", (4.7, 139, 99, 49), [(NT_PRO_BNP, 1240)]),
    ]
    for days_ago, title, salts_and_kidneys, more in panels:
        usual = zip((POTASSIUM, SODIUM, CREATININE, EGFR), salts_and_kidneys, strict=True)
        add_panel(cast, diary, days_ago, title, [*usual, *more])


def plan() -> Plan:
    """Return the care plan."""
    return Plan(
        title="Mijn zorgplan: goed leven met hartfalen",
        summary="Ik wil thuis blijven wonen en elke week bridgen. We letten op gewicht, vocht en bloeddruk.",
        since=357,
        coordinator="polsslag",
        team=("polsslag", "meetlat", "hartenvrouw"),
        problems=(HEART_FAILURE, HYPERTENSION, FIBRILLATION),
        aims=(
            Aim(
                "weight",
                "Mijn gewicht blijft tussen 69,5 en 72,5 kilo.",
                "heart-failure",
                (Target(WEIGHT, "kg", 69.5, 72.5, 1),),
                357,
                -120,
                "achieved",
                note="2 kilo erbij in 3 dagen? Bel dezelfde dag.",
            ),
            Aim(
                "blood-pressure",
                "Mijn bovendruk is tussen 110 en 135, mijn onderdruk tussen 60 en 85.",
                "hypertension",
                (Target(SYSTOLIC, "mmHg", 110, 135, ucum="mm[Hg]"), Target(DIASTOLIC, "mmHg", 60, 85, ucum="mm[Hg]")),
                357,
                -120,
                "achieved",
            ),
            Aim(
                "heart-rate",
                "Mijn hartslag is in rust tussen 55 en 80.",
                "fibrillation",
                (Target(HEART_RATE, "/min", 55, 80),),
                357,
                -120,
                "achieved",
            ),
            Aim(
                "salt",
                "Ik eet minder zout en drink niet meer dan 2 liter per dag.",
                "heart-failure",
                (),
                38,
                -60,
                "in-progress",
            ),
            Aim("walking", "Ik wandel elke dag een kwartier.", "heart-failure", (), 120, -60, "achieved"),
        ),
        measurings=(
            Measuring(
                "weight",
                "wegen",
                snomed("39857003", "wegen"),
                WEIGHT,
                Schedule("elke dag, 's ochtends", 1, 1, "d", ("MORN",)),
                ("weight",),
                "Weeg u na het plassen, voor het ontbijt, op dezelfde weegschaal.",
            ),
            Measuring(
                "blood-pressure",
                "bloeddruk meten",
                snomed("46973005", "bloeddruk meten"),
                BLOOD_PRESSURE,
                Schedule("3 keer per week, 's ochtends", 3, 1, "wk", ("MORN",)),
                ("blood-pressure",),
                "Zit 5 minuten rustig. Meet aan uw linkerarm, voor de medicijnen.",
            ),
            Measuring(
                "heart-rate",
                "hartslag meten",
                snomed("65653002", "hartslag meten"),
                HEART_RATE,
                Schedule("3 keer per week, samen met de bloeddruk", 3, 1, "wk", ("MORN",)),
                ("heart-rate",),
                "De bloeddrukmeter laat ook uw hartslag zien.",
            ),
        ),
        habits=(
            Habit(
                "eten met weinig zout",
                None,
                "Koken zonder zout, geen soep of kant-en-klaar. Kruiden mag.",
                ("salt", "weight"),
                Schedule("elke dag", 1, 1, "d"),
            ),
            Habit(
                "bewegen",
                snomed("229065009", "bewegen"),
                "Een blokje om met de buurvrouw, een kwartier.",
                ("walking",),
                Schedule("elke dag", 1, 1, "d"),
            ),
            Habit(
                "letten op vocht",
                None,
                "Elke dag kijken: dikke enkels? Benauwd als u plat ligt? Extra kussen nodig?",
                ("weight",),
                Schedule("elke dag", 1, 1, "d", ("MORN",)),
            ),
        ),
        assignments=(
            Assignment("salt-course", "Kijk de les over zout en vocht bij hartfalen.", 38, 24, 33),
            Assignment("questionnaire", "Vul de vragenlijst in over hoe het gaat met uw hart.", 3, -11),
        ),
        note="Bel bij 2 kilo erbij in 3 dagen, bij meer benauwdheid of bij duizeligheid. Bij pijn op de borst: bel 112.",
    )


def add_medication(cast: Cast, diary: Diary) -> None:
    """Add the treatments: stepped up in spring, furosemide doubled for some days, one stopped, one planned."""
    overview = MedicationOverview(cast, diary)
    once, twice = ("MORN",), ("MORN", "NOON")
    for treatment in (
        Treatment(
            Product("Furosemide tablet 40 mg", "C03CA01", "furosemide", "5967"),
            "vocht bij hartfalen",
            (
                Agreement(900, 53, Dose("1 keer per dag 1 tablet, 's ochtends", 1, 1, once)),
                Agreement(52, 39, Dose("2 keer per dag 1 tablet, 's ochtends en 's middags", 1, 2, twice)),
                Agreement(38, None, Dose("1 keer per dag 1 tablet, 's ochtends", 1, 1, once)),
            ),
        ),
        Treatment(
            Product("Metoprolol tablet met gereguleerde afgifte 100 mg", "C07AB02", "metoprolol", "26190"),
            "hartfalen en boezemfibrilleren",
            (
                Agreement(900, 358, Dose("1 keer per dag een halve tablet, 's ochtends", Decimal("0.5"), 1, once)),
                Agreement(357, None, Dose("1 keer per dag 1 tablet, 's ochtends", 1, 1, once)),
            ),
        ),
        Treatment(
            Product("Losartan tablet 50 mg", "C09CA01", "losartan"),
            "hartfalen en hoge bloeddruk",
            (Agreement(2000, None, Dose("1 keer per dag 1 tablet, 's ochtends", 1, 1, once)),),
        ),
        Treatment(
            Product("Spironolacton tablet 25 mg", "C03DA01", "spironolacton"),
            "hartfalen",
            (
                Agreement(357, -20, Dose("1 keer per dag 1 tablet, 's ochtends", 1, 1, once)),
                # Planned: less, because of potassium and kidneys.
                Agreement(-21, None, Dose("om de dag 1 tablet, 's ochtends", 1, 1, once, every=2)),
            ),
        ),
        Treatment(
            Product("Apixaban tablet 5 mg", "B01AF02", "apixaban"),
            "voorkomen van bloedstolsels",
            (Agreement(1500, None, Dose("2 keer per dag 1 tablet, 's ochtends en 's avonds", 1, 2, ("MORN", "EVE"))),),
        ),
        Treatment(
            Product("Amlodipine tablet 5 mg", "C08CA01", "amlodipine"),
            "hoge bloeddruk",
            (Agreement(1500, 300, Dose("1 keer per dag 1 tablet, 's ochtends", 1, 1, once)),),
            stopped="gaf dikke enkels, niet meer nodig",
        ),
        Treatment(
            Product("Paracetamol tablet 500 mg", "N02BE01", "paracetamol", "67903"),
            "pijn",
            (Agreement(800, None, Dose("zo nodig 3 keer per dag 2 tabletten", 2, 3, as_needed=True)),),
            supply=30,
            remark="Neem ik bijna nooit.",
        ),
    ):
        overview.treatment(treatment)


def add_care(cast: Cast, diary: Diary) -> None:
    """Add the care plan, the alert and the next check-ups."""
    add_plan(cast, diary, plan())
    fluid = snomed("43498006", "vocht vasthouden")
    add_alert(cast, diary, 52, fluid, "Hield vocht vast: let op gewicht en dikke enkels.")
    add_appointment(cast, diary, 11, "polsslag", "Controle bij de praktijkondersteuner")
    add_appointment(cast, diary, 60, "hartenvrouw", "Controle bij de hartfalenverpleegkundige")
