"""Support for generated columns: emptied without breaking what they promise."""

import psycopg
import pytest

from tests.conftest import Database
from tests.support import install_support


@pytest.mark.pg(">= 17")
def test_an_emptied_column_still_satisfies_not_null_and_its_domain(
    database: Database,
) -> None:
    with database.connect() as connection:
        install_support(connection)
    database.execute(
        "CREATE DOMAIN d AS int CHECK (VALUE > 3) NOT NULL;"
        "CREATE TABLE t (c timestamp,"
        " y int GENERATED ALWAYS AS (extract(year FROM c)) STORED NOT NULL,"
        " m d GENERATED ALWAYS AS (extract(month FROM c)::int) STORED,"
        " n date GENERATED ALWAYS AS (c::date) STORED);"
        "INSERT INTO t VALUES ('2024-05-06'), ('2023-06-07')"
    )

    database.execute(
        "SELECT tzmigrate.blank_generated('public.t', ARRAY['y', 'm', 'n']::name[]);"
        "ALTER TABLE t ALTER c TYPE timestamptz"
    )

    rows = database.execute("SELECT DISTINCT y IN (2023, 2024), m IN (5, 6), n FROM t")
    assert rows == [(True, True, None)]


@pytest.mark.pg(">= 17")
def test_an_empty_table_needs_no_value_to_empty_a_column(database: Database) -> None:
    with database.connect() as connection:
        install_support(connection)
    database.execute(
        "CREATE TABLE t (c timestamp,"
        " y int GENERATED ALWAYS AS (extract(year FROM c)) STORED NOT NULL)"
    )

    database.execute("SELECT tzmigrate.blank_generated('public.t', ARRAY['y']::name[])")

    with pytest.raises(psycopg.errors.NotNullViolation):
        database.execute("INSERT INTO t VALUES (now())")


def test_what_add_column_forgets_is_given_back_on_partitions_too(
    database: Database,
) -> None:
    with database.connect() as connection:
        install_support(connection)
    database.execute(
        "CREATE TABLE t (i int, c text, g text GENERATED ALWAYS AS (upper(c)) STORED)"
        " PARTITION BY LIST (i); CREATE TABLE t1 PARTITION OF t FOR VALUES IN (1);"
        "COMMENT ON COLUMN t.g IS 'it''s'; COMMENT ON COLUMN t1.g IS 'one';"
        "ALTER TABLE t1 ALTER g SET STATISTICS 7, ALTER g SET STORAGE EXTERNAL,"
        " ALTER g SET (n_distinct = 5); GRANT SELECT (g) ON t TO PUBLIC"
    )
    read = (
        "SELECT a.attrelid::regclass::text, a.attstattarget, a.attstorage::text,"
        " a.attoptions, a.attacl::text, col_description(a.attrelid, a.attnum)"
        " FROM pg_attribute a WHERE a.attname = 'g' AND a.attrelid IN"
        " ('t'::regclass, 't1'::regclass) ORDER BY 1"
    )
    before = database.execute(read)
    (row,) = database.execute("SELECT tzmigrate.column_properties('t'::regclass, 3)")

    database.execute(
        "ALTER TABLE t DROP COLUMN g,"
        " ADD COLUMN g text GENERATED ALWAYS AS (upper(c)) STORED;" + ";".join(row[0])
    )

    assert database.execute(read) == before
