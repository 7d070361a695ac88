-- columns: the types of some columns
-- params: relation int8, names text[]   gives: name, type, base type's oid   needs: PostgreSQL 13+
SELECT a.attname::pg_catalog.text, pg_catalog.format_type(a.atttypid, a.atttypmod), a.atttypid::pg_catalog.int8
FROM pg_catalog.pg_attribute a
WHERE a.attrelid = %(relation)s::pg_catalog.oid AND a.attname = ANY (%(names)s::pg_catalog.text[]) AND NOT a.attisdropped
ORDER BY a.attnum
