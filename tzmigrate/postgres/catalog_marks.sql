-- catalog_marks: catalog, object, attribute and row version of what decides how a schema is printed and read again; other rows, or
--   other versions, where another transaction has changed it. Temporary objects are left out: nobody copies them. Nothing where we
--   are no superuser
-- params: none   gives: one text for each row   needs: PostgreSQL 13+
WITH kept AS MATERIALIZED (
    SELECT n.oid FROM pg_catalog.pg_namespace n WHERE n.nspname !~ '^pg_(toast_)?temp_'
), relation AS MATERIALIZED (
    SELECT c.oid FROM pg_catalog.pg_class c JOIN kept k ON k.oid = c.relnamespace
), marks (catalog, object, attribute, version) AS (
    SELECT n.tableoid, n.oid, 0, n.xmin FROM pg_catalog.pg_namespace n JOIN kept k USING (oid)
    UNION ALL SELECT t.tableoid, t.oid, 0, t.xmin FROM pg_catalog.pg_type t JOIN kept k ON k.oid = t.typnamespace
    UNION ALL SELECT p.tableoid, p.oid, 0, p.xmin FROM pg_catalog.pg_proc p JOIN kept k ON k.oid = p.pronamespace
    UNION ALL SELECT o.tableoid, o.oid, 0, o.xmin FROM pg_catalog.pg_operator o JOIN kept k ON k.oid = o.oprnamespace
    UNION ALL SELECT c.tableoid, c.oid, 0, c.xmin FROM pg_catalog.pg_cast c
    UNION ALL SELECT c.tableoid, c.oid, 0, c.xmin FROM pg_catalog.pg_constraint c JOIN kept k ON k.oid = c.connamespace
    UNION ALL SELECT s.tableoid, s.oid, 0, s.xmin FROM pg_catalog.pg_statistic_ext s JOIN kept k ON k.oid = s.stxnamespace
    UNION ALL SELECT p.tableoid, p.oid, 0, p.xmin FROM pg_catalog.pg_publication_rel p
    UNION ALL SELECT d.tableoid, d.oid, 0, d.xmin FROM pg_catalog.pg_attrdef d JOIN relation r ON r.oid = d.adrelid
    UNION ALL SELECT w.tableoid, w.oid, 0, w.xmin FROM pg_catalog.pg_rewrite w JOIN relation r ON r.oid = w.ev_class
    UNION ALL SELECT p.tableoid, p.oid, 0, p.xmin FROM pg_catalog.pg_policy p JOIN relation r ON r.oid = p.polrelid
    UNION ALL SELECT t.tableoid, t.oid, 0, t.xmin FROM pg_catalog.pg_trigger t JOIN relation r ON r.oid = t.tgrelid WHERE t.tgqual IS NOT NULL
    UNION ALL SELECT 'pg_catalog.pg_class'::pg_catalog.regclass, i.indexrelid, 0, i.xmin FROM pg_catalog.pg_index i JOIN relation r ON r.oid = i.indexrelid
        WHERE i.indexprs IS NOT NULL OR i.indpred IS NOT NULL
    -- of types that come with PostgreSQL nothing is made that asks functions of others
    UNION ALL SELECT 'pg_catalog.pg_class'::pg_catalog.regclass, a.attrelid, a.attnum, a.xmin FROM pg_catalog.pg_attribute a JOIN relation r ON r.oid = a.attrelid
        WHERE a.atttypid >= 16384 AND a.attnum > 0
)
SELECT pg_catalog.concat_ws(' ', m.catalog::pg_catalog.oid, m.object, m.attribute, m.version) FROM marks AS m
WHERE (SELECT r.rolsuper FROM pg_catalog.pg_roles r WHERE r.rolname = current_user)
