-- lending: what belongs to an ordinary role and is called with the rights of a superuser, to whom the table belongs, where such a one converts it
-- params: none   gives: schema, relation, what holds it, what is called, owner
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
), called (relation, holder, name, owner) AS (
    SELECT h.relation, pg_describe_object(h.class, h.object, 0), concat('function ', p.oid::regprocedure), p.proowner
    FROM holder h JOIN pg_depend d ON d.classid = h.class AND d.objid = h.object
    LEFT JOIN pg_operator w ON d.refclassid = 'pg_operator'::regclass AND w.oid = d.refobjid
    JOIN pg_proc p ON p.oid = CASE d.refclassid WHEN 'pg_operator'::regclass THEN w.oprcode WHEN 'pg_proc'::regclass THEN d.refobjid END
    UNION
    -- whose owner may give it a CHECK at any time
    SELECT t.relation, 'a column', concat('domain ', t.oid::regtype), y.typowner FROM type t JOIN pg_type y ON y.oid = t.oid AND y.typtype = 'd'
)
SELECT n.nspname, c.relname, d.holder, d.name, quote_ident(o.rolname)
FROM called d JOIN pg_roles o ON o.oid = d.owner AND NOT o.rolsuper
JOIN pg_class c ON c.oid = coalesce(pg_partition_root(d.relation), d.relation) JOIN pg_namespace n ON n.oid = c.relnamespace
ORDER BY 1, 2, 3, 4
