-- title: views above views that hand on columns of a domain
-- facts: 7.1, 10 domain
-- alter: ALTER TABLE t ALTER at TYPE timestamptz
-- plain: 0A000
-- zone: America/New_York
-- convert: t.at, t.exact
-- zoned: v.at, v.exact, w.exact
-- query: SELECT id, at::text, exact::text, later, day, clock, late FROM above ORDER BY id
-- query: UPDATE v SET at = {timestamp '2024-03-03 03:03'} WHERE id = 3;
--   SELECT {at} FROM t ORDER BY id
CREATE DOMAIN moment AS timestamp CHECK (value > '1900-01-01');
CREATE DOMAIN short AS timestamp(3);
CREATE DOMAIN shorter AS short CHECK (value > '1800-01-01');
CREATE TABLE t (id int PRIMARY KEY, at moment, exact shorter);
INSERT INTO t VALUES (1, '2024-01-15 12:30:00.123456', '2024-01-15 12:30:00.123'),
    (2, NULL, NULL), (3, '1999-12-31 23:59:59.999999', 'infinity');
CREATE VIEW v AS SELECT id, at, exact FROM t WHERE greatest(at, at) > '1950-01-01' OR at IS NULL;
CREATE RULE keep AS ON UPDATE TO v WHERE new.at > '2000-01-01' DO ALSO
    INSERT INTO t VALUES (new.id + 9, new.at, old.exact);
CREATE VIEW w AS SELECT id, at + interval '1 day' AS later, at::text AS at, exact FROM v;
CREATE VIEW above AS SELECT id, later, at, exact::text AS exact, exact::date AS day,
    exact::time AS clock, exact > '2000-01-01' AS late FROM w;
