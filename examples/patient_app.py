"""A patient app, as small as it gets: asks a person for access, then syncs home measurements, twice.

Start it beside a server that `make serve` started:

    .venv/bin/python examples/patient_app.py

It prints an address to open in a browser. After the person allowed it there, it sends three blood pressures, sends them
again as a phone does that did not hear the answer, and reads what changed in the record since it began.
"""

import argparse
import base64
import hashlib
import secrets
import sys
import uuid
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx

CLIENT_ID = "demo-app"
REDIRECT_URI = "http://127.0.0.1:8765/callback"
SCOPE = "launch/patient offline_access patient/Observation.cruds patient/Patient.rs"
PROFILES = [  # of the Dutch standards, and of Regie itself, which checks it without any package
    "http://nictiz.nl/fhir/StructureDefinition/zib-BloodPressure",
    "https://regie.example/fhir/StructureDefinition/blood-pressure",
]
LOINC, UCUM = "http://loinc.org", "http://unitsofmeasure.org"


class Callback(BaseHTTPRequestHandler):
    """The address that the browser is sent back to: takes the code."""

    def do_GET(self) -> None:
        """Keep what came back, and tell the person that they can go on."""
        asked = urlsplit(self.path)
        if asked.path != "/callback":
            self.send_error(404)
            return
        self.server.came_back = parse_qs(asked.query)  # type: ignore[attr-defined]  # read by `ask` below
        self.send_response(200)
        self.send_header("Content-Type", "text/plain; charset=utf-8")
        self.end_headers()
        self.wfile.write(b"Klaar. Ga terug naar de app. / Done. Go back to the app.\n")

    def log_message(self, *_: Any) -> None:
        """Print nothing: the address holds the code."""


def discovered(server: httpx.Client, base: str) -> dict[str, Any]:
    """Return where to ask for access, as the FHIR base itself tells."""
    answer = server.get(f"{base}/.well-known/smart-configuration")
    answer.raise_for_status()
    return dict(answer.json())


def ask(server: httpx.Client, base: str) -> dict[str, Any]:
    """Return the tokens that the person's consent gives (authorization code with PKCE)."""
    known = discovered(server, base)
    verifier, state = secrets.token_urlsafe(48), secrets.token_urlsafe(16)
    challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
    query = {
        "response_type": "code",
        "client_id": CLIENT_ID,
        "redirect_uri": REDIRECT_URI,
        "scope": SCOPE,
        "state": state,
        "aud": base,
        "code_challenge": challenge,
        "code_challenge_method": "S256",
    }
    with HTTPServer(("127.0.0.1", 8765), Callback) as listener:
        listener.came_back = {}  # type: ignore[attr-defined]
        print(f"Open this in your browser:\n{known['authorization_endpoint']}?{urlencode(query)}", flush=True)
        while not listener.came_back:  # type: ignore[attr-defined]
            listener.handle_request()
        came_back = listener.came_back  # type: ignore[attr-defined]
    if came_back.get("state") != [state] or came_back.get("iss") != [known["issuer"]]:
        sys.exit("The answer is not one to our question.")
    if "code" not in came_back:
        sys.exit(f"The person did not allow it: {came_back.get('error')}.")
    answer = server.post(
        known["token_endpoint"],
        data={
            "grant_type": "authorization_code",
            "code": came_back["code"][0],
            "redirect_uri": REDIRECT_URI,
            "client_id": CLIENT_ID,
            "code_verifier": verifier,
        },
    )
    answer.raise_for_status()
    return dict(answer.json())


def quantity(value: int) -> dict[str, Any]:
    """Return a pressure in mm[Hg]."""
    return {"value": value, "unit": "mmHg", "system": UCUM, "code": "mm[Hg]"}


def blood_pressure(patient: str, at: datetime, systolic: int, diastolic: int) -> dict[str, Any]:
    """Return a home blood pressure; its identifier is the app's own number for it."""
    person = {"reference": f"Patient/{patient}"}
    parts = (("8480-6", "Systolic blood pressure", systolic), ("8462-4", "Diastolic blood pressure", diastolic))
    return {
        "resourceType": "Observation",
        "meta": {"profile": PROFILES},
        "identifier": [{"system": "urn:ietf:rfc:3986", "value": f"urn:uuid:{uuid.uuid4()}"}],
        "status": "final",
        "category": [
            {
                "coding": [
                    {
                        "system": "http://hl7.org/fhir/observation-category",
                        "code": "vital-signs",
                        "display": "Vital Signs",
                    }
                ]
            }
        ],
        "code": {"coding": [{"system": LOINC, "code": "85354-9", "display": "Blood pressure panel"}]},
        "subject": person,
        "performer": [person],
        "effectiveDateTime": at.isoformat(timespec="seconds"),
        "component": [
            {"code": {"coding": [{"system": LOINC, "code": code, "display": name}]}, "valueQuantity": quantity(value)}
            for code, name, value in parts
        ],
    }


def main() -> None:
    """Ask, send, send again, and catch up."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--server", default="http://127.0.0.1:8000", help="where Regie is")
    base = f"{parser.parse_args().server}/fhir/stu3"
    with httpx.Client(timeout=30) as server:
        tokens = ask(server, base)
        headers = {"Authorization": f"Bearer {tokens['access_token']}", "Accept": "application/fhir+json"}
        patient = tokens["patient"]
        now = datetime.now(UTC).astimezone()
        measured = [
            blood_pressure(patient, now - timedelta(minutes=2 * number), 131 + number, 82 + number)
            for number in range(3)
        ]
        bundle = {
            "resourceType": "Bundle",
            "type": "transaction",
            "entry": [
                {
                    "fullUrl": f"urn:uuid:{uuid.uuid4()}",
                    "resource": one,
                    "request": {"method": "POST", "url": "Observation"},
                }
                for one in measured
            ],
        }
        key = {"Idempotency-Key": str(uuid.uuid4())}
        first = server.post(base, json=bundle, headers={**headers, **key})
        first.raise_for_status()
        print(
            f"Sent {len(measured)} blood pressures: {', '.join(e['response']['status'] for e in first.json()['entry'])}."
        )
        again = server.post(base, json=bundle, headers={**headers, **key})
        again.raise_for_status()
        places = [[entry["response"]["location"] for entry in answer.json()["entry"]] for answer in (first, again)]
        print(f"Sent them again: {'the same three, nothing twice' if places[0] == places[1] else 'stored twice!'}.")
        before = int(first.headers["Regie-Seq"]) - len(measured)
        changes = server.get(f"{base}/$delta", params={"since": before}, headers=headers)
        changes.raise_for_status()
        print(
            f"Changed in the record since we began: {len(changes.json().get('entry', []))}, up to number {changes.headers['Regie-Seq']}."
        )


if __name__ == "__main__":
    main()
