-- title: a foreign key between two converted columns, in a zone of their own
-- facts: 7.9 convert both sides
-- alter: SET LOCAL TimeZone = 'UTC'
-- alter: ALTER TABLE visits ALTER at TYPE timestamptz USING at AT TIME ZONE 'Asia/Tokyo'
-- plain: 23503
-- zone: Asia/Tokyo
-- convert: days.at, visits.at
-- query: INSERT INTO visits VALUES (50, {timestamp '2024-07-01'}) RETURNING id
-- query: INSERT INTO visits VALUES (50, {timestamp '2024-07-02'}); SELECT 'error expected'
-- query: DELETE FROM days WHERE note = 'a'; SELECT count(*) FROM visits
CREATE TABLE days (at timestamp PRIMARY KEY, note text);
INSERT INTO days VALUES ('2024-01-15 12:30:00.123456', 'a'), ('infinity', 'b'),
    ('-infinity', 'c'), ('0044-03-15 12:00:00 BC', 'd'), ('2024-07-01', 'e');
CREATE TABLE visits (id int PRIMARY KEY, at timestamp,
    CONSTRAINT known FOREIGN KEY (at) REFERENCES days (at) ON DELETE CASCADE);
INSERT INTO visits VALUES (1, '2024-01-15 12:30:00.123456'), (2, 'infinity'), (3, NULL);
COMMENT ON CONSTRAINT known ON visits IS 'a day that we know';
