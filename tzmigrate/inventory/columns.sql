-- columns: one row per attribute whose type is, or contains, timestamp without time zone
-- gives: rows.ColumnRow   needs: PostgreSQL 13+
WITH RECURSIVE reaches(root, type) AS (
  -- what each type in use is made of: arrays, domains, ranges, multiranges, row types
  SELECT DISTINCT a.atttypid, a.atttypid FROM pg_catalog.pg_attribute a
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
), naive(type) AS MATERIALIZED (
  SELECT r.root FROM reaches r
  WHERE r.type = 'pg_catalog.timestamp'::pg_catalog.regtype
), candidate AS MATERIALIZED (
  SELECT c.oid AS relation, n.nspname, c.relname, c.relkind, a.attnum, a.attname,
         a.atttypid, a.atttypmod, a.attnotnull, a.attgenerated, a.attinhcount,
         CASE WHEN t.typtype = 'd' THEN 'domain'
              WHEN t.typtype = 'r' THEN 'range'
              WHEN t.typtype = 'm' THEN 'multirange'
              WHEN t.typtype = 'c' THEN 'composite'
              WHEN t.typelem <> 0 THEN 'array'
              ELSE 'scalar' END AS family
  FROM naive v
  JOIN pg_catalog.pg_type t ON t.oid = v.type
  JOIN pg_catalog.pg_attribute a ON a.atttypid = v.type
  JOIN pg_catalog.pg_class c ON c.oid = a.attrelid
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
  WHERE a.attnum > 0 AND NOT a.attisdropped
    AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
    AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast')
    AND (NOT pg_catalog.starts_with(n.nspname::pg_catalog.text, 'pg_temp_')
         OR n.oid = pg_catalog.pg_my_temp_schema())
    AND NOT pg_catalog.starts_with(n.nspname::pg_catalog.text, 'pg_toast_temp_')
), tree AS MATERIALIZED (
  SELECT c.relation, c.attnum, d.adbin, d.adbin::pg_catalog.text AS text
  FROM candidate c
  JOIN pg_catalog.pg_attrdef d ON d.adrelid = c.relation AND d.adnum = c.attnum
  WHERE c.attgenerated = ''
), one AS MATERIALIZED (
  -- a default names no column: equal trees print equally, whatever their table is
  SELECT DISTINCT ON (t.text) t.text,
         pg_catalog.pg_get_expr(t.adbin, t.relation) AS expression
  FROM tree t
  ORDER BY t.text
), meaning AS MATERIALIZED (
  -- the functions that an expression calls, read from its stored tree: pg_depend does
  -- not record the built-in ones; input functions and CURRENT_* are stable
  SELECT t.text, t.expression,
         CASE WHEN t.text ~ '[{]NEXTVALUEEXPR '
                   OR pg_catalog.bool_or(p.provolatile = 'v') THEN 'v'
              WHEN t.text ~ '[{](COERCEVIAIO|SQLVALUEFUNCTION) '
                   OR pg_catalog.bool_or(p.provolatile = 's') THEN 's'
              ELSE 'i' END AS worst
  FROM one t
  LEFT JOIN LATERAL pg_catalog.regexp_matches(
    t.text, ':(?:funcid|opfuncid) ([0-9]+)', 'g') m ON TRUE
  LEFT JOIN pg_catalog.pg_proc p ON p.oid = m[1]::pg_catalog.oid
  GROUP BY t.text, t.expression
)
SELECT c.relation::pg_catalog.int8, c.nspname::pg_catalog.text,
       c.relname::pg_catalog.text, c.relkind::pg_catalog.text, c.attnum,
       c.attname::pg_catalog.text, pg_catalog.quote_ident(c.attname),
       pg_catalog.format_type(c.atttypid, c.atttypmod), c.family,
       CASE WHEN c.family = 'scalar' AND c.atttypmod >= 0 THEN c.atttypmod END,
       NOT c.attnotnull, c.attgenerated <> '', c.attinhcount::pg_catalog.int4,
       m.expression, m.worst
FROM candidate c
LEFT JOIN tree t ON t.relation = c.relation AND t.attnum = c.attnum
LEFT JOIN meaning m ON m.text = t.text
