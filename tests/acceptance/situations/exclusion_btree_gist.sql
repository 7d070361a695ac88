-- title: an exclusion constraint with the column itself, and with an expression of it
-- facts: 4 exclusion constraint with c itself (btree_gist)
-- needs: contrib btree_gist
-- plain: 42P17
-- convert: stays.since
-- query: INSERT INTO stays VALUES (50, 1, {timestamp '2024-01-01'}, 'new');
--   SELECT 'error expected'
-- query: INSERT INTO stays VALUES (50, 3, {timestamp '2024-01-01 23:59'}, 'a');
--   SELECT 'error expected'
CREATE EXTENSION btree_gist;
CREATE TABLE stays (id int PRIMARY KEY, room int, since timestamp, who text,
    CONSTRAINT once EXCLUDE USING gist (room WITH =, since WITH =),
    CONSTRAINT a_day EXCLUDE USING gist (who WITH =, (since::date) WITH =));
INSERT INTO stays VALUES (1, 1, '2024-01-01', 'a'), (2, 2, 'infinity', 'b'),
    (3, 1, '0044-03-15 12:30:00.123456 BC', 'c'), (4, 1, NULL, 'd');
CREATE INDEX mixed ON stays USING gist (since, room);
