-- read_by_functions: what cannot be read from its text without functions of the users: it holds a value of an array, composite or range type
--   with a domain in it, whose CHECKs are asked while the text is parsed. Only where that is a superuser's reading, and another's function
-- params: none   gives: rows.ReadByFunctionsRow
-- needs: PostgreSQL 13+; search_path = pg_catalog, so that every name is printed qualified
WITH RECURSIVE armed (domain, owner) AS (
    -- whose CHECKs an ordinary role may write, also later, as nothing locks a domain; and those that call what such a role may replace
    SELECT t.oid, t.typowner FROM pg_type t JOIN pg_roles o ON o.oid = t.typowner WHERE t.typtype = 'd' AND NOT o.rolsuper
    UNION
    SELECT k.contypid, p.proowner FROM pg_constraint k JOIN pg_depend d ON d.classid = 'pg_constraint'::regclass AND d.objid = k.oid
    LEFT JOIN pg_operator w ON d.refclassid = 'pg_operator'::regclass AND w.oid = d.refobjid
    JOIN pg_proc p ON p.oid = CASE d.refclassid WHEN 'pg_operator'::regclass THEN w.oprcode WHEN 'pg_proc'::regclass THEN d.refobjid END
    JOIN pg_roles o ON o.oid = p.proowner WHERE k.contypid > 0 AND NOT o.rolsuper
), made (part, type) AS MATERIALIZED (
    SELECT y.typelem, y.oid FROM pg_type y WHERE y.typcategory = 'A'
    UNION ALL SELECT y.typbasetype, y.oid FROM pg_type y WHERE y.typtype = 'd'
    UNION ALL SELECT r.rngsubtype, r.rngtypid FROM pg_range r
    -- 13 has no multiranges
    UNION ALL SELECT r.rngtypid, (to_jsonb(r) ->> 'rngmultitypid')::oid FROM pg_range r
    UNION ALL SELECT a.atttypid, c.reltype FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
        WHERE a.atttypid >= 16384 AND a.attnum > 0 AND NOT a.attisdropped
    -- its CHECKs make a value of another one
    UNION ALL SELECT d.refobjid, k.contypid FROM pg_constraint k JOIN pg_depend d ON d.classid = 'pg_constraint'::regclass AND d.objid = k.oid
        AND d.refclassid = 'pg_type'::regclass AND d.deptype = 'n' WHERE k.contypid > 0
), held (domain, owner, type) AS (
    SELECT domain, owner, domain FROM armed
    UNION SELECT h.domain, h.owner, m.type FROM held h JOIN made m ON m.part = h.type
), reading (class, object, sub, type, tree, relation) AS (
    -- a value of a domain itself is one of its base type, until the statement runs
    SELECT d.classid, d.objid, d.objsubid, d.refobjid, coalesce(e.adbin, y.typdefaultbin), e.adrelid
    FROM (SELECT DISTINCT h.type FROM held h JOIN pg_type v ON v.oid = h.type AND v.typtype <> 'd') AS t
    JOIN pg_depend d ON d.refclassid = 'pg_type'::regclass AND d.refobjid = t.type AND d.deptype IN ('n', 'a')
    LEFT JOIN pg_class c ON d.classid = 'pg_class'::regclass AND c.oid = d.objid
    LEFT JOIN pg_attribute a ON d.classid = 'pg_class'::regclass AND a.attrelid = d.objid AND a.attnum = d.objsubid
    -- before 15 what a generated column uses is written down for the column
    LEFT JOIN pg_attrdef e ON d.classid = 'pg_attrdef'::regclass AND e.oid = d.objid OR a.attgenerated <> '' AND e.adrelid = a.attrelid AND e.adnum = a.attnum
    LEFT JOIN pg_type y ON d.classid = 'pg_type'::regclass AND y.oid = d.objid
    LEFT JOIN pg_proc p ON d.classid = 'pg_proc'::regclass AND p.oid = d.objid
    -- a CHECK of a domain or table; that of the type itself names no value of it
    WHERE d.classid IN ('pg_rewrite'::regclass, 'pg_attrdef'::regclass, 'pg_trigger'::regclass, 'pg_policy'::regclass, 'pg_constraint'::regclass,
            'pg_statistic_ext'::regclass, 'pg_publication_rel'::regclass)
       OR c.relkind IN ('i', 'I') OR a.attgenerated <> '' OR y.typdefaultbin IS NOT NULL
       OR p.proargdefaults IS NOT NULL OR to_jsonb(p) ->> 'prosqlbody' IS NOT NULL
    UNION ALL
    -- what is read by its type alone, so also a domain itself
    SELECT 'pg_proc'::regclass, g.aggfnoid, 0, t.type, NULL, NULL FROM pg_aggregate g,
        LATERAL (VALUES (g.aggtranstype, g.agginitval), (g.aggmtranstype, g.aggminitval)) AS t (type, initial) WHERE t.initial IS NOT NULL
    UNION ALL
    SELECT 'pg_class'::regclass, p.partrelid, 0, a.atttypid, NULL, NULL FROM pg_partitioned_table p
    JOIN pg_attribute a ON a.attrelid = p.partrelid AND a.attnum = ANY (p.partattrs::int2[])
    UNION ALL
    SELECT 'pg_class'::regclass, p.partrelid, 0, m[1]::oid, NULL, NULL FROM pg_partitioned_table p,
        LATERAL regexp_matches(p.partexprs::text, ':[a-z_]*typ[a-z]* ([0-9]+)', 'g') AS m
)
SELECT DISTINCT ON (1) pg_describe_object(r.class, r.object, r.sub), format_type(h.type, NULL), format_type(h.domain, NULL), quote_ident(pg_get_userbyid(h.owner)),
    pg_get_expr(r.tree, coalesce(r.relation, 0))
FROM reading r JOIN held h ON h.type = r.type
WHERE (SELECT me.rolsuper FROM pg_roles me WHERE me.rolname = current_user)
ORDER BY 1
