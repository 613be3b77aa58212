"""What one audit event says: the fields of NEN 7513, as one flat value."""

import msgspec

from app.db.packed import Packed
from app.web.tracing import Trace

__all__ = ["PURPOSES", "Event", "Trace", "pack", "unpack"]

_packed = Packed(2)
pack = _packed.pack
"""Return the bytes of an event as its row has them; the chain is over the bytes as they were."""

unpack = _packed.unpack
"""Return the bytes of an event from its row."""

PURPOSES = {
    "person": "PATRQT",
    "app": "PATRQT",
    "representative": "FAMRQT",
    "practice": "TREAT",
    "operator": "HSYSADMIN",
}
"""For what each kind of party asks, unless it is said: codes of https://terminology.hl7.org/CodeSystem/v3-ActReason."""


class Event(msgspec.Struct, omit_defaults=True, frozen=True):
    """One thing that somebody did, or was refused.

    ``instant`` is in microseconds UTC, 0 until the log takes the event. ``record_id`` is the record it is about, -1 for
    none. ``action`` is a FHIR interaction (``read``, ``search-type``, ``create``) or one of ``login``, ``logout``,
    ``login-changed``, ``grant``, ``withdraw``, ``token``, ``log``, ``time-zone``. ``outcome`` is ``success`` or
    ``refused``; ``ground`` the grant or rule that allowed it; ``count`` how many resources were shown, written or only counted; that of an ``import-resources`` is of changes, of which ``seq`` is the last.
    ``own_number`` counts the entries about the record from 1; ``own_previous`` and ``own_hash`` are the number in the chain
    and the hash of the one before it about the same record. The log fills them in.

    ``role`` is in which role somebody acts, empty where ``kind`` says it; ``organisation`` the name of theirs;
    ``on_behalf_of`` the name of whom they represent; ``assurance`` how sure it is who they are; ``purpose`` a code of
    v3-ActReason, filled in by the log if it is empty. What each is in NEN 7513 and in an AuditEvent is in docs/audit.md.
    """

    action: str
    record_id: int = -1
    outcome: str = "success"
    status: int = 0
    kind: str = ""
    actor: str = ""
    display: str = ""
    client: str = ""
    role: str = ""
    organisation: str = ""
    on_behalf_of: str = ""
    assurance: str = ""
    purpose: str = ""
    ground: str = ""
    release: str = ""
    resource_type: str = ""
    resource_id: str = ""
    seq: int = 0
    count: int = 0
    detail: str = ""
    request_id: str = ""
    medmij_request_id: str = ""
    correlation_id: str = ""
    address: str = ""
    instant: int = 0
    own_number: int = 0
    own_previous: int = 0
    own_hash: str = ""
