-- title: publications with a row filter on the column and with a column list
-- facts: 4 publication, 7.5
-- min: 15
-- plain: 0A000
-- convert: orders.placed_at, visits.seen_at
-- query: SELECT pubname, tablename, attnames FROM pg_publication_tables ORDER BY 1, 2
CREATE TABLE orders (id int PRIMARY KEY, placed_at timestamp, note text);
INSERT INTO orders VALUES
    (1, '2024-01-15 12:30:00.123456', 'a'), (2, NULL, 'b'), (3, 'infinity', 'c'),
    (4, '-infinity', 'd'), (5, '0044-03-15 12:00:00 BC', 'e'),
    (6, '1999-12-31 23:59:59.999999', 'f'), (7, '2024-07-01 00:00:00', 'g');
ALTER TABLE orders REPLICA IDENTITY FULL;
CREATE TABLE visits (id int PRIMARY KEY, seen_at timestamp);
INSERT INTO visits VALUES (1, '2024-01-15 12:30:00.123456'), (2, 'infinity'), (3, NULL);
CREATE TABLE other (id int PRIMARY KEY);
CREATE PUBLICATION filtered FOR TABLE
    orders WHERE (placed_at > '2020-01-01' AND extract(hour FROM placed_at) < 20), other;
CREATE PUBLICATION listed FOR TABLE visits (id, seen_at), other (id)
    WITH (publish = 'insert, delete');
CREATE PUBLICATION both_of_them FOR TABLE
    visits (id, seen_at) WHERE (id > 1), orders WHERE (placed_at IS NOT NULL);
COMMENT ON PUBLICATION filtered IS 'the new ones';
ALTER PUBLICATION listed OWNER TO CURRENT_USER;
