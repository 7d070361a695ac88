-- properties: what DROP and CREATE lose of an object, as the statements that give it back
-- Reading changes nothing. All names are qualified, so the statements run after the object was made anew, in any search_path.

-- how COMMENT, SECURITY LABEL, ALTER and ALTER EXTENSION name an object
CREATE OR REPLACE FUNCTION tzmigrate.address(class regclass, object oid) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET quote_all_identifiers = off AS $tz$
#variable_conflict use_column
BEGIN
    RETURN (
        SELECT CASE class
            WHEN 'pg_class'::regclass THEN (
                SELECT concat(CASE c.relkind WHEN 'v' THEN 'VIEW ' WHEN 'm' THEN 'MATERIALIZED VIEW ' WHEN 'i' THEN 'INDEX ' WHEN 'I' THEN 'INDEX ' WHEN 'S' THEN 'SEQUENCE '
                    WHEN 'f' THEN 'FOREIGN TABLE ' WHEN 'c' THEN 'TYPE ' ELSE 'TABLE ' END, c.oid::regclass) FROM pg_class c WHERE c.oid = object)
            WHEN 'pg_type'::regclass THEN (SELECT concat(CASE t.typtype WHEN 'd' THEN 'DOMAIN ' ELSE 'TYPE ' END, format_type(t.oid, NULL)) FROM pg_type t WHERE t.oid = object)
            WHEN 'pg_proc'::regclass THEN concat('ROUTINE ', object::regprocedure)
            WHEN 'pg_constraint'::regclass THEN (
                SELECT concat('CONSTRAINT ', quote_ident(k.conname), ' ON ', CASE WHEN k.conrelid = 0 THEN concat('DOMAIN ', k.contypid::regtype) ELSE k.conrelid::regclass::text END)
                FROM pg_constraint k WHERE k.oid = object)
            WHEN 'pg_trigger'::regclass THEN (SELECT concat('TRIGGER ', quote_ident(g.tgname), ' ON ', g.tgrelid::regclass) FROM pg_trigger g WHERE g.oid = object)
            WHEN 'pg_rewrite'::regclass THEN (SELECT concat('RULE ', quote_ident(r.rulename), ' ON ', r.ev_class::regclass) FROM pg_rewrite r WHERE r.oid = object)
            WHEN 'pg_policy'::regclass THEN (SELECT concat('POLICY ', quote_ident(y.polname), ' ON ', y.polrelid::regclass) FROM pg_policy y WHERE y.oid = object)
            WHEN 'pg_statistic_ext'::regclass THEN (
                SELECT concat('STATISTICS ', quote_ident(n.nspname), '.', quote_ident(e.stxname)) FROM pg_statistic_ext e JOIN pg_namespace n ON n.oid = e.stxnamespace WHERE e.oid = object)
        END);
END
$tz$;

-- how GRANT names it, its owner, and its grants where they are not the default; no row for what has no grants
CREATE OR REPLACE FUNCTION tzmigrate.granted(class regclass, object oid, OUT target text, OUT owner oid, OUT acl aclitem[], OUT standard aclitem[]) RETURNS SETOF record
LANGUAGE plpgsql STABLE ROWS 1 SET search_path = pg_catalog, pg_temp SET quote_all_identifiers = off AS $tz$
#variable_conflict use_column
BEGIN
    RETURN QUERY
        SELECT concat(CASE c.relkind WHEN 'S' THEN 'SEQUENCE ' ELSE 'TABLE ' END, c.oid::regclass), c.relowner, c.relacl, acldefault(CASE c.relkind WHEN 'S' THEN 's'::"char" ELSE 'r' END, c.relowner)
        FROM pg_class c WHERE class = 'pg_class'::regclass AND c.oid = object AND c.relkind NOT IN ('i', 'I', 'c')
        UNION ALL
        SELECT tzmigrate.address(class, t.oid), t.typowner, t.typacl, acldefault('T', t.typowner) FROM pg_type t WHERE class = 'pg_type'::regclass AND t.oid = object
        UNION ALL
        SELECT tzmigrate.address(class, f.oid), f.proowner, f.proacl, acldefault('f', f.proowner) FROM pg_proc f WHERE class = 'pg_proc'::regclass AND f.oid = object;
END
$tz$;

-- GRANT statements for a list of grants, each after the one that it rests on, given by the role that gave it, and otherwise in the order of
-- the list, which pg_dump keeps
CREATE OR REPLACE FUNCTION tzmigrate.grants(target text, column_name name, acl aclitem[], owner oid, table_acl aclitem[] DEFAULT NULL) RETURNS text[]
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET quote_all_identifiers = off AS $tz$
#variable_conflict use_column
BEGIN
    RETURN (
        WITH RECURSIVE item AS (
            SELECT * FROM aclexplode(acl) WITH ORDINALITY AS e (grantor, grantee, privilege_type, is_grantable, place)
        ), reached AS (
            SELECT 0 AS depth, i.* FROM item i
            -- a column's grants may rest on the right to grant the whole table
            WHERE i.grantor = owner OR (i.grantor, i.privilege_type, true) IN (SELECT t.grantee, t.privilege_type, t.is_grantable FROM aclexplode(table_acl) AS t)
            UNION
            SELECT r.depth + 1, i.* FROM reached r JOIN item i ON i.grantor = r.grantee AND i.privilege_type = r.privilege_type
            WHERE r.is_grantable AND i.grantor <> owner AND r.depth < 100
        ), placed AS (
            SELECT i.grantor, i.grantee, i.is_grantable, i.privilege_type, coalesce(min(r.depth), 1000) AS depth, min(i.place) AS place
            FROM item i LEFT JOIN reached r ON (r.grantor, r.grantee, r.privilege_type) = (i.grantor, i.grantee, i.privilege_type) GROUP BY 1, 2, 3, 4
        ), line AS (
            SELECT depth, min(place) AS place, grantor, concat('GRANT ', string_agg(concat(privilege_type, CASE WHEN column_name IS NOT NULL THEN concat(' (', quote_ident(column_name), ')') END), ', ' ORDER BY privilege_type),
                ' ON ', target, ' TO ', CASE grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(grantee)) END, CASE WHEN is_grantable THEN ' WITH GRANT OPTION' END) AS statement
            FROM placed GROUP BY depth, grantor, grantee, is_grantable
        )
        -- whoever runs GRANT for an owner grants as the owner, so another grantor has to say it himself
        SELECT coalesce(array_agg(s.statement ORDER BY l.depth, l.place, l.grantor, l.statement, s.place), '{}')
        FROM line l CROSS JOIN LATERAL (VALUES
            (1, concat('SET LOCAL ROLE ', quote_ident(pg_get_userbyid(l.grantor)))), (2, l.statement),
            (3, concat('SET LOCAL ROLE ', CASE current_setting('role') WHEN 'none' THEN 'NONE' ELSE quote_ident(current_setting('role')) END))
        ) AS s (place, statement) WHERE s.place = 2 OR l.grantor <> owner);
END
$tz$;

-- take away what ALTER DEFAULT PRIVILEGES gave to a new object: everything, or down to what is granted without them
CREATE OR REPLACE FUNCTION tzmigrate.forget_grants(class regclass, object oid, standard boolean) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $tz$
DECLARE
    g record;
    grantee oid;
    statement text;
BEGIN
    SELECT * INTO g FROM tzmigrate.granted(class, object);
    IF standard AND g.acl IS NULL THEN
        RETURN;
    END IF;
    FOR grantee IN SELECT DISTINCT a.grantee FROM aclexplode(coalesce(g.acl, g.standard)) AS a LOOP
        EXECUTE concat('REVOKE ALL ON ', g.target, ' FROM ', CASE grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(grantee)) END, ' CASCADE');
    END LOOP;
    IF standard THEN
        FOREACH statement IN ARRAY tzmigrate.grants(g.target, NULL, g.standard, g.owner) LOOP
            EXECUTE statement;
        END LOOP;
    END IF;
END
$tz$;

-- the triggers that a key or exclusion constraint, and those made from it on partitions, keep its promise with
CREATE OR REPLACE FUNCTION tzmigrate.key_triggers(key oid) RETURNS TABLE (place text, relation regclass, name name, enabled "char")
LANGUAGE plpgsql STABLE ROWS 4 SET search_path = pg_catalog, pg_temp SET quote_all_identifiers = off
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off SET enable_material = off SET jit = off AS $tz$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    WITH RECURSIVE tree (oid, conrelid) AS (
        SELECT k.oid, k.conrelid FROM pg_constraint k WHERE k.oid = key AND k.contype IN ('f', 'p', 'u', 'x')
        -- OFFSET 0: where most have no parent the planner would read them all
        UNION ALL SELECT b.oid, b.conrelid FROM tree, LATERAL (SELECT k.oid, k.conrelid FROM pg_constraint k WHERE k.conparentid = tree.oid OFFSET 0) AS b
    )
    SELECT concat(tree.conrelid::regclass, ' ', g.tgrelid::regclass, ' ', f.proname), g.tgrelid::regclass, g.tgname, g.tgenabled
    FROM tree JOIN pg_trigger g ON g.tgconstraint = tree.oid JOIN pg_proc f ON f.oid = g.tgfoid;
END
$tz$;

-- their states, where one is not the usual
CREATE OR REPLACE FUNCTION tzmigrate.key_states(key oid) RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $tz$
#variable_conflict use_column
BEGIN
    RETURN (
        SELECT jsonb_object_agg(t.place, t.enabled) FROM tzmigrate.key_triggers(key) AS t HAVING bool_or(t.enabled <> 'O'));
END
$tz$;

-- give them back; PostgreSQL lets a superuser alone do that
CREATE OR REPLACE FUNCTION tzmigrate.set_key_states(relation regclass, key name, states jsonb) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $tz$
DECLARE
    statement text;
BEGIN
    FOR statement IN
        SELECT tzmigrate.set_state(t.relation, 'TRIGGER', t.name, (states ->> t.place)::"char")
        FROM pg_constraint k, tzmigrate.key_triggers(k.oid) AS t WHERE k.conrelid = set_key_states.relation AND k.conname = set_key_states.key AND t.enabled::text <> states ->> t.place
    LOOP
        EXECUTE statement;
    END LOOP;
END
$tz$;

-- the statement that sets the state of a trigger or rule
CREATE OR REPLACE FUNCTION tzmigrate.set_state(relation regclass, kind text, name name, state "char") RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp SET quote_all_identifiers = off AS $tz$
    SELECT concat('ALTER TABLE ONLY ', relation, CASE state WHEN 'D' THEN ' DISABLE ' WHEN 'R' THEN ' ENABLE REPLICA ' WHEN 'A' THEN ' ENABLE ALWAYS ' ELSE ' ENABLE ' END, kind, ' ', quote_ident(name))
$tz$;

-- a list of options as SET wants it
CREATE OR REPLACE FUNCTION tzmigrate.option_list(options text[], prefix text DEFAULT '') RETURNS text
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $tz$
    SELECT string_agg(concat(prefix, quote_ident(split_part(o, '=', 1)), '=', quote_literal(substr(o, strpos(o, '=') + 1))), ', ') FROM unnest(options) AS o
$tz$;

-- where an index or materialized view is stored; set default_tablespace to it before CREATE, as moving it afterwards copies
CREATE OR REPLACE FUNCTION tzmigrate.tablespace_of(relation oid) RETURNS name
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $tz$
#variable_conflict use_column
BEGIN
    RETURN (
        SELECT coalesce((SELECT s.spcname FROM pg_class c JOIN pg_tablespace s ON s.oid = c.reltablespace WHERE c.oid = relation), ''));
END
$tz$;

-- likewise default_table_access_method for a materialized view
CREATE OR REPLACE FUNCTION tzmigrate.access_method_of(relation oid) RETURNS name
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $tz$
#variable_conflict use_column
BEGIN
    RETURN (
        SELECT m.amname FROM pg_class c JOIN pg_am m ON m.oid = c.relam WHERE c.oid = relation);
END
$tz$;

-- what must run before DROP: an extension keeps its members from being dropped
CREATE OR REPLACE FUNCTION tzmigrate.leave_extension(class regclass, object oid) RETURNS text[]
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $tz$
#variable_conflict use_column
BEGIN
    RETURN (
        SELECT coalesce(array_agg(concat('ALTER EXTENSION ', quote_ident(e.extname), ' DROP ', tzmigrate.address(class, object))), '{}')
        FROM pg_depend d JOIN pg_extension e ON e.oid = d.refobjid
        WHERE d.classid = class AND d.objid = object AND d.objsubid = 0 AND d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e');
END
$tz$;

-- the statements, in their order, that give an object made anew what its CREATE statement does not carry
-- defaults of a view's columns are expressions, so tzmigrate.parts has them too: leave them out here where they come back otherwise
CREATE OR REPLACE FUNCTION tzmigrate.properties(class regclass, object oid, defaults boolean DEFAULT true) RETURNS text[]
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
SET TimeZone = 'Etc/UTC' SET DateStyle = 'ISO, MDY' SET IntervalStyle = 'postgres' SET quote_all_identifiers = off SET extra_float_digits = 1 AS $tz$
#variable_conflict use_column
DECLARE
    lines text[] = '{}';
    address text = tzmigrate.address(class, object);
    c pg_class;
    k pg_constraint;
    i pg_index;
    relation text;
    owner oid;
    -- an event trigger may give new objects another owner, and grants
    untouched boolean = NOT EXISTS (SELECT FROM pg_event_trigger e WHERE e.evtenabled <> 'D');
    g record;
    a record;
BEGIN
    IF class = 'pg_class'::regclass THEN
        SELECT * INTO c FROM pg_class x WHERE x.oid = object;
        IF c.relkind = 'c' THEN
            RETURN tzmigrate.properties('pg_type', c.reltype);
        END IF;
    ELSIF class = 'pg_constraint'::regclass THEN
        SELECT * INTO k FROM pg_constraint x WHERE x.oid = object;
        IF k.contype IN ('p', 'u', 'x') THEN
            -- says what the constraint has, too
            RETURN tzmigrate.properties('pg_class', k.conindid);
        END IF;
    ELSIF class = 'pg_type'::regclass THEN
        SELECT x.* INTO c FROM pg_class x JOIN pg_type t ON t.typrelid = x.oid WHERE t.oid = object AND x.relkind = 'c';
    END IF;

    -- what a view or materialized view stores and how
    IF c.relkind IN ('v', 'm') THEN
        lines = lines || ARRAY(SELECT concat('ALTER ', address, ' SET (', tzmigrate.option_list(c.reloptions), ')') WHERE c.reloptions IS NOT NULL)
            || ARRAY(SELECT concat('ALTER ', address, ' SET (', tzmigrate.option_list(x.reloptions, 'toast.'), ')') FROM pg_class x WHERE x.oid = c.reltoastrelid AND x.reloptions IS NOT NULL)
            || ARRAY(SELECT concat('ALTER ', address, ' ALTER COLUMN ', quote_ident(b.attname), ' ', s.what)
                FROM pg_attribute b JOIN pg_type t ON t.oid = b.atttypid
                CROSS JOIN (SELECT ''::"char" AS attcompression) AS older CROSS JOIN LATERAL (SELECT attcompression AS compression FROM (SELECT b.*) AS x) AS z CROSS JOIN LATERAL (
                    SELECT 1 AS place, concat('SET DEFAULT ', pg_get_expr(d.adbin, d.adrelid)) AS what FROM pg_attrdef d WHERE d.adrelid = b.attrelid AND d.adnum = b.attnum AND defaults
                    UNION ALL SELECT 2, concat('SET STATISTICS ', b.attstattarget) WHERE b.attstattarget >= 0
                    UNION ALL SELECT 3, concat('SET STORAGE ', CASE b.attstorage WHEN 'p' THEN 'PLAIN' WHEN 'e' THEN 'EXTERNAL' WHEN 'm' THEN 'MAIN' ELSE 'EXTENDED' END)
                        WHERE c.relkind = 'm' AND b.attstorage <> t.typstorage
                    UNION ALL SELECT 4, concat('SET COMPRESSION ', CASE z.compression WHEN 'l' THEN 'lz4' ELSE 'pglz' END) WHERE c.relkind = 'm' AND z.compression IN ('l', 'p')
                    UNION ALL SELECT 5, concat('SET (', tzmigrate.option_list(array_agg(o)), ')') FROM unnest(b.attoptions) AS o WHERE NOT starts_with(o, 'pg_attver=') HAVING count(*) > 0
                ) AS s WHERE b.attrelid = object AND b.attnum > 0 AND NOT b.attisdropped ORDER BY b.attnum, s.place)
            || ARRAY(SELECT concat('ALTER ', address, ' REPLICA IDENTITY ', CASE c.relreplident WHEN 'f' THEN 'FULL' ELSE 'NOTHING' END) WHERE c.relkind = 'm' AND c.relreplident IN ('f', 'n'));
    END IF;

    -- owner; everything after it is said in the owner's name
    SELECT x.owner INTO owner FROM (
        SELECT c.relowner WHERE class = 'pg_class'::regclass AND c.relkind NOT IN ('i', 'I')
        UNION ALL SELECT t.typowner FROM pg_type t WHERE class = 'pg_type'::regclass AND t.oid = object
        UNION ALL SELECT f.proowner FROM pg_proc f WHERE class = 'pg_proc'::regclass AND f.oid = object
        UNION ALL SELECT e.stxowner FROM pg_statistic_ext e WHERE class = 'pg_statistic_ext'::regclass AND e.oid = object
    ) AS x (owner);
    -- a view made anew belongs to the role that runs this
    IF owner IS NOT NULL AND NOT (untouched AND coalesce(c.relkind, '-') IN ('v', 'm') AND pg_get_userbyid(owner) = current_user) THEN
        lines = lines || concat('ALTER ', address, ' OWNER TO ', quote_ident(pg_get_userbyid(owner)));
    END IF;

    -- indexes, and the constraint of one
    IF c.relkind IN ('i', 'I') THEN
        SELECT * INTO i FROM pg_index x WHERE x.indexrelid = object;
        relation = (SELECT concat(CASE x.relkind WHEN 'm' THEN 'MATERIALIZED VIEW ' ELSE 'TABLE ' END, x.oid::regclass) FROM pg_class x WHERE x.oid = i.indrelid);
        lines = lines || ARRAY(SELECT concat('ALTER ', address, ' ALTER COLUMN ', b.attnum, ' SET STATISTICS ', b.attstattarget) FROM pg_attribute b WHERE b.attrelid = object AND b.attstattarget >= 0 ORDER BY b.attnum);
        IF i.indisclustered THEN
            lines = lines || concat('ALTER ', relation, ' CLUSTER ON ', quote_ident(c.relname));
        END IF;
        IF i.indisreplident THEN
            lines = lines || concat('ALTER ', relation, ' REPLICA IDENTITY USING INDEX ', quote_ident(c.relname));
        END IF;
        SELECT x.* INTO k FROM pg_constraint x WHERE x.conindid = object AND x.conrelid = i.indrelid AND x.contype IN ('p', 'u', 'x');
        IF k.oid IS NOT NULL AND class = 'pg_class'::regclass THEN
            lines = lines || ARRAY(SELECT concat('COMMENT ON ', tzmigrate.address('pg_constraint', k.oid), ' IS ', quote_literal(m.description))
                FROM pg_description m WHERE m.classoid = 'pg_constraint'::regclass AND m.objoid = k.oid AND m.objsubid = 0);
        END IF;
    END IF;
    IF k.conrelid <> 0 AND k.contype IN ('f', 'p', 'u', 'x') THEN
        lines = lines || ARRAY(SELECT concat('SELECT tzmigrate.set_key_states(', quote_literal(k.conrelid::regclass), '::pg_catalog.regclass, ', quote_literal(k.conname), ', ', quote_literal(s.states), ')')
            FROM tzmigrate.key_states(k.oid) AS s (states) WHERE s.states IS NOT NULL);
    END IF;
    IF k.conrelid <> 0 AND k.contype = 'f' THEN
        -- those that the partitions get with it, under the same name
        lines = lines || ARRAY(WITH RECURSIVE below (oid) AS (SELECT x.oid FROM pg_constraint x WHERE x.conparentid = k.oid UNION ALL SELECT b.oid FROM below, LATERAL (SELECT x.oid FROM pg_constraint x WHERE x.conparentid = below.oid OFFSET 0) AS b)
            SELECT concat('COMMENT ON ', tzmigrate.address('pg_constraint', x.oid), ' IS ', quote_literal(m.description))
            FROM below JOIN pg_constraint x ON x.oid = below.oid JOIN pg_description m ON m.classoid = 'pg_constraint'::regclass AND m.objoid = x.oid AND m.objsubid = 0
            WHERE x.conname = k.conname);
    ELSIF k.conrelid <> 0 AND k.contype = 'c' AND NOT k.connoinherit THEN
        -- and those that partitions and children have from it
        lines = lines || ARRAY(WITH RECURSIVE below (oid) AS (SELECT i.inhrelid FROM pg_inherits i WHERE i.inhparent = k.conrelid UNION SELECT i.inhrelid FROM below JOIN pg_inherits i ON i.inhparent = below.oid)
            SELECT concat('COMMENT ON ', tzmigrate.address('pg_constraint', x.oid), ' IS ', quote_literal(m.description))
            FROM below JOIN pg_constraint x ON x.conrelid = below.oid AND x.contype = 'c' AND x.conname = k.conname AND x.coninhcount > 0 AND NOT x.conislocal
            JOIN pg_description m ON m.classoid = 'pg_constraint'::regclass AND m.objoid = x.oid AND m.objsubid = 0 ORDER BY x.conrelid);
    END IF;

    IF class = 'pg_trigger'::regclass THEN
        lines = lines || ARRAY(
            WITH RECURSIVE tree (oid, depth) AS (
                SELECT object, 0 UNION ALL SELECT x.oid, tree.depth + 1 FROM tree JOIN pg_depend d ON d.refclassid = 'pg_trigger'::regclass AND d.refobjid = tree.oid AND d.classid = 'pg_trigger'::regclass
                JOIN pg_trigger x ON x.oid = d.objid
            ), member AS (
                SELECT x.*, tree.depth, root.tgname AS given FROM tree JOIN pg_trigger x ON x.oid = tree.oid JOIN pg_trigger root ON root.oid = object
            )
            SELECT s.what FROM member m CROSS JOIN LATERAL (
                SELECT 1 AS place, concat('ALTER TRIGGER ', quote_ident(m.given), ' ON ', m.tgrelid::regclass, ' RENAME TO ', quote_ident(m.tgname)) AS what WHERE m.tgname <> m.given
                UNION ALL
                -- one statement for all where they agree: an owner may not always name those of the partitions
                SELECT 2, CASE WHEN agree THEN replace(t.what, 'ALTER TABLE ONLY ', 'ALTER TABLE ') ELSE t.what END
                FROM (SELECT tzmigrate.set_state(m.tgrelid, 'TRIGGER', m.tgname, m.tgenabled) AS what, (SELECT count(DISTINCT y.tgenabled) = 1 FROM member y) AS agree) AS t
                WHERE CASE WHEN agree THEN m.depth = 0 AND m.tgenabled <> 'O' ELSE m.tgenabled <> 'O' END
                UNION ALL
                SELECT 3, concat('COMMENT ON ', tzmigrate.address(d.classoid::regclass, d.objoid), ' IS ', quote_literal(d.description)) FROM pg_description d
                WHERE d.objsubid = 0 AND (d.classoid = 'pg_trigger'::regclass AND d.objoid = m.oid AND m.depth > 0 OR d.classoid = 'pg_constraint'::regclass AND d.objoid = m.tgconstraint)
            ) AS s ORDER BY m.depth, m.oid, s.place);
    ELSIF class = 'pg_rewrite'::regclass THEN
        lines = lines || ARRAY(SELECT tzmigrate.set_state(r.ev_class::regclass, 'RULE', r.rulename, r.ev_enabled) FROM pg_rewrite r WHERE r.oid = object AND r.ev_enabled <> 'O');
    ELSIF class = 'pg_statistic_ext'::regclass THEN
        lines = lines || ARRAY(SELECT concat('ALTER ', address, ' SET STATISTICS ', e.stxstattarget) FROM pg_statistic_ext e WHERE e.oid = object AND e.stxstattarget >= 0);
    ELSIF class = 'pg_type'::regclass THEN
        lines = lines || ARRAY(SELECT concat('COMMENT ON ', tzmigrate.address('pg_constraint', x.oid), ' IS ', quote_literal(m.description))
            FROM pg_constraint x JOIN pg_description m ON m.classoid = 'pg_constraint'::regclass AND m.objoid = x.oid AND m.objsubid = 0 WHERE x.contypid = object ORDER BY x.conname);
    END IF;

    -- comments and labels; those of the columns with their relation or type
    lines = lines || ARRAY(
        SELECT concat('COMMENT ON ', address, ' IS ', quote_literal(m.description)) FROM pg_description m WHERE m.classoid = class AND m.objoid = object AND m.objsubid = 0);
    IF c.relkind NOT IN ('i', 'I') THEN
        lines = lines || ARRAY(SELECT concat('COMMENT ON TYPE ', c.oid::regclass, ' IS ', quote_literal(m.description))
            FROM pg_description m WHERE class = 'pg_class'::regclass AND m.classoid = 'pg_type'::regclass AND m.objoid = c.reltype AND m.objsubid = 0)
        || ARRAY(SELECT concat('COMMENT ON RULE "_RETURN" ON ', c.oid::regclass, ' IS ', quote_literal(m.description))
            FROM pg_rewrite r JOIN pg_description m ON m.classoid = 'pg_rewrite'::regclass AND m.objoid = r.oid WHERE r.ev_class = c.oid AND r.rulename = '_RETURN')
        || ARRAY(SELECT concat('COMMENT ON COLUMN ', c.oid::regclass, '.', quote_ident(b.attname), ' IS ', quote_literal(m.description))
            FROM pg_attribute b JOIN pg_description m ON m.classoid = 'pg_class'::regclass AND m.objoid = b.attrelid AND m.objsubid = b.attnum
            WHERE b.attrelid = c.oid AND b.attnum > 0 AND NOT b.attisdropped ORDER BY b.attnum);
    END IF;
    lines = lines || ARRAY(SELECT concat('SECURITY LABEL FOR ', quote_ident(l.provider), ' ON ', address, ' IS ', quote_literal(l.label))
        FROM pg_seclabel l WHERE l.classoid = class AND l.objoid = object AND l.objsubid = 0 ORDER BY l.provider);
    IF c.relkind NOT IN ('i', 'I') THEN
        lines = lines || ARRAY(SELECT concat('SECURITY LABEL FOR ', quote_ident(l.provider), ' ON COLUMN ', c.oid::regclass, '.', quote_ident(b.attname), ' IS ', quote_literal(l.label))
            FROM pg_attribute b JOIN pg_seclabel l ON l.classoid = 'pg_class'::regclass AND l.objoid = b.attrelid AND l.objsubid = b.attnum
            WHERE b.attrelid = c.oid AND b.attnum > 0 AND NOT b.attisdropped ORDER BY b.attnum, l.provider);
    END IF;

    -- grants, of a view's row type too
    IF class IN ('pg_class'::regclass, 'pg_type'::regclass, 'pg_proc'::regclass) AND c.relkind IS DISTINCT FROM 'i' AND c.relkind IS DISTINCT FROM 'I' THEN
        FOR g IN
            SELECT t.*, t.class = 'pg_class'::regclass AS whole, concat(quote_literal(t.class::regclass), '::pg_catalog.regclass, ',
                CASE t.class WHEN 'pg_proc'::regclass THEN quote_literal(t.object::regprocedure) ELSE quote_literal(substr(t.target, strpos(t.target, ' ') + 1)) END,
                CASE t.class WHEN 'pg_class'::regclass THEN '::pg_catalog.regclass' WHEN 'pg_proc'::regclass THEN '::pg_catalog.regprocedure' ELSE '::pg_catalog.regtype' END) AS identity
            FROM (SELECT class, object, x.* FROM tzmigrate.granted(class, object) AS x
                  UNION ALL SELECT 'pg_type'::regclass, c.reltype, x.* FROM tzmigrate.granted('pg_type', c.reltype) AS x WHERE class = 'pg_class'::regclass AND c.relkind IN ('v', 'm') AND x.acl IS NOT NULL) AS t
        LOOP
            -- without default privileges a new object has no grants but the usual ones
            IF g.acl IS NOT NULL OR NOT untouched OR EXISTS (SELECT FROM pg_default_acl) THEN
                lines = lines || concat('SELECT tzmigrate.forget_grants(', g.identity, ', ', (g.acl IS NULL)::text, ')') || tzmigrate.grants(g.target, NULL, g.acl, g.owner);
            END IF;
            IF g.whole THEN
                FOR a IN SELECT b.attname, b.attacl FROM pg_attribute b WHERE b.attrelid = object AND b.attnum > 0 AND NOT b.attisdropped AND b.attacl IS NOT NULL ORDER BY b.attnum LOOP
                    lines = lines || tzmigrate.grants(g.target, a.attname, a.attacl, g.owner, g.acl);
                END LOOP;
            END IF;
        END LOOP;
    END IF;

    -- last, as an extension hands its members over to its owner alone
    RETURN lines || ARRAY(SELECT CASE d.deptype WHEN 'x' THEN concat('ALTER ', address, ' DEPENDS ON EXTENSION ', quote_ident(e.extname)) ELSE concat('ALTER EXTENSION ', quote_ident(e.extname), ' ADD ', address) END
        FROM pg_depend d JOIN pg_extension e ON e.oid = d.refobjid
        WHERE d.classid = class AND d.objid = object AND d.objsubid = 0 AND d.refclassid = 'pg_extension'::regclass AND d.deptype IN ('e', 'x') ORDER BY d.deptype DESC, e.extname);
END
$tz$;

-- what goes with a relation when it is dropped, in the order in which it can be made again; a text may need rewriting before, and each has properties of its own by (class, object)
CREATE OR REPLACE FUNCTION tzmigrate.parts(relation oid) RETURNS TABLE (kind text, name name, definition text, class regclass, object oid)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
SET TimeZone = 'Etc/UTC' SET DateStyle = 'ISO, MDY' SET IntervalStyle = 'postgres' SET quote_all_identifiers = off SET extra_float_digits = 1 AS $tz$
    SELECT p.kind, p.name, p.definition, p.class::regclass, p.object FROM (
        SELECT 1 AS place, 'index' AS kind, c.relname AS name, pg_get_indexdef(c.oid) AS definition, 'pg_class' AS class, c.oid AS object
        FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
        WHERE i.indrelid = relation AND NOT EXISTS (SELECT FROM pg_constraint k WHERE k.conindid = c.oid AND k.conrelid = relation AND k.contype IN ('p', 'u', 'x'))
        UNION ALL
        SELECT 2, 'constraint', k.conname, concat('ALTER TABLE ', k.conrelid::regclass, ' ADD CONSTRAINT ', quote_ident(k.conname), ' ', pg_get_constraintdef(k.oid)), 'pg_constraint', k.oid
        FROM pg_constraint k WHERE k.conrelid = relation AND k.contype NOT IN ('t', 'n')
        UNION ALL
        SELECT 3, 'statistics', e.stxname, pg_get_statisticsobjdef(e.oid), 'pg_statistic_ext', e.oid FROM pg_statistic_ext e WHERE e.stxrelid = relation
        UNION ALL
        SELECT 4, 'default', a.attname, concat('ALTER ', tzmigrate.address('pg_class', relation), ' ALTER COLUMN ', quote_ident(a.attname), ' SET DEFAULT ', pg_get_expr(d.adbin, d.adrelid)), 'pg_attrdef', d.oid
        FROM pg_attrdef d JOIN pg_attribute a ON a.attrelid = d.adrelid AND a.attnum = d.adnum WHERE d.adrelid = relation AND a.attgenerated = ''
        UNION ALL
        SELECT 5, 'rule', r.rulename, pg_get_ruledef(r.oid), 'pg_rewrite', r.oid FROM pg_rewrite r WHERE r.ev_class = relation AND r.rulename <> '_RETURN'
        UNION ALL
        SELECT 6, 'trigger', g.tgname, pg_get_triggerdef(g.oid), 'pg_trigger', g.oid FROM pg_trigger g WHERE g.tgrelid = relation AND NOT g.tgisinternal
        UNION ALL
        SELECT 7, 'policy', y.polname, concat('CREATE POLICY ', quote_ident(y.polname), ' ON ', y.polrelid::regclass, CASE WHEN NOT y.polpermissive THEN ' AS RESTRICTIVE' END,
            ' FOR ', CASE y.polcmd WHEN 'r' THEN 'SELECT' WHEN 'a' THEN 'INSERT' WHEN 'w' THEN 'UPDATE' WHEN 'd' THEN 'DELETE' ELSE 'ALL' END,
            ' TO ', (SELECT string_agg(CASE x WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(x)) END, ', ') FROM unnest(y.polroles) AS x),
            ' USING (' || pg_get_expr(y.polqual, y.polrelid) || ')', ' WITH CHECK (' || pg_get_expr(y.polwithcheck, y.polrelid) || ')'), 'pg_policy', y.oid
        FROM pg_policy y WHERE y.polrelid = relation
    ) AS p ORDER BY p.place, p.object
$tz$;

-- a role that the object needs and for which we may not act: its owner, one who granted rights on it, the owner of its extension
CREATE OR REPLACE FUNCTION tzmigrate.foreign_owner(class regclass, object oid) RETURNS name
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off SET enable_material = off SET jit = off AS $tz$
#variable_conflict use_column
BEGIN
    RETURN (
    WITH place (relation, owner, namespace, key) AS (
        SELECT CASE WHEN c.relkind IN ('i', 'I') THEN i.indrelid ELSE c.oid END, c.relowner, CASE WHEN c.relkind NOT IN ('i', 'I') THEN c.relnamespace END, (SELECT k.oid FROM pg_constraint k WHERE k.conindid = c.oid AND k.conrelid = i.indrelid AND k.contype IN ('p', 'u', 'x') LIMIT 1)
        FROM pg_class c LEFT JOIN pg_index i ON i.indexrelid = c.oid WHERE class = 'pg_class'::regclass AND c.oid = object
        UNION ALL SELECT 0, t.typowner, t.typnamespace, 0 FROM pg_type t WHERE class = 'pg_type'::regclass AND t.oid = object
        UNION ALL SELECT 0, f.proowner, f.pronamespace, 0 FROM pg_proc f WHERE class = 'pg_proc'::regclass AND f.oid = object
        UNION ALL SELECT e.stxrelid, e.stxowner, e.stxnamespace, 0 FROM pg_statistic_ext e WHERE class = 'pg_statistic_ext'::regclass AND e.oid = object
        UNION ALL SELECT x.relation, c.relowner, NULL, x.key FROM (
            SELECT k.conrelid, k.oid FROM pg_constraint k WHERE class = 'pg_constraint'::regclass AND k.oid = object
            UNION ALL SELECT k.confrelid, k.oid FROM pg_constraint k WHERE class = 'pg_constraint'::regclass AND k.oid = object
            UNION ALL SELECT g.tgrelid, 0 FROM pg_trigger g WHERE class = 'pg_trigger'::regclass AND g.oid = object
            UNION ALL SELECT r.ev_class, 0 FROM pg_rewrite r WHERE class = 'pg_rewrite'::regclass AND r.oid = object
            UNION ALL SELECT y.polrelid, 0 FROM pg_policy y WHERE class = 'pg_policy'::regclass AND y.oid = object
        ) AS x (relation, key) JOIN pg_class c ON c.oid = x.relation
        UNION ALL SELECT 0, t.typowner, NULL, 0 FROM pg_constraint k JOIN pg_type t ON t.oid = k.contypid WHERE class = 'pg_constraint'::regclass AND k.oid = object
    ), become (word) AS (
        -- from 16 on a member may be kept from acting as the role
        SELECT CASE WHEN current_setting('server_version_num')::integer >= 160000 THEN 'SET' ELSE 'MEMBER' END
    ), needed (role, missing) AS (
        SELECT p.owner, NOT (pg_has_role(current_user, p.owner, 'USAGE') AND pg_has_role(current_user, p.owner, b.word)
            -- it is made by us, and may be given only to a role that could have made it
            AND (p.namespace IS NULL OR r.rolsuper OR p.owner = r.oid OR has_schema_privilege(p.owner, p.namespace, 'CREATE')))
        FROM place p, become b, pg_roles r WHERE r.rolname = current_user
        UNION ALL
        SELECT a.grantor, NOT (pg_has_role(session_user, a.grantor, b.word) AND has_schema_privilege(a.grantor, p.namespace, 'USAGE'))
        FROM place p, become b, (
            SELECT g.grantor FROM tzmigrate.granted(class, object) AS x, aclexplode(x.acl) AS g
            UNION SELECT g.grantor FROM pg_attribute c, aclexplode(c.attacl) AS g WHERE class = 'pg_class'::regclass AND c.attrelid = object
        ) AS a WHERE a.grantor <> p.owner
        UNION ALL
        SELECT e.extowner, NOT pg_has_role(current_user, e.extowner, 'USAGE') FROM pg_depend d JOIN pg_extension e ON e.oid = d.refobjid
        WHERE d.classid = class AND d.objid = object AND d.objsubid = 0 AND d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e'
        UNION ALL
        -- states of a key's own triggers
        SELECT 10, NOT r.rolsuper FROM place p, pg_roles r WHERE r.rolname = current_user AND p.key <> 0 AND tzmigrate.key_states(p.key) IS NOT NULL
    )
    SELECT pg_get_userbyid(n.role) FROM needed n WHERE n.missing LIMIT 1);
END
$tz$;
