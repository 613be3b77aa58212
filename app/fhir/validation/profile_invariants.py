"""The rules of a profile in FHIRPath, as checks; one that is not understood says so, once."""

from app.fhir.release import Release
from app.fhir.releases.definitions import definitions
from app.fhir.snapshot import Invariant
from app.fhir.validation.alternatives import alternatives_of, surely_holds
from app.fhir.validation.fhirpath import NotUnderstoodError, Scope, compile_rule
from app.fhir.validation.profile_run import Check, Item, Run


def invariant_check(release: Release, invariant: Invariant, kinds: tuple[str, ...], label: str) -> Check:
    """Return the check that a rule holds for a value of one of the types ``kinds``; what it says of itself is shown."""
    severity = "error" if invariant.is_error else "warning"
    sentence = f"{label} breaks the rule {invariant.key}: {invariant.human}"
    types = definitions(release)
    alternatives = (
        alternatives_of(invariant.expression, types[kinds[0]]) if len(kinds) == 1 and kinds[0] in types else ()
    )
    try:
        holds = compile_rule(invariant.expression)
    except NotUnderstoodError as error:
        why = str(error)
        return lambda item, run: _say_unchecked(invariant, why, item, run)

    def check(item: Item, run: Run) -> None:
        if alternatives and isinstance(item.value, dict) and surely_holds(alternatives, item.value):
            return
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
