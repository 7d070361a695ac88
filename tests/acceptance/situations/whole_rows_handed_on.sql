-- title: whole rows that are handed on, counted, tested or compared keep their meaning
-- facts: 6.1
-- plain: ok
-- zone: America/New_York
-- convert: orders.placed_at
-- query: SELECT * FROM counted
-- query: SELECT * FROM pairs ORDER BY id
-- query: SET LOCAL ROLE tzt_reader; SELECT id FROM orders ORDER BY id
-- query: UPDATE orders SET note = note RETURNING id, note
CREATE TABLE orders (id int PRIMARY KEY, placed_at timestamp, note text);
CREATE VIEW counted AS SELECT count(o) AS n, count(*) FILTER (WHERE o IS NOT NULL) AS full
    FROM orders o;
CREATE VIEW pairs AS SELECT a.id FROM orders a JOIN orders b ON a = b;
INSERT INTO orders VALUES
    (1, '2024-01-15 12:30:00.123456', 'a'), (2, NULL, 'b'), (3, 'infinity', 'c'),
    (4, '-infinity', 'd'), (5, '0044-03-15 12:00:00 BC', 'e'),
    (6, '1999-12-31 23:59:59.999999', 'f'), (7, '2024-07-01 00:00:00', 'g');
ALTER TABLE orders ADD CONSTRAINT not_empty CHECK (NOT orders IS NULL);
ALTER TABLE orders ENABLE ROW LEVEL SECURITY;
CREATE POLICY whole ON orders FOR SELECT TO tzt_reader USING (orders IS NOT NULL);
GRANT SELECT ON orders TO tzt_reader;
CREATE FUNCTION mark() RETURNS trigger LANGUAGE plpgsql AS
    $$BEGIN new.note := concat(new.note, '!'); RETURN new; END$$;
CREATE TRIGGER changed BEFORE UPDATE ON orders FOR EACH ROW
    WHEN (old.* IS DISTINCT FROM new.*) EXECUTE FUNCTION mark();
