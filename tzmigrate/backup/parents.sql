-- parents: the tables above some tables that are not among them
-- params: relations int8[]   gives: child, parent, whether the child is a partition   needs: PostgreSQL 13+
SELECT i.inhrelid::pg_catalog.regclass::pg_catalog.text, i.inhparent::pg_catalog.regclass::pg_catalog.text, c.relispartition
FROM pg_catalog.pg_inherits i
JOIN pg_catalog.pg_class c ON c.oid = i.inhrelid
WHERE i.inhrelid::pg_catalog.int8 = ANY (%(relations)s::pg_catalog.int8[])
  AND NOT i.inhparent::pg_catalog.int8 = ANY (%(relations)s::pg_catalog.int8[])
ORDER BY 1, 2
