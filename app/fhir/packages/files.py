"""The files of a package, from a ``*.tgz`` or a folder, read within limits and never written anywhere by their own names.

An archive is read as a stream that ends with an error after BYTES_MAX, so that one which swells when it is unpacked does
no harm. A path that leads outside, a link or a device is a reason to refuse all of it.
"""

import gzip
import io
import tarfile
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

BYTES_MAX = 512 * 1024 * 1024
FILE_BYTES_MAX = 32 * 1024 * 1024
FILES_MAX = 50_000
_SUFFIXES = frozenset({".json", ".xml"})


class PackageError(Exception):
    """A package that can't be loaded, with a sentence that says why."""


def files(path: Path) -> Iterator[tuple[str, bytes]]:
    """Yield (path inside the package, content) of its JSON and XML files. Raises: PackageError, at any point."""
    found = _of_folder(path) if path.is_dir() else _of_archive(path)
    size = 0
    for number, (name, content) in enumerate(found):
        size += len(content)
        if number >= FILES_MAX or size > BYTES_MAX:
            raise PackageError("The package is too large.")
        yield name, content


def _of_folder(folder: Path) -> Iterator[tuple[str, bytes]]:
    root = folder.resolve()
    for path in sorted(root.rglob("*")):
        if path.suffix.lower() not in _SUFFIXES or not path.is_file():
            continue
        name = path.relative_to(root).as_posix()
        if not path.resolve().is_relative_to(root):
            raise PackageError(f"{name} is a link that leads out of the folder.")
        if path.stat().st_size > FILE_BYTES_MAX:
            raise PackageError(f"{name} is too large.")
        yield name, path.read_bytes()


class _Bounded(io.RawIOBase):
    """The bytes of an unpacked archive, no more than BYTES_MAX of them."""

    def __init__(self, stream: gzip.GzipFile) -> None:
        super().__init__()
        self._stream = stream
        self._left = BYTES_MAX

    def read(self, size: int = -1) -> bytes:
        """Return the next bytes. Raises: PackageError, if there were too many of them."""
        data = self._stream.read(size)
        self._left -= len(data)
        if self._left < 0:
            raise PackageError("The package is too large when it is unpacked.")
        return data


def _of_archive(path: Path) -> Iterator[tuple[str, bytes]]:
    try:
        with gzip.open(path) as unpacked, tarfile.open(fileobj=_Bounded(unpacked), mode="r|") as archive:
            for number, member in enumerate(archive):
                if number >= FILES_MAX:
                    raise PackageError("The package has too many files.")
                content = _content(archive, member)
                if content is not None:
                    yield member.name, content
    except (OSError, EOFError, zlib.error, tarfile.TarError) as error:
        raise PackageError("The file is not a package: a tar archive, compressed with gzip.") from error


def _content(archive: tarfile.TarFile, member: tarfile.TarInfo) -> bytes | None:
    """Return the content of a JSON or XML file; None for what isn't read."""
    name = PurePosixPath(member.name)
    if name.is_absolute() or ".." in name.parts or "\\" in member.name:
        raise PackageError("The package has a path that leads outside.")
    if member.isdir():
        return None
    if not member.isreg():
        raise PackageError("The package has a link or a device in it.")
    if name.suffix.lower() not in _SUFFIXES:
        return None
    if member.size > FILE_BYTES_MAX:
        raise PackageError("The package has a file that is too large.")
    file = archive.extractfile(member)
    return None if file is None else file.read()
