"""What may be a redirect URI, or the URI at which the portal opens an app, and which is a registered one; pure.

Specs: https://www.rfc-editor.org/rfc/rfc6749#section-3.1.2, https://www.rfc-editor.org/rfc/rfc8252#section-7
"""

import re
from collections.abc import Collection
from ipaddress import ip_address
from urllib.parse import urlsplit

from app.errors import BadRequestError

# The characters of RFC 3986 without the fragment's mark, quotes and the wildcard; the host ends up in a header.
_PLAIN = re.compile(r"[A-Za-z0-9._~:/?\[\]@!$&()+,;=%-]+")
_PLAIN_HOST = re.compile(r"[A-Za-z0-9.:\[\]-]*")
_LOOPBACK_IP = re.compile(r"(http://(?:127\.0\.0\.1|\[::1\]))(?::[0-9]{1,5})?(/.*)?")


def check_redirect_uri(redirect_uri: str) -> None:
    """Refuse what could send a code to someone else: no fragment, https, or the device itself, or an app's own scheme."""
    try:
        parts = urlsplit(redirect_uri)
        host = parts.hostname
    except ValueError as error:
        raise BadRequestError("A redirect URI is not a URI.") from error
    own_scheme = "." in parts.scheme  # RFC 8252 section 7.1: a reversed domain name, such as nl.example.app:/done
    secure = parts.scheme == "https" and bool(host)
    if not _PLAIN.fullmatch(redirect_uri) or not _PLAIN_HOST.fullmatch(parts.netloc):
        raise BadRequestError("A redirect URI is plain ASCII without fragment, wildcard and user name.")
    if not (secure or own_scheme or (parts.scheme == "http" and _is_loopback(host))):
        raise BadRequestError("A redirect URI starts with https, an app's own scheme, or http://127.0.0.1.")


def is_registered(redirect_uri: str, registered: Collection[str]) -> bool:
    """Return whether this is exactly one of the ``registered`` ones, but for the port at an IP address of the device.

    An app on a computer takes whichever port is free (RFC 8252 section 7.3).
    """
    if redirect_uri in registered:
        return True
    given = _LOOPBACK_IP.fullmatch(redirect_uri)
    known = [_LOOPBACK_IP.fullmatch(uri) for uri in registered]
    return given is not None and any(one is not None and one.groups() == given.groups() for one in known)


def _is_loopback(host: str | None) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host or "").is_loopback
    except ValueError:
        return False
