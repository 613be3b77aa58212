"""A resource in memory: its JSON tree of plain dict, list, str, int, bool, and Decimal with the digits that came."""

from decimal import Decimal
from typing import Any, cast

import msgspec

_decoder = msgspec.json.Decoder(float_hook=Decimal)


def decode_tree(body: bytes) -> dict[str, Any]:
    """Return the tree of a body that is known to be a JSON object. Raises: msgspec.DecodeError."""
    return cast("dict[str, Any]", _decoder.decode(body))
