-- owned: the names by which comments and grants of some tables stand in an archive's table of contents
-- params: relations int8[]   gives: schema, what it is, name   needs: PostgreSQL 13+
WITH RECURSIVE tree AS (
    SELECT r.oid FROM pg_catalog.unnest(%(relations)s::pg_catalog.int8[]::pg_catalog.oid[]) AS r (oid)
    UNION
    SELECT i.inhrelid FROM tree JOIN pg_catalog.pg_inherits i ON i.inhparent = tree.oid
), named AS (
    SELECT 'TABLE' AS what, oid FROM tree
    UNION ALL SELECT 'INDEX', i.indexrelid FROM pg_catalog.pg_index i JOIN tree ON tree.oid = i.indrelid
    UNION ALL SELECT 'SEQUENCE', d.objid FROM pg_catalog.pg_depend d JOIN tree ON tree.oid = d.refobjid
    JOIN pg_catalog.pg_class s ON s.oid = d.objid AND s.relkind = 'S'
    WHERE d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass
      AND d.deptype IN ('a', 'i')
)
SELECT n.nspname::pg_catalog.text, w.what, pg_catalog.quote_ident(c.relname)
FROM named w JOIN pg_catalog.pg_class c ON c.oid = w.oid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
