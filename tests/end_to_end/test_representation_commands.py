"""``regie representation`` as an operator runs it: a child without a login, its parent, and its own login later."""

import re
import subprocess
from datetime import date, timedelta

import pytest

from tests.support.ports import free_port
from tests.support.running import Program


@pytest.fixture(scope="module")
def program(database_kind: str, tmp_path_factory: pytest.TempPathFactory) -> Program:
    folder = tmp_path_factory.mktemp("representation")
    program = Program(folder, free_port(), {"REGIE_MAIL_URL": f"file:{folder / 'mail'}"})
    program.run("migrate")
    return program


def refused(program: Program, *arguments: str) -> str:
    with pytest.raises(subprocess.CalledProcessError) as caught:
        program.run("representation", *arguments)
    assert "Traceback" not in caught.value.stderr
    return str(caught.value.stderr)


def child(program: Program) -> str:
    """Return the Patient in R4 of a new record without a login."""
    told = program.run(
        "representation", "new-record", "--name", "Fenna Maanlicht-Testpersoon", "--by", "Balie Proefdorp"
    )
    found = re.fullmatch(r"stu3 \S+\nr4 (\S+)", told)
    assert found is not None, told
    return found[1]


def adult(program: Program, login: str) -> None:
    """Make a record and a login of somebody who is to act for others."""
    name = ("--name", "Moeder Maanlicht-Testpersoon", "--by", "Balie Proefdorp")
    patient = program.run("representation", "new-record", *name).split()[-1]
    told = program.run("representation", "new-login", "--patient", patient, "--login", login, *name)
    assert re.fullmatch(r"password \S{20}\nphone otpauth://totp/\S+", told), told


def test_a_parent_of_a_child_without_a_login_is_entered_listed_and_ended(program: Program) -> None:
    patient, by = child(program), ("--by", "Balie Proefdorp")
    adult(program, "moeder")
    born = date.today().replace(day=1) - timedelta(days=8 * 365)
    add = ("add", "--patient", patient, "--login", "moeder", *by)
    parent = ("--as", "parent", "--birth-date", born.isoformat())
    assert "say --name" in refused(program, *add, *parent)
    named = (*add, "--name", "Fenna Maanlicht-Testpersoon")
    assert "birth date" in refused(program, *named, "--as", "parent")
    assert "last day" in refused(program, *named, "--as", "legal-representative")
    assert "no last day" in refused(program, *named, "--as", "legal-representative", "--until", "9999-12-31")
    assert "birth date" in refused(program, *named, "--as", "carer")
    assert "no birth date of a child" in refused(program, *named, "--as", "parent", "--birth-date", "2999-01-01")
    assert "There is no such login." in refused(program, *named, *parent, "--login", "niemand")
    grant_id = program.run("representation", *named, *parent)
    twelve = born.replace(year=born.year + 12)
    listed = program.run("representation", "list", "--patient", patient, *by)
    assert listed == f"{grant_id}  parent  Moeder Maanlicht-Testpersoon  until {twelve}  in force"
    assert program.run("representation", "end", grant_id, "--patient", patient, *by) == "It is over."
    assert program.run("representation", "list", "--patient", patient, *by).endswith("over")
    assert "no such representation" in refused(program, "end", "x", "--patient", patient, *by)


def test_a_record_gets_one_login_and_nobody_acts_for_themselves(program: Program) -> None:
    patient, who = child(program), ("--name", "Fenna Maanlicht-Testpersoon", "--by", "Balie Proefdorp")
    program.run("representation", "new-login", "--patient", patient, "--login", "fenna", *who)
    assert "has a login" in refused(program, "new-login", "--patient", patient, "--login", "fenna2", *who)
    until = (date.today() + timedelta(days=30)).isoformat()
    legal = ("--as", "legal-representative", "--until", until)
    assert "login of their own" in refused(
        program, "add", "--patient", patient, "--login", "fenna", *legal, "--by", "Balie Proefdorp"
    )
    adult(program, "mentor")
    assert program.run(
        "representation", "add", "--patient", patient, "--login", "mentor", *legal, "--by", "Balie Proefdorp"
    )
