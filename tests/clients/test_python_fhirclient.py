"""SMART's own Python client, `fhirclient`, as it is published: a person allows it something in a real browser."""

from collections.abc import Iterator
from contextlib import closing

import pytest
from fhirclient.client import FHIRClient
from fhirclient.models.observation import Observation
from fhirclient.server import FHIRPermissionDeniedException, FHIRUnauthorizedException
from requests import HTTPError

from tests.support.decider import MEASUREMENTS, PERSONAL_DETAILS, Decider, allowing, denying
from tests.support.expiry import let_expire
from tests.support.running import Program

pytestmark = pytest.mark.browser

BACK = "https://app.example/back"
SCOPE = "openid fhirUser offline_access patient/Observation.cruds patient/Patient.rs"


@pytest.fixture(scope="module")
def client_id(program: Program) -> str:
    return program.run(
        *("client", "add", "--name", "Fhirclient-Test", "--public", "--both-releases", "--redirect-uri", BACK),
        *("--launch-uri", "https://app.example/launch", "--scope", f"launch launch/patient {SCOPE}"),
    )


@pytest.fixture
def smart(program: Program, client_id: str) -> Iterator[FHIRClient]:
    """Give a client that found the server's endpoints in its CapabilityStatement."""
    settings = {"app_id": client_id, "api_base": f"{program.url}/fhir/r4", "redirect_uri": BACK, "scope": SCOPE}
    client = FHIRClient(settings)
    with closing(client.server.session):
        assert not client.prepare()
        yield client


def ask(smart: FHIRClient, person: Decider, *, change: bool = True) -> None:
    """Have the person allow what the client asks."""
    decision = allowing(MEASUREMENTS, PERSONAL_DETAILS, change=change)
    smart.handle_callback(person.asked(smart.authorize_url, decision))


def looked(smart: FHIRClient) -> int:
    """Return how many of the person's observations the client finds, page after page."""
    search = Observation.where({"patient": smart.patient_id, "_count": "40"})
    return len(list(search.perform_resources_iter(smart.server)))


def weight(smart: FHIRClient) -> Observation:
    person = {"reference": f"Patient/{smart.patient_id}"}
    return Observation(
        {
            "status": "final",
            "code": {"coding": [{"system": "http://loinc.org", "code": "29463-7"}]},
            "subject": person,
            "performer": [person],
            "effectiveDateTime": "2026-03-01T08:00:00+01:00",
            "valueQuantity": {"value": 71.5, "unit": "kg", "system": "http://unitsofmeasure.org", "code": "kg"},
        }
    )


def test_it_reads_searches_pages_and_writes(smart: FHIRClient, sterre: Decider) -> None:
    ask(smart, sterre)
    assert smart.human_name(smart.patient.name[0]).endswith("Zonnestraal-Testpersoon")
    assert looked(smart) > 80
    made = weight(smart).create(smart.server)
    kept = Observation.read(made["id"], smart.server)
    assert kept.valueQuantity.value == 71.5
    kept.valueQuantity.value = 71
    assert kept.update(smart.server)["meta"]["versionId"] != kept.meta.versionId
    kept.delete(smart.server)
    with pytest.raises(HTTPError, match="410"):
        Observation.read(made["id"], smart.server)


def test_it_is_opened_with_the_record_of_who_chose_it_in_the_portal(smart: FHIRClient, sterre: Decider) -> None:
    given = sterre.opened("Fhirclient-Test")
    assert f"{given['iss']}/" == smart.server.base_uri
    smart.launch_token = given["launch"]
    ask(smart, sterre)
    assert smart.patient.id == smart.patient_id


def test_a_denial_is_told_in_words(smart: FHIRClient, sterre: Decider) -> None:
    with pytest.raises(Exception, match="The person did not allow this"):
        smart.handle_callback(sterre.asked(smart.authorize_url, denying))


def test_what_the_person_leaves_out_is_refused(smart: FHIRClient, sterre: Decider) -> None:
    ask(smart, sterre, change=False)
    assert "patient/Observation.rs" in smart.launch_context["scope"].split()
    assert looked(smart) > 0
    with pytest.raises(FHIRPermissionDeniedException):
        weight(smart).create(smart.server)


def test_it_refreshes_when_its_time_is_over(
    program: Program, client_id: str, smart: FHIRClient, sterre: Decider
) -> None:
    ask(smart, sterre)
    refresh_token = smart.server.auth.refresh_token
    let_expire(program, client_id)
    with pytest.raises(FHIRUnauthorizedException):
        looked(smart)
    assert smart.patient.id == smart.patient_id
    assert smart.server.auth.refresh_token != refresh_token
    assert looked(smart) > 0
