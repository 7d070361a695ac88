-- relations: one row per relation that has a candidate
-- params: relations oid[]   gives: rows.RelationRow   needs: PostgreSQL 13+
SELECT c.oid::pg_catalog.int8, n.nspname::pg_catalog.text, c.relname::pg_catalog.text,
       pg_catalog.quote_ident(n.nspname) || '.' || pg_catalog.quote_ident(c.relname),
       c.relkind::pg_catalog.text, pg_catalog.pg_get_userbyid(c.relowner)::pg_catalog.text,
       pg_catalog.pg_has_role(c.relowner, 'USAGE'),
       c.reltuples::pg_catalog.float8, c.relpages,
       -- an empty heap has an empty TOAST table: looking at it is what costs
       CASE WHEN pg_catalog.pg_relation_size(c.oid) > 0
            THEN coalesce(pg_catalog.pg_table_size(c.oid), 0) ELSE 0 END,
       c.relrowsecurity, c.relispartition, c.reloftype <> 0,
       CASE WHEN c.reloftype <> 0
            THEN pg_catalog.format_type(c.reloftype, NULL) END,
       x.extname::pg_catalog.text,
       coalesce(k.names, '{}'), coalesce(k.types, '{}'),
       ARRAY(SELECT a.attname::pg_catalog.text FROM pg_catalog.pg_attribute a
             WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
               AND a.atttypid = 'pg_catalog.timestamptz'::pg_catalog.regtype
             ORDER BY a.attnum),
       -- the partition key's columns depend on the relation, also inside expressions
       CASE WHEN c.relkind = 'p' THEN ARRAY(
         SELECT DISTINCT d.objsubid FROM pg_catalog.pg_depend d
         WHERE d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass
           AND d.objid = c.oid AND d.objsubid > 0 AND d.deptype = 'i'
           AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass
           AND d.refobjid = c.oid AND d.refobjsubid = 0
         UNION
         SELECT s::pg_catalog.int4 FROM pg_catalog.pg_partitioned_table p,
           pg_catalog.unnest(p.partattrs::pg_catalog.int2[]) s
         WHERE p.partrelid = c.oid AND s > 0) ELSE '{}' END
FROM pg_catalog.unnest(%(relations)s::pg_catalog.oid[]) w(oid)
JOIN pg_catalog.pg_class c ON c.oid = w.oid
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN pg_catalog.pg_depend de
  ON de.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND de.objid = c.oid
 AND de.objsubid = 0 AND de.deptype = 'e'
 AND de.refclassid = 'pg_catalog.pg_extension'::pg_catalog.regclass
LEFT JOIN pg_catalog.pg_extension x ON x.oid = de.refobjid
LEFT JOIN LATERAL (
  SELECT pg_catalog.array_agg(a.attname::pg_catalog.text ORDER BY u.place) AS names,
         pg_catalog.array_agg(pg_catalog.format_type(a.atttypid, a.atttypmod)
                              ORDER BY u.place) AS types
  FROM pg_catalog.pg_index i
  CROSS JOIN LATERAL pg_catalog.unnest(i.indkey::pg_catalog.int2[])
    WITH ORDINALITY u(attnum, place)
  JOIN pg_catalog.pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = u.attnum
  WHERE i.indrelid = c.oid AND i.indisunique AND i.indisvalid AND i.indimmediate
    AND NOT i.indisexclusion AND i.indpred IS NULL AND i.indexprs IS NULL
    AND u.place <= i.indnkeyatts
  GROUP BY i.indexrelid, i.indisprimary
  HAVING pg_catalog.bool_and(a.attnotnull)
  ORDER BY i.indisprimary DESC, count(*),
           sum(CASE WHEN a.attlen > 0 THEN a.attlen ELSE 1000 END), i.indexrelid
  LIMIT 1
) k ON c.relkind IN ('r', 'p')
