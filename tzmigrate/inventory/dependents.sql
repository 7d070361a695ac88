-- dependents: one row per catalog object that depends on a candidate; indexes, own
--   defaults, sequences, primary keys, unique and NOT NULL constraints left out
-- params: relations oid[], attnums int2[] (pairs)   gives: rows.DependentRow
-- needs: PostgreSQL 13+
SELECT DISTINCT d.refobjid::pg_catalog.int8, d.refobjsubid::pg_catalog.int4,
       CASE
         WHEN r.rulename = '_RETURN' AND v.relkind = 'm' THEN 'materialized view'
         WHEN r.rulename = '_RETURN' THEN 'view'
         WHEN r.oid IS NOT NULL THEN 'rule'
         WHEN ad.oid IS NOT NULL THEN 'generated column'
         WHEN d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass
              AND d.objsubid > 0 AND d.objid = d.refobjid THEN 'generated column'
         WHEN k.contype = 'c' THEN 'check'
         WHEN k.contype = 'f' THEN 'foreign key'
         WHEN k.contype = 'x' THEN 'exclusion'
         WHEN d.classid = 'pg_catalog.pg_trigger'::pg_catalog.regclass THEN 'trigger'
         WHEN d.classid = 'pg_catalog.pg_policy'::pg_catalog.regclass THEN 'policy'
         WHEN d.classid = 'pg_catalog.pg_proc'::pg_catalog.regclass
              THEN 'sql-body function'
         WHEN d.classid = 'pg_catalog.pg_statistic_ext'::pg_catalog.regclass
              THEN 'statistics'
         WHEN d.classid = 'pg_catalog.pg_publication_rel'::pg_catalog.regclass
              THEN 'publication'
         ELSE d.classid::pg_catalog.regclass::pg_catalog.text END,
       CASE WHEN r.rulename = '_RETURN'
              THEN pg_catalog.pg_describe_object(
                     'pg_catalog.pg_class'::pg_catalog.regclass, r.ev_class, 0)
            WHEN ad.oid IS NOT NULL
              THEN pg_catalog.pg_describe_object(
                     'pg_catalog.pg_class'::pg_catalog.regclass, ad.adrelid, ad.adnum)
            ELSE pg_catalog.pg_describe_object(d.classid, d.objid, d.objsubid) END,
       CASE WHEN r.rulename = '_RETURN' THEN r.ev_class::pg_catalog.int8 END,
       -- copies that a partition got from its parent
       coalesce(k.conparentid <> 0 OR (k.contype = 'c' AND NOT k.conislocal)
                OR t.tgparentid <> 0, FALSE)
FROM ROWS FROM (pg_catalog.unnest(%(relations)s::pg_catalog.oid[]),
                pg_catalog.unnest(%(attnums)s::pg_catalog.int2[]))
     w(relation, attnum)
JOIN pg_catalog.pg_depend d
  ON d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass
 AND d.refobjid = w.relation AND d.refobjsubid = w.attnum
LEFT JOIN pg_catalog.pg_rewrite r
  ON d.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass AND r.oid = d.objid
LEFT JOIN pg_catalog.pg_class v ON v.oid = r.ev_class
LEFT JOIN pg_catalog.pg_attrdef ad
  ON d.classid = 'pg_catalog.pg_attrdef'::pg_catalog.regclass AND ad.oid = d.objid
LEFT JOIN pg_catalog.pg_constraint k
  ON d.classid = 'pg_catalog.pg_constraint'::pg_catalog.regclass AND k.oid = d.objid
LEFT JOIN pg_catalog.pg_trigger t
  ON d.classid = 'pg_catalog.pg_trigger'::pg_catalog.regclass AND t.oid = d.objid
LEFT JOIN pg_catalog.pg_class c
  ON d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND c.oid = d.objid
WHERE (ad.oid IS NULL OR ad.adrelid <> d.refobjid OR ad.adnum <> d.refobjsubid)
  AND (k.oid IS NULL OR k.contype NOT IN ('p', 'u', 'n', 't'))
  AND (t.oid IS NULL OR NOT t.tgisinternal)
  AND (c.oid IS NULL OR c.relkind NOT IN ('i', 'I', 'S'))
ORDER BY 1, 2, 3, 4
