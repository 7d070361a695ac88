-- title: generated columns of a partitioned table
-- facts: 7.4
-- plain 13-14: 42601 XX000
-- plain: 0A000
-- convert: orders.placed_at, orders.due_at
-- query: INSERT INTO orders VALUES (1, {timestamp '2024-03-03 23:03'}) RETURNING day, {due_at}
CREATE TABLE orders (
    id int, placed_at timestamp,
    day date GENERATED ALWAYS AS (placed_at::date) STORED NOT NULL,
    due_at timestamp GENERATED ALWAYS AS (placed_at + interval '1 day') STORED CHECK (due_at > '1999-01-01')
) PARTITION BY LIST (id);
CREATE TABLE orders_1 PARTITION OF orders FOR VALUES IN (1);
CREATE TABLE orders_2 PARTITION OF orders FOR VALUES IN (2) PARTITION BY LIST (id);
CREATE TABLE orders_2_2 PARTITION OF orders_2 FOR VALUES IN (2);
INSERT INTO orders VALUES (1, '2024-01-15 12:30:00.123456'), (2, '1999-12-31 23:59:59.999999');
CREATE UNIQUE INDEX ON orders (id, day);
CREATE INDEX orders_1_day ON orders_1 (day DESC);
ALTER TABLE orders ADD CONSTRAINT orders_due UNIQUE (id, due_at);
COMMENT ON COLUMN orders_1.day IS 'of partition one';
COMMENT ON COLUMN orders.due_at IS 'of all';
ALTER TABLE orders_2_2 ALTER due_at SET STATISTICS 44;
GRANT SELECT (due_at) ON orders_1 TO tzt_reader;
