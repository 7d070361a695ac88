-- view_columns: all columns of views, in order, and whether they hold naive time
-- params: views oid[]   gives: view oid, schema, name, relkind, column, type, naive,
--   built-in type at the end of a domain over domains
-- needs: PostgreSQL 13+
WITH RECURSIVE holds (type) AS (
    SELECT unnest(ARRAY['timestamp'::regtype, 'timestamp[]'::regtype, 'tsrange'::regtype, 'tsrange[]'::regtype, to_regtype('tsmultirange'), to_regtype('tsmultirange[]')])::oid
    UNION
    SELECT t.oid FROM holds JOIN pg_type t ON t.typbasetype = holds.type OR t.typelem = holds.type AND t.typcategory = 'A'
        OR t.typtype = 'c' AND EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = t.typrelid AND a.atttypid = holds.type AND a.attnum > 0)
)
SELECT c.oid::int8, n.nspname, c.relname, c.relkind::text, a.attname, format_type(a.atttypid, a.atttypmod), a.atttypid IN (SELECT type FROM holds), (
    WITH RECURSIVE ends (type, modifier, depth) AS (
        SELECT a.atttypid, a.atttypmod, 0
        UNION ALL
        SELECT t.typbasetype, CASE t.typtypmod WHEN -1 THEN ends.modifier ELSE t.typtypmod END, depth + 1
        FROM ends JOIN pg_type t ON t.oid = ends.type WHERE t.typtype = 'd'
    )
    SELECT format_type(type, modifier) FROM ends ORDER BY depth DESC LIMIT 1
)
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
WHERE c.oid = ANY (%(views)s::oid[]) ORDER BY c.oid, a.attnum
