"""Two processes of tests, whatever their numbers, never give their servers one port."""

import subprocess
import sys

from tests.support.forked import ROOT

ASK = "import os; os.getpid = lambda: 7; from tests.support.ports import free_port; print(free_port(), flush=True); input()"


def test_two_processes_with_one_number_are_given_different_ports() -> None:
    command = [sys.executable, "-c", ASK]
    with (
        subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as one,
        subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other,
    ):
        assert one.stdout is not None
        assert other.stdout is not None
        ports = {int(one.stdout.readline()), int(other.stdout.readline())}
        one.communicate("\n")
        other.communicate("\n")
    assert len(ports) == 2
