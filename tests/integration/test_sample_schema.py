"""The sample is what its README says, and the same wherever it is loaded."""

import re
from typing import Any

import psycopg
import pytest
from psycopg import sql

from tzmigrate.errors import Refused
from tzmigrate.postgres.sample import load_sample, main, sample_directory

NAIVE = """
    SELECT c.oid, c.oid::pg_catalog.regclass::text AS name, c.relkind::text,
           a.attnum, a.attname::text, a.atttypid, a.attgenerated::text,
           a.atttypid = 'timestamp'::pg_catalog.regtype AS scalar
    FROM pg_catalog.pg_attribute AS a
    JOIN pg_catalog.pg_class AS c ON c.oid = a.attrelid
    WHERE c.relnamespace IN ('app'::pg_catalog.regnamespace,
                             '"Reporting"'::pg_catalog.regnamespace)
      AND c.relkind IN ('r', 'p') AND NOT c.relispartition
      AND a.attnum > 0 AND NOT a.attisdropped
      AND a.atttypid IN ('timestamp'::pg_catalog.regtype,
                         'timestamp[]'::pg_catalog.regtype,
                         'tsrange'::pg_catalog.regtype,
                         'app.utc_instant'::pg_catalog.regtype,
                         'app.span'::pg_catalog.regtype)
"""

# what leans on a column, other than its own default, bare keys and INCLUDE columns
HAZARDS = """
    SELECT n.name, n.attname, d.classid::pg_catalog.regclass::text AS kind
    FROM naive AS n
    JOIN pg_catalog.pg_depend AS d
      ON d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass
     AND d.refobjid = n.oid AND d.refobjsubid = n.attnum
    LEFT JOIN pg_catalog.pg_attrdef AS f
      ON d.classid = 'pg_catalog.pg_attrdef'::pg_catalog.regclass AND f.oid = d.objid
    LEFT JOIN pg_catalog.pg_constraint AS o
      ON d.classid = 'pg_catalog.pg_constraint'::pg_catalog.regclass
     AND o.oid = d.objid
    LEFT JOIN pg_catalog.pg_index AS i
      ON d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass
     AND i.indexrelid = d.objid
    WHERE COALESCE(f.adnum <> n.attnum OR n.attgenerated <> '', true)
      AND COALESCE(o.contype NOT IN ('p', 'u', 'n'), true)
      AND NOT COALESCE(i.indexprs IS NULL AND n.attnum = ANY (i.indkey), false)
    UNION ALL
    SELECT n.name, n.attname, 'type' FROM naive AS n WHERE NOT n.scalar
    UNION ALL
    SELECT n.name, n.attname, 'partition key'
    FROM naive AS n
    JOIN pg_catalog.pg_partitioned_table AS p ON p.partrelid = n.oid
    WHERE n.attnum = ANY (p.partattrs)
    UNION ALL
    SELECT n.name, n.attname, 'inheritance'
    FROM naive AS n
    JOIN pg_catalog.pg_inherits AS h ON n.oid IN (h.inhrelid, h.inhparent)
    WHERE n.relkind = 'r'
    UNION ALL
    SELECT n.name, n.attname, 'trigger'
    FROM naive AS n
    JOIN pg_catalog.pg_trigger AS t ON t.tgrelid = n.oid AND NOT t.tgisinternal
    UNION ALL
    SELECT n.name, n.attname, 'no key'
    FROM naive AS n
    WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_constraint AS o
                      WHERE o.conrelid = n.oid AND o.contype = 'p')
    UNION ALL
    SELECT n.name, n.attname, 'zone column'
    FROM naive AS n
    JOIN pg_catalog.pg_attribute AS z
      ON z.attrelid = n.oid AND z.attname = 'venue_tz'
"""

# moved there and back, a gap value is another; an hour earlier, an overlap value
# has a second instant
BITES = """
    SELECT count(*) FILTER (WHERE {c} <> ({c} AT TIME ZONE {z}) AT TIME ZONE {z}),
           count(*) FILTER (WHERE {c} = (({c} AT TIME ZONE {z}) - interval '1 hour')
                                        AT TIME ZONE {z})
    FROM {t} WHERE isfinite({c})
"""

OF_200_ROWS = "e97191b6e5b1140e8f410daf728a6b24"


def _rows(
    connection: psycopg.Connection[Any], query: str, *more: object
) -> list[tuple[Any, ...]]:
    return connection.execute(query, more or None).fetchall()


def _section(heading: str) -> list[str]:
    text = (sample_directory() / "README.md").read_text(encoding="utf-8")
    part = text.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    return re.findall(r"^\| `([^`]+)` \|", part, re.MULTILINE)


def _digest(connection: psycopg.Connection[Any]) -> str:
    """A digest of all rows of all tables and views, read in one fixed session."""
    connection.execute("SET TimeZone = 'UTC'; SET DateStyle = 'ISO, YMD'")
    connection.execute("SET IntervalStyle = 'postgres'; SET search_path = pg_catalog")
    names = _rows(
        connection,
        "SELECT n.nspname, c.relname FROM pg_class AS c"
        " JOIN pg_namespace AS n ON n.oid = c.relnamespace"
        " WHERE n.nspname IN ('app', 'Reporting') AND c.relkind IN ('r', 'v', 'm')"
        ' ORDER BY n.nspname COLLATE "C", c.relname COLLATE "C"',
    )
    digests = []
    for schema, name in names:
        query = sql.SQL(
            "SELECT %s || md5(string_agg(t::text, chr(10)"
            ' ORDER BY t::text COLLATE "C")) FROM {} AS t'
        )
        cursor = connection.execute(
            query.format(sql.Identifier(schema, name)), [f"{schema}.{name} "]
        )
        (digest,) = cursor.fetchone() or ("",)
        assert digest, f"{schema}.{name} has no rows"
        digests.append(digest)
    row = connection.execute("SELECT md5(%s)", ["\n".join(digests)]).fetchone()
    assert row
    return str(row[0])


def test_the_sample_has_tables_and_naive_columns_enough(sample: Any) -> None:
    with sample.connect() as connection:
        ((tables, columns),) = _rows(
            connection,
            f"SELECT count(DISTINCT oid), count(*) FROM ({NAIVE}) AS n WHERE scalar",
        )
    assert tables >= 23
    assert columns >= 70


def test_the_readme_has_one_line_for_each_table_and_view(sample: Any) -> None:
    with sample.connect() as connection:
        found = dict[str, list[str]]()
        for kind, name in _rows(
            connection,
            "SELECT CASE WHEN c.relkind IN ('r', 'p') THEN 'Tables' ELSE 'Views' END,"
            " c.oid::pg_catalog.regclass::text FROM pg_catalog.pg_class AS c"
            " WHERE c.relkind IN ('r', 'p', 'v', 'm') AND NOT c.relispartition"
            " AND c.relnamespace IN ('app'::pg_catalog.regnamespace,"
            " '\"Reporting\"'::pg_catalog.regnamespace)",
        ):
            found.setdefault(kind, []).append(name)
    assert sorted(_section("Tables")) == sorted(found["Tables"])
    assert sorted(_section("Views")) == sorted(found["Views"])


def test_the_ordinary_tables_of_the_readme_are_ordinary(sample: Any) -> None:
    text = (sample_directory() / "README.md").read_text(encoding="utf-8")
    part = text.split("| ordinary table |")[1].split("| table with hazards |")[0]
    ordinary = set(re.findall(r"^\| `([^`]+)` \|", part, re.MULTILINE))
    with sample.connect() as connection:
        tables = {
            name for (name,) in _rows(connection, f"SELECT name FROM ({NAIVE}) n")
        }
        hazards = {
            name
            for name, _, _ in _rows(connection, f"WITH naive AS ({NAIVE}) {HAZARDS}")
        }
    assert ordinary == tables - hazards
    assert len(ordinary) >= 12
    assert len(ordinary) >= len(tables) / 2


def test_every_ordinary_table_converts_with_one_bare_alter(sample: Any) -> None:
    with sample.connect() as connection:
        connection.execute("SET TimeZone = 'Etc/UTC'")
        columns = dict[str, list[str]]()
        for name, column in _rows(
            connection,
            f"WITH naive AS ({NAIVE}) SELECT name, attname FROM naive"
            f" WHERE name NOT IN (SELECT h.name FROM ({HAZARDS}) AS h)",
        ):
            columns.setdefault(name, []).append(column)
        for name, names in columns.items():
            actions = [
                sql.SQL("ALTER COLUMN {} TYPE timestamptz").format(sql.Identifier(c))
                for c in names
            ]
            # regclass has quoted the name already
            table = sql.SQL(name)
            connection.execute(
                sql.SQL("ALTER TABLE {} {}").format(table, sql.SQL(", ").join(actions))
            )
        assert len(columns) >= 12
        connection.rollback()


def test_every_kind_of_hazard_is_there(sample: Any) -> None:
    with sample.connect() as connection:
        kinds = {
            kind
            for _, _, kind in _rows(connection, f"WITH naive AS ({NAIVE}) {HAZARDS}")
        }
        constraints = {
            kind
            for (kind,) in _rows(
                connection, "SELECT contype::text FROM pg_catalog.pg_constraint"
            )
        }
    assert {
        "pg_rewrite",
        "pg_trigger",
        "pg_policy",
        "pg_constraint",
        "pg_class",
        "type",
        "partition key",
        "inheritance",
        "trigger",
        "no key",
        "zone column",
    } <= kinds
    assert {"p", "u", "f", "c", "x"} <= constraints


@pytest.mark.parametrize(
    "expression",
    [
        r"^now\(\)$",
        r"^CURRENT_TIMESTAMP$",
        r"^LOCALTIMESTAMP$",
        r"^CURRENT_DATE$",
        r"^timezone\('utc'::text, now\(\)\)$",
        r"now\(\) AT TIME ZONE 'utc'::text|timezone\('utc'::text, now\(\)\)",
        r"clock_timestamp\(\)",
        r"interval",
        r"date_trunc",
        r"utc_now\(\)",
        r"make_timestamp",
        r"^'2020-01-01 00:00:00'::timestamp",
        r"^'infinity'::timestamp",
        r"^'-infinity'::timestamp",
        r"America/New_York",
    ],
)
def test_defaults_of_every_kind_stand_on_ordinary_columns(
    sample: Any, expression: str
) -> None:
    with sample.connect() as connection:
        connection.execute("SET DateStyle = 'ISO, YMD'")  # literals print in it
        ((found,),) = _rows(
            connection,
            f"WITH naive AS ({NAIVE}) SELECT count(*) FROM naive AS n"
            " JOIN pg_catalog.pg_attrdef AS d"
            " ON d.adrelid = n.oid AND d.adnum = n.attnum"
            " WHERE pg_catalog.pg_get_expr(d.adbin, d.adrelid) ~ %s"
            f" AND n.name NOT IN (SELECT h.name FROM ({HAZARDS}) AS h)",
            expression,
        )
    assert found >= 1


def _bites(connection: psycopg.Connection[Any], table: str) -> dict[str, Any]:
    columns = _rows(
        connection, f"SELECT attname FROM ({NAIVE}) AS n WHERE name = %s", table
    )
    query = sql.SQL(BITES)
    return {
        column: connection.execute(
            query.format(
                c=sql.Identifier(column),
                t=sql.Identifier(*table.split(".")),
                z=sql.Literal("America/New_York"),
            )
        ).fetchone()
        for (column,) in columns
    }


def test_only_bookings_have_values_in_the_gap_and_in_the_overlap(sample: Any) -> None:
    with sample.connect() as connection:
        bookings = _bites(connection, "app.bookings")
        hours = _bites(connection, "app.store_hours")
    assert bookings == {
        "starts_at": (4, 5),
        "ends_at": (0, 1),
        "booked_at": (0, 0),
        "cancelled_at": (0, 0),
    }
    assert len(hours) == 4
    assert set(hours.values()) == {(0, 0)}


def test_every_venue_zone_is_known_and_free_of_gaps_and_overlaps(sample: Any) -> None:
    rows = sample.execute(
        "SELECT venue_tz, count(*) FILTER (WHERE"
        " starts_at <> (starts_at AT TIME ZONE venue_tz) AT TIME ZONE venue_tz"
        " OR starts_at = ((starts_at AT TIME ZONE venue_tz) - interval '30 minutes')"
        "                AT TIME ZONE venue_tz)"
        " FROM app.venue_events GROUP BY venue_tz"
    )
    assert len(rows) == 5
    assert {bites for _, bites in rows} == {0}


def test_values_that_bite_are_there(sample: Any) -> None:
    found = sample.execute(
        "SELECT bool_or(t = 'infinity'), bool_or(t = '-infinity'),"
        " bool_or(t = '0001-01-01'), bool_or(t < '0001-01-01' AND isfinite(t)),"
        " bool_or(t < '1900-01-01'), bool_or(t IS NULL),"
        " bool_or(CASE WHEN isfinite(t) THEN extract(microseconds FROM t)::bigint END"
        "         % 1000 <> 0)"
        " FROM app.historical_figures, unnest(ARRAY[born_at, died_at, entered_at]) AS t"
    )
    assert found == [(True,) * 7]


def test_the_rows_are_the_same_on_every_server(database: Any) -> None:
    with database.connect() as connection:
        load_sample(connection, rows=200)
        assert _digest(connection) == OF_200_ROWS


@pytest.mark.parametrize(
    "zone", ["UTC", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe"]
)
def test_the_zone_of_the_session_does_not_move_a_row(database: Any, zone: str) -> None:
    database.execute(
        f"ALTER DATABASE \"{database.name}\" SET TimeZone = '{zone}';"
        f"ALTER DATABASE \"{database.name}\" SET DateStyle = 'SQL, DMY';"
        f"ALTER DATABASE \"{database.name}\" SET search_path = ''"
    )
    with database.connect(options=f"-c TimeZone={zone}") as connection:
        load_sample(connection, rows=200)
        assert _digest(connection) == OF_200_ROWS


def test_psql_loads_the_same_rows(database: Any) -> None:
    texts = [
        (sample_directory() / name).read_text(encoding="utf-8")
        for name in ("schema.sql", "data.sql")
    ]
    database.psql("SET sample_schema.rows = 200;\n" + "\n".join(texts))
    with database.connect() as connection:
        assert _digest(connection) == OF_200_ROWS


@pytest.mark.parametrize("rows", [1, 7])
def test_a_tiny_sample_still_has_every_row_that_bites(database: Any, rows: int) -> None:
    with database.connect() as connection:
        load_sample(connection, rows=rows)
        assert _bites(connection, "app.bookings")["starts_at"] == (4, 5)
        assert _rows(connection, "SELECT count(*) FROM app.users") == [(rows,)]


@pytest.mark.parametrize("autocommit", [True, False])
def test_loading_leaves_the_session_as_it_was(database: Any, autocommit: bool) -> None:
    settings = (
        "SELECT current_setting('TimeZone'), current_setting('DateStyle'),"
        " current_setting('search_path')"
    )
    with database.connect(autocommit=autocommit) as connection:
        connection.execute("SET TimeZone = 'Asia/Kolkata'; SET DateStyle = 'German'")
        connection.commit()
        before = _rows(connection, settings)
        connection.commit()
        load_sample(connection, rows=1)
        assert _rows(connection, settings) == before
        temporary = "SELECT count(*) FROM pg_catalog.pg_proc WHERE pronamespace ="
        assert _rows(connection, f"{temporary} pg_catalog.pg_my_temp_schema()") == [
            (0,)
        ]


def test_new_rows_follow_those_of_the_sample(sample: Any) -> None:
    assert sample.scalar(
        "INSERT INTO app.users (email, display_name) VALUES ('new@example.org', 'New')"
        " RETURNING id = (SELECT max(id) + 1 FROM app.users)"
    )


def test_the_planner_knows_how_many_rows_there_are(sample: Any) -> None:
    unknown = sample.scalar(
        "SELECT count(*) FROM pg_catalog.pg_class AS c"
        " WHERE c.relkind IN ('r', 'm') AND c.reltuples <= 0"
        " AND c.relnamespace IN ('app'::pg_catalog.regnamespace,"
        " '\"Reporting\"'::pg_catalog.regnamespace)"
    )
    assert unknown == 0


def test_a_second_load_is_refused_and_changes_nothing(sample: Any) -> None:
    with sample.connect() as connection:
        before = _digest(connection)
        connection.commit()
        with pytest.raises(Refused) as refused:
            load_sample(connection)
        assert refused.value.code == "TZ638"
        assert _digest(connection) == before


def test_a_row_count_below_one_is_an_error(database: Any) -> None:
    with (
        database.connect() as connection,
        pytest.raises(ValueError, match="at least 1"),
    ):
        load_sample(connection, rows=0)


def test_the_command_loads_as_many_rows_as_asked(database: Any) -> None:
    assert main(["--rows", "3", database.url]) == 0
    assert database.scalar("SELECT count(*) FROM app.users") == 3
