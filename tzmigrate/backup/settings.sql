-- settings: what ALTER DATABASE, and ALTER ROLE for this database, have set
-- params: database text   gives: role or NULL, name=value   needs: PostgreSQL 13+
SELECT r.rolname::pg_catalog.text, pg_catalog.unnest(s.setconfig)
FROM pg_catalog.pg_db_role_setting s
LEFT JOIN pg_catalog.pg_roles r ON r.oid = s.setrole
WHERE s.setdatabase = (SELECT d.oid FROM pg_catalog.pg_database d WHERE d.datname::pg_catalog.text = %(database)s)
  AND (s.setrole = 0 OR r.oid IS NOT NULL)
ORDER BY s.setrole <> 0, 1, 2
