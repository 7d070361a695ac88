-- title: composite types in each other and in functions
-- facts: 4, 7.8
-- alter: ALTER TYPE point_in_time ALTER ATTRIBUTE at TYPE timestamptz
-- plain: 0A000
-- convert: point_in_time.at
-- differs: visits.place
-- query: SELECT id, (place).name, {((place).point).at} FROM visits ORDER BY id
-- query: SELECT x, {at} FROM origin()
CREATE TYPE point_in_time AS (x int, at timestamp);
CREATE TYPE place AS (name text, point point_in_time);
CREATE TABLE visits (id int PRIMARY KEY, place place);
INSERT INTO visits VALUES (1, ROW('a', ROW(1, '2024-01-15 12:30:00.123456'))),
    (2, ROW('b', NULL)), (3, NULL), (4, ROW('c', ROW(NULL, NULL)));
CREATE FUNCTION origin() RETURNS point_in_time LANGUAGE sql STABLE
    AS $$SELECT (v.place).point FROM visits v WHERE v.id = 1$$;
