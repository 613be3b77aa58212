"""Who may give, change or withdraw access in the name of a person, and who may ask for it; pure.

An app that a person uses may do so only where its token says so by name, and gives nothing that it was not given itself: what
was granted to an app can't be made larger by that app, and an app that a representative connected gives nothing at all. A representative may do so if that is among their powers, and gives
no more, and for no longer, than they have. Who represents somebody is for that person alone, or for the law.
"""

from datetime import datetime

from app.access.categories import Category
from app.access.grant import Grant, Grantee
from app.access.representation import Power, may_agree
from app.access.requester import Requester, RequesterKind
from app.access.scope import AccessScope, RecordAccess
from app.access.smart_scope import Action, SmartScopes
from app.access.staff import StaffRole
from app.errors import AccessDeniedError, InsufficientScopeError

CONSENT = "Consent"


def names_consent(scopes: SmartScopes, action: Action) -> bool:
    """Return whether a token says by name that its holder may do this with a grant; a wildcard does not say so."""
    return any(one.resource_type == CONSENT and action & one.actions for one in scopes.scopes)


def may_decide(requester: Requester, action: Action, scope: AccessScope) -> RecordAccess:
    """Return the access on which ``requester`` may create, update or delete a grant of the record they are about.

    ``scope`` is what policy decided for ``action`` on a Consent. Raises: AccessDeniedError.
    """
    access = None if requester.record_id is None else scope.of(requester.record_id)
    if not requester.has_one_record or access is None:
        message = "Access to a record is given by its person."
        raise AccessDeniedError(message)
    if requester.kind is RequesterKind.REPRESENTATIVE:
        if Power.GIVE not in access.powers:
            message = "To give access is not among what was allowed."
            raise AccessDeniedError(message)
        return access
    if requester.kind is RequesterKind.APP and not all(names_consent(requester.scopes, one) for one in action):
        message = "To give access an app needs a scope that names Consent, such as patient/Consent.crud."
        raise AccessDeniedError(message)
    if not access.covers(CONSENT, int(Category.PERSONAL_DETAILS)):
        message = "What was granted does not include this kind of Consent."
        raise AccessDeniedError(message)
    return access


def check_given(
    requester: Requester, own: Grant | None, grantee: Grantee, categories: Category, actions: Action, until: datetime
) -> None:
    """Do nothing if ``requester`` may let ``grantee`` have this; ``own`` is the grant that they themselves rest on.

    Raises: AccessDeniedError.
    """
    if requester.kind not in (RequesterKind.APP, RequesterKind.REPRESENTATIVE):
        return
    may_get = (Grantee.PRACTICE, Grantee.APP) if requester.kind is RequesterKind.REPRESENTATIVE else (Grantee.PRACTICE,)
    if grantee not in may_get:
        message = "This is given by the person alone."
        raise AccessDeniedError(message)
    _refuse_app_of_another(requester, own)
    if own is None or categories & ~own.categories or actions & ~own.actions:
        message = "Nobody can give more than they were given."
        raise AccessDeniedError(message)
    if own.mandate is None:
        return
    if until > own.ends_at:
        message = "Nobody can give access for longer than they have it."
        raise AccessDeniedError(message)
    if Category.SENSITIVE in categories and not own.mandate.capacity.is_by_law:
        message = "What is sensitive is given by the person alone."
        raise AccessDeniedError(message)


def check_agreed(requester: Requester, grant: Grant, now: datetime) -> None:
    """Do nothing if ``requester`` is the child whose yes a parent needs, and of the age to give it. Raises: AccessDeniedError."""
    if requester.kind is not RequesterKind.PERSON or grant.mandate is None or not may_agree(grant.mandate, now):
        message = "This yes is for a child of 12 to 15 to give."
        raise AccessDeniedError(message)


def check_changed(requester: Requester, own: Grant | None, grant: Grant) -> None:
    """Do nothing if ``requester`` may change or withdraw ``grant``; ``own`` is the grant that they themselves rest on.

    A representation is ended by its person if it rests on what they allowed; a representative who does not act by law has
    only what they gave themselves in hand.
    Raises: AccessDeniedError.
    """
    if grant.mandate is not None and (requester.kind is not RequesterKind.PERSON or grant.mandate.capacity.is_by_law):
        message = "Who acts for somebody is for that person to say, or for the law."
        raise AccessDeniedError(message)
    _refuse_app_of_another(requester, own)
    if requester.kind is not RequesterKind.REPRESENTATIVE:
        return
    is_by_law = own is not None and own.mandate is not None and own.mandate.capacity.is_by_law
    if not is_by_law and grant.rests_on != requester.grant_id:
        message = "This access was given by somebody else."
        raise AccessDeniedError(message)


def _refuse_app_of_another(requester: Requester, own: Grant | None) -> None:
    """Refuse an app that who represents somebody connected: what it gave would not end with the representation."""
    if requester.kind is RequesterKind.APP and own is not None and own.rests_on is not None:
        raise AccessDeniedError("An app of who represents somebody gives nobody access.")


def may_ask(requester: Requester, action: Action) -> str:
    """Return the practice for which ``requester`` may ask people for access (create) or see what it asked for (read).

    To ask opens nothing, so that no grant is needed for it. Raises: AccessDeniedError.
    """
    if requester.kind is not RequesterKind.PRACTICE or requester.practice_id is None:
        message = "Only a practice asks for access like this; an app does by OAuth."
        raise AccessDeniedError(message)
    if requester.staff_role is StaffRole.NONE:
        message = "To ask for access somebody needs a role in care."
        raise AccessDeniedError(message)
    types = requester.scopes.types_for(action)
    if types is not None and CONSENT not in types:
        message = f"The token's scope does not allow this on {CONSENT}."
        raise InsufficientScopeError(message)
    return requester.practice_id
