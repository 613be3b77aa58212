"""What a profile is to a write: nothing, a warning that can be seen, or a reason to refuse it."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from app.access.requester import Requester, RequesterKind
from app.access.smart_scope import SmartScopes
from app.audit.events import Trace
from app.db.database import Transaction
from app.fhir.packages.library import Library
from app.fhir.packages.package import Definition, Package, Pin
from app.fhir.release import Release
from app.interactions.transfer import export
from app.oauth import tokens
from tests.support.in_process import Inside, inside

URL = "http://example.org/StructureDefinition/weight-with-method"
PROFILE = {
    "resourceType": "StructureDefinition",
    "url": URL,
    "type": "Observation",
    "baseDefinition": "http://hl7.org/fhir/StructureDefinition/Observation",
    "differential": {"element": [{"id": "Observation.method", "path": "Observation.method", "min": 1}]},
}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give a folder in which a package with one profile is loaded."""
    definition = Definition(URL, "", "StructureDefinition", json.dumps(PROFILE).encode())
    Library(tmp_path / "packages").load(Package(Pin("invented", "1", Release.R4), (definition,), ()))
    monkeypatch.setenv("REGIE_PACKAGES_FOLDER", str(tmp_path / "packages"))
    return tmp_path


def claiming(one: Inside, profile: str = URL, **members: Any) -> dict[str, Any]:
    """Return a weight that says that it keeps a profile."""
    tree: dict[str, Any] = json.loads(one.observation("it"))
    return {**tree, "meta": {"profile": [profile]}, **members}


async def written(one: Inside, tree: dict[str, Any]) -> tuple[int, list[tuple[str, str, str | None]]]:
    """Return the status of a create and what its OperationOutcome tells."""
    answer = await one.create(json.dumps(tree).encode(), Prefer="return=OperationOutcome")
    issues = answer.json()["issue"]
    return answer.status_code, [(one["severity"], one["code"], one.get("expression", [None])[0]) for one in issues]


async def operator(one: Inside) -> str:
    """Return an operator's token."""

    async def issue(transaction: Transaction) -> str:
        return await tokens.issue_for_operator(
            transaction, scope="system/*.cruds", lifetime=timedelta(hours=1), now=one.clock.now
        )

    return await one.parts.database.write(issue)


DONE = ("information", "informational", None)


async def test_what_breaks_a_profile_is_kept_with_a_warning(folder: Path) -> None:
    async with inside(folder) as one:
        assert await written(one, claiming(one)) == (201, [DONE, ("warning", "required", "Observation.method")])
        assert len(await one.found("it")) == 1
        assert await written(one, claiming(one, method={"text": "Scale"})) == (201, [DONE])
        assert await written(one, claiming(one, "urn:unknown")) == (
            201,
            [DONE, ("warning", "not-supported", "Observation.meta.profile[0]")],
        )


async def test_what_breaks_a_profile_is_refused_where_profiles_are_enforced(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REGIE_PROFILE_MODE", "enforce")
    async with inside(folder) as one:
        assert await written(one, claiming(one)) == (422, [("error", "required", "Observation.method")])
        assert await one.found("it") == []
        assert (await written(one, claiming(one, "urn:unknown")))[0] == 201


async def test_profiles_are_not_looked_at_where_they_are_off(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REGIE_PROFILE_MODE", "off")
    async with inside(folder) as one:
        assert await written(one, claiming(one)) == (201, [DONE])


async def test_the_profiles_of_regie_are_there_without_being_loaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REGIE_PACKAGES_FOLDER", str(tmp_path / "none"))
    profile = "https://regie.example/fhir/StructureDefinition/heart-rate"
    async with inside(tmp_path) as one:
        status, issues = await written(one, claiming(one, profile))
        assert status == 201
        assert ("warning", "required", "Observation.code.coding") in issues


async def shown(one: Inside, scope: str = "patient/*.cruds") -> list[tuple[str, str, str | None]]:
    """Return (type, rule, place) of what the person is shown that does not fit."""
    requester = Requester(RequesterKind.PERSON, "person", "You", SmartScopes.of(scope), record_id=one.record_id)
    found = await one.parts.interactions.misfits_of(requester, Trace("test"))
    return [(item.version.resource_type, issue.code, issue.expression) for item in found for issue in item.issues]


async def test_what_breaks_a_profile_is_shown_until_a_version_is_right(folder: Path) -> None:
    async with inside(folder) as one:
        headers = {**one.headers, "Prefer": "return=representation"}
        made = (await one.http.post("/Observation", content=json.dumps(claiming(one)), headers=headers)).json()
        assert await shown(one) == [("Observation", "required", "Observation.method")]
        assert await shown(one, "patient/Condition.rs") == []
        url = f"/Observation/{made['id']}"
        again = await one.http.put(url, content=json.dumps({**made, "issued": "2026-03-02T10:00:00Z"}), headers=headers)
        assert again.status_code == 200
        assert await shown(one) == [("Observation", "required", "Observation.method")]
        right = {**again.json(), "method": {"text": "Scale"}}
        assert (await one.http.put(url, content=json.dumps(right), headers=headers)).status_code == 200
        assert await shown(one) == []
        del right["method"]
        assert (await one.http.put(url, content=json.dumps(right), headers=headers)).status_code == 200
        assert len(await shown(one)) == 1
        await one.http.delete(url, headers=headers)
        assert await shown(one) == []


async def test_what_is_imported_is_kept_though_it_breaks_a_rule_of_fhir(folder: Path) -> None:
    async with inside(folder) as one:
        tree = claiming(one, method={"text": "Scale"}, dataAbsentReason={"text": "Broken"})
        assert (await written(one, tree))[0] == 422
        by_operator = {"Authorization": f"Bearer {await operator(one)}", "Content-Type": "application/fhir+json"}
        answer = await one.http.post("/Observation", content=json.dumps(tree), headers=by_operator)
        assert answer.status_code == 201
        assert await shown(one) == [("Observation", "invariant", "Observation")]


async def test_what_breaks_a_profile_is_exported_with_its_change(folder: Path) -> None:
    async with inside(folder) as one:
        await one.create(json.dumps(claiming(one)).encode())
        maker = Requester(RequesterKind.OPERATOR, "operator", "operator", SmartScopes.of("system/*.cruds"))
        lines = [json.loads(line) async for line in export(one.parts.context, maker, Trace("test"), one.record_id)]
        misfits = [line["misfit"] for line in lines if "misfit" in line]
        assert [[issue["expression"] for issue in issues] for issues in misfits] == [["Observation.method"]]


async def test_in_a_bundle_the_warning_is_in_the_entry_that_it_is_about(folder: Path) -> None:
    async with inside(folder) as one:
        good = claiming(one, method={"text": "Scale"}, identifier=[{"value": "other"}])
        entries = [
            {"resource": tree, "request": {"method": "POST", "url": "Observation"}} for tree in (good, claiming(one))
        ]
        bundle = {"resourceType": "Bundle", "type": "batch", "entry": entries}
        answer = await one.http.post("/", content=json.dumps(bundle), headers=one.headers)
        responses = [entry["response"] for entry in answer.json()["entry"]]
        assert "outcome" not in responses[0]
        assert [issue.get("expression") for issue in responses[1]["outcome"]["issue"]] == [
            None,
            ["Bundle.entry[1].resource.method"],
        ]


async def test_each_source_has_its_own_mode(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REGIE_PROFILE_MODE", "enforce")
    monkeypatch.setenv("REGIE_PROFILE_MODE_PERSON", "warn")
    async with inside(folder) as one:
        assert (await written(one, claiming(one)))[0] == 201
        by_operator = {"Authorization": f"Bearer {await operator(one)}", "Content-Type": "application/fhir+json"}
        answer = await one.http.post("/Observation", content=json.dumps(claiming(one)), headers=by_operator)
        assert answer.status_code == 422
