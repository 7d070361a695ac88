-- engines: where the engines on top of PostgreSQL keep their list of relations
-- gives: rows.EngineRow   needs: PostgreSQL 13+
SELECT CASE c.relname WHEN 'pg_dist_partition' THEN 'citus'
                      WHEN 'hypertable' THEN 'timescaledb'
                      ELSE 'pg_partman' END,
       n.nspname::pg_catalog.text, c.relname::pg_catalog.text,
       pg_catalog.has_schema_privilege(n.oid, 'USAGE')
       AND pg_catalog.has_table_privilege(c.oid, 'SELECT')
FROM pg_catalog.pg_class c
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p')
  AND ((c.relname = 'pg_dist_partition' AND n.nspname = 'pg_catalog')
    OR (c.relname = 'hypertable' AND n.nspname = '_timescaledb_catalog')
    OR (c.relname = 'part_config' AND EXISTS (
          SELECT FROM pg_catalog.pg_attribute a
          WHERE a.attrelid = c.oid AND a.attname = 'parent_table')
        AND EXISTS (
          SELECT FROM pg_catalog.pg_attribute a
          WHERE a.attrelid = c.oid AND a.attname = 'partition_interval')))
  -- anybody may give a table such a name; a cast of a type of his own is not called
  AND NOT EXISTS (SELECT FROM pg_catalog.pg_attribute a WHERE a.attrelid = c.oid AND a.atttypid >= 16384
                  AND a.attname IN ('schema_name', 'table_name', 'parent_table'))
ORDER BY 1, 2
