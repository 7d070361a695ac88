-- title: names with backslashes and line feeds of what is emptied in its place
-- facts: 4, 7.1, 7.4
-- min: 14
-- plain 14-14: 42601 0A000
-- plain: 0A000
-- alter: ALTER TABLE "a\b" ALTER "\n" TYPE timestamptz
-- zone: America/New_York
-- convert: "a\b".\n
-- query: SELECT * FROM public."days
--   \"; SELECT public."f\"()
CREATE TABLE "a\b" (
    id int PRIMARY KEY, "\n" timestamp, "d\" date GENERATED ALWAYS AS ("\n"::date) STORED
);
INSERT INTO "a\b" VALUES (1, '2024-01-15 12:30:00.123456'), (2, NULL),
    (6, '1999-12-31 23:59:59.999999'), (7, '2024-07-01 00:00:00');
CREATE VIEW "days
\" AS SELECT id, "\n"::date + 1 AS "d\" FROM "a\b";
CREATE FUNCTION "f\"() RETURNS bigint LANGUAGE sql
    BEGIN ATOMIC SELECT count(*) FROM "a\b" WHERE "\n"::date > '2000-01-01'; END;
