"""Turns at one SQLite file: whoever waits comes before the one that has just committed; nobody waits for ever."""

import os
import stat
import threading
import time
from pathlib import Path

import pytest

from app.db.turns import Turns

LONG_S, SHORT_S = 30, 0.05


@pytest.fixture
def path(tmp_path: Path) -> Path:
    made = tmp_path / "kept.sqlite3"
    made.touch()
    return made


def never() -> bool:
    return False


def always() -> bool:
    return True


def test_who_waits_to_begin_comes_before_who_has_just_committed(path: Path) -> None:
    mine, theirs = Turns(path, LONG_S), Turns(path, LONG_S)
    lock = threading.Lock()
    waits, order = threading.Event(), []

    def attempt() -> bool:
        waits.set()
        return lock.acquire(blocking=False)

    def other() -> None:
        assert theirs.begin(attempt, time.monotonic() + LONG_S)
        order.append("theirs")
        lock.release()

    assert mine.begin(lambda: lock.acquire(blocking=False), time.monotonic() + LONG_S)
    waiting = threading.Thread(target=other)
    waiting.start()
    assert waits.wait(LONG_S)
    lock.release()  # as a commit does; who asks again at once stands behind the one that waits
    assert mine.begin(lambda: lock.acquire(blocking=False), time.monotonic() + LONG_S)
    order.append("mine")
    waiting.join()
    assert order == ["theirs", "mine"]
    mine.close()
    theirs.close()


def test_a_turn_that_does_not_come_ends_the_wait_and_one_attempt_is_made(path: Path) -> None:
    mine, theirs = Turns(path), Turns(path)
    inside, leave = threading.Event(), threading.Event()

    def held() -> bool:
        inside.set()
        return leave.wait(LONG_S)

    holds = threading.Thread(target=lambda: theirs.begin(held, time.monotonic() + LONG_S))
    holds.start()
    assert inside.wait(LONG_S)
    assert mine.begin(never, time.monotonic() + SHORT_S) is False
    assert mine.begin(always, time.monotonic() + SHORT_S) is True
    hasty, before = Turns(path, SHORT_S), time.monotonic()
    assert hasty.begin(always, before + LONG_S) is True
    assert (
        time.monotonic() < before + LONG_S / 2
    )  # who holds it may be stopped: not every write waits as long as it may
    hasty.close()
    leave.set()
    holds.join()
    mine.close()
    theirs.close()


def test_an_attempt_that_fails_gives_the_turn_up(path: Path) -> None:
    mine, theirs = Turns(path), Turns(path)
    with pytest.raises(ZeroDivisionError):
        mine.begin(lambda: bool(1 // 0), time.monotonic() + LONG_S)
    assert theirs.begin(always, time.monotonic() + SHORT_S)
    assert mine.begin(never, time.monotonic()) is False
    mine.close()
    theirs.close()


def test_whoever_may_use_the_database_may_take_turns_at_it(path: Path) -> None:
    path.chmod(0o640)
    owner = 10_001 if os.geteuid() == 0 else os.geteuid()
    os.chown(path, owner, -1)
    Turns(path).close()
    made = path.with_name("kept.sqlite3-turn").stat()
    assert (made.st_uid, stat.S_IMODE(made.st_mode) & 0o400) == (owner, 0o400)
