"""What an archive of a record is made of: the names of its files, its manifest and its signature.

docs/archive.md is the documented format; a change to either raises ``FORMAT``.
"""

import hashlib
from datetime import datetime
from typing import Annotated

from msgspec import Meta, Struct

from app.audit.keys import PublicKey, from_base64url, key_of, keys_of

FORMAT = 1
RECORD = "record.ndjson"
EARLIER_LOG = "earlier-logs/{number}.ndjson"
MANIFEST = "manifest.json"
SIGNATURE = "manifest.sig"


class FileLine(Struct, frozen=True, forbid_unknown_fields=True):
    """One file of the archive: how many bytes it has, and their SHA-256 in hexadecimal."""

    name: Annotated[str, Meta(pattern=r"^[A-Za-z0-9-]+(/[A-Za-z0-9-]+)?\.[a-z]{3,6}$", max_length=100)]
    size: Annotated[int, Meta(ge=0)]
    sha256: Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]


class Counts(Struct, frozen=True):
    """How much is in the archive; resources are those that are current, in both releases."""

    changes: int
    resources: int
    grants: int
    entries: int
    earlier_logs: int


class Manifest(Struct, frozen=True, tag_field="kind", tag="regie-archive"):
    """What the archive is, whose, made when and by which server, and every file but the manifest and its signature."""

    format: int
    made_at: datetime
    server: Annotated[str, Meta(max_length=500)]
    software: Annotated[str, Meta(max_length=100)]
    record_id: int
    person: Annotated[str, Meta(max_length=500)]
    hash: Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]
    counts: Counts
    files: list[FileLine]


class Signature(Struct, frozen=True):
    """Who signed a manifest, and when (microseconds UTC): ``keys`` is a JWK Set's list, each vouched for by the one before."""

    instant: int
    kid: str
    signature: str
    keys: list[dict[str, str | int]]

    def signer(self, manifest: bytes) -> PublicKey | None:
        """Return the key that signed these bytes, None if it is not the one that is named; whose it is is not said."""
        try:
            key = key_of(keys_of(self.keys), self.instant)
            signature = from_base64url(self.signature)
        except ValueError:
            return None
        is_signed = key.thumbprint == self.kid and key.verifies(signature, signed_text(self.instant, manifest))
        return key if is_signed else None


def signed_text(instant: int, manifest: bytes) -> bytes:
    """Return the bytes that are signed for a manifest."""
    return f"regie audit archive {instant} {hashlib.sha256(manifest).hexdigest()}".encode()


README = """\
REGIE: EEN HEEL DOSSIER  (English below)

Dit archief is van u. Het bevat uw gezondheidsgegevens: bewaar het op een veilige plek.

summary.pdf          Een samenvatting om te lezen of af te drukken.
log.csv              Wie er keek en wat er gebeurde. Opent u in een rekenprogramma.
summary.json         Dezelfde samenvatting voor zorgsystemen: International Patient Summary, FHIR R4.
fhir/r4-current.ndjson, fhir/stu3-current.ndjson
                     Alle gegevens zoals ze nu zijn, elke regel een FHIR-resource.
fhir/r4-versions.ndjson, fhir/stu3-versions.ndjson
                     Alle versies die er ooit waren.
consents/r4.ndjson, consents/stu3.ndjson
                     Wie wat mocht zien, en wanneer (FHIR Consent, alle versies).
record.ndjson        Het hele dossier met bewijs. Een andere Regie leest dit in, zonder verlies.
earlier-logs/        Wat er is opgeschreven waar uw dossier eerder stond, met bewijs.
manifest.json        Wat er in dit archief zit. manifest.sig is de handtekening van de server.

Controleren kan zonder Regie: python verify_archive.py ARCHIEF
Hoe dat gaat, en wat precies waar staat: docs/archive.md van Regie.


REGIE: A WHOLE RECORD

This archive is yours. It holds your health data: keep it in a safe place.

summary.pdf          A summary to read or to print.
log.csv              Who looked and what happened. Opens in a spreadsheet.
summary.json         The same summary for care systems: International Patient Summary, FHIR R4.
fhir/r4-current.ndjson, fhir/stu3-current.ndjson
                     All data as it is now, a FHIR resource on each line.
fhir/r4-versions.ndjson, fhir/stu3-versions.ndjson
                     All versions that there ever were.
consents/r4.ndjson, consents/stu3.ndjson
                     Who was allowed to see what, and when (FHIR Consent, all versions).
record.ndjson        The whole record with proof. Another Regie takes this in, without loss.
earlier-logs/        What was written down where your record was before, with proof.
manifest.json        What is in this archive. manifest.sig is the signature of the server.

It can be checked without Regie: python verify_archive.py ARCHIVE
How, and what exactly is where: docs/archive.md of Regie.
"""
