"""Logs: JSON lines on stderr, one event in fixed words with plain fields, and nothing about a person.

``structlog.get_logger()`` is what modules use; what the standard library's loggers say goes the same way. Two rules keep
personal data out, whoever writes the line: a field whose name says that it holds such data is hidden, and inside every
other text the things that can be recognised are cut out. An exception leaves its class and its places, never its message:
a driver's message repeats what it was given. The audit log is data of the person, not a log, and not here.
"""

import logging
import re
import sys
import traceback
from collections.abc import Iterator, MutableMapping
from datetime import date, timedelta
from enum import Enum
from functools import lru_cache
from pathlib import PurePath
from types import TracebackType
from typing import Any
from uuid import UUID

import structlog

HIDDEN = "[hidden]"
"""What stands in the place of something that is not logged."""

ExceptionInfo = tuple[type[BaseException], BaseException, TracebackType | None]

_HIDDEN_FIELDS = re.compile(
    r"name|family|given|birth|address|phone|mail|login|user|patient|person|subject|bsn|identifier"
    r"|password|secret|token|credential|authorization|cookie|assertion|verifier|\bcode\b|\bkey\b"
    r"|query|search|param|body|resource\b|content\b|text|value",
    re.IGNORECASE,
)
# Fields whose names the expression above would hide, though they say nothing about a person.
_SHOWN_FIELDS = frozenset({"event_name", "parameter_count", "body_bytes", "content_type", "status_code", "error_code"})

_BEARER = re.compile(r"\b(Bearer|Basic|DPoP)\s+\S+", re.IGNORECASE)
_QUERY = re.compile(r"\?[^\s?\"'<>]+")
_ASSIGNMENT = re.compile(
    r"\b([\w-]*(?:token|code|secret|password|assertion|verifier|bsn))(\"?\s*[=:]\s*\"?)[^\s&,\"]+", re.IGNORECASE
)
_MAIL = re.compile(r"[^\s@<>\"']+@[^\s@<>\"']+\.\w+")
_NINE_DIGITS = re.compile(r"(?<!\d)\d{9}(?!\d)")
# A random secret mixes both cases and nearly always digits; ids of Regie, UUIDs and class names do not, or are shorter.
_MIXED = r"(?<![\w~+-])(?=[\w~+-]*[A-Z])"
_RANDOM = re.compile(_MIXED + r"(?=[\w~+-]*[a-z])(?:(?=[\w~+-]*\d)[\w~+-]{24,}|[\w~+-]{32,})(?:\.[\w~+-]+)*=*")
# Whatever one of the above changes has one of these; most texts have none, and are done.
_SUSPECT = re.compile(r"[?@=:]|\d{9}|[Bb]earer|[Bb]asic|DP[Oo][Pp]|" + _MIXED + r"[\w~+-]{24,}")

_TEXT_LIMIT = 2000
_FRAMES = 12


def configure_logs(level: str = "info", stream: Any = None) -> None:
    """Write log lines of ``level`` and above to stderr, from structlog and from the standard library alike.

    ``stream`` is for a process that writes its log somewhere else. Calling this again replaces what was set before.
    Raises: ValueError, if ``level`` is not debug, info, warning, error or critical.
    """
    names = logging.getLevelNamesMapping()
    if level.upper() not in names:
        raise ValueError(f"{level!r} is not a log level.")
    number, stream = names[level.upper()], stream or sys.stderr

    before: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        redact,
    ]
    after: list[structlog.typing.Processor] = [
        structlog.processors.ExceptionRenderer(places),
        structlog.processors.JSONRenderer(ensure_ascii=False),
    ]
    structlog.configure(
        processors=[*before, *after],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.WriteLoggerFactory(stream),
    )
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=before, processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *after]
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(number)
    # These write a line for each request, with its URL: the audit log knows better. Of a font they tell the letters of a text.
    for name in ("httpx", "httpcore", "uvicorn.access", "granian.access", "fontTools", "fpdf"):
        logging.getLogger(name).setLevel(logging.WARNING)


def redact(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Return the log event without anything that may tell about a person; a structlog processor."""
    for field, value in event.items():
        if field in {"exc_info", "_record", "_from_structlog", "level", "timestamp"}:
            continue
        if _is_hidden(field):
            event[field] = HIDDEN
        else:
            event[field] = _plain(value)
    return event


def scrub(text: str) -> str:
    """Return ``text``, cut at 2000 characters, without tokens, query strings, mail addresses and citizen numbers (BSN)."""
    text = text[:_TEXT_LIMIT]
    if not _SUSPECT.search(text):
        return text
    text = _BEARER.sub(rf"\1 {HIDDEN}", text)
    text = _QUERY.sub(f"?{HIDDEN}", text)
    text = _ASSIGNMENT.sub(rf"\1\2{HIDDEN}", text)
    text = _MAIL.sub(HIDDEN, text)
    text = _NINE_DIGITS.sub(lambda found: HIDDEN if _is_citizen_number(found[0]) else found[0], text)
    return _RANDOM.sub(HIDDEN, text)


def places(exc_info: ExceptionInfo) -> list[dict[str, Any]]:
    """Return the exception and its causes, last first: class and code places, never the message."""
    return [
        {
            "class": f"{type(each).__module__}.{type(each).__qualname__}",
            "at": [f"{_short(frame.filename)}:{frame.lineno} {frame.name}" for frame in _frames(each)],
        }
        for each in _chain(exc_info[1])
    ]


@lru_cache(maxsize=1024)
def _is_hidden(field: str) -> bool:
    return field not in _SHOWN_FIELDS and _HIDDEN_FIELDS.search(field) is not None


def _frames(error: BaseException) -> list[traceback.FrameSummary]:
    return list(traceback.extract_tb(error.__traceback__))[-_FRAMES:]


def _chain(error: BaseException) -> Iterator[BaseException]:
    seen: set[int] = set()
    following: BaseException | None = error
    while following is not None and id(following) not in seen:
        seen.add(id(following))
        yield following
        following = following.__cause__ or (None if following.__suppress_context__ else following.__context__)


def _short(filename: str) -> str:
    """Return the path below the project or below site-packages: where it is installed is nobody's business."""
    parts = PurePath(filename).parts
    for landmark in ("site-packages", "app", "migrations"):
        if landmark in parts:
            start = parts.index(landmark) + (landmark == "site-packages")
            return "/".join(parts[start:])
    return parts[-1]


def _plain(value: Any) -> Any:
    """Return a value that JSON can hold; anything with a structure of its own may be a resource, so it is hidden."""
    if value is None or isinstance(value, bool | float):
        return value
    if isinstance(value, Enum):
        return value.name.lower()
    if isinstance(value, int):
        return HIDDEN if _is_citizen_number(str(value)) else value
    if isinstance(value, str):
        return scrub(value)
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, date | UUID | PurePath):
        return scrub(str(value))
    if isinstance(value, list | tuple | set | frozenset) and all(isinstance(each, str | int) for each in value):
        return [_plain(each) for each in value]
    return HIDDEN


def _is_citizen_number(digits: str) -> bool:
    """Tell whether this is a BSN: nine digits that pass the 11-test."""
    if len(digits) != 9 or not digits.isdigit():
        return False
    weights = (9, 8, 7, 6, 5, 4, 3, 2, -1)
    return sum(weight * int(digit) for weight, digit in zip(weights, digits, strict=True)) % 11 == 0
