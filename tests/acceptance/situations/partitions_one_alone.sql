-- title: one partition cannot be converted alone; the tree can
-- facts: 4 one partition or one child alone
-- alter: ALTER TABLE events_1 ALTER at TYPE timestamptz
-- plain: 42P16
-- convert: events.at
CREATE TABLE events (tenant int, at timestamp) PARTITION BY HASH (tenant);
CREATE TABLE events_0 PARTITION OF events FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE events_1 PARTITION OF events FOR VALUES WITH (MODULUS 2, REMAINDER 1);
INSERT INTO events SELECT n, timestamp '2024-01-01' + n * interval '7 hours'
    FROM generate_series(1, 9) n;
