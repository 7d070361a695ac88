-- title: inheritance children with columns, defaults, checks and indexes of their own
-- facts: 4 inherited column, 7.8
-- alter: ALTER TABLE special ALTER placed_at TYPE timestamptz
-- plain: 42P16
-- zone: America/New_York
-- convert: orders.placed_at, special.extra_at
-- query: SELECT id, {placed_at} FROM ONLY orders ORDER BY id
-- query: INSERT INTO special (id) VALUES (50) RETURNING {placed_at}, {extra_at}
-- query: INSERT INTO orders (id) VALUES (50) RETURNING {placed_at}
CREATE TABLE orders (id int PRIMARY KEY, placed_at timestamp, note text);
INSERT INTO orders VALUES
    (1, '2024-01-15 12:30:00.123456', 'a'), (2, NULL, 'b'), (3, 'infinity', 'c'),
    (4, '-infinity', 'd'), (5, '0044-03-15 12:00:00 BC', 'e'),
    (6, '1999-12-31 23:59:59.999999', 'f'), (7, '2024-07-01 00:00:00', 'g');
ALTER TABLE orders ALTER placed_at SET DEFAULT '2020-01-01';
CREATE TABLE special (extra_at timestamp, placed_at timestamp) INHERITS (orders);
ALTER TABLE special ALTER placed_at SET DEFAULT '2021-01-01 10:00';
CREATE TABLE deeper (more text) INHERITS (special);
INSERT INTO special (id, placed_at, extra_at) VALUES
    (101, '2024-01-15 12:30:00.123456', 'infinity'), (102, NULL, '0044-03-15 BC');
INSERT INTO deeper (id, placed_at) VALUES (201, '-infinity');
CREATE INDEX ON special (placed_at);
CREATE INDEX ON deeper (placed_at, extra_at);
ALTER TABLE special ADD CONSTRAINT ordered CHECK (placed_at < '2100-01-01');
ALTER TABLE orders ADD CONSTRAINT local_one CHECK (note < 'x') NO INHERIT;
