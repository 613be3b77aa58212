"""``regie audit`` as an operator runs it, and the script that a person runs on an export."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support.ports import free_port
from tests.support.running import Program

SCRIPT = Path(__file__).parents[2] / "examples" / "verify_log.py"


@pytest.fixture(scope="module")
def program(database_kind: str, tmp_path_factory: pytest.TempPathFactory) -> Program:
    folder = tmp_path_factory.mktemp("audit")
    program = Program(folder, free_port(), {"REGIE_MAIL_URL": f"file:{folder / 'mail'}"})
    program.run("migrate")
    return program


def script(*arguments: str) -> subprocess.CompletedProcess[str]:
    # Without what Regie needs: -S leaves out the packages that are installed, -I this folder.
    return subprocess.run(
        [sys.executable, "-I", "-S", str(SCRIPT), *arguments], capture_output=True, text=True, check=False
    )


def test_an_export_can_be_checked_by_its_person_alone_and_against_the_log(program: Program, tmp_path: Path) -> None:
    demo: dict[str, Any] = json.loads(program.run("demo", "--json"))
    patient = demo["people"][0]["patients"]["r4"]
    first, second, cut = (tmp_path / name for name in ("first.ndjson", "second.ndjson", "cut.ndjson"))
    program.run("record", "export", "--patient", patient, "--output", str(first))
    kid = json.loads(first.read_bytes().splitlines()[-1])["seal"]["kid"]
    assert program.run("audit", "rotate-key") != kid
    program.run("record", "export", "--patient", patient, "--output", str(second))

    checked = script(str(second), str(first), f"--key={kid}")
    assert (checked.returncode, checked.stderr) == (0, ""), checked.stdout
    assert "none altered" in checked.stdout
    sound = "The audit log and all records are sound."
    assert program.run("audit", "verify", "--export", str(first), "--export", str(second)) == sound

    lines = second.read_bytes().splitlines(keepends=True)
    cut.write_bytes(b"".join([*lines[:-2], lines[-1]]))
    checked = script(str(cut))
    assert (checked.returncode, checked.stderr) == (1, "")
    assert "cut off" in checked.stdout
    assert script(str(first), "--key=another").returncode == 1


def test_a_file_without_a_seal_is_refused_in_words(program: Program, tmp_path: Path) -> None:
    file = tmp_path / "none.ndjson"
    file.write_text("{}\n")
    with pytest.raises(subprocess.CalledProcessError) as caught:
        program.run("audit", "verify", "--export", str(file))
    assert "There is no seal" in caught.value.stderr
    assert "Traceback" not in caught.value.stderr
