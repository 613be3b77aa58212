"""``regie practice`` and the keys of ``regie client``, as an operator runs them."""

import json
import re
import subprocess
from pathlib import Path

import pytest
from joserfc.jwk import ECKey

from tests.support.ports import free_port
from tests.support.running import Program


@pytest.fixture(scope="module")
def program(database_kind: str, tmp_path_factory: pytest.TempPathFactory) -> Program:
    made = Program(tmp_path_factory.mktemp("program"), free_port(), {})
    made.run("migrate")
    return made


def practice_of(program: Program) -> str:
    return program.run("practice", "add", "--name", "Praktijk De Proef-Test", "--city", "Testdam")


def test_an_operator_invites_the_first_administrator(program: Program) -> None:
    practice_id = practice_of(program)
    link = program.run("practice", "add-staff", practice_id, "--name", "Klaver-Testmedewerker", "--administrator")
    assert re.fullmatch(rf"{program.url}/practice/join\?token=[\w-]{{43}}", link)
    assert program.run("practice", "staff", practice_id) == ""


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("add-staff", "nowhere", "--name", "Klaver-Testmedewerker", "--role", "gp"), "no such practice"),
        (("add-staff", "PRACTICE", "--name", "Klaver-Testmedewerker"), "has a role in care, or administers"),
        (("add-staff", "PRACTICE", "--name", "Klaver", "--role", "gp", "--registration", "12"), "8 to 11 digits"),
        (("add-staff", "PRACTICE", "--name", "Klaver", "--role", "emperor"), "emperor"),
        (("set-staff", "PRACTICE", "nobody", "--role", "gp"), "Nobody with this login"),
        (("end-staff", "PRACTICE", "nobody"), "Nobody with this login"),
        (("staff", "nowhere"), "no such practice"),
    ],
)
def test_what_can_not_be_is_said(program: Program, arguments: tuple[str, ...], told: str) -> None:
    practice_id = practice_of(program)
    with pytest.raises(subprocess.CalledProcessError) as caught:
        program.run("practice", *[practice_id if one == "PRACTICE" else one for one in arguments])
    assert told in caught.value.stderr


def test_an_operator_changes_the_key_of_a_system(program: Program) -> None:
    old, new = ECKey.generate_key("P-384"), ECKey.generate_key("P-384")
    while not old.thumbprint().startswith("-"):
        old = ECKey.generate_key("P-384")
    files = {}
    for name, key in (
        ("old", {"keys": [old.as_dict(private=False)]}),
        ("new", new.as_dict(private=False)),
        ("secret", new.as_dict(private=True)),
    ):
        files[name] = Path(program.folder) / f"{name}.json"
        files[name].write_text(json.dumps(key))
    client_id = program.run(
        "client", "add", "--name", "Systeem-Test", "--practice", practice_of(program), "--scope", "system/*.rs",
        "--jwks-file", str(files["old"]),
    )  # fmt: skip
    with pytest.raises(subprocess.CalledProcessError) as caught:
        program.run("client", "add-key", client_id, str(files["secret"]))
    assert "private key" in caught.value.stderr
    assert program.run("client", "add-key", client_id, str(files["new"])) == new.thumbprint()
    assert len(program.run("client", "keys", client_id).splitlines()) == 2
    program.run("client", "retire-key", client_id, old.thumbprint())
    assert program.run("client", "keys", client_id).split()[0] == new.thumbprint()
    with pytest.raises(subprocess.CalledProcessError) as caught:
        program.run("client", "retire-key", client_id, new.thumbprint())
    assert "only key" in caught.value.stderr
