"""``regie`` commands, each in a process of its own that is forked from one which has loaded the program.

Loading takes 1.3 s of processor time, and several hundred commands are run by the tests. What is different for each is its own:
arguments, environment, standard output and error. ``python -m tests.support.forked SOCKET`` is the process that they are forked
from; it ends when its standard input is closed, which is when who started it ends.
"""

import atexit
import json
import os
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]


def run(arguments: tuple[str, ...], environment: dict[str, str]) -> "subprocess.CompletedProcess[str]":
    """Return what came of ``regie`` with these arguments, run in the folder of the project."""
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors:
        with socket.socket(socket.AF_UNIX) as asking:
            asking.connect(_loaded())
            asked = json.dumps({"arguments": arguments, "environment": environment}).encode()
            socket.send_fds(asking, [len(asked).to_bytes(4)], [output.fileno(), errors.fileno()])
            asking.sendall(asked)
            code = int(asking.makefile().read())
        output.seek(0)
        errors.seek(0)
        return subprocess.CompletedProcess(["regie", *arguments], code, output.read().decode(), errors.read().decode())


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
    from app.cli import main as regie

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
    head, files, _, _ = socket.recv_fds(answering, 4, 2)
    asked = json.loads(answering.recv(int.from_bytes(head), socket.MSG_WAITALL))
    command = os.fork()
    if command:
        code = os.waitstatus_to_exitcode(os.waitpid(command, 0)[1])
        answering.sendall(str(code).encode())
        os._exit(0)
    answering.close()
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
