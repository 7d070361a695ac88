-- view_columns: all columns of views, in order, and whether they hold naive time
-- params: views oid[]   gives: view oid, schema, name, relkind, column, type, naive
-- needs: PostgreSQL 13+
WITH RECURSIVE holds (type) AS (
    SELECT unnest(ARRAY['timestamp'::regtype, 'timestamp[]'::regtype, 'tsrange'::regtype, 'tsrange[]'::regtype, to_regtype('tsmultirange'), to_regtype('tsmultirange[]')])::oid
    UNION
    SELECT t.oid FROM holds JOIN pg_type t ON t.typbasetype = holds.type OR t.typelem = holds.type AND t.typcategory = 'A'
        OR t.typtype = 'c' AND EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = t.typrelid AND a.atttypid = holds.type AND a.attnum > 0)
)
SELECT c.oid::int8, n.nspname, c.relname, c.relkind::text, a.attname, format_type(a.atttypid, a.atttypmod), a.atttypid IN (SELECT type FROM holds)
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
WHERE c.oid = ANY (%(views)s::oid[]) ORDER BY c.oid, a.attnum
