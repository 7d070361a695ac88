-- uninstall: refused while a conversion still needs it, passed over while one of another tenant does; a schema that a DBA prepared stays; the guard of every revision ran before
DO $tz$
DECLARE
    made_here boolean;
    of_others boolean;
    statement pg_catalog.text;
    steps pg_catalog.text;
    adopted pg_catalog.text;
    here pg_catalog.name;
BEGIN
    IF coalesce(pg_catalog.current_setting('tzmigrate.marker', true), '') OPERATOR(pg_catalog.<>) 'open' THEN
        RAISE EXCEPTION USING ERRCODE = 'TZ643',
            MESSAGE = 'tzmigrate TZ643: no transaction is open around this revision',
            HINT = 'Remove isolation_level="AUTOCOMMIT" from env.py and wrap run_migrations() in context.begin_transaction(); run an SQL script with psql -1.';
    END IF;
    PERFORM set_config('tzmigrate.lock_timeout', current_setting('lock_timeout'), true), set_config('lock_timeout', '2s', true);
    IF to_regclass('tzmigrate.step') IS NOT NULL THEN
        here = tzmigrate.first_schema(current_setting('tzmigrate.search_path'));
        -- no revision goes down by the record of a column that was adopted without one, and none for a tenant that is gone
        SELECT pg_catalog.string_agg(last.step, ', ') FILTER (WHERE last.revision <> ''),
            bool_and(coalesce(last.tenant <> here, false)) FILTER (WHERE last.revision <> ''),
            pg_catalog.string_agg(last.step, ', ') FILTER (WHERE last.revision = '')
        INTO steps, of_others, adopted
        FROM (SELECT DISTINCT ON (s.step) s.step, s.direction, s.tenant, s.revision FROM tzmigrate.step s WHERE s.done_at IS NOT NULL ORDER BY s.step, s.id DESC) AS last
        WHERE last.direction = 'up' AND (last.tenant IS NULL OR EXISTS (SELECT FROM pg_namespace n WHERE n.nspname = last.tenant));
    END IF;
    IF to_regclass('tzmigrate.step') IS NULL THEN
        RAISE NOTICE 'tzmigrate: the support is gone already; passed over';
    ELSIF steps IS NULL THEN
        IF adopted IS NOT NULL THEN
            RAISE NOTICE USING MESSAGE = pg_catalog.concat('tzmigrate: with the ledger goes what it knew of columns that were adopted: ', adopted);
        END IF;
        -- an open step is asked for at the commit, and what waits for that keeps its table
        SET CONSTRAINTS tzmigrate.a_step_is_not_finished IMMEDIATE;
        SELECT s.schema_created INTO made_here FROM tzmigrate.support s;
        DROP TABLE tzmigrate.sample, tzmigrate.step_dependent, tzmigrate.step_default, tzmigrate.step_column, tzmigrate.support CASCADE;
        FOR statement IN
            SELECT pg_catalog.concat('DROP FUNCTION IF EXISTS ', p.oid::pg_catalog.regprocedure::text, ' CASCADE')
            FROM pg_catalog.pg_proc p WHERE p.pronamespace = 'tzmigrate'::pg_catalog.regnamespace
        LOOP
            EXECUTE statement;
        END LOOP;
        DROP TABLE tzmigrate.step;
        IF made_here THEN
            DROP SCHEMA tzmigrate;
        ELSE
            COMMENT ON SCHEMA tzmigrate IS NULL;
        END IF;
    ELSIF of_others THEN
        -- the last tenant to come down takes it along
        RAISE NOTICE USING MESSAGE = pg_catalog.concat('tzmigrate: the support stays for ', steps);
    ELSE
        RAISE EXCEPTION USING ERRCODE = 'TZ348',
            MESSAGE = pg_catalog.concat('tzmigrate TZ348: the ledger is still needed to come back from ', steps),
            HINT = 'Run tzmigrate rollback --all first.';
    END IF;
    PERFORM pg_catalog.set_config('lock_timeout', pg_catalog.current_setting('tzmigrate.lock_timeout'), true),
        pg_catalog.set_config('tzmigrate.leaving', '', true),
        pg_catalog.set_config('tzmigrate.marker', '', true),
        pg_catalog.set_config('search_path', pg_catalog.current_setting('tzmigrate.search_path'), true);
END
$tz$;
