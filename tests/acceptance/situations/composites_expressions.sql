-- title: checks, indexes, views and triggers over attributes of a composite type
-- facts: 4 composite type used as a column type, 7.8
-- alter: ALTER TYPE stay ALTER ATTRIBUTE since TYPE timestamptz
-- plain: 0A000
-- zone: America/New_York
-- convert: stay.since, stay.until
-- zoned: shown.since, above_it.since, first_stays.began
-- differs: guests.stay, guests.stays, kept.stay
-- query: SELECT id, room, {since}, day, longer FROM shown ORDER BY id
-- query: SELECT id FROM guests WHERE {(stay).since}::date = '2024-01-15'
-- query: SELECT id, (stay).room, {(stay).until} FROM kept ORDER BY id
-- query: INSERT INTO guests VALUES (50, ROW('x', {timestamp '2024-03-01'}, {timestamp '2024-02-01'}));
--   SELECT 'error expected'
-- query: INSERT INTO guests VALUES (51, ROW('late', {timestamp '2031-01-01'}, NULL)); SELECT note FROM guests WHERE id = 51
CREATE TYPE stay AS (room text, since timestamp, until timestamp(3));
CREATE TABLE guests (id int PRIMARY KEY, stay stay, stays stay[], note text, CHECK ((stay).since < (stay).until),
    CHECK ((stay).room <> ''), CHECK (stay IS DISTINCT FROM NULL OR id > 0));
INSERT INTO guests VALUES
    (1, ROW('7a', '2024-01-15 12:30:00.123456', '2024-02-01 08:00'), NULL),
    (2, NULL, ARRAY[ROW('8', '0044-03-15 12:00 BC', NULL)::stay, NULL]),
    (3, ROW(NULL, NULL, NULL), '{}'),
    (4, ROW('it''s, "7"', NULL, '1999-12-31 23:59:59.999'), NULL);
CREATE INDEX by_day ON guests (((stay).since::date)) WHERE (stay).until IS NOT NULL;
CREATE INDEX by_room ON guests (((stay).room));
CREATE UNIQUE INDEX by_start ON guests (((stay).since), id);
CREATE STATISTICS days (ndistinct) ON id, note FROM guests;
CREATE VIEW shown AS SELECT g.id, (g.stay).room, (g.stay).since, (g.stay).since::date AS day,
    (g.stay).until > (g.stay).since AS longer FROM guests g WHERE (g.stay).since IS NOT NULL OR g.stay IS NULL;
CREATE VIEW above_it AS SELECT since FROM shown WHERE since > '2024-01-01';
CREATE VIEW kept AS SELECT id, stay FROM guests;
CREATE VIEW first_stays AS SELECT g.id, (g.stays[1]).since AS began, (g.stays[1]).room FROM guests g;
CREATE FUNCTION write_note() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN NEW.note := 'late'; RETURN NEW; END$$;
CREATE TRIGGER late BEFORE INSERT ON guests FOR EACH ROW WHEN ((NEW.stay).since > timestamp '2030-01-01')
    EXECUTE FUNCTION write_note();
