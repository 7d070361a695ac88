-- title: views, rules, triggers, policies and grants that use a generated column
-- facts: 7.4
-- plain 13-14: 42601
-- plain: 0A000
-- zone: America/New_York
-- convert: orders.placed_at
-- query: INSERT INTO orders VALUES (50, {timestamp '2024-03-03 23:03'}, 'x') RETURNING day
-- query: UPDATE orders SET day = DEFAULT; SELECT count(*) FROM log
-- query: SELECT * FROM days ORDER BY 1; SELECT * FROM weeks ORDER BY 1; SELECT * FROM months ORDER BY 1
-- query: SET LOCAL ROLE tzt_reader; SELECT id, day FROM orders ORDER BY id
CREATE TABLE orders (
    id int PRIMARY KEY, placed_at timestamp, note text,
    day date GENERATED ALWAYS AS (placed_at::date) STORED
);
INSERT INTO orders VALUES (1, '2024-01-15 12:30:00.123456', 'a'), (2, NULL, 'b'),
    (6, '1999-12-31 23:59:59.999999', 'f'), (7, '2024-07-01 00:00:00', 'g');
CREATE TABLE log (day date);
CREATE VIEW days WITH (security_barrier) AS SELECT id, day FROM orders WHERE day > '2000-01-01';
CREATE VIEW weeks AS SELECT DISTINCT day - 7 AS week FROM days;
CREATE MATERIALIZED VIEW months AS SELECT day - 1 AS month FROM orders;
CREATE FUNCTION log() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN INSERT INTO log VALUES (new.day); RETURN new; END';
CREATE TRIGGER changed AFTER UPDATE OF day ON orders FOR EACH ROW EXECUTE FUNCTION log();
CREATE TRIGGER moved AFTER UPDATE ON orders FOR EACH ROW WHEN (old.day <> new.day) EXECUTE FUNCTION log();
CREATE RULE kept AS ON DELETE TO orders WHERE old.day IS NULL DO ALSO DELETE FROM log WHERE day = old.day;
CREATE POLICY later ON orders FOR SELECT TO tzt_reader USING (day > '2000-01-01');
ALTER TABLE orders ENABLE ROW LEVEL SECURITY;
GRANT SELECT ON orders TO tzt_reader;
GRANT SELECT (day), REFERENCES (day) ON orders TO tzt_clerk WITH GRANT OPTION;
GRANT SELECT ON days TO tzt_reader;
COMMENT ON VIEW days IS 'days';
