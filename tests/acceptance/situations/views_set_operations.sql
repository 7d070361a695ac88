-- title: UNION, INTERSECT and EXCEPT over converted columns and naive constants
-- facts: 4 view, 6.4 UNION
-- plain: 0A000
-- convert: orders.placed_at, visits.seen_at
-- either: distinct_times.placed_at, common.placed_at, alone.placed_at,
--   with_constant.placed_at
CREATE TABLE orders (id int PRIMARY KEY, placed_at timestamp, note text);
INSERT INTO orders VALUES
    (1, '2024-01-15 12:30:00.123456', 'a'), (2, NULL, 'b'), (3, 'infinity', 'c'),
    (4, '-infinity', 'd'), (5, '0044-03-15 12:00:00 BC', 'e'),
    (6, '1999-12-31 23:59:59.999999', 'f'), (7, '2024-07-01 00:00:00', 'g');
CREATE TABLE visits (id int PRIMARY KEY, seen_at timestamp);
INSERT INTO visits VALUES (1, '2024-01-15 12:30:00.123456'), (2, 'infinity'),
    (3, NULL), (4, '2024-01-15 00:00:00'), (5, '0044-03-15 12:00:00 BC');
CREATE VIEW distinct_times AS
    SELECT id, placed_at FROM orders UNION SELECT id, seen_at FROM visits;
CREATE VIEW common AS SELECT placed_at FROM orders INTERSECT SELECT seen_at FROM visits;
CREATE VIEW alone AS SELECT placed_at FROM orders EXCEPT ALL SELECT seen_at FROM visits;
CREATE VIEW with_constant AS
    SELECT id, placed_at FROM orders UNION ALL SELECT 0, timestamp '2001-01-01 10:00';
CREATE VIEW days AS
    SELECT placed_at::date AS day FROM orders UNION SELECT seen_at::date FROM visits;
