-- title: keys within trees of children have a NOT NULL of their own
-- facts: 3, 7.8
-- min: 18
-- plain: 55000
-- zone: America/New_York
-- convert: base.at, a.at, b.at, first.at, second.at, top.at, later.at
-- query: SELECT conrelid::regclass::text, conname, conislocal, coninhcount, convalidated,
--     obj_description(oid, 'pg_constraint')
--   FROM pg_constraint WHERE contype = 'n' AND connamespace = 2200
--   AND conrelid::regclass::text !~ 'alembic' ORDER BY 1, 2
-- query: INSERT INTO credits (id) VALUES (50); SELECT 'error expected'
-- query: SELECT tableoid::regclass::text, id, {at} FROM base ORDER BY 1, 2
CREATE TABLE base (id int NOT NULL, at timestamp NOT NULL);
-- above it there is another name, below it its own
CREATE TABLE invoices (PRIMARY KEY (id, at)) INHERITS (base);
CREATE TABLE credits () INHERITS (invoices);
INSERT INTO base VALUES (1, '0044-03-15 12:00:00 BC');
INSERT INTO invoices VALUES (1, '2024-01-15 12:30:00.123456'), (2, 'infinity');
INSERT INTO credits VALUES (1, '-infinity'), (2, '2024-07-01');
-- what stands between has it from one parent alone, and lends it
CREATE TABLE a (id int, at timestamp);
CREATE TABLE b (id int, at timestamp NOT NULL);
CREATE TABLE between () INHERITS (a, b);
CREATE TABLE keyed (PRIMARY KEY (id, at)) INHERITS (between);
INSERT INTO keyed VALUES (1, '2024-01-15 12:30:00.123456');
-- one of two parents gave it its name
CREATE TABLE first (id int, at timestamp CONSTRAINT one NOT NULL);
CREATE TABLE second (id int, at timestamp CONSTRAINT "the 100% other" NOT NULL);
CREATE TABLE both_of_them () INHERITS (second, first);
CREATE TABLE of_both (PRIMARY KEY (id, at)) INHERITS (both_of_them);
CREATE TABLE without_key () INHERITS (both_of_them);
-- comments of what is inherited only
CREATE TABLE top (id int, at timestamp CONSTRAINT top_at NOT NULL);
CREATE TABLE middle () INHERITS (top);
CREATE TABLE bottom () INHERITS (middle);
COMMENT ON CONSTRAINT top_at ON middle IS 'of the middle';
COMMENT ON CONSTRAINT top_at ON bottom IS 'it''s the last';
INSERT INTO bottom VALUES (1, '2024-01-15 12:30:00.123456');
-- not yet looked at in the parent
CREATE TABLE later (id int, at timestamp);
CREATE TABLE known (at timestamp CONSTRAINT known_at NOT NULL) INHERITS (later);
INSERT INTO later VALUES (1, NULL);
ALTER TABLE later ADD CONSTRAINT later_at NOT NULL at NOT VALID;
