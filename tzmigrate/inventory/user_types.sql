-- user_types: one row per domain, composite type and range type of the users' own that holds naive time
-- gives: rows.UserTypeRow   needs: PostgreSQL 13+
WITH RECURSIVE part(whole, type) AS (
  SELECT t.oid, x.type
  FROM pg_catalog.pg_type t
  CROSS JOIN LATERAL (
    SELECT t.typelem UNION ALL SELECT t.typbasetype
    UNION ALL
    SELECT g.rngsubtype FROM pg_catalog.pg_range g WHERE t.typtype = 'r' AND g.rngtypid = t.oid
    UNION ALL
    -- pg_range.rngmultitypid exists from 14 on
    SELECT g.rngtypid FROM pg_catalog.pg_range g
    WHERE t.typtype = 'm' AND (pg_catalog.to_jsonb(g) ->> 'rngmultitypid')::pg_catalog.oid = t.oid
    UNION ALL
    SELECT a.atttypid FROM pg_catalog.pg_attribute a
    WHERE t.typtype = 'c' AND a.attrelid = t.typrelid AND a.attnum > 0 AND NOT a.attisdropped
  ) x(type)
  WHERE x.type <> 0
), naive(type) AS (
  SELECT 'pg_catalog.timestamp'::pg_catalog.regtype::pg_catalog.oid
  UNION
  SELECT p.whole FROM naive n JOIN part p ON p.type = n.type
), own AS MATERIALIZED (
  SELECT t.*, c.relkind FROM naive v JOIN pg_catalog.pg_type t ON t.oid = v.type
  LEFT JOIN pg_catalog.pg_class c ON c.oid = t.typrelid
  WHERE t.oid >= 16384 AND t.typtype IN ('d', 'c', 'r', 'm') AND coalesce(c.relkind, 'c') IN ('c', 'r', 'p')
), handle(own, class, object) AS (
  -- what others depend on: the type, its array, and the relation of a composite type
  SELECT o.oid, 'pg_catalog.pg_type'::pg_catalog.regclass::pg_catalog.oid, o.oid FROM own o
  UNION ALL SELECT o.oid, 'pg_catalog.pg_type'::pg_catalog.regclass, o.typarray FROM own o WHERE o.typarray <> 0
  UNION ALL SELECT o.oid, 'pg_catalog.pg_class'::pg_catalog.regclass, o.typrelid FROM own o WHERE o.relkind = 'c'
), used AS MATERIALIZED (
  SELECT DISTINCT h.own, d.classid, d.objid, d.objsubid
  FROM handle h
  JOIN pg_catalog.pg_depend d ON d.refclassid = h.class AND d.refobjid = h.object AND d.deptype IN ('n', 'a')
  -- what reads an attribute is rewritten as what reads a column
  WHERE h.class = 'pg_catalog.pg_type'::pg_catalog.regclass OR d.refobjsubid = 0
), known AS MATERIALIZED (
  SELECT u.own, u.classid, u.objid, u.objsubid,
         CASE WHEN c.relkind IN ('r', 'p', 'f') AND u.objsubid > 0 THEN 'column'
              WHEN c.relkind = 'r' OR c.relkind = 'p' THEN 'typed table'
              -- a view's columns come with its rule; a type's attributes and bases are types of their own here
              WHEN c.relkind IN ('v', 'm') OR c.relkind = 'c' THEN ''
              WHEN u.classid = 'pg_catalog.pg_type'::pg_catalog.regclass THEN ''
              WHEN k.contypid = u.own THEN ''
              -- a range type's own constructors
              WHEN EXISTS (SELECT FROM pg_catalog.pg_depend i WHERE i.classid = 'pg_catalog.pg_proc'::pg_catalog.regclass AND i.objid = p.oid AND i.deptype = 'i') THEN ''
              -- what it does is in a text, which is compiled anew; an SQL body holds values of the type itself
              WHEN p.prokind IN ('f', 'p', 'w') AND pg_catalog.to_jsonb(p) ->> 'prosqlbody' IS NULL THEN 'function'
              -- the column's own type, to which a default is coerced unsaid; the default goes before the type changes
              WHEN pg_catalog.strpos(pg_catalog.pg_get_expr(f.adbin, f.adrelid), o.typname) = 0 THEN ''
              ELSE 'other' END AS way
  FROM used u
  JOIN own o ON o.oid = u.own
  LEFT JOIN pg_catalog.pg_attrdef f ON u.classid = 'pg_catalog.pg_attrdef'::pg_catalog.regclass AND f.oid = u.objid
  LEFT JOIN pg_catalog.pg_class c ON u.classid = 'pg_catalog.pg_class'::pg_catalog.regclass AND c.oid = u.objid
  LEFT JOIN pg_catalog.pg_constraint k ON u.classid = 'pg_catalog.pg_constraint'::pg_catalog.regclass AND k.oid = u.objid
  LEFT JOIN pg_catalog.pg_proc p ON u.classid = 'pg_catalog.pg_proc'::pg_catalog.regclass AND p.oid = u.objid
), stored(type) AS (
  -- what the values in tables are made of; the row type of another table is no type of its own
  SELECT k.own FROM known k WHERE k.way = 'column'
  UNION
  SELECT q.oid FROM stored s JOIN part p ON p.whole = s.type JOIN own q ON p.type IN (q.oid, q.typarray)
), shown AS MATERIALIZED (
  SELECT o.* FROM own o WHERE o.relkind IS NULL OR o.relkind = 'c' OR o.oid IN (SELECT s.type FROM stored s)
)
SELECT o.oid::pg_catalog.int8, n.nspname::pg_catalog.text, o.typname::pg_catalog.text,
       CASE WHEN o.typtype = 'd' THEN 'domain' WHEN o.relkind = 'c' THEN 'type' WHEN o.relkind IS NOT NULL THEN 'row' ELSE 'range' END,
       pg_catalog.pg_get_userbyid(o.typowner)::pg_catalog.text, pg_catalog.pg_has_role(o.typowner, 'USAGE'),
       e.extname::pg_catalog.text,
       CASE WHEN o.typtype = 'd' THEN pg_catalog.format_type(o.typbasetype, o.typtypmod) END,
       o.typnotnull, coalesce(pg_catalog.pg_get_expr(o.typdefaultbin, 0), o.typdefault),
       ARRAY(SELECT ARRAY[k.conname::pg_catalog.text, k.contype::pg_catalog.text, k.convalidated::pg_catalog.text, pg_catalog.pg_get_constraintdef(k.oid)]
             FROM pg_catalog.pg_constraint k WHERE k.contypid = o.oid ORDER BY k.conname),
       ARRAY(SELECT ARRAY[a.attname::pg_catalog.text, pg_catalog.format_type(a.atttypid, a.atttypmod),
                          CASE WHEN a.attcollation <> t.typcollation THEN (SELECT pg_catalog.quote_ident(m.nspname) || '.' || pg_catalog.quote_ident(l.collname)
                               FROM pg_catalog.pg_collation l JOIN pg_catalog.pg_namespace m ON m.oid = l.collnamespace WHERE l.oid = a.attcollation) END,
                          (a.atttypid IN (SELECT v.type FROM naive v))::pg_catalog.text]
             FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_type t ON t.oid = a.atttypid
             WHERE a.attrelid = o.typrelid AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum),
       -- as the support's definition() prints it
       CASE WHEN o.typtype = 'd' THEN pg_catalog.jsonb_build_object('base', pg_catalog.format_type(o.typbasetype, o.typtypmod), 'not null', o.typnotnull,
                   'default', coalesce(pg_catalog.pg_get_expr(o.typdefaultbin, 0), o.typdefault),
                   'checks', (SELECT pg_catalog.jsonb_object_agg(k.conname, pg_catalog.pg_get_constraintdef(k.oid)) FROM pg_catalog.pg_constraint k WHERE k.contypid = o.oid))::pg_catalog.text
            WHEN o.relkind = 'c' THEN (SELECT pg_catalog.jsonb_agg(ARRAY[a.attname, pg_catalog.format_type(a.atttypid, a.atttypmod)] ORDER BY a.attnum)::pg_catalog.text
                   FROM pg_catalog.pg_attribute a WHERE a.attrelid = o.typrelid AND a.attnum > 0 AND NOT a.attisdropped) END,
       -- the types of their own that it is made of, also as elements of an array
       ARRAY(SELECT DISTINCT q.oid::pg_catalog.int8 FROM part p JOIN shown q ON p.type IN (q.oid, q.typarray) WHERE p.whole = o.oid ORDER BY 1),
       ARRAY(SELECT ARRAY[k.objid::pg_catalog.int8, k.objsubid] FROM known k WHERE k.own = o.oid AND k.way = 'column' ORDER BY 1),
       ARRAY(SELECT k.objid::pg_catalog.int8 FROM known k WHERE k.own = o.oid AND k.way = 'typed table' ORDER BY 1),
       ARRAY(SELECT pg_catalog.pg_describe_object(k.classid, k.objid, k.objsubid) FROM known k WHERE k.own = o.oid AND k.way = 'other' ORDER BY 1),
       ARRAY(SELECT pg_catalog.pg_describe_object(k.classid, k.objid, k.objsubid) FROM known k WHERE k.own = o.oid AND k.way = 'function' ORDER BY 1),
       o.typrelid::pg_catalog.int8
FROM shown o
JOIN pg_catalog.pg_namespace n ON n.oid = o.typnamespace
LEFT JOIN pg_catalog.pg_depend de
  ON de.classid = 'pg_catalog.pg_type'::pg_catalog.regclass AND de.objid = o.oid AND de.deptype = 'e'
LEFT JOIN pg_catalog.pg_extension e ON e.oid = de.refobjid
ORDER BY o.oid
