-- functions: what revisions call, version 1. No statement here holds a percent sign, a tab or a colon before a word
-- outside a cast: alembic upgrade --sql doubles, expands and binds them.

-- raise an error of ours; the first digit after TZ is the exit status
CREATE OR REPLACE FUNCTION tzmigrate.refuse(code text, message text, detail text, hint text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $tz$
BEGIN
    RAISE EXCEPTION USING ERRCODE = code, MESSAGE = concat('tzmigrate ', code, chr(58), ' ', message),
        DETAIL = detail, HINT = hint;
END
$tz$;

-- the stored integer, microseconds since 2000-01-01; infinity is the end of bigint
CREATE OR REPLACE FUNCTION tzmigrate.microseconds(value timestamp) RETURNS bigint
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $tz$
    SELECT ('x' OPERATOR(pg_catalog.||) pg_catalog.encode(pg_catalog.timestamp_send(value), 'hex'))::pg_catalog.bit(64)::pg_catalog.int8
$tz$;

CREATE OR REPLACE FUNCTION tzmigrate.microseconds(value timestamptz) RETURNS bigint
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $tz$
    SELECT ('x' OPERATOR(pg_catalog.||) pg_catalog.encode(pg_catalog.timestamptz_send(value), 'hex'))::pg_catalog.bit(64)::pg_catalog.int8
$tz$;

-- the 64-bit transaction id of a row version of the last 2 ^ 31 transactions
CREATE OR REPLACE FUNCTION tzmigrate.full_xid(id xid) RETURNS bigint
LANGUAGE sql STABLE STRICT SET search_path = pg_catalog, pg_temp AS $tz$
    SELECT CASE WHEN low <= next & 4294967295 THEN base + low ELSE base + low - 4294967296 END
    FROM (SELECT id::text::bigint AS low, next, next - (next & 4294967295) AS base
          FROM (SELECT pg_snapshot_xmax(pg_current_snapshot())::text::bigint + 1000000 AS next) AS n) AS x
$tz$;

-- the step that is open in this transaction
CREATE OR REPLACE FUNCTION tzmigrate.open_step() RETURNS tzmigrate.step
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $tz$
DECLARE
    s tzmigrate.step;
BEGIN
    IF coalesce(current_setting('tzmigrate.marker', true), '') <> 'open' THEN
        PERFORM tzmigrate.refuse('TZ643', 'no transaction is open around this revision',
            'Each statement ran in a transaction of its own (AUTOCOMMIT), so the pinned zone is lost between them.',
            'Remove isolation_level="AUTOCOMMIT" from env.py and wrap run_migrations() in context.begin_transaction().');
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

-- begin: settings pinned for this transaction, guards, one open row in the ledger
CREATE OR REPLACE FUNCTION tzmigrate.begin_step(
    step text, direction text, revision text, after text, zone text, lock_timeout text,
    gap text, overlap text, proof text, rewrite boolean, server_major integer, support integer
) RETURNS void LANGUAGE plpgsql AS $tz$
#variable_conflict use_column
DECLARE
    setting record;
    saved jsonb = '{}';
    state text;
    above text;
    new_id bigint;
    identifier text;
BEGIN
    IF coalesce(pg_catalog.current_setting('tzmigrate.marker', true), '') OPERATOR(pg_catalog.<>) 'open' THEN
        PERFORM tzmigrate.refuse('TZ643', 'no transaction is open around this revision',
            'Each statement ran in a transaction of its own (AUTOCOMMIT), so the pinned zone would be lost.',
            'Remove isolation_level="AUTOCOMMIT" from env.py and wrap run_migrations() in context.begin_transaction().');
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
            ('DateStyle', 'ISO, YMD'), ('IntervalStyle', 'postgres'), ('extra_float_digits', '1'), ('bytea_output', 'hex'), ('quote_all_identifiers', 'off'),
            ('standard_conforming_strings', 'on'), ('synchronize_seqscans', 'off')
        ) AS v (name, wanted)
        WHERE current_setting(name, true) IS NOT NULL
    LOOP
        saved = saved || jsonb_build_object(setting.name, current_setting(setting.name));
        PERFORM set_config(setting.name, setting.wanted, true);
    END LOOP;
    saved = saved || jsonb_build_object('search_path', current_setting('tzmigrate.search_path'));
    PERFORM set_config('tzmigrate.saved', saved::text, true);

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
    INSERT INTO tzmigrate.step (step, direction, revision, predecessor, session_zone, gap, overlap, proof, rewrite, server_major,
        system_identifier, database_oid, database_name, server_version, role_name)
    SELECT begin_step.step, begin_step.direction, begin_step.revision, begin_step.after, begin_step.zone, begin_step.gap, begin_step.overlap,
        begin_step.proof, begin_step.rewrite, begin_step.server_major, identifier, d.oid, d.datname,
        current_setting('server_version'), current_user
    FROM pg_database d WHERE d.datname = current_database()
    RETURNING id INTO new_id;
    PERFORM set_config('tzmigrate.step', new_id::text, true);
END
$tz$;

-- declare one column of the step; says early, without a lock, what would stop it
CREATE OR REPLACE FUNCTION tzmigrate.plan_column(
    relation text, column_name name, type_before text, type_after text, zone text, default_before text
) RETURNS void LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $tz$
#variable_conflict use_column
DECLARE
    s tzmigrate.step = tzmigrate.open_step();
    t regclass = to_regclass(relation);
BEGIN
    IF t IS NULL THEN
        PERFORM tzmigrate.refuse('TZ341', concat('table ', relation, ' does not exist in database ', quote_ident(current_database())),
            concat('The revision was planned to convert its column ', quote_ident(plan_column.column_name), '.'),
            concat('Create the table by the revisions that belong before this one. Else: ', tzmigrate.plan_again(s.direction)));
    END IF;
    IF NOT EXISTS (SELECT FROM pg_class k WHERE k.oid = t AND (k.relkind NOT IN ('r', 'p') OR pg_has_role(current_user, k.relowner, 'USAGE'))) THEN
        PERFORM tzmigrate.refuse('TZ646', concat('role ', quote_ident(current_user), ' does not own table ', relation), '',
            concat('Run the revision as the owner, or as a member of ', (SELECT quote_ident(pg_get_userbyid(relowner)) FROM pg_class WHERE oid = t), '.'));
    END IF;
    -- a view of that name would run its functions with our rights; locked, so that none can take the place of the table
    IF (SELECT k.relkind FROM pg_class k WHERE k.oid = t) IN ('r', 'p') THEN
        EXECUTE concat('LOCK TABLE ', t, ' IN ACCESS SHARE MODE');
    END IF;
    IF NOT EXISTS (SELECT FROM pg_class k WHERE k.oid = t AND k.relkind IN ('r', 'p')) OR to_regclass(relation) <> t THEN
        PERFORM tzmigrate.refuse('TZ345', concat('stale plan: ', relation, ' is not the table that it was'),
            'Something else has taken its name.', tzmigrate.plan_again(s.direction));
    END IF;
    PERFORM tzmigrate.require_zone(plan_column.zone);
    INSERT INTO tzmigrate.step_column (step_id, position, relation_schema, relation_name, column_name, type_before, type_after, zone, default_before)
    SELECT s.id, 1 + (SELECT count(*) FROM tzmigrate.step_column c WHERE c.step_id = s.id), n.nspname, k.relname,
        plan_column.column_name, plan_column.type_before, plan_column.type_after, plan_column.zone, plan_column.default_before
    FROM pg_class k JOIN pg_namespace n ON n.oid = k.relnamespace WHERE k.oid = t;
    PERFORM tzmigrate.check_column(s.id, plan_column.column_name);
END
$tz$;

-- the default of a column as plan read it; in its text a timestamptz constant stands in the session's zone
CREATE OR REPLACE FUNCTION tzmigrate.default_text(root regclass, name name) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp SET TimeZone = 'Etc/UTC' AS $tz$
    SELECT pg_get_expr(d.adbin, d.adrelid) FROM pg_attribute a JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
    WHERE a.attrelid = root AND a.attname = name AND NOT a.attisdropped
$tz$;

-- a default as this server prints it; without the right to make a temporary table, as it stands now
CREATE OR REPLACE FUNCTION tzmigrate.printed_default(type_name text, expression text, fallback text) RETURNS text
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET client_min_messages = error AS $tz$
DECLARE
    printed text;
BEGIN
    IF NOT has_database_privilege(current_database(), 'TEMP') THEN
        RETURN fallback;
    END IF;
    EXECUTE concat('CREATE TEMP TABLE tz_printed_default (value ', type_name, ' DEFAULT ', expression, ')');
    printed = tzmigrate.default_text('pg_temp.tz_printed_default'::regclass, 'value');
    DROP TABLE pg_temp.tz_printed_default;
    RETURN printed;
END
$tz$;

-- the first thing that leans on a column, or stands in its tree, and that a plan would have refused
CREATE OR REPLACE FUNCTION tzmigrate.leaning(root regclass, name name) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $tz$
    WITH RECURSIVE tree (relation) AS (
        SELECT root::oid UNION ALL SELECT i.inhrelid FROM pg_inherits i JOIN tree ON tree.relation = i.inhparent
    ), member AS (
        SELECT c.*, a.attnum, a.attname, concat(chr(58), 'varattno 0 ', chr(58), 'vartype ', c.reltype, ' ') AS whole_row
        FROM tree JOIN pg_class c ON c.oid = tree.relation JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = leaning.name
    ), thing (words) AS (
        SELECT concat(pg_describe_object(d.classid, d.objid, d.objsubid), ' uses')
        FROM member m JOIN pg_depend d ON d.refclassid = 'pg_class'::regclass AND d.refobjid = m.oid AND d.refobjsubid = m.attnum
        LEFT JOIN pg_class o ON d.classid = 'pg_class'::regclass AND o.oid = d.objid
        LEFT JOIN pg_constraint k ON d.classid = 'pg_constraint'::regclass AND k.oid = d.objid
        LEFT JOIN pg_attrdef e ON d.classid = 'pg_attrdef'::regclass AND e.oid = d.objid
        WHERE coalesce(o.relkind, '-') NOT IN ('i', 'I', 'S') AND coalesce(k.contype, '-') NOT IN ('p', 'u', 'n', 't')
          AND NOT coalesce(e.adrelid = m.oid AND e.adnum = m.attnum, false)
        UNION ALL
        SELECT concat('index ', i.indexrelid::regclass, ' computes with')
        FROM member m JOIN pg_index i ON i.indrelid = m.oid, concat(i.indexprs::text, i.indpred::text) AS tree_text
        WHERE strpos(tree_text, concat(chr(58), 'varattno ', m.attnum, ' ')) > 0 OR strpos(tree_text, concat(chr(58), 'varattno 0 ')) > 0
        UNION ALL
        SELECT concat(pg_describe_object('pg_constraint'::regclass, k.oid, 0), ' computes with the whole row of')
        FROM member m JOIN pg_constraint k ON k.conrelid = m.oid WHERE strpos(k.conbin::text, m.whole_row) > 0
        UNION ALL
        SELECT concat(pg_describe_object('pg_policy'::regclass, y.oid, 0), ' reads the whole row of')
        FROM member m JOIN pg_policy y ON y.polrelid = m.oid WHERE strpos(concat(y.polqual::text, y.polwithcheck::text), m.whole_row) > 0
        UNION ALL
        SELECT concat(pg_describe_object('pg_rewrite'::regclass, r.oid, 0), ' reads the whole row of')
        FROM member m JOIN pg_depend d ON d.classid = 'pg_rewrite'::regclass AND d.refclassid = 'pg_class'::regclass AND d.refobjid = m.oid AND d.refobjsubid = 0
        JOIN pg_rewrite r ON r.oid = d.objid WHERE strpos(r.ev_action::text, m.whole_row) > 0
        UNION ALL
        SELECT CASE WHEN m.relkind = 'f' THEN concat('foreign table ', m.oid::regclass, ' shares')
                    WHEN NOT m.relispartition THEN concat('table ', m.oid::regclass, ' inherits')
                    ELSE concat('partition ', m.oid::regclass, ' has another default for') END
        FROM member m WHERE m.oid <> root AND (m.relkind = 'f' OR NOT m.relispartition
            OR tzmigrate.default_text(m.oid, m.attname) IS DISTINCT FROM tzmigrate.default_text(root, m.attname))
    )
    SELECT min(words) FROM thing
$tz$;

-- the column's type is the planned one, or the ledger says that this very step converted it already
CREATE OR REPLACE FUNCTION tzmigrate.check_column(open_id bigint, name name) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $tz$
DECLARE
    s tzmigrate.step;
    c tzmigrate.step_column;
    now_type text;
    now_default text;
    last tzmigrate.step;
    expected text;
    label text;
    leaning text;
BEGIN
    SELECT * INTO s FROM tzmigrate.step x WHERE x.id = open_id;
    SELECT * INTO c FROM tzmigrate.step_column x WHERE x.step_id = open_id AND x.column_name = check_column.name;
    label = concat(quote_ident(c.relation_schema), '.', quote_ident(c.relation_name), '.', quote_ident(c.column_name));
    SELECT format_type(a.atttypid, a.atttypmod), tzmigrate.default_text(a.attrelid, a.attname) INTO now_type, now_default
    FROM pg_attribute a WHERE a.attrelid = concat(quote_ident(c.relation_schema), '.', quote_ident(c.relation_name))::regclass
      AND a.attname = c.column_name AND NOT a.attisdropped;
    IF now_type IS NULL THEN
        PERFORM tzmigrate.refuse('TZ341', concat('column ', label, ' does not exist'), '',
            tzmigrate.plan_again(s.direction));
    END IF;
    IF now_type = c.type_after THEN
        SELECT * INTO last FROM tzmigrate.step x
        WHERE x.done_at IS NOT NULL AND x.id IN (
            SELECT y.step_id FROM tzmigrate.step_column y
            WHERE y.relation_schema = c.relation_schema AND y.relation_name = c.relation_name AND y.column_name = c.column_name)
        ORDER BY x.id DESC LIMIT 1;
        IF last.step = s.step AND last.direction = s.direction THEN
            RAISE NOTICE USING MESSAGE = concat('tzmigrate: column ', label, ' was converted by this step already, at ', last.done_at, '; passed over');
            UPDATE tzmigrate.step x SET passed_over = true WHERE x.id = open_id;
            RETURN;
        END IF;
        PERFORM tzmigrate.refuse('TZ344', concat('column ', label, ' is ', now_type, ' already, and the ledger does not know this step as its cause'),
            'Converting it again could shift every value, so nothing was done.',
            concat('If somebody converted it by hand, leave it as it is. ', tzmigrate.plan_again(s.direction)));
    END IF;
    IF now_type <> c.type_before THEN
        PERFORM tzmigrate.refuse('TZ345', concat('stale plan: column ', label, ' is ', now_type, ', the plan says ', c.type_before), '',
            tzmigrate.plan_again(s.direction));
    END IF;
    IF s.direction = 'up' THEN
        expected = c.default_before;
        -- another major version may print the same default in other words
        IF c.default_before IS NOT NULL AND s.server_major <> current_setting('server_version_num')::integer / 10000 THEN
            expected = tzmigrate.printed_default(c.type_before, c.default_before, now_default);
        END IF;
    ELSE
        -- what the way up left behind, as this server printed it
        SELECT y.default_after INTO expected FROM tzmigrate.step x JOIN tzmigrate.step_column y ON y.step_id = x.id
        WHERE x.step = s.step AND x.direction = 'up' AND x.done_at IS NOT NULL AND y.column_name = c.column_name
        ORDER BY x.id DESC LIMIT 1;
        IF NOT FOUND THEN
            PERFORM tzmigrate.refuse('TZ344', concat('the ledger does not say that step ', quote_literal(s.step), ' converted column ', label),
                'Converting it back could shift every value, so nothing was done.',
                'See tzmigrate status; a column that somebody converted by hand goes back by hand.');
        END IF;
    END IF;
    IF now_default IS DISTINCT FROM expected THEN
        PERFORM tzmigrate.refuse('TZ345', concat('stale plan: the default of column ', label, ' is ', coalesce(now_default, 'not set'),
            ', expected was ', coalesce(expected, 'none')), 'Somebody changed it since.',
            concat('Set the default back. Else: ', tzmigrate.plan_again(s.direction)));
    END IF;
    -- the plan knew of nothing that leans on the column
    leaning = tzmigrate.leaning(concat(quote_ident(c.relation_schema), '.', quote_ident(c.relation_name))::regclass, c.column_name);
    IF leaning IS NOT NULL THEN
        PERFORM tzmigrate.refuse('TZ345', concat('stale plan: ', leaning, ' column ', label),
            'The plan does not know it, and it may mean something else once the type has changed.',
            concat('Drop it and create it again after this revision. Else: ', tzmigrate.plan_again(s.direction)));
    END IF;
END
$tz$;

-- the leaf relations that hold the rows
CREATE OR REPLACE FUNCTION tzmigrate.leaves(root regclass) RETURNS SETOF regclass
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $tz$
    WITH RECURSIVE tree (relation) AS (
        SELECT root::oid UNION ALL SELECT i.inhrelid FROM pg_inherits i JOIN tree ON tree.relation = i.inhparent
    )
    SELECT c.oid::regclass FROM tree JOIN pg_class c ON c.oid = tree.relation WHERE c.relkind = 'r' ORDER BY c.oid
$tz$;

CREATE OR REPLACE FUNCTION tzmigrate.file_nodes(root regclass) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $tz$
    SELECT string_agg(concat(l::oid, '=', pg_relation_filenode(l)), ',' ORDER BY l::oid) FROM tzmigrate.leaves(root) AS l
$tz$;

-- rows that this transaction wrote so far; ALTER counts its own on a file that goes away
CREATE OR REPLACE FUNCTION tzmigrate.rows_written(root regclass) RETURNS bigint
LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp AS $tz$
    SELECT coalesce(sum(pg_stat_get_xact_tuples_inserted(l) + pg_stat_get_xact_tuples_updated(l) + pg_stat_get_xact_tuples_deleted(l)), 0)::bigint
    FROM tzmigrate.leaves(root) AS l
$tz$;

-- SQL text of a column as it stands now (naive or zoned), as wall clock or as instant
CREATE OR REPLACE FUNCTION tzmigrate.expression(c tzmigrate.step_column, zoned boolean, wanted text, session_zone text) RETURNS text
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $tz$
    SELECT CASE
        WHEN wanted = 'wall' AND NOT zoned OR wanted = 'instant' AND zoned THEN concat('t.', quote_ident(c.column_name))
        -- the cast under the pinned zone is the same function, three times as fast (postgres-facts.md section 9)
        WHEN c.zone = session_zone THEN concat('t.', quote_ident(c.column_name), CASE wanted WHEN 'wall' THEN '::timestamp' ELSE '::timestamptz' END)
        ELSE concat('(t.', quote_ident(c.column_name), ' AT TIME ZONE ', quote_literal(c.zone), ')')
    END
$tz$;

-- the built-in or enum type beneath a key's column; NULL for others, as their input and casts may be functions of somebody else
CREATE OR REPLACE FUNCTION tzmigrate.key_type(root regclass, name name) RETURNS regtype
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $tz$
    WITH RECURSIVE beneath (type) AS (
        SELECT a.atttypid FROM pg_attribute a WHERE a.attrelid = root AND a.attname = name AND NOT a.attisdropped
        UNION ALL SELECT t.typbasetype FROM beneath b JOIN pg_type t ON t.oid = b.type WHERE t.typtype = 'd'
    )
    SELECT t.oid::regtype FROM beneath b JOIN pg_type t ON t.oid = b.type
    WHERE t.typtype = 'e' OR t.typtype <> 'd' AND t.typnamespace = 'pg_catalog'::regnamespace
$tz$;

-- SQL text that gives a row's key as text[], the same text before and after the conversion
CREATE OR REPLACE FUNCTION tzmigrate.key_text(open_id bigint, root regclass, zoned boolean) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $tz$
    SELECT concat('ARRAY[', string_agg(
        CASE WHEN c.step_id IS NULL AND a.attnum > 0 AND a.atttypid <> tzmigrate.key_type(root, k.name) OR y.typtype = 'e'
             -- never a cast of somebody else's type; concat asks its output function, which is built in
             THEN concat('concat(t.', quote_ident(k.name), ')')
             WHEN c.step_id IS NULL OR NOT zoned THEN concat('t.', quote_ident(k.name), '::text')
             ELSE concat('(t.', quote_ident(k.name), ' AT TIME ZONE ', quote_literal(c.zone), ')::text') END, ', ' ORDER BY k.ordinality), ']')
    FROM tzmigrate.step s, unnest(s.key) WITH ORDINALITY AS k (name, ordinality)
    JOIN pg_attribute a ON a.attrelid = root AND a.attname = k.name AND NOT a.attisdropped
    JOIN pg_type y ON y.oid = a.atttypid
    LEFT JOIN tzmigrate.step_column c ON c.step_id = open_id AND c.column_name = k.name
    WHERE s.id = open_id
$tz$;

-- SQL text of the condition that finds the row of a recorded key (p.key) again, by its index
CREATE OR REPLACE FUNCTION tzmigrate.key_match(open_id bigint, root regclass, zoned boolean) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $tz$
    SELECT string_agg(
        CASE WHEN c.step_id IS NOT NULL AND zoned THEN concat('t.', quote_ident(k.name), ' = (p.key[', k.ordinality, ']::timestamp AT TIME ZONE ', quote_literal(c.zone), ')')
             WHEN c.step_id IS NOT NULL THEN concat('t.', quote_ident(k.name), ' = p.key[', k.ordinality, ']::timestamp')
             WHEN y.typtype = 'e' THEN concat('t.', quote_ident(k.name), '::', format_type(y.oid, NULL), ' = (SELECT e FROM unnest(enum_range(NULL::', format_type(y.oid, NULL), ')) AS e WHERE concat(e) = p.key[', k.ordinality, '])')
             ELSE concat('t.', quote_ident(k.name), ' = p.key[', k.ordinality, ']::', coalesce(format_type(y.oid, -1), 'key_cannot_be_read')) END, ' AND ' ORDER BY k.ordinality)
    FROM tzmigrate.step s, unnest(s.key) WITH ORDINALITY AS k (name, ordinality)
    JOIN pg_attribute a ON a.attrelid = root AND a.attname = k.name AND NOT a.attisdropped
    LEFT JOIN pg_type y ON y.oid = tzmigrate.key_type(root, k.name)
    LEFT JOIN tzmigrate.step_column c ON c.step_id = open_id AND c.column_name = k.name
    WHERE s.id = open_id
$tz$;

-- stop at wall clocks that the zone skips, has twice, or moves out of the range of the type, before anything is done;
-- under the lock only at rows written since the first look, which had no lock
CREATE OR REPLACE FUNCTION tzmigrate.check_clock_changes(relation regclass, since text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $tz$
DECLARE
    s tzmigrate.step = tzmigrate.open_step();
    c tzmigrate.step_column;
    skipped bigint;
    doubled bigint;
    beyond bigint;
    keys text;
    zone text;
    row_of text;
BEGIN
    IF s.direction <> 'up' OR s.passed_over THEN
        RETURN;
    END IF;
    FOR c IN SELECT * FROM tzmigrate.step_column x
             WHERE x.step_id = s.id AND lower(x.zone) NOT IN ('utc', 'etc/utc', 'gmt', 'etc/gmt') ORDER BY x.position LOOP
        zone = CASE WHEN c.zone = s.session_zone THEN '::timestamp' ELSE concat(' AT TIME ZONE ', quote_literal(c.zone)) END;
        -- no clock changed before 1844; the names keep clear of the columns of the table
        row_of = concat(' FROM ', relation, ' AS t, LATERAL (SELECT ', tzmigrate.expression(c, false, 'wall', s.session_zone), ', ',
            'isfinite(t.', quote_ident(c.column_name), ')', CASE WHEN since <> '' THEN concat(' WHERE age(t.xmin) <= age(', quote_literal(since), '::xid)') END,
            ') AS tz_a (wall, finite), ',
            'LATERAL (SELECT CASE WHEN tz_a.finite AND tz_a.wall >= TIMESTAMP ''1800-01-01'' AND tz_a.wall < TIMESTAMP ''294276-12-29'' THEN ',
            tzmigrate.expression(c, false, 'instant', s.session_zone), ' END) AS tz_b (instant), ',
            'LATERAL (SELECT (tz_b.instant)', zone, ', (tz_b.instant)', zone, ' - (tz_b.instant AT TIME ZONE INTERVAL ''0''), ',
            '(tz_b.instant - INTERVAL ''26 hours'')', zone, ' - ((tz_b.instant - INTERVAL ''26 hours'') AT TIME ZONE INTERVAL ''0'')) AS tz_c (back, after, before), ',
            'LATERAL (SELECT tz_c.back <> tz_a.wall, tz_c.back = tz_a.wall AND tz_c.before > tz_c.after AND (tz_b.instant - (tz_c.before - tz_c.after))', zone, ' = tz_a.wall, ',
            'tz_a.finite AND (tz_a.wall < TIMESTAMP ''4714-11-26 BC'' OR tz_a.wall >= TIMESTAMP ''294276-12-29'')) AS tz_d (gap, overlap, beyond)');
        EXECUTE concat('SELECT count(*) FILTER (WHERE tz_d.gap), count(*) FILTER (WHERE tz_d.overlap), count(*) FILTER (WHERE tz_d.beyond)', row_of)
        INTO skipped, doubled, beyond;
        IF beyond > 0 THEN
            keys = tzmigrate.keys_where(relation, concat(row_of, ' WHERE tz_d.beyond'));
            PERFORM tzmigrate.refuse('TZ349', tzmigrate.rows_that(beyond, relation, c, 'at the ends of what a timestamp can hold'),
                concat(keys, ' Converted from ', c.zone, ', they would be out of range. Nothing was done.'),
                'Set them to infinity or -infinity, or to a date within the range.');
        END IF;
        IF skipped > 0 AND s.gap = 'refuse' THEN
            keys = tzmigrate.keys_where(relation, concat(row_of, ' WHERE tz_d.gap'));
            PERFORM tzmigrate.refuse('TZ346', tzmigrate.rows_that(skipped, relation, c, concat('in hours that ', c.zone, ' skips')),
                concat(keys, ' Nothing was done.'), 'Correct these rows, or declare another zone for the column.');
        END IF;
        IF doubled > 0 AND s.overlap = 'refuse' THEN
            keys = tzmigrate.keys_where(relation, concat(row_of, ' WHERE tz_d.overlap'));
            PERFORM tzmigrate.refuse('TZ347', tzmigrate.rows_that(doubled, relation, c, concat('in hours that ', c.zone, ' has twice')),
                concat(keys, ' PostgreSQL takes the later of the two instants. Nothing was done.'),
                'Set overlap = "later" under [policy] in tzmigrate.toml if that is right, and write the plan again.');
        END IF;
    END LOOP;
END
$tz$;

CREATE OR REPLACE FUNCTION tzmigrate.rows_that(number bigint, relation regclass, c tzmigrate.step_column, stand text) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $tz$
    SELECT concat(number, CASE number WHEN 1 THEN ' row of ' ELSE ' rows of ' END, relation, '.', quote_ident(c.column_name),
        CASE number WHEN 1 THEN ' stands ' ELSE ' stand ' END, stand)
$tz$;

-- a sentence with the keys of the first ten rows; a table without key shows their values
CREATE OR REPLACE FUNCTION tzmigrate.keys_where(relation regclass, rows_from text) RETURNS text
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $tz$
DECLARE
    s tzmigrate.step = tzmigrate.open_step();
    keys text;
    shown bigint;
BEGIN
    EXECUTE concat('SELECT string_agg(concat(''('', array_to_string(k.key, '',''), '')''), '', '') FILTER (WHERE k.place <= 10), count(*) FROM (SELECT y.*, row_number() OVER (ORDER BY y.key) AS place FROM (SELECT ',
        CASE WHEN s.key IS NULL THEN 'ARRAY[tz_a.wall::text]' ELSE tzmigrate.key_text(s.id, relation, false) END,
        ' AS key', rows_from, ' LIMIT 11) AS y) AS k') INTO keys, shown;
    RETURN concat(CASE WHEN shown > 10 THEN 'The first ten of their ' ELSE 'Their ' END,
        coalesce((SELECT string_agg(quote_ident(k), ', ') FROM unnest(s.key) AS k), 'values'), CASE WHEN shown > 10 THEN ' are ' ELSE ' ' END, keys, '.');
END
$tz$;

-- keys of the baseline sample, chosen without a lock
CREATE OR REPLACE FUNCTION tzmigrate.choose_sample(relation text, key text[], rows integer) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $tz$
#variable_conflict use_column
DECLARE
    s tzmigrate.step = tzmigrate.open_step();
    t regclass = relation::regclass;
    seen text = '';
BEGIN
    UPDATE tzmigrate.step x SET
        -- a key of converted columns would show in the ledger what row security hides in the table
        key = coalesce(CASE WHEN k.relrowsecurity AND EXISTS (SELECT FROM tzmigrate.step_column c WHERE c.step_id = s.id AND c.column_name = ANY (choose_sample.key)) THEN NULL
                            WHEN EXISTS (SELECT FROM unnest(choose_sample.key) AS n (name) WHERE tzmigrate.key_type(t, n.name) IS NULL) THEN NULL
                            ELSE nullif(choose_sample.key, '{}') END, CASE WHEN k.relkind = 'r' AND NOT s.rewrite THEN ARRAY['tableoid', 'ctid'] END),
        masked = k.relrowsecurity,
        forced_row_security = k.relforcerowsecurity AND NOT r.rolsuper AND NOT r.rolbypassrls
    FROM pg_class k, pg_roles r WHERE x.id = s.id AND k.oid = t AND r.rolname = current_user;
    -- a rewrite moves the rows, so without a key none is found again: the whole column is compared instead
    UPDATE tzmigrate.step x SET proof = 'full' WHERE x.id = s.id AND x.key IS NULL AND x.rewrite;
    s = tzmigrate.open_step();
    -- under FORCE ROW LEVEL SECURITY the owner sees some rows only: chosen in take_table, once that is lifted under the lock
    IF NOT s.passed_over AND NOT s.forced_row_security THEN
        seen = (pg_snapshot_xmin(pg_current_snapshot())::text::bigint & 4294967295)::text;
        PERFORM tzmigrate.check_clock_changes(t, '');
        PERFORM tzmigrate.draw_sample(t, rows);
    END IF;
    PERFORM set_config('tzmigrate.checked_since', seen, true);
    PERFORM set_config('tzmigrate.rows', rows::text, true);
END
$tz$;

-- small tables whole; large ones: the ends of each indexed column, then random blocks and lines with rejection
CREATE OR REPLACE FUNCTION tzmigrate.draw_sample(relation regclass, rows integer) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $tz$
#variable_conflict use_column
DECLARE
    s tzmigrate.step = tzmigrate.open_step();
    c tzmigrate.step_column;
    key_text text;
    leaf regclass;
    blocks bigint;
    all_blocks bigint;
    share integer;
    into_sample text;
    direction text;
BEGIN
    IF s.key IS NULL THEN
        RETURN;
    END IF;
    key_text = tzmigrate.key_text(s.id, relation, s.direction = 'down');
    into_sample = concat('INSERT INTO tzmigrate.sample (step_id, key) SELECT ', s.id, ', ', key_text);
    SELECT sum(pg_relation_size(l)) / current_setting('block_size')::bigint INTO all_blocks FROM tzmigrate.leaves(relation) AS l;
    IF all_blocks <= 64 THEN
        EXECUTE concat(into_sample, ' FROM ', relation, ' AS t ON CONFLICT DO NOTHING');
        RETURN;
    END IF;
    FOR c IN SELECT x.* FROM tzmigrate.step_column x WHERE x.step_id = s.id
             AND EXISTS (SELECT FROM pg_index i JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0]
                         WHERE i.indrelid = relation AND a.attname = x.column_name AND i.indisvalid AND i.indpred IS NULL) LOOP
        FOREACH direction IN ARRAY ARRAY['ASC', 'DESC'] LOOP
            EXECUTE concat(into_sample, ' FROM ', relation, ' AS t ORDER BY t.', quote_ident(c.column_name), ' ', direction, ' LIMIT 25 ON CONFLICT DO NOTHING');
        END LOOP;
    END LOOP;
    FOR leaf IN SELECT l FROM tzmigrate.leaves(relation) AS l LOOP
        blocks = pg_relation_size(leaf) / current_setting('block_size')::bigint;
        share = ceil(rows * (blocks::numeric / all_blocks));
        -- random blocks, and of the lines that fit into one (28 bytes each) so many that a block gives about one row; all lines have
        -- the same chance, also where the statistics know no number of rows, as an empty or dead line gives nothing;
        -- a line drawn twice counts once by ON CONFLICT, as DISTINCT could sort the lines and leave the last blocks out
        EXECUTE concat(into_sample, ' FROM (SELECT concat(''('', b.tz_block, '','', l.tz_line, '')'')::tid AS tz_tid',
            ' FROM (SELECT floor(random() * ', blocks, ')::bigint AS tz_block FROM generate_series(1, ', 3 * share, ')) AS b,',
            -- block by block: were the lines the outer loop, LIMIT would leave the last ones out
            ' LATERAL generate_series(1 + 0 * b.tz_block::integer, ', (current_setting('block_size')::integer - 24) / 28, ') AS l (tz_line)',
            ' WHERE random() < (SELECT CASE WHEN reltuples > 0 THEN least(1, ', blocks, ' / reltuples) ELSE 0.05 END FROM pg_class WHERE oid = ', leaf::oid, ') OFFSET 0) AS draw',
            ' JOIN ', leaf, ' AS t ON t.ctid = draw.tz_tid LIMIT ', share, ' ON CONFLICT DO NOTHING');
    END LOOP;
END
$tz$;

-- what ALTER must not change, as one document; types and defaults of the announced columns are left out, but not whether there is a default
CREATE OR REPLACE FUNCTION tzmigrate.picture(root regclass, announced name[]) RETURNS jsonb
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $tz$
    WITH RECURSIVE tree (relation) AS (
        SELECT root::oid UNION ALL SELECT i.inhrelid FROM pg_inherits i JOIN tree ON tree.relation = i.inhparent
    ), thing (name, value) AS (
        SELECT concat('table ', c.oid::regclass), jsonb_build_object('owner', pg_get_userbyid(c.relowner), 'grants', c.relacl::text, 'options', c.reloptions,
            'row security', ARRAY[c.relrowsecurity, c.relforcerowsecurity], 'comment', obj_description(c.oid, 'pg_class'), 'kind', c.relkind, 'replica identity', c.relreplident,
            'persistence', c.relpersistence, 'tablespace', c.reltablespace, 'access method', c.relam, 'type', c.reloftype,
            'bound', pg_get_expr(c.relpartbound, c.oid))
        FROM tree JOIN pg_class c ON c.oid = tree.relation
        UNION ALL
        SELECT concat('column ', a.attrelid::regclass, '.', quote_ident(a.attname)), jsonb_build_object('not null', a.attnotnull, 'grants', a.attacl::text,
            'options', (SELECT array_agg(o) FROM unnest(a.attoptions) AS o WHERE NOT starts_with(o, 'pg_attver=')),
            'statistics', coalesce(a.attstattarget, -1), 'storage', a.attstorage, 'identity', a.attidentity, 'generated', a.attgenerated,
            'comment', col_description(a.attrelid, a.attnum), 'position', a.attnum, 'collation', a.attcollation, 'compression', to_jsonb(a) -> 'attcompression',
            'type', CASE WHEN a.attname = ANY (announced) THEN NULL ELSE format_type(a.atttypid, a.atttypmod) END,
            'default', CASE WHEN a.attname = ANY (announced) THEN a.atthasdef::text ELSE (SELECT pg_get_expr(d.adbin, d.adrelid) FROM pg_attrdef d WHERE d.adrelid = a.attrelid AND d.adnum = a.attnum) END)
        FROM tree JOIN pg_attribute a ON a.attrelid = tree.relation AND a.attnum > 0 AND NOT a.attisdropped
        UNION ALL
        SELECT concat('index ', i.indexrelid::regclass), jsonb_build_object('definition', pg_get_indexdef(i.indexrelid), 'valid', i.indisvalid, 'clustered', i.indisclustered,
            'replica identity', i.indisreplident, 'options', c.reloptions, 'tablespace', c.reltablespace, 'comment', obj_description(c.oid, 'pg_class'),
            'statistics', (SELECT array_agg(coalesce(a.attstattarget, -1) ORDER BY a.attnum) FROM pg_attribute a WHERE a.attrelid = c.oid),
            'extensions', (SELECT array_agg(d.refobjid ORDER BY d.refobjid) FROM pg_depend d
                WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'x'))
        FROM tree JOIN pg_index i ON i.indrelid = tree.relation JOIN pg_class c ON c.oid = i.indexrelid
        UNION ALL
        SELECT concat('constraint ', quote_ident(k.conname), ' of ', k.conrelid::regclass), jsonb_build_object('definition', pg_get_constraintdef(k.oid),
            'validated', k.convalidated, 'comment', obj_description(k.oid, 'pg_constraint'),
            'triggers', (SELECT array_agg(g.tgenabled ORDER BY g.tgrelid, g.tgfoid) FROM pg_trigger g WHERE g.tgconstraint = k.oid))
        FROM pg_constraint k WHERE k.conrelid IN (SELECT relation FROM tree) OR k.confrelid IN (SELECT relation FROM tree)
        UNION ALL
        SELECT concat('trigger ', quote_ident(g.tgname), ' of ', g.tgrelid::regclass), jsonb_build_object('definition', pg_get_triggerdef(g.oid), 'enabled', g.tgenabled,
            'comment', obj_description(g.oid, 'pg_trigger'))
        FROM tree JOIN pg_trigger g ON g.tgrelid = tree.relation AND NOT g.tgisinternal
        UNION ALL
        SELECT concat('policy ', quote_ident(y.polname), ' of ', y.polrelid::regclass), (to_jsonb(y) - 'oid') || jsonb_build_object('comment', obj_description(y.oid, 'pg_policy'))
        FROM tree JOIN pg_policy y ON y.polrelid = tree.relation
        UNION ALL
        SELECT concat('rule ', quote_ident(r.rulename), ' of ', r.ev_class::regclass), jsonb_build_object('definition', pg_get_ruledef(r.oid), 'enabled', r.ev_enabled,
            'comment', obj_description(r.oid, 'pg_rewrite'))
        FROM tree JOIN pg_rewrite r ON r.ev_class = tree.relation
        UNION ALL
        SELECT concat('table ', r.prrelid::regclass, ' in publication ', quote_ident(p.pubname)), to_jsonb(r) - 'oid'
        FROM tree JOIN pg_publication_rel r ON r.prrelid = tree.relation JOIN pg_publication p ON p.oid = r.prpubid
        UNION ALL
        SELECT concat('statistics ', quote_ident(n.nspname), '.', quote_ident(e.stxname)), jsonb_build_object('definition', pg_get_statisticsobjdef(e.oid),
            'owner', e.stxowner, 'target', to_jsonb(e) -> 'stxstattarget', 'comment', obj_description(e.oid, 'pg_statistic_ext'))
        FROM tree JOIN pg_statistic_ext e ON e.stxrelid = tree.relation JOIN pg_namespace n ON n.oid = e.stxnamespace
    )
    SELECT jsonb_object_agg(name, value) FROM thing
$tz$;

-- one pass over the table: rows, values and an order-independent fingerprint of each column, as instants on the way up
CREATE OR REPLACE FUNCTION tzmigrate.fingerprint(open_id bigint, root regclass, zoned boolean, OUT rows bigint, OUT counts bigint[], OUT sums numeric[])
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $tz$
DECLARE
    s tzmigrate.step;
    seed text;
    wanted text;
    parts text;
BEGIN
    SELECT * INTO s FROM tzmigrate.step x WHERE x.id = open_id;
    wanted = CASE s.direction WHEN 'up' THEN 'instant' ELSE 'wall' END;
    seed = CASE WHEN s.key IS NULL OR s.key = ARRAY['tableoid', 'ctid'] THEN '0'
                ELSE concat('hashtextextended((', tzmigrate.key_text(open_id, root, zoned), ')::text, 0)') END;
    SELECT concat('ARRAY[', string_agg(concat('count(t.', quote_ident(c.column_name), ')'), ', ' ORDER BY c.position), '], ARRAY[',
        string_agg(concat('sum(timestamp_hash_extended(', CASE wanted WHEN 'instant'
            THEN concat(tzmigrate.expression(c, zoned, wanted, s.session_zone), ' AT TIME ZONE INTERVAL ''0''')
            ELSE tzmigrate.expression(c, zoned, wanted, s.session_zone) END, ', ', seed, '))'), ', ' ORDER BY c.position), ']')
    INTO parts FROM tzmigrate.step_column c WHERE c.step_id = open_id;
    EXECUTE concat('SELECT count(*), ', parts, ' FROM ', root, ' AS t') INTO rows, counts, sums;
END
$tz$;

-- recorded values of the sample, read by key: microseconds as wall clock and as instant, one array element a column
CREATE OR REPLACE FUNCTION tzmigrate.sampled(open_id bigint, root regclass, zoned boolean)
RETURNS TABLE (key text[], wall bigint[], instant bigint[])
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET enable_hashjoin = off SET enable_mergejoin = off AS $tz$
#variable_conflict use_column
DECLARE
    walls text;
    instants text;
BEGIN
    -- by the zone's name in every row, not by the session's zone: independent of what the ALTER relied on
    SELECT string_agg(concat('tzmigrate.microseconds(', tzmigrate.expression(c, zoned, 'wall', ''), ')'), ', ' ORDER BY c.position),
        string_agg(concat('tzmigrate.microseconds(', tzmigrate.expression(c, zoned, 'instant', ''), ')'), ', ' ORDER BY c.position)
    INTO walls, instants FROM tzmigrate.step_column c WHERE c.step_id = open_id;
    RETURN QUERY EXECUTE concat('SELECT p.key, ARRAY[', walls, '], ARRAY[', instants, '] FROM tzmigrate.sample AS p JOIN ', root, ' AS t ON ',
        tzmigrate.key_match(open_id, root, zoned), ' WHERE p.step_id = ', open_id);
END
$tz$;

-- lock the table, look again, and read the baseline under the lock
CREATE OR REPLACE FUNCTION tzmigrate.take_table(relation text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $tz$
#variable_conflict use_column
DECLARE
    s tzmigrate.step = tzmigrate.open_step();
    t regclass = relation::regclass;
    c tzmigrate.step_column;
    f record;
    announced name[];
    unbuilt text;
BEGIN
    EXECUTE concat('LOCK TABLE ', t, ' IN ACCESS EXCLUSIVE MODE');
    UPDATE tzmigrate.step x SET passed_over = false WHERE x.id = s.id;
    FOR c IN SELECT * FROM tzmigrate.step_column x WHERE x.step_id = s.id ORDER BY x.position LOOP
        PERFORM tzmigrate.check_column(s.id, c.column_name);
    END LOOP;
    s = tzmigrate.open_step();
    IF current_setting('TimeZone') <> s.session_zone THEN
        PERFORM tzmigrate.refuse('TZ643', concat('the session zone is ', current_setting('TimeZone'), ', the step pinned ', s.session_zone), '',
            'Run the revision as it was written, in one transaction.');
    END IF;
    IF s.passed_over THEN
        IF EXISTS (SELECT FROM tzmigrate.step_column x JOIN pg_attribute a ON a.attrelid = t AND a.attname = x.column_name
                   WHERE x.step_id = s.id AND format_type(a.atttypid, a.atttypmod) <> x.type_after) THEN
            PERFORM tzmigrate.refuse('TZ345', concat('stale plan: some planned columns of ', t, ' are converted already, and some are not'), '',
                tzmigrate.plan_again(s.direction));
        END IF;
        RETURN;
    END IF;
    SELECT array_agg(x.column_name) INTO announced FROM tzmigrate.step_column x WHERE x.step_id = s.id;
    -- under the lock no index is being built; a rewrite builds them all
    SELECT min(i.indexrelid::regclass::text) INTO unbuilt FROM tzmigrate.leaves(t) AS l JOIN pg_index i ON i.indrelid = l
    WHERE NOT i.indisvalid AND (s.rewrite OR EXISTS (
        SELECT FROM pg_attribute a WHERE a.attrelid = l AND a.attname = ANY (announced) AND a.attnum = ANY (i.indkey::int2[])));
    IF unbuilt IS NOT NULL THEN
        PERFORM tzmigrate.refuse('TZ351', concat('index ', unbuilt, ' is invalid, and the conversion of ', t, ' would build it'),
            'A build that failed left it so. Nothing was done.', 'Drop it, or build it with REINDEX INDEX CONCURRENTLY; then run the same command again.');
    END IF;
    UPDATE tzmigrate.step x SET picture_before = tzmigrate.picture(t, announced) WHERE x.id = s.id;
    IF s.forced_row_security THEN
        EXECUTE concat('ALTER TABLE ', t, ' NO FORCE ROW LEVEL SECURITY');
        PERFORM tzmigrate.check_clock_changes(t, '');
        PERFORM tzmigrate.draw_sample(t, current_setting('tzmigrate.rows')::integer);
    ELSIF s.rewrite THEN
        PERFORM tzmigrate.check_clock_changes(t, current_setting('tzmigrate.checked_since'));
    END IF;
    UPDATE tzmigrate.step x SET file_nodes_before = tzmigrate.file_nodes(t) WHERE x.id = s.id;
    PERFORM set_config('tzmigrate.rows_written', tzmigrate.rows_written(t)::text, true);
    IF s.proof = 'full' THEN
        f = tzmigrate.fingerprint(s.id, t, s.direction = 'down');
        UPDATE tzmigrate.step x SET rows_total = f.rows WHERE x.id = s.id;
        UPDATE tzmigrate.step_column x SET values_before = f.counts[x.position], fingerprint_before = f.sums[x.position] WHERE x.step_id = s.id;
    END IF;
    IF s.key IS NOT NULL THEN
        UPDATE tzmigrate.sample x SET wall = v.wall, instant = v.instant
        FROM tzmigrate.sampled(s.id, t, s.direction = 'down') AS v WHERE x.step_id = s.id AND x.key = v.key;
        -- rows that went away between the choice and the lock
        DELETE FROM tzmigrate.sample x WHERE x.step_id = s.id AND x.wall IS NULL;
    END IF;
END
$tz$;

-- whether the ALTER is still to be done; a step that is passed over changes nothing
CREATE OR REPLACE FUNCTION tzmigrate.must_convert() RETURNS boolean
LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $tz$
    SELECT NOT (tzmigrate.open_step()).passed_over
$tz$;

-- after the ALTER: nothing moved, nothing else changed; then the ledger, and the session's settings as they were
CREATE OR REPLACE FUNCTION tzmigrate.prove_step(relation text) RETURNS void LANGUAGE plpgsql AS $tz$
#variable_conflict use_column
DECLARE
    s tzmigrate.step = tzmigrate.open_step();
    t regclass = relation::pg_catalog.regclass;
    c tzmigrate.step_column;
    f record;
    moved record;
    up boolean;
    rewritten boolean;
    announced name[];
    differs text;
    names text;
    setting record;
BEGIN
    PERFORM pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
    up = s.direction = 'up';
    IF s.passed_over THEN
        DELETE FROM tzmigrate.step x WHERE x.id = s.id;
    ELSE
        SELECT array_agg(x.column_name), string_agg(quote_ident(x.column_name), ', ' ORDER BY x.position) INTO announced, names
        FROM tzmigrate.step_column x WHERE x.step_id = s.id;
        SELECT string_agg(concat(quote_ident(x.column_name), ' is ', format_type(a.atttypid, a.atttypmod)), ', ') INTO differs
        FROM tzmigrate.step_column x JOIN pg_attribute a ON a.attrelid = t AND a.attname = x.column_name AND NOT a.attisdropped
        WHERE x.step_id = s.id AND format_type(a.atttypid, a.atttypmod) <> x.type_after;
        IF differs IS NOT NULL THEN
            PERFORM tzmigrate.refuse('TZ403', concat('a column of ', t, ' did not get its planned type'), differs, 'Run the revision as it was written.');
        END IF;
        rewritten = tzmigrate.file_nodes(t) IS DISTINCT FROM s.file_nodes_before;
        -- the sample: every recorded row, to the microsecond
        SELECT x.column_name, count(*) AS compared, count(*) FILTER (WHERE d.found IS NULL) AS missing,
            count(*) FILTER (WHERE d.found AND d.was IS DISTINCT FROM d.now) AS shifted,
            mode() WITHIN GROUP (ORDER BY d.now - d.was) FILTER (
                WHERE d.was <> d.now AND abs(d.was) < 9223372036854775807 AND abs(d.now) < 9223372036854775807 AND abs(d.now - d.was) < 9200000000000000000) AS microseconds
        INTO moved
        FROM tzmigrate.step_column x,
            (SELECT v.*, p.wall AS old_wall, p.instant AS old_instant
             FROM tzmigrate.sample p LEFT JOIN tzmigrate.sampled(s.id, t, up) AS v ON v.key = p.key WHERE p.step_id = s.id) AS r,
            LATERAL (SELECT CASE WHEN r.key IS NOT NULL THEN true END AS found,
                (CASE WHEN up THEN r.old_instant[x.position] ELSE r.old_wall[x.position] END)::numeric AS was,
                (CASE WHEN up THEN r.instant[x.position] ELSE r.wall[x.position] END)::numeric AS now) AS d
        WHERE x.step_id = s.id AND s.key IS NOT NULL AND NOT (rewritten AND s.key = ARRAY['tableoid', 'ctid'])
        GROUP BY x.position, x.column_name
        HAVING count(*) FILTER (WHERE d.found IS NULL OR d.was IS DISTINCT FROM d.now) > 0
        ORDER BY count(*) FILTER (WHERE d.found AND d.was IS DISTINCT FROM d.now) = 0, x.position LIMIT 1;
        IF FOUND THEN
            IF moved.shifted = 0 THEN
                PERFORM tzmigrate.refuse('TZ401', concat(moved.missing, ' of ', moved.compared, ' recorded rows of ', t, ' were not found again'),
                    concat('They were looked for by ', (SELECT string_agg(quote_ident(k), ', ') FROM unnest(s.key) AS k), ' after the conversion of ', names,
                        '. The transaction is rolled back and nothing has changed.'),
                    'Run the revision as it was written by tzmigrate plan; if it was, report this with the table definition.');
            END IF;
            PERFORM tzmigrate.refuse('TZ401', concat('column ', t, '.', quote_ident(moved.column_name), ' was shifted by ',
                coalesce((moved.microseconds * INTERVAL '1 microsecond')::text, 'an unknown offset'), ' in ', moved.shifted, ' of ', moved.compared, ' compared rows'),
                concat(moved.missing, ' recorded rows were not found again. The transaction is rolled back and nothing has changed.'),
                'Run the revision as it was written by tzmigrate plan; if it was, report this with the table definition.');
        END IF;
        IF rewritten AND NOT s.rewrite THEN
            PERFORM tzmigrate.refuse('TZ404', concat('table ', t, ' was rewritten, which the plan did not announce'),
                concat('Its columns ', names, ' were to be converted in the catalog alone. The transaction is rolled back.'),
                'Write the plan again; if it happens again, report it with the table definition.');
        END IF;
        IF tzmigrate.rows_written(t) <> current_setting('tzmigrate.rows_written')::bigint THEN
            PERFORM tzmigrate.refuse('TZ406', concat('rows of table ', t, ' were written while its columns were converted'),
                'The conversion itself writes none. The transaction is rolled back and nothing has changed.',
                'Run the revision as it was written by tzmigrate plan.');
        END IF;
        -- the whole column, where the plan asks for it
        IF s.proof = 'full' THEN
            f = tzmigrate.fingerprint(s.id, t, up);
            FOR c IN SELECT * FROM tzmigrate.step_column x WHERE x.step_id = s.id ORDER BY x.position LOOP
                IF f.rows <> s.rows_total OR f.counts[c.position] <> c.values_before OR f.sums[c.position] IS DISTINCT FROM c.fingerprint_before THEN
                    PERFORM tzmigrate.refuse('TZ402', concat('column ', t, '.', quote_ident(c.column_name), ' does not hold the instants that it held before'),
                        concat('Rows ', s.rows_total, ' before and ', f.rows, ' after, values ', c.values_before, ' and ', f.counts[c.position], ', fingerprints ', c.fingerprint_before, ' and ', f.sums[c.position], '. The transaction is rolled back and nothing has changed.'),
                        'Run the revision as it was written by tzmigrate plan; if it was, report this with the table definition.');
                END IF;
            END LOOP;
        END IF;
        IF s.forced_row_security THEN
            EXECUTE concat('ALTER TABLE ', t, ' FORCE ROW LEVEL SECURITY');
        END IF;
        SELECT string_agg(coalesce(b.key, a.key), ', ' ORDER BY coalesce(b.key, a.key)) INTO differs
        FROM jsonb_each(s.picture_before) AS b FULL JOIN jsonb_each(tzmigrate.picture(t, announced)) AS a ON a.key = b.key
        WHERE a.value IS DISTINCT FROM b.value;
        IF differs IS NOT NULL THEN
            PERFORM tzmigrate.refuse('TZ405', concat('something of table ', t, ' changed that the plan did not announce'), differs,
                'The transaction is rolled back. Write the plan again; if it happens again, report it with the table definition.');
        END IF;
        IF s.key IS NULL THEN
            -- without a key rows are known by their place, and a rewrite gave them new ones: taken now, after the whole column was compared
            UPDATE tzmigrate.step x SET key = ARRAY['tableoid', 'ctid'] WHERE x.id = s.id;
            PERFORM tzmigrate.draw_sample(t, current_setting('tzmigrate.rows')::integer);
            UPDATE tzmigrate.sample x SET wall = v.wall, instant = v.instant FROM tzmigrate.sampled(s.id, t, up) AS v WHERE x.step_id = s.id AND x.key = v.key;
        END IF;
        IF s.masked THEN
            -- a role that may not see the rows may one day see the ledger
            UPDATE tzmigrate.sample x SET
                wall = (SELECT array_agg(hashint8extended(w, s.id) ORDER BY o) FROM unnest(x.wall) WITH ORDINALITY AS u (w, o)),
                instant = (SELECT array_agg(hashint8extended(i, s.id) ORDER BY o) FROM unnest(x.instant) WITH ORDINALITY AS u (i, o))
            WHERE x.step_id = s.id;
        END IF;
        UPDATE tzmigrate.step_column x SET default_after = tzmigrate.default_text(t, x.column_name) WHERE x.step_id = s.id;
        UPDATE tzmigrate.step x SET done_at = clock_timestamp(), picture_before = NULL, file_nodes_after = tzmigrate.file_nodes(t),
            horizon = pg_snapshot_xmin(pg_current_snapshot())::text::bigint,
            transaction_ids = ARRAY[pg_current_xact_id()::text::bigint, (SELECT tzmigrate.full_xid(k.xmin) FROM pg_class k WHERE k.oid = t)]
        WHERE x.id = s.id;
        -- the values recorded by earlier runs of this step say nothing of what stands there now
        DELETE FROM tzmigrate.sample x USING tzmigrate.step y WHERE x.step_id = y.id AND y.step = s.step AND y.id < s.id;
        RAISE NOTICE USING MESSAGE = concat('tzmigrate: ', t, ' proved; next ANALYZE ', t, ' (', names, ')');
    END IF;
    PERFORM set_config('tzmigrate.marker', '', true), set_config('tzmigrate.step', '', true);
    FOR setting IN SELECT key AS name, value FROM jsonb_each_text(current_setting('tzmigrate.saved')::jsonb) AS j WHERE key <> 'search_path' LOOP
        PERFORM set_config(setting.name, setting.value, true);
    END LOOP;
    PERFORM pg_catalog.set_config('search_path', current_setting('tzmigrate.saved')::jsonb ->> 'search_path', true);
END
$tz$;
