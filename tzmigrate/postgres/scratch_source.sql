-- scratch_source: what a database needs to know to be made once more
-- params: none   gives: scratch.Source   needs: PostgreSQL 13+
SELECT d.oid::pg_catalog.int8,
       pg_catalog.pg_encoding_to_char(d.encoding)::pg_catalog.text,
       d.datcollate::pg_catalog.text,
       d.datctype::pg_catalog.text,
       -- 15 and newer
       pg_catalog.to_jsonb(d) ->> 'datlocprovider',
       -- 17 and newer, 15 and newer
       coalesce(pg_catalog.to_jsonb(d) ->> 'datlocale',
                pg_catalog.to_jsonb(d) ->> 'daticulocale'),
       -- 16 and newer
       pg_catalog.to_jsonb(d) ->> 'daticurules',
       CASE WHEN pg_catalog.pg_has_role(d.datdba, 'USAGE')
            THEN pg_catalog.pg_get_userbyid(d.datdba)::pg_catalog.text END,
       CASE WHEN t.spcname <> 'pg_default'
             AND pg_catalog.has_tablespace_privilege(t.oid, 'CREATE')
            THEN t.spcname::pg_catalog.text END,
       pg_catalog.to_regnamespace('public') IS NOT NULL,
       -- a table in a tablespace that is closed to us would not be made at all
       NOT EXISTS (
         SELECT FROM pg_catalog.pg_class c
         WHERE c.reltablespace <> 0
           AND c.oid >= 16384
           AND NOT pg_catalog.has_tablespace_privilege(c.reltablespace, 'CREATE'))
FROM pg_catalog.pg_database d
JOIN pg_catalog.pg_tablespace t ON t.oid = d.dattablespace
WHERE d.datname = pg_catalog.current_database()
