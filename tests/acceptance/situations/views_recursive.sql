-- title: recursive views, one of which carries the column along
-- facts: 4 view
-- plain: 0A000
-- convert: parts.made_at
-- zoned: tree.made_at
CREATE TABLE parts (id int PRIMARY KEY, parent int, made_at timestamp);
INSERT INTO parts VALUES (1, NULL, '2024-01-15 12:30:00.123456'), (2, 1, 'infinity'),
    (3, 1, NULL), (4, 2, '0044-03-15 12:00:00 BC'), (5, 4, '2024-02-02');
CREATE VIEW tree AS
    WITH RECURSIVE t AS (
        SELECT id, made_at, 1 AS depth FROM parts WHERE parent IS NULL
        UNION ALL
        SELECT p.id, p.made_at, t.depth + 1 FROM parts p JOIN t ON p.parent = t.id
    )
    SELECT id, made_at, depth FROM t;
CREATE RECURSIVE VIEW days (day) AS
    SELECT date_trunc('day', min(made_at)) FROM parts WHERE made_at > '2024-01-01'
    UNION ALL
    SELECT day + interval '1 day' FROM days WHERE day < '2024-01-20';
