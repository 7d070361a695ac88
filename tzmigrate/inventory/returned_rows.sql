-- returned_rows: one row per object and column that it reads from rows which a function
--   returns; from 15 on such columns are in pg_depend, before it ALTER TYPE goes past
--   them, and what reads them takes instants for naive time
-- gives: rows.ReturnedRowRow   needs: PostgreSQL 13+
WITH reader (oid, named, named_as, tree) AS (
  SELECT r.oid,
         -- the rule of a view is named as the view
         CASE WHEN r.rulename = '_RETURN' THEN r.ev_class ELSE r.oid END,
         CASE WHEN r.rulename = '_RETURN' THEN 'pg_catalog.pg_class'::pg_catalog.regclass
              ELSE 'pg_catalog.pg_rewrite'::pg_catalog.regclass END,
         pg_catalog.concat(r.ev_qual::pg_catalog.text, r.ev_action::pg_catalog.text)
  FROM pg_catalog.pg_rewrite r
  UNION ALL
  SELECT p.oid, p.oid,
         'pg_catalog.pg_policy'::pg_catalog.regclass,
         pg_catalog.concat(p.polqual::pg_catalog.text, p.polwithcheck::pg_catalog.text)
  FROM pg_catalog.pg_policy p
  UNION ALL
  SELECT p.oid, p.oid,
         'pg_catalog.pg_proc'::pg_catalog.regclass,
         -- the column exists from 14 on
         pg_catalog.to_jsonb(p) ->> 'prosqlbody'
  FROM pg_catalog.pg_proc p
  WHERE p.oid >= 16384
), called AS MATERIALIZED (
  -- :rtekind 3 is a function in FROM
  SELECT DISTINCT r.*, m.found[1]::pg_catalog.oid AS result
  FROM reader r
  CROSS JOIN LATERAL pg_catalog.regexp_matches(
    r.tree, ':funcresulttype ([0-9]+) ', 'g') m(found)
  WHERE r.oid >= 16384 AND pg_catalog.strpos(r.tree, ':rtekind 3 ') > 0
    AND pg_catalog.current_setting('server_version_num')::pg_catalog.int4 < 150000
)
SELECT DISTINCT y.typrelid::pg_catalog.int8, a.attnum::pg_catalog.int4,
       y.oid::pg_catalog.int8, pg_catalog.pg_describe_object(c.named_as, c.named, 0)
FROM called c
JOIN pg_catalog.pg_type t ON t.oid = c.result
JOIN pg_catalog.pg_type y
  ON y.typtype = 'c' AND y.oid = CASE t.typtype WHEN 'd' THEN t.typbasetype ELSE t.oid END
JOIN pg_catalog.pg_attribute a
  ON a.attrelid = y.typrelid AND a.attnum > 0 AND NOT a.attisdropped
-- time in some form: timestamp, its array and ranges, or a type of the users' own
WHERE (a.atttypid >= 16384 OR a.atttypid::pg_catalog.regtype::pg_catalog.text ~
         '^(timestamp without time zone|tsrange|tsmultirange)')
  AND (pg_catalog.strpos(c.tree, pg_catalog.concat(
         ':varattno ', a.attnum, ' :vartype ', a.atttypid, ' ')) > 0
       OR pg_catalog.strpos(c.tree, pg_catalog.concat(
         ':varattno 0 :vartype ', c.result, ' ')) > 0)
ORDER BY 1, 2, 4
