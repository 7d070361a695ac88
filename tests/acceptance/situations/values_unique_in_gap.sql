-- title: a unique key would have two equal values, for one of them never existed
-- facts: 4 unique key, rewrite into a zone with gaps, 9
-- zone: America/New_York
-- plain: 23505
-- refuse: t.at TZ304
CREATE TABLE t (at timestamp PRIMARY KEY);
INSERT INTO t VALUES ('2021-03-14 02:30'), ('2021-03-14 03:30'), ('2021-01-01');
