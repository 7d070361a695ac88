-- views_above: the views that read columns that convert, directly or through views, each before those that read it
-- params: relations oid[], attnums int2[] (pairs)   gives: view oid, direct
-- needs: PostgreSQL 13+
WITH RECURSIVE target (relation, attnum) AS (
    SELECT * FROM ROWS FROM (unnest(%(relations)s::oid[]), unnest(%(attnums)s::int2[]))
), tree (view, depth) AS (
    SELECT r.ev_class, 1 FROM target t
    JOIN pg_depend d ON d.refclassid = 'pg_class'::regclass AND d.refobjid = t.relation AND d.refobjsubid = t.attnum AND d.classid = 'pg_rewrite'::regclass
    JOIN pg_rewrite r ON r.oid = d.objid AND r.rulename = '_RETURN'
    UNION
    SELECT r.ev_class, tree.depth + 1 FROM tree
    JOIN pg_depend d ON d.refclassid = 'pg_class'::regclass AND d.refobjid = tree.view AND d.classid = 'pg_rewrite'::regclass
    JOIN pg_rewrite r ON r.oid = d.objid AND r.rulename = '_RETURN' AND r.ev_class <> tree.view
)
SELECT view::int8 FROM tree GROUP BY view ORDER BY max(depth), view
