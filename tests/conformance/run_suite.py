"""Run published test scripts against a throw-away server: what ``make conformance`` does.

The scripts and their runner are no part of this project. The runner is the program ``run`` in the nearest folder above
the scripts; it gets a virtual environment of its own, since it pins its libraries. It is handed a server with an empty
database, an operator's token to load the scripts' resources with, and a command that gives each invented person's token.
"""

import argparse
import os
import shlex
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

from tests.support.database import KINDS, choose
from tests.support.ports import free_port
from tests.support.running import PROGRAM, ROOT, Program, running
from tests.support.suites import conformance_folder, package_folder

ENVIRONMENT = ROOT / ".venv-conformance"
RELEASES = {"STU3": "stu3", "R4": "r4"}


def run_suite(suite: Path, form: str, *more: str, packages: tuple[str, ...] = ()) -> int:
    """Return 0 if all scripts below ``suite`` passed, 1 if one failed, 2 if there was nothing to run.

    ``form`` is json, xml or both; ``more`` are further options of the runner, such as ``--only``. The server has the
    official ``packages`` of these names loaded.
    Raises: LookupError, if there is no runner or no release to be found for these scripts.
    """
    runner = find_runner(suite)
    python = install_runner(runner.parent)
    releases = find_releases(suite)
    with tempfile.TemporaryDirectory(prefix="regie-") as name:
        folder = Path(name)
        for package in packages:
            load_package(folder, package)
        with running(folder, REGIE_PACKAGES_FOLDER=str(folder / "packages")) as program:
            outcomes = [_run_release(program, python, runner, suite, release, form, *more) for release in releases]
    return max(outcomes)


def load_package(folder: Path, name: str) -> None:
    """Load an official package, as version 1 of the name of its folder, for a server that has its data in ``folder``."""
    program = Program(folder, free_port(), {"REGIE_PACKAGES_FOLDER": str(folder / "packages")})
    release = next(one for one in RELEASES.values() if f"-{one}-" in name)
    program.run("packages", "load", str(package_folder(name)), "--as", f"{name}#1", "--release", release)


def _run_release(program: Program, python: Path, runner: Path, suite: Path, release: str, form: str, *more: str) -> int:
    base = RELEASES[release]
    token = program.run("token", "issue", "--operator", "--release", base)
    command = [
        *(str(python), str(runner), "--base-url", f"{program.url}/fhir/{base}", "--suite", str(suite)),
        *("--release", release, "--format", form, "--load"),
        *("--token-command", shlex.join([*PROGRAM, "token", "issue", "--release", base, "--patient"]), *more),
    ]
    environment = {**program.variables(), "CONFORMANCE_ADMIN_TOKEN": token}
    return subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode


def find_runner(suite: Path) -> Path:
    """Return the program ``run`` in the nearest folder above ``suite``, or beside the suites known here."""
    for folder in (*suite.resolve().parents, conformance_folder()):
        if folder is not None and (folder / "run").is_file() and (folder / "requirements.txt").is_file():
            return folder / "run"
    raise LookupError(f"No runner above {suite}: a folder with the program `run` and its requirements.txt.")


def find_releases(suite: Path) -> list[str]:
    """Return the FHIR releases of the scripts: named by the path of ``suite``, else by the folders in it."""
    named = [part for part in suite.resolve().parts if part in RELEASES]
    found = named[-1:] or [name for name in RELEASES if any(suite.rglob(name))]
    if not found:
        raise LookupError(f"Neither the path of {suite} nor a folder in it is named STU3 or R4.")
    return found


def install_runner(folder: Path) -> Path:
    """Return the Python that has what the runner in ``folder`` needs; installed once, and again when that changes."""
    needed = (folder / "requirements.txt").read_text(encoding="utf-8")
    python, installed = ENVIRONMENT / "bin" / "python", ENVIRONMENT / "requirements.txt"
    if not (python.exists() and installed.exists() and installed.read_text(encoding="utf-8") == needed):
        venv.create(ENVIRONMENT, with_pip=True, clear=True)
        pip = [str(python), "-m", "pip", "--quiet", "--disable-pip-version-check", "install"]
        subprocess.run([*pip, "--requirement", str(folder / "requirements.txt")], check=True)
        installed.write_text(needed, encoding="utf-8")
    return python


def main() -> int:
    """Return the exit status of the command; what it does not know is handed to the runner."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--suite", required=True, type=Path, help="folder with TestScripts")
    parser.add_argument("--format", default="both", choices=("json", "xml", "both"))
    parser.add_argument("--database", default=KINDS[0], choices=KINDS)
    options, more = parser.parse_known_args()
    choose(options.database)
    if not options.suite.is_dir():
        parser.error(f"there is no folder {options.suite}; name one with SUITE=")
    try:
        return run_suite(options.suite, options.format, *more)
    except LookupError as error:
        parser.error(str(error))


if __name__ == "__main__":
    os.chdir(ROOT)
    sys.exit(main())
