"""The container's recipe, read as far as that is possible without building it."""

import json
import re
import shlex
from pathlib import Path

import pytest

from app.settings import Settings

ROOT = Path(__file__).resolve().parents[2]


def instructions() -> list[tuple[str, str]]:
    """Every instruction with its text, continued lines joined."""
    text = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    lines = re.sub(r"\\\n\s*", "", text).splitlines()
    return [
        (line.split(maxsplit=1)[0], line.split(maxsplit=1)[1]) for line in lines if line and not line.startswith("#")
    ]


def last_stage() -> list[tuple[str, str]]:
    found = instructions()
    start = max(place for place, (word, _) in enumerate(found) if word == "FROM")
    return found[start:]


def variables() -> dict[str, str]:
    return dict(pair.split("=", 1) for word, text in last_stage() if word == "ENV" for pair in shlex.split(text))


def test_what_builds_is_not_in_what_runs() -> None:
    stages = [text for word, text in instructions() if word == "FROM"]
    assert len(stages) == 2
    assert not any("pip" in text for word, text in last_stage() if word == "RUN")


def test_the_program_does_not_run_as_root() -> None:
    users = [text for word, text in last_stage() if word == "USER"]
    assert users
    assert users[-1].split(":")[0] not in {"root", "0"}


def test_everything_that_is_written_is_in_the_volume() -> None:
    volume = next(text for word, text in last_stage() if word == "VOLUME")
    assert variables()["REGIE_DATABASE_URL"].startswith(f"sqlite:///{volume}/")
    assert variables()["REGIE_SECRET_FILE"].startswith(f"{volume}/")
    assert variables()["PYTHONDONTWRITEBYTECODE"] == "1"


def test_every_variable_is_a_setting() -> None:
    named = {name.removeprefix("REGIE_").lower() for name in variables() if name.startswith("REGIE_")}
    assert named <= set(Settings.model_fields)


def test_its_health_is_whether_it_is_ready() -> None:
    check = next(text for word, text in last_stage() if word == "HEALTHCHECK")
    assert "/health/ready" in check
    assert "curl" not in check


def test_the_health_check_is_a_program_that_compiles() -> None:
    check = next(text for word, text in last_stage() if word == "HEALTHCHECK")
    program, option, source = json.loads(check.partition("CMD ")[2])
    assert (program, option) == ("python", "-c")
    compile(source, "health check", "exec")


@pytest.mark.parametrize("word", ["ENTRYPOINT", "CMD"])
def test_signals_reach_the_program(word: str) -> None:
    arguments = json.loads(next(text for each, text in last_stage() if each == word))
    assert all(isinstance(argument, str) for argument in arguments)


def test_what_is_copied_exists_and_is_let_through() -> None:
    ignored = (ROOT / ".dockerignore").read_text(encoding="utf-8").split()
    sources = [
        source
        for word, text in instructions()
        if word == "COPY" and not text.startswith("--from")
        for source in text.split()[:-1]
    ]
    assert sources
    for source in sources:
        assert (ROOT / source).exists(), source
        assert f"!{source}" in ignored, source
