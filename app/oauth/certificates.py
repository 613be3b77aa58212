"""Client certificates, as the proxy that ended TLS hands them on: read, and compared with what a client registered.

A client proves itself with a certificate that is among its keys (``self_signed_tls_client_auth``), or with one that bears its
name and that an authority of the settings issued (``tls_client_auth``). That it has the private key is what TLS has shown.

Specs: https://www.rfc-editor.org/rfc/rfc8705#section-2, https://www.rfc-editor.org/rfc/rfc9440
"""

import binascii
from base64 import b64decode, b64encode, urlsafe_b64encode
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from ipaddress import ip_address
from typing import Any
from urllib.parse import unquote

from authlib.oauth2.rfc6749 import InvalidClientError
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.verification import (
    Criticality,
    ExtensionPolicy,
    PolicyBuilder,
    Store,
    VerificationError,
)
from joserfc.jwk import ECKey, Key, KeySet, RSAKey

from app.errors import BadRequestError
from app.oauth.clients import Client
from app.oauth.errors import described
from app.oauth.exchange import Submitted
from app.oauth.proofs_of_clients import BY_NAME, SELF_SIGNED, SUBJECT
from app.oauth.remote_keys import RemoteKeys, UnreachableKeysError

LENGTH_MAX = 16_384


class BadCertificateError(Exception):
    """The certificate can't be read; the text is for who builds the client."""


def read(handed_on: str) -> x509.Certificate:
    """Return the certificate in a proxy's header: as RFC 9440 writes it, or percent-encoded PEM. Raises: BadCertificateError."""
    if len(handed_on) > LENGTH_MAX:
        raise BadCertificateError("The client certificate is too long.")
    try:
        if handed_on.startswith(":"):
            return x509.load_der_x509_certificate(b64decode(handed_on.strip(":"), validate=True))
        return x509.load_pem_x509_certificate(unquote(handed_on).encode())
    except (ValueError, binascii.Error) as error:
        raise BadCertificateError("The client certificate can't be read.") from error


def thumbprint(certificate: x509.Certificate) -> str:
    """Return the ``x5t#S256`` of a certificate."""
    return urlsafe_b64encode(certificate.fingerprint(SHA256())).rstrip(b"=").decode()


def key_with(certificate: x509.Certificate) -> dict[str, Any]:
    """Return the JWK Set of a certificate, as a client registers one that it signed itself. Raises: BadRequestError."""
    found = certificate.public_key()
    if isinstance(found, EllipticCurvePublicKey):
        key: Key = ECKey.import_key(found)
    elif isinstance(found, RSAPublicKey):
        key = RSAKey.import_key(found)
    else:
        raise BadRequestError("The certificate is not one of an EC or RSA key.")
    x5c = [b64encode(certificate.public_bytes(Encoding.DER)).decode()]
    return {"keys": [{**key.as_dict(private=False), "x5c": x5c}]}


class Authorities:
    """Those who may say whose a certificate is; ``pem`` holds their certificates one after the other, empty for none."""

    def __init__(self, pem: bytes) -> None:
        known = x509.load_pem_x509_certificates(pem) if pem else []
        self._store = Store(known) if known else None

    def __bool__(self) -> bool:
        """Return whether there are any."""
        return self._store is not None

    def vouch_for(self, certificate: x509.Certificate, now: datetime) -> bool:
        """Return whether one of them issued the certificate, for clients, and it holds now; revocation is not looked up."""
        if self._store is None:
            return False
        of_clients = ExtensionPolicy.webpki_defaults_ee().may_be_present(
            x509.SubjectAlternativeName, Criticality.AGNOSTIC, None
        )
        policy = (
            PolicyBuilder()
            .store(self._store)
            .time(now)
            .extension_policies(ca_policy=ExtensionPolicy.webpki_defaults_ca(), ee_policy=of_clients)
        )
        try:
            policy.build_client_verifier().verify(certificate, [])
        except VerificationError:
            return False
        return True


NOBODY = Authorities(b"")


class CertificateProofs:
    """The client authentication methods with a certificate; ``certificate_of`` gives what the proxy handed on, empty for none."""

    def __init__(
        self,
        certificate_of: Callable[[Submitted], str],
        authorities: Authorities,
        remote_keys: RemoteKeys,
        clock: Callable[[], datetime],
    ) -> None:
        self._certificate_of = certificate_of
        self._authorities = authorities
        self._remote_keys = remote_keys
        self._clock = clock

    def self_signed(self, query_client: Callable[[str], Client | None], request: Submitted) -> Client | None:
        """Return the client of the request if its certificate is one of those that the client registered."""
        client, certificate = self._shown(SELF_SIGNED, query_client, request)
        if client is None or certificate is None:
            return None
        try:
            if client.jwks_uri is not None:
                keys = self._remote_keys.keys(client.jwks_uri, None)
            else:
                keys = KeySet.import_key_set(client.key_set)
        except UnreachableKeysError as error:
            raise InvalidClientError(described(str(error))) from error
        der = b64encode(certificate.public_bytes(Encoding.DER)).decode()
        return client if any(key.as_dict(private=False).get("x5c", [None])[:1] == [der] for key in keys.keys) else None

    def by_name(self, query_client: Callable[[str], Client | None], request: Submitted) -> Client | None:
        """Return the client of the request if its certificate bears the client's name, and an authority vouches for it."""
        client, certificate = self._shown(BY_NAME, query_client, request)
        if client is None or certificate is None or client.certificate_name is None:
            return None
        is_named = has_name(certificate, *client.certificate_name)
        return client if is_named and self._authorities.vouch_for(certificate, self._clock()) else None

    def _shown(
        self, method: str, query_client: Callable[[str], Client | None], request: Submitted
    ) -> tuple[Client | None, x509.Certificate | None]:
        """Return the client that has to prove itself by this method, with the certificate that came along."""
        handed_on = self._certificate_of(request)
        client = query_client(request.payload.client_id or "") if handed_on else None
        if client is None or client.auth_method != method:
            return None, None
        try:
            return client, read(handed_on)
        except BadCertificateError as error:
            raise InvalidClientError(described(str(error))) from error


def has_name(certificate: x509.Certificate, kind: str, name: str) -> bool:
    """Return whether a certificate bears a name of this kind (``tls_client_auth_san_dns`` and the like)."""
    if kind == SUBJECT:
        return certificate.subject == x509.Name.from_rfc4514_string(name)
    with suppress(x509.ExtensionNotFound, ValueError):
        found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        if kind == "tls_client_auth_san_ip":
            return ip_address(name) in found.get_values_for_type(x509.IPAddress)
        if kind == "tls_client_auth_san_dns":
            return name.lower() in [one.lower() for one in found.get_values_for_type(x509.DNSName)]
        sort = x509.UniformResourceIdentifier if kind == "tls_client_auth_san_uri" else x509.RFC822Name
        return name in found.get_values_for_type(sort)
    return False
