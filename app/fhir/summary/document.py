"""The document of a patient summary: the Composition, the person, and all that the sections show and refer to.

Every resource goes by its URL on this server, so that a reference between two of them leads into the document. What one
record has in both releases is shown once; references to the person lead to the one Patient of the document.

Spec: https://hl7.org/fhir/uv/ips/STU1.1/StructureDefinition-Bundle-uv-ips.html, https://hl7.org/fhir/R4/documents.html
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from html import escape
from typing import Any
from uuid import uuid4

from app.fhir.elements import LOINC, Tree, named, words
from app.fhir.summary import narrative
from app.fhir.summary.sections import SECTIONS, Section

IPS = "http://hl7.org/fhir/uv/ips/StructureDefinition/"
BUNDLE_PROFILE = f"{IPS}Bundle-uv-ips"
COMPOSITION_PROFILE = f"{IPS}Composition-uv-ips"
SUPPORTING = frozenset(
    """
    CareTeam Device Goal Location Medication Observation Organization Practitioner PractitionerRole RelatedPerson
    ServiceRequest Specimen
    """.split()
)
"""The types that come along because something in a section refers to them."""

_ABSENT = "http://hl7.org/fhir/uv/ips/CodeSystem/absent-unknown-uv-ips"
_ABSENT_REASON = "http://hl7.org/fhir/StructureDefinition/data-absent-reason"
_CLINICAL = "http://terminology.hl7.org/CodeSystem/"
_STEPS_MAX = 3


@dataclass(frozen=True, slots=True)
class Source:
    """A resource in R4, and its URL on this server."""

    url: str
    tree: Tree

    @property
    def base(self) -> str:
        """Return the base URL that its relative references go from, with the slash."""
        return self.url.rsplit("/", 2)[0] + "/"


def absolute(source: Source, reference: str) -> str:
    """Return the URL that a reference in ``source`` leads to, without a version."""
    url = reference if ":" in reference else source.base + reference
    return url.split("/_history/", 1)[0]


def chosen(sources: Iterable[Source], now: datetime) -> dict[Section, list[Source]]:
    """Return what belongs in each section, in the order in which it is shown; every section is there."""
    by_tree = {id(one.tree): one for one in sources}
    trees = [one.tree for one in by_tree.values()]
    return {section: [by_tree[id(tree)] for tree in section.choose(trees, now)] for section in SECTIONS}


def referred_to(sources: Iterable[Source]) -> Iterator[str]:
    """Yield the URLs of what may come along because one of ``sources`` refers to it."""
    for source in sources:
        for reference in _references(source.tree):
            url = absolute(source, reference["reference"])
            if url.rsplit("/", 2)[-2:-1] and url.rsplit("/", 2)[-2] in SUPPORTING:
                yield url


def document(
    patient: Source,
    sections: Mapping[Section, Sequence[Source]],
    others: Mapping[str, Source],
    aliases: Mapping[str, str],
    now: datetime,
) -> Tree:
    """Return the Bundle. ``now`` is UTC.

    ``others`` is what else there is, by URL, for references to lead to; ``aliases`` are URLs that stand for another one: of
    the person's other Patient, and of what the record has twice. Nothing that is handed in is changed.
    """
    shown = {source.url: source for every in sections.values() for source in every}
    names = _names([*shown.values(), *others.values()])
    kept = {patient.url: patient, **shown, **_along(shown, others, aliases)}
    entries = [(source.url, _linked(source, aliases)) for source in kept.values()]
    author, absent = (uuid4().urn, _software()), []
    written = []
    for section in SECTIONS:
        found = sections.get(section, ())
        if not found and not section.absent:
            continue
        urls = [one.url for one in found]
        if not urls:
            absent.append((uuid4().urn, _nothing_known(section, patient.url)))
            urls = [absent[-1][0]]
        cells = narrative.table(narrative.COLUMNS[section.key], [_named(one, names) for one in found], names)
        written.append(_section(section, cells, urls))
    composition = (uuid4().urn, _composition(patient, author[0], written, now))
    return {
        "resourceType": "Bundle",
        "meta": {"profile": [BUNDLE_PROFILE]},
        "identifier": {"system": "urn:ietf:rfc:3986", "value": uuid4().urn},
        "type": "document",
        "timestamp": _instant(now),
        "entry": [{"fullUrl": url, "resource": tree} for url, tree in (composition, *entries, *absent, author)],
    }


def _instant(now: datetime) -> str:
    return now.isoformat(timespec="seconds").replace("+00:00", "Z")


def _references(node: Any) -> Iterator[Tree]:
    if isinstance(node, list):
        for item in node:
            yield from _references(item)
    elif isinstance(node, dict):
        if isinstance(node.get("reference"), str) and not node["reference"].startswith("#"):
            yield node
        for value in node.values():
            yield from _references(value)


def _along(shown: Mapping[str, Source], others: Mapping[str, Source], aliases: Mapping[str, str]) -> dict[str, Source]:
    """Return what the shown resources refer to, and what that refers to in its turn."""
    along: dict[str, Source] = {}
    last: Iterable[Source] = shown.values()
    for _ in range(_STEPS_MAX):
        urls = {aliases.get(url, url) for url in referred_to(last)} - shown.keys() - along.keys()
        last = [others[url] for url in sorted(urls) if url in others]
        along |= {source.url: source for source in last}
    return along


def _linked(source: Source, aliases: Mapping[str, str]) -> Tree:
    """Return the resource with its references to what the document has under another URL led there."""

    def copied(node: Any) -> Any:
        if isinstance(node, list):
            return [copied(item) for item in node]
        if not isinstance(node, dict):
            return node
        made = {name: copied(value) for name, value in node.items()}
        text = made.get("reference")
        if isinstance(text, str) and (url := aliases.get(absolute(source, text))):
            made["reference"] = url
        return made

    linked: Tree = copied(source.tree)
    statement = linked["resourceType"] == "MedicationStatement"
    if statement and not any(name.startswith(("effective", "_effective")) for name in linked):
        linked["_effectiveDateTime"] = {"extension": [{"url": _ABSENT_REASON, "valueCode": "unknown"}]}
    return linked


def _names(sources: Iterable[Source]) -> dict[str, str]:
    """Return what each resource that has a name or a code of its own is called, by URL."""
    found = {}
    for source in sources:
        tree = source.tree
        device = next((str(one.get("name", "")) for one in tree.get("deviceName", [])), "")
        name = tree.get("name") if isinstance(tree.get("name"), str) else ""
        if text := words(tree.get("code")) or device or words(tree.get("type")) or name:
            found[source.url] = str(text)
    return found


def _named(source: Source, names: Mapping[str, str]) -> Tree:
    """Return the resource with a display in its own references, where what they lead to has a name."""
    tree = dict(source.tree)
    for element, value in tree.items():
        if isinstance(value, dict) and isinstance(value.get("reference"), str) and not named(value):
            name = names.get(absolute(source, value["reference"])) or _contained_name(source.tree, value["reference"])
            tree[element] = {**value, "display": name} if name else value
    return tree


def _contained_name(tree: Tree, reference: str) -> str:
    for one in tree.get("contained", []):
        if reference == f"#{one.get('id')}":
            return words(one.get("code")) or words(one.get("type"))
    return ""


def _section(section: Section, div: str, urls: Iterable[str]) -> Tree:
    return {
        "title": f"{section.dutch} ({section.english})",
        "code": {"coding": [{"system": LOINC, "code": section.code}]},
        "text": {"status": "generated", "div": div},
        "entry": [{"reference": url} for url in urls],
    }


def _composition(patient: Source, author: str, sections: list[Tree], now: datetime) -> Tree:
    return {
        "resourceType": "Composition",
        "meta": {"profile": [COMPOSITION_PROFILE]},
        "language": "nl",
        "text": {"status": "generated", "div": _heading(patient.tree, now)},
        "status": "final",
        "type": {"coding": [{"system": LOINC, "code": "60591-5"}]},
        "subject": {"reference": patient.url},
        "date": _instant(now),
        "author": [{"reference": author}],
        "title": "Samenvatting van mijn gezondheid (International Patient Summary)",
        "event": [
            {
                "code": [{"coding": [{"system": f"{_CLINICAL}v3-ActClass", "code": "PCPR"}]}],
                "period": {"end": _instant(now)},
            }
        ],
        "section": sections,
    }


def _heading(patient: Tree, now: datetime) -> str:
    name: Tree = next(iter(patient.get("name", [])), {})
    text = name.get("text") or " ".join([*name.get("given", []), str(name.get("family", ""))]).strip()
    rows = (
        ("Naam", "Name", text),
        ("Geboren", "Born", str(patient.get("birthDate", ""))),
        ("Gemaakt", "Made", _instant(now)),
    )
    lines = "".join(
        f"<li>{narrative.both(dutch, english)}: {escape(value)}</li>" for dutch, english, value in rows if value
    )
    return narrative.narrative(f"<ul>{lines}</ul>")


def _software() -> Tree:
    return {
        "resourceType": "Device",
        "deviceName": [{"name": "Regie", "type": "user-friendly-name"}],
        "type": {"text": "Personal health record"},
    }


def _nothing_known(section: Section, patient: str) -> Tree:
    """Return the resource that says that nothing is known, for a section that may not be empty."""
    code = {"coding": [{"system": _ABSENT, "code": section.absent}]}
    active = {"coding": [{"code": "active"}]}
    if section.absent_type == "MedicationStatement":
        made: Tree = {"status": "unknown", "medicationCodeableConcept": code, "subject": {"reference": patient}}
        made["_effectiveDateTime"] = {"extension": [{"url": _ABSENT_REASON, "valueCode": "unknown"}]}
    elif section.absent_type == "AllergyIntolerance":
        active["coding"][0]["system"] = f"{_CLINICAL}allergyintolerance-clinical"
        made = {"clinicalStatus": active, "code": code, "patient": {"reference": patient}}
    else:
        active["coding"][0]["system"] = f"{_CLINICAL}condition-clinical"
        made = {"clinicalStatus": active, "code": code, "subject": {"reference": patient}}
    return {"resourceType": section.absent_type, **made}
