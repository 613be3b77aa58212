"""The pages of the door: logging in, how somebody logs in, and what they let apps do."""

from fastapi import APIRouter

from app.portal import (
    apps,
    authorize,
    forgotten,
    login,
    login_changes,
    login_settings,
    mail_address,
    passkeys,
    providers,
)
from app.portal.session import LoginParts


def routers(parts: LoginParts) -> list[APIRouter]:
    """Return the routes of these pages, one router for each."""
    return [
        login.router(parts),
        passkeys.router(parts),
        login_settings.router(parts),
        mail_address.router(parts),
        forgotten.router(parts),
        providers.router(parts),
        login_changes.router(parts),
        authorize.router(parts),
        apps.router(parts),
    ]
