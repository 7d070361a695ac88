-- read_by_functions: what cannot be read from its text without functions of the users: it holds a value of an array, composite or range type
--   with a domain in it, whose CHECKs are asked while the text is parsed. Only where that is a superuser's reading, and another's function
-- params: none   gives: rows.ReadByFunctionsRow
-- needs: PostgreSQL 13+; search_path = pg_catalog, so that every name is printed qualified
WITH RECURSIVE held (domain, owner, type) AS (
    SELECT DISTINCT t.oid, t.typowner, t.oid FROM pg_constraint k JOIN pg_type t ON t.oid = k.contypid JOIN pg_roles o ON o.oid = t.typowner
    WHERE k.contypid > 0 AND k.contype = 'c' AND NOT o.rolsuper AND EXISTS (SELECT FROM pg_roles me WHERE me.rolname = current_user AND me.rolsuper)
    UNION
    SELECT h.domain, h.owner, y.oid FROM held h JOIN pg_type y
        ON y.typelem = h.type AND y.typcategory = 'A' OR y.typbasetype = h.type
        OR y.oid IN (SELECT r.rngtypid FROM pg_range r WHERE r.rngsubtype = h.type)
        OR y.typrelid IN (SELECT a.attrelid FROM pg_attribute a WHERE a.atttypid = h.type AND a.attnum > 0 AND NOT a.attisdropped)
)
SELECT DISTINCT ON (1) pg_describe_object(d.classid, d.objid, 0), format_type(h.type, NULL), format_type(h.domain, NULL), quote_ident(pg_get_userbyid(h.owner)),
    pg_get_expr(e.adbin, e.adrelid)
-- a value of a domain itself is one of its base type, until the statement runs
FROM held h JOIN pg_type v ON v.oid = h.type AND v.typtype <> 'd'
JOIN pg_depend d ON d.refclassid = 'pg_type'::regclass AND d.refobjid = h.type AND d.deptype = 'n'
LEFT JOIN pg_class c ON d.classid = 'pg_class'::regclass AND c.oid = d.objid
LEFT JOIN pg_attrdef e ON d.classid = 'pg_attrdef'::regclass AND e.oid = d.objid
WHERE (c.relkind IN ('i', 'I') OR d.classid IN ('pg_rewrite'::regclass, 'pg_attrdef'::regclass, 'pg_trigger'::regclass, 'pg_policy'::regclass,
        'pg_statistic_ext'::regclass, 'pg_publication_rel'::regclass)
    -- a CHECK of a domain or table; that of the type itself names no value of it
    OR d.classid = 'pg_constraint'::regclass)
ORDER BY 1
