"""Write ``data/stu3.json`` and ``data/r4.json``: ``python -m app.fhir.search.generate``.

A development tool. It takes facts only (code, type, expression, targets, components, URL) from the published search
parameters inside the ``fhirstarter`` package, and the types of the elements on the way from the models of
``fhir.resources``; ``corrections.py`` has the rest. The output is deterministic, and a test compares it with what is committed.
"""

import json
import re
import zipfile
from collections.abc import Iterable
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from app.fhir.path import ElementTypes, choice_member, compile_expression, paths_of
from app.fhir.release import Release
from app.fhir.releases.definitions import served
from app.fhir.releases.r4 import as_in_4_0_1
from app.fhir.search.corrections import COMMON, COMPUTED_TYPES, CORRECTED, DUTCH, NICTIZ_PARAMETERS
from app.fhir.search.custom import own_part
from app.fhir.search.definitions import usual_url

DATA = Path(__file__).parent / "data"
SOURCES = {Release.STU3: "STU3", Release.R4: "R4B"}
MANY_STRINGS = frozenset({"HumanName", "Address"})
"""Types of which one value has several strings."""

MANY = 60
"""A parameter that declares more targets than this means any type."""

_TYPE_IN_ANNOTATION = re.compile(r"abc\.(\w+)Type\b|Annotated\[[^()]+, (\w+)\(|<class '(\w+)'>|\b(bool|int)\b")
_PYTHON_TYPES = {"bool": "boolean", "int": "integer"}


class Elements(ElementTypes):
    """The types of elements by path, looked up in the models of one release; remembers what was asked."""

    def __init__(self, release: Release) -> None:
        self.release = release
        self.package = f"fhir.resources.{SOURCES[release]}"
        self.used: dict[str, tuple[str, ...]] = {}
        self.targets: dict[str, frozenset[str]] = {}
        self.lists: set[str] = set()
        self.fields: dict[str, dict[str, dict[str, Any]]] = {}

    def __getitem__(self, path: str) -> tuple[str, ...]:
        if path not in self.used:
            self.used[path] = self._look_up(path)
        return self.used[path]

    def __iter__(self) -> Any:
        return iter(self.used)

    def __len__(self) -> int:
        return len(self.used)

    def _look_up(self, path: str) -> tuple[str, ...]:
        parent_path, _, name = path.rpartition(".")
        fields = self.fields_of(self._model(parent_path))
        if name.endswith("[x]"):
            group = name.removesuffix("[x]")
            members = {member: field for member, field in fields.items() if field["one_of_many"] == group}
            types = sorted(field["type"] for field in members.values())
            for member, field in members.items():
                self.used[f"{parent_path}.{member}"] = (field["type"],)
                self.targets[f"{parent_path}.{member}"] = field["targets"]
        else:
            types = [fields[name]["type"]] if name in fields else []
            self.targets[path] = fields[name]["targets"] if name in fields else frozenset()
            if name in fields and fields[name]["many"]:
                self.lists.add(path)
        if not types:
            raise KeyError(path)
        return tuple(types)

    def _model(self, path: str) -> str:
        """Return the name of the model at ``path``: a resource type, or what the element's annotation names."""
        parent, _, name = path.rpartition(".")
        return str(self.fields_of(self._model(parent))[name]["type"]) if parent else path

    def fields_of(self, model: str) -> dict[str, dict[str, Any]]:
        """Return what the model of a type says about its members."""
        if model not in self.fields:
            self.fields[model] = self._read_fields(model)
        return self.fields[model]

    def _read_fields(self, model: str) -> dict[str, dict[str, Any]]:
        found = {}
        for field in import_module(self.package).get_fhir_model_class(model).model_fields.values():
            extra = field.json_schema_extra
            if not extra or not extra.get("element_property"):
                continue
            match = _TYPE_IN_ANNOTATION.search(str(field.annotation))
            if match is None:
                raise ValueError(f"no FHIR type in {field.annotation}")
            name = next(group for group in match.groups() if group)
            is_primitive = not match[1]
            name = _PYTHON_TYPES.get(name, f"{name[0].lower()}{name[1:]}" if is_primitive else name)
            targets = frozenset(extra.get("enum_reference_types") or ())
            if self.release is Release.R4:
                _, targets = as_in_4_0_1((model, field.alias), (name,), targets)
            found[field.alias] = {
                "type": name,
                "one_of_many": extra.get("one_of_many"),
                "targets": targets,
                "many": "List[" in str(field.annotation),
                "summary": extra.get("summary_element_property", False),
            }
        return found


def build(release: Release) -> dict[str, Any]:
    """Return the data of ``release``.

    ``parameters`` by type and code; ``summaries``, the members of each resource type and of its parts that belong to a summary.
    """
    elements = Elements(release)
    published, defined = _published(release)
    parameters: dict[str, dict[str, Any]] = {}
    for resource_type in sorted(served(release)):
        found = {}
        corrected = {entry[0]: entry for entry in CORRECTED[release].get(resource_type, ())}
        dutch = {entry[0]: entry[:4] for entry in DUTCH[release].get(resource_type, ())}
        own = {code: (code, *facts) for code, facts in published.get(resource_type, {}).items()}
        common = {code: (code, *facts) for code, facts in published["Resource"].items()}
        common |= {entry[0]: entry for entry in COMMON[release]}
        urls = {entry[0]: NICTIZ_PARAMETERS + entry[4] for entry in DUTCH[release].get(resource_type, ())}
        urls |= defined.get(resource_type, {}) | defined["Resource"]
        for code, (_, kind, expression, targets, *rest) in sorted((dutch | own | corrected | common).items()):
            own_expression = own_part(expression, resource_type)
            if not own_expression and kind != "special":
                continue
            components = rest[0] if rest else []
            found[code] = _parameter(code, kind, own_expression, targets, components, elements)
            if urls[code] != usual_url(resource_type, code):
                found[code]["url"] = urls[code]
        parameters[resource_type] = found
    return {"parameters": parameters, "summaries": _summaries(release, elements)}


def _summaries(release: Release, elements: Elements) -> dict[str, list[str]]:
    """Return the members that belong to a summary, for each resource type and the parts of resources inside them."""
    found: dict[str, list[str]] = {}
    todo = sorted(served(release))
    while todo:
        name = todo.pop()
        if name not in found:
            fields = elements.fields_of(name)
            found[name] = sorted(member for member, field in fields.items() if field["summary"])
            kinds = {str(fields[member]["type"]) for member in found[name]}
            todo += sorted(kind for kind in kinds if kind.startswith(name) and kind != name)
    return dict(sorted(found.items()))


def _published(release: Release) -> tuple[dict[str, dict[str, Any]], dict[str, dict[str, str]]]:
    """Return what the specification has, by resource type and code: kind, expression, targets and components; and the URL."""
    package = find_spec("fhirstarter")  # found, not imported: its code is not wanted
    if package is None or package.origin is None:
        raise ModuleNotFoundError("fhirstarter")
    sequences = Path(package.origin).parent / "fhir_specification" / "sequences"
    with zipfile.ZipFile(sequences / SOURCES[release] / "search-parameters.zip") as archive:
        entries = json.loads(archive.read("search-parameters.json"))["entry"]
    found: dict[str, dict[str, Any]] = {}
    defined: dict[str, dict[str, str]] = {}
    for entry in entries:
        parameter = entry["resource"]
        components = [_component(component) for component in parameter.get("component", ())]
        facts = (parameter["type"], parameter.get("expression", ""), tuple(parameter.get("target", ())), components)
        for base in parameter["base"]:
            found.setdefault(base, {})[parameter["code"]] = facts
            defined.setdefault(base, {})[parameter["code"]] = parameter["url"]
    return found, defined


def _component(component: dict[str, Any]) -> list[str]:
    definition = component["definition"]
    url = definition if isinstance(definition, str) else definition["reference"]
    return [url.rpartition("/")[2], component["expression"]]


def _parameter(
    code: str, kind: str, expression: str, targets: Iterable[str], components: list[list[str]], elements: Elements
) -> dict[str, Any]:
    facts: dict[str, Any] = {"kind": kind}
    if expression:
        facts["expression"] = expression
    if kind == "composite":
        return facts | {"components": components}
    if kind == "special":
        return facts
    if expression.startswith("computed:"):
        return facts | {"types": list(COMPUTED_TYPES[expression.removeprefix("computed:")])}
    selectors = compile_expression(expression, elements)
    facts["types"] = list(dict.fromkeys(selector.fhir_type for selector in selectors))
    if kind == "reference" and (narrowed := _targets(code, expression, targets, elements)):
        facts["targets"] = narrowed
    if _repeats(expression, elements) or not MANY_STRINGS.isdisjoint(facts["types"]):
        facts["repeats"] = True
    return facts


def _targets(code: str, expression: str, declared: Iterable[str], elements: Elements) -> list[str]:
    """Return the types that the parameter may point to, none for "any": what it declares and its elements allow.

    Shared parameters declare the targets of all their types together, so that most declare too much.
    """
    allowed: set[str] = set()
    for chain in paths_of(expression):
        asked = {argument for operation, argument in chain if operation == "refers-to"}
        allowed |= asked or _element_targets(chain, elements) or {"Resource"}
    if code == "patient" and "Patient" in {*allowed, *declared}:
        return ["Patient"]  # STU3 says so in words only
    if "Resource" in allowed:
        return sorted(declared) if len(set(declared)) < MANY else []
    return sorted(allowed & set(declared) or allowed)


def _repeats(expression: str, elements: Elements) -> bool:
    """Return whether a resource may have more than one value: a list on the way, or values in more than one place."""
    places = set()
    for chain in paths_of(expression):
        names = [argument for operation, argument in chain if operation in ("member", "extension")]
        members = [argument for operation, argument in chain if operation == "member"]
        prefixes = {".".join(members[: position + 1]) for position in range(len(members))}
        indexed = any(operation == "index" for operation, _ in chain)
        if "extension" in dict(chain) or (not indexed and not prefixes.isdisjoint(elements.lists)):
            return True
        places.add(".".join(names))
    return len(places) > 1


def _element_targets(chain: tuple[tuple[str, str], ...], elements: Elements) -> frozenset[str]:
    path = ""
    for position, (operation, name) in enumerate(chain):
        following = chain[position + 1] if position + 1 < len(chain) else ("", "")
        if operation == "member":
            member = choice_member(name, following[1]) if following[0] == "as" else name
            path = f"{path}.{member}" if path else name
    return elements.targets.get(path, frozenset())


def text(release: Release) -> str:
    """Return the content of the data file: JSON with one parameter a line, so that a change is a readable diff."""
    data = build(release)
    lines = ["{", '"parameters": {']
    types = [
        f'"{name}": {{\n' + ",\n".join(f'"{code}": {_json(facts)}' for code, facts in found.items()) + "\n}"
        for name, found in data["parameters"].items()
    ]
    lines += [",\n".join(types), "},", '"summaries": {']
    lines += [
        ",\n".join(f'"{name}": {_json(" ".join(found))}' for name, found in data["summaries"].items()),
        "}",
        "}",
        "",
    ]
    return "\n".join(lines)


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def main() -> None:
    """Write both data files."""
    DATA.mkdir(exist_ok=True)
    for release in Release:
        (DATA / f"{release.path}.json").write_text(text(release), encoding="utf-8")


if __name__ == "__main__":
    main()
