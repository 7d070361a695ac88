-- row_types: one row per column of a table that stores a candidate relation's row type,
--   and per function that has it as argument or result
-- params: relations oid[]   gives: rows.RowTypeRow   needs: PostgreSQL 13+
WITH RECURSIVE target AS MATERIALIZED (
  SELECT c.oid, c.reltype, t.typarray
  FROM pg_catalog.pg_class c
  JOIN pg_catalog.pg_type t ON t.oid = c.reltype
  WHERE c.oid = ANY (%(relations)s::pg_catalog.oid[]) AND c.relkind IN ('r', 'p')
), reaches(root, type) AS (
  -- what each user-defined type in use is made of
  SELECT DISTINCT a.atttypid, a.atttypid FROM pg_catalog.pg_attribute a
  WHERE a.atttypid >= 16384
  UNION
  SELECT r.root, part.type
  FROM reaches r
  JOIN pg_catalog.pg_type t ON t.oid = r.type
  CROSS JOIN LATERAL (
    SELECT t.typelem WHERE t.typelem <> 0
    UNION ALL
    SELECT t.typbasetype WHERE t.typtype = 'd'
    UNION ALL
    SELECT g.rngsubtype FROM pg_catalog.pg_range g
    WHERE t.typtype = 'r' AND g.rngtypid = t.oid
    UNION ALL
    -- pg_range.rngmultitypid exists from 14 on
    SELECT g.rngtypid FROM pg_catalog.pg_range g
    WHERE t.typtype = 'm'
      AND (pg_catalog.to_jsonb(g) ->> 'rngmultitypid')::pg_catalog.oid = t.oid
    UNION ALL
    SELECT a.atttypid FROM pg_catalog.pg_attribute a
    WHERE t.typtype = 'c' AND a.attrelid = t.typrelid
      AND a.attnum > 0 AND NOT a.attisdropped
  ) part(type)
), functions AS MATERIALIZED (
  SELECT DISTINCT p.oid, a.type
  FROM pg_catalog.pg_proc p
  CROSS JOIN LATERAL pg_catalog.unnest(
    coalesce(p.proallargtypes, p.proargtypes::pg_catalog.oid[]) || p.prorettype) a(type)
  WHERE p.oid >= 16384 AND a.type >= 16384
)
SELECT x.oid::pg_catalog.int8, 'row type',
       pg_catalog.pg_describe_object(
         'pg_catalog.pg_class'::pg_catalog.regclass, a.attrelid, a.attnum)
FROM target x
JOIN reaches r ON r.type = x.reltype
JOIN pg_catalog.pg_attribute a ON a.atttypid = r.root
JOIN pg_catalog.pg_class c ON c.oid = a.attrelid
WHERE a.attnum > 0 AND NOT a.attisdropped AND c.relkind IN ('r', 'p', 'f')
UNION
SELECT x.oid::pg_catalog.int8, 'row type in function',
       pg_catalog.pg_describe_object(
         'pg_catalog.pg_proc'::pg_catalog.regclass, f.oid, 0)
FROM target x
JOIN functions f ON f.type IN (x.reltype, x.typarray)
ORDER BY 1, 2, 3
