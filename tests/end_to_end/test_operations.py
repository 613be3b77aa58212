"""What who runs the server asks it."""

import contextlib
import json
import re
from pathlib import Path

import httpx
import pytest
from pydantic import SecretStr

from app.db.database import Transaction
from app.fhir.release import Release
from app.jobs.outbox import put
from tests.support.metrics import told
from tests.support.running import running
from tests.support.world import world_in

HTTPS = "https://regie.example"


async def test_metrics_tell_what_waits_to_be_delivered(tmp_path: Path) -> None:
    async with world_in(tmp_path) as world:

        async def job(transaction: Transaction) -> None:
            for due_us in (0, 2**60):  # what is not due yet waits for its day, not for us
                await put(transaction, record_id=1, kind="notice", body={}, now_us=due_us)

        await world.parts.database.write(job)
        said = told((await world.http.get("/metrics")).text)
    assert said["regie_jobs_waiting"].values == {(): 1}
    assert said["regie_jobs_failing"].values == {(): 0}
    assert said["regie_jobs_overdue_seconds"].values[()] > 3600


async def test_metrics_name_routes_and_reasons_and_nothing_of_who_asked(tmp_path: Path) -> None:
    async with world_in(tmp_path) as world:
        before = told((await world.http.get("/metrics")).text)
        token = world.made.tokens["zonnestraal"]
        patient = world.zonnestraal.ids[(Release.R4, "weight")]
        for path in (
            f"/fhir/r4/Observation/{patient}?unheard=a",
            "/fhir/r4/Observation/none-such",
            "/fhir/r4/x/y/z/999900006",
        ):
            await world.http.get(path, headers={"Authorization": f"Bearer {token}"})
        await world.http.get("/fhir/r4/Patient/1", headers={"Authorization": "Bearer nothing"})
        await world.http.get("/login")
        await world.http.get("/999900006")
        text = (await world.http.get("/metrics")).text
    said = told(text)

    def more(name: str, *labels: str) -> float:
        was = before[name].values.get(labels, 0) if name in before else 0
        return said[name].values[labels] - was

    assert more("regie_http_requests_total", "GET", "/fhir/r4/{type}/{id}", "4xx") == 3
    assert more("regie_http_requests_total", "GET", "/login", "2xx") == 1
    assert more("regie_http_requests_total", "GET", "(none)", "4xx") == 2
    assert more("regie_http_request_duration_seconds", "GET", "/login") == 1
    assert more("regie_refusals_total", "login") == 1
    assert more("regie_audit_entries_total") >= 3
    for secret in ("999900006", "none-such", patient, token, "Zonnestraal"):
        assert secret not in text


@pytest.mark.parametrize(
    ("base_url", "token", "sent", "status"),
    [
        ("http://127.0.0.1:8000", "", {}, 200),
        ("http://127.0.0.1:8000", "", {"X-Forwarded-For": "192.0.2.1"}, 401),
        (HTTPS, "", {}, 401),
        (HTTPS, "geheim", {}, 401),
        (HTTPS, "geheim", {"Authorization": "Bearer geheiM"}, 401),
        (HTTPS, "geheim", {"Authorization": "Bearer geheim"}, 200),
        ("http://127.0.0.1:8000", "geheim", {}, 401),
    ],
)
async def test_metrics_are_for_who_runs_the_server(
    tmp_path: Path, base_url: str, token: str, sent: dict[str, str], status: int
) -> None:
    async with world_in(tmp_path, base_url=base_url, metrics_token=SecretStr(token)) as world:
        assert (await world.http.get("/metrics", headers=sent)).status_code == status


async def test_metrics_tell_that_the_database_is_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with world_in(tmp_path) as world:

        async def fail(*_: object) -> None:
            raise OSError

        monkeypatch.setattr(type(world.parts.deliverer), "waiting", fail)
        said = told((await world.http.get("/metrics")).text)
    assert said["regie_database_up"].values == {(): 0}
    assert "regie_http_requests_in_flight" in said
    assert "regie_jobs_waiting" not in said


def test_whichever_process_is_asked_tells_of_all_and_never_less_than_before(tmp_path: Path) -> None:
    with running(tmp_path, REGIE_WORKERS="2") as program:
        asked, most = 0, 0.0
        for _ in range(30):
            with httpx.Client(base_url=program.url) as http:  # a new connection may meet either process
                assert http.get("/fhir/r4/metadata").status_code == 200
                asked += 1
                said = told(http.get("/metrics").text)
            now = said["regie_http_requests_total"].values[("GET", "/fhir/r4/metadata", "2xx")]
            assert most <= now <= asked
            most = now
        assert most > asked / 2
        assert said["regie_processes"].values == {(): 2}


def test_the_log_has_a_line_for_each_request_without_what_was_asked_for(tmp_path: Path) -> None:
    with running(tmp_path) as program:
        headers = {"X-Request-ID": "number-1", "Authorization": "Bearer none", "X-Correlation-ID": "999900006"}
        httpx.get(f"{program.url}/fhir/r4/Patient/999900006?name=Zonnestraal", headers=headers)
        httpx.get(f"{program.url}/login", headers={"X-Request-ID": "999900006"})
    lines = []
    for line in program.log.read_text().splitlines():
        with contextlib.suppress(ValueError):
            lines.append(json.loads(line))
    (told_of,) = [line for line in lines if line.get("request_id") == "number-1"]
    assert told_of.pop("duration_ms") > 0
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT[\d:.]+Z", told_of.pop("timestamp"))
    assert told_of == {
        "request_id": "number-1",
        "method": "GET",
        "route": "/fhir/r4/{type}/{id}",
        "status": 401,
        "event": "request answered",
        "level": "info",
    }
    assert [line["status"] for line in lines if line.get("route") == "/login"] == [200]
    assert "999900006" not in program.log.read_text()
    assert "Zonnestraal" not in program.log.read_text()
