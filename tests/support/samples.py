"""Requests and answers as a page shows them: read from the page, sent, and compared.

A block marked ``http`` that begins with a method is a request, one that begins with ``HTTP/1.1`` the answer to the request
before it. An answer on a page may leave out headers and members; what it shows has to be there. An answer in XML is shown whole, white
space between its elements aside. ``…`` stands for anything,
at the end of a list for more of them, and ``{name}`` for a value: known beforehand, or the one that the answer has there,
which later samples on the page can name.
"""

import json
import re
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx

from app.fhir.release import Release
from tests.support.world import World

BLOCK = re.compile(r"^```http\n(.*?)^```$", re.DOTALL | re.MULTILINE)
NAME = re.compile(r"\{([a-z_]+)\}")
ANYTHING = "…"
PLACEHOLDER = re.compile(rf"(\{{[a-z_]+\}}|{ANYTHING})")


@dataclass(frozen=True)
class Message:
    """A request or an answer: its first line, its headers in lower case, and its body as text."""

    first: str
    headers: dict[str, str]
    body: str

    @property
    def is_answer(self) -> bool:
        """Whether this is an answer."""
        return self.first.startswith("HTTP/1.1 ")


def messages(page: Path) -> list[Message]:
    """Return the samples of a page, in order."""
    found = []
    for block in BLOCK.findall(page.read_text(encoding="utf-8")):
        head, _, body = block.partition("\n\n")
        first, *lines = head.strip().splitlines()
        headers = dict(line.split(": ", 1) for line in lines)
        found.append(Message(first, {name.lower(): value for name, value in headers.items()}, body.strip()))
    return found


@dataclass
class Samples:
    """Sends the samples of one page to a world; ``names`` are the values that are known."""

    world: World
    names: dict[str, str] = field(default_factory=dict)
    answer: httpx.Response | None = None

    def __post_init__(self) -> None:
        """Name what every page may use: tokens, and things of the person."""
        person = self.world.zonnestraal
        tokens = {"person": "zonnestraal", "app": "app of zonnestraal", "practice": "granted", "operator": "operator"}
        self.names |= {name: self.world.made.tokens[token] for name, token in tokens.items()}
        self.names |= {"other_patient": person.patients[Release.STU3]}
        practices = self.world.made.practices
        self.names |= {"practice_id": practices["no grant"], "seeing_practice": practices["granted"]}
        self.names |= {"access_code": self.world.made.codes["zonnestraal"]}
        self.names |= {"soon": (self.world.parts.clock() + timedelta(days=90)).date().isoformat()}
        self.names |= {"patient": person.patient().partition("/")[2], "withdrawn": self.world.made.tokens["withdrawn"]}
        self.names |= {thing: person.url(thing).rpartition("/")[2] for thing in ("weight", "condition", "goal")}

    async def run(self, message: Message) -> None:
        """Send a request, or compare the last answer with the one shown."""
        if message.is_answer:
            self.compare(message)
        else:
            await self.send(message)

    async def send(self, message: Message) -> None:
        """Send a request; a sample without Authorization is the person's."""
        method, url = self.filled(message.first).split(" ", 1)
        headers = {name: self.filled(value) for name, value in message.headers.items()}
        headers.setdefault("authorization", f"Bearer {self.names['person']}")
        if message.body:
            headers.setdefault("content-type", "application/fhir+json")
        body = self.filled(message.body).encode() if message.body else None
        self.answer = await self.world.http.request(method, url, headers=headers, content=body)

    def compare(self, shown: Message) -> None:
        """Compare the last answer with the one that the page shows. Raises: AssertionError, with both."""
        assert self.answer is not None, "The page begins with an answer."
        answer = self.answer
        status = f"HTTP/1.1 {answer.status_code} {answer.reason_phrase}"
        assert shown.first == status, f"The page says {shown.first}, it is {status}: {answer.text}"
        for name, value in shown.headers.items():
            self.agree(value, answer.headers.get(name), name)
        if shown.body.startswith("<"):
            text = re.sub(r">\s+<", "><", shown.body.strip())
            self.agree_text(text, answer.text, f"The page shows {text}, the answer is {answer.text}.")
        elif shown.body:
            self.agree(json.loads(shown.body), answer.json(), "body")

    def agree(self, shown: Any, found: Any, place: str) -> None:
        """Compare one value, and all that is in it."""
        told = f"At {place} the page shows {shown!r}, it is {found!r}."
        if isinstance(shown, dict):
            assert isinstance(found, dict), told
            for name, value in shown.items():
                assert name in found, f"{told} {name} is not there."
                self.agree(value, found[name], f"{place}.{name}")
        elif isinstance(shown, list):
            assert isinstance(found, list), told
            wanted = shown[:-1] if shown[-1:] == [ANYTHING] else shown
            assert len(found) == len(shown) or (wanted != shown and len(found) >= len(wanted)), told
            for number, value in enumerate(wanted):
                self.agree(value, found[number], f"{place}[{number}]")
        elif isinstance(shown, str):
            assert isinstance(found, str), told
            self.agree_text(shown, found, told)
        else:
            assert shown == found, told

    def agree_text(self, shown: str, found: str, told: str) -> None:
        """Compare a text, and learn the names in it."""
        pattern, learnt = "", []
        for part in PLACEHOLDER.split(shown):
            named = NAME.fullmatch(part)
            if part == ANYTHING:
                pattern += ".*"
            elif named is None:
                pattern += re.escape(part)
            elif named[1] in self.names:
                pattern += re.escape(self.names[named[1]])
            else:
                learnt.append(named[1])
                pattern += "(.+)" if part == shown else r"([^/?&\s]+)"
        matched = re.fullmatch(pattern, found, re.DOTALL)
        assert matched is not None, told
        self.names |= dict(zip(learnt, matched.groups(), strict=True))

    def filled(self, text: str) -> str:
        """Return a text with the values of the names in it."""
        return NAME.sub(lambda found: self.names[found[1]], text)
