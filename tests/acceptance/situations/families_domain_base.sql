-- title: the policy turns columns of a domain into its base type
-- facts: 10 domain
-- policy: domains = "base"
-- plain: ok
-- convert: t.at
-- query: INSERT INTO t (id) VALUES (50) RETURNING {at}
CREATE DOMAIN moment AS timestamp;
CREATE TABLE t (id int PRIMARY KEY, at moment);
INSERT INTO t VALUES (1, '2024-01-15 12:30:00.123456'), (2, NULL), (3, 'infinity');
