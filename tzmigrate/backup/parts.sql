-- parts: what a dump has of some tables and of their partitions, as (catalog, object) of its table of contents
-- params: relations int8[]   gives: catalog, oid   needs: PostgreSQL 13+
WITH RECURSIVE tree AS (
    SELECT r.oid FROM pg_catalog.unnest(%(relations)s::pg_catalog.int8[]::pg_catalog.oid[]) AS r (oid)
    UNION
    SELECT i.inhrelid FROM tree JOIN pg_catalog.pg_inherits i ON i.inhparent = tree.oid
), indexes AS (
    SELECT i.indexrelid AS oid FROM pg_catalog.pg_index i JOIN tree ON tree.oid = i.indrelid
), sequences AS (
    SELECT d.objid AS oid FROM pg_catalog.pg_depend d JOIN tree ON tree.oid = d.refobjid
    JOIN pg_catalog.pg_class s ON s.oid = d.objid AND s.relkind = 'S'
    WHERE d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass
      AND d.deptype IN ('a', 'i')
), parts (catalog, oid) AS (
    SELECT 'pg_catalog.pg_class'::pg_catalog.regclass, oid FROM tree
    UNION ALL SELECT 'pg_catalog.pg_class', oid FROM indexes
    UNION ALL SELECT 'pg_catalog.pg_class', oid FROM sequences
    UNION ALL SELECT 'pg_catalog.pg_constraint', k.oid FROM pg_catalog.pg_constraint k JOIN tree ON tree.oid = k.conrelid
    UNION ALL SELECT 'pg_catalog.pg_attrdef', k.oid FROM pg_catalog.pg_attrdef k JOIN tree ON tree.oid = k.adrelid
    UNION ALL SELECT 'pg_catalog.pg_trigger', k.oid FROM pg_catalog.pg_trigger k JOIN tree ON tree.oid = k.tgrelid
    UNION ALL SELECT 'pg_catalog.pg_rewrite', k.oid FROM pg_catalog.pg_rewrite k JOIN tree ON tree.oid = k.ev_class
    UNION ALL SELECT 'pg_catalog.pg_policy', k.oid FROM pg_catalog.pg_policy k JOIN tree ON tree.oid = k.polrelid
    UNION ALL SELECT 'pg_catalog.pg_statistic_ext', k.oid FROM pg_catalog.pg_statistic_ext k JOIN tree ON tree.oid = k.stxrelid
    -- rows and what belongs to a table without being an object bear the table's number and no catalog's
    UNION ALL SELECT 0::pg_catalog.regclass, oid FROM tree
    UNION ALL SELECT 0::pg_catalog.regclass, oid FROM sequences
    UNION ALL SELECT 0::pg_catalog.regclass, oid FROM indexes
)
SELECT catalog::pg_catalog.oid::pg_catalog.int8, oid::pg_catalog.int8 FROM parts
