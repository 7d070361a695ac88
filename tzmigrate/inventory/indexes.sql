-- indexes: one row per index that has a candidate as key, in INCLUDE, in an
--   expression or predicate, or that reads the whole row (column 0)
-- params: relations oid[], attnums int2[] (pairs)   gives: rows.IndexRow
-- needs: PostgreSQL 13+
WITH candidate AS MATERIALIZED (
  SELECT w.relation,
         pg_catalog.array_agg(w.attnum) || 0::pg_catalog.int2 AS attnums
  FROM ROWS FROM (pg_catalog.unnest(%(relations)s::pg_catalog.oid[]),
                  pg_catalog.unnest(%(attnums)s::pg_catalog.int2[]))
       w(relation, attnum)
  GROUP BY w.relation
), used AS MATERIALIZED (
  SELECT q.*
  FROM (
    SELECT i.*, c.attnums,
           (i.indkey::pg_catalog.int2[])[0:i.indnkeyatts - 1] AS keys,
           (i.indkey::pg_catalog.int2[])[i.indnkeyatts:] AS includes,
           CASE WHEN i.indexprs IS NOT NULL THEN ARRAY(
             SELECT DISTINCT m[1]::pg_catalog.int2
             FROM pg_catalog.regexp_matches(i.indexprs::pg_catalog.text,
               ':varattno ([0-9]+) ', 'g') m) ELSE '{}' END AS in_expressions,
           CASE WHEN i.indpred IS NOT NULL THEN ARRAY(
             SELECT DISTINCT m[1]::pg_catalog.int2
             FROM pg_catalog.regexp_matches(i.indpred::pg_catalog.text,
               ':varattno ([0-9]+) ', 'g') m) ELSE '{}' END AS in_predicate
    FROM candidate c
    JOIN pg_catalog.pg_index i ON i.indrelid = c.relation
  ) q
  -- 0 in indkey stands for an expression, 0 in the trees for the whole row
  WHERE pg_catalog.array_remove(q.keys || q.includes, 0::pg_catalog.int2) && q.attnums
     OR q.in_expressions && q.attnums OR q.in_predicate && q.attnums
), odd AS MATERIALIZED (
  -- what ALTER TYPE would not carry over: another operator class than the default,
  -- or an access method that has no default for timestamptz
  SELECT ARRAY(
    SELECT o.oid
    FROM pg_catalog.pg_opclass o
    WHERE NOT o.opcdefault
       OR (o.opcintype = 'pg_catalog.timestamp'::pg_catalog.regtype
           AND NOT EXISTS (
             SELECT FROM pg_catalog.pg_opclass z
             WHERE z.opcmethod = o.opcmethod AND z.opcdefault
               AND z.opcintype = 'pg_catalog.timestamptz'::pg_catalog.regtype))
  ) AS opclasses
)
SELECT u.indexrelid::pg_catalog.int8, u.indrelid::pg_catalog.int8,
       pg_catalog.quote_ident(n.nspname) || '.' || pg_catalog.quote_ident(c.relname),
       c.relname::pg_catalog.text, pg_catalog.pg_get_indexdef(u.indexrelid),
       u.indisunique, k.contype::pg_catalog.text, u.indisvalid,
       coalesce(pg_catalog.pg_relation_size(u.indexrelid), 0),
       u.keys, u.includes, u.in_expressions, u.in_predicate,
       CASE WHEN u.indclass::pg_catalog.oid[] && o.opclasses THEN ARRAY(
         SELECT key.attnum
         FROM ROWS FROM (pg_catalog.unnest(u.keys),
                         pg_catalog.unnest(u.indclass::pg_catalog.oid[]))
              key(attnum, opclass)
         WHERE key.attnum > 0 AND key.opclass = ANY (o.opclasses)) ELSE '{}' END,
       CASE WHEN p.inhparent IS NOT NULL THEN ARRAY(
         SELECT coalesce(a.attname::pg_catalog.text, '')
         FROM pg_catalog.unnest(u.indkey::pg_catalog.int2[])
           WITH ORDINALITY s(attnum, place)
         LEFT JOIN pg_catalog.pg_attribute a
           ON a.attrelid = u.indrelid AND a.attnum = s.attnum AND s.attnum > 0
         ORDER BY s.place) ELSE '{}' END,
       u.indisprimary, p.inhparent::pg_catalog.int8,
       pg_catalog.obj_description(u.indexrelid, 'pg_class'),
       CASE WHEN k.oid IS NOT NULL
            THEN pg_catalog.obj_description(k.oid, 'pg_constraint') END,
       coalesce(pg_catalog.array_to_string(c.reloptions, ', '), ''),
       c.reltablespace::pg_catalog.int8,
       EXISTS (SELECT FROM pg_catalog.pg_attribute a
               WHERE a.attrelid = u.indexrelid AND coalesce(a.attstattarget, -1) >= 0),
       EXISTS (SELECT FROM pg_catalog.pg_depend d
               WHERE d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass
                 AND d.objid = u.indexrelid AND d.deptype = 'x'),
       u.indisexclusion
FROM used u
CROSS JOIN odd o
JOIN pg_catalog.pg_class c ON c.oid = u.indexrelid
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN pg_catalog.pg_inherits p ON p.inhrelid = u.indexrelid
LEFT JOIN pg_catalog.pg_constraint k
  ON k.conrelid = u.indrelid AND k.conindid = u.indexrelid
 AND k.contype IN ('p', 'u', 'x')
