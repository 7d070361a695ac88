-- title: a domain with CHECK, default and NOT NULL
-- facts: 10 domain over ts
-- alter: ALTER DOMAIN moment TYPE timestamptz
-- plain: 42601
-- zone: America/New_York
-- convert: t.at, u.at
-- query: INSERT INTO t (id) VALUES (50) RETURNING {at}
-- query: INSERT INTO t VALUES (50, {timestamp '1999-12-31 23:30'}); SELECT 'error expected'
-- query: INSERT INTO t VALUES (50, {timestamp '2000-01-01 00:00'}) RETURNING id
-- query: INSERT INTO t VALUES (50, NULL); SELECT 'error expected'
CREATE DOMAIN moment AS timestamp DEFAULT '2020-01-01 10:00' NOT NULL
    CONSTRAINT modern CHECK (value >= '2000-01-01')
    CONSTRAINT not_too_late CHECK (value < 'infinity');
COMMENT ON DOMAIN moment IS 'a moment of ours';
COMMENT ON CONSTRAINT modern ON DOMAIN moment IS 'nothing older';
CREATE TABLE t (id int PRIMARY KEY, at moment);
CREATE TABLE u (id int PRIMARY KEY, at moment DEFAULT '2021-01-01');
INSERT INTO t VALUES (1, '2024-01-15 12:30:00.123456'), (2, '2000-01-01');
INSERT INTO u VALUES (1, '2024-07-01');
CREATE INDEX ON t (at);
ALTER DOMAIN moment OWNER TO tzt_owner;
GRANT USAGE ON TYPE moment TO tzt_reader;
