-- view_columns: all columns of views, in order, and whether they hold naive time
-- params: views oid[]   gives: view oid, schema, name, relkind, column, type, naive,
--   built-in type at the end of a domain over domains
-- needs: PostgreSQL 13+
WITH RECURSIVE here AS (
    SELECT c.oid, n.nspname, c.relname, c.relkind, a.attname, a.atttypid, a.atttypmod, a.attnum
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
    WHERE c.oid = ANY (%(views)s::oid[])
), made_of (type, part) AS (
    -- from the types of these columns down, as all that hold naive time would take all of pg_type
    SELECT atttypid, atttypid FROM here
    UNION
    SELECT m.type, x.part FROM made_of m JOIN pg_type t ON t.oid = m.part CROSS JOIN LATERAL (
        SELECT t.typbasetype WHERE t.typbasetype <> 0
        UNION ALL SELECT t.typelem WHERE t.typelem <> 0 AND t.typcategory = 'A'
        UNION ALL SELECT a.atttypid FROM pg_attribute a WHERE t.typtype = 'c' AND a.attrelid = t.typrelid AND a.attnum > 0
    ) AS x (part)
)
SELECT h.oid::int8, h.nspname, h.relname, h.relkind::text, h.attname, format_type(h.atttypid, h.atttypmod), h.atttypid IN (
    SELECT m.type FROM made_of m
    WHERE m.part IN ('timestamp'::regtype, 'timestamp[]'::regtype, 'tsrange'::regtype, 'tsrange[]'::regtype, to_regtype('tsmultirange'), to_regtype('tsmultirange[]'))), (
    WITH RECURSIVE ends (type, modifier, depth) AS (
        SELECT h.atttypid, h.atttypmod, 0
        UNION ALL
        SELECT t.typbasetype, CASE t.typtypmod WHEN -1 THEN ends.modifier ELSE t.typtypmod END, depth + 1
        FROM ends JOIN pg_type t ON t.oid = ends.type WHERE t.typtype = 'd'
    )
    SELECT format_type(type, modifier) FROM ends ORDER BY depth DESC LIMIT 1
)
FROM here h ORDER BY h.oid, h.attnum
