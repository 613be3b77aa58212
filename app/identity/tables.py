"""Tables of people who log in, and of practices; instants are microseconds since 1970 UTC."""

from sqlalchemy import BigInteger, Boolean, Column, Index, Integer, LargeBinary, Table, Text, text

from app.db.erasure import APART
from app.db.metadata import metadata

account = Table(
    "account",
    metadata,
    Column("account_id", Text, primary_key=True),
    Column("login", Text, nullable=False, unique=True),
    Column("password_hash", Text, nullable=False),
    Column("totp_secret", LargeBinary, nullable=False),
    Column("totp_last_step", BigInteger, nullable=False),
    Column("record_id", BigInteger),  # None: a login for work, see staff
    Column("name", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("mail", Text),
    Column("display", Text, nullable=False, server_default=text("''")),
    Column("seen_at", BigInteger),  # None: never yet
    Index(None, "record_id"),
)

staff = Table(
    "staff",
    metadata,
    Column("account_id", Text, primary_key=True),
    Column("practice_id", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("role", Text, nullable=False),
    Column("registration", Text, nullable=False),
    Column("is_administrator", Boolean, nullable=False),
    Column("invited_at", BigInteger, nullable=False),
    Column("invited_by", Text, nullable=False),
    Column("ended_at", BigInteger),
    Index(None, "practice_id"),
    info={APART: "who left a practice is named in the log of those they looked at"},
)

staff_look = Table(
    "staff_look",
    metadata,
    Column("record_id", BigInteger, primary_key=True, autoincrement=False),
    Column("account_id", Text, primary_key=True),
    Column("seq", BigInteger, nullable=False),
    Column("seen_at", BigInteger, nullable=False),
    Index(None, "account_id"),
)
"""Up to which change of a record somebody of a practice said that they saw it."""

staff_invitation = Table(
    "staff_invitation",
    metadata,
    Column("token_hash", Text, primary_key=True),
    Column("practice_id", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("role", Text, nullable=False),
    Column("registration", Text, nullable=False),
    Column("is_administrator", Boolean, nullable=False),
    Column("invited_at", BigInteger, nullable=False),
    Column("invited_by", Text, nullable=False),
    Column("expires_at", BigInteger, nullable=False),
    Column("spent_until", BigInteger, nullable=False, server_default=text("0")),
    Index(None, "practice_id"),
    Index(None, "expires_at"),
)

mail_code = Table(
    "mail_code",
    metadata,
    Column("account_id", Text, primary_key=True),
    Column("mail", Text, nullable=False),
    Column("code_hash", LargeBinary, nullable=False),
    Column("tries_left", Integer, nullable=False),
    Column("expires_at", BigInteger, nullable=False),
    Index(None, "expires_at"),
)

reset_link = Table(
    "reset_link",
    metadata,
    Column("token_hash", Text, primary_key=True),
    Column("account_id", Text, nullable=False),
    Column("expires_at", BigInteger, nullable=False),
    Index(None, "account_id"),
    Index(None, "expires_at"),
)

portal_session = Table(
    "portal_session",
    metadata,
    Column("session_hash", Text, primary_key=True),
    Column("account_id", Text, nullable=False),
    Column("second_factor", Boolean, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("last_seen_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger, nullable=False),
    Column("proven_at", BigInteger, nullable=False, server_default=text("0")),
    Column("way", Text, nullable=False, server_default=text("''")),
    Column("device", Text, nullable=False, server_default=text("''")),
    Column("session_id", Text, nullable=False, server_default=text("''")),
    # The record of another in which its person acts, and the grant on which.
    Column("acting_record_id", BigInteger),
    Column("acting_grant_id", Text),
    Column("seen_before", BigInteger),  # when the person was here last, before this session
    Index(None, "expires_at"),
    Index(None, "account_id"),
    Index(None, "session_id"),
)

passkey = Table(
    "passkey",
    metadata,
    Column("credential_id", Text, primary_key=True),
    Column("account_id", Text, nullable=False),
    Column("public_key", LargeBinary, nullable=False),
    Column("sign_count", BigInteger, nullable=False),
    Column("name", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("last_used_at", BigInteger),
    Index(None, "account_id"),
)

external_identity = Table(
    "external_identity",
    metadata,
    Column("issuer", Text, primary_key=True),
    Column("subject", Text, primary_key=True),
    Column("account_id", Text, nullable=False),
    Column("level", Text, nullable=False),
    Column("linked_at", BigInteger, nullable=False),
    Index(None, "account_id"),
)

known_device = Table(
    "known_device",
    metadata,
    Column("account_id", Text, primary_key=True),
    Column("device_hash", Text, primary_key=True),
    Column("last_seen_at", BigInteger, nullable=False),
    Index(None, "last_seen_at"),
)

recovery_code = Table(
    "recovery_code",
    metadata,
    Column("account_id", Text, primary_key=True),
    Column("code_hash", LargeBinary, primary_key=True),
)

challenge = Table(
    "challenge",
    metadata,
    Column("bound_to", Text, primary_key=True),
    Column("purpose", Text, primary_key=True),
    Column("value", LargeBinary, nullable=False),
    Column("subject", Text, nullable=False),
    Column("expires_at", BigInteger, nullable=False),
    Index(None, "expires_at"),
)

failed_try = Table(
    "failed_try",
    metadata,
    Column("bucket", Text, primary_key=True),
    Column("failures", Integer, nullable=False),
    Column("last_at", BigInteger, nullable=False),
    Index(None, "last_at"),
)

practice = Table(
    "practice",
    metadata,
    Column("practice_id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("city", Text, nullable=False),
    Column("organization_stu3", Text),
    Column("organization_r4", Text),
    Column("created_at", BigInteger, nullable=False),
)
