-- whole_rows: one row per object that reads a relation's whole row; ALTER TYPE does not
--   notice it, so it is found in the stored expression tree (indexes: see indexes.sql)
-- params: relations oid[]   gives: rows.WholeRowRow   needs: PostgreSQL 13+
WITH target AS MATERIALIZED (
  SELECT c.oid, c.reltype, ':varattno 0 :vartype ' || c.reltype || ' ' AS mark,
         ':paramtype ' || c.reltype || ' ' AS argument
  FROM pg_catalog.pg_class c
  WHERE c.oid = ANY (%(relations)s::pg_catalog.oid[]) AND c.reltype <> 0
), reader AS (
  -- a query depends on each relation that it reads, or else on columns of it
  SELECT t.oid, d.classid, d.objid
  FROM target t
  JOIN pg_catalog.pg_depend d
    ON d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass
   AND d.refobjid = t.oid
  UNION
  -- a body that gets rows as an argument depends on their type alone
  SELECT t.oid, d.classid, d.objid
  FROM target t
  JOIN pg_catalog.pg_depend d
    ON d.refclassid = 'pg_catalog.pg_type'::pg_catalog.regclass
   AND d.refobjid = t.reltype
   AND d.classid = 'pg_catalog.pg_proc'::pg_catalog.regclass
), found (relation, kind, name, view, copied, tree) AS (
  SELECT t.oid, 'check',
         pg_catalog.pg_describe_object(
           'pg_catalog.pg_constraint'::pg_catalog.regclass, k.oid, 0),
         NULL::pg_catalog.oid, NOT k.conislocal, k.conbin::pg_catalog.text
  FROM target t
  JOIN pg_catalog.pg_constraint k ON k.conrelid = t.oid AND k.contype = 'c'
  UNION ALL
  SELECT t.oid, 'policy',
         pg_catalog.pg_describe_object(
           'pg_catalog.pg_policy'::pg_catalog.regclass, p.oid, 0),
         NULL, FALSE,
         pg_catalog.concat(p.polqual::pg_catalog.text, p.polwithcheck::pg_catalog.text)
  FROM target t
  JOIN pg_catalog.pg_policy p
    ON p.polrelid = t.oid
    OR p.oid IN (SELECT r.objid FROM reader r WHERE r.oid = t.oid
                 AND r.classid = 'pg_catalog.pg_policy'::pg_catalog.regclass)
  UNION ALL
  SELECT r.oid,
         CASE WHEN w.rulename <> '_RETURN' THEN 'rule'
              WHEN v.relkind = 'm' THEN 'materialized view' ELSE 'view' END,
         CASE WHEN w.rulename <> '_RETURN'
                THEN pg_catalog.pg_describe_object(
                       'pg_catalog.pg_rewrite'::pg_catalog.regclass, w.oid, 0)
              ELSE pg_catalog.pg_describe_object(
                     'pg_catalog.pg_class'::pg_catalog.regclass, w.ev_class, 0) END,
         CASE WHEN w.rulename = '_RETURN' THEN w.ev_class END, FALSE,
         pg_catalog.concat(w.ev_qual::pg_catalog.text, w.ev_action::pg_catalog.text)
  FROM reader r
  JOIN pg_catalog.pg_rewrite w
    ON r.classid = 'pg_catalog.pg_rewrite'::pg_catalog.regclass AND w.oid = r.objid
  JOIN pg_catalog.pg_class v ON v.oid = w.ev_class
  UNION ALL
  SELECT t.oid, 'trigger',
         pg_catalog.pg_describe_object(
           'pg_catalog.pg_trigger'::pg_catalog.regclass, g.oid, 0),
         NULL, g.tgparentid <> 0, g.tgqual::pg_catalog.text
  FROM target t
  JOIN pg_catalog.pg_trigger g ON g.tgrelid = t.oid AND NOT g.tgisinternal
  UNION ALL
  SELECT r.oid, 'sql-body function',
         pg_catalog.pg_describe_object(
           'pg_catalog.pg_proc'::pg_catalog.regclass, p.oid, 0),
         NULL, FALSE, pg_catalog.to_jsonb(p) ->> 'prosqlbody'
  FROM reader r
  JOIN pg_catalog.pg_proc p
    ON r.classid = 'pg_catalog.pg_proc'::pg_catalog.regclass AND p.oid = r.objid
)
SELECT f.relation::pg_catalog.int8, f.kind, f.name, f.view::pg_catalog.int8, f.copied,
       t.reltype::pg_catalog.int8, f.tree,
       -- what a function without a text makes of rows is not known
       ARRAY(SELECT p.oid::pg_catalog.int8 FROM pg_catalog.pg_depend d
             JOIN pg_catalog.pg_proc p ON p.oid = d.objid
             JOIN pg_catalog.pg_language l ON l.oid = p.prolang
             WHERE d.refclassid = 'pg_catalog.pg_type'::pg_catalog.regclass
               AND d.refobjid = t.reltype
               AND d.classid = 'pg_catalog.pg_proc'::pg_catalog.regclass
               AND l.lanname NOT IN ('c', 'internal'))
FROM found f
JOIN target t ON t.oid = f.relation
WHERE pg_catalog.strpos(f.tree, t.mark) > 0
   OR pg_catalog.strpos(f.tree, t.argument) > 0
ORDER BY 1, 2, 3
