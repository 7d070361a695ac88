"""Functions are read: each place is found by line, and the certain ones rewritten."""

from dataclasses import dataclass, field

import pytest

from tzmigrate.inventory.routines.analysis import analyse
from tzmigrate.inventory.routines.lexer import Sort, Unreadable, tokenize
from tzmigrate.inventory.routines.model import (
    Argument,
    Certainty,
    Effect,
    Routine,
    Surroundings,
    Table,
)
from tzmigrate.inventory.routines.overloads import overload
from tzmigrate.planning.routines import (
    Rewriting,
    RoutineContext,
    rewrite_routine_source,
    routine_statements,
)

NAIVE = "timestamp without time zone"
ZONED = "timestamp with time zone"
ORDERS = Table(
    schema="app",
    name="orders",
    columns=(
        ("id", "bigint"),
        ("placed_at", NAIVE),
        ("updated_at", NAIVE),
        ("At", NAIVE),
        ("seen_at", ZONED),
        ("day", "date"),
        ("note", "text"),
    ),
)
LOG = Table(
    schema="app", name="log", columns=(("order_id", "bigint"), ("logged_at", ZONED))
)
MENU = Table(schema="app", name="menu", columns=(("opens_at", NAIVE),))
CONVERTING = {
    ("app", "orders", c): "Etc/UTC" for c in ("placed_at", "updated_at", "At")
}
UTC_NOW = Routine(
    oid=9,
    signature="app.utc_now()",
    schema="app",
    name="utc_now",
    language="sql",
    source="SELECT timezone('utc', now())",
    result=NAIVE,
)
BUCKET = Routine(
    oid=8,
    signature="app.bucket(timestamp)",
    schema="app",
    name="bucket",
    language="sql",
    source="SELECT $1::date",
    arguments=(Argument(name="", mode="i", type=NAIVE),),
    result="date",
)
AROUND = Surroundings(
    tables=(ORDERS, LOG, MENU),
    converting=frozenset(CONVERTING),
    functions=(UTC_NOW, BUCKET),
)
WRITES, READS = Effect.WRITES_NAIVE, Effect.SESSION_ZONE
VARIABLE, CHANGES = Effect.NAIVE_VARIABLE, Effect.RESULT_TYPE
CLOSED = Effect.CANNOT_BE_READ
SURE, LIKELY, POSSIBLE = Certainty.CERTAIN, Certainty.LIKELY, Certainty.POSSIBLE
Place = tuple[int, Effect, Certainty]


def routine(source: str, **other: object) -> Routine:
    given: dict[str, object] = {
        "oid": 1,
        "signature": "app.f()",
        "schema": "app",
        "name": "f",
        "language": "plpgsql",
        "source": source,
    }
    return Routine(**(given | other))  # type: ignore[arg-type]  # parts of a test


def rewrite(of: Routine, zone: str = "Etc/UTC") -> Rewriting:
    return rewrite_routine_source(
        of.source,
        of.language,
        dict.fromkeys(CONVERTING, zone),
        RoutineContext(routine=of, around=AROUND),
    )


def on_trigger(line: str, **other: object) -> Routine:
    return routine(
        f"\nBEGIN\n  {line}\n  RETURN NEW;\nEND",
        result="trigger",
        attached=(("app", "orders"),),
        **other,
    )


# the line of a trigger function, what it is found to be, and what it becomes in UTC
ASSIGNED: dict[str, tuple[tuple[Effect, Certainty] | None, str | None]] = {
    "NEW.updated_at := now();": (None, None),
    "NEW.updated_at := now() AT TIME ZONE 'utc'; -- now() AT TIME ZONE 'utc'": (
        (WRITES, SURE),
        "NEW.updated_at := now(); -- now() AT TIME ZONE 'utc'",
    ),
    "NEW.updated_at = LOCALTIMESTAMP;": (
        (WRITES, SURE),
        "NEW.updated_at = CURRENT_TIMESTAMP;",
    ),
    "NEW.updated_at = localtimestamp(0);": (
        (WRITES, SURE),
        "NEW.updated_at = CURRENT_TIMESTAMP(0);",
    ),
    """NEW."At" := timezone('utc', now());""": ((WRITES, SURE), 'NEW."At" := now();'),
    "NEW.updated_at := clock_timestamp() at time zone 'UTC';": (
        (WRITES, SURE),
        "NEW.updated_at := clock_timestamp();",
    ),
    "NEW.updated_at := CURRENT_TIMESTAMP::timestamp;": (
        (WRITES, SURE),
        "NEW.updated_at := CURRENT_TIMESTAMP;",
    ),
    "NEW.updated_at := CAST(now() AS timestamp without time zone);": (
        (WRITES, SURE),
        "NEW.updated_at := now();",
    ),
    "NEW.updated_at := now()::timestamp(0);": (
        (WRITES, SURE),
        "NEW.updated_at := ((now()::timestamp(0)) AT TIME ZONE 'Etc/UTC');",
    ),
    "NEW.updated_at := now() AT TIME ZONE 'Europe/Paris';": (
        (WRITES, SURE),
        "NEW.updated_at := ((now() AT TIME ZONE 'Europe/Paris')"
        " AT TIME ZONE 'Etc/UTC');",
    ),
    "NEW.placed_at := to_timestamp(NEW.note, 'YYYY-MM-DD')::timestamp;": (
        (WRITES, SURE),
        "NEW.placed_at := ((to_timestamp(NEW.note, 'YYYY-MM-DD')::timestamp)"
        " AT TIME ZONE 'Etc/UTC');",
    ),
    "NEW.placed_at := to_timestamp(NEW.note, 'YYYY-MM-DD');": (
        (WRITES, SURE),
        "NEW.placed_at := ((to_timestamp(NEW.note, 'YYYY-MM-DD'))::timestamp"
        " AT TIME ZONE 'Etc/UTC');",
    ),
    "NEW.placed_at := current_date;": (
        (WRITES, SURE),
        "NEW.placed_at := ((current_date)::timestamp AT TIME ZONE 'Etc/UTC');",
    ),
    "NEW.placed_at := '2020-01-01 10:00';": (
        (WRITES, SURE),
        "NEW.placed_at := (('2020-01-01 10:00')::timestamp AT TIME ZONE 'Etc/UTC');",
    ),
    "NEW.placed_at := 'infinity';": (None, None),
    "NEW.placed_at := coalesce(NEW.placed_at, OLD.updated_at);": (None, None),
    "NEW.placed_at := coalesce(NEW.placed_at, now());": (None, None),
    "NEW.placed_at := OLD.placed_at + interval '2 hours';": (None, None),
    "NEW.updated_at := app.utc_now();": (
        (WRITES, SURE),
        "NEW.updated_at := ((app.utc_now()) AT TIME ZONE 'Etc/UTC');",
    ),
    "NEW.updated_at := app.unknown();": ((READS, POSSIBLE), None),
    "NEW.note := to_char(NEW.placed_at, 'YYYY');": (
        (READS, SURE),
        "NEW.note := to_char((NEW.placed_at AT TIME ZONE 'Etc/UTC'), 'YYYY');",
    ),
    "NEW.day := NEW.placed_at;": (
        (READS, SURE),
        "NEW.day := (NEW.placed_at AT TIME ZONE 'Etc/UTC');",
    ),
    "NEW.day := app.bucket(NEW.placed_at);": (
        (READS, SURE),
        "NEW.day := app.bucket((NEW.placed_at AT TIME ZONE 'Etc/UTC'));",
    ),
    "NEW.seen_at := NEW.placed_at AT TIME ZONE 'UTC';": (
        (READS, SURE),
        "NEW.seen_at := NEW.placed_at;",
    ),
    "NEW.note := extract(epoch FROM NEW.placed_at);": ((READS, SURE), None),
    "NEW.note := row_to_json(NEW);": ((READS, LIKELY), None),
    "IF NEW.placed_at > OLD.placed_at THEN NULL; END IF;": (None, None),
    "IF NEW.placed_at IS DISTINCT FROM OLD.placed_at THEN NULL; END IF;": (None, None),
    "IF NEW.seen_at > NEW.placed_at THEN NULL; END IF;": (None, None),
    "IF NEW.placed_at >= now() AT TIME ZONE 'utc' THEN NULL; END IF;": (
        (READS, SURE),
        "IF NEW.placed_at >= now() THEN NULL; END IF;",
    ),
    "IF localtimestamp - interval '1 day' < NEW.placed_at THEN NULL; END IF;": (
        (READS, SURE),
        "IF ((localtimestamp - interval '1 day') AT TIME ZONE 'Etc/UTC')"
        " < NEW.placed_at THEN NULL; END IF;",
    ),
    "RAISE NOTICE 'updated_at %', 'updated_at := localtimestamp';": (None, None),
    "/* NEW.updated_at := localtimestamp; */ NULL;": (None, None),
    "EXECUTE 'UPDATE app.orders SET updated_at = localtimestamp';": (
        (CLOSED, POSSIBLE),
        None,
    ),
}


@pytest.mark.parametrize("line", ASSIGNED)
def test_a_trigger_function_is_followed(line: str) -> None:
    found, after = ASSIGNED[line]
    of = on_trigger(line)

    report = analyse(of, AROUND)
    done = rewrite(of)

    assert [(p.line, p.effect, p.certainty) for p in report.places] == (
        [(3, *found)] if found else []
    )
    assert done.text == (of.source.replace(line, after) if after else None)
    if found and after is None and "epoch" not in line:
        assert [p.line for p in done.refused] == [3]
    else:
        assert done.refused == ()


def test_in_another_zone_the_column_becomes_naive_where_it_is_compared() -> None:
    of = on_trigger(
        "IF NEW.placed_at > localtimestamp AND extract(epoch from NEW.placed_at) > 0"
        " THEN NEW.updated_at := now() AT TIME ZONE 'utc'; END IF;"
    )

    text = rewrite(of, "Europe/Paris").text

    assert text is not None
    assert text.splitlines()[2].strip() == (
        "IF (NEW.placed_at AT TIME ZONE 'Europe/Paris') > localtimestamp"
        " AND extract(epoch from (NEW.placed_at AT TIME ZONE 'Europe/Paris')) > 0"
        " THEN NEW.updated_at := ((now() AT TIME ZONE 'utc')"
        " AT TIME ZONE 'Europe/Paris'); END IF;"
    )


@dataclass(frozen=True, kw_only=True)
class Case:
    source: str
    places: tuple[Place, ...]
    after: str | None = None
    language: str = "plpgsql"
    more: dict[str, object] = field(default_factory=dict)


SINCE = (Argument(name="since", mode="i", type=NAIVE),)
WHOLE = {
    "insert with values": Case(
        source="BEGIN\n INSERT INTO app.orders (id, placed_at, note)\n"
        " VALUES (1, localtimestamp, 'a'),\n (2, default, 'b');\nEND",
        places=((3, WRITES, SURE),),
        after="BEGIN\n INSERT INTO app.orders (id, placed_at, note)\n"
        " VALUES (1, CURRENT_TIMESTAMP, 'a'),\n (2, default, 'b');\nEND",
    ),
    "insert without a list of columns": Case(
        source="BEGIN INSERT INTO app.orders VALUES (1, timezone('UTC', now())); END",
        places=((1, WRITES, SURE),),
        after="BEGIN INSERT INTO app.orders VALUES (1, now()); END",
    ),
    "insert from a query": Case(
        source="INSERT INTO app.orders (placed_at, updated_at)\n"
        "SELECT m.opens_at, o.updated_at FROM app.menu m, app.orders o\n"
        "WHERE o.placed_at::date = current_date",
        places=((2, WRITES, SURE), (3, READS, SURE)),
        after="INSERT INTO app.orders (placed_at, updated_at)\n"
        "SELECT ((m.opens_at) AT TIME ZONE 'Etc/UTC') AS \"opens_at\", o.updated_at"
        " FROM app.menu m, app.orders o\n"
        "WHERE (o.placed_at AT TIME ZONE 'Etc/UTC')::date = current_date",
        language="sql",
    ),
    "insert on conflict": Case(
        source="INSERT INTO app.orders AS o (id, placed_at) VALUES (1, now())\n"
        "ON CONFLICT (id) DO UPDATE SET placed_at = excluded.placed_at,\n"
        "  updated_at = LOCALTIMESTAMP WHERE o.placed_at < excluded.placed_at",
        places=((3, WRITES, SURE),),
        after="INSERT INTO app.orders AS o (id, placed_at) VALUES (1, now())\n"
        "ON CONFLICT (id) DO UPDATE SET placed_at = excluded.placed_at,\n"
        "  updated_at = CURRENT_TIMESTAMP WHERE o.placed_at < excluded.placed_at",
        language="sql",
    ),
    "insert of a converted column elsewhere": Case(
        source="INSERT INTO app.menu (opens_at) SELECT placed_at FROM app.orders",
        places=((1, READS, SURE),),
        after="INSERT INTO app.menu (opens_at)"
        " SELECT (placed_at AT TIME ZONE 'Etc/UTC') AS \"placed_at\""
        " FROM app.orders",
        language="sql",
    ),
    "update in a loop": Case(
        source="DECLARE r record;\nBEGIN\n"
        " FOR r IN SELECT id, placed_at FROM app.orders LOOP\n"
        "  UPDATE app.orders SET updated_at = r.placed_at + interval '1 day'\n"
        "  WHERE id = r.id AND placed_at = r.placed_at;\n END LOOP;\nEND",
        places=((4, WRITES, SURE), (4, READS, SURE)),
        after="DECLARE r record;\nBEGIN\n"
        " FOR r IN SELECT id, placed_at FROM app.orders LOOP\n"
        "  UPDATE app.orders SET updated_at = (((r.placed_at AT TIME ZONE 'Etc/UTC')"
        " + interval '1 day') AT TIME ZONE 'Etc/UTC')\n"
        "  WHERE id = r.id AND placed_at = r.placed_at;\n END LOOP;\nEND",
    ),
    "update of the only table of a name, without a schema": Case(
        source="UPDATE orders SET updated_at = localtimestamp",
        places=((1, WRITES, SURE),),
        after="UPDATE orders SET updated_at = CURRENT_TIMESTAMP",
        language="sql",
    ),
    "a table without a schema where temporary ones are made": Case(
        source="BEGIN\n CREATE TEMP TABLE other (id int);\n"
        " UPDATE orders SET updated_at = localtimestamp;\nEND",
        places=((3, WRITES, LIKELY),),
    ),
    "update of a table on a search_path of its own": Case(
        source="UPDATE orders SET updated_at = localtimestamp",
        places=((1, WRITES, SURE),),
        after="UPDATE orders SET updated_at = CURRENT_TIMESTAMP",
        language="sql",
        more={"search_path": ("app", "pg_temp")},
    ),
    "update of a table elsewhere": Case(
        source="UPDATE other.orders SET updated_at = localtimestamp",
        places=(),
        language="sql",
    ),
    "merge": Case(
        source="MERGE INTO app.orders o USING app.log l ON o.id = l.order_id\n"
        "WHEN MATCHED AND o.placed_at < l.logged_at THEN UPDATE SET\n"
        " updated_at = l.logged_at AT TIME ZONE 'UTC'\n"
        "WHEN NOT MATCHED THEN INSERT (id, placed_at) VALUES (1, '2020-01-01')",
        places=((3, WRITES, SURE), (4, WRITES, SURE)),
        after="MERGE INTO app.orders o USING app.log l ON o.id = l.order_id\n"
        "WHEN MATCHED AND o.placed_at < l.logged_at THEN UPDATE SET\n"
        " updated_at = ((l.logged_at AT TIME ZONE 'UTC') AT TIME ZONE 'Etc/UTC')\n"
        "WHEN NOT MATCHED THEN INSERT (id, placed_at)"
        " VALUES (1, (('2020-01-01')::timestamp AT TIME ZONE 'Etc/UTC'))",
        language="sql",
    ),
    "a naive variable": Case(
        source="DECLARE\n last timestamp;\nBEGIN\n"
        " SELECT max(placed_at) INTO STRICT last FROM app.orders;\n"
        " UPDATE app.orders SET updated_at = last;\nEND",
        places=((2, VARIABLE, SURE), (4, READS, SURE), (5, WRITES, SURE)),
        after="DECLARE\n last timestamp;\nBEGIN\n"
        " SELECT (max(placed_at) AT TIME ZONE 'Etc/UTC') INTO STRICT last"
        " FROM app.orders;\n"
        " UPDATE app.orders SET updated_at = ((last) AT TIME ZONE 'Etc/UTC');\nEND",
    ),
    "a naive variable that is doubted": Case(
        source="DECLARE\n last timestamp; -- not temporary\nBEGIN\n"
        " SELECT max(placed_at) INTO last FROM orders;\n"
        " UPDATE app.orders SET updated_at = last;\nEND",
        places=((2, VARIABLE, SURE), (4, READS, LIKELY), (5, WRITES, LIKELY)),
    ),
    "a variable of the column's type": Case(
        source="DECLARE last app.orders.placed_at%TYPE; o app.orders%ROWTYPE;\n"
        "BEGIN\n SELECT max(placed_at) INTO last FROM app.orders;\n"
        " IF last > o.updated_at THEN last := localtimestamp; END IF;\nEND",
        places=((4, WRITES, SURE),),
        after="DECLARE last app.orders.placed_at%TYPE; o app.orders%ROWTYPE;\n"
        "BEGIN\n SELECT max(placed_at) INTO last FROM app.orders;\n"
        " IF last > o.updated_at THEN last := CURRENT_TIMESTAMP; END IF;\nEND",
    ),
    "a naive argument": Case(
        source="SELECT count(*) FROM app.orders o WHERE o.placed_at > since",
        places=((1, READS, SURE),),
        after="SELECT count(*) FROM app.orders o"
        " WHERE o.placed_at > ((since) AT TIME ZONE 'Etc/UTC')",
        language="sql",
        more={"arguments": SINCE, "result": "bigint"},
    ),
    "a naive argument without a name": Case(
        source="SELECT count(*) FROM app.orders WHERE placed_at BETWEEN $1 AND now()",
        places=((1, READS, SURE),),
        after="SELECT count(*) FROM app.orders"
        " WHERE placed_at BETWEEN (($1) AT TIME ZONE 'Etc/UTC') AND now()",
        language="sql",
        more={
            "arguments": (Argument(name="", mode="i", type=NAIVE),),
            "result": "bigint",
        },
    ),
    "a row without a name": Case(
        source="SELECT $1.placed_at::date, $1.seen_at::date, ($1).id",
        places=((1, READS, SURE),),
        after="SELECT ($1.placed_at AT TIME ZONE 'Etc/UTC')::date AS \"placed_at\","
        " $1.seen_at::date, ($1).id",
        language="sql",
        more={"arguments": (Argument(name="", mode="i", type="app.orders"),)},
    ),
    "a row without a name in PL/pgSQL": Case(
        source="BEGIN\n RETURN $1.placed_at::date;\nEND",
        places=((2, READS, SURE),),
        after="BEGIN\n RETURN ($1.placed_at AT TIME ZONE 'Etc/UTC')::date;\nEND",
        more={
            "arguments": (Argument(name="", mode="i", type="app.orders"),),
            "result": "date",
        },
    ),
    "a row behind the name of its function": Case(
        source="SELECT f.o.placed_at::date",
        places=((1, READS, SURE),),
        after="SELECT (f.o.placed_at AT TIME ZONE 'Etc/UTC')::date AS \"placed_at\"",
        language="sql",
        more={"arguments": (Argument(name="o", mode="i", type="app.orders"),)},
    ),
    "a row as text": Case(
        source="SELECT o::text, o::app.orders",
        places=((1, READS, LIKELY),),
        language="sql",
        more={"arguments": (Argument(name="o", mode="i", type="app.orders"),)},
    ),
    "a naive result": Case(
        source="BEGIN RETURN (SELECT max(placed_at) FROM app.orders); END",
        places=((1, READS, SURE),),
        after="BEGIN RETURN ((SELECT max(placed_at) FROM app.orders)"
        " AT TIME ZONE 'Etc/UTC'); END",
        more={"result": NAIVE},
    ),
    "a naive result in SQL": Case(
        source="SELECT o.placed_at FROM app.orders o ORDER BY 1 LIMIT 1",
        places=((1, READS, SURE),),
        after="SELECT (o.placed_at AT TIME ZONE 'Etc/UTC') AS \"placed_at\""
        " FROM app.orders o ORDER BY 1 LIMIT 1",
        language="sql",
        more={"result": NAIVE},
    ),
    "columns of a result": Case(
        source="BEGIN\n RETURN QUERY SELECT o.id, o.placed_at FROM app.orders o\n"
        " WHERE o.updated_at IS NOT NULL;\nEND",
        places=((2, CHANGES, SURE),),
        after="BEGIN\n RETURN QUERY SELECT o.id,"
        " (o.placed_at AT TIME ZONE 'Etc/UTC') AS \"placed_at\" FROM app.orders o\n"
        " WHERE o.updated_at IS NOT NULL;\nEND",
        more={
            "arguments": (
                Argument(name="number", mode="t", type="bigint"),
                Argument(name="at", mode="t", type=NAIVE),
            ),
            "result": "record",
            "returns_set": True,
        },
    ),
    "all columns of a result": Case(
        source="BEGIN\n RETURN QUERY SELECT * FROM app.menu2; \n"
        " RETURN QUERY SELECT * FROM app.menu, app.orders; END",
        places=(),
        more={
            "arguments": (Argument(name="at", mode="t", type=NAIVE),),
            "result": NAIVE,
            "returns_set": True,
        },
    ),
    "grouped by the day": Case(
        source="SELECT date_trunc('day', placed_at), count(*) FROM app.orders\n"
        "GROUP BY date_trunc('day', placed_at) HAVING min(placed_at) > 'epoch'",
        places=((1, READS, SURE), (2, READS, SURE), (2, READS, SURE)),
        after="SELECT date_trunc('day', (placed_at AT TIME ZONE 'Etc/UTC')), count(*)"
        " FROM app.orders\n"
        "GROUP BY date_trunc('day', (placed_at AT TIME ZONE 'Etc/UTC'))"
        " HAVING min(placed_at) > (('epoch')::timestamp AT TIME ZONE 'Etc/UTC')",
        language="sql",
    ),
    "a cursor that is opened for a query": Case(
        source="DECLARE c refcursor; other refcursor; d date; n bigint;\nBEGIN\n"
        " OPEN other FOR SELECT id FROM app.orders; FETCH other INTO n;\n"
        " IF n > 1 THEN\n  OPEN c FOR SELECT placed_at FROM app.orders;\n"
        " ELSE\n  OPEN c FOR\n   SELECT seen_at FROM app.orders;\n"
        " END IF;\n FETCH c INTO d;\nEND",
        places=((5, READS, LIKELY),),
    ),
    "an array of what a query reads": Case(
        source="DECLARE v timestamp[]; n bigint[];\nBEGIN\n"
        " v := ARRAY(SELECT placed_at FROM app.orders);\n"
        " n := ARRAY(SELECT id FROM app.orders);\nEND",
        places=((3, READS, LIKELY),),
    ),
    "a table that is not known": Case(
        source="BEGIN\n CREATE TEMP TABLE t (id int, at timestamp);\n"
        " INSERT INTO t SELECT id, placed_at FROM app.orders;\n"
        " INSERT INTO t (at, id) SELECT seen_at, id FROM app.orders;\n"
        " UPDATE t SET at = o.placed_at FROM app.orders o WHERE o.id = t.id;\n"
        " UPDATE t SET id = o.id FROM app.orders o;\nEND",
        places=((3, READS, POSSIBLE), (5, READS, POSSIBLE)),
    ),
    "subqueries and WITH": Case(
        source="WITH w AS (SELECT o.id, o.placed_at AS p FROM app.orders o)\n"
        "DELETE FROM app.log l USING w WHERE l.order_id = w.id\n"
        "AND w.p < now() - interval '90 days'\n"
        "AND EXISTS (SELECT 1 FROM app.orders x WHERE x.id = w.id\n"
        "            AND age(x.updated_at) > '1 year')",
        places=((5, READS, SURE),),
        after="WITH w AS (SELECT o.id, o.placed_at AS p FROM app.orders o)\n"
        "DELETE FROM app.log l USING w WHERE l.order_id = w.id\n"
        "AND w.p < now() - interval '90 days'\n"
        "AND EXISTS (SELECT 1 FROM app.orders x WHERE x.id = w.id\n"
        "            AND age((x.updated_at AT TIME ZONE 'Etc/UTC')) > '1 year')",
        language="sql",
    ),
    "dynamic SQL": Case(
        source="BEGIN\n EXECUTE format('UPDATE app.%I SET updated_at = $1', 'orders')\n"
        " USING localtimestamp;\nEND",
        places=((2, CLOSED, POSSIBLE),),
    ),
    "text that is not understood": Case(
        source="BEGIN\n UPDATE app.orders SET placed_at = now();\n"
        " FROBNICATE IF NOT;\n IF x THEN;\nEND",
        places=((5, CLOSED, POSSIBLE),),
    ),
    "another language": Case(
        source="plan = plpy.prepare('UPDATE app.orders SET placed_at = now()')",
        places=((1, CLOSED, POSSIBLE),),
        language="plpython3u",
    ),
    "names in comments and strings only": Case(
        source="BEGIN\n -- app.orders.placed_at := localtimestamp\n"
        " RAISE NOTICE 'app.orders.placed_at';\nEND",
        places=(),
    ),
    "a handler, a cursor, labels and CASE": Case(
        source="<<outer>>\nDECLARE\n c CURSOR FOR SELECT placed_at FROM app.orders;\n"
        " d date;\nBEGIN\n FOR r IN c LOOP\n  EXIT outer WHEN r.placed_at < now();\n"
        "  CASE WHEN r.placed_at > localtimestamp THEN NULL; ELSE NULL; END CASE;\n"
        " END LOOP;\n OPEN c; FETCH c INTO d; CLOSE c;\n"
        "EXCEPTION WHEN others THEN NULL;\nEND outer;",
        places=((3, READS, LIKELY), (8, READS, LIKELY)),
    ),
}


@pytest.mark.parametrize("name", WHOLE)
def test_a_whole_function_is_followed(name: str) -> None:
    case = WHOLE[name]
    of = routine(case.source, language=case.language, **case.more)

    report = analyse(of, AROUND)
    done = rewrite(of)

    assert tuple((p.line, p.effect, p.certainty) for p in report.places) == case.places
    assert done.text == case.after
    if case.after is not None:
        assert done.refused == ()
        again = rewrite(routine(case.after, language=case.language, **case.more))
        assert again.refused == ()


def test_a_name_that_a_trigger_hands_over_is_likely_written() -> None:
    of = on_trigger(
        "NEW := jsonb_populate_record(NEW, jsonb_build_object(TG_ARGV[0], now()));",
        trigger_arguments=("updated_at",),
    )

    (place,) = [p for p in analyse(of, AROUND).places if p.effect is WRITES]

    assert (place.line, place.certainty) == (3, LIKELY)
    assert place.columns == {("app", "orders", "updated_at")}


def test_a_trigger_of_two_tables_is_rewritten_only_if_both_convert() -> None:
    of = routine(
        "BEGIN NEW.opens_at := localtimestamp; NEW.updated_at := localtimestamp;"
        " RETURN NEW; END",
        result="trigger",
        attached=(("app", "menu"), ("app", "orders")),
    )

    done = rewrite(of)

    assert done.text is not None
    assert "NEW.opens_at := localtimestamp" in done.text
    assert "NEW.updated_at := CURRENT_TIMESTAMP" in done.text


def test_columns_of_two_zones_are_not_mixed() -> None:
    of = on_trigger("NEW.note := coalesce(NEW.placed_at, NEW.updated_at)::text;")
    zones = CONVERTING | {("app", "orders", "updated_at"): "Europe/Paris"}

    done = rewrite_routine_source(
        of.source, "plpgsql", zones, RoutineContext(routine=of, around=AROUND)
    )

    assert done.text is None
    assert [p.line for p in done.refused] == [3]


def test_changes_name_line_and_text() -> None:
    done = rewrite(on_trigger("NEW.updated_at := now() AT TIME ZONE 'utc';"))

    assert done.changes == ((3, "now() AT TIME ZONE 'utc'", "now()"),)


def test_excerpt_and_suggestion_say_where_and_what() -> None:
    (place,) = analyse(
        on_trigger("NEW.updated_at := now() AT TIME ZONE 'utc';"), AROUND
    ).places

    assert (place.line, place.column) == (3, 21)
    assert place.excerpt == "now() AT TIME ZONE 'utc'"
    assert place.suggestion == "write now() instead, if utc is the column's zone"


def test_the_inverse_statement_is_the_old_definition() -> None:
    before = (
        "CREATE OR REPLACE FUNCTION app.f()\n RETURNS text\n LANGUAGE sql\n"
        "AS $function$SELECT 'x'$function$\n"
    )

    up, down = routine_statements(before, "SELECT '$function$'")

    assert down == before.rstrip()
    assert up.endswith("AS $functionx$SELECT '$function$'$functionx$")


def test_a_body_that_is_no_string_has_no_statement() -> None:
    with pytest.raises(ValueError, match="dollar"):
        routine_statements("CREATE FUNCTION f() RETURNS int\nRETURN 1", "x")


def test_an_overload_calls_the_old_function() -> None:
    of = routine("", arguments=SINCE, result="bigint")

    assert overload(of, "Etc/UTC") == (
        'CREATE FUNCTION "app"."f"("since" timestamptz) RETURNS bigint LANGUAGE sql'
        ' AS $$ SELECT "app"."f"("since" AT TIME ZONE \'Etc/UTC\') $$'
    )


def test_the_lexer_reads_what_the_scanner_reads() -> None:
    text = r"""a.B:=1..2 E'x\'y' $q$ it's $q$ U&"d" /* /* */ */ x<=-1 -- z"""

    tokens = [(t.sort, t.value) for t in tokenize(text)]

    assert tokens == [
        (Sort.NAME, "a"),
        (Sort.PUNCTUATION, "."),
        (Sort.NAME, "b"),
        (Sort.PUNCTUATION, ":="),
        (Sort.NUMBER, "1"),
        (Sort.PUNCTUATION, ".."),
        (Sort.NUMBER, "2"),
        (Sort.STRING, "x'y"),
        (Sort.STRING, " it's "),
        (Sort.QUOTED, "d"),
        (Sort.NAME, "x"),
        (Sort.OPERATOR, "<="),
        (Sort.OPERATOR, "-"),
        (Sort.NUMBER, "1"),
        (Sort.END, ""),
    ]


@pytest.mark.parametrize("text", ["'a", '"a', "$x$a", "/* a", "a \0"])
def test_text_without_an_end_is_not_read(text: str) -> None:
    with pytest.raises(Unreadable):
        tokenize(text)
