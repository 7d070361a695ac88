-- title: a foreign table is a partition
-- facts: 4 foreign table
-- needs: contrib postgres_fdw
-- plain: ok
-- refuse: events.at TZ138
-- differs: events.id, events.at, events_far.id, events_far.at
CREATE EXTENSION postgres_fdw;
CREATE SERVER far_away FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host '192.0.2.1');
CREATE TABLE events (id int, at timestamp) PARTITION BY LIST (id);
CREATE TABLE events_1 PARTITION OF events FOR VALUES IN (1);
CREATE FOREIGN TABLE events_far PARTITION OF events FOR VALUES IN (2) SERVER far_away;
INSERT INTO events VALUES (1, '2024-01-15 12:30:00.123456');
