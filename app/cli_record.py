"""``regie record``: take a record along, bring one in, erase one."""

import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from functools import partial
from pathlib import Path
from typing import Annotated, BinaryIO
from uuid import uuid4

import typer

from app.access.requester import Requester, RequesterKind
from app.access.smart_scope import SmartScopes
from app.audit.events import Trace
from app.cli_import import import_files
from app.cli_runner import Runner, record_of, release_of, stop
from app.interactions.archive import archive as archive_of
from app.interactions.archive_import import bring_in_archive
from app.interactions.archive_reading import UnknownServerError, is_zip
from app.interactions.closing import index_anew
from app.interactions.corrections import Correction, ask
from app.interactions.erase import erase_record, is_left
from app.interactions.erased import listed
from app.interactions.restore import Brought, bring_in
from app.interactions.time_zone import change_time_zone
from app.interactions.transfer import export, faults, read_head
from app.portal.language import CODES
from app.portal.language import language as language_named
from app.portal.printed import summary_in
from app.store.time_zone import known_zone
from app.wiring import Parts

OPERATOR = Requester(RequesterKind.OPERATOR, "operator", "operator", SmartScopes.of("system/*.cruds"))
_Patient = Annotated[str, typer.Option("--patient", help="The id of the person's Patient.")]
_Release = Annotated[str, typer.Option("--release", help="stu3 or r4: where that Patient is.")]


def _trace() -> Trace:
    """Return the mark by which the log knows what belongs to one command."""
    return Trace(str(uuid4()))


def commands(run: Runner) -> typer.Typer:
    """Return the commands, for ``cli.py`` to add."""
    record = typer.Typer(no_args_is_help=True, help="The record of a person: take it along, bring it in, erase it.")

    @record.command("export")
    def record_export(
        *,
        patient: _Patient = "",
        release: _Release = "r4",
        output: Annotated[Path | None, typer.Option(help="The new file to write; standard output if absent.")] = None,
        archive: Annotated[bool, typer.Option("--archive", help="A signed archive (zip) instead of lines.")] = False,
        language: Annotated[str, typer.Option(help="nl or en: of the summary in the archive.")] = "nl",
        verify: Annotated[Path | None, typer.Option(help="Only check this export; needs no database.")] = None,
    ) -> None:
        """Write all of a record as lines of JSON or as a signed archive, or check such lines."""
        if verify is not None:
            _verify(verify)
            return
        if not patient:
            raise stop("Say --patient ID, or --verify FILE.")
        if language not in CODES:
            raise stop("The language is nl or en.")
        wanted, summary = release_of(release), summary_in(language_named(language))

        async def work(parts: Parts) -> None:
            record_id = await record_of(parts, wanted, patient)
            made = partial(archive_of, paper=summary) if archive else export
            with _written(output) as file:
                async for line in made(parts.context, OPERATOR, _trace(), record_id):
                    file.write(line)

        run(work)

    @record.command("import")
    def record_import(
        paths: Annotated[
            list[Path],
            typer.Argument(
                help="An archive or export of Regie; or files and folders of FHIR resources of one release."
            ),
        ],
        *,
        trust: Annotated[
            list[str] | None, typer.Option(help="The name (kid) of a key of the server that made the archive.")
        ] = None,
        as_operator: Annotated[bool, typer.Option("--as-operator", help="As who runs the server.")] = False,
        release: Annotated[str, typer.Option(help="stu3 or r4: of resources; an export tells itself.")] = "",
        report: Annotated[
            Path | None, typer.Option(help="A new file, for a line of JSON about each resource that is refused.")
        ] = None,
        processes: Annotated[
            int, typer.Option(min=0, help="How many check resources while this one writes; 1: none but this one.")
        ] = 0,
    ) -> None:
        """Bring in a record or resources; exit status 1 if anything was refused. It may be run again."""
        if not as_operator:
            raise stop("Records are imported by who runs the server: say --as-operator.")
        _bring_in(run, paths, release, trust or [], report, processes)

    _add_erase(record, run)
    _add_time_zone(record, run)
    _add_correction(record, run)
    return record


def _add_erase(record: typer.Typer, run: Runner) -> None:
    @record.command("erase")
    def record_erase(
        *,
        patient: _Patient = "",
        release: _Release = "r4",
        yes: Annotated[bool, typer.Option("--yes", help="It can't be undone.")] = False,
        proof: Annotated[
            Path | None, typer.Option(help="The new file for the proof; standard output if absent.")
        ] = None,
        again: Annotated[
            Path | None, typer.Option(help="Erase what this list has, in a backup that was put back.")
        ] = None,
    ) -> None:
        """Remove a record, its history, its grants and its account; the audit log stays."""
        if not yes:
            raise stop("Erasing a record can't be undone: say --yes.")
        if again is not None:
            _erase_again(run, again)
            return
        if not patient:
            raise stop("Say --patient ID, or --again FILE.")
        wanted = release_of(release)

        async def work(parts: Parts) -> bytes:
            record_id = await record_of(parts, wanted, patient)
            return await erase_record(parts.context, OPERATOR, _trace(), record_id)

        with _written(proof) as file:
            made = run(work)
            typer.echo("The record is erased.", err=True)
            try:
                file.write(made)
                file.flush()
            except OSError:
                typer.echo(made.decode(), nl=False)  # it can't be made a second time
                raise

    @record.command("overwrite")
    def record_overwrite() -> None:
        """Rewrite the database, however large, so that nothing of what was removed is left in its files."""

        async def work(parts: Parts) -> bool:
            return await parts.database.overwrite(None)

        if not run(work):
            raise stop("The database is in use: try again, or stop the server.")
        typer.echo("Nothing of what was removed is left.")


def _erase_again(run: Runner, path: Path) -> None:
    async def work(parts: Parts) -> int:
        erased = 0
        for record_id, name in listed(path):
            if await is_left(parts.context, record_id, name):
                await erase_record(parts.context, OPERATOR, _trace(), record_id, again=name)
                erased += 1
        return erased

    try:
        typer.echo(f"{run(work)} records were erased again.")
    except (OSError, UnicodeDecodeError) as error:
        raise stop(f"{path} can't be read.") from error


def _add_time_zone(record: typer.Typer, run: Runner) -> None:
    @record.command("time-zone")
    def record_time_zone(
        name: Annotated[str, typer.Argument(help="As in the IANA database, such as Europe/Amsterdam.")],
        *,
        patient: _Patient,
        release: _Release = "r4",
    ) -> None:
        """Give a record the time zone that its person lives in, and make its index again."""

        async def work(parts: Parts) -> None:
            record_id, zone = await record_of(parts, release_of(release), patient), known_zone(name)
            await change_time_zone(parts.context, OPERATOR, _trace(), record_id, zone)
            await index_anew(parts.context, record_id, everything=True)

        run(work)
        typer.echo(f"The record is in {name} now.")


def _add_correction(record: typer.Typer, run: Runner) -> None:
    @record.command("ask-correction")
    def record_ask_correction(
        *,
        patient: _Patient = "",
        release: _Release = "r4",
        practice: Annotated[str, typer.Option(help="The id of the practice that is asked; it has to see messages.")],
        topic: Annotated[str, typer.Option(help="What is wrong, in a few words.")],
        text: Annotated[str, typer.Option(help="What is wrong with it, and what it should be.")],
        about: Annotated[str, typer.Option(help="Type/id of what is wrong, in the same release.")] = "",
    ) -> None:
        """Ask a practice for a correction in the name of a person who can't do it on the pages."""
        wanted = release_of(release)
        if about and not re.fullmatch(r"[A-Z][A-Za-z]+/[A-Za-z0-9.-]{1,64}", about):
            raise stop("Say --about as Type/id.")

        async def work(parts: Parts) -> None:
            record_id = await record_of(parts, wanted, patient)
            asked = Correction(practice, topic, text, (wanted, about) if about else None)
            await ask(parts.context, OPERATOR, _trace(), asked, record_id)

        run(work)
        typer.echo("Asked. The person finds it on the page My data.")


def _bring_in(
    run: Runner, paths: list[Path], release: str, trusted: list[str], report: Path | None, processes: int
) -> None:
    if len(paths) == 1 and paths[0].is_file():
        with _opened(paths[0]) as file:
            is_export = read_head(file.readline()) is not None
            file.seek(0)
            if is_export or is_zip(file):
                _tell(run(lambda parts: _restored(parts, file, trusted)))
                return
    for path in paths:
        if not path.exists():
            raise stop(f"{path} is not there.")
    if not release:
        raise stop("This is no export of Regie: say --release stu3 or r4 if it has FHIR resources.")
    wanted = release_of(release)
    with nullcontext() if report is None else _written(report) as rejections:
        imported = import_files(run, OPERATOR, _trace(), wanted, paths, rejections, processes=processes)
    if imported.rejected:
        raise stop(f"{imported.rejected} resources were refused.")


async def _restored(parts: Parts, file: BinaryIO, trusted: list[str]) -> Brought:
    if not is_zip(file):
        brought = await bring_in(parts.context, OPERATOR, _trace(), file)
    else:
        try:
            brought = await bring_in_archive(parts.context, OPERATOR, _trace(), file, trusted)
        except UnknownServerError as error:
            told = "Compare it with /.well-known/regie-audit-keys there, and say --trust with its name if it is right."
            raise stop(f"{error} It calls itself {error.server[:200]!a}. {told}") from error
    await index_anew(parts.context, brought.record_id)
    return brought


def _tell(brought: Brought) -> None:
    patients = ", ".join(f"{release.path} Patient/{patient}" for release, patient in brought.patients.items())
    if brought.is_new:
        typer.echo(f"{brought.changes} changes are in the record of {patients}.")
    else:
        typer.echo(f"The record of {patients} is here already, with all that is in this export. Nothing was changed.")


def _verify(path: Path) -> None:
    with _opened(path) as file:
        is_sound = True
        for fault in faults(file):
            is_sound = False
            typer.echo(fault)
    if not is_sound:
        raise typer.Exit(1)
    typer.echo("The export is sound and whole.")


def _opened(path: Path) -> BinaryIO:
    try:
        return path.open("rb")
    except OSError as error:
        raise stop(f"{path} can't be read.") from error


@contextmanager
def _written(path: Path | None) -> Iterator[BinaryIO]:
    """Give the file to write to, which only its owner can read; it is not there if it could not be written whole."""
    try:
        file = nullcontext(sys.stdout.buffer) if path is None else _made(path)
    except OSError as error:
        raise stop(f"{path} can't be made; it has to be a new file.") from error
    is_whole = False
    try:
        with file as opened:
            yield opened
            opened.flush()
        is_whole = True
    except OSError as error:
        raise stop(f"{path or 'Standard output'} can't be written: {error.strerror}.") from error
    finally:
        if path is not None and not is_whole:
            path.unlink()


def _made(path: Path) -> BinaryIO:
    return open(path, "xb", opener=lambda name, flags: os.open(name, flags, 0o600))
