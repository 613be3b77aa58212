"""The documents of a record as a person reads them: letters, reports and pictures; pure.

A file comes from others and is believed in nothing: it is shown only as what its bytes are, of the few kinds that can be
shown without running anything. All others are handed out to be kept.

Spec: https://hl7.org/fhir/R4/documentreference.html, https://hl7.org/fhir/STU3/documentreference.html
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date
from urllib.parse import quote

from app.fhir.elements import Tree, day_of, listed, named, words
from app.fhir.reference import LiteralReference, localize
from app.portal.interactions import Found

UNKNOWN = "application/octet-stream"
NAME_LENGTH_MAX = 80
LARGE_BYTES = 3_000_000
_FILES_MAX = 20
_NOT_IN_A_NAME = re.compile(r'[\x00-\x1f\x7f<>:"/\\|?*\u200e\u200f\u202a-\u202e\u2066-\u2069]')


def _is_text(content: bytes) -> bool:
    try:
        return b"\0" not in content and bool(content.decode())
    except UnicodeDecodeError:
        return False


SHOWN: dict[str, tuple[str, Callable[[bytes], bool]]] = {
    "application/pdf": (".pdf", lambda content: content.startswith(b"%PDF-")),
    "image/png": (".png", lambda content: content.startswith(b"\x89PNG\r\n\x1a\n")),
    "image/jpeg": (".jpg", lambda content: content.startswith(b"\xff\xd8\xff")),
    "image/gif": (".gif", lambda content: content[:6] in (b"GIF87a", b"GIF89a")),
    "image/webp": (".webp", lambda content: content[:4] == b"RIFF" and content[8:12] == b"WEBP"),
    "text/plain": (".txt", _is_text),
    **dict.fromkeys(
        ("text/xml", "application/xml", "application/hl7-v3+xml", "application/cda+xml"), (".xml", _is_text)
    ),
}
"""What can be shown in a page: how its files end, and how its bytes are known."""

PLAIN = frozenset({"text/plain", *(kind for kind in SHOWN if kind.endswith("xml"))})
"""What is shown as the text that it is: nothing in it is read, of a CDA neither."""

_ENDINGS = {
    "application/msword": ".doc",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": ".docx",
    "application/dicom": ".dcm",
    "application/rtf": ".rtf",
    "application/zip": ".zip",
    "image/tiff": ".tif",
    "image/svg+xml": ".svg",
    "text/html": ".html",
}


@dataclass(frozen=True, slots=True)
class FileView:
    """A file of a document; ``is_here`` is whether it is kept in this record, ``kind`` one of SHOWN, else empty.

    ``megabytes`` is how large it is, None where it is small or nobody said.
    """

    kind: str
    is_here: bool
    megabytes: int | None = None

    @property
    def is_picture(self) -> bool:
        """Return whether a page shows it as a picture."""
        return self.kind.startswith("image/")

    @property
    def is_text(self) -> bool:
        """Return whether a page shows it as text; what is left is a PDF, which a phone shows in a page of its own."""
        return self.kind in PLAIN


@dataclass(frozen=True, slots=True)
class DocumentView:
    """A document: ``what`` is its kind in words, empty where that is its title too; ``by`` who wrote it.

    ``place`` is where it is, such as ``r4/1``.
    """

    place: str
    title: str
    what: str
    by: str
    on: date | None
    files: tuple[FileView, ...]


def kind_of_file(attachment: Tree) -> str:
    """Return the media type of an attachment without its parameters, in small letters; empty if it says none."""
    return str(attachment.get("contentType", "")).partition(";")[0].strip().lower()


def attachments(document: Tree) -> list[Tree]:
    """Return the attachments of a DocumentReference, at most twenty."""
    return [content["attachment"] for content in listed(document.get("content")) if "attachment" in content][
        :_FILES_MAX
    ]


def _megabytes(attachment: Tree) -> int | None:
    """Return the size of a file that takes long on a phone."""
    size = int(attachment.get("size") or 0) or len(str(attachment.get("data", ""))) * 3 // 4
    return round(size / 1_000_000) if size >= LARGE_BYTES else None


def binary_of(attachment: Tree, base_urls: tuple[str, ...]) -> str:
    """Return the id of the Binary of this server that holds the file of an attachment; empty if it is elsewhere."""
    target = localize(str(attachment.get("url", "")), base_urls)
    is_ours = isinstance(target, LiteralReference) and target.base is None and target.resource_type == "Binary"
    return target.id if is_ours and isinstance(target, LiteralReference) else ""


def document_view(found: Found, base_urls: tuple[str, ...]) -> DocumentView:
    """Return a DocumentReference as people read it. ``base_urls`` are the FHIR addresses of this server."""
    document = found.tree()
    files = attachments(document)
    what = words(document.get("type")) or words(document.get("class")) or words(document.get("category"))
    own = next((str(one["title"]) for one in files if one.get("title")), "")
    title = own or str(document.get("description") or what)
    when = (document.get(name) for name in ("created", "date", "indexed"))
    made = next(
        (day for day in [*(day_of(one) for one in when), *(day_of(one.get("creation")) for one in files)] if day), None
    )
    return DocumentView(
        place=f"{found.release.path}/{document['id']}",
        title=title,
        what=what if what != title else "",
        by=named(document.get("author")) or named(document.get("custodian")),
        on=made,
        files=tuple(
            FileView(
                kind if (kind := kind_of_file(one)) in SHOWN else "",
                bool(one.get("data") or binary_of(one, base_urls)),
                _megabytes(one),
            )
            for one in files
        ),
    )


def documents_in(documents: Iterable[Found], base_urls: tuple[str, ...]) -> list[DocumentView]:
    """Return the documents that hold, newest first; what another took the place of, or was a mistake, is left out."""
    found = [document_view(one, base_urls) for one in documents if one.tree().get("status") == "current"]
    return sorted(found, key=lambda one: one.on or date.min, reverse=True)


def kind_shown(content: bytes, said: str) -> str:
    """Return as what bytes can be shown that are said to be of a kind: that kind if they are, else empty."""
    known = SHOWN.get(said)
    return said if known is not None and known[1](content) else ""


def file_name(title: str, kind: str) -> str:
    """Return what a file is called that is kept: its title without what no file name has, and the ending of its kind."""
    plain = " ".join(_NOT_IN_A_NAME.sub(" ", title).split()).strip(". ")[:NAME_LENGTH_MAX].strip(". ") or "document"
    ending = SHOWN[kind][0] if kind in SHOWN else _ENDINGS.get(kind, "")
    return plain if plain.lower().endswith(ending) else f"{plain}{ending}"


def disposition(name: str, *, is_shown: bool) -> str:
    """Return the Content-Disposition of a file with this name. Spec: RFC 6266."""
    plain = re.sub(r"[^A-Za-z0-9 ._-]", "_", name)
    return f"{'inline' if is_shown else 'attachment'}; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"
