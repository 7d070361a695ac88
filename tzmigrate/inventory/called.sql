-- called: what PostgreSQL's planner knows of functions, of those of operators, and of casts from and to types of users
-- params: functions, operators: oid[]   gives: rows.CalledRow
-- needs: PostgreSQL 13+; search_path = pg_catalog, so that every name is printed qualified
WITH others (name, word) AS MATERIALIZED (
    SELECT n.name, concat('(^|[^[:alnum:]_$])', regexp_replace(n.name, '([^[:alnum:]_])', '\\\1', 'g'), '($|[^[:alnum:]_$])') FROM (
        SELECT lower(q.proname) FROM pg_proc q JOIN pg_roles r ON r.oid = q.proowner WHERE NOT r.rolsuper
        UNION SELECT lower(y.typname) FROM pg_type y JOIN pg_roles r ON r.oid = y.typowner WHERE NOT r.rolsuper AND y.typrelid = 0 AND y.typcategory <> 'A'
    ) AS n (name)
)
SELECT f.class, f.object::int8, p.oid::regprocedure::text, quote_ident(o.rolname), NOT o.rolsuper, p.provolatile = 'i',
    i.lined, i.lined AND (
        EXISTS (SELECT FROM pg_depend d LEFT JOIN pg_operator w ON d.refclassid = 'pg_operator'::regclass AND w.oid = d.refobjid
            JOIN pg_proc q ON q.oid = CASE d.refclassid WHEN 'pg_operator'::regclass THEN w.oprcode WHEN 'pg_proc'::regclass THEN d.refobjid END
            JOIN pg_roles r ON r.oid = q.proowner WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND NOT r.rolsuper)
        -- a body that is a text is looked through for names
        OR EXISTS (SELECT FROM others WHERE strpos(lower(p.prosrc), others.name) > 0 AND lower(p.prosrc) ~ others.word) OR p.prosrc ~* '\moperator\s*[(]'),
    -- the others simplify what depends on a row to what still does
    p.prosupport <> 0 AND (p.prosupport >= 16384 OR p.prosupport::text IN ('elem_contained_by_range_support', 'range_contains_elem_support')), p.pronargs,
    coalesce(p.proargdefaults::text ~ '\{(?!CONST)', false)
FROM (
    SELECT 'function', q.oid, q.oid FROM pg_proc q WHERE q.oid = ANY (%(functions)s::oid[])
    UNION ALL SELECT 'operator', w.oid, w.oprcode FROM pg_operator w WHERE w.oid = ANY (%(operators)s::oid[])
    -- a cast that was made later is found where the text is read again
    UNION ALL SELECT 'type', y.oid, k.castfunc FROM pg_cast k JOIN pg_type y ON y.oid IN (k.castsource, k.casttarget) OR y.typelem IN (k.castsource, k.casttarget) AND y.typcategory = 'A'
        WHERE k.castfunc >= 16384
) AS f (class, object, function)
JOIN pg_proc p ON p.oid = f.function
JOIN pg_language l ON l.oid = p.prolang
CROSS JOIN LATERAL (SELECT l.lanname = 'sql' AND NOT p.prosecdef AND NOT p.proretset AND p.proconfig IS NULL) AS i (lined)
JOIN pg_roles o ON o.oid = p.proowner
ORDER BY 2, 3
