"""Requests that nobody sends on purpose: any method, address, query, header and body, each a little or wholly wrong.

The same seed gives the same requests. Nothing in one names what is somebody else's, apart from ids.
"""

import copy
import json
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from app.fhir.release import Release
from app.fhir.search.definitions import definitions
from app.fhir.xml.write import to_xml
from app.rest.routes import ROUTES
from tests.support.world import SHARED_UUID, Tree, World, condition, goal, never_made, weight

TYPES = (
    "Observation",
    "Observation",
    "Observation",
    "Goal",
    "Condition",
    "Patient",
    "Bundle",
    "Organization",
    "Encounter",
)
OFTEN = tuple(
    route
    for route in ROUTES
    if route.interaction in {"create", "update", "patch", "batch", "search-type", "delete", "read"}
)
"""What there is most to get wrong in."""
ODD_SEGMENTS = ("", "..", ".", "%2e%2e", "%00", "%ff", "%C3%A9", "observation", "Observatie", "*", "$", "_", "$meta", "_history",
                "a" * 65, "a" * 5000, "-", "é", "x;y=1", "Account", "AuditEvent", "0", "1", "-1", "9" * 30, "1.0")  # fmt: skip
ODD_TEXTS = ("", " ", ",", "|", "||", "$", "\\", "%", "é", "\u0000", "\ud83d\ude00", "'", '"', "<", "null", "0", "-1", "1e400", "9" * 400,
             "NaN", "2026-13-45", "2026-02-30T25:00:00Z", "9999-12-31T23:59:60+14:00", "0000", "ge", "ap1e-999", "http://", "urn:uuid:",
             "Patient/", "Patient/../x", "#", "a" * 3000, "true", "1;2", "a,b,c", "a|b|c", "a$b$c", "eq2026,lt2025", "*", ":")  # fmt: skip
MODIFIERS = ("", "", "", ":exact", ":missing", ":not", ":in", ":above", ":below", ":text", ":of-type", ":contains", ":identifier",
             ":Patient", ":iterate", ":", "::", ":é", ".name", ".", ".patient.name", ":Patient.name", ".a.b.c.d.e.f.g")  # fmt: skip
CONTROLS: dict[str, tuple[str, ...]] = {
    "_count": ("0", "1", "20"), "_sort": ("-date", "_id", "status"), "_include": ("Observation:subject", "Observation:*"),
    "_revinclude": ("Provenance:target",), "_summary": ("true", "count", "text"), "_elements": ("status", "code,id"),
    "_total": ("accurate", "none"), "_format": ("json", "xml"), "_pretty": ("true",), "_since": ("2026-01-01",), "_at": ("2026",),
    "_before": ("100",), "_cursor": ("AAAA",), "_after": ("1",), "_type": ("Goal", "Observation,Goal"), "start": ("2026",),
    "end": ("2026",), "since": ("0", "3"), "patient": ("1",), "mode": ("create", "delete"), "profile": ("http://a.example/b",),
    "max": ("1", "3"), "_id": ("1",), "_has:Observation:patient:code": ("a",), "_list": ("1", "$current-problems"), "_text": ("a",),
    "_content": ("a",), "_filter": ("status eq final", "not (code eq a) and status ne b"), "_lastUpdated": ("gt2020",),
    "_tag": ("a|b",), "_contained": ("both",), "_release": ("both", "r4"), "identifier": ("a",), "code": ("a",),
    "url": ("http://hl7.org/fhir/ValueSet/observation-status",), "system": ("http://hl7.org/fhir/observation-status",),
    "filter": ("a",), "offset": ("1",), "count": ("1",),
}  # fmt: skip
SEARCHES = frozenset({"search-type", "search-system", "update", "patch", "delete", "operation-lastn"})
"""Interactions that take the search parameters of a type."""
TAKES: dict[str, tuple[str, ...]] = {
    "read": ("_summary", "_elements"), "vread": ("_summary", "_elements"), "history-instance": ("_count", "_since", "_at", "_elements"),
    "history-type": ("_count", "_since", "_at", "_elements"), "history-system": ("_count", "_since", "_at"),
    "search-type": ("_count", "_sort", "_include", "_revinclude", "_summary", "_elements", "_total", "_filter", "_list", "_release"),
    "search-system": ("_type", "_id", "_count"), "operation-everything": ("_count", "_since", "_type", "start", "end"),
    "operation-lastn": ("max",), "operation-delta": ("since", "_count"), "operation-validate": ("mode", "profile"),
    "operation-expand": ("url", "filter", "offset", "count"), "operation-validate-code": ("url", "code", "system"),
    "operation-lookup": ("code", "system"), "operation-subsumes": ("system",), "log": ("_count",),
}  # fmt: skip
VALUES: dict[str, tuple[str, ...]] = {
    "token": ("final", "http://loinc.org|29463-7", "|a", "a|"), "reference": ("Patient/1", "1", "http://a.example/Patient/1"),
    "date": ("2026", "ge2026-01-01", "ap2026-03-01T08:00:00Z"), "string": ("zon", "a,b"), "uri": ("http://a.example/b",),
    "quantity": ("72.5", "gt70|http://unitsofmeasure.org|kg", "lt1|lb"), "number": ("1", "ge0.5"), "composite": ("a$b", "29463-7$gt70"),
    "special": ("a",),
}  # fmt: skip
"""Values that a parameter of each kind may well have."""
ODD_VALUES: tuple[Any, ...] = (None, True, False, 0, -1, 1e300, 10**30, 0.1, "", " ", "\u0000", "é" * 50, "x" * 5000, [], {}, [None],
                               [[]], [{}], {"": ""}, {"resourceType": "Patient"}, {"reference": "Patient/1"},
                               {"reference": "?"}, [1, "a", None], "2026-02-30", "urn:uuid:x", "<div/>", "\ud800")  # fmt: skip
MEDIA_TYPES = ("application/fhir+json", "application/fhir+json", "application/json", "application/fhir+xml", "text/xml",
               "application/json-patch+json", "application/merge-patch+json", "application/x-www-form-urlencoded", "text/plain", "",
               "application/fhir+json; fhirVersion=3.0", "application/fhir+json; charset=latin1", ";;;", "é", "a/b/c")  # fmt: skip
HEADERS = {
    "accept": (
        "application/fhir+xml",
        "application/fhir+json",
        "text/html",
        "*/*",
        "",
        ",,,",
        "*/*;q=x",
        "application/xml;q=0.5",
    ),
    "prefer": (
        "return=minimal",
        "return=representation",
        "return=OperationOutcome",
        "handling=lenient",
        "handling=strict",
        "=",
        ";,",
    ),
    "if-match": ('W/"1"', '"1"', "*", "1", "", 'W/"', '"a", "b"', "é"),
    "if-none-match": ('W/"1"', "*", "", '"', "1"),
    "if-modified-since": ("Tue, 01 Jan 2030 00:00:00 GMT", "yesterday", "", "Tue, 01 Jan 0000 00:00:00 GMT", "1"),
    "if-none-exist": (
        "identifier=a",
        "",
        "?",
        "code=|",
        "_id=x&_count=1",
        "unheard=1",
        "é=é",
        "Observation?status=final",
    ),
    "idempotency-key": ("a", "", '"a"', "b" * 300, "é"),
    "x-request-id": ("a", "\u00ff", "a" * 300, "a b"),
}


@dataclass
class OddRequest:
    """One request; ``target`` is the address below the base, with its query, as it goes over the wire."""

    release: Release
    method: str
    target: str
    headers: list[tuple[bytes, bytes]] = field(default_factory=list)
    body: bytes = b""


class OddRequests:
    """Makes them, about what is in a world."""

    def __init__(self, world: World, seed: int) -> None:
        self.world = world
        self.random = random.Random(seed)
        self.oddness = 1.0
        self.named_id = ""

    def _is_odd(self, chance: float) -> bool:
        """Return whether something is to be odd now; some requests have hardly anything odd, and so come further."""
        return self.random.random() < chance * self.oddness

    def next(self) -> OddRequest:
        """Return another one."""
        pick = self.random
        self.oddness = pick.choice((0.0, 0.2, 1.0))
        release = pick.choice((Release.R4, Release.R4, Release.STU3))
        route = pick.choice(ROUTES if pick.random() < 0.5 else OFTEN)
        method = (
            route.method
            if not self._is_odd(0.1)
            else pick.choice(("GET", "PUT", "POST", "PATCH", "DELETE", "HEAD", "OPTIONS", "FLY"))
        )
        name = pick.choice(TYPES) if not self._is_odd(0.05) else pick.choice(ODD_SEGMENTS)
        target = self._path(route.path, name, release)
        by_condition = method != "POST" and "{id}" not in route.path and route.interaction in SEARCHES
        if by_condition or (method == "GET" and pick.random() < 0.5) or self._is_odd(0.1):
            target += "?" + self._query(release, name, route.interaction)
        body, media_type = self._body(release, method, route.path, name)
        headers = [(b"content-type", media_type.encode())] if media_type else []
        for header, values in HEADERS.items():
            if self._is_odd(0.12):
                headers.append((header.encode(), pick.choice(values).encode()))
        return OddRequest(release, method, target, headers, body)

    def _path(self, path: str, name: str, release: Release) -> str:
        pick = self.random
        him, her = self.world.zonnestraal, self.world.maanlicht
        things = [
            him.url(thing, release).rpartition("/")[2] for thing in ("weight", "goal", "condition", "secret", "patient")
        ]
        ids = [
            *things,
            *things,
            SHARED_UUID,
            her.ids[release, "weight"],
            her.patients[release],
            never_made(),
            never_made(him),
        ]
        self.named_id = pick.choice(ids)
        segments = []
        for part in path.split("/")[1:]:
            chosen = {
                "{type}": name,
                "{id}": self.named_id,
                "{version}": pick.choice(("1", "1", "2", "0", "x", "9" * 30)),
            }
            segments.append(pick.choice(ODD_SEGMENTS) if self._is_odd(0.03) else chosen.get(part, part))
        if self._is_odd(0.02):
            segments.insert(pick.randrange(len(segments) + 1), pick.choice(ODD_SEGMENTS))
        return "/" + "/".join(segments)

    def _query(self, release: Release, name: str, interaction: str) -> str:
        pick = self.random
        takes = TAKES.get(interaction, ())
        known = definitions(release).supported(name) if name in TYPES else {}
        pairs = []
        for _ in range(pick.choice((1, 1, 1, 2, 3, 8))):
            is_odd = self._is_odd(0.3)
            is_known = bool(known) and (interaction in SEARCHES or is_odd) and pick.random() < 0.7
            controls = takes if takes and not is_odd else tuple(CONTROLS)
            key = pick.choice(list(known)) if is_known else pick.choice(controls)
            values = VALUES[known[key].kind] if is_known else CONTROLS[key]
            value = pick.choice(ODD_TEXTS if self._is_odd(0.5) else values)
            key += pick.choice(MODIFIERS) if self._is_odd(0.5) else ""
            pairs.append(f"{quote(key, safe='')}={quote(value.encode('utf-8', 'surrogatepass'), safe='')}")
        if self._is_odd(0.05):
            pairs.append(pick.choice(("%", "%ff=%ff", "&&", "=", "a", "a=b=c", "%zz=1", "+", "é=é")))
        return "&".join(pairs)

    def _body(self, release: Release, method: str, path: str, name: str) -> tuple[bytes, str]:
        pick = self.random
        if method in {"GET", "HEAD", "DELETE", "OPTIONS"} and not self._is_odd(0.05):
            return b"", ""
        if path.endswith("_search") and pick.random() < 0.8:
            return self._query(release, name, "search-type").encode(), "application/x-www-form-urlencoded"
        if method == "PATCH" and pick.random() < 0.8:
            return self._patch(release)
        tree = self._tree(release, path, name)
        if self._is_odd(0.7):
            for _ in range(pick.choice((1, 1, 2, 5))):
                self._spoil(tree)
        text = json.dumps(tree, ensure_ascii=pick.random() < 0.5).encode("utf-8", "surrogatepass")
        if self._is_odd(0.15):
            text = self._broken(text)
        elif pick.random() < 0.15:
            return self._xml(release, tree, text), "application/fhir+xml"
        return text, "application/fhir+json" if not self._is_odd(0.1) else pick.choice(MEDIA_TYPES)

    def _tree(self, release: Release, path: str, name: str) -> Tree:
        """Return something valid for this route, more or less."""
        pick = self.random
        if path == "/":
            return self._bundle(release)
        if "$" in path and "$validate" not in path and pick.random() < 0.9:
            value = pick.choice(
                (
                    {"valueInteger": 1},
                    {"valueString": "a"},
                    {"valueMeta": {"tag": [{"code": "a"}]}},
                    {"valueDate": "2026"},
                )
            )
            return {
                "resourceType": "Parameters",
                "parameter": [{"name": pick.choice(("meta", *CONTROLS)), **value}][: pick.randrange(2)],
            }
        patient = self.world.zonnestraal.patient(release)
        if self._is_odd(0.1):
            patient = pick.choice((self.world.maanlicht.patient(release), "Patient/1", "urn:uuid:x", "Patient?_id=1"))
        resource_id = {"id": self.named_id} if pick.random() < 0.6 else {}
        makers: dict[str, Callable[[], Tree]] = {
            "Goal": lambda: goal(release, patient, **resource_id),
            "Condition": lambda: condition(release, patient, **resource_id),
        }
        return makers.get(name, lambda: weight(release, patient, **resource_id))()

    def _bundle(self, release: Release) -> Tree:
        pick = self.random
        entries = []
        for _ in range(pick.randrange(1, 5)):
            route = pick.choice(ROUTES)
            name = pick.choice(TYPES[:4])
            url = self._path(route.path, name, release)[1:] + (
                f"?{self._query(release, name, route.interaction)}" if pick.random() < 0.2 else ""
            )
            entry: Tree = {"request": {"method": route.method, "url": url}}
            if route.method != "GET":
                entry["resource"] = self._tree(release, route.path if route.path != "/" else "", name)
            if pick.random() < 0.3:
                entry["fullUrl"] = pick.choice(
                    ("urn:uuid:x", "urn:uuid:5a1ad000-0000-4000-8000-000000000001", "Goal/1", "http://a.example/Goal/1")
                )
            if pick.random() < 0.2:
                entry["request"][pick.choice(("ifMatch", "ifNoneMatch", "ifNoneExist"))] = pick.choice(ODD_TEXTS)
            entries.append(entry)
        return {"resourceType": "Bundle", "type": pick.choice(("batch", "transaction")), "entry": entries}

    def _patch(self, release: Release) -> tuple[bytes, str]:
        pick = self.random
        paths = (
            "/status",
            "/code/coding/0",
            "/code/coding/-",
            "/note/-",
            "",
            "/",
            "/~2",
            "/id",
            "/meta/tag/0",
            "/subject",
            "/a/b/c",
            "x",
        )
        if pick.random() < 0.5:
            operations: Any = [
                {"op": pick.choice(("add", "remove", "replace", "move", "copy", "test", "fly", None)), "path": pick.choice(paths),
                 "from": pick.choice(paths), "value": pick.choice((*ODD_VALUES, "final", "amended"))}
                for _ in range(pick.randrange(4))
            ]  # fmt: skip
            return json.dumps(operations).encode(), "application/json-patch+json"
        if pick.random() < 0.5:
            return json.dumps(
                {pick.choice(("status", "note", "id", "meta", "x")): pick.choice(ODD_VALUES)}
            ).encode(), "application/merge-patch+json"
        parts = [
            {"name": "type", "valueCode": pick.choice(("add", "insert", "delete", "replace", "move", "fly"))},
            {
                "name": "path",
                "valueString": pick.choice(
                    ("Observation.status", "Observation", "Observation.note[0]", "$this", "1 + 1", "(", "")
                ),
            },
            {"name": "name", "valueString": pick.choice(("note", "status", "x"))},
            {"name": "value", "valueString": pick.choice(ODD_TEXTS[:20])},
            {"name": "index", "valueInteger": pick.choice((0, -1, 10**6))},
        ]
        tree: Tree = {
            "resourceType": "Parameters",
            "parameter": [{"name": "operation", "part": pick.sample(parts, pick.randrange(2, 6))}],
        }
        if pick.random() < 0.3:
            return self._xml(release, tree, b"{}"), "application/fhir+xml"
        return json.dumps(tree).encode(), "application/fhir+json"

    def _spoil(self, tree: Tree) -> None:
        """Change one thing somewhere in a tree."""
        pick = self.random
        node: Any = tree
        while True:
            keys = list(node) if isinstance(node, dict) else list(range(len(node)))
            if not keys:
                return
            key = pick.choice(keys)
            if isinstance(node[key], dict | list) and node[key] and pick.random() < 0.7:
                node = node[key]
                continue
            match pick.randrange(5):
                case 0:
                    del node[key]
                case 1:
                    deep: Any = 1
                    for _ in range(pick.choice((3, 60, 400))):
                        deep = [deep] if pick.random() < 0.5 else {"extension": deep}
                    node[key] = deep
                case 2 if isinstance(node, dict):
                    node[
                        pick.choice(
                            (
                                "_status",
                                "extension",
                                "x",
                                "resourceType",
                                "id",
                                "meta",
                                "contained",
                                "",
                                "modifierExtension",
                            )
                        )
                    ] = pick.choice(ODD_VALUES)
                case 3:
                    node[key] = [copy.deepcopy(node[key])] * 2
                case _:
                    node[key] = copy.deepcopy(pick.choice(ODD_VALUES))
            return

    def _broken(self, text: bytes) -> bytes:
        pick = self.random
        place = pick.randrange(len(text))
        broken = (
            text[:place],
            text[:place] + b"\xff\xfe" + text[place:],
            text[:place] + b"\x00" + text[place:],
            text.replace(b"72.5", b"1" * 5000),
            text.replace(b"72.5", b"1e999999999"),
            text + text,
            b"[" * 100_000,
            b'{"resourceType":"Observation","a":' * 2000,
            b"\xef\xbb\xbf" + text,
            text.decode("utf-8", "surrogatepass").encode("utf-16", "surrogatepass"),
            b"",
            b"null",
            b'"Observation"',
        )
        return pick.choice(broken)

    def _xml(self, release: Release, tree: Tree, text: bytes) -> bytes:
        pick = self.random
        try:
            made = to_xml(release, text if text != b"{}" else json.dumps(tree).encode())
        except Exception:  # noqa: BLE001 - what has no XML is sent as something near it
            made = b"<Observation xmlns='http://hl7.org/fhir'><status value='final'/></Observation>"
        if not self._is_odd(0.7):
            return made
        place = pick.randrange(len(made))
        return pick.choice(
            (
                made[:place],
                made[:place] + b"<x/>" + made[place:],
                made.replace(b"value=", b"valeu="),
                b"<!DOCTYPE a [<!ENTITY b 'c'>]>" + made,
                b"<?xml version='1.0' encoding='utf-16'?>" + made,
                b"<a>" * 50_000,
                made.replace(b"http://hl7.org/fhir", b"http://example.org/"),
            )
        )
