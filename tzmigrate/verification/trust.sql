-- trust: grants and owners in schema tzmigrate that are neither this role nor, for a superuser, superusers
-- gives: one row with the number of such things, NULL where there is no ledger   needs: PostgreSQL 13+
SELECT CASE WHEN EXISTS (
           SELECT FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
           WHERE n.nspname = 'tzmigrate' AND c.relname = 'step') THEN count(f.owner) FILTER (
           WHERE f.owner <> me.oid AND NOT (me.rolsuper AND coalesce(o.rolsuper, false))) END
FROM pg_catalog.pg_roles AS me
LEFT JOIN (
    SELECT nspowner AS owner FROM pg_catalog.pg_namespace WHERE nspname = 'tzmigrate'
    UNION ALL SELECT a.grantee FROM pg_catalog.pg_namespace AS n, pg_catalog.aclexplode(n.nspacl) AS a
    WHERE n.nspname = 'tzmigrate' AND a.privilege_type = 'CREATE'
    UNION ALL SELECT c.relowner FROM pg_catalog.pg_class AS c
    JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace WHERE n.nspname = 'tzmigrate'
    UNION ALL SELECT a.grantee FROM pg_catalog.pg_class AS c
    JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace, pg_catalog.aclexplode(c.relacl) AS a
    WHERE n.nspname = 'tzmigrate' AND a.privilege_type <> 'SELECT'
    UNION ALL SELECT p.proowner FROM pg_catalog.pg_proc AS p
    JOIN pg_catalog.pg_namespace AS n ON n.oid = p.pronamespace WHERE n.nspname = 'tzmigrate'
    UNION ALL SELECT t.typowner FROM pg_catalog.pg_type AS t
    JOIN pg_catalog.pg_namespace AS n ON n.oid = t.typnamespace WHERE n.nspname = 'tzmigrate'
    UNION ALL SELECT 0 FROM pg_catalog.pg_rewrite AS r
    JOIN pg_catalog.pg_class AS c ON c.oid = r.ev_class
    JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace WHERE n.nspname = 'tzmigrate'
) AS f ON true
LEFT JOIN pg_catalog.pg_roles AS o ON o.oid = f.owner
WHERE me.rolname = current_user
GROUP BY me.oid
