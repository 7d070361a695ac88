-- title: partitions and children without the default of their parent
-- facts: 9
-- plain: ok
-- silent: INSERT INTO t (id) VALUES (50) RETURNING {at} = now() AT TIME ZONE 'UTC'
-- convert: t.at, t.p3, t.exact, parent.p3
-- query: INSERT INTO t_1 (id) VALUES (1) RETURNING {p3}, {exact}, {at}
-- query: INSERT INTO t (id) VALUES (50) RETURNING {at} = now() AT TIME ZONE 'UTC'
-- query: INSERT INTO child (id) VALUES (50) RETURNING {p3}
CREATE DOMAIN moment AS timestamp;
CREATE TABLE t (id int, at timestamp DEFAULT (now() AT TIME ZONE 'utc'),
    p3 timestamp(3) DEFAULT '2024-01-01', exact moment DEFAULT '2024-02-02') PARTITION BY LIST (id);
CREATE TABLE t_1 (id int, at timestamp, p3 timestamp(3), exact moment);
ALTER TABLE t ATTACH PARTITION t_1 FOR VALUES IN (1, 2);
CREATE TABLE t_2 PARTITION OF t (p3 DEFAULT NULL) DEFAULT;
INSERT INTO t VALUES (1, '2024-01-15 12:30:00.123456', '2024-07-01', NULL),
    (9, NULL, '1999-12-31 23:59:59.999', '2024-01-15 12:30');
CREATE TABLE parent (id int, p3 timestamp(3) DEFAULT now());
CREATE TABLE child () INHERITS (parent);
ALTER TABLE child ALTER p3 DROP DEFAULT;
