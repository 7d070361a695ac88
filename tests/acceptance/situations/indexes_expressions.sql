-- title: index expressions that are not immutable for instants
-- facts: 6.3
-- plain: 42P17
-- zone: Europe/Berlin
-- convert: orders.placed_at
-- query: SELECT relname, obj_description(c.oid, 'pg_class') FROM pg_class c
--   WHERE relkind = 'i' AND relnamespace = 2200 AND relname <> 'alembic_version_pkc' ORDER BY 1
-- query: SELECT id FROM orders WHERE {placed_at}::date = '2024-01-15'
CREATE TABLE orders (id int PRIMARY KEY, placed_at timestamp, note text);
INSERT INTO orders VALUES
    (1, '2024-01-15 12:30:00.123456', 'a'), (2, NULL, 'b'), (3, 'infinity', 'c'),
    (4, '-infinity', 'd'), (5, '0044-03-15 12:00:00 BC', 'e'),
    (6, '1999-12-31 23:59:59.999999', 'f'), (7, '2024-07-01 00:00:00', 'g');
CREATE INDEX by_day ON orders (date_trunc('day', placed_at));
CREATE INDEX by_date ON orders ((placed_at::date) DESC, (placed_at::time)) INCLUDE (note);
CREATE INDEX by_year ON orders ((date_part('year', placed_at)), lower(note))
    WITH (fillfactor = 61);
CREATE UNIQUE INDEX next_day ON orders ((placed_at + interval '1 day'), id);
CREATE INDEX by_epoch ON orders ((extract(epoch FROM placed_at))) WHERE id > 2;
CREATE INDEX shifted ON orders ((placed_at + interval '1 hour')) WHERE placed_at IS NOT NULL;
ALTER INDEX by_date ALTER COLUMN 1 SET STATISTICS 321;
COMMENT ON INDEX by_day IS 'one a day';
ALTER TABLE orders CLUSTER ON by_year;
