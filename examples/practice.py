"""The system of a practice, as small as it gets: pulls the care plans of the people who allowed it.

Start it beside a server that `make serve` started:

    .venv/bin/python examples/practice.py

The first time it makes itself a key, and the operator's command registers it for the first practice of the demo. Then it
proves with the key who it is (private_key_jwt), and shows what the practice may see: of whom, and which part.
"""

import argparse
import json
import subprocess
import sys
import time
import uuid
from pathlib import Path
from typing import Any

import httpx
from joserfc import jwt
from joserfc.jwk import ECKey

REGIE = str(Path(sys.executable).with_name("regie"))
KINDS = (
    ("r4", "CarePlan", "care plans"),
    ("r4", "Goal", "goals"),
    ("stu3", "Observation", "measurements and results"),
    ("r4", "MedicationRequest", "medication agreements"),
)


def registered(folder: Path) -> dict[str, Any]:
    """Return this system's key and client_id; makes and registers them the first time."""
    kept = folder / "practice-system.json"
    if kept.exists():
        return dict(json.loads(kept.read_text()))
    key = ECKey.generate_key("P-384", {"use": "sig", "alg": "ES384"})
    public = key.as_dict(private=False) | {"kid": key.thumbprint()}
    folder.mkdir(parents=True, exist_ok=True)
    jwks = folder / "practice-system-keys.json"
    jwks.write_text(json.dumps({"keys": [public]}))
    practice = json.loads(subprocess.check_output([REGIE, "demo", "--json"]))["practices"][0]
    command = [REGIE, "client", "add", "--name", f"Systeem van {practice['name']}", "--jwks-file", str(jwks)]
    command += ["--practice", practice["practice_id"], "--scope", "system/*.rs"]
    client_id = subprocess.check_output(command, text=True).strip()
    made = {"client_id": client_id, "practice": practice["name"], "key": key.as_dict(private=True)}
    kept.touch(mode=0o600)
    kept.write_text(json.dumps(made))
    return made


def access_token(server: httpx.Client, base: str, system: dict[str, Any]) -> str:
    """Return an access token for a signed assertion (RFC 7523)."""
    known = server.get(f"{base}/.well-known/smart-configuration").json()
    key = ECKey.import_key(system["key"])
    now = int(time.time())
    claims = {
        "iss": system["client_id"],
        "sub": system["client_id"],
        "aud": known["token_endpoint"],
        "jti": str(uuid.uuid4()),
        "iat": now,
        "exp": now + 240,
    }
    assertion = jwt.encode({"alg": "ES384", "kid": key.thumbprint()}, claims, key, algorithms=["ES384"])
    answer = server.post(
        known["token_endpoint"],
        data={
            "grant_type": "client_credentials",
            "scope": "system/*.rs",
            "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
            "client_assertion": assertion,
        },
    )
    answer.raise_for_status()
    return str(answer.json()["access_token"])


def main() -> None:
    """Pull each kind of resource, and say what came."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--server", default="http://127.0.0.1:8000", help="where Regie is")
    parser.add_argument("--folder", default="var/examples", type=Path, help="where this system keeps its key")
    options = parser.parse_args()
    system = registered(options.folder)
    print(f"This is the system of {system['practice']}.")
    with httpx.Client(timeout=30) as server:
        token = access_token(server, f"{options.server}/fhir/r4", system)
        headers = {"Authorization": f"Bearer {token}", "Accept": "application/fhir+json"}
        for release, kind, words in KINDS:
            answer = server.get(f"{options.server}/fhir/{release}/{kind}", headers=headers)
            if answer.status_code == httpx.codes.OK:
                found = answer.json().get("entry", [])
                names = sorted({_about(entry["resource"]) for entry in found} - {""})
                print(f"  {words}: {len(found)}{' of ' + ', '.join(names) if names else ''}")
            else:
                print(f"  {words}: refused with {answer.status_code}: {answer.json()['issue'][0]['diagnostics']}")


def _about(resource: dict[str, Any]) -> str:
    return str(resource.get("subject", {}).get("display", ""))


if __name__ == "__main__":
    main()
