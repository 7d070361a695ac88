-- triggers: one row per trigger that may change a row before it is stored
-- params: relations oid[]   gives: rows.TriggerRow   needs: PostgreSQL 13+
SELECT t.tgrelid::pg_catalog.int8, t.tgfoid::pg_catalog.int8,
       pg_catalog.pg_describe_object(
         'pg_catalog.pg_trigger'::pg_catalog.regclass, t.oid, 0),
       pg_catalog.encode(t.tgargs, 'escape'),
       t.tgfoid::pg_catalog.regprocedure::pg_catalog.text
FROM pg_catalog.pg_trigger t
-- bits of tgtype: 1 row, 2 before, 4 insert, 16 update
WHERE t.tgrelid = ANY (%(relations)s::pg_catalog.oid[]) AND NOT t.tgisinternal
  AND t.tgtype & 3 = 3 AND t.tgtype & 20 <> 0
ORDER BY 1, 3
