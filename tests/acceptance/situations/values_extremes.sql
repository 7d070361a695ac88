-- title: the first and the last moment in UTC, and local mean time elsewhere
-- facts: 9
-- zone: public.t.lmt=Asia/Kathmandu
-- plain: ok
-- convert: t.at, t.lmt
CREATE TABLE t (id int PRIMARY KEY, at timestamp, lmt timestamp);
INSERT INTO t VALUES (1, '294276-12-31 23:59:59.999999', '1850-01-01 12:00:00.000001'),
    (2, '4714-11-24 00:00:00 BC', '0001-01-01 00:00:00'), (3, 'infinity', '-infinity'),
    (4, '10000-01-01', '9999-12-31 23:59:59.999999'), (5, '0001-01-01 BC', '1985-06-01');
