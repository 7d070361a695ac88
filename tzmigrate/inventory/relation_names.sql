-- relation_names: every relation a pattern may name, whether it has a candidate or not
-- gives: rows.NameRow   needs: PostgreSQL 13+
SELECT n.nspname::pg_catalog.text, c.relname::pg_catalog.text
FROM pg_catalog.pg_namespace n
LEFT JOIN pg_catalog.pg_class c
  ON c.relnamespace = n.oid AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
WHERE n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast')
