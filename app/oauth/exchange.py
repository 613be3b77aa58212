"""A request to, and an answer of, the authorization server, apart from any web framework.

Authlib's core asks for its own request type; the FastAPI routes and the consent page make it from what they got.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from authlib.oauth2.rfc6749 import OAuth2Payload, OAuth2Request

from app.audit.events import Trace

Pairs = Sequence[tuple[str, str]]


class Payload(OAuth2Payload):
    """The parameters of a request; of one that is repeated all values, the first one counting."""

    def __init__(self, pairs: Pairs) -> None:
        self._lists: dict[str, list[str]] = {}
        for name, value in pairs:
            self._lists.setdefault(name, []).append(value)
        # A parameter without a value is treated as if it were left out (RFC 6749 section 3.1).
        self._first = {name: values[0] for name, values in self._lists.items() if values[0]}

    @property
    def data(self) -> dict[str, str]:
        """Return the first value of each parameter."""
        return self._first

    @property
    def datalist(self) -> dict[str, list[str]]:
        """Return all values of each parameter."""
        return self._lists


class Submitted(OAuth2Request):
    """What came in, as Authlib takes it; ``trace`` goes along to the audit log.

    ``pushed`` is the hash of the request_uri of an authorization request that was pushed, empty while it is being pushed.
    ``binding`` is what the tokens that it asks for are to be bound to.
    """

    def __init__(
        self, method: str, uri: str, pairs: Pairs, trace: Trace, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(method, uri, headers=headers)
        self.payload = Payload(pairs)
        self.trace = trace
        self.pushed: str | None = None
        self.binding: str | None = None

    @property
    def args(self) -> dict[str, str]:
        """Return the parameters, wherever they stood."""
        return self.payload.data

    @property
    def form(self) -> dict[str, str]:
        """Return the parameters, wherever they stood."""
        return self.payload.data


@dataclass(slots=True)
class Answer:
    """What goes out; ``location`` is set for a redirect, ``body`` is a JSON object otherwise."""

    status: int
    body: dict[str, Any] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    location: str | None = None
