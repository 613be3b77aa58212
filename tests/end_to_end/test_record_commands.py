"""``regie record`` as an operator runs it, and what is left of a person afterwards."""

import json
import os
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.support.database import file_at
from tests.support.ports import free_port
from tests.support.processes import served
from tests.support.running import Program
from tests.support.waiting import until


@pytest.fixture(scope="module")
def program(database_kind: str, tmp_path_factory: pytest.TempPathFactory) -> Program:
    folder = tmp_path_factory.mktemp("record")
    program = Program(
        folder, free_port(), {"REGIE_MAIL_URL": f"file:{folder / 'mail'}", "REGIE_ERASED_LIST": str(folder / "erased")}
    )
    program.run("migrate")
    return program


def refusal(program: Program, *arguments: str) -> subprocess.CalledProcessError:
    with pytest.raises(subprocess.CalledProcessError) as caught:
        program.run(*arguments)
    assert caught.value.returncode == 1
    assert "Traceback" not in caught.value.stderr
    return caught.value


def person(number: int, program: Program) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(program.run("demo", "--json"))["people"][number]
    return found


def test_a_record_is_taken_along_checked_erased_and_brought_back(program: Program, tmp_path: Path) -> None:
    patient = person(0, program)["patients"]["r4"]
    file = tmp_path / "record.ndjson"
    program.run("record", "export", "--patient", patient, "--output", str(file))
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    head = json.loads(file.read_bytes().splitlines()[0])
    assert program.run("record", "export", "--verify", str(file)) == "The export is sound and whole."

    proof = tmp_path / "proof.ndjson"
    program.run("record", "erase", "--patient", patient, "--release", "r4", "--yes", "--proof", str(proof))
    assert stat.S_IMODE(proof.stat().st_mode) == 0o600
    checked = subprocess.run(
        [sys.executable, "examples/verify_log.py", "--erasure", proof, file],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (checked.returncode, "was erased on" in checked.stdout) == (0, True), checked.stdout
    assert "There is no such Patient." in refusal(program, "record", "export", "--patient", patient).stderr
    assert program.run("audit", "verify") == "The audit log and all records are sound."

    told = program.run("record", "import", str(file), "--as-operator")
    assert told.startswith(f"{head['changes']} changes are in the record of "), told
    assert f"r4 Patient/{patient}" in told
    assert program.run("audit", "verify") == "The audit log and all records are sound."
    again = program.run("record", "export", "--patient", patient).encode()
    assert json.loads(again.splitlines()[0])["hash"] == head["hash"]
    assert "Nothing was changed" in program.run("record", "import", str(file), "--as-operator")


def test_a_record_is_put_in_the_time_zone_that_its_person_lives_in(program: Program) -> None:
    patient = person(1, program)["patients"]["r4"]
    assert program.run("record", "time-zone", "America/New_York", "--patient", patient).endswith(
        "America/New_York now."
    )
    head = json.loads(program.run("record", "export", "--patient", patient).splitlines()[0])
    assert head["time_zone"] == "America/New_York"
    assert "time zone" in refusal(program, "record", "time-zone", "Mars/Base", "--patient", patient).stderr
    program.run("record", "time-zone", "Europe/Amsterdam", "--patient", patient)


def test_an_export_that_was_altered_is_told_of(program: Program, tmp_path: Path) -> None:
    patient = person(1, program)["patients"]["stu3"]
    lines = (
        program.run("record", "export", "--patient", patient, "--release", "stu3").encode().splitlines(keepends=True)
    )
    file = tmp_path / "record.ndjson"
    file.write_bytes(b"".join([lines[0], lines[1].replace(b'"operator"', b'"somebody"'), *lines[2:]]))
    assert "Change 1 was altered." in refusal(program, "record", "export", "--verify", str(file)).stdout
    assert "Change 1 was altered." in refusal(program, "record", "import", str(file), "--as-operator").stderr


def test_lines_of_fhir_are_imported_and_a_bad_one_is_told_of(program: Program, tmp_path: Path) -> None:
    file = tmp_path / "resources.ndjson"
    lines = [
        {"resourceType": "Patient", "id": "weerklank", "name": [{"family": "Weerklank-Testpersoon"}]},
        {"resourceType": "Observation", "id": "bad", "subject": {"reference": "Patient/weerklank"}},
    ]
    file.write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    refused = refusal(program, "record", "import", str(file), "--release", "stu3", "--as-operator")
    assert refused.stdout == "1 resource is in.\n"
    assert "resources.ndjson, line 2: Observation.status:" in refused.stderr
    assert program.run("record", "erase", "--patient", "weerklank", "--release", "stu3", "--yes")


def test_a_folder_is_imported_with_a_report_of_what_was_refused_and_once(program: Program, tmp_path: Path) -> None:
    folder, report = tmp_path / "in", tmp_path / "report.ndjson"
    folder.mkdir()
    (folder / "Patient.ndjson").write_text('{"resourceType": "Patient", "id": "avondrood"}\n')
    measured = {"resourceType": "Observation", "id": "bad", "subject": {"reference": "Patient/avondrood"}}
    (folder / "Observation.ndjson").write_text(f"\n{json.dumps(measured)}\n")
    command = ("record", "import", str(folder), "--release", "r4", "--as-operator", "--report", str(report))
    assert refusal(program, *command).stdout == "1 resource is in.\n"
    (line,) = map(json.loads, report.read_text().splitlines())
    assert (line["file"], line["line"], line["resource"]) == (str(folder / "Observation.ndjson"), 2, "Observation/bad")
    assert "Observation.status" in [place for issue in line["outcome"]["issue"] for place in issue["expression"]]
    assert "it has to be a new file" in refusal(program, *command).stderr
    report.unlink()
    (folder / "Observation.ndjson").unlink()
    assert "1 of them were in already" in program.run(*command)
    assert program.run("record", "erase", "--patient", "avondrood", "--release", "r4", "--yes")


def test_a_backup_is_erased_again_by_the_list_that_the_server_keeps(program: Program, tmp_path: Path) -> None:
    database, backup = file_at(program.database_url), tmp_path / "backup.sqlite3"
    patient = person(2, program)["patients"]["r4"]
    with closing(sqlite3.connect(database)) as source, closing(sqlite3.connect(backup)) as target:
        source.backup(target)
    program.run("record", "erase", "--patient", patient, "--yes")
    list_file = program.folder / "erased"
    with served(program):
        until(lambda: patient_is_listed(list_file), "The list does not name who was erased.")
    with closing(sqlite3.connect(backup)) as source, closing(sqlite3.connect(database)) as target:
        source.backup(target)
    assert program.run("record", "export", "--patient", patient)
    assert program.run("record", "erase", "--again", str(list_file), "--yes") == "1 records were erased again."
    assert "There is no such Patient." in refusal(program, "record", "export", "--patient", patient).stderr
    assert program.run("record", "erase", "--again", str(list_file), "--yes") == "0 records were erased again."
    assert program.run("record", "overwrite") == "Nothing of what was removed is left."
    assert program.run("audit", "verify") == "The audit log and all records are sound."


def patient_is_listed(list_file: Path) -> bool:
    return list_file.exists() and bool(list_file.read_text())


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["erase", "--yes"], "--patient ID"),
        (["erase", "--again", "not-there", "--yes"], "can't be read"),
        (["erase", "--again", "pyproject.toml", "--yes"], "Line 1 is none of a list"),
        (["erase", "--patient", "x"], "say --yes"),
        (["erase", "--patient", "x", "--yes"], "There is no such Patient."),
        (["export"], "--patient ID"),
        (["export", "--patient", "x", "--release", "r5"], "The release is stu3 or r4."),
        (["export", "--verify", "not-there"], "can't be read"),
        (["import", "not-there", "--as-operator"], "not-there is not there"),
        (["import", "README.md", "not-there", "--release", "r4", "--as-operator"], "not-there is not there"),
        (["import", "pyproject.toml"], "--as-operator"),
        (["import", "pyproject.toml", "--as-operator"], "--release"),
    ],
)
def test_a_command_that_is_not_clear_does_nothing_and_says_why(
    program: Program, arguments: list[str], told: str
) -> None:
    assert told in refusal(program, "record", *arguments).stderr


def test_a_record_that_is_not_there_leaves_no_file_for_its_proof(program: Program, tmp_path: Path) -> None:
    proof = tmp_path / "proof.ndjson"
    for _ in range(2):
        told = refusal(program, "record", "erase", "--patient", "x", "--yes", "--proof", str(proof)).stderr
        assert "There is no such Patient." in told
    assert not proof.exists()


@pytest.fixture
def full_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system on which files can be made, and nothing be written."""
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=4k", "none", str(folder)]
    if os.geteuid() != 0 or subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("a small file system can be made by root only")
    (folder / "filling").write_bytes(bytes(4096))
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def new_patient(program: Program) -> str:
    """Return the Patient of a new record."""
    made = program.run("representation", "new-record", "--name", "Weerklank-Testpersoon", "--by", "Front desk")
    return made.split()[-1]


@pytest.mark.parametrize("form", [[], ["--archive"]])
def test_an_export_that_the_disk_has_no_room_for_says_so_and_leaves_nothing(
    program: Program, full_disk: Path, form: list[str]
) -> None:
    file = full_disk / "record"
    told = refusal(program, "record", "export", *form, "--patient", new_patient(program), "--output", str(file))
    assert told.stderr == f"{file} can't be written: No space left on device.\n"
    assert not file.exists()


def test_a_proof_that_the_disk_has_no_room_for_is_shown(program: Program, full_disk: Path) -> None:
    file = full_disk / "proof"
    told = refusal(program, "record", "erase", "--patient", new_patient(program), "--yes", "--proof", str(file))
    assert told.stderr.startswith("The record is erased.\n")
    assert not file.exists()
    assert [json.loads(line)["line"] for line in told.stdout.splitlines()] == ["erasure", "counted", "audit", "seal"]


def test_a_correction_is_asked_of_a_practice_that_may_see_messages_only(program: Program) -> None:
    patient = person(1, program)["patients"]["r4"]
    practice = json.loads(program.run("demo", "--json"))["practices"][0]["practice_id"]
    asked = ("record", "ask-correction", "--patient", patient, "--practice", practice, "--topic", "Weight")
    wrong = ("--text", "It says 720 kg, it is 72 kg.")
    assert "does not see messages" in refusal(program, *asked, *wrong).stderr
    assert "as Type/id" in refusal(program, *asked, *wrong, "--about", "that one").stderr
