-- whole_rows: one row per object that reads a relation's whole row; ALTER TYPE does not
--   notice it, so it is found in the stored expression tree (indexes: see indexes.sql)
-- params: relations oid[]   gives: rows.WholeRowRow   needs: PostgreSQL 13+
WITH target AS MATERIALIZED (
  SELECT c.oid, ':varattno 0 :vartype ' || c.reltype || ' ' AS mark
  FROM pg_catalog.pg_class c
  WHERE c.oid = ANY (%(relations)s::pg_catalog.oid[]) AND c.reltype <> 0
)
SELECT t.oid::pg_catalog.int8, 'check',
       pg_catalog.pg_describe_object(
         'pg_catalog.pg_constraint'::pg_catalog.regclass, k.oid, 0),
       NULL::pg_catalog.int8, NOT k.conislocal
FROM target t
JOIN pg_catalog.pg_constraint k ON k.conrelid = t.oid AND k.contype = 'c'
WHERE pg_catalog.strpos(k.conbin::pg_catalog.text, t.mark) > 0
UNION ALL
SELECT t.oid::pg_catalog.int8, 'policy',
       pg_catalog.pg_describe_object(
         'pg_catalog.pg_policy'::pg_catalog.regclass, p.oid, 0),
       NULL, FALSE
FROM target t
JOIN pg_catalog.pg_policy p ON p.polrelid = t.oid
WHERE pg_catalog.strpos(coalesce(p.polqual::pg_catalog.text, '')
                        || coalesce(p.polwithcheck::pg_catalog.text, ''), t.mark) > 0
UNION ALL
SELECT DISTINCT t.oid::pg_catalog.int8,
       CASE WHEN r.rulename <> '_RETURN' THEN 'rule'
            WHEN v.relkind = 'm' THEN 'materialized view' ELSE 'view' END,
       CASE WHEN r.rulename <> '_RETURN'
              THEN pg_catalog.pg_describe_object(
                     'pg_catalog.pg_rewrite'::pg_catalog.regclass, r.oid, 0)
            ELSE pg_catalog.pg_describe_object(
                   'pg_catalog.pg_class'::pg_catalog.regclass, r.ev_class, 0) END,
       CASE WHEN r.rulename = '_RETURN' THEN r.ev_class::pg_catalog.int8 END, FALSE
FROM target t
JOIN pg_catalog.pg_depend d
  ON d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass
 AND d.refobjid = t.oid AND d.refobjsubid = 0
 AND d.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass
JOIN pg_catalog.pg_rewrite r ON r.oid = d.objid
JOIN pg_catalog.pg_class v ON v.oid = r.ev_class
WHERE pg_catalog.strpos(r.ev_action::pg_catalog.text, t.mark) > 0
ORDER BY 1, 2, 3
