-- title: columns of a composite type with naive attributes, also as array
-- facts: 4 composite type used as a column type, 7.8
-- alter: ALTER TYPE stay ALTER ATTRIBUTE since TYPE timestamptz
-- plain: 0A000
-- zone: America/New_York
-- convert: stay.since, stay.until
-- differs: guests.stay, guests.stays
-- query: SELECT id, (stay).room, {(stay).since}, {(stay).until}, stay IS NULL,
--   stay IS DISTINCT FROM NULL FROM guests ORDER BY id
-- query: SELECT id, n, s.room, {s.since} FROM guests,
--   unnest(stays) WITH ORDINALITY s (room, since, until, n) ORDER BY id, n
CREATE TYPE stay AS (room text, since timestamp, until timestamp(3));
CREATE TABLE guests (id int PRIMARY KEY, stay stay, stays stay[]);
INSERT INTO guests VALUES
    (1, ROW('7a', '2024-01-15 12:30:00.123456', 'infinity'), NULL),
    (2, NULL, ARRAY[ROW('8', '0044-03-15 12:00 BC', NULL)::stay, NULL]),
    (3, ROW(NULL, NULL, NULL), '{}'),
    (4, ROW('it''s, "7"', NULL, '1999-12-31 23:59:59.999'), NULL);
COMMENT ON TYPE stay IS 'a stay';
COMMENT ON COLUMN stay.since IS 'from';
ALTER TYPE stay OWNER TO tzt_owner;
GRANT USAGE ON TYPE stay TO tzt_reader;
