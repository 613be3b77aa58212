"""CORS: browser apps of any origin may use FHIR, the token endpoint and discovery; no cookie takes part in those.

Spec: https://hl7.org/fhir/smart-app-launch/STU2.2/app-launch.html#considerations-for-cross-origin-resource-sharing-cors-support
"""

ALLOWED_METHODS = b"GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"
ALLOWED_HEADERS = (
    b"Accept, Authorization, Content-Type, DPoP, Idempotency-Key, If-Match, If-Modified-Since, If-None-Exist, If-None-Match, "
    b"MedMij-Request-ID, Prefer, X-Correlation-ID, X-Request-ID, X-Security-Context"
)
EXPOSED_HEADERS = (
    b"Content-Location, DPoP-Nonce, ETag, Idempotency-Replayed, Last-Modified, Location, Regie-Seq, WWW-Authenticate, "
    b"X-Correlation-ID, X-Request-ID"
)
ANSWER = [(b"access-control-allow-origin", b"*"), (b"access-control-expose-headers", EXPOSED_HEADERS)]
PREFLIGHT = [
    (b"access-control-allow-methods", ALLOWED_METHODS),
    (b"access-control-allow-headers", ALLOWED_HEADERS),
    (b"access-control-max-age", b"3600"),
]
"""Beside ``ANSWER``: a browser takes no answer in which a header of these comes twice."""

OPEN_PATHS = frozenset({"/token", "/par", "/revoke", "/introspect", "/register", "/userinfo", "/jwks"})


def is_open(path: str) -> bool:
    """Return whether a page of another origin may ask here, beside FHIR."""
    return path in OPEN_PATHS or path.startswith(("/.well-known/", "/register/"))
