-- guard: pin names to pg_catalog, leave the transaction's marker, and trust the support only if it is ours
-- It stands in every revision, before the first call: a function of somebody else must not even be asked.
DO $tz$
DECLARE
    me pg_catalog.oid;
BEGIN
    PERFORM pg_catalog.set_config('tzmigrate.search_path', pg_catalog.current_setting('search_path'), true);
    PERFORM pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
    PERFORM set_config('tzmigrate.marker', 'open', true);
    SELECT oid INTO me FROM pg_roles WHERE rolname = current_user;
    IF EXISTS (
        SELECT FROM (
            SELECT nspowner AS owner FROM pg_catalog.pg_namespace WHERE nspname = 'tzmigrate'
            UNION ALL SELECT relowner FROM pg_catalog.pg_class WHERE relnamespace = to_regnamespace('tzmigrate')
            UNION ALL SELECT proowner FROM pg_catalog.pg_proc WHERE pronamespace = to_regnamespace('tzmigrate')
            UNION ALL SELECT typowner FROM pg_catalog.pg_type WHERE typnamespace = to_regnamespace('tzmigrate')
            UNION ALL SELECT a.grantee FROM pg_catalog.pg_namespace n, aclexplode(n.nspacl) a
            WHERE n.nspname = 'tzmigrate' AND a.privilege_type = 'CREATE'
            UNION ALL SELECT a.grantee FROM pg_catalog.pg_class c, aclexplode(c.relacl) a
            WHERE c.relnamespace = to_regnamespace('tzmigrate') AND a.privilege_type <> 'SELECT'
            UNION ALL SELECT 0 FROM pg_catalog.pg_trigger t JOIN pg_catalog.pg_class c ON c.oid = t.tgrelid
            WHERE c.relnamespace = to_regnamespace('tzmigrate') AND NOT t.tgisinternal
            UNION ALL SELECT 0 FROM pg_catalog.pg_rewrite r JOIN pg_catalog.pg_class c ON c.oid = r.ev_class
            WHERE c.relnamespace = to_regnamespace('tzmigrate')
        ) AS found
        WHERE owner <> me
          AND NOT (EXISTS (SELECT FROM pg_roles WHERE oid = me AND rolsuper)
                   AND EXISTS (SELECT FROM pg_roles WHERE oid = owner AND rolsuper))
    ) THEN
        RAISE EXCEPTION USING ERRCODE = 'TZ640',
            MESSAGE = concat('tzmigrate TZ640: schema tzmigrate, or something in it, does not belong to role ', quote_ident(current_user)),
            DETAIL = 'Its functions would run with the rights of this role, so they are not called.',
            HINT = 'Run the revision as the role that owns schema tzmigrate, or drop what does not belong there.';
    END IF;
    IF to_regprocedure('tzmigrate.begin_step(text,text,text,text,text,text,text,text,integer,integer,boolean)') IS NULL
        -- who takes the support away finds nothing where another tenant was the last one
        AND (coalesce(current_setting('tzmigrate.leaving', true), '') <> 'yes' OR to_regclass('tzmigrate.step') IS NOT NULL)
    THEN
        RAISE EXCEPTION USING ERRCODE = 'TZ342',
            MESSAGE = 'tzmigrate TZ342: this database has no tzmigrate support of version 1',
            HINT = 'Run the earlier revisions first: the one named tz_support installs it.';
    END IF;
END
$tz$
