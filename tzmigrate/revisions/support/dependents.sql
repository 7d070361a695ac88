-- dependents: what leans on the columns of a step; declared, looked at under the lock, given back

-- how messages and the ledger name one
CREATE OR REPLACE FUNCTION tzmigrate.label(kind text, relation text, name text) RETURNS text
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $tz$
    SELECT concat(kind, ' ', CASE WHEN name IS NULL THEN relation ELSE concat(quote_ident(name), ' of ', relation) END)
$tz$;

-- where it stands in the catalog; nothing where this database does not have it
CREATE OR REPLACE FUNCTION tzmigrate.find_dependent(kind text, relation text, name text, OUT class oid, OUT object oid, OUT sub integer) RETURNS SETOF record
LANGUAGE plpgsql STABLE ROWS 1 SET search_path = pg_catalog, pg_temp AS $tz$
#variable_conflict use_column
DECLARE
    here oid;
BEGIN
    -- only a relation's name is read as one: a signature is none, and an error
    IF kind NOT IN ('function', 'row function', 'statistics', 'domain', 'type') THEN
        here = to_regclass(relation);
    END IF;
    CASE kind
    WHEN 'view', 'materialized view', 'index' THEN
        RETURN QUERY SELECT 'pg_class'::regclass::oid, c.oid, 0 FROM pg_class c WHERE c.oid = here
            AND c.relkind = ANY (CASE kind WHEN 'view' THEN ARRAY['v'] WHEN 'materialized view' THEN ARRAY['m'] ELSE ARRAY['i', 'I'] END::"char"[]);
    WHEN 'rule' THEN
        RETURN QUERY SELECT 'pg_rewrite'::regclass::oid, r.oid, 0 FROM pg_rewrite r WHERE r.ev_class = here AND r.rulename = find_dependent.name;
    WHEN 'trigger' THEN
        RETURN QUERY SELECT 'pg_trigger'::regclass::oid, g.oid, 0 FROM pg_trigger g WHERE g.tgrelid = here AND g.tgname = find_dependent.name;
    WHEN 'policy' THEN
        RETURN QUERY SELECT 'pg_policy'::regclass::oid, y.oid, 0 FROM pg_policy y WHERE y.polrelid = here AND y.polname = find_dependent.name;
    WHEN 'constraint' THEN
        RETURN QUERY SELECT CASE k.contype WHEN 'x' THEN 'pg_class'::regclass ELSE 'pg_constraint'::regclass END::oid, CASE k.contype WHEN 'x' THEN k.conindid ELSE k.oid END, 0
        FROM pg_constraint k WHERE k.conrelid = here AND k.conname = find_dependent.name;
    WHEN 'statistics' THEN
        RETURN QUERY SELECT 'pg_statistic_ext'::regclass::oid, x.oid, 0 FROM pg_statistic_ext x JOIN pg_namespace n ON n.oid = x.stxnamespace
        WHERE concat(quote_ident(n.nspname), '.', quote_ident(x.stxname)) = relation;
    WHEN 'generated column', 'default' THEN
        RETURN QUERY SELECT 'pg_class'::regclass::oid, a.attrelid, a.attnum::integer FROM pg_attribute a WHERE a.attrelid = here AND a.attname = find_dependent.name AND a.atthasdef;
    WHEN 'domain', 'type' THEN
        RETURN QUERY SELECT 'pg_type'::regclass::oid, t.oid, 0 FROM pg_type t LEFT JOIN pg_class c ON c.oid = t.typrelid
        WHERE t.oid = to_regtype(relation) AND CASE kind WHEN 'domain' THEN t.typtype = 'd' ELSE c.relkind = 'c' END;
    WHEN 'typed table' THEN
        RETURN QUERY SELECT 'pg_class'::regclass::oid, c.oid, 0 FROM pg_class c WHERE c.oid = here AND c.reloftype <> 0;
    WHEN 'function', 'row function' THEN
        RETURN QUERY SELECT 'pg_proc'::regclass::oid, p.oid, 0 FROM pg_proc p WHERE p.oid = to_regprocedure(relation);
    WHEN 'publication' THEN
        RETURN QUERY SELECT 'pg_publication_rel'::regclass::oid, r.oid, 0 FROM pg_publication_rel r JOIN pg_publication p ON p.oid = r.prpubid
        WHERE r.prrelid = here AND p.pubname = find_dependent.name;
    ELSE
        RETURN;
    END CASE;
END
$tz$;

-- its text, as this server prints it; constants of timestamptz in it stand in the session's zone
CREATE OR REPLACE FUNCTION tzmigrate.definition(kind text, class oid, object oid, sub integer) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET TimeZone = 'Etc/UTC' AS $tz$
DECLARE
    text_now text;
BEGIN
    CASE
    WHEN kind IN ('view', 'materialized view') THEN RETURN pg_get_viewdef(object);
    WHEN kind = 'index' THEN RETURN pg_get_indexdef(object);
    WHEN kind = 'rule' THEN RETURN pg_get_ruledef(object);
    WHEN kind = 'trigger' THEN RETURN pg_get_triggerdef(object);
    WHEN kind = 'constraint' AND class = 'pg_class'::regclass THEN RETURN (SELECT pg_get_constraintdef(k.oid) FROM pg_constraint k WHERE k.conindid = object AND k.contype = 'x');
    WHEN kind = 'constraint' THEN RETURN pg_get_constraintdef(object);
    WHEN kind = 'statistics' THEN RETURN pg_get_statisticsobjdef(object);
    WHEN kind IN ('function', 'row function') THEN RETURN pg_get_functiondef(object);
    WHEN kind = 'domain' THEN RETURN (SELECT jsonb_build_object('base', format_type(t.typbasetype, t.typtypmod), 'not null', t.typnotnull, 'default', coalesce(pg_get_expr(t.typdefaultbin, 0), t.typdefault),
            'checks', (SELECT jsonb_object_agg(k.conname, pg_get_constraintdef(k.oid)) FROM pg_constraint k WHERE k.contypid = t.oid))::text FROM pg_type t WHERE t.oid = object);
    WHEN kind = 'type' THEN RETURN (SELECT jsonb_agg(ARRAY[a.attname, format_type(a.atttypid, a.atttypmod)] ORDER BY a.attnum)::text
            FROM pg_type t JOIN pg_attribute a ON a.attrelid = t.typrelid WHERE t.oid = object AND a.attnum > 0 AND NOT a.attisdropped);
    WHEN kind = 'typed table' THEN RETURN (SELECT format_type(c.reloftype, NULL) FROM pg_class c WHERE c.oid = object);
    WHEN kind IN ('generated column', 'default') THEN RETURN (SELECT pg_get_expr(d.adbin, d.adrelid) FROM pg_attrdef d WHERE d.adrelid = object AND d.adnum = sub);
    WHEN kind = 'policy' THEN RETURN (SELECT jsonb_build_object('using', pg_get_expr(y.polqual, y.polrelid), 'check', pg_get_expr(y.polwithcheck, y.polrelid))::text FROM pg_policy y WHERE y.oid = object);
    WHEN kind = 'publication' THEN
        -- filters and column lists came with version 15
        IF current_setting('server_version_num')::integer < 150000 THEN
            RETURN '';
        END IF;
        EXECUTE 'SELECT jsonb_build_object(''where'', pg_get_expr(r.prqual, r.prrelid), ''columns'', (SELECT jsonb_agg(a.attname ORDER BY a.attnum) FROM pg_attribute a WHERE a.attrelid = r.prrelid AND a.attnum = ANY (r.prattrs::int2[])))::text FROM pg_publication_rel r WHERE r.oid = $1'
        INTO text_now USING object;
        RETURN text_now;
    END CASE;
END
$tz$;

-- declare one dependent of the step, in the order in which they are locked; says early what would stop it
CREATE OR REPLACE FUNCTION tzmigrate.plan_dependent(
    kind text, relation text, name text, way text, before text[], after text[], zoned name[]
) RETURNS void LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $tz$
#variable_conflict use_column
DECLARE
    s tzmigrate.step = tzmigrate.open_step();
    f record;
    label text = tzmigrate.label(plan_dependent.kind, plan_dependent.relation, plan_dependent.name);
BEGIN
    SELECT * INTO f FROM tzmigrate.find_dependent(plan_dependent.kind, plan_dependent.relation, plan_dependent.name);
    IF NOT FOUND AND plan_dependent.kind = 'generated column' THEN
        -- the statements that convert its table name it
        IF EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = to_regclass(plan_dependent.relation) AND a.attname = plan_dependent.name AND NOT a.attisdropped) THEN
            PERFORM tzmigrate.refuse('TZ345', concat('stale plan: ', label, ' is an ordinary column by now'), 'Its expression was dropped.', tzmigrate.plan_again(s.direction));
        END IF;
        PERFORM tzmigrate.refuse('TZ341', concat(label, ' does not exist'), '', tzmigrate.plan_again(s.direction));
    ELSIF NOT FOUND THEN
        RAISE NOTICE USING MESSAGE = concat('tzmigrate: ', label, ' does not exist here; passed over');
    END IF;
    PERFORM tzmigrate.hold_schemas(ARRAY(SELECT h.namespace FROM tzmigrate.home(f.class, f.object) AS h));
    IF f.class = 'pg_proc'::regclass THEN
        PERFORM tzmigrate.hold_routines(ARRAY[f.object]);
    END IF;
    IF f.object IS DISTINCT FROM (SELECT x.object FROM tzmigrate.find_dependent(plan_dependent.kind, plan_dependent.relation, plan_dependent.name) AS x) THEN
        PERFORM tzmigrate.refuse('TZ345', concat('stale plan: ', label, ' is another one than a moment ago'), 'Nothing was done.', 'Run the same command again.');
    END IF;
    INSERT INTO tzmigrate.step_dependent (step_id, position, kind, relation, name, way, before, after, zoned, present)
    SELECT s.id, 1 + (SELECT count(*) FROM tzmigrate.step_dependent d WHERE d.step_id = s.id), plan_dependent.kind, plan_dependent.relation, plan_dependent.name,
        plan_dependent.way, plan_dependent.before, plan_dependent.after, plan_dependent.zoned, f.object IS NOT NULL;
    IF f.object IS NOT NULL AND NOT s.passed_over THEN
        PERFORM tzmigrate.check_dependent(label, f.class, f.object, f.sub, tzmigrate.definition(plan_dependent.kind, f.class, f.object, f.sub), plan_dependent.before);
    END IF;
END
$tz$;

-- it may be changed by us, and is what the plan read
CREATE OR REPLACE FUNCTION tzmigrate.check_dependent(label text, class oid, object oid, sub integer, printed text, known text[]) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $tz$
DECLARE
    s tzmigrate.step = tzmigrate.open_step();
    -- a column has the owner of its table, which the step asks for itself, and is dropped before version 17 alone
    owner name = CASE WHEN sub = 0 THEN tzmigrate.foreign_owner(class::regclass, object)
                      WHEN current_setting('server_version_num')::integer < 170000 THEN tzmigrate.foreign_grantor(object, sub) END;
BEGIN
    IF owner IS NOT NULL THEN
        PERFORM tzmigrate.refuse('TZ646', concat('role ', quote_ident(current_user), ' may not act for ', quote_ident(owner), ', to whom ', label, ' belongs'), '',
            concat('Run the revision as ', quote_ident(owner), ', or as a member of that role.'));
    END IF;
    IF known = '{}' OR md5(convert_to(tzmigrate.anywhere(class, printed), 'UTF8')) = ANY (known) OR s.direction = 'down' AND printed = (
        -- what the way up left behind, as this server printed it
        SELECT d.definition_after FROM tzmigrate.step x JOIN tzmigrate.step_dependent d ON d.step_id = x.id
        WHERE x.step = s.step AND x.direction = 'up' AND x.done_at IS NOT NULL AND tzmigrate.label(d.kind, d.relation, d.name) = label
        ORDER BY x.id DESC LIMIT 1) THEN
        RETURN;
    END IF;
    IF s.server_major <> current_setting('server_version_num')::integer / 10000 THEN
        owner = tzmigrate.lender(class, object);
        IF owner IS NOT NULL THEN
            -- the text of the revision may name types that this object does not, and nobody has looked at those
            PERFORM tzmigrate.refuse('TZ652', concat(label, ' of role ', quote_ident(owner), ' was read on PostgreSQL ', s.server_major, ', which may print it in other words, so nothing tells what a superuser would read'),
                'Functions of that role could run with the rights of a superuser. Nothing was done.', concat('Run the revision as ', quote_ident(owner), ', or plan on this version.'));
        END IF;
        RAISE NOTICE USING MESSAGE = concat('tzmigrate: the definition of ', label, ' was read on PostgreSQL ', s.server_major, ', which may print it in other words; not compared');
        RETURN;
    END IF;
    PERFORM tzmigrate.refuse('TZ345', concat('stale plan: ', label, ' has another definition than the one planned for'),
        'The revision makes it anew, which would undo that change. Nothing was done.', tzmigrate.plan_again(s.direction));
END
$tz$;

-- what CREATE does not give back of a dependent, and where to store it
CREATE OR REPLACE FUNCTION tzmigrate.keep(kind text, way text, class oid, object oid, sub integer,
    OUT populated boolean, OUT tablespace name, OUT access_method name, OUT leaving text[], OUT properties text[]
) LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $tz$
BEGIN
    IF class = 'pg_class'::regclass THEN
        populated = (SELECT c.relispopulated FROM pg_class c WHERE c.oid = object);
        tablespace = tzmigrate.tablespace_of(object);
    END IF;
    IF kind = 'materialized view' THEN
        access_method = tzmigrate.access_method_of(object);
    END IF;
    IF way = 'recreate' AND sub = 0 THEN
        leaving = tzmigrate.leave_extension(class::regclass, object);
    END IF;
    properties = CASE WHEN way = 'recreate' AND sub > 0 THEN tzmigrate.column_properties(object, sub)
                      WHEN way = 'recreate' THEN tzmigrate.properties(class::regclass, object)
                      WHEN way = 'replace' THEN tzmigrate.view_options(object)
                      WHEN kind = 'function' THEN tzmigrate.needed_extensions(object) ELSE '{}' END;
END
$tz$;

-- lock what was declared, in its order, and keep what CREATE does not give back
CREATE OR REPLACE FUNCTION tzmigrate.take_dependents() RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $tz$
#variable_conflict use_column
DECLARE
    s tzmigrate.step = tzmigrate.open_step();
    d tzmigrate.step_dependent;
    f record;
    relation regclass;
    label text;
BEGIN
    -- views before all else: who reads a view locks it before what stands below
    FOR d IN SELECT * FROM tzmigrate.step_dependent x WHERE x.step_id = s.id AND x.present
             ORDER BY x.kind NOT IN ('view', 'materialized view'), x.position LOOP
        label = tzmigrate.label(d.kind, d.relation, d.name);
        SELECT CASE WHEN d.kind = 'index' THEN (SELECT i.indrelid FROM pg_index i WHERE i.indexrelid = to_regclass(d.relation))
                    WHEN d.kind = 'statistics' THEN (SELECT x.stxrelid FROM tzmigrate.find_dependent(d.kind, d.relation, NULL) AS o JOIN pg_statistic_ext x ON x.oid = o.object)
                    WHEN d.kind NOT IN ('function', 'row function', 'domain', 'type') THEN to_regclass(d.relation) END INTO relation;
        IF relation IS NOT NULL AND d.kind <> 'publication' THEN
            PERFORM tzmigrate.lock_relation(relation);
        END IF;
        SELECT * INTO f FROM tzmigrate.find_dependent(d.kind, d.relation, d.name);
        IF NOT FOUND THEN
            PERFORM tzmigrate.refuse('TZ345', concat('stale plan: ', label, ' went away while the revision ran'), 'Nothing was done.', 'Run the same command again.');
        END IF;
        PERFORM tzmigrate.check_dependent(label, f.class, f.object, f.sub, tzmigrate.definition(d.kind, f.class, f.object, f.sub), d.before);
        UPDATE tzmigrate.step_dependent x SET populated = k.populated, tablespace = k.tablespace, access_method = k.access_method, leaving = k.leaving, properties = k.properties
        FROM tzmigrate.keep(d.kind, d.way, f.class, f.object, f.sub) AS k WHERE x.step_id = d.step_id AND x.position = d.position;
    END LOOP;
END
$tz$;

-- ACCESS EXCLUSIVE on one relation alone; LOCK TABLE of a view would take all that it reads as well
CREATE OR REPLACE FUNCTION tzmigrate.lock_relation(relation regclass) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $tz$
DECLARE
    c record;
BEGIN
    SELECT k.relkind, quote_ident(pg_get_userbyid(k.relowner)) AS owner INTO c FROM pg_class k WHERE k.oid = relation;
    IF c.relkind IN ('v', 'm') THEN
        EXECUTE concat('ALTER ', CASE c.relkind WHEN 'm' THEN 'MATERIALIZED ' END, 'VIEW ', relation, ' OWNER TO ', c.owner);
    ELSE
        EXECUTE concat('LOCK TABLE ', relation, ' IN ACCESS EXCLUSIVE MODE');
    END IF;
END
$tz$;

-- the options of a view, which CREATE OR REPLACE without them takes away
CREATE OR REPLACE FUNCTION tzmigrate.view_options(view oid) RETURNS text[]
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $tz$
#variable_conflict use_column
BEGIN
    RETURN (
        SELECT coalesce(array_agg(concat('ALTER VIEW ', c.oid::regclass, ' SET (', o, ')')), '{}') FROM pg_class c, unnest(c.reloptions) AS o WHERE c.oid = view);
END
$tz$;

-- the extensions without which a function goes, which CREATE OR REPLACE forgets
CREATE OR REPLACE FUNCTION tzmigrate.needed_extensions(function oid) RETURNS text[]
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $tz$
#variable_conflict use_column
BEGIN
    RETURN (
        SELECT coalesce(array_agg(concat('ALTER ', tzmigrate.address('pg_proc', d.objid), ' DEPENDS ON EXTENSION ', quote_ident(e.extname))), '{}')
        FROM pg_depend d JOIN pg_extension e ON e.oid = d.refobjid
        WHERE d.classid = 'pg_proc'::regclass AND d.objid = function AND d.refclassid = 'pg_extension'::regclass AND d.deptype = 'x');
END
$tz$;

-- whether a declared dependent is to be taken away and made again
CREATE OR REPLACE FUNCTION tzmigrate.took(kind text, relation text, name text DEFAULT NULL) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $tz$
#variable_conflict use_column
BEGIN
    RETURN (
        SELECT EXISTS (SELECT FROM tzmigrate.open_step() AS s JOIN tzmigrate.step_dependent d ON d.step_id = s.id
            WHERE NOT s.passed_over AND d.present AND d.kind = took.kind AND d.relation = took.relation AND d.name IS NOT DISTINCT FROM took.name));
END
$tz$;

-- the same before it is made again, where it was made before
CREATE OR REPLACE FUNCTION tzmigrate.makes(kind text, relation text, name text DEFAULT NULL) RETURNS boolean
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $tz$
DECLARE
    d tzmigrate.step_dependent;
BEGIN
    IF NOT tzmigrate.took(kind, relation, name) THEN
        RETURN false;
    END IF;
    SELECT x.* INTO d FROM tzmigrate.open_step() AS s JOIN tzmigrate.step_dependent x ON x.step_id = s.id
    WHERE x.kind = makes.kind AND x.relation = makes.relation AND x.name IS NOT DISTINCT FROM makes.name;
    PERFORM set_config('default_tablespace', coalesce(d.tablespace, ''), true);
    IF d.access_method IS NOT NULL THEN
        PERFORM set_config('default_table_access_method', d.access_method, true);
    END IF;
    RETURN true;
END
$tz$;

-- an extension lets go of what is dropped; give_back hands it over again
CREATE OR REPLACE FUNCTION tzmigrate.leave_extensions() RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $tz$
DECLARE
    statement text;
BEGIN
    FOR statement IN SELECT l.line FROM tzmigrate.open_step() AS s JOIN tzmigrate.step_dependent d ON d.step_id = s.id, unnest(d.leaving) WITH ORDINALITY AS l (line, place)
        ORDER BY d.position, l.place LOOP
        EXECUTE statement;
    END LOOP;
END
$tz$;

-- the same for a materialized view that held rows
CREATE OR REPLACE FUNCTION tzmigrate.was_populated(relation text) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $tz$
#variable_conflict use_column
BEGIN
    RETURN (
        SELECT EXISTS (SELECT FROM tzmigrate.open_step() AS s JOIN tzmigrate.step_dependent d ON d.step_id = s.id
            WHERE NOT s.passed_over AND d.present AND d.kind = 'materialized view' AND d.relation = was_populated.relation AND d.populated));
END
$tz$;

-- fill it again, if it held rows: it yields what a REFRESH of this session yields, in its zone; and its owner may be one who sees
-- some rows only, which is no error in it. PostgreSQL names neither it nor, at times, what it calls
CREATE OR REPLACE FUNCTION tzmigrate.refresh(relation text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $tz$
DECLARE
    -- composed before the found search_path is set: an operator of somebody else could stand there first
    statement text = concat('REFRESH MATERIALIZED VIEW ', relation);
    state text;
    message text;
    detail text;
    hint text;
    context text;
BEGIN
    IF NOT tzmigrate.was_populated(relation) THEN
        RETURN;
    END IF;
    PERFORM tzmigrate.as_found(true);
    EXECUTE statement;
    PERFORM tzmigrate.as_pinned();
EXCEPTION WHEN OTHERS OR ASSERT_FAILURE THEN
    -- the settings are those of before again
    GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT, context = PG_EXCEPTION_CONTEXT;
    -- what says nothing of the view keeps its code: ours, a lost connection, a deadlock, a full disk, an operator, a lock that was not obtained
    IF left(state, 2) IN ('TZ', '08', '40', '53', '57') OR state = '55P03' THEN
        RAISE;
    END IF;
    PERFORM tzmigrate.refuse_refresh(relation, state, message, concat_ws(' ', nullif(detail, ''), nullif(hint, '')), context);
END
$tz$;

-- with PostgreSQL's words, and the functions in which it failed
CREATE OR REPLACE FUNCTION tzmigrate.refuse_refresh(relation text, state text, message text, detail text, context text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $tz$
DECLARE
    -- from there on it is our own call
    place integer = strpos(context, 'REFRESH MATERIALIZED VIEW');
    line text = concat('[^', chr(10), ']*$');
    inside text = replace(btrim(regexp_replace(CASE WHEN place > 0 THEN left(context, place) ELSE context END, line, ''), chr(10)), chr(10), ', ');
    owner name = (SELECT pg_get_userbyid(c.relowner) FROM pg_class c WHERE c.oid = to_regclass(relation));
BEGIN
    PERFORM tzmigrate.refuse('TZ653', concat('materialized view ', relation, ' cannot be refreshed', chr(58), ' ', message),
        concat_ws(' ', nullif(detail, ''), 'In ' || nullif(inside, '') || '.', 'The transaction is rolled back.'),
        concat(CASE state WHEN '42501' THEN concat('It is refreshed with the rights of its owner ', quote_ident(owner), chr(58), ' grant what is lacking, or give it to another role')
                          ELSE 'Correct what it reads or calls, so that it works while columns convert' END,
            '; or empty it with REFRESH MATERIALIZED VIEW ', relation, ' WITH NO DATA, and fill it after the conversion. Then run the same command again.'));
END
$tz$;

-- what fills a materialized view or an index, or checks the rows of a table, computes as it does elsewhere: with what the database
-- has declared, and else with what the step found. Where a text is read as it was printed, that is the zone alone; where it is
-- parsed already, all that decides what it yields
CREATE OR REPLACE FUNCTION tzmigrate.as_found(whole boolean) RETURNS void LANGUAGE plpgsql AS $tz$
DECLARE
    setting record;
BEGIN
    FOR setting IN
        SELECT j.key AS name, v.value
        FROM jsonb_each_text(current_setting('tzmigrate.saved')::jsonb || '{"row_security": "on"}') AS j
        LEFT JOIN LATERAL (
            SELECT substr(c.line, length(j.key) + 2) FROM pg_db_role_setting d, unnest(d.setconfig) AS c (line)
            WHERE lower(split_part(c.line, '=', 1)) = lower(j.key) AND j.key NOT IN ('row_security', 'search_path')
              AND d.setrole = 0 AND d.setdatabase IN (0, (SELECT oid FROM pg_database WHERE datname = current_database()))
            ORDER BY d.setdatabase DESC LIMIT 1
        -- the found one first: a declared DateStyle may say the style alone, or the order
        ) AS declared (value) ON true, LATERAL (VALUES (1, j.value), (2, declared.value)) AS v (place, value)
        WHERE (j.key = 'TimeZone' OR whole AND j.key = ANY ('{DateStyle,IntervalStyle,extra_float_digits,bytea_output,array_nulls,row_security,search_path}'))
          AND v.value IS NOT NULL
        ORDER BY j.key = 'search_path', j.key, v.place
    LOOP
        BEGIN
            PERFORM pg_catalog.set_config(setting.name, setting.value, true);
        EXCEPTION WHEN invalid_parameter_value THEN
            -- a declared zone that this server does not know any more has no effect on other sessions either
            NULL;
        END;
    END LOOP;
END
$tz$;

-- the step's own again, as begin_step set them; nothing is read that a function could have changed meanwhile
CREATE OR REPLACE FUNCTION tzmigrate.as_pinned() RETURNS void LANGUAGE plpgsql AS $tz$
BEGIN
    PERFORM pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
    PERFORM set_config('TimeZone', (tzmigrate.open_step()).session_zone, true), set_config('row_security', 'off', true),
        set_config('DateStyle', 'ISO, YMD', true), set_config('IntervalStyle', 'postgres', true),
        set_config('extra_float_digits', '1', true), set_config('bytea_output', 'hex', true), set_config('array_nulls', 'on', true);
END
$tz$;

-- owner, grants, comments and what else CREATE does not give
CREATE OR REPLACE FUNCTION tzmigrate.give_back(kind text, relation text, name text DEFAULT NULL) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $tz$
DECLARE
    statement text;
BEGIN
    IF tzmigrate.took(kind, relation, name) THEN
        FOR statement IN SELECT p.line FROM tzmigrate.open_step() AS s JOIN tzmigrate.step_dependent d ON d.step_id = s.id, unnest(d.properties) WITH ORDINALITY AS p (line, place)
            WHERE d.kind = give_back.kind AND d.relation = give_back.relation AND d.name IS NOT DISTINCT FROM give_back.name ORDER BY p.place
        LOOP
            EXECUTE statement;
        END LOOP;
    END IF;
END
$tz$;

-- a view of the same columns that reads nothing: keeps its place, grants and readers (postgres-facts.md section 7.1)
CREATE OR REPLACE FUNCTION tzmigrate.blank_view(relation text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $tz$
BEGIN
    EXECUTE (SELECT concat('CREATE OR REPLACE VIEW ', relation, ' AS SELECT ', string_agg(concat('NULL::', format_type(a.atttypid, a.atttypmod),
            CASE WHEN a.attcollation <> y.typcollation THEN concat(' COLLATE ', a.attcollation::regcollation) END, ' AS ', quote_ident(a.attname)), ', ' ORDER BY a.attnum))
        FROM pg_attribute a JOIN pg_type y ON y.oid = a.atttypid WHERE a.attrelid = relation::regclass AND a.attnum > 0 AND NOT a.attisdropped);
END
$tz$;

-- the same function without its body, which is checked again when it comes back
CREATE OR REPLACE FUNCTION tzmigrate.blank_function(signature text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET check_function_bodies = off AS $tz$
DECLARE
    whole text = pg_get_functiondef(signature::regprocedure);
    body text = pg_get_function_sqlbody(signature::regprocedure);
BEGIN
    EXECUTE concat(left(whole, length(rtrim(whole, concat(chr(10), ' '))) - length(body)), ' AS ''SELECT NULL''');
END
$tz$;
