-- title: partitions and children with the columns in another order
-- facts: 9, 10 tsrange to tstzrange
-- plain: 42804
-- zone: Europe/Berlin
-- convert: t.at, t.span, t.spans, t.p3, parent.span
-- query: INSERT INTO t VALUES (50, {timestamp '2024-03-03 23:03'}) RETURNING {at}
CREATE TABLE t (id int, at timestamp, span tsrange, spans timestamp[], p3 timestamp(3))
    PARTITION BY LIST (id);
CREATE TABLE t_1 (span tsrange, p3 timestamp(3), spans timestamp[], gone int, at timestamp, id int);
ALTER TABLE t_1 DROP gone;
ALTER TABLE t ATTACH PARTITION t_1 FOR VALUES IN (1, 50);
CREATE TABLE t_2 PARTITION OF t DEFAULT;
INSERT INTO t VALUES
    (1, '2024-01-15 12:30:00.123456', '[2024-01-15 12:30,2024-02-01)', '{2024-01-15,NULL}', '2024-07-01'),
    (2, NULL, NULL, NULL, NULL), (1, NULL, 'empty', '{}', NULL), (1, 'infinity', '(,)', NULL, '1999-12-31 23:59:59.999');
CREATE INDEX ON t (at, lower(span));
CREATE TABLE parent (id int, span tsrange);
CREATE TABLE child (span tsrange, note text, id int);
ALTER TABLE child INHERIT parent;
INSERT INTO child (span, id) VALUES ('[2024-01-15 12:30,2024-02-01)', 1), (NULL, 2), ('empty', 3);
