"""Check an archive of your record, on your own machine: python verify_archive.py ARCHIVE [--key=KEY].

It needs Python 3.11, the package ``cryptography`` and ``verify_log.py`` beside it, and asks nobody. It says what is wrong:

- the manifest has the signature of the server's key, and every file has the size and the hash that the manifest tells;
- every change of the record has the hash of its content and of the change before it: none is altered, missing, added or moved;
- the log, and each log from before, is whole: what ``verify_log.py`` checks.

KEY is what you wrote down before, or what the server publishes at /.well-known/regie-audit-keys ("kid"). Without it the key is taken
from the archive itself, and is shown: compare it.
"""

import argparse
import hashlib
import json
import sys
import zipfile
from base64 import urlsafe_b64decode
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import verify_log
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

MANIFEST, SIGNATURE, RECORD = "manifest.json", "manifest.sig", "record.ndjson"
MANIFEST_MAX = 1024 * 1024
PIECE = 1024 * 1024
_scan = json.JSONDecoder().raw_decode


def _decoded(text: str) -> bytes:
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _is_signed(key: dict[str, Any], signature: str, text: str) -> bool:
    try:
        Ed25519PublicKey.from_public_bytes(_decoded(key["x"])).verify(_decoded(signature), text.encode())
    except InvalidSignature:
        return False
    return True


def signature_faults(manifest: bytes, signed: dict[str, Any], trusted: str | None) -> Iterator[str]:
    """Yield what is wrong with the signature; ``trusted`` is the name of a key that is the server's."""
    keys = signed["keys"]
    names = [verify_log.thumbprint(key) for key in keys]
    if trusted is not None and trusted not in names:
        yield "None of the keys in the archive is the one that you trust."
    for before, key in pairwise(keys):
        if not _is_signed(before, key["endorsement"], f"regie audit key {key['since']} {_decoded(key['x']).hex()}"):
            yield f"The key {verify_log.thumbprint(key)} is not vouched for by the one before it."
    own = next((key for key in reversed(keys) if key["since"] <= signed["instant"]), keys[0])
    if verify_log.thumbprint(own) != signed["kid"]:
        yield "The signature names another key than that of its time."
    text = f"regie audit archive {signed['instant']} {hashlib.sha256(manifest).hexdigest()}"
    if not _is_signed(own, signed["signature"], text):
        yield f"The signature of {MANIFEST} is wrong: it was altered."


def file_faults(archive: zipfile.ZipFile, manifest: dict[str, Any]) -> Iterator[str]:
    """Yield what is wrong with the files."""
    told = {line["name"]: (line["size"], line["sha256"]) for line in manifest["files"]}
    found = [name for name in archive.namelist() if name not in (MANIFEST, SIGNATURE)]
    for name in sorted(set(told) ^ set(found)):
        yield f"{name} is {'missing' if name in told else 'not in the manifest'}."
    if len(found) != len(set(found)):
        yield "A file stands twice in the archive."
    for name in sorted(set(told) & set(found)):
        digest, size = hashlib.sha256(), 0
        with archive.open(name) as file:
            while size <= told[name][0] and (piece := file.read(PIECE)):
                digest.update(piece)
                size += len(piece)
        if (size, digest.hexdigest()) != told[name]:
            yield f"{name} was altered."


def change_faults(lines: Iterator[bytes], manifest: dict[str, Any]) -> Iterator[str]:
    """Yield what is wrong with the changes of the record, which are all tied to the one before."""
    head = json.loads(next(lines))
    last, digest = 0, bytes(32).hex()
    for raw in lines:
        text = raw.decode()
        line = json.loads(text)
        if line["line"] != "change":
            continue
        fields = [
            head["record_id"], line["seq"], line["release"], line["type"], line["id"], line["version"],
            line["previous"], line["operation"], line["instant"], line["actor"], line["client"], line["categories"],
        ]  # fmt: skip
        body = line.get("text", "")
        if "body" in line:
            # The exact text of the content, which stands behind the hash.
            begin = text.index(',"body":', text.index('"hash":')) + len(',"body":')
            body = text[begin : _scan(text, begin)[1]]
        covered = json.dumps(fields, separators=(",", ":"), ensure_ascii=False) + body
        expected = hashlib.sha256(bytes.fromhex(digest) + covered.encode()).hexdigest()
        if line["seq"] != last + 1:
            yield f"Change {line['seq']} does not follow change {last}: some are missing or moved."
        elif line["hash"] != expected:
            yield f"Change {line['seq']} was altered."
        last, digest = line["seq"], line["hash"]
    if (last, digest) != (head["changes"], head["hash"]) or digest != manifest["hash"]:
        yield f"The changes end at {last}, and there have to be {head['changes']}, or the last is another."


def log_faults(archive: zipfile.ZipFile, manifest: dict[str, Any], kid: str) -> Iterator[str]:
    """Yield what is wrong with the log, and with the logs from before, which other servers sealed."""
    logs = [(RECORD, kid)]
    logs += [(f"earlier-logs/{number + 1}.ndjson", None) for number in range(manifest["counts"]["earlier_logs"])]
    for name, trusted in logs:
        with archive.open(name) as file:
            log = verify_log.read(iter(file), trusted)
        for fault in log.faults:
            yield f"{name}: {fault}"


def faults(archive: zipfile.ZipFile, trusted: str | None) -> Iterator[str]:
    """Yield one sentence per fault, nothing when the archive is sound."""
    for name in (MANIFEST, SIGNATURE):
        if name not in archive.namelist() or archive.getinfo(name).file_size > MANIFEST_MAX:
            yield f"There is no {name}."
            return
    text = archive.read(MANIFEST)
    manifest, signed = json.loads(text), json.loads(archive.read(SIGNATURE))
    found = [*signature_faults(text, signed, trusted), *file_faults(archive, manifest)]
    if found:
        yield from found  # whatever is inside is then not worth a look
        return
    with archive.open(RECORD) as file:
        yield from change_faults(iter(file), manifest)
    yield from log_faults(archive, manifest, signed["kid"])


def main() -> int:
    """Return 0 if all is well, 1 if not."""
    parser = argparse.ArgumentParser(description="Check an archive of your record.")
    parser.add_argument("archive", type=Path)
    parser.add_argument("--key", help="the name (kid) of a key of the server that you know")
    asked = parser.parse_args()
    try:
        with zipfile.ZipFile(asked.archive) as archive:
            found = list(faults(archive, asked.key))
            if not found:
                manifest = json.loads(archive.read(MANIFEST))
                kid = json.loads(archive.read(SIGNATURE))["kid"]
    except (OSError, ValueError, KeyError, TypeError, StopIteration, zipfile.BadZipFile) as error:
        found = [f"This is no archive of Regie, or it is damaged ({type(error).__name__})."]
    for fault in found:
        print(fault)
    if found:
        return 1
    counts = manifest["counts"]
    print(f"The record of {manifest['person']}, made at {manifest['made_at']} by {manifest['server']}.")
    print(f"{counts['changes']} changes and {counts['entries']} entries of the log, none altered, missing or moved.")
    print(f"It is signed with the key {kid}.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
