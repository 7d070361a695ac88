-- scratch_leftovers: scratch databases of ours that no session uses
-- params: pattern text   gives: name   needs: PostgreSQL 13+
SELECT d.datname::pg_catalog.text
FROM pg_catalog.pg_database d
WHERE d.datname::pg_catalog.text ~ %(pattern)s
  AND pg_catalog.pg_has_role(d.datdba, 'USAGE')
  AND NOT EXISTS (
    SELECT FROM pg_catalog.pg_stat_activity a WHERE a.datid = d.oid)
ORDER BY 1
