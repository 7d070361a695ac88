-- statistics: what the last run of a step has left without statistics: tables with their partitions and children, and materialized views made anew
-- params: step text
-- gives: schema, relation, columns; no columns: all, with indexes over expressions and extended statistics
-- needs: PostgreSQL 13+
WITH RECURSIVE run AS (
    SELECT s.* FROM tzmigrate.step s
    WHERE s.step = %(step)s AND s.done_at IS NOT NULL
      AND s.id >= (SELECT max(f.id) FROM tzmigrate.step f WHERE f.step = %(step)s AND f.part = 1 AND f.done_at IS NOT NULL)
), tree (relation, name) AS (
    SELECT c.oid, k.column_name FROM run r
    JOIN pg_namespace n ON n.nspname = r.relation_schema JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = r.relation_name
    JOIN tzmigrate.step_column k ON k.step_id = r.id
    UNION SELECT i.inhrelid, tree.name FROM tree JOIN pg_inherits i ON i.inhparent = tree.relation
), lost (relation, columns) AS (
    SELECT t.relation, CASE
        WHEN NOT EXISTS (SELECT FROM pg_index i WHERE i.indrelid = t.relation AND i.indexprs IS NOT NULL)
         AND NOT EXISTS (SELECT FROM pg_statistic_ext e WHERE e.stxrelid = t.relation) THEN array_agg(t.name ORDER BY t.name) END
    FROM tree t GROUP BY t.relation
    UNION
    SELECT to_regclass(d.relation), NULL FROM run r JOIN tzmigrate.step_dependent d ON d.step_id = r.id
    WHERE d.kind = 'materialized view' AND d.present
)
SELECT n.nspname, c.relname, l.columns
FROM lost l JOIN pg_class c ON c.oid = l.relation JOIN pg_namespace n ON n.oid = c.relnamespace
-- partitions are analyzed with their table
WHERE NOT c.relispartition AND c.relkind IN ('r', 'p', 'm') AND (c.relkind <> 'm' OR c.relispopulated)
ORDER BY 1, 2
