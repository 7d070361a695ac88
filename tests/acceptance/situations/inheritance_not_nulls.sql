-- title: children declare the NOT NULL of their parents under other names
-- facts: 3, 7.8
-- min: 18
-- plain: 55000
-- zone: America/New_York
-- convert: orders.placed_at, orders.seen, a.x, b.x, c.x, loose.at, loose_child.at
-- query: SELECT conrelid::regclass::text, conname, conislocal, coninhcount,
--     obj_description(oid, 'pg_constraint')
--   FROM pg_constraint WHERE contype = 'n' AND connamespace = 2200
--   AND conrelid::regclass::text !~ 'alembic' ORDER BY 1, 2
-- query: SELECT id, {placed_at}, {seen} FROM ONLY orders ORDER BY id
CREATE TABLE orders (id int PRIMARY KEY, placed_at timestamp CONSTRAINT placed NOT NULL,
    seen timestamp NOT NULL);
CREATE TABLE special (placed_at timestamp CONSTRAINT "special's" NOT NULL, seen timestamp)
    INHERITS (orders);
CREATE TABLE very_special (seen timestamp CONSTRAINT orders_seen_not_null NOT NULL)
    INHERITS (special);
INSERT INTO orders VALUES (1, '2024-01-15 12:30:00.123456', 'infinity');
INSERT INTO special VALUES (2, '0044-03-15 12:00:00 BC', '2024-07-01');
INSERT INTO very_special VALUES (3, '-infinity', '2024-07-01');
COMMENT ON CONSTRAINT "special's" ON special IS 'its own';
CREATE TABLE a (x timestamp CONSTRAINT a_x NOT NULL);
CREATE TABLE b (x timestamp CONSTRAINT b_x NOT NULL);
CREATE TABLE c (x timestamp CONSTRAINT c_x NOT NULL);
ALTER TABLE c INHERIT a;
ALTER TABLE c INHERIT b;
INSERT INTO c VALUES ('2024-01-15 12:30:00.123456');
CREATE TABLE loose (at timestamp CONSTRAINT loose_at NOT NULL NO INHERIT);
CREATE TABLE loose_child (at timestamp CONSTRAINT own_at NOT NULL) INHERITS (loose);
INSERT INTO loose_child VALUES ('2024-01-15 12:30:00.123456');
