-- title: composite keys with every action, deferrable and not valid
-- facts: 7.9, 3
-- alter: ALTER TABLE visits ALTER at TYPE timestamptz USING at AT TIME ZONE 'Asia/Tokyo'
-- plain: 23503
-- zone: America/New_York
-- convert: slots.at, visits.at, bookings.at, plans.at, plans.until
-- query: SELECT conname, condeferrable, condeferred, convalidated, confupdtype, confdeltype,
--   confmatchtype FROM pg_constraint WHERE contype = 'f' AND connamespace = 2200 ORDER BY 1
-- query: UPDATE slots SET at = {timestamp '2025-01-01'} WHERE room = 1
--   AND at = {timestamp '2024-07-01'}; SELECT id, {at} FROM bookings ORDER BY id
-- query: INSERT INTO visits VALUES (50, 1, {timestamp '2024-07-09'});
--   SELECT 'error expected'
CREATE TABLE slots (room int, at timestamp, PRIMARY KEY (room, at));
INSERT INTO slots VALUES (1, '2024-01-15 12:30:00.123456'), (1, 'infinity'),
    (2, '-infinity'), (1, '2024-07-01');
CREATE TABLE visits (id int PRIMARY KEY, room int, at timestamp, FOREIGN KEY (room, at)
    REFERENCES slots MATCH FULL ON UPDATE RESTRICT ON DELETE SET NULL);
CREATE TABLE bookings (id int PRIMARY KEY, at timestamp DEFAULT '2024-07-01', room int DEFAULT 1,
    FOREIGN KEY (room, at) REFERENCES slots ON UPDATE CASCADE ON DELETE SET DEFAULT
    DEFERRABLE INITIALLY DEFERRED);
CREATE TABLE plans (room int, at timestamp, until timestamp,
    FOREIGN KEY (room, at) REFERENCES slots DEFERRABLE);
INSERT INTO visits VALUES (1, 1, '2024-01-15 12:30:00.123456'), (2, NULL, NULL);
INSERT INTO bookings VALUES (1, '2024-07-01', 1), (2, 'infinity', 1), (3, NULL, 7);
INSERT INTO plans VALUES (2, '-infinity', '2024-02-02'), (1, NULL, NULL);
INSERT INTO slots VALUES (9, '2024-02-02');
INSERT INTO plans VALUES (9, '2024-02-02', NULL);
ALTER TABLE plans ADD CONSTRAINT later FOREIGN KEY (room, until) REFERENCES slots NOT VALID;
COMMENT ON CONSTRAINT later ON plans IS 'not yet checked';
