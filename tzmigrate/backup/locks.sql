-- locks: who works on this database so that a dump and a conversion would block each other
-- params: application text: ours   gives: pid, application, role
-- needs: PostgreSQL 13+
WITH readers AS (
    -- pg_dump holds a read lock on every table until it ends, by whatever name it goes
    SELECT l.pid, count(DISTINCT l.relation) AS tables
    FROM pg_catalog.pg_locks l
    JOIN pg_catalog.pg_class c ON c.oid = l.relation AND c.relkind IN ('r', 'p')
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
    WHERE l.database = (SELECT d.oid FROM pg_catalog.pg_database d WHERE d.datname = pg_catalog.current_database())
      AND l.mode = 'AccessShareLock' AND l.granted
    GROUP BY l.pid
), tables AS (
    SELECT count(*) AS number FROM pg_catalog.pg_class c
    JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
    WHERE c.relkind IN ('r', 'p') AND c.relpersistence <> 't'
)
SELECT a.pid, a.application_name, a.usename::pg_catalog.text
FROM pg_catalog.pg_stat_activity a
LEFT JOIN readers r ON r.pid = a.pid
CROSS JOIN tables t
WHERE a.datname = pg_catalog.current_database() AND a.pid <> pg_catalog.pg_backend_pid()
  -- hidden from who is no member of the role
  AND coalesce(a.backend_type, 'client backend') = 'client backend'
  AND (a.application_name LIKE 'pg\_dump%%' OR a.application_name = %(application)s
       OR (r.tables >= 3 AND r.tables >= t.number))
ORDER BY a.backend_start
LIMIT 1
