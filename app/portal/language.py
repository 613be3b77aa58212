"""The languages of the pages: which one a reader gets, and the texts in it.

Message ids are the English texts. The Dutch ones stand in ``translations/nl.po``, read once at start: there is no
compiled file that can lag behind.
"""

import io
from dataclasses import dataclass
from functools import cache
from gettext import NullTranslations
from pathlib import Path

from babel import Locale
from babel.core import negotiate_locale
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.support import Translations

CATALOG = Path(__file__).parent / "translations" / "nl.po"
CODES = ("nl", "en")


@dataclass(frozen=True)
class Language:
    """One language: its texts, and how it writes dates and numbers (the English pages are read in the Netherlands too)."""

    code: str
    locale: Locale
    translations: NullTranslations

    def gettext(self, message: str) -> str:
        """Return ``message``, an English text of the catalog, in this language."""
        return self.translations.gettext(message)

    def ngettext(self, one: str, many: str, count: int) -> str:
        """Return the text for ``count`` things."""
        return self.translations.ngettext(one, many, count)


def marked(message: str) -> str:
    """Return ``message`` as it is; marks a text of a table for the catalog, to be translated where it is shown."""
    return message


@cache
def language(code: str) -> Language:
    """Return the language of ``code``, one of ``CODES``."""
    if code == "en":
        return Language("en", Locale.parse("en_GB"), NullTranslations())
    with CATALOG.open("rb") as file:
        catalog = read_po(file, locale="nl")
    compiled = io.BytesIO()
    write_mo(compiled, catalog)
    compiled.seek(0)
    return Language("nl", Locale.parse("nl_NL"), Translations(compiled))


def chosen(code: str | None, accept_language: str | None) -> Language:
    """Return the language that a reader chose, or else prefers, or else Dutch.

    ``accept_language`` is the header of that name; its order counts, its weights are taken to follow the order.
    """
    if code in CODES:
        return language(code)
    preferred = [part.split(";")[0].strip() for part in (accept_language or "").split(",")]
    return language(negotiate_locale([code for code in preferred if code], CODES, sep="-") or "nl")
