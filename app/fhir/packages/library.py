"""The packages that are loaded: a folder with one folder for each, called ``name#version``.

In it are ``package.json`` (what it is, and where in the other file each definition is) and ``definitions.jsonl`` (a definition per
line, as JSON). A package appears whole or not at all, and is never changed; several versions stand side by side.
"""

import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from app.fhir.packages.files import PackageError
from app.fhir.packages.package import Package, Pin, pin_of
from app.fhir.release import Release
from app.fhir.tree import decode_tree


class _Place(msgspec.Struct, frozen=True, array_like=True):
    """Where in ``definitions.jsonl`` a definition is, in bytes."""

    url: str
    version: str
    resource_type: str
    start: int
    length: int


class _Contents(msgspec.Struct, frozen=True):
    """``package.json``."""

    package: str
    release: str
    definitions: list[_Place]


class Library:
    """The packages in ``folder``, which need not exist as long as nothing is loaded."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def load(self, package: Package) -> None:
        """Keep a package. Raises: PackageError, if one of that name and version is there already."""
        target = self.folder / str(package.pin)
        if target.exists():
            raise PackageError(f"{package.pin} is loaded already; a version never changes.")
        self.folder.mkdir(parents=True, exist_ok=True)
        making = Path(tempfile.mkdtemp(prefix=".loading-", dir=self.folder))
        try:
            _write(package, making)
            making.chmod(0o755)
            making.rename(target)
        except BaseException:
            shutil.rmtree(making, ignore_errors=True)
            raise

    def packages(self) -> list[tuple[Pin, int]]:
        """Return the packages with how many definitions each has, by name and from the oldest version to the newest."""
        return [(pin, len(contents.definitions)) for pin, contents in self._contents()]

    def definitions(self, release: Release) -> "Definitions":
        """Return what the packages that are loaded now hold for ``release``."""
        found = Definitions()
        for pin, contents in self._contents():
            if pin.release is release:
                found.add(self.folder / str(pin) / "definitions.jsonl", contents.definitions)
        return found

    def _contents(self) -> Iterator[tuple[Pin, _Contents]]:
        found = []
        for path in self.folder.glob("*#*/package.json"):
            contents = msgspec.json.decode(path.read_bytes(), type=_Contents)
            release = next(one for one in Release if one.path == contents.release)
            found.append((pin_of(contents.package, release), contents))
        yield from sorted(found, key=lambda one: (one[0].name, _order(one[0].version)))


class Definitions:
    """The definitions of one release by canonical URL; one is read from its file when it is asked for."""

    def __init__(self) -> None:
        self._places: dict[str, tuple[Path, _Place]] = {}

    def add(self, path: Path, places: list[_Place]) -> None:
        """Add a package: a URL without a version leads to what was added last."""
        for place in places:
            self._places[place.url] = (path, place)
            if place.version:
                self._places[f"{place.url}|{place.version}"] = (path, place)

    def __len__(self) -> int:
        return len(self._places)

    def find(self, url: str) -> dict[str, Any] | None:
        """Return the definition that goes by a canonical URL, with or without ``|version``; None if there is none."""
        if url not in self._places:
            return None
        path, place = self._places[url]
        with path.open("rb") as file:
            file.seek(place.start)
            return decode_tree(file.read(place.length))


def _write(package: Package, folder: Path) -> None:
    places: list[_Place] = []
    start = 0
    with (folder / "definitions.jsonl").open("wb") as file:
        for one in package.definitions:
            file.write(one.body + b"\n")
            places.append(_Place(one.url, one.version, one.resource_type, start, len(one.body)))
            start += len(one.body) + 1
        file.flush()
        os.fsync(file.fileno())
    contents = _Contents(str(package.pin), package.pin.release.path, places)
    (folder / "package.json").write_bytes(msgspec.json.encode(contents))


def _order(version: str) -> tuple[list[int], bool, list[tuple[int, str]]]:
    """Return the key by which versions follow each other: 2.9 before 2.10, and 2.0.0-rc.7 before 2.0.0."""
    numbers, _, suffix = version.partition("+")[0].partition("-")
    parts = [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"[.-]", suffix) if part]
    return [int(part) if part.isdigit() else -1 for part in numbers.split(".")], not suffix, parts
