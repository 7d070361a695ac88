-- generated: generated columns that are computed from columns that convert, or convert themselves; before version 17,
--   where they are dropped and added again, all generated columns from the first of them on; tables, partitions and children
-- params: relations oid[], attnums int2[] (pairs)   gives: shadow.Generated
-- needs: PostgreSQL 13+; search_path = pg_catalog
WITH target (relation, attnum) AS (
    SELECT * FROM ROWS FROM (unnest(%(relations)s::oid[]), unnest(%(attnums)s::int2[]))
), fed (relation, attnum) AS (
    -- OFFSET 0 and IS TRUE, here and below: the planner would look through the columns of all tables
    SELECT e.adrelid, e.adnum FROM target t, LATERAL (
        SELECT d.objid FROM pg_depend d WHERE d.refclassid = 'pg_class'::regclass AND d.refobjid = t.relation AND d.refobjsubid = t.attnum
           AND (d.classid = 'pg_attrdef'::regclass) IS TRUE OFFSET 0) AS o
    JOIN pg_attrdef e ON e.oid = o.objid WHERE (e.adrelid, e.adnum) <> (t.relation, t.attnum)
    UNION
    SELECT o.objid, o.objsubid FROM target t, LATERAL (
        SELECT d.objid, d.objsubid FROM pg_depend d WHERE d.refclassid = 'pg_class'::regclass AND d.refobjid = t.relation AND d.refobjsubid = t.attnum
           AND (d.classid = 'pg_class'::regclass) IS TRUE AND d.objid = t.relation AND d.objsubid > 0 OFFSET 0) AS o
), first (relation, attnum) AS (
    SELECT x.relation, min(g.attnum) FROM (SELECT * FROM fed UNION SELECT * FROM target) AS x (relation, attnum), LATERAL (
        SELECT a.attnum FROM pg_attribute a WHERE a.attrelid = x.relation AND a.attnum = x.attnum AND a.attgenerated <> '' OFFSET 0) AS g GROUP BY x.relation
)
SELECT a.attrelid::int8, a.attnum::int4, n.nspname::text, c.relname::text, a.attname::text, format_type(a.atttypid, a.atttypmod),
       CASE WHEN a.attcollation <> y.typcollation THEN a.attcollation::regcollation::text ELSE '' END,
       a.attnotnull, a.attgenerated = 's', (a.attrelid, a.attnum) IN (SELECT * FROM fed),
       EXISTS (SELECT FROM pg_attribute b WHERE b.attrelid = a.attrelid AND b.attnum > a.attnum AND NOT b.attisdropped AND b.attgenerated = ''),
       -- of a partition or child: computed, or placed among the others, otherwise than in what it is a part of
       EXISTS (SELECT FROM pg_inherits i JOIN pg_attribute p ON p.attrelid = i.inhparent AND p.attname = a.attname JOIN pg_attrdef q ON q.adrelid = p.attrelid AND q.adnum = p.attnum
               WHERE i.inhrelid = a.attrelid AND (pg_get_expr(q.adbin, q.adrelid) <> pg_get_expr(e.adbin, e.adrelid) OR p.attgenerated <> a.attgenerated)),
       EXISTS (SELECT FROM pg_inherits i WHERE i.inhrelid = a.attrelid AND a.attinhcount > 0 AND
               (SELECT array_agg(b.attname ORDER BY b.attnum) FROM pg_attribute b WHERE b.attrelid = a.attrelid AND b.attnum >= a.attnum AND NOT b.attisdropped)
               IS DISTINCT FROM (SELECT array_agg(b.attname ORDER BY b.attnum) FROM pg_attribute p JOIN pg_attribute b ON b.attrelid = p.attrelid AND b.attnum >= p.attnum AND NOT b.attisdropped
                   WHERE p.attrelid = i.inhparent AND p.attname = a.attname)),
       a.attinhcount::int4
FROM first f JOIN pg_attribute a ON a.attrelid = f.relation AND a.attgenerated <> '' AND NOT a.attisdropped
JOIN pg_attrdef e ON e.adrelid = a.attrelid AND e.adnum = a.attnum JOIN pg_type y ON y.oid = a.atttypid
JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE (a.attrelid, a.attnum) IN (SELECT * FROM fed UNION SELECT * FROM target)
   OR a.attnum > f.attnum AND current_setting('server_version_num')::integer < 170000
ORDER BY a.attrelid, a.attnum
