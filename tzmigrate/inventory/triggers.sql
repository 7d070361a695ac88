-- triggers: one row per trigger that has a row to read, or to change before it is
--   stored; of a partition's copies the function is told, but not for analysis
-- params: relations oid[]   gives: rows.TriggerRow   needs: PostgreSQL 13+
SELECT t.tgrelid::pg_catalog.int8, t.tgfoid::pg_catalog.int8,
       pg_catalog.pg_describe_object(
         'pg_catalog.pg_trigger'::pg_catalog.regclass, t.oid, 0),
       pg_catalog.encode(t.tgargs, 'escape'),
       t.tgfoid::pg_catalog.regprocedure::pg_catalog.text,
       -- bits of tgtype: 1 row, 2 before, 4 insert, 16 update
       t.tgtype & 3 = 3 AND t.tgtype & 20 <> 0, t.tgparentid <> 0
FROM pg_catalog.pg_trigger t
WHERE t.tgrelid = ANY (%(relations)s::pg_catalog.oid[]) AND NOT t.tgisinternal
  AND t.tgtype & 1 = 1
ORDER BY 1, 3
