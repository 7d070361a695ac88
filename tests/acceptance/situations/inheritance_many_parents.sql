-- title: parents of one child differ in columns, checks and defaults, and stand in a fixed order
-- facts: 4 child with two parents, 7.8
-- plain: 42P16
-- zone: America/New_York
-- convert: a.x, b.x, b.y, c.y, a.own
-- query: SELECT inhparent::regclass::text FROM pg_inherits
--   WHERE inhrelid = 'child'::regclass ORDER BY inhseqno
-- query: SELECT attrelid::regclass::text, attname, attinhcount, attislocal
--   FROM pg_attribute WHERE attnum > 0
--   AND attrelid IN ('a'::regclass, 'b'::regclass, 'c'::regclass, 'child'::regclass)
--   ORDER BY 1, 2
-- query: SELECT conrelid::regclass::text, conname, conislocal, coninhcount,
--   obj_description(oid, 'pg_constraint') FROM pg_constraint
--   WHERE contype = 'c' AND connamespace = 2200 ORDER BY 1, 2
-- query: INSERT INTO child (id) VALUES (50) RETURNING {x}, {y}
-- query: INSERT INTO grandchild (id) VALUES (51) RETURNING {x}, {y}
-- query: INSERT INTO a (id) VALUES (52) RETURNING {x}, {own}
CREATE TABLE a (id int PRIMARY KEY, x timestamp DEFAULT '2020-01-01 12:00', own timestamp,
    CONSTRAINT modern CHECK (x > '1990-01-01'), CONSTRAINT known CHECK (id > 0));
CREATE TABLE b (y timestamp DEFAULT '2020-02-02 12:00', x timestamp NOT NULL, z int);
CREATE TABLE c (note text, y timestamp, CONSTRAINT late CHECK (y < '2100-01-01'));
CREATE TABLE child (more int, CONSTRAINT modern CHECK (x > '1990-01-01'),
    x timestamp DEFAULT '2021-01-01 12:00', y timestamp DEFAULT '2021-02-02 12:00')
    INHERITS (c, a, b);
CREATE TABLE grandchild (CONSTRAINT alone CHECK (y > '1991-01-01') NO INHERIT)
    INHERITS (child);
ALTER TABLE grandchild ALTER x DROP DEFAULT, ALTER y SET DEFAULT '2022-02-02 12:00',
    ALTER x SET DEFAULT '2022-01-01 12:00';
COMMENT ON CONSTRAINT late ON c IS 'of all';
COMMENT ON CONSTRAINT late ON child IS 'of the child';
COMMENT ON CONSTRAINT modern ON child IS 'its own';
COMMENT ON CONSTRAINT modern ON grandchild IS 'of the last';
INSERT INTO a VALUES (1, '2024-01-15 12:30:00.123456', '2024-07-01'), (2, 'infinity', NULL);
INSERT INTO b VALUES (NULL, '2024-03-03', 5), ('2024-04-04', '-infinity', 6);
INSERT INTO c VALUES ('n', '0044-03-15 12:00:00 BC');
-- the same keys again: a key of the parent says nothing of its children
INSERT INTO child (id, x, y) VALUES (1, '2024-05-05', '2024-06-06'), (1, '2024-05-06', NULL);
INSERT INTO grandchild (id, x, y) VALUES (1, '2024-05-07', '2024-06-06'), (2, '2024-05-08', NULL);
CREATE INDEX ON child (x, y);
CREATE INDEX ON grandchild (date_trunc('day', x));
CREATE VIEW of_all AS SELECT id, x < own AS before FROM a;
