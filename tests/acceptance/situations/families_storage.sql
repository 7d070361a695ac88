-- title: storage and compression of arrays and ranges
-- facts: 3
-- min: 14
-- plain: ok
-- silent: SELECT attrelid::regclass::text, attname, attstorage, attcompression FROM pg_attribute
--   WHERE attrelid::regclass::text IN ('t', 't1', 'u', 'kid') AND attlen = -1 ORDER BY 1, 2
-- alter: ALTER TABLE t ALTER days TYPE timestamptz[]
-- convert: t.days, t.slot, u.days, u.slots
-- zone: Europe/Berlin
CREATE TABLE t (id int PRIMARY KEY, days timestamp[], slot tsrange) PARTITION BY RANGE (id);
CREATE TABLE t1 PARTITION OF t DEFAULT;
INSERT INTO t VALUES (1, '{2024-01-15 12:30:00.123456,infinity}', '[2024-01-01,2024-02-01)'), (2, NULL, NULL);
ALTER TABLE ONLY t ALTER days SET STORAGE EXTERNAL, ALTER slot SET COMPRESSION pglz;
ALTER TABLE t1 ALTER days SET STORAGE MAIN, ALTER days SET COMPRESSION pglz, ALTER slot SET STORAGE EXTERNAL;
CREATE DOMAIN moments AS timestamp[] CHECK (cardinality(value) < 9);
CREATE TABLE u (days moments, slots tsmultirange, note text);
INSERT INTO u VALUES ('{2024-07-15 12:30}', '{[2024-01-01,2024-02-01)}', 'a');
ALTER TABLE u ALTER days SET STORAGE PLAIN, ALTER days SET COMPRESSION pglz,
    ALTER slots SET STORAGE EXTERNAL, ALTER slots SET COMPRESSION default, ALTER note SET STORAGE EXTERNAL;
CREATE TABLE kid () INHERITS (u);
ALTER TABLE kid ALTER days SET STORAGE EXTENDED, ALTER slots SET COMPRESSION pglz;
