"""Run every published suite, the two releases side by side, and write the table in docs/conformance.md.

Each suite gets a server of its own; the table is of SQLite, and on another database what passed is said only. With ``--validator`` what the scripts only leave to somebody else is checked too, the
profiles of every answer: ``server`` has Regie check it with the official packages loaded, ``command`` HL7's validator.
Scripts for the role of a client are counted and not run: a server can't play it.
"""

import argparse
import json
import os
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tests.conformance.run_suite import find_runner, install_runner, run_suite
from tests.support import postgres
from tests.support.database import KINDS, choose
from tests.support.independent import answering
from tests.support.pages import table, write_between
from tests.support.running import ROOT
from tests.support.suites import PACKAGES, conformance_folder

PAGE = ROOT / "docs" / "conformance.md"
FIGURES = ("scripts passed", "assertions passed", "failed", "not checked")
FORMATS = {"json": "JSON", "xml": "XML"}

Row = tuple[str, ...]
Results = dict[str, list[dict[str, Any]]]
"""What the runner's JSON says, by suite."""


def run_all(suites: Path, form: str, validator: str) -> tuple[int, Results]:
    """Return the highest exit status of the suites in ``suites``/RELEASE, and what the runner says about each."""
    releases = {folder.name: folder for folder in sorted(suites.iterdir()) if folder.name in PACKAGES}
    for folder in releases.values():
        install_runner(find_runner(folder).parent)  # once, before two want it at a time
    more = ["--validator", validator]
    with ExitStack() as stack:
        if validator == "command":
            more += ["--validator-command", str(stack.enter_context(answering()))]
        pool = stack.enter_context(ThreadPoolExecutor(len(releases)))
        packages = PACKAGES if validator == "server" else {}
        done = [
            pool.submit(_run_release, folder, form, more, packages.get(name, ())) for name, folder in releases.items()
        ]
        outcomes = [outcome for one in done for outcome in one.result()]
    return max(status for status, _ in outcomes), {name: found for _, one in outcomes for name, found in one.items()}


def _run_release(folder: Path, form: str, more: list[str], packages: tuple[str, ...]) -> list[tuple[int, Results]]:
    """Return the exit status and the results of each suite in ``folder``, one suite after the other."""
    outcomes: list[tuple[int, Results]] = []
    with tempfile.TemporaryDirectory(prefix="regie-") as name:
        for suite in sorted(one for one in folder.iterdir() if one.is_dir()):
            results = Path(name) / f"{suite.name}.json"
            status = run_suite(suite, form, "--json", str(results), *more, packages=packages)
            found = json.loads(results.read_text(encoding="utf-8"))["suites"] if results.exists() else []
            outcomes.append((status, {f"{folder.name}/{suite.name}": found}))
    return outcomes


def rows(suite: str, results: list[dict[str, Any]]) -> Iterator[Row]:
    """Yield a row for each role and format of a suite, and one for each role that is a client's."""
    scripts = [script for one in results for script in one["scripts"]]
    for role in dict.fromkeys(script["role"] for script in scripts):
        of_role = [script for script in scripts if script["role"] == role]
        left_out = [script["skipReason"] for script in of_role if script["status"] == "skipped"]
        for suffix, form in FORMATS.items():
            run = [one for one in of_role if one["status"] != "skipped" and one["path"].endswith(f"-{suffix}.xml")]
            if run:
                yield suite, role.rpartition("/")[2], form, *_figures(run)
        for reason, count in Counter(left_out).items():
            yield suite, role.rpartition("/")[2], "", f"{count} not run: {reason}", "", "", ""


def totals(suite: str, results: list[dict[str, Any]]) -> Row:
    """Return one row for all that was run of a suite."""
    return suite, *_figures([script for one in results for script in one["scripts"] if script["status"] != "skipped"])


def _figures(scripts: list[dict[str, Any]]) -> Row:
    """Return how many scripts passed, and how many assertions passed, failed and were not checked."""
    passed = sum(one["status"] == "passed" for one in scripts)
    counts = Counter(check["status"] for one in scripts for test in one["tests"] for check in test["checks"])
    failed = counts["failed"] + counts["error"]
    return f"{passed} of {len(scripts)}", f"{counts['passed']:,}", f"{failed:,}", f"{counts['not checked']:,}"


def main() -> int:
    """Return the exit status of the command: 0 if nothing failed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--format", default="both", choices=("json", "xml", "both"))
    parser.add_argument("--validator", default="none", choices=("none", "server", "command"))
    parser.add_argument("--database", default=KINDS[0], choices=KINDS)
    options = parser.parse_args()
    folder = conformance_folder()
    if folder is None:
        parser.error("there are no published test scripts; say where in REGIE_CONFORMANCE_SUITES")
    choose(options.database)
    if options.database == "postgresql":
        postgres.server()  # once, before two want it at a time
    status, found = run_all(folder / "suites", options.format, options.validator)
    for name, results in found.items():
        sys.stdout.write(f"{options.database}: {': '.join(totals(name, results)[:2])} scripts passed\n")
    if options.format == "both" and options.database == KINDS[0]:
        day = datetime.now(UTC).strftime("%-d %B %Y")
        if options.validator == "none":
            how = ""
            header: Row = ("suite", "role", "format", *FIGURES)
            lines: list[Row] = [row for name, results in found.items() for row in rows(name, results)]
        else:
            how, header = f" VALIDATOR={options.validator}", ("suite", *FIGURES)
            lines = [totals(name, results) for name, results in found.items()]
        text = f"Measured on {day} with `make conformance{how}`.\n\n{table(header, lines)}"
        write_between(PAGE, f"suites, validator {options.validator}", text)
    return status


if __name__ == "__main__":
    os.chdir(ROOT)
    sys.exit(main())
