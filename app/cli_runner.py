"""What all commands share: how work is run on the database of the settings, and how a command ends that can't do it."""

from collections.abc import Awaitable, Callable
from typing import Protocol, TypeVar

import typer

from app.fhir.release import Release
from app.interactions.people import record_with_patient
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


async def record_of(parts: Parts, release: Release, patient: str) -> int:
    """Return the number of the record that has this Patient in a release. Raises: typer.Exit, if there is none."""
    record_id = await record_with_patient(parts.context, release, patient)
    if record_id is None:
        raise stop("There is no such Patient.")
    return record_id
