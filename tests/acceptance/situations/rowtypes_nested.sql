-- title: stored rows whose table stores rows, in composite types and domains, in partitions
-- facts: 4 row type of t stored in a column, array, domain column, 7.8
-- plain: 0A000
-- zone: America/New_York
-- convert: orders.placed_at, parts.made_at, wrapped.seen, days.at
-- differs: orders.part, orders.parts, history.was, history.seen, history.of_part, lists.held, pieces.late
-- differs: history_old.was, history_old.seen, history_old.of_part, history_new.was, history_new.seen, history_new.of_part
-- query: SELECT id, {(part).made_at}, (part).code, part IS NULL, cardinality(parts) FROM orders ORDER BY id
-- query: SELECT id, {(was).placed_at}, {((was).part).made_at}, ((was).parts)[1] IS NULL FROM history ORDER BY id
-- query: SELECT id, {(seen).seen}, {((seen).one).placed_at}, (seen).note FROM history ORDER BY id
-- query: SELECT id, {(of_part).made_at}, (of_part).code FROM history ORDER BY id
-- query: SELECT id, {((held).one).placed_at} FROM lists ORDER BY id
-- query: SELECT id, {(late).at} FROM pieces ORDER BY id
-- query: SELECT tableoid::regclass, at, note FROM (SELECT tableoid, {at}, note FROM days) AS d (tableoid, at, note) ORDER BY 2
-- query: SELECT note_of(was), (was).note_of FROM history ORDER BY id
CREATE TABLE parts (gone int, code text, made_at timestamp(3));
ALTER TABLE parts DROP COLUMN gone;
INSERT INTO parts VALUES ('a "b", (c)', '2024-01-15 12:30:00.123'), (NULL, NULL);
CREATE TABLE orders (id int PRIMARY KEY, placed_at timestamp, part parts, parts parts[], note text,
    CHECK ((part).code <> 'never'));
INSERT INTO orders SELECT 1, '2024-07-01 00:00:00', p, ARRAY[p, NULL], 'a' FROM parts p WHERE code IS NOT NULL;
INSERT INTO orders SELECT 2, '0044-03-15 12:00:00 BC', p, '{}', NULL FROM parts p WHERE code IS NULL;
INSERT INTO orders VALUES (3, 'infinity', NULL, NULL, 'c');
CREATE FUNCTION note_of(o orders) RETURNS text LANGUAGE sql STABLE AS $$SELECT o.note$$;
CREATE DOMAIN order_known AS orders CHECK (VALUE IS DISTINCT FROM NULL);
CREATE TYPE wrapped AS (one orders, note text COLLATE "C", seen timestamp);
CREATE TABLE history (id int PRIMARY KEY, was order_known, seen wrapped, of_part parts) PARTITION BY RANGE (id);
CREATE TABLE history_old PARTITION OF history FOR VALUES FROM (0) TO (3);
CREATE TABLE history_new PARTITION OF history DEFAULT;
INSERT INTO history SELECT o.id, o, ROW(o, 'n', timestamp '1999-12-31 23:59:59.999999')::wrapped, o.part FROM orders o;
CREATE INDEX history_was ON history (of_part);
CREATE TABLE lists (id int PRIMARY KEY, held wrapped);
INSERT INTO lists SELECT id, (seen) FROM history;
INSERT INTO lists VALUES (50, NULL), (51, ROW(NULL::orders, NULL, NULL));
CREATE TABLE days (at timestamp, note text) PARTITION BY LIST (note);
CREATE TABLE days_a PARTITION OF days FOR VALUES IN ('a');
CREATE TABLE days_b (note text, at timestamp);
ALTER TABLE days ATTACH PARTITION days_b FOR VALUES IN ('b');
INSERT INTO days VALUES ('2024-01-15 12:30', 'a'), ('2024-07-15 12:30', 'b');
CREATE TABLE pieces (id int PRIMARY KEY, late days_b);
INSERT INTO pieces SELECT 1, b FROM days_b b;
COMMENT ON COLUMN history.was IS 'as it was';
GRANT SELECT (was) ON history TO tzt_reader;
