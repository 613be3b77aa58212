"""docs/archive.md: what it says is in an archive is in it, and its commands are followed word for word."""

import json
import re
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest

from tests.support.ports import free_port
from tests.support.running import Program

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "archive.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Program, Path, str]:
    """A server, and the archive of one of its people, made as the page says."""
    folder = tmp_path_factory.mktemp("archive")
    program = Program(folder, free_port(), {})
    program.run("migrate")
    person: dict[str, Any] = json.loads(program.run("demo", "--json"))["people"][1]
    patient, archive = person["patients"]["r4"], folder / "record.zip"
    program.run(*command("record export", ID=patient, **{"record.zip": str(archive)}))
    return program, archive, patient


def command(begin: str, **filled: str) -> list[str]:
    """Return the words of the command on the page that begins so."""
    (line,) = re.findall(rf"^    \.venv/bin/regie ({begin} .*)$", PAGE, re.MULTILINE)
    return [filled.get(word, word) for word in line.split()]


def verified(archive: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    (line,) = re.findall(r"^    python (examples/verify_archive\.py) record\.zip$", PAGE, re.MULTILINE)
    command_line = [sys.executable, line, str(archive), *arguments]
    return subprocess.run(command_line, capture_output=True, text=True, check=False, cwd=ROOT)


def test_an_archive_has_the_files_that_the_page_lists(made: tuple[Program, Path, str]) -> None:
    listed = set(re.findall(r"`([\w/-]+\.(?:txt|ndjson|json|pdf|csv|sig))`", PAGE.partition("## The signature")[0]))
    with zipfile.ZipFile(made[1]) as archive:
        assert set(archive.namelist()) == listed - {"earlier-logs/1.ndjson"}
        manifest = json.loads(archive.read("manifest.json"))
        text = archive.read("README.txt").decode()
    assert all(f"`{name}`" in PAGE for name in manifest if name not in ("kind", "counts", "files", "person"))
    assert all(name in text for name in listed - {"README.txt", "earlier-logs/1.ndjson"})


def test_the_script_says_what_the_page_shows(made: tuple[Program, Path, str]) -> None:
    told = verified(made[1])
    assert told.returncode == 0, told.stdout + told.stderr
    shown = re.findall(r"^    (The record of .*|\d+ changes .*|It is signed .*)$", PAGE, re.MULTILINE)
    pattern = [
        re.sub(r"\\?\b(Zonnestraal\\-Testpersoon|2026\S+Z|http:\S+\d|KID|\d+)", r".+", re.escape(line))
        for line in shown
    ]
    assert len(shown) == 3
    for line, expected in zip(told.stdout.splitlines(), pattern, strict=True):
        assert re.fullmatch(expected, line), (line, expected)
    kid = told.stdout.rsplit(" ", 1)[1].strip().rstrip(".")
    assert verified(made[1], f"--key={kid}").returncode == 0
    assert "you trust" in verified(made[1], f"--key={'A' * 43}").stdout


@pytest.mark.parametrize(
    ("name", "old", "new", "fault"),
    [
        ("manifest.json", b'"changes"', b'"CHANGES"', "signature"),
        ("record.ndjson", b'"final"', b'"FINAL"', "record.ndjson was altered"),
        ("log.csv", b"operator", b"somebody", "log.csv was altered"),
        ("manifest.sig", b'"kid":"', b'"kid":"x', "another key"),
    ],
)
def test_the_script_finds_what_was_altered(
    made: tuple[Program, Path, str], tmp_path: Path, name: str, old: bytes, new: bytes, fault: str
) -> None:
    altered = tmp_path / "altered.zip"
    with zipfile.ZipFile(made[1]) as archive, zipfile.ZipFile(altered, "w") as copy:
        for one in archive.namelist():
            content = archive.read(one)
            assert one != name or old in content
            copy.writestr(one, content.replace(old, new) if one == name else content)
    told = verified(altered)
    assert told.returncode == 1
    assert fault in told.stdout
    assert "Traceback" not in told.stderr


def test_the_script_says_of_anything_else_that_it_is_no_archive(tmp_path: Path) -> None:
    odd = tmp_path / "odd.zip"
    odd.write_bytes(b"no zip")
    told = verified(odd)
    assert (told.returncode, told.stderr) == (1, "")
    assert "no archive" in told.stdout


def test_it_is_taken_in_by_another_server_as_the_page_says(
    made: tuple[Program, Path, str], tmp_path_factory: pytest.TempPathFactory
) -> None:
    _, archive, patient = made
    other = Program(tmp_path_factory.mktemp("other"), free_port(), {})
    other.run("migrate")
    with zipfile.ZipFile(archive) as packed:
        kid = json.loads(packed.read("manifest.sig"))["kid"]
    words = command("record import", KID=kid, **{"record.zip": str(archive)})
    unknown = [word for word in words if word not in ("--trust", kid)]
    with pytest.raises(subprocess.CalledProcessError) as caught:
        other.run(*unknown)
    assert kid in caught.value.stderr
    assert "Traceback" not in caught.value.stderr
    assert f"r4 Patient/{patient}" in other.run(*words)
    assert "Nothing was changed" in other.run(*words)
    assert other.run("audit", "verify") == "The audit log and all records are sound."
    again = archive.with_name("again.zip")
    other.run("record", "export", "--archive", "--patient", patient, "--output", str(again))
    told = verified(again)
    assert told.returncode == 0, told.stdout
    with zipfile.ZipFile(archive) as first, zipfile.ZipFile(again) as second:
        for name in ("fhir/r4-versions.ndjson", "fhir/stu3-versions.ndjson"):
            assert first.read(name) == second.read(name)
        assert "earlier-logs/1.ndjson" in second.namelist()
