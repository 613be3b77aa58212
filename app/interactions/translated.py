"""Stored versions shown in the release that was asked for, where they are held in the other one.

What is shown so is made for the answer and kept nowhere. It says itself what it was translated from and what it lost: in a tag
and in extensions of its ``meta``.

Spec: https://hl7.org/fhir/R4/versions.html
"""

import re
from collections import Counter
from collections.abc import Iterable

import msgspec

from app.access.requester import Requester
from app.errors import BadRequestError
from app.fhir.issues import Issue
from app.fhir.release import Release
from app.fhir.search.subset import Shown
from app.fhir.translate.translation import Loss, is_translated, other, translate
from app.fhir.tree import encode_tree
from app.interactions.search import part
from app.store.resources import Stored

RELEASES = "_release"
"""The parameter that says from which releases an answer is made: ``both``, or that of the base."""

LOSS_URL = "https://regie.example/fhir/StructureDefinition/translation-loss"
"""The extension that names one thing which a translated resource does not say."""

LOSSES_SHOWN_MAX = 100


def wants_both(requester: Requester, release: Release, given: Iterable[str]) -> bool:
    """Return whether both releases are asked for: by the parameter's values ``given``, else by what the client has set.

    Raises: BadRequestError.
    """
    values = list(given)
    if not values:
        return requester.both_releases
    if len(values) > 1 or values[0] not in ("both", release.path):
        message = f"{RELEASES} takes both or {release.path}, once."
        raise BadRequestError(message)
    return values[0] == "both"


def without_releases(pairs: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """Return the other parameters."""
    return [pair for pair in pairs if pair[0] != RELEASES]


class Telling:
    """Translates versions for one answer, and gathers what gets lost."""

    def __init__(self, release: Release) -> None:
        self.release = release
        self._losses: Counter[tuple[str, str]] = Counter()
        self._left_out: Counter[str] = Counter()

    def shown(self, version: Stored, wanted: Shown | None = None) -> Stored | None:
        """Return a version with its body in the release asked for, or the part of it that is wanted; None if it can't be.

        Its ``release`` stays the one that it is held in.
        """
        body = version.body
        if version.release is not self.release and not version.deleted:
            if not is_translated(version.resource_type):
                self._left_out[version.resource_type] += 1
                return None
            translated = translate(version.tree(), version.release, self.release)
            self._losses.update((re.sub(r"\[\d+\]", "", loss.expression), loss.reason) for loss in translated.losses)
            _name_losses(translated.tree, translated.losses)
            body = encode_tree(translated.tree)
        return part(msgspec.structs.replace(version, body=body), wanted, self.release)

    def all_shown(self, versions: Iterable[Stored], wanted: Shown | None = None) -> tuple[Stored, ...]:
        """Return those versions that can be shown."""
        told = (self.shown(version, wanted) for version in versions)
        return tuple(version for version in told if version is not None)

    @property
    def issues(self) -> tuple[Issue, ...]:
        """Return what the answer lost on the way: each kind of loss once, and what is not translated at all."""
        held = f"FHIR {other(self.release).mime_version}"
        left_out = [
            Issue("warning", "incomplete", f"Not translated, so not in this answer: {number} {name} held in {held}.")
            for name, number in sorted(self._left_out.items())
        ]
        named = [
            Issue("information", "informational", f"{reason} (In {number} of what was translated.)", expression)
            for (expression, reason), number in self._losses.most_common(LOSSES_SHOWN_MAX)
        ]
        return (*left_out, *named)


def _name_losses(tree: dict[str, object], losses: Iterable[Loss]) -> None:
    """Put each loss into the meta of a resource; a translation has a meta of its own."""
    named = [
        {
            "url": LOSS_URL,
            "extension": [
                {"url": "expression", "valueString": loss.expression},
                {"url": "reason", "valueString": loss.reason},
            ],
        }
        for loss in losses
    ]
    meta = tree["meta"]
    if named and isinstance(meta, dict):
        meta["extension"] = [*meta.get("extension", []), *named]
