"""`fhirpy`, with the tokens of Authlib's client: discovery, an id_token that is checked, refresh, revocation."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

import httpx
import pytest
from authlib.integrations.requests_client import OAuth2Session
from fhirpy import SyncFHIRClient
from fhirpy.base.exceptions import AuthorizationError, ResourceNotFound
from joserfc import jwt
from joserfc.jwk import KeySet

from tests.support.decider import MEASUREMENTS, PERSONAL_DETAILS, Decider, allowing
from tests.support.expiry import let_expire
from tests.support.running import Program

pytestmark = pytest.mark.browser

BACK = "https://app.example/back"
SCOPE = "openid fhirUser offline_access launch/patient patient/Observation.cruds patient/Patient.rs"


@pytest.fixture(scope="module")
def client_id(program: Program) -> str:
    return program.run("client", "add", "--name", "Fhirpy-Test", "--public", "--redirect-uri", BACK, "--scope", SCOPE)


@contextmanager
def allowed(base: str, client_id: str, person: Decider) -> Iterator["App"]:
    """Give an app that found its way at one of the FHIR bases and was allowed what it asked."""
    app = App(base, client_id)
    with closing(app.session):
        app.ask(person)
        yield app


class App:
    """What an app keeps: where it is, its OAuth session, and the first answer of the token endpoint."""

    def __init__(self, base: str, client_id: str) -> None:
        self.base = base
        self.smart = httpx.get(f"{base}/.well-known/smart-configuration").json()
        self.session = OAuth2Session(
            client_id,
            scope=SCOPE,
            redirect_uri=BACK,
            code_challenge_method="S256",
            token_endpoint=self.smart["token_endpoint"],
            token_endpoint_auth_method="none",
        )
        self.token: dict[str, Any] = {}

    def ask(self, person: Decider) -> None:
        """Ask the person, and exchange the code."""
        verifier = "v" * 64
        address, state = self.session.create_authorization_url(
            self.smart["authorization_endpoint"], code_verifier=verifier, aud=self.base, nonce="once-only"
        )
        came_back = person.asked(address, allowing(MEASUREMENTS, PERSONAL_DETAILS))
        self.token = self.session.fetch_token(
            self.smart["token_endpoint"], authorization_response=came_back, state=state, code_verifier=verifier
        )

    @property
    def fhir(self) -> SyncFHIRClient:
        """Return the client of `fhirpy` with the token of the moment."""
        return self._client({})

    @property
    def patching(self) -> SyncFHIRClient:
        """Return the same for patches, which `fhirpy` sends as plain JSON unless it is told what they are."""
        return self._client({"Content-Type": "application/merge-patch+json"})

    def _client(self, headers: dict[str, str]) -> SyncFHIRClient:
        authorization = f"Bearer {self.session.token['access_token']}"
        return SyncFHIRClient(self.base, authorization=authorization, extra_headers=headers)


@pytest.mark.parametrize("release", ["stu3", "r4"])
def test_it_works_on_both_bases(program: Program, client_id: str, sterre: Decider, release: str) -> None:
    base = f"{program.url}/fhir/{release}"
    with allowed(base, client_id, sterre) as app:
        person = app.fhir.reference("Patient", app.token["patient"]).to_resource()
        assert person.get_by_path(["name", 0, "family"]) == "Zonnestraal-Testpersoon"
        keys = KeySet.import_key_set(httpx.get(app.smart["jwks_uri"]).json())
        claims = jwt.decode(app.token["id_token"], keys, algorithms=["RS256"]).claims
        assert (claims["iss"], claims["aud"], claims["nonce"]) == (app.smart["issuer"], client_id, "once-only")
        assert claims["fhirUser"] == f"{base}/Patient/{person.id}"

        weight = app.fhir.resource(
            "Observation",
            status="final",
            code={"coding": [{"system": "http://loinc.org", "code": "29463-7"}]},
            subject=person.to_reference(),
            performer=[person.to_reference()],
            effectiveDateTime="2026-03-01T08:00:00+01:00",
            valueQuantity={"value": 71.5, "unit": "kg", "system": "http://unitsofmeasure.org", "code": "kg"},
        )
        weight.save()
        weight["valueQuantity"]["value"] = 71
        weight.save()
        app.patching.patch("Observation", weight.id, status="amended")
        weight.refresh()
        assert (weight["status"], weight["valueQuantity"]["value"]) == ("amended", 71)
        found = app.fhir.resources("Observation").search(patient=person.id, code="29463-7").sort("-date").limit(30)
        assert weight.id in {one.id for one in found.fetch_all()}
        assert found.count() >= 1
        weight.delete()
        with pytest.raises(ResourceNotFound):
            weight.refresh()


def test_it_reads_more_than_a_page(program: Program, client_id: str, sterre: Decider) -> None:
    with allowed(f"{program.url}/fhir/stu3", client_id, sterre) as app:
        search = app.fhir.resources("Observation").search(patient=app.token["patient"]).limit(50)
        assert len(search.fetch()) == 50
        assert len(search.fetch_all()) == search.count() > 100


def test_a_token_is_refreshed_and_given_back(program: Program, client_id: str, sterre: Decider) -> None:
    with allowed(f"{program.url}/fhir/r4", client_id, sterre) as app:
        let_expire(program, client_id)
        with pytest.raises(AuthorizationError):
            app.fhir.resources("Observation").limit(1).fetch()
        app.session.refresh_token(app.smart["token_endpoint"], refresh_token=app.token["refresh_token"])
        assert isinstance(app.fhir.resources("Observation").limit(1).fetch(), list)
        app.session.revoke_token(app.smart["revocation_endpoint"], app.session.token["refresh_token"])
        with pytest.raises(AuthorizationError):
            app.fhir.resources("Observation").limit(1).fetch()
