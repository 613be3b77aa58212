"""An archive that somebody hands in, opened: nothing of it is believed before its form, its signature and its hashes were checked.

The zip may come from anybody. So its directory is looked at before it is read: few files, with plain names, each once, one after the
other, neither encrypted nor linked, and together no larger than ``UNPACKED_MAX`` when unpacked. Nothing is written under a name that
the archive gives.
"""

import hashlib
import re
import stat
import struct
import tempfile
import zipfile
import zlib
from collections.abc import Collection, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import IO, BinaryIO

import msgspec

from app.errors import UnprocessableError
from app.interactions.archive_format import (
    EARLIER_LOG,
    FORMAT,
    MANIFEST,
    RECORD,
    SIGNATURE,
    FileLine,
    Manifest,
    Signature,
)
from app.interactions.transfer import EntryLine, SealLine, lines_within, read_head, read_line

PACKED_MAX = 512 * 1024 * 1024
UNPACKED_MAX = 4 * 1024 * 1024 * 1024
RATIO_MAX = 200
"""How many times larger a file may be than its packed form; records are some twenty times as large."""

SMALL = 16 * 1024 * 1024
"""Bytes of a file that may be packed however well: a scan of an empty page is a thousand times as large."""

FILES_MAX = 200
MANIFEST_MAX = 256 * 1024
_PIECE = 256 * 1024
_END = struct.Struct("<4s4H2LH")
_DIRECTORY_LINE_MAX = 46 + 3 * 256
_ENCRYPTED = 0x1 | 0x40 | 0x2000
_IN_MEMORY_MAX = 8 * 1024 * 1024
_EARLIER = re.compile(EARLIER_LOG.replace(".", r"\.").format(number=r"([1-9][0-9]?)"))


class UnknownServerError(UnprocessableError):
    """The archive is sound, but signed by a key that nobody said to trust: ``server`` is what it calls itself."""

    def __init__(self, server: str, kid: str) -> None:
        super().__init__(f"The archive is signed with the key {kid} of a server that is not known here.")
        self.server = server
        self.kid = kid


@dataclass(frozen=True, slots=True)
class Opened:
    """An archive whose signature and hashes are right: the lines of the record, and the logs from before, oldest first."""

    manifest: Manifest
    kid: str
    record: BinaryIO
    logs: tuple[BinaryIO, ...]


def opened(file: BinaryIO, trusted: Collection[str], until: ExitStack) -> Opened:
    """Return the archive in ``file``; its parts are open until ``until`` ends. ``trusted`` are names of keys (``kid``).

    Raises: UnprocessableError, with the place; UnknownServerError, when all else is right.
    """
    packed = _zip_of(file, until)
    manifest, kid = _signed(packed)
    told = [line.name for line in manifest.files]
    if sorted([*told, MANIFEST, SIGNATURE]) != sorted(packed.namelist()):
        raise UnprocessableError("The archive has other files than its manifest tells of.")
    kept: dict[str, BinaryIO] = {}
    for line in manifest.files:
        target: IO[bytes] | None = None
        if line.name == RECORD or _EARLIER.fullmatch(line.name):
            target = until.enter_context(tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY_MAX))  # noqa: SIM115 - it is one
            kept[line.name] = target  # type: ignore[assignment]  # it reads and seeks as a file does
        _copy(packed, line, target)
    names = [EARLIER_LOG.format(number=number) for number in range(1, len(kept))]
    if RECORD not in kept or not all(name in kept for name in names):
        raise UnprocessableError("The archive has no record, or the logs from before are not numbered from 1.")
    _check_head(manifest, kept[RECORD])
    for name in names:
        _check_log(name, kept[name])
    if kid not in trusted:
        raise UnknownServerError(manifest.server, kid)
    return Opened(manifest, kid, kept[RECORD], tuple(kept[name] for name in names))


def is_zip(file: BinaryIO) -> bool:
    """Return whether a file begins as a zip does."""
    file.seek(0)
    begin = file.read(4)
    file.seek(0)
    return begin == b"PK\x03\x04"


def _zip_of(file: BinaryIO, until: ExitStack) -> zipfile.ZipFile:
    """Return the zip, once its directory was found to be harmless."""
    size = file.seek(0, 2)
    if size > PACKED_MAX:
        raise UnprocessableError(f"An archive has at most {PACKED_MAX} bytes.")
    # What reads the directory holds it in memory: how large it is has to be known before.
    file.seek(max(0, size - _END.size))
    end = file.read(_END.size)
    if len(end) < _END.size or not end.startswith(b"PK\x05\x06"):
        raise UnprocessableError("The archive is cut off, or has something behind its end.")
    _, disk, first_disk, here, files, directory, offset, comment = _END.unpack(end)
    if (
        disk or first_disk or comment or here != files or files > FILES_MAX
        or directory > files * _DIRECTORY_LINE_MAX or offset + directory + _END.size != size
    ):  # fmt: skip
        raise UnprocessableError("The directory of the archive is not as Regie writes it.")
    try:
        packed = until.enter_context(zipfile.ZipFile(file))
        infos = packed.infolist()
    except (zipfile.BadZipFile, ValueError, struct.error, OSError, NotImplementedError, UnicodeDecodeError) as error:
        raise UnprocessableError("The directory of the archive can't be read.") from error
    if len(infos) != files or len({info.filename for info in infos}) != files:
        raise UnprocessableError("A name stands twice in the archive.")
    place = 0
    for info in sorted(infos, key=lambda one: one.header_offset):
        _check_entry(info)
        if info.header_offset < place:
            raise UnprocessableError(f"{_named(info)} lies over another file of the archive.")
        place = info.header_offset + info.compress_size
    if place > offset or sum(info.file_size for info in infos) > UNPACKED_MAX:
        raise UnprocessableError("The archive is too large when it is unpacked.")
    return packed


def _named(info: zipfile.ZipInfo) -> str:
    """Return the name of a file for a sentence: whatever it is, it is short and plain."""
    return f"The file {info.filename[:80]!a}"


def _check_entry(info: zipfile.ZipInfo) -> None:
    mode = info.external_attr >> 16
    if re.fullmatch(r"[A-Za-z0-9-]+(/[A-Za-z0-9-]+)?\.[a-z]{3,6}", info.orig_filename) is None:
        raise UnprocessableError(f"{_named(info)} has a name that no file of an archive has.")
    if info.flag_bits & _ENCRYPTED:
        raise UnprocessableError(f"{_named(info)} is encrypted.")
    if info.is_dir() or (mode and not stat.S_ISREG(mode) and stat.S_IFMT(mode)):
        raise UnprocessableError(f"{_named(info)} is a link, a folder or a device.")
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise UnprocessableError(f"{_named(info)} is packed in a way that is not known here.")
    if info.file_size > max(RATIO_MAX * info.compress_size, SMALL):
        raise UnprocessableError(f"{_named(info)} is far larger than its packed form.")


def _signed(packed: zipfile.ZipFile) -> tuple[Manifest, str]:
    """Return the manifest and the name of the key that signed it."""
    text, signature_text = _small(packed, MANIFEST), _small(packed, SIGNATURE)
    try:
        signature = msgspec.json.decode(signature_text, type=Signature)
        signer = signature.signer(text)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise UnprocessableError(f"{SIGNATURE} can't be read.") from error
    if signer is None:
        raise UnprocessableError(f"{MANIFEST} was altered, or is not signed by the key that {SIGNATURE} names.")
    try:
        manifest = msgspec.json.decode(text, type=Manifest)
    except msgspec.DecodeError as error:
        raise UnprocessableError(f"{MANIFEST} can't be read.") from error
    if manifest.format != FORMAT:
        raise UnprocessableError(f"The archive has the form {manifest.format}, which is not known here.")
    return manifest, signer.thumbprint


def _small(packed: zipfile.ZipFile, name: str) -> bytes:
    if name not in packed.namelist() or packed.getinfo(name).file_size > MANIFEST_MAX:
        raise UnprocessableError(f"The archive has no {name}, or a very large one.")
    return b"".join(_pieces(packed, name))


def _pieces(packed: zipfile.ZipFile, name: str) -> Iterator[bytes]:
    """Yield the content of a file, never more than the directory says."""
    left = packed.getinfo(name).file_size
    try:
        with packed.open(name) as file:
            while piece := file.read(_PIECE):
                left -= len(piece)
                if left < 0:
                    raise UnprocessableError(f"{name} is larger than the archive says.")
                yield piece
    except (zipfile.BadZipFile, zlib.error, EOFError, ValueError, OSError, NotImplementedError, struct.error) as error:
        raise UnprocessableError(f"{name} is damaged in the archive.") from error


def _copy(packed: zipfile.ZipFile, line: FileLine, target: IO[bytes] | None) -> None:
    """Check the size and the hash of a file; write it to ``target``, if there is one."""
    digest, size = hashlib.sha256(), 0
    for piece in _pieces(packed, line.name):
        digest.update(piece)
        size += len(piece)
        if target is not None:
            target.write(piece)
    if (size, digest.hexdigest()) != (line.size, line.sha256):
        raise UnprocessableError(f"{line.name} is not as the manifest says: it was altered.")
    if target is not None:
        target.seek(0)


def _check_head(manifest: Manifest, record: BinaryIO) -> None:
    """Refuse a record that is another than the one the manifest tells of; ``restore.py`` checks all else."""
    head = read_head(next(lines_within(record), b""))
    if head is None or (head.record_id, head.hash) != (manifest.record_id, manifest.hash):
        raise UnprocessableError(f"{RECORD} is not the record that the manifest tells of.")
    record.seek(0)


def _check_log(name: str, log: BinaryIO) -> None:
    """Refuse a log from before that has anything but entries and seals; each is checked by who reads it."""
    for number, text in enumerate(lines_within(log), 1):
        try:
            is_of_log = isinstance(read_line(text), EntryLine | SealLine)
        except msgspec.DecodeError:
            is_of_log = False
        if not is_of_log:
            raise UnprocessableError(f"{name}, line {number}: this is no entry of a log.")
    log.seek(0)
