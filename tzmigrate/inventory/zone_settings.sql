-- zone_settings: one row per TimeZone that this database or a role gives to new sessions
-- params: relations oid[]   gives: rows.ZoneSettingRow   needs: PostgreSQL 13+
SELECT s.setdatabase <> 0, r.rolname::pg_catalog.text,
       pg_catalog.substr(x.setting, pg_catalog.strpos(x.setting, '=') + 1),
       CASE WHEN r.oid IS NULL THEN '{}' ELSE ARRAY(
         SELECT w.oid::pg_catalog.int8
         FROM pg_catalog.unnest(%(relations)s::pg_catalog.oid[]) w(oid)
         WHERE pg_catalog.has_any_column_privilege(r.oid, w.oid, 'INSERT')
            OR pg_catalog.has_any_column_privilege(r.oid, w.oid, 'UPDATE')) END
FROM pg_catalog.pg_db_role_setting s
CROSS JOIN LATERAL pg_catalog.unnest(s.setconfig) x(setting)
LEFT JOIN pg_catalog.pg_roles r ON r.oid = s.setrole
WHERE pg_catalog.lower(x.setting) ~ '^timezone='
  AND (s.setdatabase = 0 OR s.setdatabase = (
        SELECT d.oid FROM pg_catalog.pg_database d
        WHERE d.datname = pg_catalog.current_database()))
  AND (s.setrole = 0 OR r.rolcanlogin)
ORDER BY 1, 2 NULLS FIRST
