-- lending: what belongs to an ordinary role, or may be replaced by one, and is called with the rights of a superuser, to whom the
--   table or materialized view belongs, where such a one converts it
-- params: none   gives: lending.Lent
-- needs: PostgreSQL 13+; search_path = pg_catalog, so that every name is printed qualified
WITH RECURSIVE lent (relation) AS (
    SELECT c.oid FROM pg_class c JOIN pg_roles o ON o.oid = c.relowner
    WHERE o.rolsuper AND c.relkind IN ('r', 'p') AND c.oid >= 16384 AND c.relpersistence <> 't'
      AND (SELECT me.rolsuper FROM pg_roles me WHERE me.rolname = current_user)
), type (relation, oid) AS (
    SELECT a.attrelid, a.atttypid FROM lent l JOIN pg_attribute a ON a.attrelid = l.relation AND a.atttypid >= 16384 AND a.attnum > 0
    UNION
    SELECT t.relation, p.part FROM type t JOIN pg_type y ON y.oid = t.oid, LATERAL (
        SELECT unnest(ARRAY[y.typelem, y.typbasetype])
        UNION ALL SELECT a.atttypid FROM pg_attribute a WHERE a.attrelid = y.typrelid AND a.attnum > 0
    ) AS p (part) WHERE p.part >= 16384
), holder (relation, class, object) AS (
    SELECT l.relation, 'pg_constraint'::regclass, k.oid FROM lent l JOIN pg_constraint k ON k.conrelid = l.relation AND k.contype = 'c'
    UNION ALL SELECT l.relation, 'pg_class'::regclass, i.indexrelid FROM lent l JOIN pg_index i ON i.indrelid = l.relation AND (i.indexprs IS NOT NULL OR i.indpred IS NOT NULL)
    UNION ALL SELECT l.relation, 'pg_attrdef'::regclass, e.oid FROM lent l JOIN pg_attribute a ON a.attrelid = l.relation AND a.attgenerated <> ''
        JOIN pg_attrdef e ON e.adrelid = a.attrelid AND e.adnum = a.attnum
    UNION SELECT t.relation, 'pg_constraint'::regclass, k.oid FROM type t JOIN pg_constraint k ON k.contypid = t.oid
), used (relation, holder, function) AS (
    SELECT h.relation, pg_describe_object(h.class, h.object, 0), p.oid
    FROM holder h JOIN pg_depend d ON d.classid = h.class AND d.objid = h.object
    LEFT JOIN pg_operator w ON d.refclassid = 'pg_operator'::regclass AND w.oid = d.refobjid
    JOIN pg_proc p ON p.oid = CASE d.refclassid WHEN 'pg_operator'::regclass THEN w.oprcode WHEN 'pg_proc'::regclass THEN d.refobjid END
    WHERE p.oid >= 16384
), filled (view, relation) AS (
    SELECT c.oid, c.oid FROM pg_class c JOIN pg_roles o ON o.oid = c.relowner WHERE o.rolsuper AND c.relkind = 'm' AND c.relispopulated
      AND (SELECT me.rolsuper FROM pg_roles me WHERE me.rolname = current_user)
    UNION
    SELECT f.view, c.oid FROM filled f JOIN pg_rewrite r ON r.ev_class = f.relation
    JOIN pg_depend d ON d.classid = 'pg_rewrite'::regclass AND d.objid = r.oid AND d.refclassid = 'pg_class'::regclass
    JOIN pg_class c ON c.oid = d.refobjid AND c.relkind = 'v'
), maker (schema, role) AS (
    -- 0 is PUBLIC
    SELECT n.oid, n.nspowner FROM pg_namespace n WHERE n.oid >= 16384 OR n.nspname = 'public'
    UNION SELECT n.oid, a.grantee FROM pg_namespace n, aclexplode(n.nspacl) AS a WHERE a.privilege_type = 'CREATE'
), called (relation, holder, name, owner, way) AS (
    SELECT u.relation, u.holder, concat('function ', u.function::regprocedure), p.proowner, 'table' FROM used u JOIN pg_proc p ON p.oid = u.function
    -- a text that is read anew finds the function that fits best
    UNION SELECT u.relation, u.holder, concat('function ', u.function::regprocedure), m.role, 'schema'
    FROM used u JOIN pg_proc p ON p.oid = u.function JOIN pg_roles o ON o.oid = p.proowner AND o.rolsuper JOIN maker m ON m.schema = p.pronamespace
    UNION
    -- whose owner may give it a CHECK at any time
    SELECT t.relation, 'a column', concat('domain ', t.oid::regtype), y.typowner, 'table' FROM type t JOIN pg_type y ON y.oid = t.oid AND y.typtype = 'd'
    UNION
    -- whose owner may let it call what he likes
    SELECT f.view, '', concat('view ', c.oid::regclass), c.relowner, 'view' FROM filled f JOIN pg_class c ON c.oid = f.relation AND c.oid <> f.view
    UNION
    SELECT f.view, '', concat('function ', p.oid::regprocedure), p.proowner, 'view' FROM filled f JOIN pg_rewrite r ON r.ev_class = f.relation
    JOIN pg_depend d ON d.classid = 'pg_rewrite'::regclass AND d.objid = r.oid
    LEFT JOIN pg_operator w ON d.refclassid = 'pg_operator'::regclass AND w.oid = d.refobjid
    JOIN pg_proc p ON p.oid = CASE d.refclassid WHEN 'pg_operator'::regclass THEN w.oprcode WHEN 'pg_proc'::regclass THEN d.refobjid END
)
SELECT n.nspname, c.relname, c.oid::regclass::text, d.holder, d.name, coalesce(quote_ident(o.rolname), 'PUBLIC'), d.way
FROM called d LEFT JOIN pg_roles o ON o.oid = d.owner
JOIN pg_class c ON c.oid = coalesce(pg_partition_root(d.relation), d.relation) JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE NOT coalesce(o.rolsuper, false)
ORDER BY 1, 2, 4, 5, 6
