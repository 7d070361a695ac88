-- called: what PostgreSQL's planner knows of functions, of those of operators, and of casts from and to types of users
-- params: functions, operators: oid[]   gives: rows.CalledRow
-- needs: PostgreSQL 13+; search_path = pg_catalog, so that every name is printed qualified
SELECT f.class, f.object::int8, p.oid::regprocedure::text, quote_ident(o.rolname), NOT o.rolsuper, p.provolatile = 'i',
    l.lanname = 'sql' AND NOT p.prosecdef AND NOT p.proretset AND p.proconfig IS NULL, p.prosupport <> 0, p.pronargs,
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
JOIN pg_roles o ON o.oid = p.proowner
ORDER BY 2, 3
