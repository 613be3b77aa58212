"""How a client proves who it is, as its registration says: nothing, a signed assertion, or a certificate; pure.

Specs: https://www.rfc-editor.org/rfc/rfc7591#section-2, https://www.rfc-editor.org/rfc/rfc8705#section-2.1.2
"""

from ipaddress import ip_address

from cryptography import x509

from app.errors import BadRequestError

NOTHING = "none"
ASSERTION = "private_key_jwt"
BY_NAME, SELF_SIGNED = "tls_client_auth", "self_signed_tls_client_auth"
SUBJECT = "tls_client_auth_subject_dn"
NAMES = (
    SUBJECT,
    "tls_client_auth_san_dns",
    "tls_client_auth_san_uri",
    "tls_client_auth_san_ip",
    "tls_client_auth_san_email",
)
"""What of a certificate bears the name of a client: one of these."""

CONFIDENTIAL = [ASSERTION, SELF_SIGNED, BY_NAME]
METHODS = (NOTHING, *CONFIDENTIAL)
_NAME_LENGTH_MAX = 1000


def check_name(kind: str, name: str) -> None:
    """Refuse what can be no name in a certificate. Raises: BadRequestError."""
    if kind not in NAMES or not 0 < len(name) <= _NAME_LENGTH_MAX:
        raise BadRequestError(f"A certificate is known by one of {', '.join(NAMES)}.")
    try:
        if kind == SUBJECT:
            x509.Name.from_rfc4514_string(name)
        if kind == "tls_client_auth_san_ip":
            ip_address(name)
    except ValueError as error:
        raise BadRequestError(f"This is no {kind}.") from error
