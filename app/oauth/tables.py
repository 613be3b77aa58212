"""Tables of the authorization server; instants are microseconds since 1970 UTC, codes and tokens are kept as hashes."""

from sqlalchemy import BigInteger, Boolean, Column, Index, Integer, LargeBinary, Table, Text, false, text

from app.db.metadata import metadata

client = Table(
    "client",
    metadata,
    Column("client_id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("owner", Text, nullable=False),
    Column("redirect_uris", Text, nullable=False),
    # Where the portal sends a person who opens it from there.
    Column("launch_uri", Text),
    Column("scope", Text, nullable=False),
    Column("is_public", Boolean, nullable=False),
    Column("jwks", Text),
    Column("jwks_uri", Text),
    Column("practice_id", Text),
    Column("created_at", BigInteger, nullable=False),
    # Whether it reads both FHIR releases unless it says otherwise.
    Column("both_releases", Boolean, nullable=False, server_default=false()),
    # Whether its authorization requests have to be pushed first.
    Column("requires_par", Boolean, nullable=False, server_default=false()),
    # Whether it is held to the FAPI 2.0 Security Profile.
    Column("is_fapi", Boolean, nullable=False, server_default=false()),
    # The client authentication method with a certificate; by name: that kind of name, "=", and the name.
    Column("certificate", Text),
    # The token with which it looks after its registration.
    Column("registration_hash", Text),
    # The FHIR releases in which the portal may open it, separated by spaces.
    Column("launch_releases", Text, nullable=False, server_default="r4"),
    Column("ended_at", BigInteger),
)

authorization_code = Table(
    "authorization_code",
    metadata,
    Column("code_hash", Text, primary_key=True),
    Column("family_id", Text, nullable=False),
    Column("client_id", Text, nullable=False),
    Column("record_id", BigInteger, nullable=False),
    Column("grant_id", Text, nullable=False),
    Column("redirect_uri", Text, nullable=False),
    Column("scope", Text, nullable=False),
    Column("code_challenge", Text, nullable=False),
    Column("fhir_release", Integer),
    Column("expires_at", BigInteger, nullable=False),
    Column("used_at", BigInteger),
    # What the client wants to find in the id_token, if it asked for one.
    Column("nonce", Text),
    # The login that its tokens end with (online_access).
    Column("session_id", Text),
    # The key or certificate that its tokens are bound to.
    Column("binding", Text),
    # When the person showed a factor, if the client asked.
    Column("auth_time", BigInteger),
    Index(None, "expires_at"),
)

token = Table(
    "token",
    metadata,
    Column("token_hash", Text, primary_key=True),
    # All tokens that came from one authorization share a family; reuse of an old one ends the whole family.
    Column("family_id", Text, nullable=False),
    Column("is_refresh", Boolean, nullable=False),
    Column("requester_kind", Text, nullable=False),
    Column("display", Text, nullable=False),
    Column("client_id", Text, nullable=False),
    Column("record_id", BigInteger),
    Column("practice_id", Text),
    Column("grant_id", Text),
    Column("scope", Text, nullable=False),
    Column("fhir_release", Integer),
    Column("issued_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger, nullable=False),
    Column("used_at", BigInteger),
    Column("revoked_at", BigInteger),
    Column("session_id", Text),
    Column("binding", Text),
    # Who acts for whom, if not the person.
    Column("account_id", Text),
    Column("on_behalf_of", Text, nullable=False, server_default=text("''")),
    Index(None, "family_id"),
    Index(None, "grant_id"),
    Index(None, "expires_at"),
)

used_assertion = Table(
    "used_assertion",
    metadata,
    Column("client_id", Text, primary_key=True),
    Column("jti_hash", Text, primary_key=True),
    Column("expires_at", BigInteger, nullable=False),
    Index(None, "expires_at"),
)

signing_key = Table(
    "signing_key",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("private_key", LargeBinary, nullable=False),
    Column("published_at", BigInteger, nullable=False),
    Column("signs_from", BigInteger, nullable=False),
)

pushed_request = Table(
    "pushed_request",
    metadata,
    Column("request_hash", Text, primary_key=True),
    Column("client_id", Text, nullable=False),
    Column("parameters", Text, nullable=False),
    Column("expires_at", BigInteger, nullable=False),
    Column("opened_at", BigInteger),
    Index(None, "expires_at"),
)

launch = Table(
    "launch",
    metadata,
    Column("launch_hash", Text, primary_key=True),
    Column("client_id", Text, nullable=False),
    Column("record_id", BigInteger, nullable=False),
    Column("session_id", Text, nullable=False),
    Column("expires_at", BigInteger, nullable=False),
    Index(None, "expires_at"),
)

invitation = Table(
    "invitation",
    metadata,
    Column("invitation_hash", Text, primary_key=True),
    Column("scope", Text, nullable=False),
    Column("practice_id", Text),
    Column("expires_at", BigInteger, nullable=False),
)
