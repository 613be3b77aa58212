"""The packages that are loaded: a folder with one folder for each, called ``name#version``.

In it are ``package.json`` (what it is, and where in the other file each definition is) and ``definitions.jsonl`` (a definition per
line, as JSON). A package appears whole or not at all, and is never changed; several versions stand side by side. Regie's own
packages (``own.py``) are there without being loaded. In ``pins``, a text, there is a ``name#version`` per line: the versions that
data means where it names none.
"""

import os
import shutil
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import msgspec

from app.fhir.packages.canonicals import Definitions, Held, chosen, order
from app.fhir.packages.files import PackageError
from app.fhir.packages.own import own_definitions, own_pin
from app.fhir.packages.package import CORES, Package, Pin, pin_of
from app.fhir.release import Release
from app.fhir.tree import decode_tree

PINS = "pins"


class _Place(msgspec.Struct, frozen=True, array_like=True):
    """Where in ``definitions.jsonl`` a definition is, in bytes."""

    url: str
    version: str
    resource_type: str
    start: int
    length: int
    on: str = ""


class _Contents(msgspec.Struct, frozen=True):
    """``package.json``."""

    package: str
    release: str
    definitions: list[_Place]
    dependencies: dict[str, str] = {}


@dataclass(frozen=True, slots=True)
class Loaded:
    """A package that is loaded: how many definitions it has, whether it is pinned, which dependencies are not loaded."""

    pin: Pin
    count: int
    is_pinned: bool
    missing: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Package:
    """A package with what it holds."""

    pin: Pin
    held: list[Held]
    dependencies: Mapping[str, str] = field(default_factory=dict)


class Library:
    """The packages in ``folder``, which need not exist as long as nothing is loaded, and Regie's ``own`` if it is given."""

    def __init__(self, folder: Path, own: Path | None = None) -> None:
        self.folder = folder
        self.own = own

    def load(self, package: Package) -> None:
        """Keep a package. Raises: PackageError, if one of that name and version is there already, or of Regie's own name."""
        if self.own and package.pin.name in {own_pin(self.own, release).name for release in Release}:
            raise PackageError(f"{package.pin.name} is part of Regie; it is there without being loaded.")
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

    def remove(self, pin: str) -> None:
        """Take a package out, and its pin. Raises: PackageError, if it is not loaded."""
        name = self._loaded(pin).name
        if not (self.folder / pin).exists():
            raise PackageError(f"{name} is part of Regie, and stays.")
        going = Path(tempfile.mkdtemp(prefix=".removing-", dir=self.folder))
        (self.folder / pin).rename(going / pin)
        shutil.rmtree(going)
        self._keep_pins(self._pins() - {pin})

    def pin(self, pin: str) -> None:
        """Let data that names no version mean this one of the package. Raises: PackageError, if it is not loaded."""
        name = self._loaded(pin).name
        self._keep_pins({one for one in self._pins() if one.partition("#")[0] != name} | {pin})

    def packages(self) -> list[Loaded]:
        """Return the packages, by name and from the oldest version to the newest."""
        found = self._packages()
        loaded = {str(one.pin) for one in found}
        pins = self._pins()
        return [
            Loaded(one.pin, len(one.held), str(one.pin) in pins, _missing(one.dependencies, loaded)) for one in found
        ]

    def own_pin(self, release: Release) -> Pin | None:
        """Return what Regie's own package for a release is called; None if the library is without."""
        return own_pin(self.own, release) if self.own else None

    def definitions(self, release: Release) -> Definitions:
        """Return what the packages that are loaded now hold for ``release``."""
        found = Definitions(self._pins())
        for one in self._packages():
            if one.pin.release is release:
                found.add(one.pin, one.held, one.dependencies)
        return found

    def _packages(self) -> list[_Package]:
        found = []
        for path in self.folder.glob("*#*/package.json"):
            contents = msgspec.json.decode(path.read_bytes(), type=_Contents)
            pin = pin_of(contents.package, next(one for one in Release if one.path == contents.release))
            file = path.with_name("definitions.jsonl")
            held = [
                Held(one.url, one.version, one.resource_type, one.on, pin, partial(_read, file, one.start, one.length))
                for one in contents.definitions
            ]
            found.append(_Package(pin, held, contents.dependencies))
        found += [_own(self.own, release) for release in Release if self.own]
        return sorted(found, key=lambda one: (one.pin.name, order(one.pin.version)))

    def _loaded(self, text: str) -> Pin:
        pin = next((one.pin for one in self._packages() if str(one.pin) == text), None)
        if pin is None:
            raise PackageError(f"No package {text} is loaded." if "#" in text else "A package is called name#version.")
        return pin

    def _pins(self) -> set[str]:
        path = self.folder / PINS
        return set(path.read_text(encoding="utf-8").split()) if path.exists() else set()

    def _keep_pins(self, pins: set[str]) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        made = self.folder / ".pins"
        _write_out(made, [f"{one}\n".encode() for one in sorted(pins)])
        made.replace(self.folder / PINS)


def _missing(dependencies: Mapping[str, str], loaded: set[str]) -> tuple[str, ...]:
    return tuple(
        f"{name}#{wanted}"
        for name, wanted in dependencies.items()
        if name not in CORES and chosen(name, wanted, loaded) is None
    )


def _own(folder: Path, release: Release) -> _Package:
    """Return Regie's own package for a release."""
    pin = own_pin(folder, release)
    held = [
        Held(one.url, one.version, one.resource_type, one.on, pin, partial(_read, one.path, 0, one.size_bytes))
        for one in own_definitions(folder, release)
    ]
    return _Package(pin, held)


def _read(path: Path, start: int, length: int) -> dict[str, Any]:
    with path.open("rb") as file:
        file.seek(start)
        tree: dict[str, Any] = decode_tree(file.read(length))
    return tree


def _write(package: Package, folder: Path) -> None:
    places: list[_Place] = []
    start = 0
    for one in package.definitions:
        places.append(_Place(one.url, one.version, one.resource_type, start, len(one.body), one.on))
        start += len(one.body) + 1
    _write_out(folder / "definitions.jsonl", (one.body + b"\n" for one in package.definitions))
    contents = _Contents(str(package.pin), package.pin.release.path, places, dict(package.dependencies))
    _write_out(folder / "package.json", [msgspec.json.encode(contents)])


def _write_out(path: Path, parts: Iterable[bytes]) -> None:
    """Write a file that is on disk before it gets its name: half of it after a power cut would stop every start."""
    with path.open("wb") as file:
        file.writelines(parts)
        file.flush()
        os.fsync(file.fileno())
