-- trees: some tables with their partitions and children, the roots first
-- params: schemas text[], names text[]
-- gives: oid, schema, name, relkind, whether its rows are written through a parent that is here too   needs: PostgreSQL 13+
WITH RECURSIVE tree (oid, depth) AS (
    SELECT c.oid, 0 FROM ROWS FROM (pg_catalog.unnest(%(schemas)s::pg_catalog.text[]), pg_catalog.unnest(%(names)s::pg_catalog.text[])) AS w (schema, name)
    JOIN pg_catalog.pg_namespace n ON n.nspname::pg_catalog.text = w.schema
    JOIN pg_catalog.pg_class c ON c.relnamespace = n.oid AND c.relname::pg_catalog.text = w.name
    UNION
    SELECT i.inhrelid, tree.depth + 1 FROM tree JOIN pg_catalog.pg_inherits i ON i.inhparent = tree.oid
)
SELECT c.oid::pg_catalog.int8, n.nspname::pg_catalog.text, c.relname::pg_catalog.text, c.relkind::pg_catalog.text,
       c.relispartition AND EXISTS (SELECT FROM pg_catalog.pg_inherits i JOIN tree p ON p.oid = i.inhparent WHERE i.inhrelid = c.oid)
FROM (SELECT oid, max(depth) AS depth FROM tree GROUP BY oid) AS t
JOIN pg_catalog.pg_class c ON c.oid = t.oid
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p')
ORDER BY t.depth, n.nspname, c.relname
