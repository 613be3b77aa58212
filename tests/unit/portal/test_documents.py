"""Documents: what a page says of them, and as what a file may be shown."""

from dataclasses import dataclass
from datetime import date
from typing import Any

import pytest

from app.fhir.release import Release
from app.portal.documents import (
    binary_of,
    disposition,
    document_view,
    documents_in,
    file_name,
    kind_shown,
)

BASES = ("https://regie.example/fhir/stu3", "https://regie.example/fhir/r4")


@dataclass(frozen=True)
class Letter:
    """A document as it is stored."""

    body: dict[str, Any]
    release: Release = Release.R4
    version: int = 1
    seq: int = 1

    def tree(self) -> dict[str, Any]:
        """Return the current body."""
        return self.body


def letter(**more: Any) -> Letter:
    attachment = {"contentType": "application/PDF; charset=x", "url": "Binary/1", "title": "Brief"}
    stands = {
        "id": "a",
        "status": "current",
        "indexed": "2026-01-02T10:00:00Z",
        "content": [{"attachment": attachment}],
    }
    return Letter(stands | more)


def test_a_document_says_what_it_is_from_whom_and_of_when_in_both_releases() -> None:
    stu3 = document_view(letter(type={"text": "Brief van de specialist"}, author=[{"display": "H. Testarts"}]), BASES)
    assert (stu3.title, stu3.what, stu3.by, stu3.on) == (
        "Brief", "Brief van de specialist", "H. Testarts", date(2026, 1, 2),
    )  # fmt: skip
    r4 = document_view(letter(date="2026-03-01T10:00:00Z", indexed=None, category=[{"text": "Brief"}]), BASES)
    assert (r4.title, r4.what, r4.on) == ("Brief", "", date(2026, 3, 1))
    assert [(file.kind, file.is_here, file.is_picture) for file in r4.files] == [("application/pdf", True, False)]


def test_what_was_replaced_or_wrong_is_not_in_the_list_and_the_newest_comes_first() -> None:
    old, new = letter(id="old"), letter(id="new", indexed="2026-02-01T10:00:00Z")
    wrong = [letter(status="superseded"), letter(status="entered-in-error")]
    assert [one.place for one in documents_in([old, *wrong, new], BASES)] == ["r4/new", "r4/old"]


@pytest.mark.parametrize(
    ("url", "found"),
    [
        ("Binary/1", "1"),
        ("https://regie.example/fhir/r4/Binary/1", "1"),
        ("Binary/1/_history/2", "1"),
        ("https://elsewhere.example/fhir/Binary/1", ""),
        ("https://regie.example.evil.example/fhir/r4/Binary/1", ""),
        ("Patient/1", ""),
        ("javascript:alert(1)", ""),
        ("../login", ""),
        ("", ""),
    ],
)
def test_only_a_file_of_this_server_is_here(url: str, found: str) -> None:
    assert binary_of({"url": url}, BASES) == found


@pytest.mark.parametrize(
    ("said", "content", "shown"),
    [
        ("application/pdf", b"%PDF-1.4 ...", "application/pdf"),
        ("application/pdf", b"<script>alert(1)</script>", ""),
        ("image/png", b"\x89PNG\r\n\x1a\n...", "image/png"),
        ("image/png", b"<svg onload=alert(1)>", ""),
        ("image/jpeg", b"\xff\xd8\xff\xe0", "image/jpeg"),
        ("image/gif", b"GIF89a", "image/gif"),
        ("image/webp", b"RIFF1234WEBP", "image/webp"),
        ("text/plain", b"Groeten uit Proefdorp", "text/plain"),
        ("text/plain", b"\xff\xfe\x00", ""),
        ("text/html", b"<p>Hallo</p>", ""),
        ("image/svg+xml", b"<svg/>", ""),
        ("", b"%PDF-1.4", ""),
    ],
)
def test_a_file_is_shown_only_as_what_its_bytes_are(said: str, content: bytes, shown: str) -> None:
    assert kind_shown(content, said) == shown


@pytest.mark.parametrize(
    ("title", "kind", "name"),
    [
        ("Brief van de specialist", "application/pdf", "Brief van de specialist.pdf"),
        ("Brief.PDF", "application/pdf", "Brief.PDF"),
        ("../../etc/passwd", "", "etc passwd"),
        ('a"; filename="b', "text/plain", "a ; filename= b.txt"),
        ("brief\u202efdp.exe", "application/pdf", "brief fdp.exe.pdf"),
        ("\r\nSet-Cookie: a", "", "Set-Cookie a"),
        ("", "image/png", "document.png"),
        ("x" * 500, "image/png", "x" * 80 + ".png"),
    ],
)
def test_a_file_name_steers_nothing(title: str, kind: str, name: str) -> None:
    assert file_name(title, kind) == name


def test_a_name_in_another_alphabet_is_in_the_header_twice() -> None:
    assert disposition("ĉ.pdf", is_shown=False) == "attachment; filename=\"_.pdf\"; filename*=UTF-8''%C4%89.pdf"
    assert disposition("a.pdf", is_shown=True).startswith("inline;")
