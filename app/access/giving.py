"""Who may give, change or withdraw access in the name of a person; pure.

An app that a person uses may do so only where its token says so by name, and gives nothing that it was not given itself: what
was granted to an app can't be made larger by that app.
"""

from app.access.categories import Category
from app.access.grant import Grant, Grantee
from app.access.requester import Requester, RequesterKind
from app.access.scope import AccessScope, RecordAccess
from app.access.smart_scope import Action, SmartScopes
from app.errors import AccessDeniedError

CONSENT = "Consent"


def names_consent(scopes: SmartScopes, action: Action) -> bool:
    """Return whether a token says by name that its holder may do this with a grant; a wildcard does not say so."""
    return any(one.resource_type == CONSENT and action & one.actions for one in scopes.scopes)


def may_decide(requester: Requester, action: Action, scope: AccessScope) -> RecordAccess:
    """Return the access on which ``requester`` may create, update or delete a grant of their own record.

    ``scope`` is what policy decided for ``action`` on a Consent. Raises: AccessDeniedError.
    """
    access = None if requester.record_id is None else scope.of(requester.record_id)
    if requester.kind not in (RequesterKind.PERSON, RequesterKind.APP) or access is None:
        message = "Access to a record is given by its person."
        raise AccessDeniedError(message)
    if requester.kind is RequesterKind.APP and not all(names_consent(requester.scopes, one) for one in action):
        message = "To give access an app needs a scope that names Consent, such as patient/Consent.crud."
        raise AccessDeniedError(message)
    if not access.covers(CONSENT, int(Category.PERSONAL_DETAILS)):
        message = "What was granted does not include this kind of Consent."
        raise AccessDeniedError(message)
    return access


def check_given(
    requester: Requester, own: Grant | None, grantee: Grantee, categories: Category, actions: Action
) -> None:
    """Do nothing if ``requester`` may let ``grantee`` have this; ``own`` is the grant that an app itself rests on.

    Raises: AccessDeniedError.
    """
    if requester.kind is not RequesterKind.APP:
        return
    if grantee is Grantee.APP:
        message = "What an app may do is given to it by the person alone."
        raise AccessDeniedError(message)
    if own is None or categories & ~own.categories or actions & ~own.actions:
        message = "An app can't give more than it was given."
        raise AccessDeniedError(message)
