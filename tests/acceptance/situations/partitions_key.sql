-- title: the column is the partition key
-- facts: 4 partition key
-- plain: 42P16
-- refuse: events.at TZ127, by_day.at TZ127
CREATE TABLE events (id int, at timestamp) PARTITION BY RANGE (at);
CREATE TABLE events_2024 PARTITION OF events
    FOR VALUES FROM ('2024-01-01') TO ('2025-01-01');
CREATE TABLE events_rest PARTITION OF events DEFAULT;
INSERT INTO events VALUES (1, '2024-01-15 12:30:00.123456'), (2, NULL), (3, 'infinity');
CREATE TABLE by_day (id int, at timestamp) PARTITION BY LIST ((at::date));
CREATE TABLE by_day_1 PARTITION OF by_day DEFAULT;
