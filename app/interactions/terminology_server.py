"""Another server, asked about codes of systems that are not at hand here.

It is sent canonical URLs and codes, and nothing of anybody: no display, no text, no token. It is never asked inside a
transaction: a check there goes by what was answered before. What it can't or won't say is not known, which refuses nothing.

Answers are kept for a while, so that the same code is asked about once; a server that fails is left alone for a minute.

Spec: https://hl7.org/fhir/R4/terminology-service.html, https://hl7.org/fhir/STU3/terminology-service.html
"""

import asyncio
import ssl
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, TypeVar

import httpx
import structlog

from app.errors import InvalidResourceError
from app.fhir.release import Release
from app.fhir.validation.structure import parse
from app.interactions.beside import beside, can_wait

ANSWER_BYTES_MAX = 4 * 1024 * 1024
KEPT_BYTES_MAX = 32 * 1024 * 1024
KEPT_MAX = 10_000
KEPT_SECONDS = 3600.0
PAUSE_SECONDS = 60.0
TIMEOUT_SECONDS = 5.0
QUESTIONS_MAX = 20
"""Codes of one resource that are asked about, all at once."""
_TEXT_MAX = 1000
_OF_PEOPLE = frozenset({"http://fhir.nl/fhir/NamingSystem/bsn", "urn:oid:2.16.840.1.113883.2.4.6.3"})
"""The system of citizen numbers (BSN) under its two names: should one stand as a code somewhere, it stays here."""
_log = structlog.get_logger()

Tree = dict[str, Any]
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Question:
    """An operation, such as ``ValueSet/$validate-code``, with its parameters."""

    release: Release
    operation: str
    parameters: tuple[tuple[str, str], ...]


def belongs(release: Release, value_set: str, system: str, code: str) -> Question:
    """Return the question whether a code belongs to a value set."""
    return Question(release, "ValueSet/$validate-code", (("url", value_set), ("system", system), ("code", code)))


def result(answer: Tree | None) -> bool | None:
    """Return the verdict in the answer to a ``$validate-code``; None if there is none.

    Of a code whose system a server does not have some say that it is not valid, and beside it that it isn't known.
    """
    found = (answer or {}).get("parameter", ())
    verdict: bool | None = next((one.get("valueBoolean") for one in found if one.get("name") == "result"), None)
    return None if verdict is False and any(map(_says_unknown, found)) else verdict


def _says_unknown(part: Tree) -> bool:
    issues = part.get("resource", {}).get("issue", ())
    return "unknown-system" in str(part.get("name")) or any(issue.get("code") == "not-found" for issue in issues)


class _UnansweredError(Exception):
    """The server could not be reached, or what it said is no answer."""


_wanted: ContextVar[set[Question] | None] = ContextVar("wanted", default=None)


class TerminologyServer:
    """The server at ``url``, in which ``{release}`` stands for ``stu3`` or ``r4``; it is told ``trace_headers``."""

    def __init__(
        self,
        url: str,
        transport: httpx.AsyncBaseTransport | None = None,
        monotonic: Callable[[], float] = time.monotonic,
        trace_headers: Callable[[], dict[str, str]] = dict,
    ) -> None:
        self._trace_headers = trace_headers
        self._url = url.rstrip("/")
        self._transport = transport
        self._tls = ssl.create_default_context()
        self._monotonic = monotonic
        self._kept: OrderedDict[Question, tuple[float, int, Tree | None]] = OrderedDict()
        self._kept_bytes = 0
        self._lock = threading.Lock()
        self._pause_until = 0.0

    def verdict(self, release: Release, value_set: str, system: str, code: str) -> bool | None:
        """Return what was answered before; None if it wasn't asked, which ``asking`` notes, or isn't known there."""
        question = belongs(release, "|".join(value_set.split("|")[:2]), system, code)
        is_kept, answer = self._earlier(question)
        wanted = _wanted.get()
        if not is_kept and wanted is not None and len(wanted) < QUESTIONS_MAX:
            wanted.add(question)
        return result(answer)

    @contextmanager
    def asking(self) -> Iterator[set[Question]]:
        """Yield the set in which ``verdict`` notes what it does not know, for ``ask_all``."""
        wanted: set[Question] = set()
        token = _wanted.set(wanted)
        try:
            yield wanted
        finally:
            _wanted.reset(token)

    async def ask_all(self, questions: Iterable[Question]) -> bool:
        """Ask, and keep the answers; return whether all were answered."""
        if can_wait():
            await asyncio.gather(*(self.ask(one) for one in questions))
        return all(self._earlier(one)[0] for one in questions)

    async def ask(self, question: Question) -> Tree | None:
        """Return the answer, which is a valid resource; None if it isn't known there, or there was no answer.

        Nobody is asked from within a transaction: others would have to wait for it.
        """
        is_kept, answer = self._earlier(question)
        if is_kept or self._monotonic() < self._pause_until or not can_wait():
            return answer
        if any(len(value) > _TEXT_MAX or value in _OF_PEOPLE for _, value in question.parameters):
            return None
        try:
            body = await self._get(question)
            answer = None if body is None else await asyncio.to_thread(_read, question, body)
        except (_UnansweredError, httpx.HTTPError, TimeoutError) as error:
            self._pause_until = self._monotonic() + PAUSE_SECONDS
            _log.warning("terminology server failed", reason=type(error).__name__)
            return None
        self._keep(question, answer, 0 if body is None else len(body))
        return answer

    async def _get(self, question: Question) -> bytes | None:
        """Return the body of the answer; None if the server does not know. Raises: _UnansweredError, httpx.HTTPError, TimeoutError."""
        url = f"{self._url.replace('{release}', question.release.path)}/{question.operation}"
        headers = {"Accept": "application/fhir+json", "Accept-Encoding": "identity", **self._trace_headers()}
        async with (
            asyncio.timeout(TIMEOUT_SECONDS),
            httpx.AsyncClient(
                transport=self._transport, verify=self._tls, timeout=TIMEOUT_SECONDS, trust_env=False
            ) as client,
            client.stream("GET", url, params=question.parameters, headers=headers, follow_redirects=False) as answer,
        ):
            if 400 <= answer.status_code < 500 and answer.status_code not in (401, 403, 408, 429):
                return None
            if answer.status_code != 200 or "content-encoding" in answer.headers:
                raise _UnansweredError
            body = b""
            async for chunk in answer.aiter_bytes():
                body += chunk
                if len(body) > ANSWER_BYTES_MAX:
                    raise _UnansweredError
            return body

    def _earlier(self, question: Question) -> tuple[bool, Tree | None]:
        """Return whether an answer is kept, and it."""
        with self._lock:
            found = self._kept.get(question)
            if found is None or found[0] < self._monotonic():
                return False, None
            self._kept.move_to_end(question)
            return True, found[2]

    def _keep(self, question: Question, answer: Tree | None, size_bytes: int) -> None:
        with self._lock:
            self._kept_bytes -= self._kept.pop(question, (0.0, 0, None))[1]
            self._kept[question] = (self._monotonic() + KEPT_SECONDS, size_bytes, answer)
            self._kept_bytes += size_bytes
            while len(self._kept) > KEPT_MAX or self._kept_bytes > KEPT_BYTES_MAX:
                self._kept_bytes -= self._kept.popitem(last=False)[1][1]


def _read(question: Question, body: bytes) -> Tree:
    """Return an answer. Raises: _UnansweredError, for what is no valid resource."""
    is_value_set = question.operation.endswith("$expand")
    if is_value_set:  # no resource that is served by itself
        body = b'{"resourceType":"Parameters","parameter":[{"name":"return","resource":' + body + b"}]}"
    try:
        tree = parse(question.release, body, expected_type="Parameters").tree
    except InvalidResourceError as error:
        raise _UnansweredError from error
    found = tree["parameter"][0]["resource"] if is_value_set else tree
    if not isinstance(found, dict) or (is_value_set and found.get("resourceType") != "ValueSet"):
        raise _UnansweredError
    return found


async def asked_first(server: TerminologyServer | None, check: Callable[[], T]) -> tuple[T, bool]:
    """Return what a check finds once the server was asked what it lacked, and whether all of that was answered."""
    if server is None:
        return await beside(check), True
    with server.asking() as wanted:
        found = await beside(check)
    if not wanted:
        return found, True
    is_answered = await server.ask_all(wanted)
    return await beside(check), is_answered
