"""``regie`` commands, each in a process of its own that is forked from one which has loaded the program.

Loading takes 1.3 s of processor time, and 2 s in a server, and several hundred commands and servers are run by the tests. What is
different for each is its own: arguments, environment, standard output and error, and the session, which it leads.
``python -m tests.support.forked SOCKET`` is the process that they are forked from; it ends when its standard input is closed,
which is when who started it ends.
"""

import atexit
import gc
import json
import os
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from contextlib import suppress
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
_NUMBER = 4
"""How many bytes a number takes between the processes."""


class Forked:
    """A command that was begun: what a test does with a ``Popen`` it does with this one. ``returncode`` is None as long as it runs."""

    def __init__(self, arguments: tuple[str, ...], environment: dict[str, str], output: int, errors: int) -> None:
        self.args = ["regie", *arguments]
        self.returncode: int | None = None
        self._has_ended = threading.Event()
        telling = socket.socket(socket.AF_UNIX)
        telling.connect(_loaded())
        asked = json.dumps({"arguments": arguments, "environment": environment}).encode()
        socket.send_fds(telling, [len(asked).to_bytes(_NUMBER)], [output, errors])
        telling.sendall(asked)
        self.pid = _told(telling)
        threading.Thread(target=self._hear, args=(telling,), daemon=True).start()

    def _hear(self, telling: socket.socket) -> None:
        try:
            with telling:
                self.returncode = _told(telling)
        finally:
            self._has_ended.set()  # also if nobody tells: who waits is not to wait forever

    def poll(self) -> int | None:
        """Return how it ended, None as long as it runs."""
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Return how it ended, once it did. Raises: TimeoutExpired, after ``timeout`` seconds."""
        if not self._has_ended.wait(timeout):
            raise subprocess.TimeoutExpired(self.args, timeout or 0)
        assert self.returncode is not None
        return self.returncode

    def send_signal(self, number: int) -> None:
        """Send it a signal, unless it ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        """Ask it to end."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """End it at once."""
        self.send_signal(signal.SIGKILL)


def run(arguments: tuple[str, ...], environment: dict[str, str]) -> "subprocess.CompletedProcess[str]":
    """Return what came of ``regie`` with these arguments, run in the folder of the project."""
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors:
        begun = Forked(arguments, environment, output.fileno(), errors.fileno())
        code = begun.wait()
        output.seek(0)
        errors.seek(0)
        return subprocess.CompletedProcess(begun.args, code, output.read().decode(), errors.read().decode())


def _told(telling: socket.socket) -> int:
    """Return the next number that is told. Raises: ValueError, if who tells ended before."""
    told = telling.recv(_NUMBER, socket.MSG_WAITALL)
    if len(told) < _NUMBER:
        raise ValueError("The process that a command is forked from has ended.")
    return int.from_bytes(told, signed=True)


@cache
def _loaded() -> str:
    """Return the socket of the process that has loaded the program; it is started at the first call."""
    folder = tempfile.mkdtemp(prefix="regie-forked-")
    place = str(Path(folder) / "socket")
    command = [sys.executable, "-m", "tests.support.forked", place]
    process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdin is not None
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n", "the program could not be loaded"
    process.stdout.close()
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    atexit.register(process.wait)
    atexit.register(process.stdin.close)
    return place


def _serve(place: str) -> None:
    for loaded_by_some in ("app.db.migrate", "app.main"):
        import_module(loaded_by_some)  # here, so that no command and no server has to
    from app.cli import main as regie
    from app.fhir.packages.library import Library
    from app.fhir.packages.own import PROFILES
    from app.fhir.release import Release
    from app.fhir.search.custom import of_library

    own = Library(Path(place).parent, PROFILES)
    for release in Release:
        of_library(own, release)  # reads the tables of the release, which stay as they are
    gc.freeze()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # who ended is forgotten
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(place)
        listening.listen(64)
        os.write(1, b"ready\n")
        while True:
            if sys.stdin in select.select([listening, sys.stdin], [], [])[0]:
                return
            answering, _ = listening.accept()
            if os.fork() == 0:
                listening.close()
                _wait_for(answering, regie)
            answering.close()


def _wait_for(answering: socket.socket, regie: Any) -> None:
    """Be the process that waits for a command and tells how it ended; the command itself goes on with its work."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    head, files, _, _ = socket.recv_fds(answering, _NUMBER, 2)
    asked = json.loads(answering.recv(int.from_bytes(head), socket.MSG_WAITALL))
    command = os.fork()
    if command:
        for file in files:
            os.close(file)
        answering.sendall(command.to_bytes(_NUMBER, signed=True))
        code = os.waitstatus_to_exitcode(os.waitpid(command, 0)[1])
        with suppress(BrokenPipeError):  # who asked has ended
            answering.sendall(code.to_bytes(_NUMBER, signed=True))
        os._exit(0)
    answering.close()
    os.setsid()
    for number, file in enumerate((os.open(os.devnull, os.O_RDONLY), *files)):
        os.dup2(file, number)
        os.close(file)
    os.environ.clear()
    os.environ.update(asked["environment"])
    sys.argv = ["regie", *asked["arguments"]]
    regie()
    sys.exit()


if __name__ == "__main__":
    _serve(sys.argv[1])
