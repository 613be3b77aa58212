"""Letters and other files that were sent to the record, in STU3: DocumentReference with its Binary.

Profile: IHE.MHD.Minimal.DocumentReference, as MedMij's PDF/A documents have it. The letters are one page of PDF, written here.
"""

from base64 import b64encode
from textwrap import wrap

from app.demo.diary import Diary
from app.demo.elements import NICTIZ, Json, Link, concept, loinc
from app.demo.identity import Cast

LETTER = loinc("68688-1", "Brief van de specialist")
REPORT = loinc("34781-5", "Verslag")
ADVICE = loinc("34797-1", "Advies")
_LINE_WIDTH = 82


def pdf(title: str, paragraphs: tuple[str, ...]) -> bytes:
    """Return one page of A4 with a title and paragraphs, in letters that Western European languages have."""
    lines = [line for text in paragraphs for line in (*wrap(text, _LINE_WIDTH), "")]
    shown = " ".join(f"({_escaped(line)}) '" for line in lines)
    drawn = f"BT /F2 18 Tf 64 760 Td ({_escaped(title)}) Tj /F1 11 Tf 16 TL 0 -24 Td {shown} ET".encode("cp1252")
    font = "<< /Type /Font /Subtype /Type1 /BaseFont /{} /Encoding /WinAnsiEncoding >>"
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R /Lang (nl) >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        (
            b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R "
            b"/Resources << /Font << /F1 5 0 R /F2 6 0 R >> >> >>"
        ),
        b"<< /Length %d >>\nstream\n%b\nendstream" % (len(drawn), drawn),
        font.format("Helvetica").encode(),
        font.format("Helvetica-Bold").encode(),
        f"<< /Title ({_escaped(title)}) >>".encode("cp1252"),
    ]
    made, places = b"%PDF-1.4\n", []
    for number, content in enumerate(objects, 1):
        places.append(len(made))
        made += b"%d 0 obj\n%b\nendobj\n" % (number, content)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    count = len(objects) + 1
    made += b"xref\n0 %d\n0000000000 65535 f \n%b" % (count, table)
    return made + b"trailer\n<< /Size %d /Root 1 0 R /Info 7 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (
        count,
        made.rindex(b"xref\n0"),
    )


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("(", "\\(").replace(")", "\\)")


def add_letter(
    cast: Cast, diary: Diary, days_ago: int, author: Link, kind: Json, title: str, paragraphs: tuple[str, ...]
) -> Link:
    """Add a letter as a PDF; return the link to the document."""
    at = diary.at(days_ago, 11, 20)
    file = cast.entries.file(f"{title}/{at}", "application/pdf", b64encode(pdf(title, paragraphs)).decode())
    return cast.entries.add(
        "DocumentReference",
        NICTIZ + "IHE.MHD.Minimal.DocumentReference",
        f"{title}/{at}",
        title,
        {
            "masterIdentifier": {"system": "urn:ietf:rfc:3986", "value": file.full_url},
            "status": "current",
            "type": concept(kind),
            "subject": cast.patient.reference(),
            "indexed": at,
            "author": [author.reference()],
            "content": [
                {
                    "attachment": {
                        "contentType": "application/pdf",
                        "language": "nl-NL",
                        "url": file.full_url,
                        "title": title,
                    }
                }
            ],
        },
    )
