-- columns: what the plan says of a column, compared with the catalog, before and under the lock

-- declare one column of the step; says early, without a lock, what would stop it
CREATE OR REPLACE FUNCTION tzmigrate.plan_column(
    relation text, column_name name, type_before text, type_after text, zone text, default_before text
) RETURNS void LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $tz$
#variable_conflict use_column
DECLARE
    s tzmigrate.step = tzmigrate.open_step();
    part tzmigrate.step;
    t regclass = to_regclass(relation);
BEGIN
    IF t IS NULL THEN
        PERFORM tzmigrate.refuse('TZ341', concat('table ', relation, ' does not exist in database ', quote_ident(current_database())),
            concat('The revision was planned to convert its column ', quote_ident(plan_column.column_name), '.',
                CASE WHEN s.tenant IS NOT NULL THEN concat(' Names without a schema are in ', quote_ident(s.tenant), ', the first of the search_path.') END),
            concat('Create the table by the revisions that belong before this one. Else: ', tzmigrate.plan_again(s.direction)));
    END IF;
    part = tzmigrate.open_part(t);
    IF part.id IS NULL THEN
        IF NOT EXISTS (SELECT FROM pg_class k WHERE k.oid = t AND (k.relkind NOT IN ('r', 'p') OR pg_has_role(current_user, k.relowner, 'USAGE'))) THEN
            PERFORM tzmigrate.refuse('TZ646', concat('role ', quote_ident(current_user), ' does not own table ', relation), '',
                concat('Run the revision as the owner, or as a member of ', (SELECT quote_ident(pg_get_userbyid(relowner)) FROM pg_class WHERE oid = t), '.'));
        END IF;
        -- a view of that name would run its functions with our rights; locked, so that none can take the place of the table
        IF (SELECT k.relkind FROM pg_class k WHERE k.oid = t) IN ('r', 'p') THEN
            EXECUTE concat('LOCK TABLE ', t, ' IN ACCESS SHARE MODE');
            PERFORM tzmigrate.hold_schemas(ARRAY(WITH RECURSIVE tree (relation) AS (SELECT t::oid UNION SELECT i.inhrelid FROM tree JOIN pg_inherits i ON i.inhparent = tree.relation)
                SELECT c.relnamespace FROM tree JOIN pg_class c ON c.oid = tree.relation));
        END IF;
        IF NOT EXISTS (SELECT FROM pg_class k WHERE k.oid = t AND k.relkind IN ('r', 'p')) OR to_regclass(relation) <> t THEN
            PERFORM tzmigrate.refuse('TZ345', concat('stale plan: ', relation, ' is not the table that it was'),
                'Something else has taken its name.', tzmigrate.plan_again(s.direction));
        END IF;
        part = tzmigrate.add_part(t);
    END IF;
    IF NOT EXISTS (SELECT FROM tzmigrate.step_column c WHERE c.step_id = part.id AND c.zone = plan_column.zone) THEN
        PERFORM tzmigrate.require_zone(plan_column.zone);
    END IF;
    INSERT INTO tzmigrate.step_column (step_id, position, relation_schema, relation_name, column_name, type_before, type_after, zone, default_before)
    SELECT part.id, 1 + (SELECT count(*) FROM tzmigrate.step_column c WHERE c.step_id = part.id), n.nspname, k.relname,
        plan_column.column_name, plan_column.type_before, plan_column.type_after, plan_column.zone, plan_column.default_before
    FROM pg_class k JOIN pg_namespace n ON n.oid = k.relnamespace WHERE k.oid = t;
    PERFORM tzmigrate.check_column(part.id, plan_column.column_name);
END
$tz$;

-- the default of a column as plan read it; in its text a timestamptz constant stands in the session's zone
CREATE OR REPLACE FUNCTION tzmigrate.default_text(root regclass, name name) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET TimeZone = 'Etc/UTC' AS $tz$
#variable_conflict use_column
BEGIN
    RETURN (
        SELECT pg_get_expr(d.adbin, d.adrelid) FROM pg_attribute a JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
        WHERE a.attrelid = root AND a.attname = name AND NOT a.attisdropped);
END
$tz$;

-- a default as this server prints it; without the right to make a temporary table, or where it is the same but for the way
-- in which a call was written (13 prints AT TIME ZONE as timezone()), as the column's stands there now
CREATE OR REPLACE FUNCTION tzmigrate.printed_default(type_name text, expression text, root regclass, name name) RETURNS text
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET client_min_messages = error AS $tz$
#variable_conflict use_column
DECLARE
    same boolean = true;
    printed text = tzmigrate.default_text(root, printed_default.name);
    written text = concat(' ', chr(58), '(location|funcformat) -?[0-9]+');
    owner name = tzmigrate.lender('pg_class'::regclass, root);
BEGIN
    IF printed = expression THEN
        RETURN printed;
    END IF;
    -- what is not of pg_catalog is printed with its schema
    IF owner IS NOT NULL AND regexp_replace(expression, '''([^'']|'''')*''', '', 'g') ~ '[.][^0-9]' THEN
        PERFORM tzmigrate.refuse('TZ652', concat('the default of column ', root, '.', quote_ident(printed_default.name), ' was read on another version of PostgreSQL, and whoever compares it reads its text'),
            concat('Functions of role ', quote_ident(owner), ' could run with the rights of a superuser. Nothing was done.'), concat('Run the revision as ', quote_ident(owner), ', or plan on this version.'));
    END IF;
    IF has_database_privilege(current_database(), 'TEMP') THEN
        PERFORM tzmigrate.check_readable();
        EXECUTE concat('CREATE TEMP TABLE tz_printed_default (value ', type_name, ' DEFAULT ', expression, ')');
        SELECT count(DISTINCT regexp_replace(d.adbin::text, written, '', 'g')) = 1 AND count(*) = 2 INTO same
        FROM pg_attrdef d JOIN pg_attribute a ON a.attrelid = d.adrelid AND a.attnum = d.adnum
        WHERE (d.adrelid, a.attname) IN (('pg_temp.tz_printed_default'::regclass, 'value'), (root, printed_default.name));
        IF NOT same THEN
            printed = tzmigrate.default_text('pg_temp.tz_printed_default'::regclass, 'value');
        END IF;
        DROP TABLE pg_temp.tz_printed_default;
    END IF;
    RETURN printed;
END
$tz$;

-- the first thing that leans on a column of the step, or stands in its tree, and that the plan does not know
CREATE OR REPLACE FUNCTION tzmigrate.leaning() RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $tz$
#variable_conflict use_column
BEGIN
    RETURN (
        WITH RECURSIVE part AS (
            SELECT x.id, x.rewrite, concat(quote_ident(x.relation_schema), '.', quote_ident(x.relation_name))::regclass::oid AS root
            FROM tzmigrate.step x, tzmigrate.open_step() AS s WHERE x.id >= s.id AND x.step = s.step AND x.done_at IS NULL
        ), tree (id, root, relation) AS (
            SELECT id, root, root FROM part UNION SELECT id, root, i.inhrelid FROM pg_inherits i JOIN tree ON tree.relation = i.inhparent
        ), generated (root, relation, name, way) AS (
            -- with those of partitions
            SELECT to_regclass(d.relation)::oid, to_regclass(d.relation)::oid, d.name, d.way FROM tzmigrate.open_step() AS s JOIN tzmigrate.step_dependent d ON d.step_id = s.id
            WHERE d.kind = 'generated column' AND d.present
            UNION SELECT g.root, i.inhrelid, g.name, g.way FROM pg_inherits i JOIN generated g ON g.relation = i.inhparent
        ), member AS (
            SELECT DISTINCT ON (c.oid, a.attnum) c.*, tree.root, a.attnum, a.attname, concat(chr(58), 'varattno 0 ', chr(58), 'vartype ', c.reltype, ' ') AS whole_row
            FROM tree JOIN pg_class c ON c.oid = tree.relation JOIN tzmigrate.step_column x ON x.step_id = tree.id
            JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = x.column_name
            UNION ALL
            -- generated columns that are dropped as well
            SELECT c.*, g.root, a.attnum, a.attname, 'none' FROM generated g JOIN pg_class c ON c.oid = g.relation JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = g.name WHERE g.way = 'recreate'
        ), planned AS (
            SELECT f.* FROM tzmigrate.open_step() AS s JOIN tzmigrate.step_dependent d ON d.step_id = s.id,
                LATERAL tzmigrate.find_dependent(d.kind, d.relation, d.name) AS f WHERE d.present
            UNION
            SELECT 'pg_class'::regclass, g.relation, a.attnum FROM generated g JOIN pg_attribute a ON a.attrelid = g.relation AND a.attname = g.name
        ), dropped AS (
            -- a relation that is made anew: all that stands on it, or reads it, must be planned as well
            SELECT c.oid, c.reltype, d.zoned FROM tzmigrate.open_step() AS s JOIN tzmigrate.step_dependent d ON d.step_id = s.id AND d.present AND d.way = 'recreate'
            JOIN pg_class c ON c.oid = CASE WHEN d.kind IN ('view', 'materialized view') THEN to_regclass(d.relation) END
        ), held (type, way) AS (
            -- whose values no column may store that the step does not convert as well
            SELECT m.reltype, 'row' FROM member m WHERE m.reltype <> 0
            UNION
            SELECT to_regtype(d.relation)::oid, d.way FROM tzmigrate.open_step() AS s JOIN tzmigrate.step_dependent d ON d.step_id = s.id AND d.present
            WHERE d.kind IN ('domain', 'type')
        ), used (class, object, sub, catalog, member, attnum, words) AS (
            SELECT d.classid, d.objid, d.objsubid, 'pg_class'::regclass::oid, m.oid, m.attnum, 'uses' FROM member m
            JOIN pg_depend d ON d.refclassid = 'pg_class'::regclass AND d.refobjid = m.oid AND d.refobjsubid = m.attnum
            LEFT JOIN pg_attrdef e ON d.classid = 'pg_attrdef'::regclass AND e.oid = d.objid
            WHERE NOT coalesce(e.adrelid = m.oid AND e.adnum = m.attnum, false)
            UNION
            SELECT d.classid, d.objid, d.objsubid, 'pg_class'::regclass, v.oid, 0, 'uses' FROM dropped v
            JOIN pg_depend d ON (d.refclassid = 'pg_class'::regclass AND d.refobjid = v.oid OR d.refclassid = 'pg_type'::regclass AND d.refobjid = v.reltype) AND d.deptype IN ('n', 'a')
            LEFT JOIN pg_rewrite r ON d.classid = 'pg_rewrite'::regclass AND r.oid = d.objid
            LEFT JOIN pg_attrdef e ON d.classid = 'pg_attrdef'::regclass AND e.oid = d.objid
            WHERE (r.ev_class IS DISTINCT FROM v.oid OR r.rulename <> '_RETURN') AND e.adrelid IS DISTINCT FROM v.oid
            UNION
            -- the column of a view is the view's, and an attribute its type's
            SELECT CASE c.relkind WHEN 'c' THEN 'pg_type'::regclass::oid ELSE d.classid END, CASE c.relkind WHEN 'c' THEN c.reltype ELSE d.objid END,
                CASE WHEN c.relkind IN ('v', 'm', 'c') THEN 0 ELSE d.objsubid END, 'pg_type'::regclass, h.type, 0, 'uses'
            FROM held h JOIN pg_type t ON t.oid = h.type JOIN pg_depend d ON d.refclassid = 'pg_type'::regclass AND d.refobjid IN (t.oid, t.typarray) AND d.deptype = 'n'
            LEFT JOIN pg_class c ON d.classid = 'pg_class'::regclass AND c.oid = d.objid
            LEFT JOIN pg_attrdef e ON d.classid = 'pg_attrdef'::regclass AND e.oid = d.objid
            WHERE CASE WHEN c.relkind IN ('r', 'p') AND d.objsubid > 0 THEN true
                       WHEN h.way = 'row' THEN false
                       -- made of a type that is altered in its place, or taking its values: goes on as it is
                       WHEN h.way = 'alter' THEN coalesce(c.relkind, '-') <> 'c' AND d.classid NOT IN ('pg_proc'::regclass, 'pg_type'::regclass)
                       -- the functions of a range type are its own
                       ELSE d.classid <> 'pg_proc'::regclass OR NOT EXISTS (SELECT FROM pg_depend i WHERE i.classid = d.classid AND i.objid = d.objid AND i.deptype = 'i') END
              AND NOT EXISTS (SELECT FROM member m WHERE (m.oid, m.attnum) IN ((d.objid, d.objsubid), (e.adrelid, e.adnum)))
              AND (e.adrelid IN (SELECT v.oid FROM dropped v)) IS NOT TRUE
        ), thing (class, object, sub, catalog, member, attnum, words) AS (
            SELECT CASE WHEN r.rulename = '_RETURN' OR e.oid IS NOT NULL OR k.contype = 'x' THEN 'pg_class'::regclass::oid ELSE u.class END,
                CASE WHEN r.rulename = '_RETURN' THEN r.ev_class WHEN e.oid IS NOT NULL THEN e.adrelid WHEN k.contype = 'x' THEN k.conindid ELSE u.object END,
                CASE WHEN e.oid IS NOT NULL THEN e.adnum ELSE u.sub END, u.catalog, u.member, u.attnum, u.words
            FROM used u
            LEFT JOIN pg_class o ON u.class = 'pg_class'::regclass AND o.oid = u.object
            LEFT JOIN pg_constraint k ON u.class = 'pg_constraint'::regclass AND k.oid = u.object
            LEFT JOIN pg_attrdef e ON u.class = 'pg_attrdef'::regclass AND e.oid = u.object
            LEFT JOIN pg_rewrite r ON u.class = 'pg_rewrite'::regclass AND r.oid = u.object
            LEFT JOIN pg_trigger g ON u.class = 'pg_trigger'::regclass AND g.oid = u.object
            LEFT JOIN pg_statistic_ext x ON u.class = 'pg_statistic_ext'::regclass AND x.oid = u.object
            WHERE (u.attnum = 0 OR coalesce(o.relkind, '-') NOT IN ('i', 'I', 'S')) AND coalesce(k.contype, '-') NOT IN ('p', 'u', 'n', 't')
              -- copies that a partition or child has from its parent, and what ALTER itself makes anew from plain columns
              AND coalesce(k.conparentid, 0) = 0 AND NOT coalesce(k.contype = 'c' AND NOT k.conislocal, false)
              AND coalesce(g.tgparentid, 0) = 0 AND NOT coalesce(g.tgisinternal, false)
              -- those of plain columns go away with a materialized view, though
              AND (u.attnum = 0 OR x.oid IS NULL OR to_jsonb(x) ->> 'stxexprs' IS NOT NULL)
              AND NOT coalesce(k.contype = 'x' AND (SELECT i.indexprs IS NULL AND i.indpred IS NULL FROM pg_index i WHERE i.indexrelid = k.conindid), false)
            UNION
            SELECT 'pg_class'::regclass, i.indexrelid, 0, 'pg_class'::regclass, m.oid, m.attnum, 'computes with' FROM member m JOIN pg_index i ON i.indrelid = m.oid JOIN pg_class c ON c.oid = i.indexrelid,
                concat(i.indexprs::text, i.indpred::text) AS tree_text
            WHERE (strpos(tree_text, concat(chr(58), 'varattno ', m.attnum, ' ')) > 0 OR strpos(tree_text, concat(chr(58), 'varattno 0 ')) > 0) AND NOT c.relispartition
            UNION
            -- ALTER TYPE makes indexes anew with the operator class that they have
            SELECT 'pg_class'::regclass, i.indexrelid, 0, 'pg_class'::regclass, m.oid, m.attnum, 'names an operator class for'
            FROM member m JOIN pg_index i ON i.indrelid = m.oid JOIN pg_class c ON c.oid = i.indexrelid, unnest(i.indkey::int2[], i.indclass::oid[]) AS x (attnum, class)
            JOIN pg_opclass o ON o.oid = x.class
            WHERE x.attnum = m.attnum AND NOT o.opcdefault AND o.opcintype IN ('timestamp'::regtype, 'timestamptz'::regtype) AND NOT c.relispartition
            UNION
            -- functions of the users may compute with the zone of the session that fills the index
            SELECT 'pg_class'::regclass, i.indexrelid, 0, 'pg_class'::regclass, m.oid, m.attnum, 'calls functions of its own, and is filled anew with'
            FROM member m JOIN pg_index i ON i.indrelid = m.oid JOIN pg_class c ON c.oid = i.indexrelid
            WHERE (i.indexprs IS NOT NULL OR i.indpred IS NOT NULL) AND i.indisvalid AND NOT c.relispartition
              AND (m.attnum = ANY (i.indkey::int2[]) OR EXISTS (SELECT FROM part p WHERE p.root = m.root AND p.rewrite))
              -- not by EXISTS: the planner would look through what all objects depend on
              AND (SELECT bool_or(d.refobjid >= 16384 AND (d.refclassid IN ('pg_proc'::regclass, 'pg_operator'::regclass)
                       OR d.refclassid = 'pg_type'::regclass AND (SELECT y.typtype FROM pg_type y WHERE y.oid = d.refobjid) = 'd'))
                   FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = i.indexrelid)
            UNION
            SELECT 'pg_constraint'::regclass, k.oid, 0, 'pg_class'::regclass, m.oid, 0, 'computes with the whole row of'
            FROM member m JOIN pg_constraint k ON k.conrelid = m.oid WHERE strpos(k.conbin::text, m.whole_row) > 0
            UNION
            SELECT 'pg_policy'::regclass, y.oid, 0, 'pg_class'::regclass, m.oid, 0, 'reads the whole row of'
            FROM member m JOIN pg_policy y ON y.polrelid = m.oid WHERE strpos(concat(y.polqual::text, y.polwithcheck::text), m.whole_row) > 0
        ), called (class, object, tree, result) AS MATERIALIZED (
            -- before 15 PostgreSQL does not record who reads a column of rows that a function in FROM, rtekind 3, returns
            SELECT u.classid, u.objid, x.tree, t.oid
            FROM pg_type t CROSS JOIN LATERAL (
                -- of the type, as an argument, or of a function that takes or returns it
                SELECT d.classid, d.objid FROM pg_depend d WHERE d.refclassid = 'pg_type'::regclass AND d.refobjid IN (t.oid, t.typarray)
                UNION
                SELECT e.classid, e.objid FROM pg_depend d JOIN pg_depend e ON e.refclassid = 'pg_proc'::regclass AND e.refobjid = d.objid
                WHERE d.refclassid = 'pg_type'::regclass AND d.refobjid IN (t.oid, t.typarray) AND d.classid = 'pg_proc'::regclass
            ) AS u CROSS JOIN LATERAL (
                SELECT concat((SELECT concat(r.ev_qual::text, r.ev_action::text) FROM pg_rewrite r WHERE u.classid = 'pg_rewrite'::regclass AND r.oid = u.objid),
                    (SELECT concat(y.polqual::text, y.polwithcheck::text) FROM pg_policy y WHERE u.classid = 'pg_policy'::regclass AND y.oid = u.objid),
                    (SELECT to_jsonb(p) ->> 'prosqlbody' FROM pg_proc p WHERE u.classid = 'pg_proc'::regclass AND p.oid = u.objid))
            ) AS x (tree)
            WHERE current_setting('server_version_num')::int < 150000 AND t.oid = ANY (ARRAY(SELECT m.reltype FROM member m WHERE m.reltype <> 0))
              AND strpos(x.tree, concat(chr(58), 'rtekind 3 ')) > 0 AND strpos(x.tree, concat(chr(58), 'funcresulttype ', t.oid, ' ')) > 0
        ), own (relation, attname) AS (
            SELECT to_regclass(d.relation)::oid, d.column_name FROM tzmigrate.open_step() AS s JOIN tzmigrate.step_default d ON d.step_id = s.id AND d.present
        ), unknown (words) AS (
            SELECT concat(pg_describe_object(t.class, t.object, t.sub), ' ', t.words, ' ', pg_describe_object(t.catalog, t.member, t.attnum))
            FROM thing t WHERE NOT EXISTS (SELECT FROM planned p WHERE p.class = t.class AND p.object = t.object AND p.sub = t.sub)
            UNION ALL
            SELECT concat(pg_describe_object(x.class, x.object, 0), ' reads, from rows of a function, ', pg_describe_object('pg_class'::regclass, m.oid, m.attnum))
            FROM called x JOIN member m ON m.reltype = x.result JOIN pg_attribute a ON a.attrelid = m.oid AND a.attnum = m.attnum
            WHERE (strpos(x.tree, concat(chr(58), 'varattno ', a.attnum, ' ', chr(58), 'vartype ', a.atttypid, ' ')) > 0 OR strpos(x.tree, m.whole_row) > 0)
            UNION ALL
            SELECT CASE WHEN m.relkind = 'f' THEN concat('foreign table ', m.oid::regclass, ' shares column ', quote_ident(m.attname))
                        ELSE concat('table ', m.oid::regclass, ' has another default for column ', quote_ident(m.attname)) END
            FROM member m WHERE m.oid <> m.root AND (m.relkind = 'f'
                OR NOT EXISTS (SELECT FROM own o WHERE o.relation = m.oid AND o.attname = m.attname)
                AND tzmigrate.default_text(m.oid, m.attname) IS DISTINCT FROM tzmigrate.default_text(m.root, m.attname))
            UNION ALL
            -- the view gets its defaults back as they are; the plan rewrites those of the columns that change their type
            SELECT concat('view ', v.oid::regclass, ' has another default for column ', quote_ident(a.attname))
            FROM dropped v JOIN pg_attribute a ON a.attrelid = v.oid AND a.attname = ANY (v.zoned) AND a.atthasdef
            WHERE NOT EXISTS (SELECT FROM planned p WHERE p.class = 'pg_class'::regclass AND p.object = a.attrelid AND p.sub = a.attnum)
            UNION ALL
            SELECT concat('table ', m.oid::regclass, ' is partitioned by column ', quote_ident(m.attname)) FROM member m JOIN pg_partitioned_table p ON p.partrelid = m.oid
            WHERE m.attnum = ANY (p.partattrs::int2[]) OR strpos(p.partexprs::text, concat(chr(58), 'varattno ', m.attnum, ' ')) > 0 OR strpos(p.partexprs::text, concat(chr(58), 'varattno 0 ')) > 0
            UNION ALL
            SELECT concat('table ', i.inhparent::regclass, ' gives column ', quote_ident(m.attname), ' to table ', m.oid::regclass)
            FROM member m JOIN pg_inherits i ON i.inhrelid = m.oid JOIN pg_attribute a ON a.attrelid = i.inhparent AND a.attname = m.attname AND NOT a.attisdropped
            WHERE NOT EXISTS (SELECT FROM member p WHERE p.oid = i.inhparent AND p.attname = m.attname)
            UNION ALL
            SELECT concat('table ', g.relation::regclass, ' has another expression for generated column ', quote_ident(g.name)) FROM generated g
            WHERE tzmigrate.default_text(g.relation, g.name) IS DISTINCT FROM tzmigrate.default_text(g.root, g.name)
        )
        SELECT min(words) FROM unknown);
END
$tz$;

-- stop where something leans on a column of the step that the plan does not know
CREATE OR REPLACE FUNCTION tzmigrate.check_leaning() RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $tz$
DECLARE
    s tzmigrate.step = tzmigrate.open_step();
    leaning text = tzmigrate.leaning();
BEGIN
    PERFORM tzmigrate.check_defaults();
    IF leaning IS NOT NULL THEN
        PERFORM tzmigrate.refuse('TZ345', concat('stale plan: ', leaning),
            'The plan does not know it, and it may mean something else once the type has changed.',
            concat('Drop it and create it again after this revision. Else: ', tzmigrate.plan_again(s.direction)));
    END IF;
END
$tz$;

-- a name as a shell takes it
CREATE OR REPLACE FUNCTION tzmigrate.argument(name text) RETURNS text
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $tz$
    SELECT CASE WHEN name ~ '^[a-z0-9_.]+$' THEN name ELSE concat('''', replace(name, '''', '''"''"'''), '''') END
$tz$;

-- the column's type is the planned one, or the ledger says that this very step converted it already
CREATE OR REPLACE FUNCTION tzmigrate.check_column(open_id bigint, name name) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $tz$
DECLARE
    s tzmigrate.step;
    c tzmigrate.step_column;
    now_type text;
    now_default text;
    generated boolean;
    domain regtype;
    domain_constraint name;
    last tzmigrate.step;
    expected text;
    label text;
BEGIN
    SELECT * INTO s FROM tzmigrate.step x WHERE x.id = open_id;
    SELECT * INTO c FROM tzmigrate.step_column x WHERE x.step_id = open_id AND x.column_name = check_column.name;
    label = concat(quote_ident(c.relation_schema), '.', quote_ident(c.relation_name), '.', quote_ident(c.column_name));
    SELECT tzmigrate.type_label(a.atttypid, a.atttypmod), tzmigrate.default_text(a.attrelid, a.attname), a.attgenerated <> '' INTO now_type, now_default, generated
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
            concat(CASE WHEN last.direction = 'up' THEN concat('Step ', quote_literal(last.step), ' did it. ') END, 'Converting it again could shift every value, so nothing was done.'),
            concat(CASE WHEN last.direction = 'up' AND last.tenant IS DISTINCT FROM s.tenant THEN concat('Take step ', quote_literal(last.step), ' back first, if this one is to convert it. ') END,
                CASE s.direction WHEN 'up' THEN concat('If somebody converted it by hand, run tzmigrate adopt ', tzmigrate.argument(label), ' and go on. Else: ') END,
                tzmigrate.plan_again(s.direction)));
    END IF;
    IF now_type <> c.type_before THEN
        PERFORM tzmigrate.refuse('TZ345', concat('stale plan: column ', label, ' is ', now_type, ', the plan says ', c.type_before), '',
            tzmigrate.plan_again(s.direction));
    END IF;
    IF s.direction = 'up' AND generated THEN
        -- its expression is compared as what leans on other columns
        expected = now_default;
    ELSIF s.direction = 'up' THEN
        expected = c.default_before;
        -- another major version may print the same default in other words
        IF c.default_before IS NOT NULL AND s.server_major <> current_setting('server_version_num')::integer / 10000 THEN
            expected = tzmigrate.printed_default(c.type_before, c.default_before, concat(quote_ident(c.relation_schema), '.', quote_ident(c.relation_name))::regclass, c.column_name);
        END IF;
    ELSE
        -- what the way up left behind, as this server printed it
        SELECT y.default_after INTO expected FROM tzmigrate.step x JOIN tzmigrate.step_column y ON y.step_id = x.id
        WHERE x.step = s.step AND x.direction = 'up' AND x.done_at IS NOT NULL
          AND y.relation_schema = c.relation_schema AND y.relation_name = c.relation_name AND y.column_name = c.column_name
        ORDER BY x.id DESC LIMIT 1;
        IF NOT FOUND THEN
            PERFORM tzmigrate.refuse('TZ344', concat('the ledger does not say that step ', quote_literal(s.step), ' converted column ', label),
                'Converting it back could shift every value, so nothing was done.',
                'See tzmigrate status; a column that somebody converted by hand goes back by hand.');
        END IF;
        -- a domain that the column left, and which had no constraint then
        domain = to_regtype(regexp_replace(c.type_after, ' without time zone$', ''));
        SELECT k.conname INTO domain_constraint FROM pg_constraint k WHERE k.contypid = domain AND NOT starts_with(c.type_before, concat(domain, ' ')) ORDER BY 1 LIMIT 1;
        IF FOUND THEN
            PERFORM tzmigrate.refuse('TZ345', concat('stale plan: domain ', domain, ' has got the constraint ', quote_ident(domain_constraint), ' since column ', label, ' left it'),
                'It would be checked for every row under the lock. Nothing was done.', 'Drop that constraint, go down again, and add it again afterwards.');
        END IF;
    END IF;
    IF now_default IS DISTINCT FROM expected THEN
        PERFORM tzmigrate.refuse('TZ345', concat('stale plan: the default of column ', label, ' is ', coalesce(now_default, 'not set'),
            ', expected was ', coalesce(expected, 'none')), 'Somebody changed it since.',
            concat('Set the default back. Else: ', tzmigrate.plan_again(s.direction)));
    END IF;
END
$tz$;
