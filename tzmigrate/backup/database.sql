-- database: what a dump of a database does not hold
-- params: none   gives: backup.state.DatabaseRow   needs: PostgreSQL 13+
SELECT d.datname::pg_catalog.text AS name,
       d.oid::pg_catalog.int8 AS oid,
       pg_catalog.current_setting('server_version') AS server,
       pg_catalog.current_setting('server_version_num')::pg_catalog.int4 AS version,
       pg_catalog.pg_encoding_to_char(d.encoding)::pg_catalog.text AS encoding,
       d.datcollate::pg_catalog.text AS collate,
       d.datctype::pg_catalog.text AS ctype,
       -- 15 and newer
       pg_catalog.to_jsonb(d) ->> 'datlocprovider' AS provider,
       -- 17 and newer, 15 and newer
       coalesce(pg_catalog.to_jsonb(d) ->> 'datlocale',
                pg_catalog.to_jsonb(d) ->> 'daticulocale') AS locale,
       -- 16 and newer
       pg_catalog.to_jsonb(d) ->> 'daticurules' AS icu_rules,
       t.spcname::pg_catalog.text AS tablespace,
       pg_catalog.pg_get_userbyid(d.datdba)::pg_catalog.text AS owner,
       d.datconnlimit AS connection_limit,
       d.datistemplate AS template,
       pg_catalog.shobj_description(d.oid, 'pg_database') AS comment,
       d.datacl::pg_catalog.text[] AS grants,
       pg_catalog.to_char(pg_catalog.now() AT TIME ZONE 'Etc/UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') AS at,
       pg_catalog.pg_current_snapshot()::pg_catalog.text AS snapshot,
       -- a snapshot does not know subtransactions; each that wrote holds the lock of its own id
       ARRAY(SELECT l.transactionid::pg_catalog.text::pg_catalog.int8 FROM pg_catalog.pg_locks l
             WHERE l.locktype = 'transactionid' AND l.granted ORDER BY 1) AS running,
       pg_catalog.to_regnamespace('public') IS NOT NULL AS public,
       ARRAY(SELECT r.rolname::pg_catalog.text FROM pg_catalog.pg_roles r WHERE r.rolname !~ '^pg_' ORDER BY 1) AS roles,
       pg_catalog.pg_database_size(d.oid) AS bytes
FROM pg_catalog.pg_database d
JOIN pg_catalog.pg_tablespace t ON t.oid = d.dattablespace
WHERE d.datname = pg_catalog.current_database()
