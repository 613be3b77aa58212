"""Makes ``data/*.txt``: what FHIR says about every element, as facts that are read at start.

``python -m app.fhir.releases.generate`` reads the models of ``fhir.resources`` (a development dependency) and writes
one ``..._structure.txt`` per release. With ``--definitions FOLDER`` it also writes ``..._codes.txt``, the code lists of
required bindings, and ``..._rules.txt``, the rules in FHIRPath that are errors to break, from the official
``profiles-types.xml``, ``profiles-resources.xml``, ``valuesets.xml``,
``v2-tables.xml`` and ``v3-codesystems.xml`` of the release, in ``FOLDER/stu3`` and ``FOLDER/r4``; ``fhir.resources``
doesn't tell required from example bindings. ``definitions.py`` says how the files are read.

Spec: https://hl7.org/fhir/R4/structuredefinition.html, https://hl7.org/fhir/STU3/structuredefinition.html
"""

import argparse
import importlib
import pkgutil
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from lxml import etree

from app.fhir.release import Release
from app.fhir.releases.definitions import DATA, Definitions, served
from app.fhir.releases.served import NOT_KEPT

MODEL_PACKAGES = {Release.STU3: "fhir.resources.STU3", Release.R4: "fhir.resources.R4B"}
PRIMITIVES = {
    name[0].upper() + name[1:]: name
    for name in (
        "base64Binary boolean canonical code date dateTime decimal id instant integer integer64 markdown oid"
        " positiveInt string time unsignedInt uri url uuid xhtml"
    ).split()
}
TYPE_PATTERN = re.compile(r"fhirtypes\.(\w+?)(?:Type)?\b")
FHIR = "{http://hl7.org/fhir}"
SIMPLE_QUANTITY = "http://hl7.org/fhir/StructureDefinition/SimpleQuantity"
"""The profile of a Quantity without a comparator, which elements name as part of their type: its one rule is theirs."""


def models(release: Release) -> dict[str, Any]:
    """Return every model class of ``fhir.resources`` for the release, by FHIR type name."""
    package = importlib.import_module(MODEL_PACKAGES[release])
    found = {}
    for module_info in pkgutil.iter_modules(package.__path__):
        module = importlib.import_module(f"{package.__name__}.{module_info.name}")
        for value in vars(module).values():
            if isinstance(value, type) and value.__module__ == module.__name__ and "__resource_type__" in vars(value):
                found[vars(value)["__resource_type__"]] = value
    return {name: found[name] for name in sorted(found) if not name.startswith("FHIR")}


def structure_text(release: Release) -> str:
    """Return the contents of ``data/<release>_structure.txt``, from ``fhir.resources``."""
    blocks = [f"# FHIR {release.name} structure, made by app.fhir.releases.generate from {MODEL_PACKAGES[release]}."]
    for name, model in models(release).items():
        base = next((parent for parent in model.__mro__[1:] if is_fhir_type(parent, release)), None)
        inherited = {line.split()[0] for line in element_lines(base)} if base else set()
        lines = [f"  {line}" for line in element_lines(model) if line.split()[0] not in inherited]
        blocks.append("\n".join([f"{name}: {base.__name__ if base else ''}".rstrip(), *lines]))
    return "\n".join(blocks) + "\n"


def is_fhir_type(model: type, release: Release) -> bool:
    """Return whether the class stands for a type that FHIR itself has, not for a means of the library."""
    is_model = model.__module__.startswith(MODEL_PACKAGES[release])
    return is_model and not vars(model)["__resource_type__"].startswith("FHIR")


def element_lines(model: Any) -> list[str]:
    """Return one line for each element in the order of the specification, choices gathered."""
    fields = {field.alias or name: (name, field) for name, field in model.model_fields.items()}
    lines: dict[str, list[Any]] = {}
    for element in model.elements_sequence():
        python_name, field = fields[element]
        extra = field.json_schema_extra or {}
        annotation = annotation_of(model, python_name)
        found = TYPE_PATTERN.search(annotation)
        type_name = found.group(1) if found else "Boolean"
        type_name = PRIMITIVES.get(type_name, type_name)
        choice = extra.get("one_of_many")
        required = field.is_required() or extra.get("element_required") or extra.get("one_of_many_required")
        many = "List[" in annotation
        key = f"{choice}[x]" if choice else element
        line = lines.setdefault(key, [[], f"{int(bool(required))}..{'*' if many else 1}", []])
        line[0].append(type_name)
        if type_name == "Reference":
            line[2].extend(extra.get("enum_reference_types", ()))
    return [
        f"{name} {'|'.join(dict.fromkeys(types))} {cardinality}{' > ' if targets else ''}{'|'.join(sorted(set(targets)))}"
        for name, (types, cardinality, targets) in lines.items()
    ]


def annotation_of(model: type, name: str) -> str:
    """Return the annotation of a field as it was written, from the class that declares it."""
    return str(next(vars(parent)["__annotations__"][name] for parent in model.__mro__ if name in declared(parent)))


def declared(model: type) -> Mapping[str, Any]:
    """Return the annotations that the class itself makes."""
    annotations: Mapping[str, Any] = vars(model).get("__annotations__", {})
    return annotations


def codes_text(release: Release, folder: Path) -> str:
    """Return the contents of ``data/<release>_codes.txt``: required bindings whose codes can all be listed."""
    systems, value_sets = terminology(folder)
    types = Definitions(release, structure_text(release), "")
    used: dict[str, str] = {}
    bindings = set()
    for path, uri in required_bindings(folder):
        codes, place = expand(uri, systems, value_sets), type_and_element(path, types)
        if codes and place:
            name = uri.rsplit("/", 1)[-1]
            used[name] = " ".join(f"{system} {'|'.join(sorted(listed))}" for system, listed in sorted(codes.items()))
            bindings.add(f"  {place} {name}")
    head = f"# FHIR {release.name} required bindings, made by app.fhir.releases.generate from the official definitions."
    sets = [f"  {name} {used[name]}" for name in sorted(used)]
    return "\n".join([head, "sets:", *sets, "bindings:", *sorted(bindings)]) + "\n"


RULES_LEFT_OUT = {
    "dom-2": "structure.py",
    "dom-3": "invariants.py",
    "ele-1": "structure.py",
    "ext-1": "invariants.py",
    "ref-1": "invariants.py",
    "txt-1": "narrative.py",
    "txt-2": "narrative.py",
    "ctm-1": "needs what a reference leads to",
    "mps-1": "needs what a reference leads to",
    "cmr-1": "needs what a reference leads to",
    "rfr-1": "needs what a reference leads to",
    "mad-3": "compares a boolean with a text, which nothing fulfils",
}
"""Rules of the specification that are not taken over: where they are checked instead, or why they can't be."""
RULES_SAID_ANEW = {
    "(code or value.empty())": "(code.exists() or value.empty())",
    "verificationStatus='entered-in-error' or clinicalStatus.exists()": (
        "clinicalStatus.exists() or verificationStatus.where($this = 'entered-in-error').exists()"
    ),
    "notDone or notDoneReason.exists().not()": "notDoneReason.empty() or notDone.where($this).exists()",
    "notDoneReason.empty() or notDone = true": "notDoneReason.empty() or notDone.where($this).exists()",
    "reasonNotGiven.empty() or notGiven = true": "reasonNotGiven.empty() or notGiven.where($this).exists()",
    "((low.code = '%') and (low.system = %ucum))": "low.where(code = '%' and system = %ucum).exists()",
    "((high.code = '%') and (high.system = %ucum))": "high.where(code = '%' and system = %ucum).exists()",
}
"""Parts of rules that have no answer where an element is absent without which they are broken, and the same with one."""


def rules_text(release: Release, folder: Path) -> str:
    """Return the contents of ``data/<release>_rules.txt``: the rules of types that occur in what is kept, errors only."""
    types = Definitions(release, structure_text(release), "")
    wanted = reached(types, {*served(release), "Extension"} - NOT_KEPT)
    lines = set()
    for path, key, expression in constraints(folder):
        found = type_and_element(path, types) if "." in path else path
        name, _, element = (found or "").partition(" ")
        members = [one for one in types[name].members.values() if one.element.name == element] if name in wanted else []
        part = members[0].type if members else ""
        place = part if part.startswith(name) else f"{name}.{element}" if element else name
        if name in wanted and key not in RULES_LEFT_OUT:
            lines.add(f"{place} {key} {said_with_an_answer(' '.join(expression.split()))}")
    head = (
        f"# Rules of FHIR {release.name} in FHIRPath, made by app.fhir.releases.generate from the official definitions."
    )
    return "\n".join([head, *sorted(lines)]) + "\n"


def said_with_an_answer(rule: str) -> str:
    """Return the rule with the parts that RULES_SAID_ANEW has put in their place."""
    for part, anew in RULES_SAID_ANEW.items():
        rule = rule.replace(part, anew)
    return rule


def constraints(folder: Path) -> Iterator[tuple[str, str, str]]:
    """Yield (element path, key, expression) of every rule of the specification that is an error to break."""
    for file in ("profiles-types.xml", "profiles-resources.xml"):
        for definition in etree.parse(folder / file).iter(f"{FHIR}StructureDefinition"):
            if value(definition, "derivation") == "constraint":
                continue
            for element in definition.iterfind(f"{FHIR}differential/{FHIR}element"):
                for rule in element.iterfind(f"{FHIR}constraint"):
                    expression = value(rule, "expression")
                    if value(rule, "severity") == "error" and expression:
                        yield value(element, "path"), value(rule, "key"), expression
                if any(value(kind, "profile") == SIMPLE_QUANTITY for kind in element.iterfind(f"{FHIR}type")):
                    yield value(element, "path"), "sqty-1", "comparator.empty()"


def reached(types: Definitions, names: Iterable[str]) -> set[str]:
    """Return types with those that they are based on and that their elements may have."""
    found: set[str] = set()
    waiting = list(names)
    while waiting:
        name = waiting.pop()
        if name in types and name not in found:
            found.add(name)
            waiting += [types[name].base or "", *(member.type for member in types[name].members.values())]
    return found


def type_and_element(path: str, types: Definitions) -> str | None:
    """Return ``ObservationComponent code`` for ``Observation.component.code``; None for types that are not known."""
    name, *steps, last = path.split(".")
    for step in steps:
        if name not in types or step not in types[name].members:
            return None
        name = types[name].members[step].type
    return f"{name} {last}" if name in types else None


def required_bindings(folder: Path) -> Iterator[tuple[str, str]]:
    """Yield (element path, value set) of every required binding on a code, Coding or CodeableConcept."""
    for file in ("profiles-types.xml", "profiles-resources.xml"):
        for definition in etree.parse(folder / file).iter(f"{FHIR}StructureDefinition"):
            if value(definition, "derivation") == "constraint":
                continue
            for element in definition.iterfind(f"{FHIR}snapshot/{FHIR}element"):
                binding = element.find(f"{FHIR}binding")
                codes = {value(kind, "code") for kind in element.iterfind(f"{FHIR}type")}
                if binding is None or value(binding, "strength") != "required":
                    continue
                reference = binding.find(f"{FHIR}valueSetReference/{FHIR}reference")
                uri = value(binding, "valueSet") or (reference.get("value") if reference is not None else "")
                if uri and codes & {"code", "Coding", "CodeableConcept"}:
                    yield value(element, "path"), uri.split("|")[0]


def terminology(folder: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the code systems and the value sets of the specification, by canonical URL."""
    systems, value_sets = {}, {}
    for file in ("valuesets.xml", "v2-tables.xml", "v3-codesystems.xml"):
        tree = etree.parse(folder / file)
        systems.update({value(item, "url"): item for item in tree.iter(f"{FHIR}CodeSystem")})
        value_sets.update({value(item, "url"): item for item in tree.iter(f"{FHIR}ValueSet")})
    return systems, value_sets


def expand(uri: str, systems: Mapping[str, Any], value_sets: Mapping[str, Any]) -> dict[str, set[str]]:
    """Return all codes of a value set by system; empty if they can't be listed from the specification alone."""
    codes: dict[str, set[str]] = {}
    value_set = value_sets.get(uri)
    if value_set is None or value_set.find(f"{FHIR}compose/{FHIR}exclude") is not None:
        return {}
    for include in value_set.iterfind(f"{FHIR}compose/{FHIR}include"):
        for nested in include.iterfind(f"{FHIR}valueSet"):
            inner = expand(nested.get("value"), systems, value_sets)
            if not inner or include.find(f"{FHIR}system") is not None:
                return {}
            for system, listed in inner.items():
                codes.setdefault(system, set()).update(listed)
        system = value(include, "system")
        if not system:
            continue
        listed = {value(concept, "code") for concept in include.iterfind(f"{FHIR}concept")}
        if not listed:
            listed = all_codes(systems.get(system)) if include.find(f"{FHIR}filter") is None else set()
        if not listed:
            return {}
        codes.setdefault(system, set()).update(listed)
    return codes


def all_codes(system: Any) -> set[str]:
    """Return every code of a code system that the specification holds completely; else an empty set."""
    if system is None or value(system, "content") != "complete":
        return set()
    return {value(concept, "code") for concept in system.iter(f"{FHIR}concept")}


def value(item: Any, child: str) -> str:
    """Return the ``value`` attribute of a child element; empty if there is none."""
    found = item.find(f"{FHIR}{child}")
    return "" if found is None else str(found.get("value", ""))


def main() -> None:
    """Write the data files; code lists and rules only when the official definitions are at hand."""
    parser = argparse.ArgumentParser(description="Make the structure tables of FHIR.")
    parser.add_argument("--definitions", type=Path, help="folder with stu3/ and r4/, each with the official XML files")
    arguments = parser.parse_args()
    for release in Release:
        (DATA / f"{release.path}_structure.txt").write_text(structure_text(release), encoding="utf-8")
        if arguments.definitions:
            codes = codes_text(release, arguments.definitions / release.path)
            (DATA / f"{release.path}_codes.txt").write_text(codes, encoding="utf-8")
            rules = rules_text(release, arguments.definitions / release.path)
            (DATA / f"{release.path}_rules.txt").write_text(rules, encoding="utf-8")


if __name__ == "__main__":
    main()
