"""Hold Regie's validation against HL7's own validator, which shares no code with it: what ``make oracle`` does.

Both are asked about all fixtures of the test scripts, all examples of the official packages, Regie's own examples and
CapabilityStatements, and about copies of these with one fault whose place is known. Regie has to find every such fault in
its place and nothing in what both hold for valid; where the two differ, ``oracle_differences.tsv`` has to say why. What
was found goes into docs/conformance.md.
"""

import os
import re
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx

from app.fhir.packages.own import PROFILES
from app.fhir.release import Release
from app.fhir.tree import decode_tree
from app.fhir.xml.read import to_json
from app.fhir.xml.write import to_xml
from tests.conformance.known_faults import faults
from tests.conformance.known_profile_faults import profile_faults
from tests.conformance.run_suite import find_runner, install_runner
from tests.support.independent import independent_validator, validate_all
from tests.support.official import official_definitions, official_files, official_profiles
from tests.support.pages import table, write_between
from tests.support.places import is_at, is_near
from tests.support.running import ROOT, running
from tests.support.suites import conformance_folder
from tests.support.verdict import encoded, errors_of_regie

PAGE = ROOT / "docs" / "conformance.md"
DIFFERENCES = Path(__file__).with_name("oracle_differences.tsv")
KINDS = 5
"""How many kinds of fault, of FHIR and of profiles each, are tried on a resource."""
EVERY = 5
"""One in so many valid resources is tried with faults, and as Regie writes it in XML."""


@dataclass(frozen=True, slots=True)
class Case:
    """A resource that both are asked about; ``kind`` and ``fault`` are of the fault that it has, empty for none."""

    group: str
    name: str
    content: str
    kind: str = ""
    fault: str = ""

    def tree(self, release: Release) -> dict[str, Any]:
        """Return the resource."""
        body = self.content.encode()
        return decode_tree(to_json(release, body) if self.content.lstrip("\ufeff").startswith("<") else body)


@dataclass(frozen=True, slots=True)
class Opinion:
    """A case with the errors that each of the two finds, as pairs of place and sentence."""

    case: Case
    release: Release
    regie: list[tuple[str, str]]
    hl7: list[tuple[str, str]]

    @property
    def verdict(self) -> str:
        """Return how the two agree."""
        if not self.regie and not self.hl7:
            return "valid"
        if not self.hl7 or not self.regie:
            return "only Regie" if self.regie else "only HL7"
        near = any(is_near(self.release, mine[0], other[0]) for mine in self.regie for other in self.hl7)
        return "invalid" if near else "other place"

    @property
    def is_found(self) -> bool:
        """Return whether Regie finds the fault that was put in, in its place."""
        return any(is_at(self.release, place, self.case.fault) for place, _ in self.regie)


def opinions(release: Release, cases: list[Case]) -> list[Opinion]:
    """Return what both say about each case."""
    answers = validate_all(release, (case.content for case in cases))
    return [
        Opinion(case, release, errors_of_regie(official_profiles(release), case.tree(release)), _errors_of_hl7(answer))
        for case, answer in zip(cases, answers, strict=True)
    ]


def _errors_of_hl7(issues: list[dict[str, Any]]) -> list[tuple[str, str]]:
    errors = [one for one in issues if one["severity"] in ("error", "fatal")]
    return [((one.get("expression") or [""])[0], one.get("diagnostics", "")) for one in errors]


def valid_cases(release: Release, fixtures: Path, statement: str) -> Iterator[Case]:
    """Yield what should be valid: fixtures, examples and the CapabilityStatement; XML that Regie writes is one group more."""
    for path in sorted((fixtures / release.name).rglob("*")):
        if path.suffix in (".xml", ".json"):
            yield Case("fixtures of the test scripts", path.name, path.read_text(encoding="utf-8-sig"))
    for path in official_files(release):
        yield Case("examples of the packages", path.name, path.read_text(encoding="utf-8-sig"))
    for path in sorted(own_examples(release).glob("*.json")):
        if not path.stem.endswith(".invalid"):
            yield Case("Regie's own examples", path.name, path.read_text(encoding="utf-8"))
    yield Case("Regie's CapabilityStatement", "metadata", statement)


def faulty_cases(release: Release, valid: Iterable[Case]) -> Iterator[Case]:
    """Yield copies of valid resources with one fault each."""
    find = official_definitions(release).get
    for case in valid:
        tree = case.tree(release)
        for group, made in (
            ("one fault against FHIR", faults(release, tree, case.name, KINDS)),
            ("one fault against a profile", profile_faults(release, tree, find, case.name, KINDS)),
        ):
            for one in made:
                yield Case(group, case.name, encoded(one.tree).decode(), one.kind, one.place)


def own_faulty_cases(release: Release) -> Iterator[Case]:
    """Yield Regie's own examples of what breaks its profiles."""
    for line in (own_examples(release) / "expected.tsv").read_text(encoding="utf-8").splitlines():
        name, severity, code, where = line.split("\t")
        if severity == "error":
            text = (own_examples(release) / name).read_text(encoding="utf-8")
            yield Case("Regie's own examples with a fault", name, text, code, where)


def own_examples(release: Release) -> Path:
    """Return the folder with the examples of Regie's own profiles."""
    return PROFILES / release.path / "examples"


def in_xml(release: Release, valid: Iterable[Case]) -> Iterator[Case]:
    """Yield valid resources as Regie writes them in XML."""
    for case in valid:
        body = encoded(case.tree(release))
        yield Case("valid ones as Regie writes them in XML", case.name, to_xml(release, body).decode())


def examine(release: Release, fixtures: Path, statement: str) -> list[Opinion]:
    """Return what both say about everything there is for a release."""
    served = list(valid_cases(release, fixtures, statement))
    found = opinions(release, [case for case in served if "resourceType" in case.tree(release)])
    valid = [one.case for one in found if one.verdict == "valid"][::EVERY]
    more = [*in_xml(release, valid), *own_faulty_cases(release), *faulty_cases(release, valid)]
    return found + opinions(release, more)


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why the two differ where the one named by ``who`` says something like ``message``."""

    who: str
    message: re.Pattern[str]
    why: str


def explanations() -> list[Explanation]:
    """Return the explained differences."""
    lines = DIFFERENCES.read_text(encoding="utf-8").splitlines()[1:]
    return [Explanation(who, re.compile(message), why) for who, message, why in (line.split("\t") for line in lines)]


def explained(opinion: Opinion, known: list[Explanation]) -> Explanation | None:
    """Return why the two differ about a case; None if that is not known, or not for everything that only one says."""
    who, said = ("Regie", opinion.regie) if opinion.verdict == "only Regie" else ("HL7", opinion.hl7)
    found = [next((one for one in known if one.who == who and one.message.search(text)), None) for _, text in said]
    return None if None in found else found[0]


def report(found: list[Opinion]) -> tuple[str, list[str]]:
    """Return the tables for the page, and what is wrong: faults that were missed and differences without explanation."""
    known, wrong = explanations(), []
    reasons: Counter[tuple[str, str]] = Counter()
    for one in found:
        case, said = one.case, f"\n    Regie: {one.regie[:2]}\n    HL7:   {one.hl7[:2]}"
        if case.fault and not one.is_found:
            wrong.append(f"missed: {one.release.name} {case.name}: {case.kind} at {case.fault}{said}")
        if one.verdict in ("only HL7", "only Regie", "other place"):
            why = explained(one, known)
            if why is None:
                wrong.append(f"{one.verdict}: {one.release.name} {case.name} {case.kind} {case.fault}{said}")
            else:
                reasons[one.verdict, why.why] += 1
    verdicts = ("valid", "invalid", "other place", "only HL7", "only Regie")
    rows = []
    for group in dict.fromkeys(one.case.group for one in found):
        of_group = [one for one in found if one.case.group == group]
        counts = Counter(one.verdict for one in of_group)
        known_faults = [one for one in of_group if one.case.fault]
        placed = f"{sum(one.is_found for one in known_faults):,} of {len(known_faults):,}" if known_faults else ""
        rows.append((group, f"{len(of_group):,}", *(f"{counts[one]:,}" for one in verdicts), placed))
    head = (
        "what was validated",
        "resources",
        "both: valid",
        "both: invalid",
        "other place",
        "only HL7's",
        "only Regie",
    )
    text = table((*head, "known faults that Regie finds in place"), rows)
    kinds = Counter(one.case.kind for one in found if one.case.group.startswith("one fault"))
    text += "\n\nThe faults that were put in: " + ", ".join(
        f"{kind} ({count})" for kind, count in sorted(kinds.items())
    )
    lines = [(verdict, f"{count:,}", why) for (verdict, why), count in reasons.most_common()]
    return f"{text}.\n\n{table(('who finds an error', 'resources', 'why'), lines)}", wrong


def main() -> int:
    """Return the exit status of the command: 0 if every known fault is found and every difference is explained."""
    folder = conformance_folder()
    if folder is None:
        raise SystemExit("There are no published test scripts; say where in REGIE_CONFORMANCE_SUITES.")
    independent_validator()  # made ready once, before two want it at a time
    with tempfile.TemporaryDirectory(prefix="regie-") as name:
        fixtures = Path(name)
        runner = find_runner(folder / "suites")
        for release in Release:
            suites = folder / "suites" / release.name
            command = [str(install_runner(runner.parent)), str(runner), "--suite", str(suites)]
            command += ["--write-fixtures", str(fixtures / release.name)]
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        with running(fixtures) as program:
            statements = [httpx.get(f"{program.url}/fhir/{one.path}/metadata").text for one in Release]
        with ThreadPoolExecutor(2) as pool:
            found = [one for part in pool.map(examine, Release, [fixtures] * 2, statements) for one in part]
    text, wrong = report(found)
    day = datetime.now(UTC).strftime("%-d %B %Y")
    write_between(PAGE, "oracle", f"Measured on {day} with `make oracle`.\n\n{text}")
    for line in wrong:
        sys.stdout.write(f"{line}\n")
    sys.stdout.write(f"{len(found)} resources, {len(wrong)} of them missed or without explanation.\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    os.chdir(ROOT)
    sys.exit(main())
