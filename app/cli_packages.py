"""``regie packages``: load FHIR packages, list those that are loaded, pin a version, and remove one."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from app.cli_runner import release_of, stop
from app.errors import RegieError
from app.fhir.packages.files import PackageError
from app.fhir.packages.library import Library
from app.fhir.packages.own import PROFILES
from app.fhir.packages.package import Package, read_package
from app.fhir.search.custom import of_library
from app.settings import read_settings


def _library() -> Library:
    try:
        return Library(read_settings().packages_folder, PROFILES)
    except RegieError as error:
        raise stop(str(error)) from error


@contextmanager
def _explained() -> Iterator[None]:
    """Stop with the sentence of a PackageError."""
    try:
        yield
    except PackageError as error:
        raise stop(str(error)) from error


def _tell_parameters(library: Library, package: Package) -> None:
    """Say what becomes of the search parameters of a package."""
    own = {one.url for one in package.definitions if one.resource_type == "SearchParameter"}
    custom = of_library(library, package.pin.release)
    for left_out in custom.left_out:
        if left_out.url in own:
            typer.echo(f"Not searched by: {left_out.url}, since {left_out.why}.", err=True)
    if any(parameter.url in own for parameter in custom.parameters):
        typer.echo("It has search parameters: start the server again, then run `regie reindex`.", err=True)


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
        wanted = release_of(release) if release else None
        if not path.exists():
            raise stop(f"There is no {path}.")
        library = _library()
        with _explained():
            package = read_package(path, pin=name or None, release=wanted)
            library.load(package)
        for left_out in package.left_out:
            typer.echo(f"Left out, as it is no FHIR of this release: {left_out}", err=True)
        loaded = next(one for one in library.packages() if str(one.pin) == str(package.pin))
        for missing in loaded.missing:
            typer.echo(f"It depends on {missing}, which is not loaded: what is in there can't be checked.", err=True)
        _tell_parameters(library, package)
        typer.echo(f"{package.pin} is loaded for {package.pin.release.path}: {len(package.definitions)} definitions.")

    @packages.command("list")
    def packages_list() -> None:
        """List the packages that are loaded, each with its release, how many definitions it has, and whether it is pinned."""
        for one in _library().packages():
            typer.echo(f"{one.pin} {one.pin.release.path} {one.count}{' pinned' if one.is_pinned else ''}")

    @packages.command("pin")
    def packages_pin(name: Annotated[str, typer.Argument(help="NAME#VERSION, as in the list.")]) -> None:
        """Let data that names no version mean this one; a server that runs does so when it is started again."""
        with _explained():
            _library().pin(name)
        typer.echo(f"{name} is pinned.")

    @packages.command("remove")
    def packages_remove(name: Annotated[str, typer.Argument(help="NAME#VERSION, as in the list.")]) -> None:
        """Take a package out, while no server runs that was started with it."""
        with _explained():
            _library().remove(name)
        typer.echo(f"{name} is removed.")

    return packages
