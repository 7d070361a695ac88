-- title: a policy of another table and a SQL-body function read a view
-- facts: 7.1 not recreated: policies and SQL-body functions that read the view
-- min: 14
-- plain: 0A000
-- convert: orders.placed_at
-- zoned: shown.placed_at
-- query: SET LOCAL ROLE tzt_reader; SELECT * FROM notes ORDER BY id
-- query: SELECT count_shown()
CREATE TABLE orders (id int PRIMARY KEY, placed_at timestamp, note text);
INSERT INTO orders VALUES
    (1, '2024-01-15 12:30:00.123456', 'a'), (2, NULL, 'b'), (3, 'infinity', 'c'),
    (4, '-infinity', 'd'), (5, '0044-03-15 12:00:00 BC', 'e'),
    (6, '1999-12-31 23:59:59.999999', 'f'), (7, '2024-07-01 00:00:00', 'g');
CREATE VIEW shown AS SELECT id, placed_at FROM orders WHERE placed_at > '2000-01-01';
CREATE TABLE notes (id int PRIMARY KEY, note text);
INSERT INTO notes VALUES (1, 'x'), (5, 'y'), (7, 'z');
ALTER TABLE notes ENABLE ROW LEVEL SECURITY;
CREATE POLICY of_shown ON notes TO tzt_reader
    USING (id IN (SELECT s.id FROM shown s WHERE s.placed_at < '2025-01-01'));
COMMENT ON POLICY of_shown ON notes IS 'those that are shown';
GRANT SELECT ON notes, shown TO tzt_reader;
CREATE FUNCTION count_shown() RETURNS bigint
    BEGIN ATOMIC SELECT count(*) FROM shown; END;
