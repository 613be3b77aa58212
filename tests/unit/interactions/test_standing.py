"""What is kept of decisions about one who asks."""

import gc
import tracemalloc
from datetime import UTC, datetime

from app.access.policy import Wish
from app.access.requester import Requester, RequesterKind
from app.access.smart_scope import Action, SmartScopes
from app.interactions.standing import Standing

NOW = datetime(2026, 3, 1, tzinfo=UTC)
TYPES = (
    "AllergyIntolerance CarePlan CareTeam Composition Condition Device DiagnosticReport DocumentReference Encounter Goal "
    "Immunization Location Medication MedicationRequest Observation Organization Patient Practitioner Procedure Specimen"
).split()
SCOPES = SmartScopes.of(" ".join(f"patient/{name}.cruds" for name in TYPES))
PEOPLE = 100
BYTES_MAX = 6000
"""With 6,500 people remembered, and as many before them, that is 80 MB; each decision with lists of its own took 600."""


def test_who_reads_twenty_types_takes_some_kilobytes() -> None:
    SCOPES.types_for(Action.READ)
    gc.collect()  # it empties the free lists of tuples and others, so that what is taken is counted whatever ran before
    tracemalloc.start()
    kept = []
    for number in range(1, PEOPLE + 1):
        person = Requester(RequesterKind.PERSON, "person", "Zonnestraal-Testpersoon", SCOPES, record_id=number)
        standing = Standing([], is_staff=True)
        for name in TYPES:
            assert standing.scope(person, Wish(Action.READ, name), NOW, b"key").personal[0].record_id == number
        kept.append(standing)
    gc.collect()  # and what was given back is not
    size, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert size / PEOPLE < BYTES_MAX
