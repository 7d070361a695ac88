-- views_above: the views that read columns that convert, directly or through views, each before those that read it,
--   the materialized views that store rows of their tables, and what calls routines of domains
-- params: relations oid[], attnums int2[] (pairs), domains text[]   gives: view oid, whether it stores such rows
-- needs: PostgreSQL 13+
WITH RECURSIVE target (relation, attnum) AS (
    SELECT * FROM ROWS FROM (unnest(%(relations)s::oid[]), unnest(%(attnums)s::int2[]))
), made (type) AS (
    -- the types of their rows, and what is made of these
    SELECT c.reltype FROM target t JOIN pg_class c ON c.oid = t.relation
    UNION
    SELECT x.type FROM made m CROSS JOIN LATERAL (
        SELECT y.typarray FROM pg_type y WHERE y.oid = m.type AND y.typarray <> 0
        UNION ALL SELECT d.objid FROM pg_depend d WHERE d.refclassid = 'pg_type'::regclass AND d.refobjid = m.type AND d.classid = 'pg_type'::regclass AND d.deptype = 'n'
        UNION ALL SELECT c.reltype FROM pg_depend d JOIN pg_class c ON c.oid = d.objid AND c.relkind IN ('r', 'p', 'c')
            WHERE d.refclassid = 'pg_type'::regclass AND d.refobjid = m.type AND d.classid = 'pg_class'::regclass AND d.objsubid > 0
    ) AS x (type)
), stores (view) AS (
    -- OFFSET 0, and IS TRUE below: the planner would look through all materialized views, or all rules
    SELECT o.oid FROM made m, LATERAL (
        SELECT c.oid FROM pg_depend d JOIN pg_class c ON c.oid = d.objid AND c.relkind = 'm'
        WHERE d.refclassid = 'pg_type'::regclass AND d.refobjid = m.type AND d.classid = 'pg_class'::regclass AND d.objsubid > 0 OFFSET 0) AS o
), tree (view, depth) AS (
    SELECT r.ev_class, 1 FROM target t
    JOIN pg_depend d ON d.refclassid = 'pg_class'::regclass AND d.refobjid = t.relation AND d.refobjsubid = t.attnum AND (d.classid = 'pg_rewrite'::regclass) IS TRUE
    JOIN pg_rewrite r ON r.oid = d.objid AND r.rulename = '_RETURN'
    UNION SELECT s.view, 1 FROM stores s
    UNION SELECT r.ev_class, 1 FROM unnest(%(domains)s::text[]) AS n,
        LATERAL (SELECT y.oid, y.typarray FROM pg_type y WHERE y.oid = to_regtype(n) OFFSET 0) AS t,
        LATERAL (SELECT d.objid FROM pg_depend d WHERE d.refclassid = 'pg_type'::regclass AND d.refobjid IN (t.oid, t.typarray)
            AND d.classid = 'pg_proc'::regclass AND d.deptype = 'n' OFFSET 0) AS f
    JOIN pg_depend d ON d.refclassid = 'pg_proc'::regclass AND d.refobjid = f.objid AND (d.classid = 'pg_rewrite'::regclass) IS TRUE
    JOIN pg_rewrite r ON r.oid = d.objid AND r.rulename = '_RETURN'
    UNION
    SELECT r.ev_class, tree.depth + 1 FROM tree
    JOIN pg_depend d ON d.refclassid = 'pg_class'::regclass AND d.refobjid = tree.view AND (d.classid = 'pg_rewrite'::regclass) IS TRUE
    JOIN pg_rewrite r ON r.oid = d.objid AND r.rulename = '_RETURN' AND r.ev_class <> tree.view
)
SELECT view::int8, view IN (SELECT s.view FROM stores s) FROM tree GROUP BY view ORDER BY max(depth), view
