"""Packages: what is read of one, what is refused, and how it is found again."""

import gzip
import io
import json
import os
import tarfile
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from app.cli_packages import commands
from app.fhir.packages.files import PackageError
from app.fhir.packages.library import Library
from app.fhir.packages.own import PROFILES
from app.fhir.packages.package import read_package
from app.fhir.release import Release

XML = b'<ValueSet xmlns="http://hl7.org/fhir"><url value="urn:in-xml"/><status value="draft"/></ValueSet>'


def definition(url: str, **members: Any) -> bytes:
    return json.dumps({"resourceType": "ValueSet", "url": url, "status": "draft", **members}, indent=2).encode()


def manifest(version: str = "1.0.0", **members: Any) -> bytes:
    return json.dumps({"name": "test.invented", "version": version, "fhirVersions": ["4.0.1"], **members}).encode()


def archive(path: Path, *members: tuple[str | tarfile.TarInfo, bytes]) -> Path:
    """Write a package; a member is its path, or all that tar says about it."""
    with tarfile.open(path, "w:gz") as made:
        for name, content in members:
            info = name if isinstance(name, tarfile.TarInfo) else tarfile.TarInfo(name)
            info.size = len(content)
            made.addfile(info, io.BytesIO(content))
    return path


def package(tmp_path: Path, *definitions: bytes, version: str = "1.0.0") -> Path:
    members = [(f"package/{number}.json", content) for number, content in enumerate(definitions)]
    return archive(tmp_path / "it.tgz", ("package/package.json", manifest(version)), *members)


def test_an_archive_is_read_with_what_its_package_json_says(tmp_path: Path) -> None:
    example = json.dumps({"resourceType": "Patient"}).encode()
    members = [("package/package.json", manifest()), ("package/a.json", definition("urn:a", version="2"))]
    path = archive(tmp_path / "it.tgz", *members, ("package/b.xml", XML), ("package/example/p.json", example))
    found = read_package(path)
    assert (str(found.pin), found.pin.release, found.left_out) == ("test.invented#1.0.0", Release.R4, ())
    assert [(one.url, one.version, one.resource_type) for one in found.definitions] == [
        ("urn:a", "2", "ValueSet"),
        ("urn:in-xml", "", "ValueSet"),
    ]


@pytest.mark.parametrize(
    ("says", "release"),
    [
        ({"fhirVersions": ["3.0.2"]}, Release.STU3),
        ({"fhirVersions": None, "dependencies": {"hl7.fhir.r3.core": "3.0.2"}}, Release.STU3),
        ({"fhirVersions": None, "fhir-version-list": ["4.0.1"]}, Release.R4),
    ],
)
def test_a_package_says_its_release_in_several_ways(tmp_path: Path, says: dict[str, Any], release: Release) -> None:
    members = [("package/package.json", manifest(**says)), ("package/a.json", definition("urn:a"))]
    assert read_package(archive(tmp_path / "it.tgz", *members)).pin.release is release


def test_a_folder_without_package_json_is_called_what_the_caller_says(tmp_path: Path) -> None:
    (tmp_path / "below").mkdir()
    (tmp_path / "below" / "a.json").write_bytes(definition("urn:a"))
    (tmp_path / "notes.xml").write_bytes(b"<notes/>")
    found = read_package(tmp_path, pin="invented#0.1", release=Release.STU3)
    assert (str(found.pin), found.left_out) == ("invented#0.1", ("notes.xml",))
    with pytest.raises(PackageError, match="for which FHIR release"):
        read_package(tmp_path)
    with pytest.raises(PackageError, match="name#version"):
        read_package(tmp_path, release=Release.R4)


@pytest.mark.parametrize(
    "name", ["../evil.json", "package/../../evil.json", "/etc/evil.json", "package\\..\\evil.json"]
)
def test_a_path_that_leads_outside_is_refused(tmp_path: Path, name: str) -> None:
    path = archive(tmp_path / "it.tgz", ("package/package.json", manifest()), (name, definition("urn:a")))
    with pytest.raises(PackageError, match="leads outside"):
        read_package(path)


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE])
def test_links_and_devices_are_refused(tmp_path: Path, kind: bytes) -> None:
    link = tarfile.TarInfo("package/a.json")
    link.type, link.linkname = kind, "/etc/passwd"
    with pytest.raises(PackageError, match="link or a device"):
        read_package(archive(tmp_path / "it.tgz", (link, b"")))


def test_a_link_in_a_folder_that_leads_out_of_it_is_refused(tmp_path: Path) -> None:
    (tmp_path / "outside.json").write_bytes(definition("urn:a"))
    (tmp_path / "it").mkdir()
    (tmp_path / "it" / "a.json").symlink_to(tmp_path / "outside.json")
    with pytest.raises(PackageError, match="leads out of the folder"):
        read_package(tmp_path / "it", pin="invented#1", release=Release.R4)


def test_an_archive_that_swells_is_read_no_further_than_its_limit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.fhir.packages.files.BYTES_MAX", 1024 * 1024)
    path = tmp_path / "bomb.tgz"
    with gzip.open(path, "wb") as made:
        info = tarfile.TarInfo("package/zeros.bin")  # not even a file that would be kept
        info.size = 64 * 1024 * 1024
        made.write(info.tobuf())
        made.write(bytes(info.size))
    assert path.stat().st_size < 100_000
    with pytest.raises(PackageError, match="too large when it is unpacked"):
        read_package(path)


def test_too_large_files_and_too_many_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = package(tmp_path, definition("urn:a"), definition("urn:b"))
    monkeypatch.setattr("app.fhir.packages.files.FILES_MAX", 2)
    with pytest.raises(PackageError, match="too many files"):
        read_package(path)
    monkeypatch.setattr("app.fhir.packages.files.FILE_BYTES_MAX", 10)
    with pytest.raises(PackageError, match="file that is too large"):
        read_package(path)


@pytest.mark.parametrize(
    "content", [b"", b"not gzip", gzip.compress(b"not tar" * 200, mtime=0), gzip.compress(b"x" * 999, mtime=0)[:-9]]
)
def test_what_is_no_archive_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "it.tgz"
    path.write_bytes(content)
    with pytest.raises(PackageError, match=r"not a package|for which FHIR release"):
        read_package(path)


@pytest.mark.parametrize(
    "says",
    [
        b"[]",
        b"{",
        b'{"a":' * 100_000,
        manifest(fhirVersions=4),
        manifest(name="../up"),
        manifest(version="a/b"),
        manifest(name=""),
    ],
)
def test_a_package_json_that_is_none_or_has_a_name_that_is_a_path_is_refused(tmp_path: Path, says: bytes) -> None:
    path = archive(tmp_path / "it.tgz", ("package/package.json", says), ("package/a.json", definition("urn:a")))
    with pytest.raises(PackageError):
        read_package(path)


@pytest.mark.parametrize(
    "content",
    [
        b'{"resourceType":"ValueSet","url":"urn:b","x":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        b"[" * 100_000,
        b"<ValueSet xmlns='http://hl7.org/fhir'>" + b"<a>" * 100_000,
        b'{"resourceType":"ValueSet","url":"urn:b","x":' + b"1" * 10_000 + b"}",
        b'{"resourceType":"ValueSet","url":"urn:\\ud800"}',
        b'{"resourceType":["ValueSet"],"url":{"urn:b":1}}',
        b"\xff\xfe",
        b"",
    ],
)
def test_a_file_that_nobody_can_use_is_left_out_or_not_taken_for_a_definition(tmp_path: Path, content: bytes) -> None:
    form = "xml" if content.startswith(b"<") else "json"
    (tmp_path / "a.json").write_bytes(definition("urn:a"))
    (tmp_path / f"b.{form}").write_bytes(content)
    found = read_package(tmp_path, pin="invented#1", release=Release.R4)
    assert [one.url for one in found.definitions] == ["urn:a"]


def test_definitions_are_found_by_url_and_version_and_the_newest_package_wins(tmp_path: Path) -> None:
    library = Library(tmp_path / "library")
    for version, text in (("1.10.0", "new"), ("1.9.0", "old"), ("1.10.0-rc.1", "nearly new")):
        content = definition("urn:a", version=version, title=text)
        library.load(read_package(package(tmp_path, content, definition("urn:b", title="1.50"), version=version)))
    assert [(str(one.pin), one.count) for one in library.packages()] == [
        ("test.invented#1.9.0", 2),
        ("test.invented#1.10.0-rc.1", 2),
        ("test.invented#1.10.0", 2),
    ]
    definitions = library.definitions(Release.R4)

    def title(url: str) -> str | None:
        found = definitions.find(url)
        return None if found is None else str(found["title"])

    assert [title(url) for url in ("urn:a", "urn:a|1.9.0", "urn:a|2", "urn:c")] == ["new", "old", None, None]
    assert len(library.definitions(Release.STU3)) == 0


def test_a_version_that_is_loaded_never_changes(tmp_path: Path) -> None:
    library = Library(tmp_path / "library")
    library.load(read_package(package(tmp_path, definition("urn:a"))))
    with pytest.raises(PackageError, match="loaded already"):
        library.load(read_package(package(tmp_path, definition("urn:b"))))
    assert library.definitions(Release.R4).find("urn:b") is None


def test_what_a_package_is_made_of_is_on_disk_before_it_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: dict[int, int] = {}

    def sync(descriptor: int) -> None:
        found = os.fstat(descriptor)
        synced[found.st_ino] = found.st_size

    monkeypatch.setattr("app.fhir.packages.library.os.fsync", sync)
    library = Library(tmp_path / "packages")
    library.load(read_package(package(tmp_path, definition("urn:a"))))
    library.pin("test.invented#1.0.0")
    files = [path.stat() for path in library.folder.rglob("*") if path.is_file()]
    assert synced == {file.st_ino: file.st_size for file in files}
    assert len(files) == 3


def test_a_library_without_a_folder_is_empty(tmp_path: Path) -> None:
    library = Library(tmp_path / "none")
    assert library.packages() == []
    assert library.definitions(Release.R4).find("urn:a") is None


def test_the_command_loads_lists_and_says_why_it_does_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REGIE_PACKAGES_FOLDER", str(tmp_path / "library"))
    path = package(tmp_path, definition("urn:a"))
    run = CliRunner()
    assert (
        run.invoke(commands(), ["load", str(path)]).output == "test.invented#1.0.0 is loaded for r4: 1 definitions.\n"
    )
    again = run.invoke(commands(), ["load", str(path)])
    assert (again.exit_code, again.output) == (1, "test.invented#1.0.0 is loaded already; a version never changes.\n")
    assert run.invoke(commands(), ["load", str(path), "--release", "r5"]).output == "The release is stu3 or r4.\n"
    lines = run.invoke(commands(), ["list"]).output.splitlines()
    assert lines[-1] == "test.invented#1.0.0 r4 1"
    assert [line.split("#")[0] for line in lines] == ["regie.fhir.r4", "regie.fhir.stu3", "test.invented"]


def test_the_packages_of_regie_are_there_and_stay(tmp_path: Path) -> None:
    library = Library(tmp_path / "library", PROFILES)
    url = "https://regie.example/fhir/StructureDefinition/blood-pressure"
    for release in Release:
        found = library.definitions(release).find(url)
        assert found is not None
        assert found["fhirVersion"] == release.fhir_version
    assert [one.pin.name for one in library.packages()] == ["regie.fhir.r4", "regie.fhir.stu3"]
    with pytest.raises(PackageError, match="part of Regie"):
        library.load(read_package(PROFILES / "r4"))
    with pytest.raises(PackageError, match="part of Regie"):
        library.remove(str(library.packages()[0].pin))


def test_a_package_may_depend_on_the_packages_of_regie(tmp_path: Path) -> None:
    library = Library(tmp_path / "library", PROFILES)
    says = manifest(dependencies={"regie.fhir.r4": "0.1.x", "not.there": "1.0.0"})
    made = archive(tmp_path / "it.tgz", ("package/package.json", says), ("package/a.json", definition("urn:a")))
    library.load(read_package(made))
    assert library.packages()[-1].missing == ("not.there#1.0.0",)
