"""How somebody wants to see the pages: language, size of the text, contrast, light or dark.

It is kept with their account, and in a cookie of the browser for when nobody is logged in; in both as a few words in a row,
such as ``nl.large.dark``. What is not said is as the device has it.
"""

from dataclasses import dataclass, replace

from sqlalchemy import bindparam, update

from app.db.database import Transaction
from app.db.statements import hot
from app.identity.tables import account

CHOICES = {
    "language": ("nl", "en"),
    "size": ("large",),
    "contrast": ("more",),
    "scheme": ("light", "dark"),
}
"""What can be said of each thing; empty is as the device has it."""

_OF_WORD = {word: name for name, words in CHOICES.items() for word in words}
_KEEP = hot(update(account).where(account.c.account_id == bindparam("which")).values(display=bindparam("new")))


@dataclass(frozen=True, slots=True)
class Display:
    """What somebody chose; empty is as the device has it."""

    language: str = ""
    size: str = ""
    contrast: str = ""
    scheme: str = ""

    @classmethod
    def of(cls, text: str) -> "Display":
        """Return what the words of ``text`` say; a word that is not known says nothing."""
        return cls(**{_OF_WORD[word]: word for word in text.split(".") if word in _OF_WORD})

    def with_choices(self, chosen: dict[str, str]) -> "Display":
        """Return this with what was chosen anew; an answer that is not known is as the device has it."""
        known = {
            name: chosen[name] if chosen[name] in words else "" for name, words in CHOICES.items() if name in chosen
        }
        return replace(self, **known)

    @property
    def text(self) -> str:
        """Return it as it is kept."""
        return ".".join(word for word in (self.language, self.size, self.contrast, self.scheme) if word)


AS_DEVICE = Display()
"""Of who chose nothing."""


async def keep(transaction: Transaction, account_id: str, display: Display) -> None:
    """Keep with an account how its person wants to see the pages."""
    await transaction.run(_KEEP, {"which": account_id, "new": display.text})
