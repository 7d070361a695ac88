-- title: a table refers to itself
-- facts: 7.9 self reference
-- alter: ALTER TABLE tasks ALTER at TYPE timestamptz
-- silent: SELECT count(*) FROM tasks t JOIN tasks u ON t.after = u.at
-- convert: tasks.at, tasks.after
-- query: INSERT INTO tasks VALUES ({timestamp '2030-01-01'}, {timestamp '2024-07-02'});
--   SELECT 'error expected'
CREATE TABLE tasks (at timestamp PRIMARY KEY, after timestamp REFERENCES tasks (at));
INSERT INTO tasks VALUES ('2024-07-01', NULL), ('infinity', '2024-07-01'),
    ('0044-03-15 12:00:00 BC', 'infinity');
