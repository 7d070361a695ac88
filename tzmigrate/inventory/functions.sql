-- functions: one row per function whose source text can be read
-- gives: rows.FunctionRow   needs: PostgreSQL 13+
SELECT p.oid::pg_catalog.int8, p.oid::pg_catalog.regprocedure::pg_catalog.text,
       pg_catalog.pg_describe_object(
         'pg_catalog.pg_proc'::pg_catalog.regclass, p.oid, 0),
       p.prosrc
FROM pg_catalog.pg_proc p
JOIN pg_catalog.pg_language l ON l.oid = p.prolang
JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
WHERE p.oid >= 16384 AND l.lanname NOT IN ('c', 'internal') AND p.prosrc <> ''
  AND n.nspname NOT IN ('pg_catalog', 'information_schema')
ORDER BY 2
