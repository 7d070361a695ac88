-- title: partitions have defaults, keys, options and names of their own
-- facts: 3, 4 partitioned table, 6.1
-- plain: 42P17
-- zone: America/New_York
-- convert: events.at, events.seen, marks.at
-- query: INSERT INTO events (tenant, id) VALUES (1, 77) RETURNING {at}, {seen}
-- query: INSERT INTO events_1 (tenant, id) VALUES (1, 78) RETURNING {at}, {seen}
-- query: INSERT INTO events_2 (tenant, id) VALUES (2, 79) RETURNING {at}, {seen}
-- query: INSERT INTO events_2_low (tenant, id) VALUES (2, 80) RETURNING {at}, {seen}
-- query: SELECT relname, reloptions, obj_description(oid, 'pg_class') FROM pg_class
--   WHERE relnamespace = 2200 AND relname !~ '^alembic' ORDER BY 1
-- query: SELECT conname, conrelid::regclass::text, contype, conislocal, coninhcount
--   FROM pg_constraint WHERE contype IN ('f', 'c') AND connamespace = 2200 ORDER BY 1, 2
CREATE TABLE events (tenant int, id int, at timestamp DEFAULT '2020-01-01 12:00',
    seen timestamp, UNIQUE (tenant, id, at)) PARTITION BY LIST (tenant);
CREATE TABLE events_1 PARTITION OF events (at DEFAULT '2021-01-01 12:00',
    seen DEFAULT '2021-02-02 12:00') FOR VALUES IN (1) WITH (fillfactor = 60);
CREATE TABLE events_2 PARTITION OF events FOR VALUES IN (2) PARTITION BY RANGE (id);
CREATE TABLE events_2_low PARTITION OF events_2 (at DEFAULT '2022-01-01 12:00')
    FOR VALUES FROM (0) TO (1000);
CREATE TABLE events_rest PARTITION OF events DEFAULT;
ALTER TABLE events_rest ALTER at DROP DEFAULT;
ALTER TABLE events ADD CONSTRAINT modern CHECK (at > '1990-01-01');
ALTER TABLE events_2 ADD CONSTRAINT seen_late CHECK (seen > '1991-01-01');
CREATE TABLE marks (tenant int, id int, at timestamp,
    FOREIGN KEY (tenant, id, at) REFERENCES events (tenant, id, at))
    PARTITION BY LIST (tenant);
CREATE TABLE marks_1 PARTITION OF marks FOR VALUES IN (1);
CREATE INDEX by_day ON events (date_trunc('day', at)) WITH (fillfactor = 70);
ALTER INDEX events_1_date_trunc_idx RENAME TO "First Day";
ALTER INDEX "First Day" SET (fillfactor = 44);
COMMENT ON INDEX "First Day" IS 'of the first';
INSERT INTO events VALUES (1, 1, '2024-01-15 12:30:00.123456', '2024-01-01'),
    (2, 2, 'infinity', NULL), (3, 3, '2024-07-01', '-infinity');
INSERT INTO marks VALUES (1, 1, '2024-01-15 12:30:00.123456');
