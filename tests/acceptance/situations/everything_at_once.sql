-- title: one table with every kind of dependent
-- facts: 4, 6, 7
-- plain 13-14: 0A000 42601
-- plain: 0A000
-- zone: America/New_York
-- convert: orders.placed_at, orders.shipped_at, stay.since, history.seen
-- zoned: shown.placed_at, above.placed_at, stored.placed_at, lived.since
-- differs: history.was, history.stays
-- query: SELECT id, {(was).placed_at}, (was).day, {(stays[1]).since} FROM history ORDER BY id
-- query: SELECT {(first_stay()).since}, {first_seen()}
-- query: INSERT INTO shown (id, placed_at) VALUES (50, {timestamp '2024-03-03 03:03'})
--   RETURNING {placed_at}
-- query: UPDATE orders SET placed_at = {timestamp '2024-01-10 03:03'} WHERE id = 1
--   RETURNING day, note
-- query: SET LOCAL ROLE tzt_reader; SELECT id FROM orders ORDER BY id
-- query: REFRESH MATERIALIZED VIEW stored; SELECT id, {placed_at} FROM stored ORDER BY id
CREATE TABLE orders (
    id int PRIMARY KEY, placed_at timestamp NOT NULL DEFAULT '2020-01-01',
    shipped_at timestamp UNIQUE DEFAULT '2024-03-04', note text,
    day date GENERATED ALWAYS AS (placed_at::date) STORED,
    CONSTRAINT modern CHECK (placed_at > '1990-01-01'), CHECK (placed_at < shipped_at),
    CONSTRAINT alone EXCLUDE USING gist (tsrange(placed_at, shipped_at) WITH &&)
);
INSERT INTO orders VALUES (1, '2024-01-15 12:30:00.123456', '2024-01-16', 'a'),
    (6, '1999-12-31 23:59:59.999999', '2000-01-01 00:30', 'b'),
    (7, '2024-07-01', 'infinity', 'c');
CREATE TABLE log (order_id int, shipped_on date);
CREATE INDEX by_day ON orders (date_trunc('day', placed_at));
CREATE INDEX recent ON orders (id) WHERE placed_at > '2024-01-01';
CREATE STATISTICS pair ON placed_at, note FROM orders;
CREATE FUNCTION mark() RETURNS trigger LANGUAGE plpgsql
    AS $$BEGIN new.note := concat(new.note, tg_name); RETURN new; END$$;
CREATE TRIGGER moved BEFORE UPDATE OF placed_at ON orders FOR EACH ROW
    WHEN (new.placed_at > '2024-01-01') EXECUTE FUNCTION mark();
CREATE RULE shipped AS ON UPDATE TO orders WHERE new.shipped_at > '2025-01-01'
    DO ALSO INSERT INTO log VALUES (new.id, new.shipped_at::date);
ALTER TABLE orders ENABLE ROW LEVEL SECURITY;
CREATE POLICY recent_ones ON orders TO tzt_reader USING (placed_at > '2000-01-01');
GRANT SELECT ON orders TO tzt_reader;
CREATE VIEW shown AS SELECT id, placed_at FROM orders WHERE placed_at < 'infinity'
    WITH CHECK OPTION;
CREATE VIEW above AS SELECT *, placed_at::time AS clock FROM shown;
CREATE MATERIALIZED VIEW stored AS SELECT id, placed_at FROM above;
CREATE UNIQUE INDEX ON stored (id);
GRANT SELECT ON shown TO tzt_reader;
COMMENT ON VIEW above IS 'on top';
CREATE TYPE stay AS (room text, since timestamp);
CREATE DOMAIN moment AS timestamp CHECK (VALUE > '1990-01-01');
CREATE TABLE history (id int PRIMARY KEY, was orders, stays stay[], seen moment,
    CHECK ((was).placed_at > '1990-01-01'));
INSERT INTO history SELECT id, o, ARRAY[ROW('7', placed_at)::stay], placed_at FROM orders o;
CREATE INDEX by_stay ON history (((stays[1]).since));
CREATE VIEW lived AS SELECT h.id, (h.stays[1]).since, (h.was).day FROM history h;
CREATE FUNCTION first_stay() RETURNS stay LANGUAGE sql STABLE
    AS $$SELECT stays[1] FROM history ORDER BY id LIMIT 1$$;
CREATE FUNCTION first_seen() RETURNS moment LANGUAGE sql STABLE
    AS $$SELECT seen FROM history ORDER BY id LIMIT 1$$;
COMMENT ON FUNCTION first_seen() IS 'the first';
CREATE VIEW has_seen AS SELECT order_id FROM log WHERE first_seen() IS NOT NULL;
