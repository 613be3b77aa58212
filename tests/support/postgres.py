"""PostgreSQL for tests: a server of this process in a temporary folder, on a free port of this machine, and databases on it.

It is in memory where there is a file system for that, and does not wait for the disk, which changes nothing of what is tested
here; tests of faults start one of their own that does.
"""

import atexit
import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import count
from pathlib import Path

import psycopg
import pytest

from tests.support.ports import free_port
from tests.support.process_tree import below

_SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "max_connections": "100",
    "shared_buffers": "128MB",
    "unix_socket_directories": "",
    "log_min_messages": "fatal",
}
_IN_NO_DANGER = {
    "fsync": "off",
    "full_page_writes": "off",
    "max_wal_senders": "0",
    "max_wal_size": "128MB",
    "synchronous_commit": "off",
    "wal_level": "minimal",
}
_SIZE_BYTES = 2 << 30
_numbers = count(1)


@dataclass
class Server:
    """A running server; ``binaries`` is the folder of its programs."""

    binaries: Path
    folder: Path
    port: int
    process: "subprocess.Popen[bytes] | None" = None

    def start(self, **settings: str) -> None:
        """Start it and wait until it answers."""
        options = [f"-c{name}={value}" for name, value in {**_SETTINGS, **settings}.items()]
        command = [str(self.binaries / "postgres"), "-D", str(self.folder / "data"), "-p", str(self.port), *options]
        self.process = subprocess.Popen(command, stderr=subprocess.DEVNULL, cwd=self.folder, user=_user())
        ready = [str(self.binaries / "pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(self.port)]
        ends = time.monotonic() + 120
        while subprocess.run(ready, check=False).returncode:
            assert self.process.poll() is None, "PostgreSQL did not start"
            assert time.monotonic() < ends, "PostgreSQL did not answer"
            time.sleep(0.05)

    def kill(self) -> None:
        """End it at once, as a power cut would."""
        assert self.process is not None
        self._signal(signal.SIGKILL)
        self.process.wait()

    def pause(self) -> None:
        """Let it hang: connections stand, and nothing is answered."""
        self._signal(signal.SIGSTOP)

    def go_on(self) -> None:
        """Let it answer again after ``pause``."""
        self._signal(signal.SIGCONT)

    def _signal(self, number: signal.Signals) -> None:
        assert self.process is not None
        self.process.send_signal(signal.SIGSTOP)  # it starts none while they are listed, and sees none end
        for pid in (*below(self.process.pid), self.process.pid):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)

    def stop(self, number: signal.Signals = signal.SIGINT) -> None:
        """End it, with an end to what its clients do; with SIGQUIT it keeps nothing, and is gone at once."""
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(number)
            self.process.wait(120)

    def url(self, database: str) -> str:
        """Return the URL of a database."""
        return f"postgresql://postgres@127.0.0.1:{self.port}/{database}"

    def new(self, template: str = "template0", tablespace: str = "pg_default") -> str:
        """Return the URL of a new database, empty or a copy of one to which nobody is connected (a name or an URL)."""
        name = f"regie{next(_numbers)}"
        made_of = f"TEMPLATE {template.rsplit('/', 1)[-1]} TABLESPACE {tablespace}"
        # Copying files takes a tenth of what writing them by the log does, as nothing waits for the disk.
        self.run(f"CREATE DATABASE {name} {made_of} STRATEGY file_copy LC_COLLATE 'C'")
        return self.url(name)

    @contextlib.contextmanager
    def tablespace(self, folder: Path) -> Iterator[str]:
        """Give the name of a tablespace in a folder, which may be a small file system."""
        name = f"space{next(_numbers)}"
        if user := _user():
            shutil.chown(folder, user)
        self.run(f"CREATE TABLESPACE {name} LOCATION '{folder}'")
        yield name
        self.run(f"DROP TABLESPACE {name}")

    def copied(self, folder: Path, replica: str | None = None) -> "Server":
        """Return a server, not started, with a copy of this one's data, taken in ``folder`` while this one works.

        It is to follow this one as the ``replica`` of that name, if there is one.
        """
        folder.mkdir(mode=0o755)
        if user := _user():
            shutil.chown(folder, user)
        command = [str(self.binaries / "pg_basebackup"), "-D", str(folder / "data"), "-c", "fast"]
        command += ["-d", f"host=127.0.0.1 port={self.port} user=postgres application_name={replica or 'copy'}"]
        command += ["-R"] if replica else []
        subprocess.run(command, check=True, capture_output=True, cwd=folder, user=user)
        return Server(self.binaries, folder, free_port())

    def drop(self, url: str) -> None:
        """Take a database away."""
        self.run(f"DROP DATABASE {url.rsplit('/', 1)[-1]} WITH (FORCE)")

    def run(self, text: str, database: str = "postgres") -> str:
        """Return what the server answers to one statement: one row per line, columns apart by a bar."""
        with psycopg.connect(self.url(database), autocommit=True) as connection:
            cursor = connection.execute(text.encode())
            rows = cursor.fetchall() if cursor.description else []
        return "\n".join("|".join(map(str, row)) for row in rows)


def made(folder: Path) -> Server:
    """Return a server with its data in ``folder``, not started yet; the test is skipped where there is no PostgreSQL."""
    binaries = _binaries()
    if binaries is None:
        pytest.skip("needs PostgreSQL's server programs (Debian: postgresql)")
    folder.chmod(0o755)
    if user := _user():
        shutil.chown(folder, user)
    subprocess.run(["cp", "-a", str(_initial(binaries)), str(folder / "data")], check=True)
    return Server(binaries, folder, free_port())


@cache
def _initial(binaries: Path) -> Path:
    """Return the data of a server that was never started: to make them takes a second, to copy them nothing."""
    folder = Path(tempfile.mkdtemp(prefix="regie-postgresql-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    if user := _user():
        shutil.chown(folder, user)
    command = [str(binaries / "initdb"), "-D", str(folder / "data"), "--auth=trust", "--encoding=UTF8", "--locale=C"]
    command += ["--username=postgres", "--no-sync"]
    subprocess.run(command, check=True, capture_output=True, cwd=folder, user=user)
    return folder / "data"


@cache
def server() -> Server:
    """Return this process's server; it is made at the first call and ends with the process."""
    in_memory = Path("/dev/shm")  # noqa: S108 - a folder of its own is made in it
    folder = Path(tempfile.mkdtemp(prefix="regie-postgresql-", dir=in_memory if _has_room(in_memory) else None))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    own = made(folder)
    atexit.register(own.stop, signal.SIGQUIT)  # or xdist, which does not wait, leaves it behind
    own.start(**_IN_NO_DANGER)
    return own


def _has_room(folder: Path) -> bool:
    """Return whether a server and some databases go into ``folder``."""
    return os.access(folder, os.W_OK) and shutil.disk_usage(folder).free > _SIZE_BYTES


@cache
def _binaries() -> Path | None:
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda folder: int(folder.parent.name))
    found = shutil.which("pg_ctl")
    return folders[-1] if folders else Path(found).resolve().parent if found else None


def _user() -> str | None:
    """Return the user to run it as: PostgreSQL refuses to run as root."""
    return "postgres" if os.geteuid() == 0 else None
