-- readers: what depends on columns, on what is generated from them, and on the views above them: on their rows, too
-- params: places int4[] (of the groups), relations oid[], attnums int2[] (triples)   gives: place, class, object
-- needs: PostgreSQL 13+
WITH RECURSIVE walk (place, class, object, sub) AS (
    SELECT w.place, 'pg_class'::regclass::oid, w.relation, w.attnum::int4
    FROM ROWS FROM (unnest(%(places)s::int4[]), unnest(%(relations)s::oid[]), unnest(%(attnums)s::int2[])) AS w (place, relation, attnum)
    UNION
    SELECT walk.place, n.class, n.object, n.sub
    FROM walk, LATERAL (
        SELECT d.classid, d.objid, d.objsubid FROM pg_depend d
        WHERE d.refclassid = walk.class AND d.refobjid = walk.object AND (walk.sub = 0 OR d.refobjsubid = walk.sub) AND d.deptype IN ('n', 'a')
        UNION ALL
        SELECT 'pg_class'::regclass, r.ev_class, 0 FROM pg_rewrite r
        WHERE walk.class = 'pg_rewrite'::regclass AND r.oid = walk.object AND r.rulename = '_RETURN'
        UNION ALL
        SELECT 'pg_class'::regclass, e.adrelid, e.adnum::int4 FROM pg_attrdef e JOIN pg_attribute a ON a.attrelid = e.adrelid AND a.attnum = e.adnum
        WHERE walk.class = 'pg_attrdef'::regclass AND e.oid = walk.object AND a.attgenerated <> ''
        UNION ALL
        SELECT d.classid, d.objid, 0 FROM pg_class c JOIN pg_type t ON t.oid = c.reltype
        JOIN pg_depend d ON d.refclassid = 'pg_type'::regclass AND d.refobjid IN (t.oid, t.typarray)
        WHERE walk.class = 'pg_class'::regclass AND walk.sub = 0 AND c.oid = walk.object AND d.classid = 'pg_proc'::regclass AND d.deptype = 'n'
    ) AS n (class, object, sub)
    WHERE walk.class IN ('pg_class'::regclass, 'pg_rewrite'::regclass, 'pg_attrdef'::regclass)
)
SELECT DISTINCT place, class::int8, object::int8 FROM walk WHERE class <> 'pg_class'::regclass OR sub = 0
