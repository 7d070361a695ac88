-- title: the policy widens precisions, so that the table is not rewritten
-- facts: 1 timestamp(3) to timestamptz
-- policy: precision = "widen"
-- plain: ok
-- convert: t.p0, t.p3
CREATE TABLE t (id int PRIMARY KEY, p0 timestamp(0), p3 timestamp(3));
INSERT INTO t VALUES (1, '2024-01-15 12:30:00', '2024-01-15 12:30:00.123'),
    (2, NULL, 'infinity');
