"""What is at rest about a requester: that they are who they were, and the grants that they rest on.

It says nothing of time, so that it may be remembered for as long as none of it is changed (``db/remembered.py``). Whether a
token or a grant is over is asked of the clock with each use.
"""

from collections.abc import Awaitable, Callable
from datetime import datetime

from app.access.grant import Grant
from app.access.policy import Wish, decide
from app.access.requester import Requester
from app.access.scope import AccessScope
from app.consent.grants import candidates
from app.db.database import Reader
from app.errors import AccessDeniedError, AuthenticationError
from app.identity import staff
from app.store.changes import record_exists
from app.store.visible import with_rows

TokenLookup = Callable[[Reader, str], Awaitable[Requester | None]]
"""Whom the token with a hash stands for, None when it was revoked."""

_WISHES_MAX = 50
_DECIDED_MAX = 20_000
"""Records in all that the decisions of one requester are kept about."""


class Standing:
    """One requester's; ``is_staff`` is false for who belonged to a practice and does no more, or in another role."""

    __slots__ = ("_decided", "grants", "is_staff")

    def __init__(self, grants: list[Grant], *, is_staff: bool) -> None:
        self.grants = grants
        self.is_staff = is_staff
        self._decided: dict[Wish, tuple[bytes, AccessScope]] = {}

    @property
    def weight(self) -> int:
        """How much memory it takes, with what was decided from it, in some hundred bytes."""
        return 4 + 4 * len(self.grants)

    def scope(self, requester: Requester, wish: Wish, now: datetime, index_key: bytes) -> AccessScope:
        """Return what policy decides at ``now``: the same as before, while the same grants are in force. Raises: AccessDeniedError."""
        if not self.is_staff:
            raise AccessDeniedError("This login is not for this practice any more.")
        in_force = bytes([grant.is_in_force(now) for grant in self.grants])
        decided = self._decided.get(wish)
        if decided is not None and decided[0] == in_force:
            return decided[1]
        scope = with_rows(decide(requester, wish, self.grants, now), index_key)
        # Mostly the same for all types: kept once, a requester takes a tenth of the memory.
        scope = next((kept for _, kept in self._decided.values() if kept == scope), scope)
        if len(self._decided) < min(_WISHES_MAX, 1 + _DECIDED_MAX // (1 + len(self.grants))):
            self._decided[wish] = (in_force, scope)
        return scope


async def read_standing(reader: Reader, requester: Requester, now: datetime, of_token: TokenLookup) -> Standing:
    """Return what there is at rest. Raises: AuthenticationError, if the token was revoked or the requester's record erased."""
    if requester.token_hash and await of_token(reader, requester.token_hash) is None:
        raise AuthenticationError("A valid access token is needed: Authorization: Bearer [token].")
    if requester.record_id is not None and not await record_exists(reader, requester.record_id):
        raise AuthenticationError("The record was erased.")
    grants = await candidates(reader, requester, now)
    return Standing(grants, is_staff=await _is_staff(reader, requester))


async def _is_staff(reader: Reader, requester: Requester) -> bool:
    """Return whether a practice's own is still that, in the same role; true for everybody else."""
    if not requester.staff_id:
        return True
    member = await staff.present(reader, requester.staff_id)
    return (
        member is not None
        and member.practice_id == requester.practice_id
        and member.described.role is requester.staff_role
    )
