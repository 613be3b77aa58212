"""Sterre: diabetes type 2, with high blood pressure and high cholesterol, better regulated in the course of the year.

The year: HbA1c 66 at the start; more exercise and a second medicine after a bad check-up (nine months ago); two hypos
since; a flu with fever and high glucose four months ago; a holiday without measurements.

It is long, as all that happened to one person stands in one place.
"""

from datetime import date

from app.demo.background import (
    ALCOHOL,
    DRINKS,
    HOME,
    STOPPED_SMOKING,
    TOBACCO,
    WANTS,
    Background,
    Relative,
)
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
    ALBUMIN_RATIO,
    CHOLESTEROL,
    CREATININE,
    EGFR,
    GLUCOSE_PLASMA,
    HBA1C,
    HDL,
    LDL,
    POTASSIUM,
    TRIGLYCERIDE,
    LaboratoryTest,
    add_panel,
)
from app.demo.letters import ADVICE, LETTER, REPORT, add_letter
from app.demo.measurements import (
    BEFORE_DINNER,
    BEFORE_LUNCH,
    BLOOD_PRESSURE,
    DIASTOLIC,
    FASTING_GLUCOSE,
    GLUCOSE_AFTER_MEAL,
    SYSTOLIC,
    WEIGHT,
    SelfMeasurements,
)
from app.demo.medication import Agreement, Dose, MedicationOverview, Product, Treatment
from app.demo.routines import (
    Circulation,
    measure_blood_pressure,
    measure_day_curve,
    measure_fasting_glucose,
    measure_weight,
)

WHO = Identity("sterre", "Sterre", "S.", "Zonnestraal-Testpersoon", "female", date(1964, 5, 17), "Lampionweg", "12")
ABOUT = "Diabetes type 2, hoge bloeddruk: dagcurves, gewicht dat daalt, een plan met streefwaarden."
ANSWERS = ("Goed", "Gaat wel", True, "Of mijn suiker 's nachts niet te laag wordt.")

DIABETES = Problem("diabetes", "Diabetes mellitus type 2", "44054006", "T90.02", date(2017, 9, 11))
HYPERTENSION = Problem("hypertension", "Hoge bloeddruk (hypertensie)", "38341003", "K86", date(2015, 3, 2))
CHOLESTEROL_HIGH = Problem("cholesterol", "Hoog cholesterol", "13644009", "T93.01", date(2017, 9, 11))
CATARACT = Problem(
    "cataract", "Staar (cataract)", "193570009", "F92", date(2022, 1, 20), date(2022, 6, 14), "Beide ogen geopereerd."
)
HOLIDAY = range(168, 183)
FLU = range(121, 128)


def fasting_glucose(days_ago: float) -> float:
    """Return the fasting glucose in mmol/L: down after treatment was stepped up, up for some days of flu."""
    trend = course(days_ago, (365, 9.0), (272, 9.4), (225, 7.9), (150, 7.3), (60, 6.9), (0, 6.8))
    return trend + course(days_ago, (129, 0), (125, 3.4), (121, 2.4), (115, 0))


def weight(days_ago: float) -> float:
    """Return the weight in kilograms: five kilograms less after the step to more exercise."""
    return course(days_ago, (365, 91.8), (270, 92.4), (200, 89.7), (128, 88.3), (120, 87.1), (60, 86.9), (0, 86.4))


def add_measurements(cast: Cast, diary: Diary) -> None:
    """Add the home measurements of a year."""
    measurements = SelfMeasurements(cast)
    away = (HOLIDAY,)
    circulation = Circulation(
        systolic=lambda days_ago: course(days_ago, (365, 143), (270, 142), (200, 134), (0, 127)),
        diastolic=lambda days_ago: course(days_ago, (365, 85), (270, 85), (200, 81), (0, 79)),
        heart_rate=lambda days_ago: 74 + course(days_ago, (129, 0), (126, 15), (122, 10), (117, 0)),
    )
    measure_blood_pressure(measurements, diary, circulation, 2.4, (280, 96, 12), away)
    measure_weight(measurements, diary, weight, 1.3, away)
    measure_fasting_glucose(measurements, diary, fasting_glucose, 3.2, (*away, *(_curve_days())))
    for days in _curve_days():
        for days_ago in days:
            measure_day_curve(measurements, diary, days_ago, fasting_glucose)
    measurements.height(diary.at(364, 10, 5), 168)
    chance = diary.chance("flu")
    for days_ago, celsius in zip(reversed(FLU), (38.3, 39.1, 38.8, 38.6, 38.0, 37.6, 37.1), strict=True):
        for hour, rise in ((8, -0.3), (20, 0.2)):
            measurements.temperature(diary.at(days_ago, hour, chance.randint(0, 40)), celsius + rise)
    low = "Trillerig en zweten. Ik heb limonade gedronken, na een kwartier ging het weer."
    measurements.glucose(diary.at(190, 12, 5), 3.6, BEFORE_LUNCH, low)
    measurements.glucose(diary.at(74, 17, 25), 3.4, BEFORE_DINNER, low)


def _curve_days() -> list[range]:
    """Return the pairs of days, each four weeks, of which she makes a day curve."""
    return [range(first - 1, first + 1) for first in range(360, 3, -28) if first not in HOLIDAY]


def add_gp_summary(cast: Cast, diary: Diary) -> None:
    """Add what the practice shares: problems, check-ups, laboratory, allergy, procedures, vaccinations."""
    summary = GpSummary(cast, diary)
    for problem in (DIABETES, HYPERTENSION, CHOLESTEROL_HIGH, CATARACT):
        summary.problem(problem)
    penicillin = snomed("764146007", "penicilline")
    rash = concept(snomed("271807003", "huiduitslag"))
    summary.allergy(penicillin, rash, date(1988, 11, 2), severe=False, text="Huiduitslag na penicilline.")
    for contact, systolic, diastolic, kilograms in (
        (
            Contact(
                362,
                "consult",
                "polsslag",
                "diabetes",
                "Jaarcontrole diabetes. De suiker is te hoog, de bloeddruk ook iets.",
                "Meer bewegen, eetdagboek bijhouden. Over 3 maanden weer bloed prikken.",
            ),
            146,
            86,
            92.1,
        ),
        (
            Contact(
                271,
                "consult",
                "polsslag",
                "diabetes",
                "HbA1c is gestegen naar 68. Met alleen metformine lukt het niet meer.",
                "Gliclazide erbij, 1 tablet bij het ontbijt. Uitleg over te lage suiker. Samen een zorgplan gemaakt.",
            ),
            144,
            86,
            92.5,
        ),
        (
            Contact(
                180,
                "consult",
                "polsslag",
                "diabetes",
                "Gaat duidelijk beter: 3 kilo afgevallen, HbA1c 57. Een keer een lage suiker gehad.",
                "Zo doorgaan. Voor het sporten iets eten.",
            ),
            138,
            82,
            89.3,
        ),
        (
            Contact(
                89,
                "consult",
                "polsslag",
                "diabetes",
                "HbA1c 53, dat is op de streefwaarde. Voeten in orde, geen schade.",
                "Medicijnen blijven gelijk. Over 3 maanden controle.",
            ),
            134,
            80,
            87.2,
        ),
    ):
        summary.check_up(contact, systolic, diastolic, kilograms)
    for contact in (
        Contact(
            126,
            "phone",
            "meetlat",
            "diabetes",
            "Griep met koorts. Suikers tot 14 door het ziek zijn. Drinkt goed.",
            "Vaker meten en veel drinken. Bellen bij overgeven of suiker boven de 15.",
        ),
        Contact(
            73,
            "e-consult",
            "polsslag",
            "diabetes",
            "Lage suiker (3,4) na een lange wandeling.",
            "Bij lang wandelen vooraf een boterham extra. Druivensuiker meenemen.",
        ),
        Contact(
            30,
            "phone",
            "polsslag",
            "hypertension",
            "Thuismetingen besproken: bijna altijd onder de 135 over 85.",
            "Bloeddruk is goed. Medicijnen blijven gelijk.",
        ),
    ):
        summary.contact(contact)
    diagnostic = snomed("103693007", "diagnostische verrichting")
    surgery = snomed("387713003", "chirurgische ingreep")
    nurse = cast.staff.workers["polsslag"]
    for code, kind, on, reason, outcome in (
        (snomed("54885007", "staaroperatie"), surgery, date(2022, 6, 14), "cataract", "Goed verlopen."),
        (
            snomed("314971001", "foto van het netvlies"),
            diagnostic,
            diary.day(300),
            "diabetes",
            "Geen schade aan het oog. Over 2 jaar weer.",
        ),
        (
            snomed("401191002", "voetcontrole bij diabetes"),
            diagnostic,
            diary.day(89),
            "diabetes",
            "Gevoel en bloedvaten zijn goed.",
        ),
    ):
        summary.procedure(code, kind, on, reason, worker=nurse, outcome=outcome)
    summary.vaccination(coding(ATC, "J07BB02", "Griepprik"), diary.day(35))
    add_laboratory(cast, diary)
    known = Background(cast, diary, 89)
    known.life(TOBACCO, STOPPED_SMOKING, "Gestopt in 2011.")
    known.life(ALCOHOL, DRINKS, "In het weekend 1 of 2 glazen wijn.")
    known.life(HOME, concept(text="Eengezinswoning, met haar man"))
    known.functional(snomed("282097004", "kunnen lopen"), concept(text="Loopt een uur zonder hulp"))
    known.wish(snomed("89666000", "reanimatie"), WANTS, "Besproken met de huisarts. Zij wil er later weer over praten.")
    mother = snomed("72705000", "moeder")
    known.relative(Relative("mother", mother, snomed("44054006", "diabetes mellitus type 2")))
    known.device(snomed("337414009", "bloedsuikermeter"), "Krijgt elk half jaar nieuwe strips.")
    known.contact("Bezoek aan de oogarts", summary.known["diabetes"].condition)


def add_documents(cast: Cast, diary: Diary) -> None:
    """Add the letters that came to the record."""
    doctor, nurse = cast.doctor, cast.staff.workers["polsslag"]
    add_letter(
        cast, diary, 299, doctor, LETTER, "Brief over de foto van uw ogen",
        (
            "Beste mevrouw Zonnestraal-Testpersoon,",
            "U kwam voor een foto van het netvlies. Op de foto van beide ogen is geen schade door diabetes te zien.",
            "Over 2 jaar maken we een nieuwe foto. Ziet u eerder wazig? Bel dan de praktijk.",
            "Met vriendelijke groet, M. Meetlat-Testarts. Dit is een verzonnen brief.",
        ),
    )  # fmt: skip
    add_letter(
        cast, diary, 88, nurse, REPORT, "Verslag van de jaarlijkse voetcontrole",
        (
            "Gevoel: goed aan beide voeten. Bloedvaten: goed voelbaar. Huid: droog aan de hielen, geen wondjes.",
            "Advies: elke dag insmeren, en elke avond uw voeten bekijken.",
            "Volgende controle: over een jaar. Dit is een verzonnen verslag.",
        ),
    )  # fmt: skip
    add_letter(
        cast, diary, 72, nurse, ADVICE, "Wat te doen bij een lage suiker",
        (
            "Trilt u, zweet u, of bent u duizelig? Meet uw suiker. Is die lager dan 4? Neem meteen 6 druivensuikers.",
            "Meet na een kwartier weer. Nog steeds lager dan 4? Neem nog een keer 6 druivensuikers.",
            "Eet daarna een boterham. Dit is een verzonnen advies.",
        ),
    )  # fmt: skip


def add_laboratory(cast: Cast, diary: Diary) -> None:
    """Add the blood tests before each check-up, and one of last week."""
    yearly = [(CREATININE, 71.0), (EGFR, 79.0), (POTASSIUM, 4.3), (ALBUMIN_RATIO, 2.1), (LDL, 2.9), (HDL, 1.2)]
    panels: list[tuple[int, str, list[tuple[LaboratoryTest, float]]]] = [
        (
            365,
            "Jaarcontrole diabetes",
            [(HBA1C, 66), (GLUCOSE_PLASMA, 9.2), *yearly, (CHOLESTEROL, 4.9), (TRIGLYCERIDE, 2.2)],
        ),
        (275, "Controle diabetes", [(HBA1C, 68), (GLUCOSE_PLASMA, 9.6)]),
        (184, "Controle diabetes", [(HBA1C, 57), (GLUCOSE_PLASMA, 7.6), (LDL, 2.4), (CREATININE, 72.0), (EGFR, 78.0)]),
        (93, "Controle diabetes", [(HBA1C, 53), (GLUCOSE_PLASMA, 7.0), (POTASSIUM, 4.4)]),
        (
            6,
            "Jaarcontrole diabetes",
            [
                (HBA1C, 52),
                (GLUCOSE_PLASMA, 6.8),
                (CREATININE, 73.0),
                (EGFR, 77.0),
                (POTASSIUM, 4.3),
                (ALBUMIN_RATIO, 1.8),
                (LDL, 2.3),
                (HDL, 1.3),
                (CHOLESTEROL, 4.3),
                (TRIGLYCERIDE, 1.6),
            ],
        ),
    ]
    for days_ago, title, results in panels:
        add_panel(cast, diary, days_ago, title, results)


def plan() -> Plan:
    """Return the care plan, made nine months ago."""
    return Plan(
        title="Mijn zorgplan: leven met diabetes",
        summary="Ik wil fit blijven voor mijn kleinkinderen. We letten op suiker, bloeddruk, gewicht en bewegen.",
        since=271,
        coordinator="polsslag",
        team=("polsslag", "meetlat", "suikerspin"),
        problems=(DIABETES, HYPERTENSION, CHOLESTEROL_HIGH),
        aims=(
            Aim(
                "glucose",
                "Mijn suiker is voor het ontbijt tussen 4,5 en 8, en na het eten onder de 9.",
                "diabetes",
                (
                    Target(FASTING_GLUCOSE, "mmol/L", 4.5, 8.0, 1),
                    Target(GLUCOSE_AFTER_MEAL, "mmol/L", 4.5, 9.0, 1),
                ),
                271,
                -95,
                "improving",
            ),
            Aim(
                "hba1c",
                "Mijn HbA1c is 53 of lager.",
                "diabetes",
                (Target(HBA1C.coding, "mmol/mol", 40, 53),),
                271,
                -5,
                "achieved",
            ),
            Aim(
                "weight",
                "Ik weeg 85 kilo of minder.",
                "diabetes",
                (Target(WEIGHT, "kg", 78.0, 85.0, 1),),
                271,
                -95,
                "improving",
                note="Al 6 kilo eraf. Rustig aan, niet te streng.",
            ),
            Aim(
                "blood-pressure",
                "Mijn bovendruk is thuis lager dan 135 en mijn onderdruk lager dan 85.",
                "hypertension",
                (Target(SYSTOLIC, "mmHg", 110, 135, ucum="mm[Hg]"), Target(DIASTOLIC, "mmHg", 65, 85, ucum="mm[Hg]")),
                271,
                -95,
                "achieved",
            ),
            Aim("exercise", "Ik wandel 5 dagen per week een half uur.", "diabetes", (), 271, -95, "improving"),
        ),
        measurings=(
            Measuring(
                "glucose-fasting",
                "bloedsuiker meten",
                snomed("33747003", "bloedsuiker meten"),
                FASTING_GLUCOSE,
                Schedule("3 keer per week, voor het ontbijt", 3, 1, "wk", ("ACM",)),
                ("glucose",),
                "Was eerst uw handen. Meet voordat u iets eet of drinkt.",
            ),
            Measuring(
                "glucose-curve",
                "bloedsuiker meten",
                snomed("33747003", "bloedsuiker meten"),
                GLUCOSE_AFTER_MEAL,
                Schedule("2 dagen per 4 weken: 7 keer op een dag", 2, 4, "wk"),
                ("glucose",),
                "Meet voor en 2 uur na elke maaltijd en voor het slapen. Kies een doordeweekse dag en een weekenddag.",
            ),
            Measuring(
                "blood-pressure",
                "bloeddruk meten",
                snomed("46973005", "bloeddruk meten"),
                BLOOD_PRESSURE,
                Schedule("2 keer per week, 's ochtends", 2, 1, "wk", ("MORN",)),
                ("blood-pressure",),
                "Zit 5 minuten rustig. Meet aan uw linkerarm. Praat niet tijdens de meting.",
            ),
            Measuring(
                "weight",
                "wegen",
                snomed("39857003", "wegen"),
                WEIGHT,
                Schedule("1 keer per week, 's ochtends", 1, 1, "wk", ("MORN",)),
                ("weight",),
                "Weeg u na het plassen en voor het ontbijt, zonder schoenen.",
            ),
        ),
        habits=(
            Habit(
                "bewegen",
                snomed("229065009", "bewegen"),
                "Een half uur stevig wandelen, samen met de wandelgroep op dinsdag.",
                ("exercise", "weight"),
                Schedule("5 dagen per week", 5, 1, "wk"),
            ),
            Habit(
                "voedingsadvies",
                snomed("11816003", "voedingsadvies"),
                "Eten volgens de afspraken met de diëtist: minder frisdrank, meer groente.",
                ("weight", "glucose"),
            ),
            Habit(
                "voeten controleren",
                None,
                "Elke avond even naar uw voeten kijken: wondjes, eelt, rode plekken.",
                ("hba1c",),
                Schedule("elke dag", 1, 1, "d", ("EVE",)),
            ),
        ),
        assignments=(
            Assignment("food-diary", "Houd 1 week een eetdagboek bij.", 271, 250, 255),
            Assignment("questionnaire", "Vul de vragenlijst Ziektelast diabetes in voor de jaarcontrole.", 5, -9),
        ),
        note="Contactpersoon: de praktijkondersteuner. Bel bij een suiker boven de 15 of bij overgeven.",
    )


def add_medication(cast: Cast, diary: Diary) -> None:
    """Add the treatments: metformin raised, gliclazide added, a statin changed, a planned change."""
    overview = MedicationOverview(cast, diary)
    for treatment in (
        Treatment(
            Product("Metformine tablet 500 mg", "A10BA02", "metformine", "1090"),
            "diabetes type 2",
            (
                Agreement(700, 363, Dose("2 keer per dag 1 tablet, bij het eten", 1, 2, ("CM", "CV"))),
                Agreement(362, None, Dose("3 keer per dag 1 tablet, bij het eten", 1, 3, ("CM", "CD", "CV"))),
            ),
        ),
        Treatment(
            Product("Gliclazide tablet met gereguleerde afgifte 30 mg", "A10BB09", "gliclazide"),
            "diabetes type 2",
            (Agreement(271, -13, Dose("1 keer per dag 1 tablet, bij het ontbijt", 1, 1, ("CM",))),),
        ),
        Treatment(
            # Planned: instead of gliclazide, because of the hypos.
            Product("Empagliflozine tablet 10 mg", "A10BK03", "empagliflozine"),
            "diabetes type 2",
            (Agreement(-14, None, Dose("1 keer per dag 1 tablet, 's ochtends", 1, 1, ("MORN",))),),
        ),
        Treatment(
            Product("Lisinopril tablet 10 mg", "C09AA03", "lisinopril", "26638"),
            "hoge bloeddruk",
            (Agreement(1400, None, Dose("1 keer per dag 1 tablet, 's ochtends", 1, 1, ("MORN",))),),
        ),
        Treatment(
            Product("Simvastatine tablet 20 mg", "C10AA01", "simvastatine", "67814"),
            "hoog cholesterol",
            (Agreement(1400, 272, Dose("1 keer per dag 1 tablet, voor het slapen", 1, 1, ("HS",))),),
            stopped="LDL bleef te hoog, overgestapt op atorvastatine",
        ),
        Treatment(
            Product("Atorvastatine tablet 10 mg", "C10AA05", "atorvastatine", "98604"),
            "hoog cholesterol",
            (Agreement(271, None, Dose("1 keer per dag 1 tablet, 's avonds", 1, 1, ("EVE",))),),
        ),
        Treatment(
            Product("Paracetamol tablet 500 mg", "N02BE01", "paracetamol", "67903"),
            "koorts en pijn bij griep",
            (Agreement(127, 121, Dose("zo nodig 3 keer per dag 2 tabletten", 2, 3, as_needed=True)),),
            supply=7,
            remark="Alleen bij de griep gebruikt.",
        ),
    ):
        overview.treatment(treatment)


def add_care(cast: Cast, diary: Diary) -> None:
    """Add the care plan, the alert and the next check-up."""
    add_plan(cast, diary, plan())
    hypo = snomed("302866003", "lage bloedsuiker (hypoglykemie)")
    add_alert(cast, diary, 190, hypo, "Kans op een lage suiker door gliclazide.")
    add_appointment(cast, diary, 9, "polsslag", "Jaarcontrole diabetes bij de praktijkondersteuner")
