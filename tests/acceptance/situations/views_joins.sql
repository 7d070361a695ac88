-- title: joins of two converted columns, of two zones, USING and NATURAL
-- facts: 4 view, 6.4
-- plain: 0A000
-- zone: America/New_York
-- zone: public.visits.at=America/New_York
-- convert: orders.at, visits.at
-- zoned: using_join.at, natural_join.at, left_join.ordered, left_join.visited
-- either: full_join.at
-- query: SELECT count(*) FROM using_join
CREATE TABLE orders (id int PRIMARY KEY, at timestamp);
INSERT INTO orders VALUES (1, '2024-01-15 12:30:00.123456'), (2, NULL),
    (3, 'infinity'), (4, '-infinity'), (5, '0044-03-15 12:00:00 BC');
CREATE TABLE visits (id int, at timestamp, PRIMARY KEY (id));
INSERT INTO visits VALUES (1, '2024-01-15 12:30:00.123456'), (3, 'infinity'),
    (7, '2024-07-01 00:00:00'), (8, NULL);
CREATE VIEW using_join AS
    SELECT at, o.id, v.id AS visit FROM orders o JOIN visits v USING (at);
CREATE VIEW natural_join AS SELECT * FROM orders NATURAL JOIN visits;
CREATE VIEW full_join AS
    SELECT at, o.id, v.id AS visit FROM orders o FULL JOIN visits v USING (at);
CREATE VIEW left_join AS
    SELECT o.id, o.at AS ordered, v.at AS visited, o.at - v.at AS late, o.at < v.at AS early
    FROM orders o LEFT JOIN visits v ON v.id = o.id
    WHERE isfinite(o.at) AND isfinite(v.at);
