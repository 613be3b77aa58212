"""Headings, texts and tables as a PDF, with the outline, title and language that a screen reader needs.

Made by fpdf2 with a font that goes into the file (DejaVu Sans: Latin, Greek, Cyrillic, Arabic, Hebrew and more). Text of any
script is laid out in its own direction; what the font has no sign for is shown as a box. fpdf2 writes no structure tree, so that
this is no PDF/UA.
"""

import unicodedata
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from app.portal.language import Language

if TYPE_CHECKING:
    from fpdf import FPDF

FONTS = Path(__file__).parent / "fonts"
TEXT_LONGEST = 4000
CELL_LONGEST = 300
"""Characters of a text and of a cell that are shown; what is longer ends in an ellipsis."""

_FONT = "DejaVu"
_MISSING = "\N{WHITE SQUARE}"
_JOINERS = "\N{ZERO WIDTH JOINER}\N{ZERO WIDTH NON-JOINER}"
_LINE = 1.4


class Sheet:
    """A document in the making; sizes in points and millimetres. Its texts are in the order in which they are read."""

    def __init__(self, title: str, language: Language, made: datetime, foot: str) -> None:
        self._pdf = _document(foot, language)
        self._known = _signs(self._pdf)
        self._pdf.set_title(title)
        self._pdf.set_lang(language.code)
        self._pdf.set_creator("Regie")
        self._pdf.set_creation_date(made)
        self._pdf.add_page()
        self._write(title, 20, bold=True)
        self._pdf.ln(2)

    def heading(self, text: str) -> None:
        """Begin a section, which is in the outline too."""
        if self._pdf.will_page_break(25):
            self._pdf.add_page()
        self._pdf.ln(5)
        self._pdf.set_font(_FONT, "B", 14)
        self._pdf.start_section(self._shown(text, CELL_LONGEST))
        self._write(text, 14, bold=True)
        self._pdf.ln(1)

    def text(self, text: str, *, bold: bool = False, small: bool = False) -> None:
        """Write a text, which may be of many lines; nothing if it is empty."""
        if text.strip():
            self._write(text, 9 if small else 10.5, bold=bold)

    def gap(self) -> None:
        """Leave some room."""
        self._pdf.ln(2)

    def table(self, headings: Sequence[str], rows: Sequence[Sequence[str]], widths: Sequence[int]) -> None:
        """Write a table; its headings come again on each page. ``widths`` are shares of the page."""
        self._pdf.set_font(_FONT, "", 9.5)
        with self._pdf.table(
            width=self._pdf.epw, col_widths=tuple(widths), line_height=5.5, text_align="LEFT",
            borders_layout="HORIZONTAL_LINES", padding=0.8,
        ) as table:  # fmt: skip
            for cells in (headings, *rows):
                row = table.row()
                for cell in cells:
                    row.cell(self._shown(cell, CELL_LONGEST).replace("\n", " "))

    def bytes(self) -> bytes:
        """Return the PDF."""
        return bytes(self._pdf.output())

    def _write(self, text: str, size: float, *, bold: bool = False) -> None:
        self._pdf.set_font(_FONT, "B" if bold else "", size)
        height = size * _LINE * 0.3528
        self._pdf.multi_cell(0, height, self._shown(text, TEXT_LONGEST), align="L", new_x="LMARGIN", new_y="NEXT")

    def _shown(self, text: str, longest: int) -> str:
        """Return a text with a box for each sign that can't be shown, and without what only steers the layout."""
        if len(text) > longest:
            text = text[: longest - 1] + "\N{HORIZONTAL ELLIPSIS}"
        text = unicodedata.normalize("NFC", text).replace("\r\n", "\n").replace("\r", "\n").replace("\t", " ")
        kept = (one for one in text if one in "\n" + _JOINERS or unicodedata.category(one) not in ("Cc", "Cf"))
        return "".join(one if ord(one) in self._known or one == "\n" else _MISSING for one in kept)


def _signs(pdf: "FPDF") -> frozenset[int]:
    """Return the code points that all fonts of a document can show."""
    return frozenset.intersection(*(frozenset(getattr(font, "cmap", ())) for font in pdf.fonts.values()))


def _document(foot: str, language: Language) -> "FPDF":
    """Return an empty document with its fonts."""
    from fpdf import FPDF  # noqa: PLC0415 - half a second and 30 MB, for those only who ask for a PDF
    from fpdf.enums import XPos, YPos  # noqa: PLC0415
    from fpdf.prefs import ViewerPreferences  # noqa: PLC0415

    class Document(FPDF):
        """With a foot on each page: what it is, and which page."""

        def footer(self) -> None:
            """Write the foot."""
            self.set_y(-14)
            self.set_font(_FONT, "", 8)
            number = language.gettext("Page %(number)s") % {"number": self.page_no()}
            self.cell(0, 5, f"{foot} · {number}", align="C", new_x=XPos.LMARGIN, new_y=YPos.NEXT)

    pdf = Document(format="A4")
    pdf.set_margins(20, 18)
    pdf.set_auto_page_break(auto=True, margin=20)
    for style, name in (("", "DejaVuSans.ttf"), ("B", "DejaVuSans-Bold.ttf")):
        pdf.add_font(_FONT, style, FONTS / name)
    pdf.set_font(_FONT, "", 10.5)
    pdf.set_text_shaping(use_shaping_engine=True)
    pdf.viewer_preferences = ViewerPreferences(display_doc_title=True)
    return pdf
