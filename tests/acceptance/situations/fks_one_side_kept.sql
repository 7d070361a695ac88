-- title: one side of a foreign key is declared to stay
-- facts: 7.9
-- alter: ALTER TABLE days ALTER at TYPE timestamptz
-- silent: INSERT INTO visits SELECT 50, at FROM visits WHERE id = 1 RETURNING id
-- refuse: days.at TZ118
-- keep: visits.at
CREATE TABLE days (at timestamp PRIMARY KEY, note text);
INSERT INTO days VALUES ('2024-01-15 12:30:00.123456', 'a'), ('infinity', 'b'),
    ('-infinity', 'c'), ('0044-03-15 12:00:00 BC', 'd'), ('2024-07-01', 'e');
CREATE TABLE visits (id int PRIMARY KEY, at timestamp REFERENCES days);
INSERT INTO visits VALUES (1, '2024-01-15 12:30:00.123456'), (2, 'infinity'), (3, NULL);
