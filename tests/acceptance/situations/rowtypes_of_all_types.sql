-- title: stored rows hold values of many types, under names that bite
-- facts: 4 row type of t stored in a column, 7.8
-- plain: 42804
-- convert: "Or""ders".at, "Or""ders".r, "Or""ders".days
-- zoned: h.at, h.first, mh.at, mh.first
-- differs: "His:tory".was, "His:tory".hist, kid.was, kid.hist, h.was, mh.was
-- query: SELECT id, {(was).at}, {(was).days[1]}, ((was).o).f, (was).f, ((was).o).i, ((was).o).b, ((was).o).m, ((was).o).j, ((was).o).t, (was).tz, (was).d FROM "His:tory" ORDER BY id
-- query: SELECT id, low, day, f FROM mh ORDER BY id
CREATE TYPE inner_t AS (f float8, i interval, b bytea, m money, j jsonb, t timetz);
CREATE TABLE "Or""ders" (id int, at timestamp, f float4, tz timestamptz, o inner_t, r tsrange, days timestamp[], d date);
INSERT INTO "Or""ders" VALUES (1,'2024-03-10 12:30', 0.1, '2024-11-03 01:30-04', ROW(1e-310,'1 mon -3 days 04:05:06.7','\x00ff',12.34,'{"a":[1,"x, y"]}','01:02+03'), '[2024-01-01,infinity)', '{2024-01-01,NULL}', '0044-03-15 BC');
CREATE TABLE "His:tory" (id serial PRIMARY KEY, "was" "Or""ders" NOT NULL, hist "Or""ders"[] DEFAULT NULL, CHECK (("was").id > 0));
CREATE UNIQUE INDEX ON "His:tory" ((("was").d));
INSERT INTO "His:tory" (was, hist) SELECT zz, ARRAY[zz,zz] FROM "Or""ders" zz;
ALTER TABLE "His:tory" ALTER was SET STORAGE EXTERNAL, ALTER was SET STATISTICS 77;
CREATE VIEW h AS SELECT id, was, (was).at, (was).days[1] AS first, lower((was).r) AS low, (hist[1]).at::date AS day, ((was).o).f FROM "His:tory";
CREATE TABLE kid () INHERITS ("His:tory");
INSERT INTO kid (was) SELECT zz FROM "Or""ders" zz;
CREATE MATERIALIZED VIEW mh AS SELECT * FROM h;
