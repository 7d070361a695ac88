-- inherits: one row per parent of a partition or inheritance child
-- gives: rows.InheritsRow   needs: PostgreSQL 13+
SELECT i.inhrelid::pg_catalog.int8, i.inhparent::pg_catalog.int8, c.relispartition
FROM pg_catalog.pg_inherits i
JOIN pg_catalog.pg_class c ON c.oid = i.inhrelid
WHERE c.relkind IN ('r', 'p', 'f')
