"""The server is told to stop while it is at work: what it began is finished, what was answered is there, nothing else is."""

import asyncio
import contextlib
import os
import random
import signal
import socket
import subprocess
import time
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import msgspec
import pytest

from app.fhir.release import Release
from app.serving import DEATHS_MAX
from tests.benchmarks.server import processor_time
from tests.support.campaign_http import Person, Server, Unanswered, new_people
from tests.support.ports import free_port
from tests.support.process_tree import is_running
from tests.support.processes import served, started_by, wait_for_another
from tests.support.running import Program
from tests.support.waiting import until

CLIENTS = 8


@contextlib.asynccontextmanager
async def loaded(program: Program) -> AsyncIterator[tuple[Server, Person]]:
    limits = httpx.Limits(max_connections=CLIENTS * 2)
    async with httpx.AsyncClient(timeout=30, limits=limits) as http:
        server = Server(program.url, http, shows_503=True)
        (person,) = await new_people(program, server, 1)
        yield server, person


def observation(person: Person, mark: str) -> bytes:
    subject = {"reference": f"Patient/{person.patients[Release.R4]}"}
    return msgspec.json.encode(
        {
            "resourceType": "Observation",
            "identifier": [{"value": mark}],
            "status": "final",
            "code": {"coding": [{"system": "http://loinc.org", "code": "29463-7"}]},
            "subject": subject,
        }
    )


async def create_until_gone(server: Server, person: Person, name: str) -> list[str]:
    """Create one measurement after the other, and return the marks of those that were answered."""
    answered: list[str] = []
    for number in range(100_000):
        mark = f"{name}-{number}"
        try:
            answer = await server.send(person, Release.R4, "POST", "Observation", observation(person, mark))
        except Unanswered:
            break
        assert answer.status_code == 201, answer.text
        answered.append(mark)
    return answered


async def marks(server: Server, person: Person) -> list[str]:
    """Return the marks of all measurements that are there."""
    path, found = "Observation?_elements=identifier&_count=1000", []
    while path:
        page = (await server.send(person, Release.R4, "GET", path)).json()
        found += [entry["resource"]["identifier"][0]["value"] for entry in page.get("entry", ())]
        following = next((link["url"] for link in page["link"] if link["relation"] == "next"), "")
        path = following.partition("/fhir/r4/")[2]
    return found


@pytest.mark.parametrize("environment", [{}, {"REGIE_WORKERS": "2"}, {"REGIE_STOP_NOTICE": "PT0.5S"}], ids=str)
async def test_who_stops_under_load_has_done_what_it_answered_and_nothing_else(
    tmp_path: Path, environment: dict[str, str]
) -> None:
    program = Program(tmp_path, free_port(), environment)
    with served(program) as process:
        async with loaded(program) as (server, person):
            clients = [asyncio.create_task(create_until_gone(server, person, f"c{one}")) for one in range(CLIENTS)]
            await asyncio.sleep(random.uniform(0.5, 1.5))
            process.terminate()
            assert await asyncio.to_thread(process.wait, 60) == 0
            answered = [mark for each in await asyncio.gather(*clients) for mark in each]
    assert answered
    with served(program):
        async with loaded(program) as (server, _):
            found = await marks(server, person)
    assert sorted(found) == sorted(answered)


@pytest.mark.parametrize("notice", ["PT0S", "PT1S"])
def test_a_signal_to_all_its_processes_ends_them_and_starts_none_anew(tmp_path: Path, notice: str) -> None:
    program = Program(tmp_path, free_port(), {"REGIE_WORKERS": "2", "REGIE_STOP_NOTICE": notice})
    with served(program) as process:
        workers = started_by(process)
        os.killpg(process.pid, signal.SIGINT)

        def has_ended() -> bool:
            assert set(started_by(process)) <= set(workers)
            return process.poll() is not None

        until(has_ended, "It goes on.")
        assert process.poll() == 0


def begun(program: Program, body: bytes, token: str) -> socket.socket:
    """Return a connection on which a create was begun: the server is at it, and waits for the body."""
    connection = socket.create_connection(("127.0.0.1", program.port), timeout=30)
    head = [
        "POST /fhir/r4/Observation HTTP/1.1",
        "Host: 127.0.0.1",
        f"Authorization: Bearer {token}",
        "Content-Type: application/fhir+json",
        f"Content-Length: {len(body)}",
        "Expect: 100-continue",
    ]
    connection.sendall("\r\n".join([*head, "", ""]).encode())
    assert connection.recv(65536).startswith(b"HTTP/1.1 100 ")
    connection.sendall(body[:10])
    return connection


async def wait_until_nobody_is_let_in(program: Program) -> None:
    """Return when the server takes no connection any more."""
    async with asyncio.timeout(60):
        with contextlib.suppress(ConnectionError):
            while True:
                socket.create_connection(("127.0.0.1", program.port), timeout=60).close()
                await asyncio.sleep(0.02)


async def test_a_request_in_flight_is_answered_after_the_signal(tmp_path: Path) -> None:
    program = Program(tmp_path, free_port())
    with served(program) as process:
        async with loaded(program) as (_, person):
            body = observation(person, "late")
            with begun(program, body, person.token) as connection:
                process.terminate()
                await wait_until_nobody_is_let_in(program)
                connection.sendall(body[10:])
                assert connection.recv(65536).startswith(b"HTTP/1.1 201 ")
            assert await asyncio.to_thread(process.wait, 60) == 0


async def test_who_is_not_done_in_time_is_cut_off(tmp_path: Path) -> None:
    program = Program(tmp_path, free_port(), {"REGIE_STOP_WITHIN": "PT1S"})
    with served(program) as process:
        async with loaded(program) as (_, person):
            with begun(program, observation(person, "never"), person.token):
                process.terminate()
                assert await asyncio.to_thread(process.wait, 60) == 0


async def test_a_second_signal_ends_it_at_once(tmp_path: Path) -> None:
    program = Program(tmp_path, free_port(), {"REGIE_STOP_WITHIN": "PT1M"})
    with served(program) as process:
        async with loaded(program) as (_, person):
            with begun(program, observation(person, "never"), person.token):
                process.terminate()
                with pytest.raises(subprocess.TimeoutExpired):
                    await asyncio.to_thread(process.wait, 1)
                process.send_signal(signal.SIGINT)
                assert await asyncio.to_thread(process.wait, 60) == 1
    assert "Stopped at once" in program.log.read_text()


def test_it_says_that_it_stops_while_everybody_is_still_answered(tmp_path: Path) -> None:
    program = Program(tmp_path, free_port(), {"REGIE_STOP_NOTICE": "PT1M"})
    with served(program) as process, httpx.Client(base_url=program.url) as http:
        assert http.get("/health/ready").text == "ok\n"
        assert http.get("/fhir/r4/metadata").headers.get("connection") != "close"
        process.terminate()
        until(lambda: not http.get("/health/ready").is_success, "It does not say that it stops.")
        told = http.get("/health/ready")
        assert (told.status_code, told.text) == (503, "server: is stopping\n")
        answer = http.get("/fhir/r4/metadata")
        assert answer.status_code == 200
        assert answer.headers["connection"] == "close"
        assert http.get("/health/live").status_code == 200
        process.send_signal(signal.SIGINT)  # the second ends it: that the notice ends by itself is seen above
        assert process.wait(60) == 1


@pytest.mark.parametrize("loading_s", [0.0, 0.1])
def test_a_server_that_is_told_to_stop_while_it_starts_does_so_at_once(tmp_path: Path, loading_s: float) -> None:
    program = Program(tmp_path, free_port(), {"REGIE_WORKERS": "2", "REGIE_STOP_WITHIN": "PT5M"}, loads_itself=True)
    program.run("migrate")
    process, ends = program.spawn(), time.monotonic() + 60
    try:
        while sum(processor_time(pid) >= loading_s for pid in started_by(process)) < 2:
            assert time.monotonic() < ends
            time.sleep(0.002)  # nothing tells of it, and it is soon over: shorter than others wait
        process.terminate()
        assert process.wait(60) == 0
    finally:
        process.kill()
        process.wait()


def test_a_server_that_is_killed_leaves_no_process_on_its_port(tmp_path: Path) -> None:
    program = Program(tmp_path, free_port(), {"REGIE_WORKERS": "2"})
    with served(program) as process:
        workers = started_by(process)
        process.kill()
        process.wait(60)
        until(lambda: not any(map(is_running, workers)), "A process is left.")


def test_a_process_that_dies_just_after_it_took_the_place_of_another_is_replaced_too(tmp_path: Path) -> None:
    program = Program(tmp_path, free_port(), {"REGIE_WORKERS": "1"})
    with served(program) as process:
        for _ in range(3):
            (worker,) = started_by(process)
            os.kill(worker, signal.SIGKILL)
            wait_for_another(process, worker, 1)
        program.wait_until_ready(process)


def test_a_server_whose_processes_die_again_and_again_ends_and_says_so(tmp_path: Path) -> None:
    program = Program(tmp_path, free_port(), {"REGIE_WORKERS": "1"})
    with served(program) as process:
        for _ in range(DEATHS_MAX + 2):
            (worker,) = started_by(process)
            os.kill(worker, signal.SIGKILL)
            with contextlib.suppress(TimeoutError):
                wait_for_another(process, worker, 1)
            if process.poll() is not None:
                break
        assert process.wait(60) == 1
    assert "die again and again" in program.log.read_text()
