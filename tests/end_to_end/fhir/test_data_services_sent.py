"""What each MedMij data service sends to a server, in JSON and in XML: measurements, documents, images, answers, requests."""

import base64
from pathlib import Path

import pytest

from app.fhir.packages.library import Library
from app.fhir.packages.package import read_package
from app.fhir.release import Release
from app.fhir.tree import decode_tree
from app.fhir.xml.read import to_json
from app.fhir.xml.write import to_xml
from tests.end_to_end.fhir.test_data_services import LOINC, ME, SCT, coded, given, observation, ref, stu3
from tests.support.official import official_examples
from tests.support.suites import package_folder
from tests.support.verdict import encoded
from tests.support.world import Caller, Tree, World, bundle, entry, tree_of, world_in

STU3, R4 = Release.STU3, Release.R4
PDF = b"%PDF-1.7\nnot a real document\n"
MINE = ref("me")
PERSON = {"resourceType": "Patient", "name": [{"family": "Zonnestraal-Testpersoon"}]}


def sent(kind: str, **has: Tree) -> Tree:
    """Return a Bundle that creates resources, which refer to each other by name."""
    entries = [entry("POST", tree["resourceType"], tree, ref(name)["reference"]) for name, tree in has.items()]
    return bundle(kind, *entries)


MEASURED = sent(
    "batch",
    me=PERSON,
    one=observation(f"{LOINC}|29463-7", "2026-02-01", subject=MINE, performer=[MINE]),
    two=observation(f"{LOINC}|29463-7", "2026-02-02", subject=MINE, performer=[MINE]),
)
DOCUMENTS = sent(
    "transaction",
    me=PERSON,
    folder=stu3("DocumentManifest", status="current", subject=MINE, content=[{"pReference": ref("document")}]),
    document=stu3(
        "DocumentReference",
        status="current",
        type=coded(f"{LOINC}|34133-9"),
        indexed="2026-02-01T10:00:00+01:00",
        subject=MINE,
        content=[{"attachment": {"contentType": "application/pdf", "url": ref("file")["reference"]}}],
    ),
    file=stu3("Binary", contentType="application/pdf", content=base64.b64encode(PDF).decode()),
)
IMAGES = sent(
    "transaction",
    me=PERSON,
    doctor=stu3("Practitioner", name=[{"family": "Klaproos-Testarts"}]),
    picture=stu3(
        "Media", type="photo", subject=MINE, content={"contentType": "image/png", "url": ref("file")["reference"]}
    ),
    file=stu3("Binary", contentType="image/png", content="iVBORw0KGgo="),
    collection=stu3("List", status="current", mode="snapshot", subject=MINE, entry=[{"item": ref("picture")}]),
)
CORRECTION = sent(
    "transaction",
    me=PERSON,
    house=stu3("Organization", name="Praktijk De Klaproos-Test"),
    wish=stu3(
        "Communication",
        status="completed",
        subject=MINE,
        topic={"text": "Verzoek"},
        sent="2026-02-01T10:00:00+01:00",
        recipient=[ref("house")],
        sender=MINE,
        payload=[{"contentString": "Het gewicht klopt niet."}],
    ),
)


async def posted(me: Caller, release: Release, form: str, body: Tree) -> Tree:
    """Return the answer to a Bundle that was sent and asked for in a form, ``json`` or ``xml``."""
    content = encoded(body) if form == "json" else to_xml(release, encoded(body))
    kind = f"application/fhir+{form}"
    answer = await me("POST", "/", content, Content_Type=kind, Accept=kind, Prefer="return=representation")
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"].startswith(kind)
    return decode_tree(answer.content if form == "json" else to_json(release, answer.content))


SENT = [
    ("measurements", STU3, MEASURED, {"Patient": 1, "Observation": 2}),
    ("measurements in R4", R4, MEASURED, {"Patient": 1, "Observation": 2}),
    ("documents", STU3, DOCUMENTS, {"Patient": 1, "DocumentManifest": 1, "DocumentReference": 1, "Binary": 1}),
    ("images", STU3, IMAGES, {"Patient": 1, "Practitioner": 1, "Media": 1, "Binary": 1, "List": 1}),
    ("corrections", R4, CORRECTION, {"Patient": 1, "Organization": 1, "Communication": 1}),
]


@pytest.mark.parametrize("form", ["json", "xml"])
@pytest.mark.parametrize(("release", "body", "expected"), [one[1:] for one in SENT], ids=[one[0] for one in SENT])
async def test_what_a_service_sends_is_kept_and_returned(
    world: World, form: str, release: Release, body: Tree, expected: dict[str, int]
) -> None:
    me = world.caller("zonnestraal", release)
    answer = await posted(me, release, form, body)
    assert answer["type"] == f"{body['type']}-response"
    returned = [one["resource"]["resourceType"] for one in answer["entry"]]
    assert {name: returned.count(name) for name in set(returned)} == expected
    for one in answer["entry"]:
        assert one["response"]["status"][:3] in ("200", "201")
        assert (await me("GET", f"/{one['response']['location']}")).status_code == 200
    (patient,) = [one["resource"] for one in answer["entry"] if one["resource"]["resourceType"] == "Patient"]
    assert f"Patient/{patient['id']}" == world.zonnestraal.patient(release)
    assert "urn:uuid" not in str(answer["entry"])


async def test_a_document_is_a_resource_and_a_file_at_the_same_url(world: World) -> None:
    me = world.caller("zonnestraal", STU3)
    answer = await posted(me, STU3, "json", DOCUMENTS)
    (document,) = [one["resource"] for one in answer["entry"] if one["resource"]["resourceType"] == "DocumentReference"]
    url = "/" + document["content"][0]["attachment"]["url"]
    for form in ("application/fhir+json", "application/fhir+xml"):
        as_resource = await me("GET", url, Accept=form)
        assert (as_resource.status_code, as_resource.headers["content-type"].partition(";")[0]) == (200, form)
    for accept in ("*/*", "application/pdf", "text/html, image/webp"):
        file = await me("GET", url, Accept=accept)
        assert (file.status_code, file.headers["content-type"], file.content) == (200, "application/pdf", PDF)
        assert file.headers["content-disposition"] == "attachment"
        assert file.headers["content-security-policy"] == "default-src 'none'; frame-ancestors 'none'; sandbox"
        assert file.headers["x-content-type-options"] == "nosniff"
    assert (await me("HEAD", url, Accept="*/*")).headers["content-length"] == str(len(PDF))
    assert (await me("GET", url, Accept="*/*", If_None_Match=file.headers["etag"])).status_code == 304
    assert (
        (await me("GET", f"{url}?_format=xml", Accept="*/*")).headers["content-type"].startswith("application/fhir+xml")
    )
    assert (await world.caller(None, STU3)("GET", url)).status_code == 401
    assert (await world.caller("maanlicht", STU3)("GET", url)).status_code == 404
    unknown = await me("GET", "/Binary/example-pdfa-binary3")
    assert (unknown.status_code, tree_of(unknown)["resourceType"]) == (404, "OperationOutcome")


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("text/html", "text/html"),
        ("text/plain; charset=utf-8", "text/plain; charset=utf-8"),
        ("text/html; name=a", "application/octet-stream"),
        ("x", "application/octet-stream"),
    ],
)
async def test_a_file_is_handed_out_and_never_shown(world: World, kind: str, expected: str) -> None:
    me = world.caller("zonnestraal")
    made = await me.made({"resourceType": "Binary", "contentType": kind, "data": "PGI+eDwvYj4="})
    file = await me("GET", f"/Binary/{made['id']}", Accept="text/html")
    assert (file.headers["content-type"], file.content) == (expected, b"<b>x</b>")
    assert file.headers["content-disposition"] == "attachment"
    empty = await me.made({"resourceType": "Binary", "contentType": kind})
    assert (await me("GET", f"/Binary/{empty['id']}", Accept="text/html")).json()["id"] == empty["id"]
    look = bundle("batch", entry("GET", f"Binary/{made['id']}"))
    assert tree_of(await me("POST", "/", look))["entry"][0]["resource"]["data"] == "PGI+eDwvYj4="


@pytest.mark.parametrize("form", ["json", "xml"])
async def test_a_questionnaire_task_is_accepted_answered_and_refused_without_answers(world: World, form: str) -> None:
    me, patient = world.caller("zonnestraal", STU3), world.zonnestraal.patient(STU3)
    task = stu3("Task", status="requested", intent="order", code=coded(f"{LOINC}|74468-0"), **{"for": ME}, owner=ME)
    task |= {
        "input": [
            {"type": {"text": "Questionnaire"}, "valueReference": {"reference": "Questionnaire/1", "display": "x"}}
        ]
    }
    await given(me, patient, {"task": task})
    (found,) = (await me.get(f"/Task?code={LOINC}|74468-0&status=requested"))["entry"]
    kept = found["resource"]
    answer = await me("PUT", f"/Task/{kept['id']}", kept | {"status": "accepted"})
    assert (answer.status_code, tree_of(answer)["status"]) == (200, "accepted")
    assert tree_of(answer)["input"] == kept["input"]
    answers = stu3(
        "QuestionnaireResponse",
        status="completed",
        subject={"reference": patient, "display": "x"},
        authored="2026-02-01T10:00:00+01:00",
        item=[{"linkId": "phq-9", "item": [{"linkId": "1", "answer": [{"valueInteger": 2}]}]}],
    )
    output = [{"type": {"text": "QuestionnaireResponse"}, "valueReference": ref("answers")}]
    done = bundle(
        "transaction",
        entry("PUT", f"Task/{kept['id']}", kept | {"status": "completed", "output": output}, f"urn:uuid:{kept['id']}"),
        entry("POST", "QuestionnaireResponse", answers, ref("answers")["reference"]),
    )
    undone = bundle("transaction", entry("PUT", f"Task/{kept['id']}", kept | {"status": "completed"}))
    refused = await me("POST", "/", undone)
    assert (refused.status_code, refused.json()["issue"][0]["code"]) == (422, "invariant")
    assert refused.json()["issue"][0]["expression"] == ["Bundle.entry[0].resource.output"]
    done["entry"][0]["fullUrl"] = f"http://127.0.0.1:8000/fhir/stu3/Task/{kept['id']}"
    first, second = (await posted(me, STU3, form, done))["entry"]
    assert (first["response"]["status"][:3], second["response"]["status"][:3]) == ("200", "201")
    assert first["response"]["location"].startswith(f"Task/{kept['id']}/_history/")
    assert second["response"]["location"].startswith("QuestionnaireResponse/")
    reference = first["resource"]["output"][0]["valueReference"]["reference"]
    assert reference == "QuestionnaireResponse/" + second["resource"]["id"]


@pytest.mark.suites
async def test_a_completed_task_without_answers_is_refused_where_its_profile_is_enforced(tmp_path: Path) -> None:
    name = "nictiz-stu3-questionnaires"
    package = read_package(package_folder(name), pin=f"{name}#1", release=STU3)
    Library(tmp_path / "packages").load(package)
    async with world_in(tmp_path, packages_folder=tmp_path / "packages", profile_mode="enforce") as world:
        me, patient = world.caller("zonnestraal", STU3), world.zonnestraal.patient(STU3)
        example = official_examples(STU3)["vl-QuestionnaireProvisioningTask-01"]
        task = example | {
            "for": {"reference": patient, "display": "x"},
            "owner": {"reference": patient, "display": "x"},
        }
        elsewhere = {"reference": "https://elsewhere.example/fhir/Questionnaire/1", "display": "x"}
        task["input"] = [one | {"valueReference": elsewhere} for one in example["input"][:1]]
        made = await me.made({member: one for member, one in task.items() if member != "id"})
        before = await me.changes()
        done = bundle("transaction", entry("PUT", f"Task/{made['id']}", made | {"status": "completed"}))
        answer = await me("POST", "/", encoded(done))
        assert (answer.status_code, tree_of(answer)["resourceType"]) == (422, "OperationOutcome")
        assert "que-1" in answer.text
        assert await me.changes() == before


@pytest.mark.parametrize("form", ["json", "xml"])
async def test_a_request_for_a_correction_is_answered_with_a_receipt(world: World, form: str) -> None:
    me = world.caller("zonnestraal", R4)
    claims = {"profile": ["http://nictiz.nl/fhir/StructureDefinition/dwv-PatientCorrectionsCommunication"]}
    body = bundle("transaction", *CORRECTION["entry"][:2])
    wish = CORRECTION["entry"][2]
    body["entry"].append(wish | {"resource": wish["resource"] | {"meta": claims}})
    *answered, receipt = (await posted(me, R4, form, body))["entry"]
    assert [one["resource"]["resourceType"] for one in answered] == ["Patient", "Organization", "Communication"]
    (issue,) = receipt["resource"]["issue"]
    assert (issue["severity"], issue["code"]) == ("information", "informational")
    assert issue["details"]["text"]
    assert receipt["fullUrl"].startswith("urn:uuid:")


async def test_what_no_service_knows_is_refused_with_words(world: World) -> None:
    me = world.caller("zonnestraal", STU3)
    for url, status in (("/DocumentReference/$", 400), ("/NoResource", 404), ("/Observation/not-there", 404)):
        answer = await me("GET", url)
        assert (answer.status_code, tree_of(answer)["resourceType"]) == (status, "OperationOutcome"), url
    unknown = tree_of(await me("GET", "/NoResource"))["issue"][0]
    assert (unknown["severity"], unknown["code"]) == ("error", "not-supported")
    assert (await me("GET", f"/?category={SCT}|&_include=:medication")).status_code in (400, 404)
