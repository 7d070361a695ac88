-- identity: which server answered, when by its own clock, and to whom
-- gives: time in UTC, server version, database's oid, role, whether it is a standby   needs: PostgreSQL 13+
SELECT to_char(now() AT TIME ZONE 'Etc/UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'), current_setting('server_version'),
       d.oid::bigint, current_user, pg_is_in_recovery()
FROM pg_database AS d WHERE d.datname = current_database()
