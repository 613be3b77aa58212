"""Documents in the portal: listed, shown, kept; a hostile file never runs, and nobody sees another's."""

from base64 import b64encode
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.access.categories import Category
from app.access.representation import Capacity
from app.fhir.release import Release
from tests.access.test_pages import session
from tests.access.test_practice_pages import at_work, person_url
from tests.support.acting import browser_of, go_in, let_act
from tests.support.world import World, world_in

RELEASES = pytest.mark.parametrize("release", list(Release))
PDF = b"%PDF-1.4\n%test"
HOSTILE = b"<html><script>document.title = 'ran'</script></html>"
SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'


async def kept(
    world: World, release: Release, content: bytes = PDF, kind: str = "application/pdf", *, is_inside: bool = False
) -> str:
    """Return the id of a document in the first person's record, with its file in a Binary or inside."""
    me = world.caller("zonnestraal", release)
    text = b64encode(content).decode()
    attachment: dict[str, Any] = {"contentType": kind, "title": "Verzonnen brief"}
    if is_inside:
        attachment["data"] = text
    else:
        held = "content" if release is Release.STU3 else "data"
        binary = await me.made({"resourceType": "Binary", "contentType": kind, held: text})
        attachment["url"] = f"Binary/{binary['id']}"
    document = {
        "resourceType": "DocumentReference",
        "status": "current",
        "type": {"text": "Brief"},
        "subject": {"reference": world.zonnestraal.patient(release)},
        "content": [{"attachment": attachment}],
        **({"indexed": "2026-03-01T08:00:00Z"} if release is Release.STU3 else {"date": "2026-03-01T08:00:00Z"}),
    }
    return str((await me.made(document))["id"])


async def get(world: World, path: str, who: str = "zonnestraal") -> httpx.Response:
    async with await session(world, who) as browser:
        return await browser.get(path, headers={"accept-language": "en"})


@RELEASES
@pytest.mark.parametrize("is_inside", [False, True])
async def test_a_pdf_is_listed_shown_in_a_page_and_kept(world: World, release: Release, is_inside: bool) -> None:
    document = await kept(world, release, is_inside=is_inside)
    assert f'href="/documents/{release.path}/{document}"' in (await get(world, "/documents")).text
    assert f'href="/documents/{release.path}/{document}"' in (await get(world, "/summary")).text
    page = await get(world, f"/documents/{release.path}/{document}")
    assert f'<iframe class="viewer pdf" src="/documents/{release.path}/{document}/shown?place=0"' in page.text
    assert page.headers["content-security-policy"].endswith("; frame-src 'self'")
    shown = await get(world, f"/documents/{release.path}/{document}/shown")
    assert (shown.status_code, shown.content) == (200, PDF)
    assert shown.headers["content-type"] == "application/pdf"
    assert shown.headers["content-disposition"].startswith('inline; filename="Verzonnen brief.pdf"')
    file = await get(world, f"/documents/{release.path}/{document}/file")
    assert file.content == PDF
    assert file.headers["content-disposition"].startswith("attachment;")
    for answer in (shown, file):
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["x-frame-options"] == "SAMEORIGIN"
        assert "default-src 'none'" in answer.headers["content-security-policy"]
        assert "frame-ancestors 'self'" in answer.headers["content-security-policy"]
        assert answer.headers["cache-control"] == "no-store"


@RELEASES
@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (HOSTILE, "text/html"),
        (HOSTILE, "application/pdf"),
        (HOSTILE, "image/png"),
        (SVG, "image/svg+xml"),
        (b"<script/>", "application/xhtml+xml"),
        (b"alert(1)", "text/javascript"),
        (HOSTILE, "text/html; charset=utf-7"),
    ],
)
async def test_a_hostile_file_is_handed_out_to_be_kept_and_never_runs(
    world: World, release: Release, content: bytes, kind: str
) -> None:
    document = await kept(world, release, content, kind)
    assert (await get(world, f"/documents/{document}/shown")).status_code == 404
    file = await get(world, f"/documents/{document}/file")
    assert file.content == content
    assert file.headers["content-type"] == "application/octet-stream"
    assert file.headers["content-disposition"].startswith("attachment;")
    assert file.headers["content-security-policy"].endswith("; sandbox")
    page = await get(world, f"/documents/{document}")
    if kind not in ("application/pdf", "image/png"):
        assert "can't be shown here" in page.text
        assert "/shown" not in page.text


async def test_a_text_that_looks_like_a_page_is_shown_as_text_in_a_sandbox(world: World) -> None:
    document = await kept(world, Release.R4, HOSTILE, "text/plain")
    shown = await get(world, f"/documents/{document}/shown")
    assert shown.headers["content-type"] == "text/plain; charset=utf-8"
    assert shown.headers["content-security-policy"].endswith("; sandbox")


CDA = b'<?xml version="1.0"?><?xml-stylesheet href="https://elsewhere.example/a.xsl"?><ClinicalDocument/>'


@RELEASES
@pytest.mark.parametrize("kind", ["text/xml", "application/hl7-v3+xml", "application/xml; charset=utf-8"])
async def test_a_cda_is_shown_as_the_text_that_it_is_and_nothing_in_it_is_followed(
    world: World, release: Release, kind: str
) -> None:
    document = await kept(world, release, CDA, kind)
    for path in ("shown", "file"):
        answer = await get(world, f"/documents/{document}/{path}")
        assert answer.content == CDA
        assert answer.headers["content-type"] == "text/plain; charset=utf-8"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["content-security-policy"].endswith("; sandbox")
    assert 'filename="Verzonnen brief.xml"' in answer.headers["content-disposition"]
    page = (await get(world, f"/documents/{document}")).text
    assert '<iframe class="viewer" src=' in page
    assert "opens in a page of its own" not in page


async def test_xml_of_another_encoding_is_handed_out_and_not_shown(world: World) -> None:
    document = await kept(world, Release.R4, "<a>é</a>".encode("utf-16"), "text/xml")
    assert (await get(world, f"/documents/{document}/shown")).status_code == 404
    assert (await get(world, f"/documents/{document}/file")).headers["content-type"] == "application/octet-stream"


@RELEASES
async def test_a_file_of_twenty_megabytes_is_shown_and_its_size_is_said_before(
    tmp_path: Path, release: Release
) -> None:
    large = PDF + b"\n%" + b"0" * 20_000_000
    async with world_in(tmp_path, body_size_max=30_000_000) as world:
        document = await kept(world, release, large)
        me = world.caller("zonnestraal", release)
        tree = await me.get(f"/DocumentReference/{document}")
        tree["content"][0]["attachment"]["size"] = len(large)
        assert (await me("PUT", f"/DocumentReference/{document}", tree)).status_code == 200
        page = (await get(world, f"/documents/{document}")).text
        shown = await get(world, f"/documents/{document}/shown")
    assert "This file is 20 MB. It may take a while." in page
    assert "On a phone this opens in a page of its own" in page
    assert shown.content == large


async def test_a_picture_is_shown_as_one(world: World) -> None:
    document = await kept(world, Release.R4, b"\x89PNG\r\n\x1a\n", "image/png")
    assert f'<img src="/documents/r4/{document}/shown?place=0"' in (await get(world, f"/documents/{document}")).text


async def test_a_file_that_is_elsewhere_is_not_fetched_and_leads_nowhere(world: World) -> None:
    me = world.caller("zonnestraal")
    document = await me.made(
        {
            "resourceType": "DocumentReference",
            "status": "current",
            "subject": {"reference": world.zonnestraal.patient()},
            "content": [{"attachment": {"contentType": "application/pdf", "url": "https://elsewhere.example/a.pdf"}}],
        }
    )
    page = await get(world, f"/documents/{document['id']}")
    assert "This file is not kept here" in page.text
    assert "elsewhere.example" not in page.text
    for path in ("shown", "file", "file?place=1", "file?place=99"):
        assert (await get(world, f"/documents/{document['id']}/{path}")).status_code == 404
    for path in ("file?place=-1", "file?place=100", "file?place=one"):
        assert (await get(world, f"/documents/{document['id']}/{path}")).status_code == 422


@pytest.mark.parametrize("most", ["0", "1001", "-1", "all"])
async def test_the_list_is_bounded(world: World, most: str) -> None:
    assert (await get(world, f"/documents?most={most}")).status_code == 422
    await kept(world, Release.R4)
    await kept(world, Release.STU3)
    short = (await get(world, "/documents?most=1")).text
    assert short.count("/documents/") == 1
    assert "/documents?most=51" in short


async def test_another_person_sees_neither_document_nor_file(world: World) -> None:
    document = await kept(world, Release.R4)
    for path in ("", "/shown", "/file"):
        foreign = await get(world, f"/documents/{document}{path}", "maanlicht")
        never = await get(world, f"/documents/never-made{path}", "maanlicht")
        assert foreign.status_code == never.status_code == 404
        request_ids = [answer.headers["x-request-id"] for answer in (foreign, never)]
        texts = [foreign.text.replace(document, "ID"), never.text.replace("never-made", "ID")]
        assert texts[0].replace(request_ids[0], "") == texts[1].replace(request_ids[1], "")


async def test_who_helps_sees_documents_only_where_they_were_shared(world: World) -> None:
    document = await kept(world, Release.R4)
    for categories, status in ((Category.DOCUMENTS, 200), (Category.GP_SUMMARY, 403)):
        async with await browser_of(world, world.maanlicht) as browser:
            await go_in(browser, await let_act(world, world.maanlicht, Capacity.CARER, categories=categories))
            for path in ("", f"/{document}", f"/{document}/shown", f"/{document}/file"):
                assert (await browser.get(f"/documents{path}")).status_code == status, path


async def test_a_practice_sees_documents_only_where_they_were_granted(world: World) -> None:
    document = await kept(world, Release.R4)
    async with at_work(world, "gp of granted") as browser:
        for path in ("", f"/{document}", f"/{document}/shown", f"/{document}/file"):
            answer = await browser.get(f"{person_url(world)}/documents{path}")
            assert answer.status_code == 403
            assert "Verzonnen brief" not in answer.text
        assert document not in (await browser.get(f"{person_url(world)}/summary")).text
        await world.give("granted", world.zonnestraal, Category.DOCUMENTS)
        page = await browser.get(f"{person_url(world)}/documents/{document}")
        assert f'src="{person_url(world)}/documents/r4/{document}/shown?place=0"' in page.text
        assert (await browser.get(f"{person_url(world)}/documents/{document}/shown")).content == PDF
        assert document in (await browser.get(f"{person_url(world)}/documents")).text


async def test_a_sensitive_file_stays_closed_to_a_practice_that_may_see_documents(world: World) -> None:
    me, very = world.caller("zonnestraal"), "http://terminology.hl7.org/CodeSystem/v3-Confidentiality"
    text = b64encode(PDF).decode()
    label = {"meta": {"security": [{"system": very, "code": "R"}]}}
    binary = await me.made({"resourceType": "Binary", "contentType": "application/pdf", "data": text, **label})
    document = await me.made(
        {
            "resourceType": "DocumentReference",
            "status": "current",
            "subject": {"reference": world.zonnestraal.patient()},
            "content": [{"attachment": {"contentType": "application/pdf", "url": f"Binary/{binary['id']}"}}],
        }
    )
    await world.give("granted", world.zonnestraal, Category.DOCUMENTS)
    async with at_work(world, "gp of granted") as browser:
        assert (await browser.get(f"{person_url(world)}/documents/{document['id']}/file")).status_code == 404
    assert (await get(world, f"/documents/{document['id']}/file")).content == PDF


async def test_each_look_at_a_file_is_in_the_log(world: World) -> None:
    document = await kept(world, Release.R4)
    before = (await get(world, "/activity?who=all")).text.count("document")
    await get(world, f"/documents/{document}/file")
    assert (await get(world, "/activity?who=all")).text.count("document") > before


async def test_an_id_in_both_releases_is_two_documents_each_with_its_page_and_its_file(world: World) -> None:
    chosen, patient = "5a1ad000-0000-4000-8000-00000000f0a2", world.zonnestraal.patient
    for release in Release:
        name, data = f"Brief van {release.path}", b64encode(release.path.encode()).decode()
        document = {
            "resourceType": "DocumentReference",
            "id": chosen,
            "status": "current",
            "type": {"text": "Brief"},
            "subject": {"reference": patient(release)},
            "content": [{"attachment": {"contentType": "text/plain", "title": name, "data": data}}],
            **({"indexed": "2026-03-01T08:00:00Z"} if release is Release.STU3 else {}),
        }
        answer = await world.caller("zonnestraal", release)("PUT", f"/DocumentReference/{chosen}", document)
        assert answer.status_code == 201, answer.text
    await world.give("granted", world.zonnestraal, Category.DOCUMENTS)
    async with at_work(world, "gp of granted") as practice, await session(world, "zonnestraal") as person:
        for browser, base in ((practice, person_url(world)), (person, "")):
            overview = (await browser.get(f"{base}/documents")).text
            for release in Release:
                address = f"{base}/documents/{release.path}/{chosen}"
                assert f'href="{address}"' in overview
                shown = (await browser.get(address)).text
                assert f"Brief van {release.path}" in shown
                assert f'"{address}/file?place=0"' in shown
                for path in ("file", "shown"):
                    assert (await browser.get(f"{address}/{path}")).text == release.path
            for path in ("", "/file", "/shown"):
                assert (await browser.get(f"{base}/documents/{chosen}{path}")).status_code == 200, "of before"
                assert (await browser.get(f"{base}/documents/r5/{chosen}{path}")).status_code == 404


@RELEASES
async def test_a_document_of_which_nobody_knows_whether_it_holds_is_not_there(world: World, release: Release) -> None:
    unknown = {
        "extension": [{"url": "http://hl7.org/fhir/StructureDefinition/data-absent-reason", "valueCode": "unknown"}]
    }
    document = {
        "resourceType": "DocumentReference",
        "_status": unknown,
        "type": {"text": "Brief"},
        "subject": {"reference": world.zonnestraal.patient(release)},
        "content": [{"attachment": {"contentType": "text/plain", "title": "Brief", "data": "YQ=="}}],
        **({"indexed": "2026-03-01T08:00:00Z"} if release is Release.STU3 else {}),
    }
    made = await world.caller("zonnestraal", release).made(document)
    assert made["id"] not in (await get(world, "/documents")).text
    for path in ("", "/file", "/shown"):
        assert (await get(world, f"/documents/{release.path}/{made['id']}{path}")).status_code == 404
