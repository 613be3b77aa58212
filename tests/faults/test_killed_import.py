"""An import that is killed, wherever it is, and begun again: nothing is lost, and nothing is there twice."""

import json
import random
import signal
import subprocess
import time
from collections import Counter
from pathlib import Path

from tests.support.database import beside
from tests.support.ports import free_port
from tests.support.running import PROGRAM, ROOT, Program

PEOPLE, OBSERVATIONS = 6, 60


def lines() -> list[str]:
    found: list[dict[str, object]] = []
    for number in range(PEOPLE):
        found.append({"resourceType": "Patient", "id": f"weerklank-{number}"})
        found += [
            {
                "resourceType": "Observation", "id": f"weight-{number}-{index}", "status": "final",
                "code": {"coding": [{"system": "http://loinc.org", "code": "29463-7"}]},
                "subject": {"reference": f"Patient/weerklank-{number}"}, "valueQuantity": {"value": 60 + index},
            }
            for index in range(OBSERVATIONS)
        ]  # fmt: skip
    random.Random(1).shuffle(found)
    return [json.dumps(one) for one in found]


def written(program: Program) -> list[tuple[str, str, int]]:
    connection = beside(program.database_url)
    try:
        return connection.execute("SELECT type, id, version FROM change").fetchall()
    finally:
        connection.close()


def test_an_import_that_was_killed_goes_on_where_it_was(tmp_path: Path) -> None:
    program, file = Program(tmp_path, free_port()), tmp_path / "people.ndjson"
    program.run("migrate")
    sent = lines()
    file.write_text("\n".join(sent))
    spool = tmp_path / "spool"
    spool.mkdir()
    environment = program.variables() | {"TMPDIR": str(spool), "SQLITE_TMPDIR": str(spool)}
    command = ["record", "import", str(file), "--release", "r4", "--as-operator"]
    for part in (1, len(sent) // 3, 2 * len(sent) // 3):
        process = subprocess.Popen([*PROGRAM, *command], cwd=ROOT, env=environment, stderr=subprocess.DEVNULL)
        while len(written(program)) < part and process.poll() is None:
            time.sleep(0.001)
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert list(spool.iterdir()) == [], "what was put in order on disk is gone with the process"
    told = program.run(*command)
    assert told.splitlines()[0] == f"{len(sent)} resources are in."
    assert len(told.splitlines()) == 2, "some were in already"
    assert Counter((kind, version) for kind, _, version in written(program)) == {
        ("Patient", 1): PEOPLE, ("Observation", 1): PEOPLE * OBSERVATIONS,
    }  # fmt: skip
    assert f"{len(sent)} of them were in already" in program.run(*command)
    assert program.run("audit", "verify") == "The audit log and all records are sound."
