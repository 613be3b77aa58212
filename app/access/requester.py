"""Who asks: made from a token or from a portal session, before anything is looked up."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from app.access.smart_scope import SmartScopes
from app.access.staff import StaffRole


class RequesterKind(StrEnum):
    """How a requester comes to the record."""

    PERSON = "person"
    APP = "app"
    REPRESENTATIVE = "representative"
    PRACTICE = "practice"
    OPERATOR = "operator"


@dataclass(frozen=True, slots=True)
class Requester:
    """One party that asks for something.

    ``record_id``: the one record it is about, for PERSON, APP and REPRESENTATIVE. ``practice_id``: for PRACTICE. ``client_id``: the OAuth
    client, empty for the portal and for tokens made on the machine. ``grant_id``: the grant that an APP or
    a REPRESENTATIVE rests on. ``actor``: who it is in the log (``person``, ``app:<client_id>``,
    ``representative:<account_id>``, ``practice:<practice_id>``, with ``:<account_id>`` behind it for one of its people,
    ``operator``), and
    ``display`` how people read it. ``both_releases``: a client for which both FHIR releases are read unless it says otherwise.
    ``bound_to``: the key or certificate that has to be shown with the token, empty for none.
    ``token_hash``: which token it is, from which all the rest follows, and ``good_until`` (UTC) the first instant at which it is
    over; empty and None without a token.
    ``role``: in which role they act, empty where the kind says it; ``organisation``: the name of theirs;
    ``on_behalf_of``: the name of whom they represent; ``assurance``: how sure it is who they are;
    ``staff_id`` and ``staff_role``: which of the people of a practice it is, and as what; empty and None for its systems;
    ``only_record``: of a practice: the one person that they look at now, None for all who granted it something.
    """

    kind: RequesterKind
    actor: str
    display: str
    scopes: SmartScopes
    record_id: int | None = None
    practice_id: str | None = None
    client_id: str = ""
    grant_id: str | None = None
    token_id: str = ""
    both_releases: bool = False
    bound_to: str = ""
    token_hash: str = ""
    good_until: datetime | None = None
    role: str = ""
    organisation: str = ""
    on_behalf_of: str = ""
    assurance: str = ""
    staff_id: str = ""
    staff_role: StaffRole | None = None
    only_record: int | None = None

    @property
    def has_one_record(self) -> bool:
        """Return whether all it does is in one record: the person, and who acts for the person."""
        return self.kind in (RequesterKind.PERSON, RequesterKind.APP, RequesterKind.REPRESENTATIVE)

    @property
    def lane(self) -> int | None:
        """Return the record that all its writes keep to, None where there may be others."""
        return self.record_id if self.has_one_record else None
