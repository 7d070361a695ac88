-- shadow_null_defaults: columns whose default is NULL, written out
-- params: none   gives: schema, name, column
-- needs: PostgreSQL 13+
SELECT n.nspname::pg_catalog.text, c.relname::pg_catalog.text, a.attname::pg_catalog.text
FROM pg_catalog.pg_attrdef d
JOIN pg_catalog.pg_attribute a ON a.attrelid = d.adrelid AND a.attnum = d.adnum
JOIN pg_catalog.pg_class c ON c.oid = d.adrelid
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE pg_catalog.starts_with(pg_catalog.pg_get_expr(d.adbin, d.adrelid), 'NULL::')
ORDER BY 1, 2, 3
