-- functions: one row per function or procedure whose source text can be read, with
--   its arguments (names, modes, types in one order) and result
-- gives: rows.FunctionRow   needs: PostgreSQL 13+
SELECT p.oid::pg_catalog.int8, p.oid::pg_catalog.regprocedure::pg_catalog.text,
       pg_catalog.pg_describe_object(
         'pg_catalog.pg_proc'::pg_catalog.regclass, p.oid, 0),
       p.prosrc, n.nspname::pg_catalog.text, p.proname::pg_catalog.text,
       l.lanname::pg_catalog.text,
       coalesce(p.proargnames, '{}'), coalesce(p.proargmodes::pg_catalog.text[], '{}'),
       coalesce((SELECT pg_catalog.array_agg(
                          pg_catalog.format_type(a.type, NULL) ORDER BY a.position)
                 FROM pg_catalog.unnest(
                   coalesce(p.proallargtypes, p.proargtypes::pg_catalog.oid[]))
                   WITH ORDINALITY a(type, position)), '{}'),
       CASE WHEN p.prokind = 'p' THEN 'void'
            ELSE pg_catalog.format_type(p.prorettype, NULL) END,
       p.proretset,
       (SELECT pg_catalog.substr(s.setting, 13) FROM pg_catalog.unnest(p.proconfig)
          s(setting) WHERE pg_catalog.starts_with(s.setting, 'search_path='))
FROM pg_catalog.pg_proc p
JOIN pg_catalog.pg_language l ON l.oid = p.prolang
JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace
WHERE p.oid >= 16384 AND l.lanname NOT IN ('c', 'internal') AND p.prosrc <> ''
  AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'tzmigrate')
ORDER BY 2
