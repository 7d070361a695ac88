-- title: the two sides of a foreign key are declared in two zones
-- facts: 7.9
-- zone: public.visits.at=Europe/Berlin
-- alter: ALTER TABLE days ALTER at TYPE timestamptz USING at AT TIME ZONE 'Asia/Tokyo'
-- plain: 23503
-- refuse: days.at TZ118, visits.at TZ118
CREATE TABLE days (at timestamp PRIMARY KEY, note text);
INSERT INTO days VALUES ('2024-01-15 12:30:00.123456', 'a'), ('infinity', 'b'),
    ('-infinity', 'c'), ('0044-03-15 12:00:00 BC', 'd'), ('2024-07-01', 'e');
CREATE TABLE visits (id int PRIMARY KEY, at timestamp REFERENCES days);
INSERT INTO visits VALUES (1, '2024-01-15 12:30:00.123456'), (2, 'infinity'), (3, NULL);
