"""What all commands share: how work is run on the database of the settings, and how a command ends that can't do it."""

from collections.abc import Awaitable, Callable
from typing import Protocol, TypeVar

import typer

from app.fhir.release import Release
from app.wiring import Parts

T = TypeVar("T")


class Runner(Protocol):
    """Runs work on the database of the settings; an error ends the command."""

    def __call__(self, work: Callable[[Parts], Awaitable[T]]) -> T:
        """Return what ``work`` returned."""
        ...


def stop(message: str) -> typer.Exit:
    """Return the exit of a command that could not do its work; what is wrong goes to standard error."""
    typer.echo(message, err=True)
    return typer.Exit(1)


def release_of(name: str) -> Release:
    """Return the release that ``stu3`` or ``r4`` names. Raises: typer.Exit, for another name."""
    for release in Release:
        if release.path == name:
            return release
    raise stop("The release is stu3 or r4.")
