-- type_names: how PostgreSQL prints types
-- params: types oid[]   gives: rows.TypeNameRow   needs: PostgreSQL 13+
SELECT t.oid::pg_catalog.int8, pg_catalog.format_type(t.oid, NULL)
FROM pg_catalog.unnest(%(types)s::pg_catalog.oid[]) t(oid)
