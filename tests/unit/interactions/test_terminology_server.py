"""The other server that is asked about codes: what it is sent, how long its answers count, and what it can't do to us."""

import asyncio
import gzip
import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from app.db.sqlite import run_now
from app.fhir.release import Release
from app.interactions import terminology_server
from app.interactions.terminology_server import (
    ANSWER_BYTES_MAX,
    KEPT_SECONDS,
    PAUSE_SECONDS,
    Question,
    TerminologyServer,
    asked_first,
    belongs,
    result,
)

R4 = Release.R4
YES: dict[str, Any] = {"resourceType": "Parameters", "parameter": [{"name": "result", "valueBoolean": True}]}
NO: dict[str, Any] = {"resourceType": "Parameters", "parameter": [{"name": "result", "valueBoolean": False}]}
QUESTION = belongs(R4, "http://example.org/vs", "http://example.org/system", "a")
Answer = Callable[[httpx.Request], httpx.Response]


class Clock:
    """Seconds that pass when they are told to."""

    now = 1000.0

    def __call__(self) -> float:
        """Return the present."""
        return self.now


class Other:
    """The other server; ``asked`` are the requests that came to it."""

    def __init__(self, answer: Answer | None = None) -> None:
        self.asked: list[httpx.Request] = []
        self.answer: Answer = answer or (lambda _: httpx.Response(200, json=YES))
        self.clock = Clock()
        transport = httpx.MockTransport(self._answer)
        self.server = TerminologyServer("https://other.example/{release}/", transport, self.clock)

    def _answer(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        return self.answer(request)


async def test_it_is_sent_urls_and_codes_and_nothing_of_anybody() -> None:
    other = Other()
    assert result(await other.server.ask(QUESTION)) is True
    (request,) = other.asked
    assert request.url.path == "/r4/ValueSet/$validate-code"
    assert dict(request.url.params) == {
        "url": "http://example.org/vs",
        "system": "http://example.org/system",
        "code": "a",
    }
    assert set(request.headers) <= {"host", "accept", "accept-encoding", "connection", "user-agent"}
    assert request.content == b""


async def test_an_answer_counts_for_a_while() -> None:
    other = Other()
    for _ in range(3):
        await other.server.ask(QUESTION)
    assert len(other.asked) == 1
    other.clock.now += KEPT_SECONDS + 1
    other.answer = lambda _: httpx.Response(200, json=NO)
    assert result(await other.server.ask(QUESTION)) is False
    assert len(other.asked) == 2


async def test_what_it_does_not_know_is_an_answer_too() -> None:
    other = Other(lambda _: httpx.Response(404, json={"resourceType": "OperationOutcome"}))
    assert await other.server.ask_all([QUESTION])
    assert await other.server.ask(QUESTION) is None
    assert len(other.asked) == 1


def test_nobody_is_asked_from_within_a_transaction() -> None:
    other = Other()
    assert run_now(other.server.ask(QUESTION)) is None
    assert not run_now(other.server.ask_all([QUESTION]))
    assert other.asked == []


@pytest.mark.parametrize(
    "why",
    [
        {"name": "x-caused-by-unknown-system", "valueCanonical": "http://example.org/system"},
        {
            "name": "issues",
            "resource": {"resourceType": "OperationOutcome", "issue": [{"severity": "error", "code": "not-found"}]},
        },
    ],
)
async def test_not_valid_because_not_known_is_no_verdict(why: dict[str, Any]) -> None:
    other = Other(lambda _: httpx.Response(200, json={**NO, "parameter": [*NO["parameter"], why]}))
    assert result(await other.server.ask(QUESTION)) is None
    assert len(other.asked) == 1


async def test_a_citizen_number_that_stands_as_a_code_stays_here() -> None:
    other = Other()
    bsn = belongs(R4, "http://example.org/vs", "http://fhir.nl/fhir/NamingSystem/bsn", "999900006")
    assert await other.server.ask(bsn) is None
    assert other.asked == []


def broken(_: httpx.Request) -> httpx.Response:
    message = "nobody there"
    raise httpx.ConnectError(message)


def endless(_: httpx.Request) -> httpx.Response:
    return httpx.Response(200, content=b" " * (ANSWER_BYTES_MAX + 1))


@pytest.mark.parametrize(
    "answer",
    [
        broken,
        endless,
        lambda _: httpx.Response(500),
        lambda _: httpx.Response(429),
        lambda _: httpx.Response(302, headers={"Location": "https://elsewhere.example/"}),
        lambda _: httpx.Response(200, content=gzip.compress(b"{}"), headers={"Content-Encoding": "gzip"}),
        lambda _: httpx.Response(200, content=b"<html>"),
        lambda _: httpx.Response(200, json={"resourceType": "Patient"}),
        lambda _: httpx.Response(200, json={**YES, "invented": 1}),
    ],
)
async def test_a_server_that_fails_is_left_alone_for_a_minute(answer: Answer) -> None:
    other = Other(answer)
    assert not await other.server.ask_all([QUESTION])
    assert len(other.asked) == 1
    other.answer = lambda _: httpx.Response(200, json=YES)
    assert await other.server.ask(QUESTION) is None
    assert len(other.asked) == 1
    other.clock.now += PAUSE_SECONDS + 1
    assert result(await other.server.ask(QUESTION)) is True


async def test_a_server_that_is_slow_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    async def never(_: httpx.Request) -> httpx.Response:
        await asyncio.Event().wait()
        return httpx.Response(200, json=YES)

    monkeypatch.setattr(terminology_server, "TIMEOUT_SECONDS", 0.01)
    assert await TerminologyServer("https://other.example", httpx.MockTransport(never)).ask(QUESTION) is None


async def test_answers_take_a_bounded_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(terminology_server, "KEPT_BYTES_MAX", 3 * len(json.dumps(YES)))
    other = Other()
    questions = [belongs(R4, "http://example.org/vs", "http://example.org/system", str(code)) for code in range(10)]
    for one in questions:
        await other.server.ask(one)
    for one in reversed(questions):
        await other.server.ask(one)
    assert 10 + 6 <= len(other.asked) <= 10 + 7


async def test_an_expansion_has_to_be_a_value_set() -> None:
    expansion: dict[str, Any] = {"resourceType": "ValueSet", "status": "active"}
    other = Other(lambda _: httpx.Response(200, json=expansion))
    question = Question(R4, "ValueSet/$expand", (("url", "http://example.org/vs"),))
    assert await other.server.ask(question) == expansion
    other = Other(lambda _: httpx.Response(200, json=YES))
    assert await other.server.ask(question) is None


async def test_a_check_is_done_again_with_what_it_lacked() -> None:
    other = Other()

    def check() -> bool | None:
        return other.server.verdict(R4, "http://example.org/vs|1|package#2", "http://example.org/system", "a")

    assert check() is None
    assert other.asked == []
    assert await asked_first(other.server, check) == (True, True)
    assert other.asked[0].url.params["url"] == "http://example.org/vs|1"
    assert check() is True
    assert await asked_first(None, lambda: 1) == (1, True)
