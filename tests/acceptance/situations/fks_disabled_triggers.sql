-- title: triggers of a foreign key are disabled
-- facts: 3 state of disabled foreign key triggers
-- silent: SELECT tgrelid::regclass::text, tgenabled, count(*) FROM pg_trigger
--   WHERE tgisinternal AND tgrelid IN ('days'::regclass, 'visits'::regclass)
--   GROUP BY 1, 2 ORDER BY 1, 2
-- alter: ALTER TABLE days ALTER at TYPE timestamptz
-- alter: ALTER TABLE visits ALTER at TYPE timestamptz
-- convert: days.at, visits.at
CREATE TABLE days (at timestamp PRIMARY KEY, note text);
INSERT INTO days VALUES ('2024-01-15 12:30:00.123456', 'a'), ('infinity', 'b'),
    ('-infinity', 'c'), ('0044-03-15 12:00:00 BC', 'd'), ('2024-07-01', 'e');
CREATE TABLE visits (id int PRIMARY KEY, at timestamp REFERENCES days);
INSERT INTO visits VALUES (1, '2024-01-15 12:30:00.123456'), (2, 'infinity'), (3, NULL);
ALTER TABLE visits DISABLE TRIGGER ALL;
INSERT INTO visits VALUES (4, 'infinity');
