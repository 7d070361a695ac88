-- title: index expressions and predicates that mean the same for instants
-- facts: 6.3 IS NULL, isfinite, ARRAY[c], CASE, WHERE c IS NOT NULL
-- plain: ok
-- convert: orders.placed_at
-- query: SELECT relname FROM pg_class WHERE relkind = 'i' AND relnamespace = 2200 AND relname <> 'alembic_version_pkc' ORDER BY 1
CREATE TABLE orders (id int PRIMARY KEY, placed_at timestamp, note text);
INSERT INTO orders VALUES
    (1, '2024-01-15 12:30:00.123456', 'a'), (2, NULL, 'b'), (3, 'infinity', 'c'),
    (4, '-infinity', 'd'), (5, '0044-03-15 12:00:00 BC', 'e'),
    (6, '1999-12-31 23:59:59.999999', 'f'), (7, '2024-07-01 00:00:00', 'g');
CREATE INDEX a ON orders ((placed_at IS NULL));
CREATE INDEX b ON orders (isfinite(placed_at));
CREATE INDEX c ON orders ((ARRAY[placed_at]));
CREATE INDEX d ON orders ((CASE WHEN id > 0 THEN placed_at END));
CREATE INDEX e ON orders (id) WHERE placed_at IS NOT NULL;
CREATE INDEX f ON orders (note) WHERE isfinite(placed_at);
CREATE INDEX g ON orders (placed_at) WHERE id > 3;
