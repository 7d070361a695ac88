-- install: the schema, ours and closed to others; run again by the same revision it changes nothing
-- names are taken from pg_catalog from here on: a type, operator or function of somebody else must not even be asked
SELECT pg_catalog.set_config('tzmigrate.marker', 'open', true),
    pg_catalog.set_config('tzmigrate.search_path', pg_catalog.current_setting('search_path'), true),
    pg_catalog.set_config('tzmigrate.lock_timeout', pg_catalog.current_setting('lock_timeout'), true),
    pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true),
    pg_catalog.set_config('lock_timeout', '2s', true);

DO $tz$
DECLARE
    same boolean = false;
BEGIN
    IF coalesce(pg_catalog.current_setting('tzmigrate.marker', true), '') OPERATOR(pg_catalog.<>) 'open' THEN
        RAISE EXCEPTION USING ERRCODE = 'TZ643',
            MESSAGE = 'tzmigrate TZ643: no transaction is open around this revision',
            DETAIL = 'Each statement ran in a transaction of its own (AUTOCOMMIT), so the pinned zone of later revisions would be lost.',
            HINT = 'Remove isolation_level="AUTOCOMMIT" from env.py and wrap run_migrations() in context.begin_transaction(); run an SQL script with psql -1.';
    END IF;
    IF pg_catalog.current_setting('transaction_isolation') OPERATOR(pg_catalog.<>) 'read committed' THEN
        RAISE EXCEPTION USING ERRCODE = 'TZ644',
            MESSAGE = pg_catalog.concat('tzmigrate TZ644: the transaction is ', pg_catalog.current_setting('transaction_isolation'), ', not read committed'),
            DETAIL = 'The revisions after this one cannot run in such a transaction.',
            HINT = 'Remove the isolation level from env.py (isolation_level= or execution_options) for these revisions.';
    END IF;
    -- two runs at once: the second one waits, and finds the support
    PERFORM pg_catalog.pg_advisory_xact_lock(pg_catalog.hashtextextended('tzmigrate.install', 0));
    IF pg_catalog.to_regnamespace('tzmigrate') IS NOT NULL THEN
        PERFORM pg_catalog.set_config('tzmigrate.schema_created', 'false', true);
        IF NOT EXISTS (SELECT FROM pg_catalog.pg_namespace n WHERE n.nspname OPERATOR(pg_catalog.=) 'tzmigrate'
                       AND pg_catalog.pg_get_userbyid(n.nspowner) OPERATOR(pg_catalog.=) current_user) THEN
            RAISE EXCEPTION USING ERRCODE = 'TZ640',
                MESSAGE = pg_catalog.concat('tzmigrate TZ640: schema tzmigrate does not belong to role ', pg_catalog.quote_ident(current_user)),
                DETAIL = 'What stands in it would run with the rights of this role, so it is not used.',
                HINT = 'Drop or rename that schema, or let its owner run the revisions, or ALTER SCHEMA tzmigrate OWNER TO this role if it is empty.';
        END IF;
        IF EXISTS (SELECT FROM pg_catalog.pg_class c WHERE c.relnamespace OPERATOR(pg_catalog.=) 'tzmigrate'::pg_catalog.regnamespace)
           OR EXISTS (SELECT FROM pg_catalog.pg_proc p WHERE p.pronamespace OPERATOR(pg_catalog.=) 'tzmigrate'::pg_catalog.regnamespace) THEN
            -- the version table was stamped back, or there is one for each tenant; or tzmigrate adopt, which is no revision, came first
            IF EXISTS (SELECT FROM pg_catalog.pg_class c JOIN pg_catalog.pg_attribute a ON a.attrelid OPERATOR(pg_catalog.=) c.oid
                       WHERE c.relnamespace OPERATOR(pg_catalog.=) 'tzmigrate'::pg_catalog.regnamespace
                         AND c.relname OPERATOR(pg_catalog.=) 'support' AND c.relkind OPERATOR(pg_catalog.=) 'r'
                         AND pg_catalog.pg_get_userbyid(c.relowner) OPERATOR(pg_catalog.=) current_user
                         AND a.attname OPERATOR(pg_catalog.=) 'revision') THEN
                same = EXISTS (SELECT FROM tzmigrate.support s
                               WHERE s.revision OPERATOR(pg_catalog.=) ANY (ARRAY[pg_catalog.current_setting('tzmigrate.revision', true), '']));
            END IF;
            -- and only where nobody else has put anything there, or could
            same = same AND NOT EXISTS (
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
                WHERE owner <> (SELECT oid FROM pg_catalog.pg_roles WHERE rolname = current_user));
            IF NOT same THEN
                RAISE EXCEPTION USING ERRCODE = 'TZ642',
                    MESSAGE = 'tzmigrate TZ642: schema tzmigrate is not empty',
                    DETAIL = 'The support is installed into an empty schema only.',
                    HINT = 'Rename that schema; or drop it, if it holds an old ledger that no downgrade needs any more.';
            END IF;
            RAISE NOTICE 'tzmigrate: the support is installed already; passed over';
        END IF;
    ELSE
        IF NOT pg_catalog.has_database_privilege(pg_catalog.current_database(), 'CREATE') THEN
            RAISE EXCEPTION USING ERRCODE = 'TZ641',
                MESSAGE = pg_catalog.concat('tzmigrate TZ641: role ', pg_catalog.quote_ident(current_user), ' may not create a schema in database ', pg_catalog.quote_ident(pg_catalog.current_database())),
                HINT = pg_catalog.concat('Let a DBA run CREATE SCHEMA tzmigrate AUTHORIZATION ', pg_catalog.quote_ident(current_user), ' and run this revision again.');
        END IF;
        PERFORM pg_catalog.set_config('tzmigrate.schema_created', 'true', true);
        CREATE SCHEMA tzmigrate;
    END IF;
END
$tz$;
