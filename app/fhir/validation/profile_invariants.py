"""The rules of a profile in FHIRPath, as checks; one that is not understood says so, once."""

from app.fhir.release import Release
from app.fhir.snapshot import Invariant
from app.fhir.validation.fhirpath import NotUnderstoodError, Scope, compile_rule
from app.fhir.validation.profile_run import Check, Item, Run


def invariant_check(release: Release, invariant: Invariant, label: str) -> Check:
    """Return the check that a rule holds; what it says of itself is shown."""
    severity = "error" if invariant.is_error else "warning"
    sentence = f"{label} breaks the rule {invariant.key}: {invariant.human}"
    try:
        holds = compile_rule(invariant.expression)
    except NotUnderstoodError as error:
        why = str(error)
        return lambda item, run: _say_unchecked(invariant, why, item, run)

    def check(item: Item, run: Run) -> None:
        resource = Item(run.root, None, "", str(run.root.get("resourceType")))
        try:
            if not holds(Scope(release, resource, item, item, run.step)):
                run.add(severity, "invariant", item.place, sentence)
        except NotUnderstoodError as error:
            _say_unchecked(invariant, str(error), item, run)

    return check


def _say_unchecked(invariant: Invariant, why: str, item: Item, run: Run) -> None:
    key = (0, f"{invariant.key} {invariant.expression}")
    if key not in run.seen:
        run.seen.add(key)
        run.add("information", "not-supported", item.place, f"Not checked: the rule {invariant.key}. {why}")
