-- view_queries: the query of each view with time that functions may name, and of the
--   views that it reads
-- params: names text[], relations oid[]   gives: rows.ViewQueryRow   needs: PostgreSQL 13+
WITH RECURSIVE read(view) AS (
  SELECT c.oid FROM pg_catalog.pg_class c
  WHERE (c.relname = ANY (%(names)s::pg_catalog.text[]::pg_catalog.name[])
         OR c.oid = ANY (%(relations)s::pg_catalog.oid[]))
    AND c.relkind IN ('v', 'm') AND c.oid >= 16384
  UNION
  SELECT s.oid
  FROM read b
  JOIN pg_catalog.pg_rewrite r ON r.ev_class = b.view AND r.rulename = '_RETURN'
  JOIN pg_catalog.pg_depend d
    ON d.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass AND d.objid = r.oid
   AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass
  JOIN pg_catalog.pg_class s ON s.oid = d.refobjid AND s.relkind IN ('v', 'm')
)
SELECT c.oid::pg_catalog.int8, n.nspname::pg_catalog.text, c.relname::pg_catalog.text,
       ARRAY(SELECT a.attname::pg_catalog.text FROM pg_catalog.pg_attribute a
             WHERE a.attrelid = c.oid AND a.attnum > 0 ORDER BY a.attnum),
       r.ev_action::pg_catalog.text
FROM read b
JOIN pg_catalog.pg_class c ON c.oid = b.view
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
JOIN pg_catalog.pg_rewrite r ON r.ev_class = c.oid AND r.rulename = '_RETURN'
-- timestamp, or a domain over it
WHERE EXISTS (SELECT FROM pg_catalog.pg_attribute a
              WHERE a.attrelid = c.oid AND a.attnum > 0
                AND (a.atttypid = 'pg_catalog.timestamp'::pg_catalog.regtype
                     OR a.atttypid >= 16384))
ORDER BY 1
