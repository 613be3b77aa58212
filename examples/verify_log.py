"""Check the log in an export of your record, on your own machine: python verify_log.py EXPORT [EARLIER_EXPORT ...] [--key=KEY].

It needs Python 3.11 and nothing else, and asks nobody. It reads the lines "audit" and "seal" of an export and says what is wrong:

- each entry has the hash of its text and of the entry before it in the log of all: nothing in it was altered;
- each entry has its number among yours and the hash of your entry before it: none is missing, added or moved;
- the seal is the server's signature of your last entry: none is missing at the end;
- an earlier export or receipt of yours has to be in this one as it was: the log was not told differently since.

With --receipt the file is the receipt of one entry: no matter what came before it. With --erasure it is the proof that a record
was erased: its entry in the log has to name what the proof says, and an earlier export has to be of that record.

KEY is what you wrote down before, or what the server publishes at /.well-known/regie-audit-keys ("kid"). Without it the key is
taken from the export itself, and is shown: compare it.
"""

import argparse
import hashlib
import json
import sys
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

# Ed25519, RFC 8032 section 5.1: the prime, the order of the base point, and the constant of the curve.
P = 2**255 - 19
ORDER = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, -1, P) % P
KEY_BYTES = HASH_BYTES = 32

Point = tuple[int, int, int, int]


def _add(one: Point, other: Point) -> Point:
    a, b = (one[1] - one[0]) * (other[1] - other[0]) % P, (one[1] + one[0]) * (other[1] + other[0]) % P
    c, d = 2 * one[3] * other[3] * D % P, 2 * one[2] * other[2] % P
    e, f, g, h = b - a, d - c, d + c, b + a
    return e * f % P, g * h % P, f * g % P, e * h % P


def _times(scalar: int, point: Point) -> Point:
    total = (0, 1, 1, 0)
    while scalar:
        if scalar & 1:
            total = _add(total, point)
        point = _add(point, point)
        scalar >>= 1
    return total


def _point(data: bytes) -> Point | None:
    """Return the point that 32 bytes stand for, None if it is not on the curve."""
    number = int.from_bytes(data, "little")
    sign, y = number >> 255, number & ((1 << 255) - 1)
    if y >= P:
        return None
    square = (y * y - 1) * pow(D * y * y + 1, -1, P) % P
    x = pow(square, (P + 3) // 8, P)
    if (x * x - square) % P:
        x = x * pow(2, (P - 1) // 4, P) % P
    if (x * x - square) % P or (x == 0 and sign):
        return None
    if x & 1 != sign:
        x = P - x
    return x, y, 1, x * y % P


def is_signed(key: bytes, signature: bytes, text: bytes) -> bool:
    """Return whether ``signature`` is that of ``text`` by the Ed25519 key."""
    if len(key) != KEY_BYTES or len(signature) != 2 * KEY_BYTES:
        return False
    base = _point((4 * pow(5, -1, P) % P).to_bytes(32, "little"))
    public, first = _point(key), _point(signature[:32])
    scalar = int.from_bytes(signature[32:], "little")
    if base is None or public is None or first is None or scalar >= ORDER:
        return False
    challenge = int.from_bytes(hashlib.sha512(signature[:32] + key + text).digest(), "little") % ORDER
    left, right = _times(scalar, base), _add(first, _times(challenge, public))
    return (left[0] * right[2] - right[0] * left[2]) % P == 0 and (left[1] * right[2] - right[1] * left[2]) % P == 0


def _decoded(text: str) -> bytes:
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))


def thumbprint(key: dict[str, Any]) -> str:
    """Return the name of a key (RFC 7638)."""
    text = f'{{"crv":"Ed25519","kty":"OKP","x":"{key["x"]}"}}'
    return urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()


@dataclass
class Log:
    """The entries of an export as they came, and the seal; ``faults`` are sentences."""

    faults: list[str] = field(default_factory=list)
    hashes: dict[int, str] = field(default_factory=dict)
    seal: dict[str, Any] | None = None
    record_id: int | None = None
    first: tuple[int, int] = (0, 0)
    n: int = 0
    number: int = 0
    hash: str = ""
    unnumbered: int = 0
    event: dict[str, Any] = field(default_factory=dict)
    head: dict[str, Any] = field(default_factory=dict)
    head_hash: str = ""
    counted_hash: str = ""

    def entry(self, line: dict[str, Any], body: bytes) -> None:
        """Take the next entry, of which ``body`` are the exact bytes."""
        event, n = json.loads(body), line["n"]
        number, previous, before = (event.get(name) for name in ("own_number", "own_previous", "own_hash"))
        number, previous, before = number or 0, previous or 0, before or ""
        chain_before = bytes.fromhex(line["previous"])
        if len(chain_before) != HASH_BYTES or hashlib.sha256(chain_before + body).hexdigest() != line["hash"]:
            self.faults.append(f"Entry {n} was altered.")
        if self.record_id not in (None, event.get("record_id")):
            self.faults.append(f"Entry {n} is about another record.")
        if n <= self.n or (n == self.n + 1 and self.hash and line["previous"] != self.hash):
            self.faults.append(f"Entry {n} does not follow entry {self.n}: it was moved, or another is missing.")
        elif not number and self.number:
            self.faults.append(f"Entry {n} has no number among yours, though those before it have.")
        elif number and not self.first[0]:
            # Entries from before they were numbered are counted by the first that is.
            self.first = (number - self.unnumbered, previous)
            if self.unnumbered and (previous, before) != (self.n, self.hash):
                self.faults.append(f"Before entry {n} one of yours is missing.")
        elif number and (number, previous, before) != (self.number + 1, self.n, self.hash):
            self.faults.append(f"Before entry {n} one of yours is missing, or was moved or altered.")
        self.unnumbered += not number
        self.record_id, self.event = event.get("record_id"), event
        self.n, self.number, self.hash = n, number, line["hash"]
        self.hashes[n] = line["hash"]

    def end(self, trusted: str | None, *, whole: bool) -> None:
        """Check the end, and of a ``whole`` log the beginning; ``trusted`` is the thumbprint of a key that is the server's."""
        seal = self.seal
        if seal is None:
            self.faults.append("There is no seal: nobody can tell whether entries are missing at the end.")
            return
        if (seal["n"], seal["number"], seal["hash"]) != (self.n, self.number, self.hash):
            self.faults.append(f"The seal is of entry {seal['n']}, your number {seal['number']}: the log was cut off.")
        if seal["record_id"] != self.record_id:
            self.faults.append("The seal is that of another record.")
        key = _trusted(seal, trusted, self.faults)
        text = "regie audit seal {stream} {n} {record_id} {number} {instant} {hash}".format(**seal)
        if not is_signed(key, _decoded(seal["signature"]), text.encode()):
            self.faults.append("The signature of the seal is wrong.")
        cut = seal.get("cut")
        if not whole:
            return
        if self.first[0] > 1 and (cut is None or not self.first[1] <= cut["n"]):
            self.faults.append(f"Your log begins with your number {self.first[0]}: those before it are missing.")
        elif self.first[0] > 1 and not _is_cut_signed(seal):
            self.faults.append("The signature of the cut is wrong.")

    def erasure(self) -> None:
        """Check that this is the proof of an erasure: the entry names its first line, and that line the one with the counts."""
        if self.head.get("line") != "erasure" or self.event.get("action") != "erase":
            self.faults.append("This is no proof of an erasure.")
        elif self.head["record_id"] != self.record_id or self.head_hash not in self.event.get("detail", ""):
            self.faults.append("The entry of the log is about another erasure, or the first line was altered.")
        elif self.counted_hash not in ("", self.head["counted"]):
            self.faults.append("The line that says what was counted was altered.")

    def of_same_record(self, earlier: "Log") -> None:
        """Check that an earlier export is of the record that was erased, and none of a later state of it."""
        if earlier.record_id != self.record_id:
            self.faults.append("The earlier export is of another record.")
        changes = earlier.head.get("changes")
        if changes is not None and (
            changes > self.head["changes"]
            or (changes == self.head["changes"] and earlier.head["hash"] != self.head["hash"])
        ):
            self.faults.append("The record that was erased is not the one of the earlier export.")

    def follows(self, earlier: "Log") -> None:
        """Check that all of an earlier export is in this one as it was, except what is older than logs are kept."""
        for n, digest in earlier.hashes.items():
            if self.hashes.get(n, digest) != digest or (n not in self.hashes and n >= min(self.hashes, default=0)):
                self.faults.append(f"Entry {n} is in the earlier export, and here it is another or missing.")


def _trusted(seal: dict[str, Any], trusted: str | None, faults: list[str]) -> bytes:
    """Return the key that signs the seal, which has to follow from the trusted one; the keys vouch for each other in order."""
    keys = seal["keys"]
    if trusted is not None and trusted not in [thumbprint(key) for key in keys]:
        faults.append("None of the keys in the export is the one that you trust.")
    for before, key in pairwise(keys):
        text = f"regie audit key {key['since']} {_decoded(key['x']).hex()}"
        if not is_signed(_decoded(before["x"]), _decoded(key["endorsement"]), text.encode()):
            faults.append(f"The key {thumbprint(key)} is not vouched for by the one before it.")
    found = _key_at(keys, seal["instant"])
    if thumbprint(found) != seal["kid"]:
        faults.append("The seal names another key than that of its time.")
    return _decoded(found["x"])


def _key_at(keys: list[dict[str, Any]], instant: int) -> dict[str, Any]:
    return next((key for key in reversed(keys) if key["since"] <= instant), keys[0])


def _is_cut_signed(seal: dict[str, Any]) -> bool:
    cut = seal["cut"]
    text = f"regie audit cut {seal['stream']} {cut['n']} {cut['instant']} {cut['hash']}"
    return is_signed(_decoded(_key_at(seal["keys"], cut["instant"])["x"]), _decoded(cut["signature"]), text.encode())


def read(lines: Iterator[bytes], trusted: str | None = None, *, whole: bool = True) -> Log:
    """Return the log in the lines of an export, checked in itself."""
    log = Log()
    for number, raw in enumerate(lines, 1):
        try:
            line = json.loads(raw)
            if line.get("line") in ("export", "erasure"):
                log.head, log.head_hash = line, hashlib.sha256(raw.rstrip(b"\n")).hexdigest()
            elif line.get("line") == "counted":
                log.counted_hash = hashlib.sha256(raw.rstrip(b"\n")).hexdigest()
            elif line.get("line") == "seal":
                log.seal = line["seal"]
            elif line.get("line") == "audit":
                log.entry(line, raw[raw.index(b'"event":') + len(b'"event":') : raw.rindex(b"}")])
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            log.faults.append(f"Line {number} can't be read.")
    try:
        log.end(trusted, whole=whole)
    except (ValueError, KeyError, TypeError, AttributeError, IndexError):
        log.faults.append("The seal can't be read.")
    return log


def main() -> int:
    """Return 0 if all is well, 1 if not."""
    parser = argparse.ArgumentParser(description="Check the log in an export of your record.")
    parser.add_argument("export", type=Path)
    parser.add_argument("earlier", type=Path, nargs="*", help="exports and receipts of yours from before")
    parser.add_argument("--receipt", action="store_true", help="the file is a receipt of one entry")
    parser.add_argument("--erasure", action="store_true", help="the file is the proof that a record was erased")
    parser.add_argument("--key", help="the name (kid) of a key of the server that you know")
    asked = parser.parse_args()
    with asked.export.open("rb") as file:
        log = read(file, asked.key, whole=not asked.receipt and not asked.erasure)
    if asked.erasure:
        log.erasure()
    for path in asked.earlier:
        with path.open("rb") as file:
            before = read(file, asked.key, whole=False)
        log.faults += [f"{path}: {fault}" for fault in before.faults]
        log.follows(before)
        if asked.erasure and not log.faults:
            log.of_same_record(before)
    for fault in log.faults:
        print(fault)
    if log.faults:
        return 1
    if asked.erasure:
        who, when = log.event.get("kind"), datetime.fromtimestamp(log.event["instant"] // 1_000_000, UTC)
        print(
            f"Record {log.record_id} was erased on {when:%Y-%m-%d at %H:%M} UTC by the {who}. The log of {log.head['server']} says so."
        )
    print(f"{len(log.hashes)} entries, none altered, missing or moved. They are sealed with the key {log.seal['kid']}.")  # type: ignore[index]
    return 0


if __name__ == "__main__":
    sys.exit(main())
