-- title: text that is made of whole rows would differ with the session
-- facts: 6.1
-- plain: ok
-- alter: ALTER TABLE orders ALTER placed_at TYPE timestamptz
-- silent: SELECT id FROM kept ORDER BY id
-- refuse: orders.placed_at TZ145
-- refuse: parcels.sent_at TZ145
-- query: SELECT id FROM kept ORDER BY id
CREATE TABLE orders (id int PRIMARY KEY, placed_at timestamp, note text);
INSERT INTO orders VALUES
    (1, '2024-01-15 12:30:00.123456', 'a'), (2, NULL, 'b'), (3, 'infinity', 'c'),
    (4, '-infinity', 'd'), (5, '0044-03-15 12:00:00 BC', 'e'),
    (6, '1999-12-31 23:59:59.999999', 'f'), (7, '2024-07-01 00:00:00', 'g');
ALTER TABLE orders ADD CONSTRAINT quiet CHECK (orders::text NOT LIKE '%13:13%');
CREATE VIEW kept AS SELECT o.id FROM orders o WHERE o::text LIKE '%2024-01-15 12:%';
CREATE TABLE parcels (id int PRIMARY KEY, sent_at timestamp);
INSERT INTO parcels VALUES (1, '2024-01-15 12:30');
CREATE MATERIALIZED VIEW stored AS SELECT id, to_jsonb(p) ->> 'sent_at' AS at FROM parcels p;
