-- title: a view has the column in WHERE, ORDER BY or a join alone
-- facts: 4 view
-- plain: 0A000
-- convert: orders.placed_at, visits.seen_at
CREATE TABLE visits (id int PRIMARY KEY, seen_at timestamp);
INSERT INTO visits VALUES (1, '2024-01-15 12:30:00.123456'), (2, 'infinity'),
    (3, NULL), (4, '2024-01-15 00:00:00'), (5, '0044-03-15 12:00:00 BC');
CREATE TABLE orders (id int PRIMARY KEY, placed_at timestamp, note text);
INSERT INTO orders VALUES
    (1, '2024-01-15 12:30:00.123456', 'a'), (2, NULL, 'b'), (3, 'infinity', 'c'),
    (4, '-infinity', 'd'), (5, '0044-03-15 12:00:00 BC', 'e'),
    (6, '1999-12-31 23:59:59.999999', 'f'), (7, '2024-07-01 00:00:00', 'g');
CREATE VIEW old AS SELECT id, note FROM orders WHERE placed_at < '2000-01-01';
CREATE VIEW latest AS
    SELECT id FROM orders WHERE isfinite(placed_at) ORDER BY placed_at DESC LIMIT 2;
CREATE VIEW met AS
    SELECT o.id, v.id AS visit FROM orders o JOIN visits v ON v.seen_at = o.placed_at;
CREATE VIEW same_day AS
    SELECT o.id, v.id AS visit FROM orders o
    JOIN visits v ON date_trunc('day', v.seen_at) = date_trunc('day', o.placed_at);
