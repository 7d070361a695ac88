-- tables: what pg_dump dumps with its rows, and what is partitioned or foreign, each with its primary key
-- params: none   gives: oid, schema, name, relkind, bytes, key columns, whether it is one integer   needs: PostgreSQL 13+
SELECT c.oid::pg_catalog.int8 AS oid, n.nspname::pg_catalog.text AS schema, c.relname::pg_catalog.text AS name,
       c.relkind::pg_catalog.text AS kind, pg_catalog.pg_table_size(c.oid) AS bytes,
       coalesce(k.key, '{}') AS key, coalesce(k.number, false) AS number
FROM pg_catalog.pg_class c
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN LATERAL (
    SELECT pg_catalog.array_agg(a.attname::pg_catalog.text ORDER BY u.place) AS key,
           count(*) = 1 AND bool_and(a.atttypid IN (20, 21, 23)) AS number
    FROM pg_catalog.pg_index i
    CROSS JOIN LATERAL pg_catalog.unnest(i.indkey) WITH ORDINALITY AS u (attnum, place)
    JOIN pg_catalog.pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = u.attnum
    WHERE i.indrelid = c.oid AND i.indisprimary AND u.place <= i.indnkeyatts
) AS k ON true
WHERE c.relkind IN ('r', 'p', 'f') AND c.relpersistence <> 't'
  AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
  -- an extension makes its own again
  AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d
                  WHERE d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.objid = c.oid AND d.deptype = 'e')
ORDER BY n.nspname, c.relname
