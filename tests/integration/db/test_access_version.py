"""The triggers that raise the version of access are those that the code counts on, in a migrated database of either kind."""

from pathlib import Path

from sqlalchemy import Connection, text

from app.db.access_version import CAUSES
from app.db.migrate import migrate
from app.db.schema import in_transaction
from tests.support.database import new_url, taken_away

_OF_SQLITE = "SELECT sql FROM sqlite_master WHERE type = 'trigger'"
_OF_POSTGRESQL = "SELECT pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal"


def test_the_triggers_are_those_that_the_code_counts_on(tmp_path: Path) -> None:
    url = new_url(tmp_path)
    migrate(url)

    def found(connection: Connection) -> set[str]:
        wanted = _OF_SQLITE if connection.dialect.name == "sqlite" else _OF_POSTGRESQL
        return {" ".join(sql.split()).replace("public.", "") for (sql,) in connection.execute(text(wanted))}

    try:
        triggers = in_transaction(url, found, to_write=False)
    finally:
        taken_away(url)
    expected = {
        f"AFTER {kind}{' OF ' + ', '.join(columns) if columns else ''} ON {table} "
        for table, kinds in CAUSES.items()
        for kind, columns in kinds.items()
    }
    assert {part for part in expected if any(part in sql for sql in triggers)} == expected
    assert len(triggers) == len(expected)
    assert all("access_version SET version = version + 1" in sql or "raise_access_version()" in sql for sql in triggers)
