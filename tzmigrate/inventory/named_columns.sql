-- named_columns: every column of relations that functions may name, in their order
-- params: names text[], relations oid[]   gives: rows.NamedColumnRow   needs: PostgreSQL 13+
SELECT n.nspname::pg_catalog.text, c.relname::pg_catalog.text,
       a.attname::pg_catalog.text, pg_catalog.format_type(a.atttypid, NULL)
FROM pg_catalog.pg_class c
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid
WHERE (c.relname = ANY (%(names)s::pg_catalog.text[]::pg_catalog.name[])
       OR c.oid = ANY (%(relations)s::pg_catalog.oid[]))
  AND c.relkind IN ('r', 'p', 'v', 'm', 'f', 'c') AND a.attnum > 0
  AND NOT a.attisdropped
  AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast', 'tzmigrate')
ORDER BY n.nspname, c.relname, a.attnum
