-- title: a foreign key to a table with another column of another zone
-- facts: 2 foreign keys, 5
-- plain: ok
-- silent: SELECT {other@Asia/Kathmandu} FROM stays ORDER BY id
-- zone: public.stays.other=Asia/Kathmandu
-- zone: UTC
-- convert: stays.since, stays.other, guests.since
-- query: SELECT {since}, {other@Asia/Kathmandu} FROM stays ORDER BY id
CREATE TABLE stays (id int PRIMARY KEY, since timestamp UNIQUE, other timestamp);
INSERT INTO stays VALUES (1, '2024-01-15 12:30:00.123456', '2024-01-15 12:30'),
    (2, NULL, NULL), (3, '2024-07-01', 'infinity');
CREATE TABLE guests (since timestamp REFERENCES stays (since));
INSERT INTO guests VALUES ('2024-07-01'), (NULL);
