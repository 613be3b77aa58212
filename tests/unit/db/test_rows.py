"""Statements about many rows: one text for SQLite, and one for PostgreSQL that names the record once where it can."""

from sqlalchemy import BigInteger, Boolean, Column, Integer, MetaData, Table, Text

from app.db.rows import adding, adding_new, by_record, removing, replacing, setting, together

entry = Table(
    "entry",
    MetaData(),
    Column("record_id", BigInteger, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("size", Integer),
    Column("gone", Boolean),
)


def test_sqlite_does_what_is_said_with_each_row_by_the_places_of_its_values() -> None:
    insert = 'INSERT INTO entry ("record_id", "key", "size", "gone") VALUES (?1, ?2, ?3, ?4)'
    assert adding(entry).sqlite == insert
    assert adding_new(entry).sqlite == f"{insert} ON CONFLICT DO NOTHING"
    conflict = 'ON CONFLICT ("record_id", "key") DO UPDATE SET "size" = excluded."size", "gone" = excluded."gone"'
    assert replacing(entry).sqlite == f"{insert} {conflict}"
    of_key = 'WHERE entry."record_id" = ?1 AND entry."key" = ?2'
    assert setting(entry, "gone").sqlite.split(" WHERE ") == ['UPDATE entry SET "gone" = ?3', of_key[6:]]
    assert removing(entry).sqlite.split(" WHERE ") == ["DELETE FROM entry", of_key[6:]]


def test_postgresql_gets_what_belongs_together_as_one_statement_with_the_record_once() -> None:
    text, values = together([(removing(entry), [(7, "a")]), (adding(entry), [(7, "b", 1, False), (7, "c", 2, True)])])
    assert text == (
        'WITH part0 AS (DELETE FROM entry USING unnest($2::TEXT[]) AS given ("key") '
        'WHERE entry."record_id" = $1::BIGINT AND entry."key" = given."key" RETURNING 1), '
        'part1 AS (INSERT INTO entry ("record_id", "key", "size", "gone") '
        'SELECT $1::BIGINT, given."key", given."size", given."gone" '
        'FROM unnest($3::TEXT[], $4::INTEGER[], $5::BOOLEAN[]) AS given ("key", "size", "gone")) '
        "SELECT (SELECT count(*) FROM part0)"
    )
    assert values == [7, ("a",), ("b", "c"), (1, 2), (False, True)]


def test_rows_of_several_records_have_theirs_in_a_list() -> None:
    text, values = together([(setting(entry, "size"), [(7, "a", 1), (8, "a", 2)])])
    assert '"record_id" = given."record_id"' in text
    assert values == [(7, 8), ("a", "a"), (1, 2)]


def test_rows_are_told_apart_by_their_record_where_they_have_one() -> None:
    add, of_none = adding(entry), adding(Table("loose", MetaData(), Column("key", Text, primary_key=True)))
    rows = [(7, "a", 1, False), (8, "b", 2, False), (7, "c", 3, True)]
    assert by_record((add, rows)) == [(add, [rows[0], rows[2]]), (add, [rows[1]])]
    assert by_record((of_none, [("a",), ("b",)])) == [(of_none, [("a",), ("b",)])]
