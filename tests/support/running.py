"""The whole program in a process of its own, on a free port of this machine and with a database of its own."""

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import httpx

from tests.support import forked
from tests.support.database import url_in
from tests.support.ports import free_port

ROOT = forked.ROOT
PROGRAM = (sys.executable, "-c", "from app.cli import main; main()")
READY_WITHIN_S = 120
"""A second or two, and as many times that as others ask for the same processors; one that ends is told of at once."""


class Process(Protocol):
    """What tests do with the process of a server: a ``Popen``, or one that is forked."""

    @property
    def pid(self) -> int:
        """Its number."""
        ...

    def poll(self) -> int | None:
        """Return how it ended, None as long as it runs."""
        ...

    def wait(self, timeout: float | None = None) -> int:
        """Return how it ended, once it did. Raises: TimeoutExpired, after ``timeout`` seconds."""
        ...

    def send_signal(self, sig: int) -> None:
        """Send it a signal."""
        ...

    def terminate(self) -> None:
        """Ask it to end."""
        ...

    def kill(self) -> None:
        """End it at once."""
        ...


@dataclass
class Program:
    """``regie`` with a database in ``folder``; its log and its answers are kept there.

    A server that ``loads_itself`` is started as people do it; others are forked from a process that has loaded the program.
    """

    folder: Path
    port: int
    environment: dict[str, str] = field(default_factory=dict)
    loads_itself: bool = field(default=False, kw_only=True)

    @property
    def url(self) -> str:
        """Where the server is, without a slash at the end."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def log(self) -> Path:
        """The file that ``serve`` writes its log to."""
        return self.folder / "serve.log"

    @property
    def database_url(self) -> str:
        """The database of all programs in this folder."""
        return url_in(self.folder)

    def variables(self) -> dict[str, str]:
        """Return the environment of every command: nothing of REGIE_... comes from outside."""
        outside = {name: value for name, value in os.environ.items() if not name.startswith("REGIE_")}
        own = {
            "REGIE_DATABASE_URL": self.database_url,
            "REGIE_SECRET_FILE": str(self.folder / "secret"),
            "REGIE_PORT": str(self.port),
            "REGIE_BASE_URL": self.url,
        }
        return {**outside, **own, **self.environment}

    def run(self, *arguments: str) -> str:
        """Return what ``regie`` with these arguments prints, without the line's end.

        Raises: CalledProcessError, with what it wrote to stderr as a note.
        """
        done = forked.run(arguments, self.variables())
        if done.returncode:
            error = subprocess.CalledProcessError(done.returncode, done.args, done.stdout, done.stderr)
            error.add_note(done.stderr)
            raise error
        return done.stdout.strip()

    def start(self) -> Process:
        """Return the process of ``regie serve`` once it is ready; the caller ends it.

        Raises: RuntimeError, with the end of its log, if it ends or is not ready in time.
        """
        process = self.spawn()
        self.wait_until_ready(process)
        return process

    def spawn(self) -> Process:
        """Return the process of ``regie serve`` as soon as it runs; it leads a process group of its own."""
        with self.log.open("ab") as log:
            if not self.loads_itself:
                return forked.Forked(("serve",), self.variables(), log.fileno(), log.fileno())
            return subprocess.Popen(
                [*PROGRAM, "serve"], cwd=ROOT, env=self.variables(), stdout=log, stderr=log, start_new_session=True
            )

    def wait_until_ready(self, process: Process) -> None:
        """Wait until the server answers.

        Raises: RuntimeError, with the end of its log, if it ends or is not ready in time; it is killed then.
        """
        until = time.monotonic() + READY_WITHIN_S
        while time.monotonic() < until and process.poll() is None:
            with contextlib.suppress(httpx.TransportError):
                if httpx.get(f"{self.url}/health/ready", timeout=5).is_success:
                    return
            time.sleep(0.05)
        process.kill()
        process.wait()
        raise RuntimeError(f"The server did not start:\n{self.log.read_text()[-4000:]}")


@contextlib.contextmanager
def running(folder: Path, port: int = 0, **environment: str) -> Iterator[Program]:
    """Give a migrated, empty server that is ready, on a free port unless one is named; it is ended at the end."""
    program = Program(folder, port or free_port(), environment)
    program.run("migrate")
    process = program.start()
    try:
        yield program
    finally:
        process.terminate()
        try:
            process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
