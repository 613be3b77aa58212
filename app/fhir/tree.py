"""A resource in memory: its JSON tree of plain dict, list, str, int, bool, and Decimal with the digits that came."""

from decimal import Decimal
from typing import Any, cast

import msgspec

_PLAIN_DIGITS_MAX = 100
_encoder = msgspec.json.Encoder(decimal_format="number")
_decoder = msgspec.json.Decoder(float_hook=Decimal)


def decode_tree(body: bytes) -> dict[str, Any]:
    """Return the tree of a body that is known to be a JSON object. Raises: msgspec.DecodeError."""
    return cast("dict[str, Any]", _decoder.decode(body))


def encode_tree(tree: dict[str, Any]) -> bytes:
    """Return a tree as JSON; decimals keep their digits, those that are small too (``0.0000001``, not ``1E-7``)."""
    return _encoder.encode(_written_out(tree))


def _written_out(node: Any) -> Any:
    if isinstance(node, dict):
        return {name: _written_out(value) for name, value in node.items()}
    if isinstance(node, list):
        return [_written_out(value) for value in node]
    if isinstance(node, Decimal) and -_PLAIN_DIGITS_MAX < node.adjusted() < 0:
        return msgspec.Raw(format(node, "f").encode())
    return node
