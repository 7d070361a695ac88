-- folded: expressions whose constant parts PostgreSQL computes while pg_restore makes a table, attaches a partition or its index, or looks
--   at the rows for a foreign key, with the rights of whoever restores. Only where that is a superuser, and only what names anything
--   that did not come with PostgreSQL
-- params: added int8[], CHECKs that are added to a table that exists   gives: rows.FoldedRow
-- needs: PostgreSQL 13+; search_path = pg_catalog, so that every name is printed qualified
WITH keyed (relation) AS MATERIALIZED (
    -- these are planned queries, and the planner reads what it may use for them
    SELECT k.conrelid FROM pg_constraint k WHERE k.contype = 'f' UNION SELECT k.confrelid FROM pg_constraint k WHERE k.contype = 'f'
)
SELECT pg_describe_object(f.class, f.object, f.sub),
    -- the value of a virtual column may be a constant
    CASE WHEN EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = f.relation AND a.attgenerated = 'v') THEN replace(f.tree, '{VAR ', '{PARAM ') ELSE f.tree END
FROM (
    -- for its volatility to be looked at
    SELECT 'pg_class'::regclass, e.adrelid, e.adnum, e.adrelid, e.adbin::text FROM pg_attrdef e JOIN pg_attribute a ON a.attrelid = e.adrelid AND a.attnum = e.adnum
        WHERE a.attgenerated <> ''
    UNION ALL SELECT 'pg_class'::regclass, p.partrelid, 0, p.partrelid, p.partexprs::text FROM pg_partitioned_table p
    -- a bound may follow from it, so that no row has to be looked at
    UNION ALL SELECT 'pg_constraint'::regclass, k.oid, 0, k.conrelid, k.conbin::text FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid
        WHERE k.contype = 'c' AND k.convalidated AND (c.relispartition OR k.oid::int8 = ANY (%(added)s::int8[])
            OR current_setting('constraint_exclusion') = 'on' AND k.conrelid IN (SELECT relation FROM keyed))
    -- an index is made with the rights of its owner, but attached with ours
    UNION ALL SELECT 'pg_class'::regclass, i.indexrelid, 0, i.indrelid, concat(i.indexprs, i.indpred) FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
        WHERE c.relkind = 'I' OR c.relispartition OR i.indrelid IN (SELECT relation FROM keyed)
    -- from 14 on
    UNION ALL SELECT 'pg_statistic_ext'::regclass, s.oid, 0, s.stxrelid, to_jsonb(s) ->> 'stxexprs' FROM pg_statistic_ext s
        WHERE s.stxrelid IN (SELECT relation FROM keyed)
) AS f (class, object, sub, relation, tree)
WHERE f.tree ~ '[ (][0-9]{5}' AND (SELECT me.rolsuper FROM pg_roles me WHERE me.rolname = current_user)
ORDER BY 1
