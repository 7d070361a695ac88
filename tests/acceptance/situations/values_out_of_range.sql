-- title: the first and the last moment, in a zone that moves them out of range
-- facts: 9
-- zone: America/New_York
-- plain: 22008
-- refuse: t.at TZ311
CREATE TABLE t (id int PRIMARY KEY, at timestamp);
INSERT INTO t VALUES (1, '294276-12-31 23:59:59.999999'), (2, '4714-11-24 00:00:00 BC');
