"""Wout: COPD, with an exacerbation four months ago and a slow way back, while he stops smoking.

The year: saturation around 94; a cold that became an exacerbation (days 120 to 104 ago): saturation to 88, breathing to
26, fever, prednisone and doxycycline; pulmonary rehabilitation since; less weight, then slowly more again.

It is long, as all that happened to one person stands in one place.
"""

from datetime import date

from app.demo.background import ALCOHOL, DOES_NOT_WANT, NO_ALCOHOL, SMOKES, TOBACCO, Background, Relative
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
from app.demo.elements import ATC, Json, coding, concept, decimal, loinc, quantity, snomed
from app.demo.gp_summary import Contact, GpSummary, Problem
from app.demo.identity import Cast, Identity
from app.demo.laboratory import CREATININE, CRP, EGFR, EOSINOPHILS, HEMOGLOBIN, LEUKOCYTES, POTASSIUM, add_panel
from app.demo.letters import ADVICE, REPORT, add_letter
from app.demo.measurements import BREATHING, SATURATION, WEIGHT, SelfMeasurements
from app.demo.medication import Agreement, Dose, MedicationOverview, Product, Treatment
from app.demo.routines import Circulation, measure_blood_pressure, measure_saturation, measure_weight

WHO = Identity("wout", "Wout", "W.", "Windvaan-Testpersoon", "male", date(1955, 2, 11), "Vliegerplein", "7")
ABOUT = "COPD: zuurstof en ademhaling, een longaanval met kuur, daarna langzaam herstel."
ANSWERS = ("Gaat wel", "Niet goed", True, "Dat ik weer benauwd word in de winter.")

COPD = Problem("copd", "COPD", "13645005", "R95", date(2012, 4, 16), note="GOLD 2. Rookte 40 jaar.")
SMOKING = Problem("smoking", "Roken", "77176002", "P17", date(1973, 1, 1))
KNEE = Problem("knee", "Slijtage van de knie (artrose)", "239873007", "L90", date(2019, 8, 5))
PNEUMONIA = Problem(
    "pneumonia", "Longontsteking", "233604007", "R81", date(2021, 2, 3), date(2021, 3, 10), "Thuis behandeld."
)
EXACERBATION = range(104, 121)
AWAY = range(240, 248)


def saturation(days_ago: float) -> float:
    """Return the oxygen saturation in percent."""
    trend = course(days_ago, (365, 94.3), (125, 93.8), (95, 92.9), (60, 93.8), (0, 94.4))
    return trend + course(days_ago, (121, 0), (117, -4.6), (114, -4.9), (110, -2.8), (104, -0.6), (95, 0))


def breathing(days_ago: float) -> float:
    """Return the respiratory rate per minute at rest."""
    trend = course(days_ago, (365, 17), (125, 17.5), (60, 17.5), (0, 16.5))
    return trend + course(days_ago, (121, 0), (117, 7.5), (114, 8), (110, 4), (102, 0))


def heart_rate(days_ago: float) -> float:
    """Return the heart rate per minute at rest."""
    return 80 + course(days_ago, (122, 0), (117, 21), (113, 20), (108, 8), (100, 0), (0, -3))


def weight(days_ago: float) -> float:
    """Return the weight in kilograms: lost in the exacerbation, slowly regained with rehabilitation."""
    return course(days_ago, (365, 67.4), (121, 66.6), (104, 64.1), (80, 64.0), (0, 66.0))


def add_measurements(cast: Cast, diary: Diary) -> None:
    """Add the home measurements of a year."""
    measurements = SelfMeasurements(cast)
    days = [(days_ago, 9) for days_ago in diary.kept("saturation", 3.0, (AWAY, EXACERBATION))]
    days += [(days_ago, hour) for days_ago in reversed(EXACERBATION) for hour in (8, 20)]
    measure_saturation(
        measurements, diary, sorted(days, key=lambda day: (-day[0], day[1])), saturation, breathing, heart_rate
    )
    circulation = Circulation(
        systolic=lambda days_ago: 136 + course(days_ago, (121, 0), (116, 9), (105, 2), (95, 0)),
        diastolic=lambda _: 80,
        heart_rate=heart_rate,
    )
    measure_blood_pressure(measurements, diary, circulation, 1.0, (61,), (AWAY, EXACERBATION))
    measure_weight(measurements, diary, weight, 1.1, (AWAY,))
    measurements.height(diary.at(350, 14, 40), 174)
    chance = diary.chance("fever")
    for days_ago, celsius in zip(range(119, 111, -1), (37.9, 38.4, 38.7, 38.5, 38.1, 37.7, 37.3, 36.9), strict=True):
        for hour, rise in ((8, -0.2), (20, 0.2)):
            measurements.temperature(diary.at(days_ago, hour, chance.randint(0, 50)), celsius + rise)


def _spirometry(litres: float, of_predicted: int, ratio: int) -> list[tuple[Json, Json]]:
    return [
        (loinc("20150-9", "FEV1 (lucht in 1 seconde)"), quantity(decimal(litres, 2), "L")),
        (loinc("20152-5", "FEV1, deel van wat normaal is"), quantity(of_predicted, "%")),
        (loinc("19926-5", "FEV1/FVC"), quantity(ratio, "%")),
    ]


def add_gp_summary(cast: Cast, diary: Diary) -> None:
    """Add what the practice shares: problems, check-ups with spirometry, the exacerbation, laboratory."""
    summary = GpSummary(cast, diary)
    for problem in (COPD, SMOKING, KNEE, PNEUMONIA):
        summary.problem(problem)
    naproxen, stomach = snomed("372588000", "naproxen"), concept(snomed("16932000", "misselijkheid en braken"))
    summary.allergy(naproxen, stomach, date(2019, 9, 2), severe=False, text="Maagklachten van naproxen.")
    summary.check_up(
        Contact(
            349,
            "consult",
            "polsslag",
            "copd",
            "Jaarcontrole COPD. Kortademig bij traplopen. Rookt nog 8 per dag.",
            "Inhaleren geoefend. Stoppen met roken besproken, denkt erover na.",
        ),
        138,
        82,
        67.4,
        _spirometry(1.78, 58, 54),
    )
    for contact in (
        Contact(
            119,
            "phone",
            "meetlat",
            "copd",
            "Sinds 2 dagen meer benauwd, groen slijm, koorts. Zuurstof 90. Begin van een longaanval.",
            "Prednison 7 dagen. Vaker salbutamol. 2 keer per dag meten. Morgen visite.",
        ),
        Contact(
            118,
            "home visit",
            "meetlat",
            "copd",
            "Longaanval. Zuurstof 88, ademhaling 25, koorts. CRP 64. Kan thuis blijven, partner helpt.",
            "Doxycycline erbij, 7 dagen. Morgen bellen. Bij zuurstof onder 86 direct 112.",
        ),
        Contact(
            114,
            "phone",
            "meetlat",
            "copd",
            "Iets beter: koorts zakt, zuurstof 90.",
            "Kuren afmaken. Over 4 dagen weer bellen.",
        ),
        Contact(
            55,
            "e-consult",
            "polsslag",
            "smoking",
            "Is 8 weken gestopt met roken. Heeft nog trek na het eten.",
            "Complimenten. Nicotinekauwgom bij trek.",
        ),
    ):
        summary.contact(contact)
    summary.check_up(
        Contact(
            96,
            "consult",
            "polsslag",
            "copd",
            "Herstel na longaanval. Is 3 kilo afgevallen en snel moe. Gestopt met roken sinds de longaanval.",
            "Naar longrevalidatie en diëtist. Longaanval-actieplan en zorgplan gemaakt.",
        ),
        134,
        80,
        64.0,
    )
    summary.check_up(
        Contact(
            20,
            "consult",
            "polsslag",
            "copd",
            "Gaat goed vooruit: loopt weer naar de winkel. Blijft van de sigaretten af.",
            "Revalidatie afmaken. Over 6 maanden weer blazen.",
        ),
        135,
        79,
        65.8,
        _spirometry(1.69, 55, 53),
    )
    diagnostic = snomed("103693007", "diagnostische verrichting")
    nurse = cast.staff.workers["polsslag"]
    blowing = snomed("127783003", "spirometrie (longfunctie)")
    for days_ago, outcome in ((349, "FEV1 58% van normaal."), (20, "FEV1 55% van normaal, vrijwel gelijk.")):
        summary.procedure(blowing, diagnostic, diary.day(days_ago), "copd", worker=nurse, outcome=outcome)
    lung_nurse = cast.staff.workers["luchtkasteel"]
    training = snomed("277132007", "therapeutische verrichting")
    rehabilitation = snomed("15081005", "longrevalidatie")
    summary.procedure(
        rehabilitation,
        training,
        diary.day(85),
        "copd",
        worker=lung_nurse,
        outcome="Gestart: 2 keer per week, 12 weken.",
    )
    summary.vaccination(coding(ATC, "J07BB02", "Griepprik"), diary.day(33))
    summary.vaccination(coding(ATC, "J07AL02", "Prik tegen pneumokokken"), diary.day(290))
    for days_ago, title, results in (
        (355, "Jaarcontrole COPD", [(HEMOGLOBIN, 9.1), (EOSINOPHILS, 0.18), (CREATININE, 84.0), (EGFR, 76.0)]),
        (118, "Longaanval", [(CRP, 64.0), (LEUKOCYTES, 13.2), (POTASSIUM, 3.9)]),
        (98, "Na longaanval", [(CRP, 6.0), (LEUKOCYTES, 8.4), (HEMOGLOBIN, 8.8)]),
        (22, "Controle COPD", [(HEMOGLOBIN, 9.0), (EOSINOPHILS, 0.21), (CREATININE, 82.0), (EGFR, 78.0)]),
    ):
        add_panel(cast, diary, days_ago, title, results)
    known = Background(cast, diary, 349)
    known.life(TOBACCO, SMOKES, "8 sigaretten per dag.")
    known.life(ALCOHOL, NO_ALCOHOL)
    known.wish(snomed("40617009", "beademing"), DOES_NOT_WANT, "Wil niet langdurig aan een beademingsmachine.")
    known.relative(Relative("father", snomed("66839005", "vader"), snomed("13645005", "COPD")))
    known.device(snomed("334980009", "voorzetkamer"), "Voor de inhalator.")
    known.contact("Bezoek aan de longarts", summary.known["copd"].condition)


def add_documents(cast: Cast, diary: Diary) -> None:
    """Add the letters that came to the record."""
    add_letter(
        cast, diary, 140, cast.doctor, REPORT, "Verslag van de longfunctietest",
        (
            "U blies drie keer goed. De longen werken iets minder dan vorig jaar, zoals te verwachten is.",
            "Na het pufje wordt het een beetje beter. Blijf het elke dag gebruiken. Dit is een verzonnen verslag.",
        ),
    )  # fmt: skip
    add_letter(
        cast, diary, 40, cast.staff.workers["luchtkasteel"], ADVICE, "Mijn plan bij benauwdheid",
        (
            "Groen: ik ben niet meer benauwd dan anders. Ik gebruik mijn medicijnen zoals afgesproken.",
            "Geel: ik ben meer benauwd of hoest meer. Ik doe rustig aan en bel de praktijk als het na 2 dagen niet over is.",
            "Rood: ik kan niet goed praten door de benauwdheid. Ik bel meteen. Dit is een verzonnen plan.",
        ),
    )  # fmt: skip


def plan() -> Plan:
    """Return the care plan, made after the exacerbation."""
    return Plan(
        title="Mijn zorgplan: meer lucht",
        summary="Ik wil weer met de hond naar het bos. We letten op benauwdheid, conditie, gewicht en niet roken.",
        since=96,
        coordinator="polsslag",
        team=("polsslag", "meetlat", "luchtkasteel"),
        problems=(COPD, SMOKING),
        aims=(
            Aim(
                "saturation",
                "Mijn zuurstof is in rust 92 of hoger.",
                "copd",
                (Target(SATURATION, "%", 92, 100),),
                96,
                -85,
                "achieved",
            ),
            Aim(
                "breathing",
                "Mijn ademhaling is in rust rustig: 12 tot 20 keer per minuut.",
                "copd",
                (Target(BREATHING, "ademhalingen per minuut", 12, 20, ucum="{breaths}/min"),),
                96,
                -85,
                "improving",
            ),
            Aim(
                "weight",
                "Ik weeg weer 67 kilo.",
                "copd",
                (Target(WEIGHT, "kg", 66.0, 70.0, 1),),
                96,
                -85,
                "improving",
                note="Spieren opbouwen, met extra eiwit.",
            ),
            Aim(
                "no-smoking",
                "Ik rook niet meer.",
                "smoking",
                (),
                96,
                -270,
                "in-progress",
                note="Gestopt op de eerste dag van de longaanval.",
            ),
            Aim("walking", "Ik loop 20 minuten achter elkaar met de hond.", "copd", (), 96, -40, "improving"),
        ),
        measurings=(
            Measuring(
                "saturation",
                "zuurstof in het bloed meten",
                snomed("104847001", "zuurstof in het bloed meten"),
                SATURATION,
                Schedule("3 keer per week, 's ochtends", 3, 1, "wk", ("MORN",)),
                ("saturation",),
                "Meet na 10 minuten rust, met een warme vinger zonder nagellak. Bij een longaanval: 2 keer per dag.",
            ),
            Measuring(
                "breathing",
                "ademhaling tellen",
                None,
                BREATHING,
                Schedule("3 keer per week, 's ochtends", 3, 1, "wk", ("MORN",)),
                ("breathing",),
                "Tel hoe vaak u in 1 minuut inademt, terwijl u rustig zit.",
            ),
            Measuring(
                "weight",
                "wegen",
                snomed("39857003", "wegen"),
                WEIGHT,
                Schedule("1 keer per week", 1, 1, "wk", ("MORN",)),
                ("weight",),
                "Weeg u na het plassen en voor het ontbijt.",
            ),
        ),
        habits=(
            Habit(
                "longrevalidatie",
                snomed("15081005", "longrevalidatie"),
                "Oefenen met de fysiotherapeut van Het Kompas.",
                ("walking", "breathing"),
                Schedule("2 keer per week", 2, 1, "wk"),
            ),
            Habit(
                "stoppen met roken",
                snomed("225323000", "stoppen met roken"),
                "Niet roken. Bij trek: kauwgom, iets drinken of bellen met de stopcoach.",
                ("no-smoking",),
            ),
            Habit(
                "voedingsadvies",
                snomed("11816003", "voedingsadvies"),
                "Eten met extra eiwit: kwark, eieren, noten.",
                ("weight",),
                Schedule("elke dag", 1, 1, "d"),
            ),
            Habit(
                "inhaleren oefenen",
                None,
                "Inhaleren nadoen bij de longverpleegkundige.",
                ("breathing",),
                status="completed",
            ),
        ),
        assignments=(
            Assignment("action-plan", "Hang het longaanval-actieplan op de koelkast.", 96, 89, 94),
            Assignment("questionnaire", "Vul de vragenlijst Ziektelast COPD in.", 25, 18, 21),
            Assignment("questionnaire-2", "Vul de vragenlijst Ziektelast COPD weer in.", 4, -24),
        ),
        note="Meer benauwd, meer slijm of koorts? Start het actieplan en bel dezelfde dag de praktijk.",
    )


def add_medication(cast: Cast, diary: Diary) -> None:
    """Add the treatments: inhalers, the two courses of the exacerbation, what was stopped and what is planned."""
    overview = MedicationOverview(cast, diary)
    morning_puff = Dose("1 keer per dag 2 pufjes, 's ochtends", 2, 1, ("MORN",), "dosis", "inhaled")
    reliever = Dose("zo nodig 4 keer per dag 2 pufjes, bij benauwdheid", 2, 4, (), "dosis", "inhaled", as_needed=True)
    for treatment in (
        Treatment(
            Product("Tiotropium inhalatievloeistof 2,5 microgram per dosis", "R03BB04", "tiotropium"),
            "COPD",
            (Agreement(1200, 97, morning_puff),),
            stopped="overgestapt op tiotropium met olodaterol",
        ),
        Treatment(
            Product(
                "Tiotropium/olodaterol inhalatievloeistof 2,5/2,5 microgram", "R03AL06", "tiotropium en olodaterol"
            ),
            "COPD",
            (Agreement(96, None, morning_puff),),
        ),
        Treatment(
            Product("Salbutamol aerosol 100 microgram per dosis", "R03AC02", "salbutamol"),
            "benauwdheid",
            (Agreement(1200, None, reliever),),
            remark="Ik gebruik het nu ongeveer 2 keer per week.",
        ),
        Treatment(
            Product("Prednison tablet 5 mg", "H02AB07", "prednison", "8311"),
            "longaanval",
            (Agreement(119, 113, Dose("1 keer per dag 6 tabletten, bij het ontbijt", 6, 1, ("CM",))),),
            supply=7,
        ),
        Treatment(
            Product("Doxycycline tablet 100 mg", "J01AA02", "doxycycline", "19844"),
            "longaanval met koorts",
            (Agreement(118, 112, Dose("1 keer per dag 1 tablet, 's ochtends", 1, 1, ("MORN",))),),
            supply=7,
        ),
        Treatment(
            Product("Omeprazol capsule 20 mg", "A02BC01", "omeprazol", "60062"),
            "bescherming van de maag tijdens prednison",
            (Agreement(119, 110, Dose("1 keer per dag 1 capsule, voor het ontbijt", 1, 1, ("ACM",))),),
            supply=10,
            stopped="niet meer nodig na de prednison",
        ),
        Treatment(
            Product("Colecalciferol tablet 800 eenheden", "A11CC05", "colecalciferol (vitamine D)"),
            "sterke botten",
            (Agreement(-7, None, Dose("1 keer per dag 1 tablet, bij het eten", 1, 1, ("C",))),),
        ),
    ):
        overview.treatment(treatment)


def add_care(cast: Cast, diary: Diary) -> None:
    """Add the care plan, the alert and the next check-up."""
    add_plan(cast, diary, plan())
    attack = snomed("195951007", "longaanval (exacerbatie COPD)")
    add_alert(cast, diary, 96, attack, "Had een longaanval. Heeft een actieplan: vraag ernaar.")
    add_appointment(cast, diary, 16, "luchtkasteel", "Controle bij de longverpleegkundige")
