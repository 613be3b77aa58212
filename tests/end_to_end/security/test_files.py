"""Who has an account on the same machine reads nothing of what the server keeps."""

import errno
import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.db.migrate import migrate
from app.settings import Settings


def _rights(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture(autouse=True)
def generous_umask() -> Iterator[None]:
    """Let new files be for everybody, as on many machines, unless somebody says otherwise."""
    before = os.umask(0o022)
    yield
    os.umask(before)


def test_the_database_and_its_folder_are_for_the_server_only(tmp_path: Path) -> None:
    file = tmp_path / "var" / "regie.sqlite3"
    migrate(f"sqlite:///{file}")
    assert _rights(file) == 0o600
    assert _rights(file.parent) == 0o700


def test_a_database_that_is_there_keeps_the_rights_it_was_given(tmp_path: Path) -> None:
    file = tmp_path / "regie.sqlite3"
    file.touch(mode=0o640)
    migrate(f"sqlite:///{file}")
    assert _rights(file) == 0o640


def test_a_secret_that_is_none_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    for text in (b"", b"secret"):
        file.write_bytes(text)
        with pytest.raises(ValueError, match="at least 32 random bytes"):
            Settings(secret_file=file).key("index")


def test_a_secret_for_which_the_disk_had_no_room_is_made_once_there_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a container the next process has the number of the one before."""
    file = tmp_path / "var" / "secret"
    with monkeypatch.context() as full:
        full.setattr("app.settings.os.fsync", _no_room)
        with pytest.raises(OSError, match="No space left"):
            Settings(secret_file=file).key("index")
    assert not list(file.parent.iterdir())
    assert len(Settings(secret_file=file).key("index")) == 32
    assert list(file.parent.iterdir()) == [file]


def _no_room(_: int) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_a_new_secret_is_for_the_server_only(tmp_path: Path) -> None:
    file = tmp_path / "var" / "secret"
    assert len(Settings(secret_file=file).key("index")) == 32
    assert _rights(file) == 0o600
    assert _rights(file.parent) == 0o700
