-- title: arrays, of several dimensions, with NULL elements and other lower bounds
-- facts: 10 timestamp[]
-- zone: America/New_York
-- silent: SELECT {days[1]} FROM t WHERE id = 1
-- alter: SET LOCAL TimeZone = 'UTC'
-- alter: ALTER TABLE t ALTER days TYPE timestamptz[], ALTER p3 TYPE timestamptz(3)[]
-- convert: t.days, t.p3
-- query: SELECT id, array_dims(days), {days[1]}, {days[2]}, {days[3]} FROM t ORDER BY id
CREATE TABLE t (id int PRIMARY KEY, days timestamp[], p3 timestamp(3)[]);
INSERT INTO t VALUES
    (1, '{2024-01-15 12:30:00.123456,NULL,infinity}', '{2024-01-15 12:30:00.123}'),
    (2, NULL, '{}'), (3, '[2:3]={2024-01-15,-infinity}', '{NULL}'),
    (4, '{{2024-01-15,2024-01-16},{0044-03-15 12:00 BC,NULL}}', NULL), (5, '{}', NULL);
CREATE INDEX ON t USING gin (days);
