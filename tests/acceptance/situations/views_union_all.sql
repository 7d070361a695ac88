-- title: a view puts rows of several tables together
-- facts: 4 view, 6.4 UNION
-- plain: 0A000
-- zone: Europe/Berlin
-- convert: orders.placed_at, visits.seen_at
-- zoned: events.at, recent.at
CREATE TABLE orders (id int PRIMARY KEY, placed_at timestamp, note text);
INSERT INTO orders VALUES
    (1, '2024-01-15 12:30:00.123456', 'a'), (2, NULL, 'b'), (3, 'infinity', 'c'),
    (4, '-infinity', 'd'), (5, '0044-03-15 12:00:00 BC', 'e'),
    (6, '1999-12-31 23:59:59.999999', 'f'), (7, '2024-07-01 00:00:00', 'g');
CREATE TABLE visits (id int PRIMARY KEY, seen_at timestamp);
INSERT INTO visits VALUES (1, '2024-01-15 12:30:00.123456'), (2, 'infinity'), (3, NULL);
CREATE VIEW events (kind, at) AS
    SELECT 'order', placed_at FROM orders UNION ALL SELECT 'visit', seen_at FROM visits;
CREATE VIEW recent AS SELECT * FROM events WHERE at > '2024-01-01';
