-- rights: what belongs to others runs with their rights, also where a superuser runs the step, or the step stops

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

-- schema and owner of an object, or of the relation that it is part of
CREATE OR REPLACE FUNCTION tzmigrate.home(class oid, object oid) RETURNS TABLE (namespace oid, owner oid)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $tz$
    SELECT t.typnamespace, t.typowner FROM pg_type t WHERE class = 'pg_type'::regclass AND t.oid = object
    UNION ALL SELECT p.pronamespace, p.proowner FROM pg_proc p WHERE class = 'pg_proc'::regclass AND p.oid = object
    UNION ALL SELECT e.stxnamespace, e.stxowner FROM pg_statistic_ext e WHERE class = 'pg_statistic_ext'::regclass AND e.oid = object
    UNION ALL SELECT c.relnamespace, c.relowner FROM (
        SELECT object WHERE class = 'pg_class'::regclass
        UNION ALL SELECT k.conrelid FROM pg_constraint k WHERE class = 'pg_constraint'::regclass AND k.oid = object
        UNION ALL SELECT g.tgrelid FROM pg_trigger g WHERE class = 'pg_trigger'::regclass AND g.oid = object
        UNION ALL SELECT r.ev_class FROM pg_rewrite r WHERE class = 'pg_rewrite'::regclass AND r.oid = object
        UNION ALL SELECT y.polrelid FROM pg_policy y WHERE class = 'pg_policy'::regclass AND y.oid = object
        UNION ALL SELECT b.prrelid FROM pg_publication_rel b WHERE class = 'pg_publication_rel'::regclass AND b.oid = object
    ) AS x (relation) JOIN pg_class c ON c.oid = x.relation
$tz$;

-- the ordinary role whose functions a superuser would run who reads a text of its object
CREATE OR REPLACE FUNCTION tzmigrate.lender(class oid, object oid) RETURNS name
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $tz$
    SELECT o.rolname FROM tzmigrate.home(class, object) AS h JOIN pg_roles o ON o.oid = h.owner JOIN pg_roles me ON me.rolname = current_user
    WHERE me.rolsuper AND NOT o.rolsuper LIMIT 1
$tz$;

-- a superuser finds under a name what he has looked at: ALTER SCHEMA locks nothing, but waits for who holds the row of the schema
CREATE OR REPLACE FUNCTION tzmigrate.hold_schemas(schemas oid[]) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $tz$
BEGIN
    IF (SELECT r.rolsuper FROM pg_roles r WHERE r.rolname = current_user) THEN
        PERFORM FROM pg_namespace n WHERE n.oid = ANY (schemas) AND n.oid <> 'pg_catalog'::regnamespace ORDER BY n.oid FOR SHARE;
    END IF;
END
$tz$;

-- so with routines: nobody drops one that the step replaces, and its signature goes on to mean it, by the names of its types as well
CREATE OR REPLACE FUNCTION tzmigrate.hold_routines(routines oid[]) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $tz$
DECLARE
    types oid[] = ARRAY(SELECT DISTINCT unnest(coalesce(p.proallargtypes, p.proargtypes::oid[])) FROM pg_proc p WHERE p.oid = ANY (routines));
BEGIN
    IF (SELECT r.rolsuper FROM pg_roles r WHERE r.rolname = current_user) THEN
        PERFORM FROM pg_proc p WHERE p.oid = ANY (routines) ORDER BY p.oid FOR UPDATE;
        PERFORM FROM pg_type y WHERE y.oid = ANY (types) AND y.oid >= 16384 ORDER BY y.oid FOR SHARE;
        PERFORM tzmigrate.hold_schemas(ARRAY(
            SELECT p.pronamespace FROM pg_proc p WHERE p.oid = ANY (routines) UNION SELECT y.typnamespace FROM pg_type y WHERE y.oid = ANY (types)));
    END IF;
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
        WITH RECURSIVE tree (relation, name) AS (
            SELECT tzmigrate.part_relation(p)::oid, c.column_name FROM tzmigrate.open_parts() AS p JOIN tzmigrate.step_column c ON c.step_id = p.id
            UNION SELECT i.inhrelid, t.name FROM tree t JOIN pg_inherits i ON i.inhparent = t.relation
        ), planned (class, object, sub) AS (
            SELECT x.class, x.object, x.sub FROM tzmigrate.step_dependent d, LATERAL tzmigrate.find_dependent(d.kind, d.relation, d.name) AS x WHERE d.step_id = s.id AND d.present
            UNION ALL
            SELECT 'pg_class'::regclass, t.relation, a.attnum FROM tree t JOIN pg_attribute a ON a.attrelid = t.relation AND a.attname = t.name
        ), reading (class, object, sub) AS (
            SELECT n.class, n.object, 0 FROM planned n LEFT JOIN pg_class c ON n.class = 'pg_class'::regclass AND c.oid = n.object
            LEFT JOIN pg_type y ON n.class = 'pg_type'::regclass AND y.oid = n.object LEFT JOIN pg_proc p ON n.class = 'pg_proc'::regclass AND p.oid = n.object
            WHERE n.sub = 0 AND (n.class NOT IN ('pg_class'::regclass, 'pg_type'::regclass, 'pg_proc'::regclass) OR c.relkind IN ('i', 'I') OR y.typdefaultbin IS NOT NULL
                OR p.proargdefaults IS NOT NULL OR to_jsonb(p) ->> 'prosqlbody' IS NOT NULL)
            UNION SELECT 'pg_rewrite'::regclass, r.oid, 0 FROM planned n JOIN pg_rewrite r ON n.class = 'pg_class'::regclass AND r.ev_class = n.object
            UNION SELECT 'pg_constraint'::regclass, k.oid, 0 FROM planned n JOIN pg_constraint k ON n.class = 'pg_type'::regclass AND k.contypid = n.object
            -- of a column, or all those of a view
            UNION SELECT 'pg_attrdef'::regclass, e.oid, 0 FROM planned n JOIN pg_attrdef e ON n.class = 'pg_class'::regclass AND e.adrelid = n.object AND n.sub IN (0, e.adnum)
            -- ALTER TABLE itself reads anew what stands on a column, in the whole tree
            UNION SELECT d.classid, d.objid, d.objsubid FROM tree t JOIN pg_attribute a ON a.attrelid = t.relation AND a.attname = t.name
            JOIN pg_depend d ON d.refclassid = 'pg_class'::regclass AND d.refobjid = a.attrelid AND d.refobjsubid = a.attnum
            -- before 15 what a generated column uses is written down for the column
            UNION SELECT n.class, n.object, n.sub FROM planned n JOIN pg_attribute a ON n.class = 'pg_class'::regclass AND a.attrelid = n.object AND a.attnum = n.sub AND a.attgenerated <> ''
        )
        SELECT n.class, n.object, n.sub, d.refobjid FROM reading n JOIN pg_depend d ON d.classid = n.class AND d.objid = n.object AND d.objsubid = n.sub
        WHERE d.refclassid = 'pg_type'::regclass AND d.deptype IN ('n', 'a');
END
$tz$;

-- no other session gives the name of such a type to another one, or another make, before the text is read: ALTER TYPE and ALTER
-- SCHEMA lock nothing, but wait for whoever holds the rows of the catalogs that they change
CREATE OR REPLACE FUNCTION tzmigrate.hold_types() RETURNS oid[]
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $tz$
#variable_conflict use_column
DECLARE
    held oid[] = '{}';
    types oid[];
    rows_of oid[];
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
        IF types = held THEN
            RETURN held;
        END IF;
        held = types;
        PERFORM FROM pg_type y WHERE y.oid = ANY (types) ORDER BY y.oid FOR SHARE;
        PERFORM tzmigrate.hold_schemas(ARRAY(SELECT y.typnamespace FROM pg_type y WHERE y.oid = ANY (types)));
        rows_of = ARRAY(SELECT y.typrelid FROM pg_type y WHERE y.oid = ANY (types) AND y.typrelid > 0);
        -- the row of pg_class for a table would keep VACUUM waiting
        FOR relation IN SELECT c.oid FROM pg_class c WHERE c.oid = ANY (rows_of) AND c.relkind IN ('r', 'p') ORDER BY c.oid LOOP
            EXECUTE concat('LOCK TABLE ', relation, ' IN ACCESS SHARE MODE');
        END LOOP;
        PERFORM FROM pg_class c WHERE c.oid = ANY (rows_of) AND c.relkind NOT IN ('r', 'p') ORDER BY c.oid FOR SHARE;
        PERFORM FROM pg_attribute a WHERE a.attrelid = ANY (rows_of) ORDER BY a.attrelid, a.attnum FOR SHARE;
    END LOOP;
END
$tz$;

-- stop a superuser where a text that the step reads anew holds a value of a type with a domain of another role in it: the CHECKs
-- of that domain are asked while the text is parsed, and nothing arranges that they have that role's rights. Returns the types held
CREATE OR REPLACE FUNCTION tzmigrate.check_readable() RETURNS oid[]
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $tz$
#variable_conflict use_column
DECLARE
    types oid[];
    f record;
BEGIN
    IF NOT (SELECT r.rolsuper FROM pg_roles r WHERE r.rolname = current_user) THEN
        RETURN types;
    END IF;
    types = tzmigrate.hold_types();
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
    RETURN types;
END
$tz$;
