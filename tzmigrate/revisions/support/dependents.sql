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
        PERFORM tzmigrate.refuse('TZ341', concat(label, ' does not exist'), '', tzmigrate.plan_again(s.direction));
    ELSIF NOT FOUND THEN
        RAISE NOTICE USING MESSAGE = concat('tzmigrate: ', label, ' does not exist here; passed over');
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
                      WHEN way = 'replace' THEN tzmigrate.view_options(object) ELSE '{}' END;
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

-- a statement that calls functions of the users for each row: with the settings that those expect, and where a superuser runs the
-- revision with the rights of the table's owner, who meets them anyway. That one must not get out of them, by SET ROLE or by what
-- runs at COMMIT: PostgreSQL sees to it while it fills a materialized view, whose functions are its owner's (security-restricted
-- operation), so for the while there is one that fills itself by running the statement
CREATE OR REPLACE FUNCTION tzmigrate.run_as_owner(relation text, statement text, settings text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $tz$
DECLARE
    owner name;
    -- compared before the found search_path is set: an operator of somebody else could stand there first
    whole boolean = settings = 'all';
    theirs boolean = settings <> 'none';
BEGIN
    SELECT r.rolname INTO owner FROM pg_class c JOIN pg_roles r ON r.oid = c.relowner
    WHERE c.oid = relation::regclass AND NOT r.rolsuper AND EXISTS (SELECT FROM pg_roles me WHERE me.rolname = current_user AND me.rolsuper);
    IF owner IS NOT NULL THEN
        EXECUTE concat('CREATE FUNCTION tzmigrate.errand() RETURNS boolean LANGUAGE plpgsql AS ', quote_literal(concat(
            'BEGIN PERFORM pg_catalog.set_config(''search_path'', ',
            quote_literal(CASE WHEN whole THEN current_setting('tzmigrate.search_path') ELSE 'pg_catalog, pg_temp' END), ', true); ',
            'EXECUTE ', quote_literal(statement), '; RETURN true; END')));
        EXECUTE 'CREATE MATERIALIZED VIEW tzmigrate.errand AS SELECT tzmigrate.errand() AS done WITH NO DATA';
        EXECUTE concat('ALTER FUNCTION tzmigrate.errand() OWNER TO ', quote_ident(owner));
        EXECUTE concat('ALTER MATERIALIZED VIEW tzmigrate.errand OWNER TO ', quote_ident(owner));
    END IF;
    IF theirs THEN
        PERFORM tzmigrate.as_found(whole);
    END IF;
    IF owner IS NOT NULL THEN
        REFRESH MATERIALIZED VIEW tzmigrate.errand;
    ELSE
        EXECUTE statement;
    END IF;
    IF theirs THEN
        PERFORM tzmigrate.as_pinned();
    END IF;
    IF owner IS NOT NULL THEN
        DROP MATERIALIZED VIEW tzmigrate.errand;
        DROP FUNCTION tzmigrate.errand();
    END IF;
END
$tz$;

-- what runs with the rights of an ordinary role, in an errand, an index or a materialized view, changes nothing that was looked at:
-- a CHECK that it adds to another table of the step would be called with those of the superuser. Of an errand the first command is ours
CREATE OR REPLACE FUNCTION tzmigrate.keep_still() RETURNS event_trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $tz$
DECLARE
    me name = current_user;
    errand oid;
BEGIN
    -- under SET ROLE it is a grant that we give back as who gave it: nobody sets the role where another's function runs
    IF current_setting('role') = me OR (SELECT r.rolsuper FROM pg_roles r WHERE r.rolname = me) THEN
        RETURN;
    END IF;
    SELECT p.oid INTO errand FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace WHERE n.nspname = 'tzmigrate' AND p.proname = 'errand';
    -- a lock that ends with the transaction is what nobody else can take back
    IF errand IS NULL OR EXISTS (SELECT FROM pg_locks l WHERE l.locktype = 'advisory' AND l.pid = pg_backend_pid()
                                 AND l.classid = hashtext('tzmigrate.errand')::oid AND l.objid = errand AND l.objsubid = 2) THEN
        RAISE EXCEPTION USING ERRCODE = 'TZ405', MESSAGE = concat('tzmigrate TZ405', chr(58), ' a function that runs as ', quote_ident(me), ' tried ', tg_tag, ' while the step converts'),
            DETAIL = 'The step would not know of it. The transaction is rolled back.', HINT = 'Run the revision as the owner of the table, or let the function change nothing.';
    END IF;
    PERFORM pg_advisory_xact_lock(hashtext('tzmigrate.errand'), errand::integer);
END
$tz$;

-- from here on; where nobody is a superuser there are no rights to gain. Other sessions never see it
CREATE OR REPLACE FUNCTION tzmigrate.stand_guard() RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $tz$
BEGIN
    IF NOT (SELECT r.rolsuper FROM pg_roles r WHERE r.rolname = current_user) THEN
        RETURN;
    END IF;
    IF current_setting('event_triggers', true) = 'off' THEN
        PERFORM set_config('tzmigrate.saved', (current_setting('tzmigrate.saved')::jsonb || '{"event_triggers": "off"}')::text, true), set_config('event_triggers', 'on', true);
    END IF;
    EXECUTE 'CREATE EVENT TRIGGER tz_keep_still ON ddl_command_start EXECUTE FUNCTION tzmigrate.keep_still()';
    ALTER EVENT TRIGGER tz_keep_still ENABLE ALWAYS;
END
$tz$;

-- the types of which a text that the step reads anew may hold a value, and what holds it
CREATE OR REPLACE FUNCTION tzmigrate.types_read() RETURNS TABLE (class oid, object oid, sub integer, type oid)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $tz$
#variable_conflict use_column
DECLARE
    s tzmigrate.step = tzmigrate.open_step();
BEGIN
    RETURN QUERY
        WITH planned (class, object, sub) AS (
            SELECT x.class, x.object, x.sub FROM tzmigrate.step_dependent d, LATERAL tzmigrate.find_dependent(d.kind, d.relation, d.name) AS x WHERE d.step_id = s.id AND d.present
            UNION ALL
            SELECT 'pg_class'::regclass, a.attrelid, a.attnum FROM tzmigrate.open_parts() AS p JOIN tzmigrate.step_column c ON c.step_id = p.id
            JOIN pg_attribute a ON a.attrelid = tzmigrate.part_relation(p) AND a.attname = c.column_name
        ), reading (class, object, sub) AS (
            SELECT n.class, n.object, 0 FROM planned n LEFT JOIN pg_class c ON n.class = 'pg_class'::regclass AND c.oid = n.object
            LEFT JOIN pg_type y ON n.class = 'pg_type'::regclass AND y.oid = n.object LEFT JOIN pg_proc p ON n.class = 'pg_proc'::regclass AND p.oid = n.object
            WHERE n.sub = 0 AND (n.class NOT IN ('pg_class'::regclass, 'pg_type'::regclass, 'pg_proc'::regclass) OR c.relkind IN ('i', 'I') OR y.typdefaultbin IS NOT NULL
                OR p.proargdefaults IS NOT NULL OR to_jsonb(p) ->> 'prosqlbody' IS NOT NULL)
            UNION SELECT 'pg_rewrite'::regclass, r.oid, 0 FROM planned n JOIN pg_rewrite r ON n.class = 'pg_class'::regclass AND r.ev_class = n.object
            UNION SELECT 'pg_constraint'::regclass, k.oid, 0 FROM planned n JOIN pg_constraint k ON n.class = 'pg_type'::regclass AND k.contypid = n.object
            UNION SELECT 'pg_attrdef'::regclass, e.oid, 0 FROM planned n JOIN pg_attrdef e ON n.class = 'pg_class'::regclass AND e.adrelid = n.object AND e.adnum = n.sub
            -- before 15 what a generated column uses is written down for the column
            UNION SELECT n.class, n.object, n.sub FROM planned n JOIN pg_attribute a ON n.class = 'pg_class'::regclass AND a.attrelid = n.object AND a.attnum = n.sub AND a.attgenerated <> ''
        )
        SELECT n.class, n.object, n.sub, d.refobjid FROM reading n JOIN pg_depend d ON d.classid = n.class AND d.objid = n.object AND d.objsubid = n.sub
        WHERE d.refclassid = 'pg_type'::regclass AND d.deptype IN ('n', 'a');
END
$tz$;

-- no other session gives the name of such a type to another one, or another make, before the text is read: ALTER TYPE and ALTER
-- SCHEMA lock nothing, but wait for whoever holds the rows of the catalogs that they change
CREATE OR REPLACE FUNCTION tzmigrate.hold_types() RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $tz$
#variable_conflict use_column
DECLARE
    held oid[];
    types oid[];
    relation regclass;
BEGIN
    LOOP
        types = ARRAY(
            WITH RECURSIVE used (type) AS (
                SELECT r.type FROM tzmigrate.types_read() AS r
                UNION
                SELECT m.type FROM used u, LATERAL (
                    SELECT unnest(ARRAY[y.typelem, y.typbasetype]) FROM pg_type y WHERE y.oid = u.type
                    UNION ALL SELECT r.rngsubtype FROM pg_range r WHERE r.rngtypid = u.type
                    UNION ALL SELECT r.rngtypid FROM pg_range r WHERE (to_jsonb(r) ->> 'rngmultitypid')::oid = u.type
                    UNION ALL SELECT a.atttypid FROM pg_type y JOIN pg_attribute a ON a.attrelid = y.typrelid WHERE y.oid = u.type AND a.attnum > 0
                ) AS m (type) WHERE m.type >= 16384
            )
            SELECT u.type FROM used u ORDER BY u.type);
        -- while it waited for somebody they may have become others
        EXIT WHEN types = held;
        held = types;
        PERFORM FROM pg_type y WHERE y.oid = ANY (types) ORDER BY y.oid FOR SHARE;
        PERFORM FROM pg_namespace n WHERE n.oid IN (SELECT y.typnamespace FROM pg_type y WHERE y.oid = ANY (types)) ORDER BY n.oid FOR SHARE;
        -- a row of a table's own would keep VACUUM waiting
        FOR relation IN SELECT c.oid FROM pg_class c WHERE c.reltype = ANY (types) AND c.relkind IN ('r', 'p') ORDER BY c.oid LOOP
            EXECUTE concat('LOCK TABLE ', relation, ' IN ACCESS SHARE MODE');
        END LOOP;
        PERFORM FROM pg_class c WHERE c.reltype = ANY (types) AND c.relkind NOT IN ('r', 'p') ORDER BY c.oid FOR SHARE;
        PERFORM FROM pg_attribute a WHERE a.attrelid IN (SELECT c.oid FROM pg_class c WHERE c.reltype = ANY (types) AND c.relkind NOT IN ('r', 'p')) ORDER BY a.attrelid, a.attnum FOR SHARE;
    END LOOP;
END
$tz$;

-- stop a superuser where a text that the step reads anew holds a value of a type with a domain of another role in it: the CHECKs
-- of that domain are asked while the text is parsed, and nothing arranges that they have that role's rights
CREATE OR REPLACE FUNCTION tzmigrate.check_readable() RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $tz$
#variable_conflict use_column
DECLARE
    f record;
BEGIN
    IF NOT (SELECT r.rolsuper FROM pg_roles r WHERE r.rolname = current_user) THEN
        RETURN;
    END IF;
    PERFORM tzmigrate.hold_types();
    WITH RECURSIVE armed (domain, owner) AS (
        -- whose CHECKs an ordinary role may write, also later, as nothing locks a domain; and those that call what such a role may replace
        SELECT t.oid, t.typowner FROM pg_type t JOIN pg_roles o ON o.oid = t.typowner WHERE t.typtype = 'd' AND NOT o.rolsuper
        UNION
        SELECT k.contypid, p.proowner FROM pg_constraint k JOIN pg_depend d ON d.classid = 'pg_constraint'::regclass AND d.objid = k.oid
        LEFT JOIN pg_operator w ON d.refclassid = 'pg_operator'::regclass AND w.oid = d.refobjid
        JOIN pg_proc p ON p.oid = CASE d.refclassid WHEN 'pg_operator'::regclass THEN w.oprcode WHEN 'pg_proc'::regclass THEN d.refobjid END
        JOIN pg_roles o ON o.oid = p.proowner WHERE k.contypid > 0 AND NOT o.rolsuper
    ), made (part, type) AS MATERIALIZED (
        SELECT y.typelem, y.oid FROM pg_type y WHERE y.typcategory = 'A'
        UNION ALL SELECT y.typbasetype, y.oid FROM pg_type y WHERE y.typtype = 'd'
        UNION ALL SELECT r.rngsubtype, r.rngtypid FROM pg_range r
        -- 13 has no multiranges
        UNION ALL SELECT r.rngtypid, (to_jsonb(r) ->> 'rngmultitypid')::oid FROM pg_range r
        UNION ALL SELECT a.atttypid, c.reltype FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
            WHERE a.atttypid >= 16384 AND a.attnum > 0 AND NOT a.attisdropped
        -- its CHECKs make a value of another one
        UNION ALL SELECT d.refobjid, k.contypid FROM pg_constraint k JOIN pg_depend d ON d.classid = 'pg_constraint'::regclass AND d.objid = k.oid
            AND d.refclassid = 'pg_type'::regclass AND d.deptype = 'n' WHERE k.contypid > 0
    ), held (domain, owner, type) AS (
        SELECT domain, owner, domain FROM armed
        UNION SELECT h.domain, h.owner, m.type FROM held h JOIN made m ON m.part = h.type
    )
    SELECT pg_describe_object(n.class, n.object, n.sub) AS thing, format_type(h.type, NULL) AS type, format_type(h.domain, NULL) AS domain, pg_get_userbyid(h.owner) AS owner
    INTO f FROM tzmigrate.types_read() AS n
    -- a value of a domain itself is one of its base type, until the statement runs
    JOIN held h ON h.type = n.type JOIN pg_type v ON v.oid = h.type AND v.typtype <> 'd' ORDER BY 1 LIMIT 1;
    IF FOUND THEN
        PERFORM tzmigrate.refuse('TZ652', concat(f.thing, ' holds a value of type ', f.type, chr(58), ' whoever reads its text runs the CHECKs of domain ', f.domain, ', which may call what belongs to ', quote_ident(f.owner)),
            'They would run with the rights of a superuser. Nothing was done.', concat('Run the revision as ', quote_ident(f.owner), ', or as another role that is no superuser.'));
    END IF;
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
