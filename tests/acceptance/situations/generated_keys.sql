-- title: generated columns with keys, checks, domains and statistics of their own
-- facts: 7.4, 4 the generated column itself
-- plain 13-14: 42601
-- plain: 0A000
-- zone: Europe/Berlin
-- convert: orders.placed_at, orders.due_at, orders.opens_at, orders.same_at
-- query: INSERT INTO orders VALUES (50, {timestamp '2024-03-03 23:03'}, '2024-03-03', 5)
--   RETURNING number, day, {due_at}, {opens_at}, {same_at}
CREATE DOMAIN weekday AS int CHECK (VALUE BETWEEN 1 AND 7);
CREATE TABLE orders (
    id int NOT NULL, placed_at timestamp, opened date, amount int,
    number text COLLATE "C" GENERATED ALWAYS AS (left(id::text, 1) || date_part('year', placed_at)
        || date_part('month', placed_at) || date_part('day', placed_at)) STORED,
    day date GENERATED ALWAYS AS (placed_at) STORED NOT NULL,
    weekday weekday GENERATED ALWAYS AS (extract(isodow FROM placed_at)) STORED,
    due_at timestamp(3) GENERATED ALWAYS AS (placed_at + interval '30 days') STORED,
    opens_at timestamp GENERATED ALWAYS AS (opened) STORED,
    same_at timestamp GENERATED ALWAYS AS (placed_at) STORED,
    CONSTRAINT orders_pkey PRIMARY KEY (number),
    CONSTRAINT orders_day UNIQUE (day, due_at) DEFERRABLE,
    CONSTRAINT orders_later CHECK (day > '1999-12-30' AND amount >= 0) NOT VALID,
    CONSTRAINT orders_order CHECK (due_at > placed_at)
);
CREATE TABLE lines (number text COLLATE "C" REFERENCES orders, id int PRIMARY KEY);
INSERT INTO orders VALUES (1, '2024-01-15 12:30:00.123456', '2024-02-01', 1),
    (6, '1999-12-31 23:59:59.999999', '2024-02-02', 1), (7, '2024-07-01 00:00:00', NULL, 2);
INSERT INTO lines VALUES ('12024115', 1);
CREATE UNIQUE INDEX orders_same ON orders (same_at, opens_at) INCLUDE (day);
CREATE INDEX orders_upper ON orders (upper(number)) WHERE weekday > 2;
CREATE STATISTICS orders_days (ndistinct) ON day, weekday FROM orders;
COMMENT ON CONSTRAINT orders_day ON orders IS 'one a day';
COMMENT ON CONSTRAINT orders_pkey ON orders IS 'by number';
COMMENT ON CONSTRAINT orders_later ON orders IS 'later';
COMMENT ON COLUMN orders.number IS 'year, month, day';
ALTER TABLE orders ALTER number SET STORAGE EXTERNAL, ALTER number SET (n_distinct = -1);
ALTER TABLE orders CLUSTER ON orders_pkey;
ALTER TABLE orders REPLICA IDENTITY USING INDEX orders_pkey;
ALTER STATISTICS orders_days SET STATISTICS 44;
