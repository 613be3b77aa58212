"""HL7's own validator, which shares no code with Regie: the program ``validate`` beside the published test scripts.

It builds itself at its first use, for which it needs Java 17, Maven and a folder that it may write: a copy in ``var/``. It
knows the official packages and Regie's own.
"""

import json
import os
import shutil
import subprocess
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from app.fhir.packages.own import PROFILES, own_definitions
from app.fhir.release import Release
from app.fhir.xml.write import to_xml
from tests.support.suites import ROOT, conformance_folder

COPY = ROOT / "var" / "validator"


@cache
def independent_validator() -> Path:
    """Return the program; it is told where the packages are.

    Raises: LookupError, if it is not on this machine.
    """
    folder = conformance_folder()
    if folder is None or not (folder / "validator" / "validate").is_file():
        raise LookupError("HL7's validator is not beside the published test scripts (REGIE_CONFORMANCE_SUITES).")
    shutil.copytree(folder / "validator", COPY, dirs_exist_ok=True, copy_function=_copy_if_changed)
    for path in (COPY, *COPY.rglob("*")):
        path.chmod(path.stat().st_mode | 0o200)
    os.environ["FHIR_PACKAGES"] = str(_packages(folder.parent / "packages"))
    return COPY / "validate"


def _packages(official: Path) -> Path:
    """Return a folder with the official packages and Regie's own, in XML as the program reads them."""
    folder = COPY.with_name("validator-packages")
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(official, folder, copy_function=shutil.copyfile)
    for release in Release:
        own = folder / f"regie-{release.path}-own"
        folder.chmod(0o755)
        own.mkdir()
        for one in own_definitions(PROFILES, release):
            (own / f"{one.path.stem}.xml").write_bytes(to_xml(release, one.path.read_bytes()))
    return folder


def _copy_if_changed(source: str, target: str) -> str:
    """Copy a file unless the target is the same: a newer one would be built anew."""
    if not Path(target).exists() or Path(source).stat().st_mtime > Path(target).stat().st_mtime:
        shutil.copy2(source, target)
    return target


@contextmanager
def answering() -> Iterator[Path]:
    """Give the program, with a server of its own behind it that is ended at the end: a call then costs no start.

    Raises: LookupError, if there is no validator. RuntimeError, if it doesn't start.
    """
    program = independent_validator()
    with subprocess.Popen([str(program), "--serve", "0"], stdout=subprocess.PIPE, text=True) as server:
        try:
            if server.stdout is None or not server.stdout.readline():
                raise RuntimeError("HL7's validator did not start.")
            yield program
        finally:
            server.terminate()


def validate_all(release: Release, contents: Iterable[str], profile: str = "") -> Iterator[list[dict[str, Any]]]:
    """Yield the issues of each resource, in order; ``profile`` is for all, beyond those that they claim.

    Raises: LookupError, if there is no validator. RuntimeError, if it stops.
    """
    requests = "".join(f"{json.dumps({'content': one, 'profile': profile})}\n" for one in contents)
    command = [str(independent_validator()), "--lines", release.name]
    done = subprocess.run(command, input=requests, capture_output=True, text=True, check=False)
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    if len(answers) != requests.count("\n"):
        raise RuntimeError(f"The validator stopped after {len(answers)} resources: {done.stderr[-2000:]}")
    for answer in answers:
        if "outcome" not in answer:
            raise RuntimeError(f"The validator failed: {answer.get('error')}")
        yield answer["outcome"].get("issue", [])
