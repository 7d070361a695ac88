-- server: the server, the database and the role that look at them, as one row
-- gives: rows.ServerRow   needs: PostgreSQL 13+
SELECT pg_catalog.current_setting('server_version_num')::pg_catalog.int4,
       pg_catalog.version(),
       d.datname::pg_catalog.text,
       d.oid::pg_catalog.int8,
       current_user::pg_catalog.text,
       (SELECT r.rolsuper FROM pg_catalog.pg_roles r WHERE r.rolname = current_user),
       ARRAY(SELECT e.extname::pg_catalog.text FROM pg_catalog.pg_extension e
             ORDER BY e.extname)
FROM pg_catalog.pg_database d
WHERE d.datname = pg_catalog.current_database()
