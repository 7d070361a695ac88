-- steps: what opens a step, guards it and ends it, version 1. No statement here holds a percent sign, a tab or a colon
-- before a word outside a cast: alembic upgrade --sql doubles, expands and binds them.

-- raise an error of ours; the first digit after TZ is the exit status
CREATE OR REPLACE FUNCTION tzmigrate.refuse(code text, message text, detail text, hint text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $tz$
BEGIN
    RAISE EXCEPTION USING ERRCODE = code, MESSAGE = concat('tzmigrate ', code, chr(58), ' ', message),
        DETAIL = detail, HINT = hint;
END
$tz$;

-- the 64-bit transaction id of a row version of the last 2 ^ 31 transactions
CREATE OR REPLACE FUNCTION tzmigrate.full_xid(id xid) RETURNS bigint
LANGUAGE sql STABLE STRICT SET search_path = pg_catalog, pg_temp AS $tz$
    SELECT CASE WHEN low <= next & 4294967295 THEN base + low ELSE base + low - 4294967296 END
    FROM (SELECT id::text::bigint AS low, next, next - (next & 4294967295) AS base
          FROM (SELECT pg_snapshot_xmax(pg_current_snapshot())::text::bigint + 1000000 AS next) AS n) AS x
$tz$;

-- the step that is open in this transaction: the row of its first table
CREATE OR REPLACE FUNCTION tzmigrate.open_step() RETURNS tzmigrate.step
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $tz$
DECLARE
    s tzmigrate.step;
BEGIN
    IF coalesce(current_setting('tzmigrate.marker', true), '') <> 'open' THEN
        PERFORM tzmigrate.refuse('TZ643', 'no transaction is open around this revision',
            'Each statement ran in a transaction of its own (AUTOCOMMIT), so the pinned zone is lost between them.',
            'Remove isolation_level="AUTOCOMMIT" from env.py and wrap run_migrations() in context.begin_transaction(); run an SQL script with psql -1.');
    END IF;
    SELECT * INTO s FROM tzmigrate.step
    WHERE id = nullif(current_setting('tzmigrate.step', true), '')::bigint AND done_at IS NULL;
    IF NOT FOUND THEN
        PERFORM tzmigrate.refuse('TZ643', 'no step is open in this transaction', '',
            'Run the revision as it was written, from its first statement on.');
    END IF;
    RETURN s;
END
$tz$;

-- the open step's row for one table
CREATE OR REPLACE FUNCTION tzmigrate.open_part(t regclass) RETURNS tzmigrate.step
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $tz$
DECLARE
    s tzmigrate.step = tzmigrate.open_step();
    part tzmigrate.step;
BEGIN
    SELECT x.* INTO part FROM tzmigrate.step x JOIN pg_namespace n ON n.nspname = x.relation_schema
    JOIN pg_class k ON k.relnamespace = n.oid AND k.relname = x.relation_name
    WHERE k.oid = t AND x.id >= s.id AND x.step = s.step AND x.done_at IS NULL;
    RETURN part;
END
$tz$;

-- the same for a table that the step does not have yet
CREATE OR REPLACE FUNCTION tzmigrate.add_part(t regclass) RETURNS tzmigrate.step
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $tz$
DECLARE
    s tzmigrate.step = tzmigrate.open_step();
    part tzmigrate.step;
BEGIN
    IF s.relation_name IS NULL THEN
        UPDATE tzmigrate.step x SET relation_schema = n.nspname, relation_name = k.relname
        FROM pg_class k JOIN pg_namespace n ON n.oid = k.relnamespace WHERE x.id = s.id AND k.oid = t RETURNING x.* INTO part;
    ELSE
        INSERT INTO tzmigrate.step (step, tenant, part, relation_schema, relation_name, direction, revision, predecessor, session_zone, gap, overlap,
            server_major, system_identifier, database_oid, database_name, server_version, role_name)
        SELECT s.step, s.tenant, 1 + (SELECT max(x.part) FROM tzmigrate.step x WHERE x.id >= s.id AND x.step = s.step AND x.done_at IS NULL), n.nspname, k.relname,
            s.direction, s.revision, s.predecessor, s.session_zone, s.gap, s.overlap,
            s.server_major, s.system_identifier, s.database_oid, s.database_name, s.server_version, s.role_name
        FROM pg_class k JOIN pg_namespace n ON n.oid = k.relnamespace WHERE k.oid = t RETURNING * INTO part;
    END IF;
    RETURN part;
END
$tz$;

-- every server has its own list of zones; one that is too old lacks the latest names
CREATE OR REPLACE FUNCTION tzmigrate.require_zone(zone text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $tz$
BEGIN
    PERFORM now() AT TIME ZONE zone;
EXCEPTION WHEN invalid_parameter_value THEN
    PERFORM tzmigrate.refuse('TZ345', concat('stale plan: this server does not know time zone ', quote_literal(zone)), '',
        concat('Update the time zone data of this server, or declare a name that it knows. ', tzmigrate.plan_again('up')));
END
$tz$;

-- what to do where the database is not what the revision was written for
CREATE OR REPLACE FUNCTION tzmigrate.plan_again(direction text) RETURNS text
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $tz$
    SELECT CASE direction
        WHEN 'up' THEN 'Delete the planned revision files that are not applied yet, and run tzmigrate plan again.'
        ELSE 'Bring it back to what it was after the upgrade, then go down again.' END
$tz$;

-- the schema of the tenant whom a session works for: the first one of its search_path that exists and is somebody's own
CREATE OR REPLACE FUNCTION tzmigrate.first_schema(path text) RETURNS name
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $tz$
DECLARE
    schemas name[];
BEGIN
    -- nothing but this one function is looked up there
    PERFORM set_config('search_path', path, true);
    schemas = pg_catalog.current_schemas(false);
    PERFORM pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
    RETURN (
        SELECT s.name FROM unnest(schemas) WITH ORDINALITY AS s (name, place)
        WHERE NOT starts_with(s.name, 'pg_') AND s.name NOT IN ('information_schema', 'tzmigrate') ORDER BY s.place LIMIT 1);
END
$tz$;

-- a text that was planned without its schema, for the tenant of the open step. Nothing else is found by the search_path,
-- which stays as it is: a function or operator of the tenant could fit better than the one of pg_catalog that was meant
CREATE OR REPLACE FUNCTION tzmigrate.here(planned text) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $tz$
DECLARE
    s tzmigrate.step = tzmigrate.open_step();
BEGIN
    RETURN CASE WHEN s.tenant IS NULL THEN planned ELSE replace(planned, 'this_tenant.', concat(quote_ident(s.tenant), '.')) END;
END
$tz$;

-- the reverse, for texts that PostgreSQL printed: what is the same in this form differs in nothing but the tenant. Where a
-- constant or another name is taken for the schema's, it is another text than the planned one, which stops the step
CREATE OR REPLACE FUNCTION tzmigrate.anywhere(class oid, printed text) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $tz$
DECLARE
    s tzmigrate.step = tzmigrate.open_step();
    schema text = quote_ident(s.tenant);
    -- a name may go on with these, or with what precedes it
    inside text = concat(chr(92), 'w$.');
BEGIN
    IF s.tenant IS NULL THEN
        RETURN printed;
    ELSIF class IN ('pg_policy'::regclass, 'pg_publication_rel'::regclass, 'pg_type'::regclass) THEN
        -- of these the text is JSON
        schema = to_json(schema)::text;
        schema = substr(schema, 2, length(schema) - 2);
    ELSE
        inside = concat(inside, '"');
    END IF;
    RETURN regexp_replace(printed, concat('(^|[^', inside, '])', regexp_replace(schema, concat('([^', chr(92), 'w])'), concat(repeat(chr(92), 3), '1'), 'g'), '[.]'),
        concat(chr(92), '1this_tenant.'), 'g');
END
$tz$;

-- begin: settings pinned for this transaction, guards, one open row in the ledger
CREATE OR REPLACE FUNCTION tzmigrate.begin_step(
    step text, direction text, revision text, after text, zone text, lock_timeout text,
    gap text, overlap text, server_major integer, support integer, unqualified boolean DEFAULT false
) RETURNS void LANGUAGE plpgsql AS $tz$
#variable_conflict use_column
DECLARE
    setting record;
    saved jsonb = '{}';
    state text;
    above text;
    new_id bigint;
    identifier text;
    tenant name;
BEGIN
    IF coalesce(pg_catalog.current_setting('tzmigrate.marker', true), '') OPERATOR(pg_catalog.<>) 'open' THEN
        PERFORM tzmigrate.refuse('TZ643', 'no transaction is open around this revision',
            'Each statement ran in a transaction of its own (AUTOCOMMIT), so the pinned zone would be lost.',
            'Remove isolation_level="AUTOCOMMIT" from env.py and wrap run_migrations() in context.begin_transaction(); run an SQL script with psql -1.');
    END IF;
    IF current_setting('transaction_isolation') <> 'read committed' THEN
        PERFORM tzmigrate.refuse('TZ644', concat('the transaction is ', current_setting('transaction_isolation'), ', not read committed'),
            'Rows counted before and after a rewrite differ in such a transaction.',
            'Remove the isolation level from env.py (isolation_level= or execution_options) for these revisions.');
    END IF;
    IF pg_is_in_recovery() THEN
        PERFORM tzmigrate.refuse('TZ645', 'this server is a standby', '', 'Connect to the primary.');
    END IF;
    PERFORM tzmigrate.require_zone(begin_step.zone);
    FOR setting IN
        SELECT name, wanted FROM (VALUES
            ('TimeZone', begin_step.zone), ('lock_timeout', begin_step.lock_timeout), ('row_security', 'off'),
            ('statement_timeout', '0'), ('idle_in_transaction_session_timeout', '0'), ('transaction_timeout', '0'),
            ('DateStyle', 'ISO, YMD'), ('IntervalStyle', 'postgres'), ('extra_float_digits', '1'), ('bytea_output', 'hex'), ('array_nulls', 'on'), ('quote_all_identifiers', 'off'),
            ('standard_conforming_strings', 'on'), ('synchronize_seqscans', 'off'), ('check_function_bodies', 'off'),
            ('default_tablespace', ''), ('default_table_access_method', current_setting('default_table_access_method'))
        ) AS v (name, wanted)
        WHERE current_setting(name, true) IS NOT NULL
    LOOP
        saved = saved || jsonb_build_object(setting.name, current_setting(setting.name));
        PERFORM set_config(setting.name, setting.wanted, true);
    END LOOP;
    saved = saved || jsonb_build_object('search_path', current_setting('tzmigrate.search_path'));
    PERFORM set_config('tzmigrate.saved', saved::text, true);
    IF begin_step.unqualified THEN
        -- the same revision runs for each tenant, and each has a ledger of its own: by the names of its steps
        tenant = tzmigrate.first_schema(current_setting('tzmigrate.search_path'));
        IF tenant IS NULL THEN
            PERFORM tzmigrate.refuse('TZ350', concat('no schema of the search_path (', current_setting('tzmigrate.search_path'), ') exists here'),
                concat('The names of step ', quote_literal(begin_step.step), ' were planned without their schema, which is the first one there.'),
                'Let env.py set search_path to the schema of the tenant before it runs the migrations; with psql use PGOPTIONS.');
        END IF;
        begin_step.step = begin_step.step || '@' || tenant;
        begin_step.after = begin_step.after || '@' || tenant;
    END IF;

    -- two runs of the same revisions at once: the second one waits here, within lock_timeout
    PERFORM pg_advisory_xact_lock(hashtextextended('tzmigrate.step', 0));

    IF begin_step.after IS NOT NULL THEN
        SELECT s.direction INTO state FROM tzmigrate.step s
        WHERE s.step = begin_step.after AND s.done_at IS NOT NULL ORDER BY s.id DESC LIMIT 1;
        IF state IS DISTINCT FROM 'up' THEN
            PERFORM tzmigrate.refuse('TZ343', concat('step ', quote_literal(begin_step.after), ', which comes before ', quote_literal(begin_step.step), ', is not recorded as done'),
                'An earlier revision failed or was left out.',
                'Run the revisions in their order; with psql use -v ON_ERROR_STOP=1. tzmigrate status shows what is missing.');
        END IF;
    END IF;
    IF begin_step.direction = 'down' THEN
        SELECT string_agg(quote_literal(last.step), ', ') INTO above
        FROM (SELECT DISTINCT ON (s.step) s.step, s.direction, s.predecessor FROM tzmigrate.step s
              WHERE s.done_at IS NOT NULL ORDER BY s.step, s.id DESC) AS last
        WHERE last.direction = 'up' AND last.predecessor = begin_step.step;
        IF above IS NOT NULL THEN
            PERFORM tzmigrate.refuse('TZ343', concat('step ', above, ', which comes after ', quote_literal(begin_step.step), ', is still recorded as done'),
                'A later revision failed to come down or was left out.',
                'Take the revisions back in their order, the newest first; with psql use -v ON_ERROR_STOP=1. tzmigrate status shows where each stands.');
        END IF;
    END IF;
    BEGIN
        SELECT system_identifier::text INTO identifier FROM pg_control_system();
    EXCEPTION WHEN insufficient_privilege THEN
        identifier = NULL;
    END;
    INSERT INTO tzmigrate.step (step, tenant, direction, revision, predecessor, session_zone, gap, overlap, server_major,
        system_identifier, database_oid, database_name, server_version, role_name)
    SELECT begin_step.step, tenant, begin_step.direction, begin_step.revision, begin_step.after, begin_step.zone, begin_step.gap, begin_step.overlap,
        begin_step.server_major, identifier, d.oid, d.datname,
        current_setting('server_version'), current_user
    FROM pg_database d WHERE d.datname = current_database()
    RETURNING id INTO new_id;
    PERFORM set_config('tzmigrate.step', new_id::text, true);
END
$tz$;
