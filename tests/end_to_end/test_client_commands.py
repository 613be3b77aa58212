"""``regie client`` as an operator runs it."""

import json
import subprocess
from contextlib import closing
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from app.oauth.certificates import read
from tests.support.database import beside
from tests.support.ports import free_port
from tests.support.proofs import certificate
from tests.support.running import Program

REGISTERED = (
    *("client", "add", "--name", "An app", "--public"),
    *("--redirect-uri", "https://app.example/back", "--scope", "patient/*.rs"),
)


def reads_both(program: Program, client_id: str) -> bool:
    with closing(beside(program.database_url)) as connection:
        found = dict(connection.execute("SELECT client_id, both_releases FROM client").fetchall())
    return bool(found[client_id])


def test_an_operator_says_which_releases_a_client_reads(tmp_path: Path) -> None:
    program = Program(tmp_path, free_port(), {})
    program.run("migrate")
    app, other = program.run(*REGISTERED), program.run(*REGISTERED, "--both-releases")
    assert (reads_both(program, app), reads_both(program, other)) == (False, True)
    program.run("client", "releases", app, "both")
    program.run("client", "releases", other, "own")
    assert (reads_both(program, app), reads_both(program, other)) == (True, False)
    for arguments, told in ((("nobody", "both"), "no such client"), ((app, "neither"), "Name both, or own")):
        with pytest.raises(subprocess.CalledProcessError) as caught:
            program.run("client", "releases", *arguments)
        assert told in caught.value.stderr


def test_an_operator_sees_the_clients_and_ends_one(tmp_path: Path) -> None:
    program = Program(tmp_path, free_port(), {})
    program.run("migrate")
    app = program.run(*REGISTERED, "--launch-uri", "https://app.example/start", "--launch-release", "stu3")
    system = program.run(
        *(
            "client",
            "add",
            "--name",
            "A system",
            "--scope",
            "system/*.rs",
            "--redirect-uri",
            "https://system.example/back",
        ),
        *("--certificate-name", "tls_client_auth_san_dns=system.example"),
    )
    listed = program.run("client", "list").splitlines()
    assert listed == [f"{system}  tls_client_auth  goes on  A system", f"{app}  none  goes on  An app"]
    shown = json.loads(program.run("client", "show", app))
    assert (shown["launch_releases"], shown["auth_method"]) == (["stu3"], "none")
    assert program.run("client", "end", app) == "Ended; 0 people had given it access."
    assert f"{app}  none  ended  An app" in program.run("client", "list")
    for command in ("show", "end"):
        with pytest.raises(subprocess.CalledProcessError) as caught:
            program.run("client", command, app)
        assert "no such client" in caught.value.stderr


def test_an_operator_registers_the_certificate_of_a_system(tmp_path: Path) -> None:
    program = Program(tmp_path, free_port(), {})
    program.run("migrate")
    file = tmp_path / "system.pem"
    file.write_bytes(read(certificate("system")).public_bytes(Encoding.PEM))
    adding = (
        "client",
        "add",
        "--name",
        "A system",
        "--scope",
        "patient/*.rs",
        "--redirect-uri",
        "https://system.example/back",
    )
    system = program.run(*adding, "--certificate-file", str(file))
    assert json.loads(program.run("client", "show", system))["auth_method"] == "self_signed_tls_client_auth"
    file.write_text("nonsense")
    with pytest.raises(subprocess.CalledProcessError) as caught:
        program.run(*adding, "--certificate-file", str(file))
    assert "certificate" in caught.value.stderr
