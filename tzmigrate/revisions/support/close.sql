-- close: nothing of the support or ledger is for others, whatever ALTER DEFAULT PRIVILEGES says
DO $tz$
DECLARE
    statement pg_catalog.text;
BEGIN
    FOR statement IN
        SELECT DISTINCT pg_catalog.concat('REVOKE ALL ON ', kind, ' ', object, ' FROM ',
            CASE grantee WHEN 0 THEN 'PUBLIC' ELSE pg_catalog.quote_ident(pg_catalog.pg_get_userbyid(grantee)) END)
        FROM (
            SELECT 'SCHEMA' AS kind, 'tzmigrate' AS object, a.grantee, n.nspowner AS owner
            FROM pg_catalog.pg_namespace n, pg_catalog.aclexplode(n.nspacl) a WHERE n.oid = 'tzmigrate'::pg_catalog.regnamespace
            UNION ALL
            SELECT CASE c.relkind WHEN 'S' THEN 'SEQUENCE' ELSE 'TABLE' END, c.oid::pg_catalog.regclass::text, a.grantee, c.relowner
            FROM pg_catalog.pg_class c, pg_catalog.aclexplode(c.relacl) a WHERE c.relnamespace = 'tzmigrate'::pg_catalog.regnamespace
            UNION ALL
            SELECT 'FUNCTION', p.oid::pg_catalog.regprocedure::text, a.grantee, p.proowner
            FROM pg_catalog.pg_proc p, pg_catalog.aclexplode(coalesce(p.proacl, pg_catalog.acldefault('f', p.proowner))) a
            WHERE p.pronamespace = 'tzmigrate'::pg_catalog.regnamespace
        ) AS granted
        WHERE grantee <> owner
    LOOP
        EXECUTE statement;
    END LOOP;
    IF NOT EXISTS (SELECT FROM tzmigrate.support) THEN
        INSERT INTO tzmigrate.support (version, schema_created, revision)
        VALUES (1, pg_catalog.current_setting('tzmigrate.schema_created')::boolean,
            coalesce(pg_catalog.current_setting('tzmigrate.revision', true), ''));
    END IF;
    -- what tzmigrate adopt installed belongs to the first revision that would have
    UPDATE tzmigrate.support SET revision = coalesce(pg_catalog.current_setting('tzmigrate.revision', true), '') WHERE revision = '';
    COMMENT ON SCHEMA tzmigrate IS 'ledger and support of tzmigrate; the downgrade of revision tz_support removes it';
    PERFORM pg_catalog.set_config('lock_timeout', pg_catalog.current_setting('tzmigrate.lock_timeout'), true),
        pg_catalog.set_config('tzmigrate.marker', '', true),
        pg_catalog.set_config('search_path', pg_catalog.current_setting('tzmigrate.search_path'), true);
END
$tz$;
