"""Which statements change what decides about access, by their text."""

import pytest
from sqlalchemy import bindparam, delete, insert, select, update

from app.consent.tables import access_grant
from app.db.access_version import raises_version
from app.db.statements import hot
from app.oauth.tables import client, token
from app.store.tables import current, record

RAISING = {
    "a grant that is given": insert(access_grant),
    "a grant that is withdrawn": update(access_grant).values(withdrawn_at=bindparam("at")),
    "grants that are erased": delete(access_grant).where(access_grant.c.record_id == bindparam("record")),
    "a token that is revoked": update(token).where(token.c.revoked_at.is_(None)).values(revoked_at=bindparam("at")),
    "tokens that are forgotten": delete(token).where(token.c.expires_at < bindparam("before")),
    "a client that is ended": update(client).values(ended_at=bindparam("at")),
    "a record that is erased": delete(record).where(record.c.record_id == bindparam("record")),
    "a record whose status changes, beside others": update(record).values(seq=bindparam("n"), status=bindparam("s")),
}
NOT_RAISING = {
    "a token that is issued": insert(token),
    "a token that was used to refresh": update(token)
    .where(token.c.revoked_at.is_(None))
    .values(used_at=bindparam("at")),
    "a record that is opened": insert(record),
    "a record whose changes are counted": update(record).where(record.c.status == "active").values(seq=bindparam("n")),
    "what is current": delete(current),
    "what is looked at": select(access_grant).with_for_update(),
}


@pytest.mark.parametrize(
    ("statement", "raises"), [(s, True) for s in RAISING.values()] + [(s, False) for s in NOT_RAISING.values()]
)
def test_a_statement_counts_if_it_changes_what_decides(statement: object, raises: bool) -> None:
    made = hot(statement)  # type: ignore[arg-type] # any of them
    assert made.sqlite.raises is raises
    assert made.postgresql.raises is raises


def test_what_a_part_of_a_statement_changes_counts_too() -> None:
    text = "WITH gone AS (DELETE FROM access_grant WHERE record_id=$1 RETURNING 1) INSERT INTO change (seq) SELECT 1 FROM gone"
    assert raises_version(text)
    assert raises_version("INSERT INTO staff (account_id) VALUES (:a) ON CONFLICT DO UPDATE SET role = excluded.role")
    assert not raises_version(
        "WITH head AS (UPDATE record SET seq=$1 WHERE status = $2 RETURNING 1) SELECT 1 FROM head"
    )
