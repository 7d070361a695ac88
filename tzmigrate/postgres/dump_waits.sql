-- dump_waits: what a pg_dump of ours waits for that its own limit does not end: that holds for LOCK TABLE, and not for printing what
--   somebody else is changing
-- params: application, limit   gives: what is locked, and the pids of who holds it
-- needs: PostgreSQL 13+; search_path = pg_catalog
SELECT coalesce(l.relation::regclass::text, l.locktype), array_to_string(pg_blocking_pids(a.pid), ', ')
FROM pg_stat_activity a JOIN pg_locks l ON l.pid = a.pid AND NOT l.granted
WHERE a.application_name = %(application)s AND a.usename = current_user AND a.datname = current_database()
  AND clock_timestamp() - a.query_start > %(limit)s::interval
LIMIT 1
