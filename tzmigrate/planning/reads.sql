-- reads: the relations that these objects depend on, and those that the views among them depend on
-- params: classes oid[], objects oid[] (pairs)   gives: class, object, relation
-- needs: PostgreSQL 13+
WITH RECURSIVE walk (class, object, relation) AS (
    SELECT w.class, w.object, n.relation
    FROM ROWS FROM (unnest(%(classes)s::oid[]), unnest(%(objects)s::oid[])) AS w (class, object), LATERAL (
        SELECT d.refobjid FROM pg_depend d WHERE d.classid = w.class AND d.objid = w.object AND d.refclassid = 'pg_class'::regclass
        UNION ALL
        SELECT d.refobjid FROM pg_rewrite r JOIN pg_depend d ON d.classid = 'pg_rewrite'::regclass AND d.objid = r.oid AND d.refclassid = 'pg_class'::regclass
        WHERE w.class = 'pg_class'::regclass AND r.ev_class = w.object AND r.rulename = '_RETURN'
        UNION ALL
        -- what takes or returns rows
        SELECT t.typrelid FROM pg_depend d JOIN pg_type y ON y.oid = d.refobjid JOIN pg_type t ON t.oid = CASE WHEN y.typcategory = 'A' THEN y.typelem ELSE y.oid END
        WHERE d.classid = w.class AND d.objid = w.object AND d.refclassid = 'pg_type'::regclass AND t.typrelid <> 0
    ) AS n (relation)
    UNION
    SELECT 'pg_class'::regclass, walk.relation, d.refobjid
    FROM walk JOIN pg_rewrite r ON r.ev_class = walk.relation AND r.rulename = '_RETURN'
    JOIN pg_depend d ON d.classid = 'pg_rewrite'::regclass AND d.objid = r.oid AND d.refclassid = 'pg_class'::regclass
)
SELECT class::int8, object::int8, relation::int8 FROM walk
