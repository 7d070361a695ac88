-- title: names with the mark that ends the body of the revision's DO statements
-- facts: 4, 5, 7.1
-- plain 13-14: 42601 0A000
-- plain: 0A000
-- alter: ALTER TABLE "a$tz$" ALTER "$tz$" TYPE timestamptz
-- zone: America/New_York
-- convert: "a$tz$".$tz$, "b$tz$".at, "c$tz$".at
-- zoned: "w$tz$".$tz$, "m$tz$".$tz$
-- query: SELECT * FROM public."v$tz$"
-- query: INSERT INTO "d$tz$" DEFAULT VALUES RETURNING {at}
CREATE TABLE "a$tz$" (
    id int PRIMARY KEY, "$tz$" timestamp CONSTRAINT "k$tz$" CHECK ("$tz$"::date > '1900-01-01'),
    "x$tz$" date GENERATED ALWAYS AS ("$tz$"::date) STORED
);
INSERT INTO "a$tz$" VALUES (1, '2024-01-15 12:30:00.123456'), (2, NULL),
    (6, '1999-12-31 23:59:59.999999'), (7, '2024-07-01 00:00:00');
CREATE INDEX "i$tz$" ON "a$tz$" (date_trunc('day', "$tz$"));
CREATE VIEW "v$tz$" AS SELECT id, "$tz$"::date FROM "a$tz$";
CREATE VIEW "w$tz$" AS SELECT id, "$tz$" FROM "a$tz$";
CREATE MATERIALIZED VIEW "m$tz$" AS SELECT id, "$tz$" FROM "a$tz$";
CREATE DOMAIN "moment$tz$" AS timestamp CHECK (value > '1900-01-01');
CREATE TABLE "b$tz$" (at "moment$tz$");
CREATE TABLE "c$tz$" (id int DEFAULT 1, at timestamp);
CREATE TABLE "d$tz$" () INHERITS ("c$tz$");
ALTER TABLE "d$tz$" ALTER at SET DEFAULT '2001-01-01';
