-- title: an exclusion constraint over a range of two columns
-- facts: 4, 7.6
-- plain: 42883
-- zone: Europe/Berlin
-- convert: stays.since, stays.until
-- query: INSERT INTO stays VALUES (50, {timestamp '2024-01-31 23:30'}, NULL);
--   SELECT 'error expected'
-- query: INSERT INTO stays VALUES (50, {timestamp '2024-03-01 00:00'}, NULL) RETURNING id
CREATE TABLE stays (id int PRIMARY KEY, since timestamp, until timestamp,
    CONSTRAINT one_at_a_time EXCLUDE USING gist (tsrange(since, until) WITH &&)
        WITH (fillfactor = 77) WHERE (id > 0) DEFERRABLE);
COMMENT ON CONSTRAINT one_at_a_time ON stays IS 'alone';
INSERT INTO stays VALUES (1, '2024-01-01', '2024-02-01'),
    (2, '2024-02-01', '2024-02-15 12:30:00.123456'), (3, '-infinity', '0044-03-15 BC');
