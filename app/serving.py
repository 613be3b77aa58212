"""``regie serve``: granian's processes, and how they stop.

The first signal (SIGTERM, or Ctrl+C) makes ``/health/ready`` say so at once. For the time of notice everybody is still answered,
each with the advice to connect elsewhere, so that a load balancer has seen it before anything is refused. Then no connection is
accepted any more, requests in flight and jobs in hand are finished, what waits for the writer is committed, and the processes
end. Who is not done in time is killed, and so is everybody at a second signal: what was answered is on disk either way.

A process that dies is replaced, as long as that helps.
"""

import ctypes
import os
import resource
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from granian.constants import HTTPModes, Interfaces
from granian.server.mp import MPServer

from app.errors import UnavailableError
from app.settings import Settings
from app.web.stopping import NOTICE

DEATHS_MAX = 5
"""How many processes may die in a minute, for each that serves; when it is more, another is taken to be of no use."""

CONNECTIONS_MAX = 4096
"""How many connections a process has at once; others wait to be accepted. One that sends no head of a request is ended after 30 s."""

_MINUTE_S = 60
_STOP = frozenset({signal.SIGINT, signal.SIGTERM})
_SIGNAL_AT_DEATH_OF_PARENT = 1
"""PR_SET_PDEATHSIG of https://man7.org/linux/man-pages/man2/PR_SET_PDEATHSIG.2const.html."""


def serve(settings: Settings) -> bool:
    """Serve until a signal says to stop; return whether everything that was begun could be finished.

    Raises: UnavailableError, when the processes die again and again.
    """
    signal.signal(NOTICE, signal.SIG_IGN)  # a process that has not started yet is not ended by it
    _allow_files()
    with TemporaryDirectory(prefix="regie-") as figures:
        return _serve(settings, Path(figures))


def _allow_files() -> None:
    """Let each process that serves have a file for each connection and as many others, as far as the system allows."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 2 * CONNECTIONS_MAX if hard == resource.RLIM_INFINITY else min(2 * CONNECTIONS_MAX, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def _serve(settings: Settings, figures: Path) -> bool:
    server = _Server(
        "app.main:create_app",
        address=settings.host,
        port=settings.port,
        interface=Interfaces.ASGI,
        workers=settings.workers,
        respawn_failed_workers=True,
        # Who is not done then is killed; what it answered is on disk.
        workers_kill_timeout=max(1, round(settings.stop_within.total_seconds())),
        log_enabled=False,
        # Else it waits for a first byte, to see which HTTP it is, for as long as the other side says nothing.
        http=HTTPModes.http1,
        backlog=1024,
        backpressure=CONNECTIONS_MAX,
    )
    server.notice = settings.stop_notice
    try:
        server.serve(target_loader=partial(_application, figures), wrap_loader=False)
    except SystemExit as error:
        if server.was_told:
            raise
        raise UnavailableError("The server's processes die again and again: its log has the reason.") from error
    return not server.killed


def _application(figures: Path) -> Callable[..., Any]:
    """Return the application in a process of its own; what it is made of is loaded there, not by each command.

    A signal to stop that comes meanwhile ends the process: the handler that it has from its parent would do nothing here.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # by Ctrl+C the parent has it too, and tells this one
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _STOP)  # one that came since the fork is here now
    if sys.platform == "linux":
        # Else it would serve on when its parent is killed, and keep the port from the next.
        ctypes.CDLL(None).prctl(_SIGNAL_AT_DEATH_OF_PARENT, signal.SIGKILL)
    made: Callable[..., Any] = import_module("app.main").create_app(figures=figures)
    return made


@contextmanager
def _stop_held_back() -> Iterator[None]:
    """Let no signal to stop come in between a fork and ``_application``: Python forgets what comes just after a fork."""
    signal.pthread_sigmask(signal.SIG_BLOCK, _STOP)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _STOP)


class _Server(MPServer):
    """granian's server, which gives notice before it stops, and bears with processes that die."""

    notice = timedelta(0)
    killed = False
    _signals = 0
    _deaths: tuple[float, ...] = ()

    @property
    def was_told(self) -> bool:
        """Whether a signal said to stop."""
        return self._signals > 0

    def _spawn_workers(self, *arguments: Any) -> None:
        with _stop_held_back():
            super()._spawn_workers(*arguments)  # type: ignore[no-untyped-call]  # granian has no type for it

    def _respawn_workers(self, workers: list[int], *arguments: Any, **named: Any) -> None:
        """Replace processes that died.

        granian ends the server when one of them dies within 5.5 s of being replaced, which two bad moments are enough for, and has
        no setting for it: it is not shown when they were replaced, until too many died.
        """
        now = time.monotonic()
        self._deaths = (*(at for at in self._deaths if now - at < _MINUTE_S), *(now for _ in workers))
        with _stop_held_back():
            super()._respawn_workers(workers, *arguments, **named)
        if len(self._deaths) <= DEATHS_MAX * self.workers:
            self.respawned_wrks.clear()

    def signal_handler_interrupt(self, *_: object) -> None:
        """Give notice at the first signal, kill at the second."""
        self._signals += 1
        if self._signals > 1:
            self.killed = True
            for worker in self.wrks:
                worker.kill()
            self._end()
            return
        for worker in self.wrks:
            worker.interrupt_by_parent = (
                True  # who has the signal too, as by Ctrl+C, ends by itself and is not replaced
            )
            if worker.is_alive() and worker.inner.pid:
                os.kill(worker.inner.pid, NOTICE)
        if self.notice:
            timer = threading.Timer(self.notice.total_seconds(), self._end)
            timer.daemon = True
            timer.start()
        else:
            self._end()

    def _stop_workers(self) -> None:
        """Stop all; a process that had the signal to stop itself, as by Ctrl+C, and ended before it was heard here did not die."""
        workers = tuple(self.wrks)
        super()._stop_workers()  # type: ignore[no-untyped-call]  # granian has no type for it
        if self.was_told and all(worker.inner.exitcode in (0, -signal.SIGTERM) for worker in workers):
            self.interrupt_children.clear()

    def _end(self) -> None:
        super().signal_handler_interrupt()  # type: ignore[no-untyped-call]  # granian has no type for it
