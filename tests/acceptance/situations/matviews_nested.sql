-- title: materialized views over views and over each other, and a view on top
-- facts: 7.1
-- plain: 0A000
-- convert: orders.placed_at
-- zoned: base.placed_at, inner_one.placed_at, outer_one.placed_at, above.placed_at
-- query: REFRESH MATERIALIZED VIEW inner_one; REFRESH MATERIALIZED VIEW outer_one;
--   SELECT id, {placed_at} FROM above ORDER BY id
CREATE TABLE orders (id int PRIMARY KEY, placed_at timestamp, note text);
INSERT INTO orders VALUES
    (1, '2024-01-15 12:30:00.123456', 'a'), (2, NULL, 'b'), (3, 'infinity', 'c'),
    (4, '-infinity', 'd'), (5, '0044-03-15 12:00:00 BC', 'e'),
    (6, '1999-12-31 23:59:59.999999', 'f'), (7, '2024-07-01 00:00:00', 'g');
CREATE VIEW base AS SELECT id, placed_at FROM orders;
CREATE MATERIALIZED VIEW inner_one AS
    SELECT *, date_trunc('day', placed_at) AS day FROM base;
CREATE UNIQUE INDEX inner_key ON inner_one (id);
CREATE MATERIALIZED VIEW outer_one AS
    SELECT i.id, i.placed_at, i.day FROM inner_one i JOIN orders o USING (id)
    WHERE o.placed_at < '2024-02-01';
CREATE INDEX outer_day ON outer_one (day);
CREATE VIEW above AS SELECT id, placed_at FROM outer_one;
CREATE MATERIALIZED VIEW counted AS SELECT day, count(*) AS n FROM outer_one GROUP BY 1;
