-- scratch_settings: what ALTER DATABASE and ALTER ROLE have set
-- params: elsewhere boolean: settings of roles in all databases as well
-- gives: role or NULL, settings text[]   needs: PostgreSQL 13+
-- the later wins
SELECT r.rolname::pg_catalog.text, s.setconfig
FROM pg_catalog.pg_db_role_setting s
LEFT JOIN pg_catalog.pg_roles r ON r.oid = s.setrole
WHERE (s.setrole = 0 OR r.oid IS NOT NULL)
  AND (s.setdatabase = (SELECT d.oid FROM pg_catalog.pg_database d
                        WHERE d.datname = pg_catalog.current_database())
       OR %(elsewhere)s AND s.setdatabase = 0 AND s.setrole <> 0)
ORDER BY s.setdatabase <> 0, s.setrole <> 0, 1
