"""What the routes of the terminology operations do: parameters from the query or from Parameters in, an answer out.

Spec: https://hl7.org/fhir/R4/valueset-operations.html, https://hl7.org/fhir/STU3/valueset-operations.html,
https://hl7.org/fhir/R4/codesystem-operations.html, https://hl7.org/fhir/STU3/codesystem-operations.html
"""

import re
from dataclasses import dataclass
from typing import Any

from app.errors import BadRequestError
from app.fhir.tree import encode_tree
from app.fhir.validation.structure import parse
from app.interactions.beside import beside
from app.interactions.operations import terminology_elsewhere as operations
from app.interactions.operations.terminology import EXPANSION_MAX, Asked, Coding, Expansion
from app.rest.call import Call
from app.rest.response import FhirResponse

CODINGS_MAX = 20
OFFSET_MAX = 1_000_000
_VALUE_SET = ("url", "valueSet", "valueSetVersion")
_EXPAND = (
    *_VALUE_SET,
    "filter",
    "offset",
    "count",
    "activeOnly",
    "includeDesignations",
    "includeDefinition",
    "excludeNested",
    "excludeNotForUI",
    "excludePostCoordinated",
    "limitedExpansion",
    "displayLanguage",
)
"""Expansions are flat and hold no codes put together from others, so that some of these change nothing."""
_LANGUAGE = re.compile(r"[A-Za-z]{1,8}(-[A-Za-z0-9]{1,8}){0,8}")
_CODE = ("code", "system", "display", "coding", "codeableConcept", "abstract", "displayLanguage")


@dataclass(frozen=True, slots=True)
class Given:
    """The parameters of an operation: those of the query as text, those of a body as they came."""

    values: dict[str, list[Any]]

    def one(self, name: str, kind: type = str) -> Any:
        """Return a parameter that may be given once; None if it is absent. Raises: BadRequestError."""
        found = self.values.get(name, [])
        if len(found) > 1:
            raise BadRequestError(f"{name} may be given once.", expression=f"http.{name}")
        if found and not isinstance(found[0], kind):
            raise BadRequestError(f"{name} is of another kind.", expression=f"http.{name}")
        return found[0] if found else None

    def text(self, name: str) -> str:
        """Return a parameter as text, empty if it is absent; it may come back in the answer. Raises: BadRequestError."""
        text = str(self.one(name) or "").strip()
        if not text.isprintable():
            raise BadRequestError(f"{name} has characters that a text can't have.", expression=f"http.{name}")
        return text

    def language(self) -> str:
        """Return ``displayLanguage``, empty if it is absent. Raises: BadRequestError."""
        text = self.text("displayLanguage")
        if text and _LANGUAGE.fullmatch(text) is None:
            raise BadRequestError("displayLanguage takes a language such as nl.", expression="http.displayLanguage")
        return text

    def tree(self, name: str) -> Any:
        """Return a parameter that is a data type or a resource, None if it is absent. Raises: BadRequestError."""
        return self.one(name, dict)

    def flag(self, name: str) -> bool:
        """Return a parameter that is true or false, false if it is absent. Raises: BadRequestError."""
        text = self.text(name)
        if text not in ("", "true", "false"):
            raise BadRequestError(f"{name} takes true or false.", expression=f"http.{name}")
        return text == "true"

    def number(self, name: str, most: int) -> int | None:
        """Return a parameter that is a whole number, cut to ``most``; None if it is absent. Raises: BadRequestError."""
        text = self.text(name)
        if text and not (text.isascii() and text.isdigit() and len(text) < 10):
            raise BadRequestError(f"{name} takes a whole number.", expression=f"http.{name}")
        return min(int(text), most) if text else None

    def value_set(self) -> Asked:
        """Return which value set is meant. Raises: BadRequestError."""
        url, version, sent = self.text("url"), self.text("valueSetVersion"), self.tree("valueSet")
        if url and sent is not None:
            raise BadRequestError("One value set: url or valueSet.", expression="http.url")
        if sent is not None and sent.get("resourceType") != "ValueSet":
            raise BadRequestError("valueSet takes a ValueSet.", expression="http.valueSet")
        return Asked((f"{url}|{version}" if version and "|" not in url else url) or None, sent)

    def codings(self, version: str, system: str = "system") -> list[Coding]:
        """Return the codes that are asked about; ``version`` and ``system`` are how their parameters are called here.

        Raises: BadRequestError.
        """
        found: list[Coding] = []
        if code := self.text("code"):
            found.append(Coding(self.text(system), code, self.text("display"), self.text(version)))
        if (coding := self.tree("coding")) is not None:
            found.append(_coding(coding))
        if (concept := self.tree("codeableConcept")) is not None:
            found += [_coding(one) for one in concept.get("coding", ()) if isinstance(one, dict)]
        found = [one for one in found if one.system and one.code]
        if not found:
            raise BadRequestError(f"Which code: code and {system}, or coding, or codeableConcept, with their systems.")
        if len(found) > CODINGS_MAX:
            raise BadRequestError(f"A codeableConcept may have {CODINGS_MAX} codings here.")
        if len({name for name in ("code", "coding", "codeableConcept") if name in self.values}) > 1:
            raise BadRequestError("One of code, coding and codeableConcept.")
        return found


def _coding(tree: dict[str, Any]) -> Coding:
    return Coding(*(str(tree.get(name, "")) for name in ("system", "code", "display", "version")))


async def given(call: Call, *names: str) -> Given:
    """Return the parameters of a call, from the query and, of a POST, from the body.

    Raises: BadRequestError (one that the operation does not have), InvalidResourceError, MalformedError.
    """
    call.only(*names)
    values: dict[str, list[Any]] = {}
    for name, value in call.request.pairs:
        values.setdefault(name, []).append(value)
    body = await call.request.body(may_be_empty=True) if call.request.method == "POST" else b""
    if body:
        depth = call.context.limits.body_depth_max
        read = await beside(lambda: parse(call.release, body, expected_type="Parameters", maximum_depth=depth))
        for one in read.tree.get("parameter", ()):
            name, value = one["name"], one.get("resource")
            if name not in names and not call.request.lenient:
                raise BadRequestError(f"This takes no other parameters than {', '.join(names)}.")
            value = next((found for key, found in one.items() if key.startswith("value")), value)
            if value is None:
                raise BadRequestError(f"{name} has no value.")
            values.setdefault(name, []).append(value if isinstance(value, dict | str) else str(value).lower())
    return Given(values)


async def expand(call: Call) -> FhirResponse:
    """ValueSet/$expand."""
    asked = await given(call, *_EXPAND)
    wanted = Expansion(
        filter=asked.text("filter"),
        offset=asked.number("offset", OFFSET_MAX) or 0,
        count=asked.number("count", EXPANSION_MAX),
        active_only=asked.flag("activeOnly"),
        for_choosing=asked.flag("excludeNotForUI"),
        designations=asked.flag("includeDesignations"),
        definition=asked.flag("includeDefinition"),
        language=asked.language(),
    )
    found = await operations.expand(call.context, call.release, asked.value_set(), wanted)
    return FhirResponse(200, encode_tree(found))


async def validate_code_in_value_set(call: Call) -> FhirResponse:
    """ValueSet/$validate-code."""
    asked = await given(call, *_VALUE_SET, *_CODE, "systemVersion")
    verdict = await operations.validate_in_value_set(
        call.context, call.release, asked.value_set(), asked.codings("systemVersion"),
        abstract=asked.flag("abstract"), language=asked.language(),
    )  # fmt: skip
    return FhirResponse(200, encode_tree(verdict.parameters()))


async def validate_code_in_system(call: Call) -> FhirResponse:
    """CodeSystem/$validate-code; of several codings one has to be valid."""
    asked = await given(call, "url", "version", *(name for name in _CODE if name != "system"))
    codings, abstract, language = asked.codings("version", "url"), asked.flag("abstract"), asked.language()
    verdicts = [
        await operations.validate_in_system(call.context, call.release, one, abstract=abstract, language=language)
        for one in codings
    ]
    verdict = next((one for one in verdicts if one.is_valid), verdicts[0])
    return FhirResponse(200, encode_tree(verdict.parameters()))


async def lookup(call: Call) -> FhirResponse:
    """CodeSystem/$lookup."""
    asked = await given(call, "code", "system", "version", "coding", "property", "displayLanguage")
    (coding,) = asked.codings("version")
    wanted = [str(one) for one in asked.values.get("property", ())]
    found = await operations.lookup(call.context, call.release, coding, wanted, asked.language())
    return FhirResponse(200, encode_tree(found))


async def subsumes(call: Call) -> FhirResponse:
    """CodeSystem/$subsumes."""
    asked = await given(call, "codeA", "codeB", "system", "version", "codingA", "codingB")
    codings = []
    for letter in "AB":
        tree = asked.tree(f"coding{letter}")
        system, version = asked.text("system"), asked.text("version")
        coding = Coding(system, asked.text(f"code{letter}"), version=version) if tree is None else _coding(tree)
        if not coding.system or not coding.code:
            raise BadRequestError("Which codes: codeA, codeB and system, or codingA and codingB with their systems.")
        codings.append(coding)
    return FhirResponse(200, encode_tree(await operations.subsumes(call.context, call.release, *codings)))
