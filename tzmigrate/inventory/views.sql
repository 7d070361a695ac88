-- views: one row per view that reads another view or materialized view
-- gives: rows.ViewRow   needs: PostgreSQL 13+
SELECT DISTINCT r.ev_class::pg_catalog.int8, d.refobjid::pg_catalog.int8,
       CASE v.relkind WHEN 'm' THEN 'materialized view' ELSE 'view' END,
       pg_catalog.pg_describe_object(
         'pg_catalog.pg_class'::pg_catalog.regclass, r.ev_class, 0)
FROM pg_catalog.pg_rewrite r
JOIN pg_catalog.pg_class v ON v.oid = r.ev_class
JOIN pg_catalog.pg_depend d
  ON d.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass AND d.objid = r.oid
 AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass
 AND d.refobjid <> r.ev_class
JOIN pg_catalog.pg_class s ON s.oid = d.refobjid AND s.relkind IN ('v', 'm')
WHERE r.rulename = '_RETURN' AND r.oid >= 16384
ORDER BY 1, 2
