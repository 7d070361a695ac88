-- title: foreign keys from and to partitioned tables
-- facts: 7.9, 3
-- alter: ALTER TABLE visits ALTER at TYPE timestamptz USING at AT TIME ZONE 'Asia/Tokyo'
-- plain: 23503
-- convert: slots.at, visits.at
-- query: SELECT conname, conrelid::regclass::text, confrelid::regclass::text
--   FROM pg_constraint WHERE contype = 'f' AND connamespace = 2200 ORDER BY 2, 1, 3
-- query: DELETE FROM slots WHERE room = 1; SELECT count(*) FROM visits
CREATE TABLE slots (room int, at timestamp, PRIMARY KEY (room, at)) PARTITION BY LIST (room);
CREATE TABLE slots_1 PARTITION OF slots FOR VALUES IN (1);
CREATE TABLE slots_2 PARTITION OF slots FOR VALUES IN (2);
INSERT INTO slots VALUES (1, '2024-01-15 12:30:00.123456'), (2, 'infinity');
CREATE TABLE visits (id int, room int, at timestamp,
    FOREIGN KEY (room, at) REFERENCES slots ON DELETE CASCADE) PARTITION BY HASH (id);
CREATE TABLE visits_0 PARTITION OF visits FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE visits_1 PARTITION OF visits FOR VALUES WITH (MODULUS 2, REMAINDER 1);
INSERT INTO visits VALUES (1, 1, '2024-01-15 12:30:00.123456'), (2, 2, 'infinity'),
    (3, NULL, NULL);
