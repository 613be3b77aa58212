"""What clients read to find their way: OAuth, OpenID Connect and SMART discovery documents.

Specs: https://www.rfc-editor.org/rfc/rfc8414, https://openid.net/specs/openid-connect-discovery-1_0.html,
https://hl7.org/fhir/smart-app-launch/STU2.2/conformance.html
"""

from collections.abc import Sequence
from typing import Any

from app.oauth.assertions import ALGORITHMS
from app.oauth.dpop import ALGORITHMS as PROOF_ALGORITHMS
from app.oauth.openid import CLAIMS
from app.oauth.proofs_of_clients import NOTHING, SELF_SIGNED
from app.oauth.signing import ALGORITHM, FAPI_ALGORITHM
from app.oauth.smart_scopes import LAUNCH

SCOPES_SUPPORTED = (*sorted(LAUNCH), "patient/*.cruds", "patient/*.rs", "user/*.cruds", "user/*.rs", "system/*.cruds")


def authorization_server(issuer: str, auth_methods: Sequence[str]) -> dict[str, Any]:
    """Return the document at ``/.well-known/oauth-authorization-server`` and ``/.well-known/openid-configuration``.

    ``auth_methods`` are those by which clients may prove themselves here.
    """
    confidential = [method for method in auth_methods if method != NOTHING]
    return {
        "issuer": issuer,
        "authorization_endpoint": f"{issuer}/authorize",
        "token_endpoint": f"{issuer}/token",
        "pushed_authorization_request_endpoint": f"{issuer}/par",
        "require_pushed_authorization_requests": False,
        "revocation_endpoint": f"{issuer}/revoke",
        "introspection_endpoint": f"{issuer}/introspect",
        "registration_endpoint": f"{issuer}/register",
        "userinfo_endpoint": f"{issuer}/userinfo",
        "jwks_uri": f"{issuer}/jwks",
        "scopes_supported": list(SCOPES_SUPPORTED),
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": ["authorization_code", "refresh_token", "client_credentials"],
        "code_challenge_methods_supported": ["S256"],
        "token_endpoint_auth_methods_supported": list(auth_methods),
        "token_endpoint_auth_signing_alg_values_supported": ALGORITHMS,
        "revocation_endpoint_auth_methods_supported": list(auth_methods),
        "revocation_endpoint_auth_signing_alg_values_supported": ALGORITHMS,
        "introspection_endpoint_auth_methods_supported": confidential,
        "introspection_endpoint_auth_signing_alg_values_supported": ALGORITHMS,
        "tls_client_certificate_bound_access_tokens": SELF_SIGNED in auth_methods,
        "dpop_signing_alg_values_supported": PROOF_ALGORITHMS,
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": [ALGORITHM, FAPI_ALGORITHM],
        "claims_supported": list(CLAIMS),
        "claims_parameter_supported": False,
        "request_parameter_supported": False,
        "request_uri_parameter_supported": False,
        "authorization_response_iss_parameter_supported": True,
    }


def smart_configuration(issuer: str, auth_methods: Sequence[str]) -> dict[str, Any]:
    """Return the document at ``.well-known/smart-configuration``, at the root and below each FHIR base."""
    return {
        **authorization_server(issuer, auth_methods),
        "management_endpoint": f"{issuer}/access",
        "capabilities": [
            "authorize-post",
            "launch-ehr",
            "launch-standalone",
            "context-ehr-patient",
            "context-standalone-patient",
            "client-public",
            "client-confidential-asymmetric",
            "permission-offline",
            "permission-online",
            "permission-patient",
            "permission-user",
            "permission-v1",
            "permission-v2",
            "sso-openid-connect",
        ],
    }
