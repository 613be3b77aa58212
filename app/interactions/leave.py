"""Leave to give, change and withdraw access, asked inside the transaction that does it: by the pages and by Consents alike."""

from dataclasses import dataclass
from datetime import datetime

from app.access.categories import Category
from app.access.giving import CONSENT, check_agreed, check_changed, check_given, may_decide
from app.access.grant import Grant, Grantee
from app.access.policy import Wish
from app.access.requester import Requester, RequesterKind
from app.access.scope import RecordAccess
from app.access.smart_scope import Action
from app.consent import grants
from app.db.database import Transaction
from app.fhir.dates import microseconds
from app.interactions.gate import Decide
from app.interactions.repeat import earlier, keep, request_hash


@dataclass(frozen=True, slots=True)
class Leave:
    """What one requester may do with the grants of the record they are about; each method raises AccessDeniedError."""

    transaction: Transaction
    requester: Requester
    decide: Decide
    now: datetime

    async def to(self, action: Action) -> RecordAccess:
        """Return the access on which the requester may do this with a grant.

        For a representative that is a power of its own, which who may only look at the record can have.
        """
        asked = Action.READ if self.requester.kind is RequesterKind.REPRESENTATIVE else action
        return may_decide(self.requester, action, await self.decide(Wish(asked, CONSENT)))

    async def to_give(self, grantee: Grantee, categories: Category, actions: Action, until: datetime) -> None:
        """Do nothing if the requester may let ``grantee`` have this."""
        check_given(self.requester, await self._own(), grantee, categories, actions, until)

    async def to_change(self, grant: Grant) -> None:
        """Do nothing if the requester may change or withdraw this grant."""
        check_changed(self.requester, await self._own(), grant)

    async def to_agree(self, grant: Grant) -> None:
        """Do nothing if the requester is the child whose yes this representation needs."""
        check_agreed(self.requester, grant, self.now)

    async def is_first(self, key: str, *said: str) -> bool:
        """Return whether this was not done before under this key; from now on it is.

        Raises: DuplicateError, when something else was ``said`` then; BadRequestError, for a key that is too long.
        """
        digest = request_hash(*said)
        if await earlier(self.transaction, self.requester, key, digest, self.decide) is not None:
            return False
        await keep(self.transaction, self.requester, key, digest, microseconds(self.now), [])
        return True

    @property
    def rests_on(self) -> str | None:
        """Return the grant that what is given rests on; None for what the person gives, themselves or by an app."""
        return self.requester.grant_id if self.requester.kind is RequesterKind.REPRESENTATIVE else None

    async def _own(self) -> Grant | None:
        """Return the grant that the requester rests on, None for the person."""
        found = await grants.candidates(self.transaction, self.requester, self.now)
        return found[0] if found else None
