"""``regie packages``: load FHIR packages, and list those that are loaded."""

from pathlib import Path
from typing import Annotated

import typer

from app.fhir.packages.files import PackageError
from app.fhir.packages.library import Library
from app.fhir.packages.package import read_package
from app.fhir.release import Release
from app.settings import Settings


def _stop(message: str) -> typer.Exit:
    typer.echo(message, err=True)
    return typer.Exit(1)


def commands() -> typer.Typer:
    """Return the commands, for ``cli.py`` to add."""
    packages = typer.Typer(no_args_is_help=True, help="FHIR packages: profiles, value sets and other definitions.")

    @packages.command("load")
    def packages_load(
        path: Annotated[Path, typer.Argument(help="A package as *.tgz, or a folder with its files.")],
        *,
        name: Annotated[str, typer.Option("--as", help="NAME#VERSION, if its package.json does not say it.")] = "",
        release: Annotated[str, typer.Option(help="stu3 or r4, if its package.json does not say it.")] = "",
    ) -> None:
        """Keep a package; a server that runs sees it when it is started again."""
        releases = {one.path: one for one in Release}
        if release and release not in releases:
            raise _stop("The release is stu3 or r4.")
        if not path.exists():
            raise _stop(f"There is no {path}.")
        try:
            package = read_package(path, pin=name or None, release=releases.get(release))
            Library(Settings().packages_folder).load(package)
        except PackageError as error:
            raise _stop(str(error)) from error
        for left_out in package.left_out:
            typer.echo(f"Left out, as it is no FHIR of this release: {left_out}", err=True)
        typer.echo(f"{package.pin} is loaded for {package.pin.release.path}: {len(package.definitions)} definitions.")

    @packages.command("list")
    def packages_list() -> None:
        """List the packages that are loaded, each with its release and how many definitions it has."""
        for pin, count in Library(Settings().packages_folder).packages():
            typer.echo(f"{pin} {pin.release.path} {count}")

    return packages
